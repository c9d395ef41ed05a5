"""The magics: parse what is typed, have it measured, show it. Imported only when the extension is loaded."""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.error import UsageError as IPythonUsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from traitlets import Bool, CaselessStrEnum, Float, List, Unicode
from traitlets.config import Configurable

from ipy_branchcov.cells import Hooks, begin
from ipy_branchcov.config import Config, check_percent, load_config, read_config, shortfall
from ipy_branchcov.display import VIEWS, show, show_graph, show_opcodes
from ipy_branchcov.errors import BelowThreshold, BranchcovError, UsageError
from ipy_branchcov.files import write_reports
from ipy_branchcov.lite import LiteKernel
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.selection import select
from ipy_branchcov.session import Session
from ipy_branchcov.sources import resolve
from ipy_branchcov.tracing.tracer import choose_tracer, tracer_names

if TYPE_CHECKING:
    from ipy_branchcov.watch import Watch


class BranchCov(Configurable):
    """Branch coverage inside the lines. Starts from ``[tool.branchcov]`` in pyproject.toml."""

    source = List(Unicode(), help="Modules or folders to measure beside the cells.").tag(config=True)
    omit = List(Unicode(), help="Globs of files to leave out.").tag(config=True)
    counts = Bool(False, help="Exact hit counts instead of taken and missed.").tag(config=True)
    optional = List(Unicode(), help="Kinds of branches whose arms are optional.").tag(config=True)
    required = List(Unicode(), help="Kinds of branches whose arms are required.").tag(config=True)
    exclude = List(Unicode(), help="Regular expressions of lines to exclude.").tag(config=True)
    fail_under = Float(None, allow_none=True, help="The least total in percent.").tag(config=True)
    view = CaselessStrEnum(VIEWS, "auto", help="How a cell shows its coverage.").tag(config=True)
    values = Bool(True, help="Tell with which values an arm was first taken.").tag(config=True)
    tracer = Unicode("auto", help=f"The tracing mechanism: {' or '.join(tracer_names())}.").tag(config=True)

    def as_config(self) -> Config:
        """The same as a value. Raises UsageError for what cannot be meant."""
        keys = ("source", "omit", "counts", "optional", "required", "exclude")
        table: dict[str, Any] = {key: getattr(self, key) for key in keys}
        if self.fail_under is not None:
            table["fail_under"] = self.fail_under
        return read_config(table, "BranchCov")


def _options(function: Any) -> Any:
    """The options that all measuring and reporting magics share."""
    for decorate in reversed(
        (
            argument("-s", "--source", action="append", metavar="MODULE|DIR", help="Also measure these (repeatable)."),
            argument("-c", "--counts", action="store_true", help="Exact hit counts instead of taken and missed."),
            argument("-m", "--missed", action="store_true", help="Show only places with missed arms."),
            argument("-q", "--quiet", action="store_true", help="Show nothing; measure all the same."),
            argument("--view", choices=VIEWS, help="How to show: a widget, static HTML, or text."),
            argument("-o", "--out", metavar="NAME", help="Bind the resulting Coverage to this name."),
            argument("--fail-under", type=float, metavar="PERCENT", help="Fail when the total is below."),
            argument("--html", metavar="FILE", help="Write an HTML report: one file, or a folder without .html."),
            argument("--json", metavar="FILE", help="Write the coverage as JSON."),
            argument("--lcov", metavar="FILE", help="Write the coverage for LCOV."),
            argument("--cobertura", metavar="FILE", help="Write the coverage as Cobertura XML."),
            argument("--no-values", action="store_true", help="Keep the values of variables out of the result."),
            argument("--tracer", metavar="NAME", help=f"The tracing mechanism: {' or '.join(tracer_names())}."),
        )
    ):
        function = decorate(function)
    return function


@magics_class
class BranchcovMagics(Magics):
    """``%%branchcov`` and its family, with one session for the shell."""

    shell: Any

    def __init__(self, shell: Any):
        super().__init__(shell)
        config = load_config(Path.cwd())
        defaults = {key: list(getattr(config, key)) for key in ("source", "omit", "optional", "required", "exclude")}
        self.settings = BranchCov(
            parent=shell, counts=config.counts, fail_under=config.fail_under, **_unless_configured(shell, defaults)
        )
        self.session = Session(
            config=self.settings.as_config(), tracer=self.settings.tracer, values=self.settings.values
        )
        self.hooks = Hooks(shell, self.session, self.parse, self.show_cell)
        self.settings.observe(self._configure)
        self._watch: Watch | None = None
        #: The options under which cells are measured because something is watched.
        self._watching: argparse.Namespace | None = None

    def _configure(self, _change: Any) -> None:
        """``%config BranchCov.x = …`` takes effect on the next run."""
        self.session.configure(self.settings.as_config())
        self.session.tracer_name = self.settings.tracer
        self.session.values = self.settings.values

    # --- options

    def parse(self, words: str) -> argparse.Namespace:
        """The options in a magic's line. Raises IPython's UsageError, one line, for what cannot be meant."""
        options = parse_argstring(self.branchcov, words)
        if options.statement:
            raise IPythonUsageError(
                f"%%branchcov takes options only, not {' '.join(options.statement)!r}; the code goes below it"
            )
        return self._checked(options)

    def _checked(self, options: argparse.Namespace) -> argparse.Namespace:
        try:
            for spec in options.source or ():
                resolve(spec)
            choose_tracer(options.tracer or self.settings.tracer)
            if options.fail_under is not None:
                check_percent(options.fail_under, "--fail-under")
        except BranchcovError as error:
            raise IPythonUsageError(str(error)) from None
        if options.out and not options.out.isidentifier():
            raise IPythonUsageError(f"--out {options.out}: not a name")
        return options

    def _split(self, line: str) -> tuple[argparse.Namespace, str]:
        """Leading options and the statement behind them, left as it was typed."""
        parser: argparse.ArgumentParser = vars(type(self))["branchcov"].parser
        actions = {name: action for action in parser._actions for name in action.option_strings}
        rest, words = line.strip(), []
        while rest.startswith("-"):
            word, _, after = rest.partition(" ")
            words.append(word)
            rest = after.lstrip()
            action = actions.get(word)
            if action is not None and action.nargs is None:
                word, _, after = rest.partition(" ")
                words.append(word)
                rest = after.lstrip()
        return self.parse(" ".join(words)), rest

    # --- the magics

    @no_var_expand
    @line_cell_magic
    @magic_arguments("%branchcov")
    @_options
    @argument("--opcodes", action="store_true", help="Show the instructions under each line, their edges taken or not.")
    @argument("--graph", action="append", metavar="FUNCTION", help="Draw the control flow of a function (repeatable).")
    @argument("statement", nargs="*", metavar="STATEMENT", help="As a line magic: the statement to run.")
    def branchcov(self, line: str, cell: str | None = None) -> Any:
        """Run a cell or a statement and show which arms of the branches inside its lines were taken.

        As a cell magic the cell behaves exactly as without its first line. By default all code written in
        cells is measured, whichever cell defined it.
        """
        if cell is None:
            options, body = self._split(line)
            if not body:
                raise IPythonUsageError("%branchcov STATEMENT, or %%branchcov above a cell")
        else:
            options, body = self.parse(line), cell
        if self.session.running and not self.hooks.unseen:  # part of a run: that one shows it
            return self._run(body)
        label = self.hooks.cells.running_label
        below = None
        with self.hooks.aside(label):
            try:
                begin(self.session, options)
            except BranchcovError as error:
                raise IPythonUsageError(str(error)) from None
            try:
                value = self._run(body)
            finally:
                below = self._show(self.session.stop(label), options, label)
        if below is not None:
            raise below
        return value

    def _run(self, body: str) -> Any:
        """Run code in the user's namespace; return the value of the expression it ends with, if it does."""
        compiled = self.shell.transform_cell(body)
        compiler = self.shell.compile
        number = len(self.shell.history_manager.input_hist_raw) - 1
        name = compiler.cache(compiled, number, raw_code=body)
        tree = compiler.ast_parse(compiled, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compiler(tree, name, "exec"), self.shell.user_ns)
        if last is None:
            return None
        return eval(compiler(ast.Expression(last.value), name, "eval"), self.shell.user_ns)

    @no_var_expand
    @line_magic
    @magic_arguments()
    @_options
    @argument("names", nargs="*", metavar="NAME", help="Functions, classes, modules or cells (In[3]); all without.")
    def branchcov_report(self, line: str) -> None:
        """Show all that was measured since the extension was loaded or the last reset."""
        options = self._checked(parse_argstring(self.branchcov_report, line))
        try:
            coverage = select(self.session.coverage(), options.names)
        except BranchcovError as error:
            raise IPythonUsageError(str(error)) from None
        below = self._show(coverage, options, None)
        if below is not None:
            raise below

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("state", choices=("on", "off"), help="Whether every cell is measured from now on.")
    @_options
    def branchcov_auto(self, line: str) -> None:
        """Measure every cell from now on, without showing; ``%branchcov_report`` shows."""
        options = self._checked(parse_argstring(self.branchcov_auto, line))
        self.hooks.automatic = options if options.state == "on" else None

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("--stop", action="store_true", help="Follow no further; what is shown stays.")
    @argument("names", nargs="*", metavar="NAME", help="Functions, classes, modules or cells (In[3]); all without.")
    def branchcov_watch(self, line: str) -> None:
        """Show one view that lights up as further cells run, each of them measured."""
        options = parse_argstring(self.branchcov_watch, line)
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
            if self.hooks.automatic is self._watching:
                self.hooks.automatic = None
        if options.stop:
            return
        from ipy_branchcov.watch import Watch

        try:
            self._watch = Watch(self.shell, self.session, options.names)
        except BranchcovError as error:
            raise IPythonUsageError(str(error)) from None
        if self.hooks.automatic is None:
            self.hooks.automatic = self._watching = self.parse("")

    @line_magic
    @magic_arguments()
    def branchcov_reset(self, line: str) -> None:
        """Forget what was measured."""
        parse_argstring(self.branchcov_reset, line)
        self.session.reset()

    # --- what comes out

    def show_cell(self, coverage: Coverage, options: argparse.Namespace, result: Any) -> None:
        """After a ``%%branchcov`` cell: its coverage, and the cell fails where it is below the threshold."""
        if result.error_before_exec is not None:
            return  # it did not compile: nothing ran
        label = self.hooks.cells.label or f"In [{result.execution_count}]"
        below = self._show(coverage, options, label)
        if below is not None and result.success:
            result.error_in_exec = below
            self.shell.showtraceback((type(below), below, None))

    def _show(self, coverage: Coverage, options: argparse.Namespace, first: str | None) -> BelowThreshold | None:
        if options.out:
            self.shell.push({options.out: coverage})
        try:
            write_reports(
                coverage,
                html_to=options.html,
                json_to=options.json,
                lcov_to=options.lcov,
                cobertura_to=options.cobertura,
            )
            if not options.quiet:
                show(self.shell, coverage, view=options.view or self.settings.view, missed=options.missed, first=first)
            self._show_opcodes(options, counted=coverage.counted)
        except BranchcovError as error:
            print(f"branchcov: {error}", file=sys.stderr)
        threshold = options.fail_under if options.fail_under is not None else self.settings.fail_under
        line = shortfall(coverage.totals, threshold)
        return BelowThreshold(line) if line else None

    def _show_opcodes(self, options: argparse.Namespace, *, counted: bool) -> None:
        if getattr(options, "opcodes", False):
            show_opcodes(self.shell, self.session.disassemblies, counted=counted)
        for name in getattr(options, "graph", None) or ():
            found = [each for each in self.session.disassemblies if name in (each.name, each.name.rpartition(".")[2])]
            if not found:
                known = ", ".join(sorted({each.name for each in self.session.disassemblies})) or "nothing"
                raise UsageError(f"--graph {name}: no function of that name ran; there is {known}")
            for each in found:
                show_graph(self.shell, each, counted=counted)


def _unless_configured(shell: Any, defaults: dict[str, list[str]]) -> dict[str, list[str]]:
    """pyproject's values, but for those that IPython's own configuration sets."""
    own = getattr(shell, "config", {}).get("BranchCov", {})
    return {key: value for key, value in defaults.items() if key not in own}


def _matcher(magics: BranchcovMagics) -> Any:
    """Completes options on a line of ours, and nothing else with them."""

    @context_matcher()
    def branchcov_options(context: CompletionContext) -> SimpleMatcherResult:
        line = context.text_until_cursor.lstrip()
        words = line.lstrip("%").split()
        name = words[0] if words and line.startswith("%") else ""
        token = "" if line.endswith(" ") else (words[-1] if words else "")
        functions: dict[str, Any] = {
            "branchcov": magics.branchcov,
            "branchcov_report": magics.branchcov_report,
            "branchcov_auto": magics.branchcov_auto,
            "branchcov_watch": magics.branchcov_watch,
        }
        if name not in functions or " " not in line:
            return {"completions": []}
        previous = words[-2] if token else words[-1]
        choices = {"--view": VIEWS, "--tracer": tracer_names(), "branchcov_auto": ("on", "off")}
        offered: tuple[str, ...] = choices.get(previous.lstrip("%"), ())
        if not offered and token.startswith("-"):
            actions = functions[name].parser._actions
            offered = tuple(option for action in actions for option in action.option_strings)
        found = [SimpleCompletion(option) for option in offered if option.startswith(token)]
        return {"completions": found, "suppress": bool(found), "matched_fragment": token}

    return branchcov_options


class Extension:
    """What is added to a shell, so that all of it can be taken back."""

    def __init__(self, shell: Any):
        self.shell = shell
        self.magics = BranchcovMagics(shell)
        self.matcher = _matcher(self.magics)
        self.lite = LiteKernel(shell, self.magics.hooks)

    def load(self) -> None:
        hooks = self.magics.hooks
        self.shell.register_magics(self.magics)
        self.shell.input_transformers_cleanup.append(hooks.transform)
        self.shell.events.register("pre_run_cell", hooks.pre_run_cell)
        self.shell.events.register("post_run_cell", hooks.post_run_cell)
        self.shell.configurables.append(self.magics.settings)
        self.lite.load()
        if self.shell.Completer is not None:
            self.shell.Completer.custom_matchers.append(self.matcher)

    def unload(self) -> None:
        hooks = self.magics.hooks
        self.magics.session.close()
        hooks.close()
        self.lite.unload()
        self.shell.input_transformers_cleanup.remove(hooks.transform)
        for event, callback in (("pre_run_cell", hooks.pre_run_cell), ("post_run_cell", hooks.post_run_cell)):
            self.shell.events.unregister(event, callback)
        for ours in (self.magics.settings, self.magics):
            self.shell.configurables.remove(ours)
        if self.shell.Completer is not None:
            self.shell.Completer.custom_matchers.remove(self.matcher)
        for kind, names in self.magics.magics.items():
            for name in names:
                self.shell.magics_manager.magics[kind].pop(name, None)
        self.shell.magics_manager.registry.pop(type(self.magics).__name__, None)
