"""The magics: parse a line and pass it on. Imported only when the extension is loaded."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError as IPythonUsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.selection import select
from ipy_branchcov.notebook.arguments import Request, options, request, split
from ipy_branchcov.notebook.display import live, send_marks
from ipy_branchcov.notebook.engines import EnginesByName
from ipy_branchcov.notebook.front_end import FrontEnd, stopped_by
from ipy_branchcov.notebook.inputs import Inputs, possible
from ipy_branchcov.notebook.runs import Hooks, run_statement
from ipy_branchcov.notebook.settings import Settings
from ipy_branchcov.notebook.suggestions import Suggesting
from ipy_branchcov.session.options import SuggestOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.session.table import Door

if TYPE_CHECKING:
    from ipy_branchcov.notebook.watch import Watch


@magics_class
class BranchcovMagics(Magics):
    """``%%branchcov`` and the other magics; a shell has one session."""

    shell: Any

    def __init__(self, shell: Any, settings: Settings, session: Session):
        super().__init__(shell)
        self.session = session
        self._settings = settings
        self._front_end = FrontEnd(shell, session)
        self.hooks = Hooks(shell, session, self.parse, self._front_end.show_cell)
        self.engines = EnginesByName(shell, session, self.hooks.cells, lambda: self.hooks.descendants.folder)
        self.suggesting = Suggesting(shell, session, self.hooks.cells)
        self.inputs = Inputs(shell, session, self.suggesting)
        self._front_end.finder = self.inputs if possible() else None
        self._watch: Watch | None = None
        #: The request that measures every cell while something is watched.
        self._watching: Request | None = None

    def with_options(self) -> dict[str, Any]:
        """The magics that take options, by their names."""
        every = (
            self.branchcov,
            self.branchcov_report,
            self.branchcov_auto,
            self.branchcov_watch,
            self.branchcov_suggest,
        )
        return {each.__name__: each for each in every}

    def parse(self, words: str) -> Request:
        """The options in the line of ``%%branchcov``. Raises IPython's UsageError, one line, for wrong options."""
        parsed, asked = self._request(Door.CELL, self.branchcov, words)
        if parsed.statement:
            raise IPythonUsageError(
                f"%%branchcov takes options only, not {' '.join(parsed.statement)!r}; the code goes below it"
            )
        return asked

    def _request(self, door: Door, magic: Any, words: str) -> tuple[argparse.Namespace, Request]:
        """The parsed line of a magic, and the request that its options make."""
        parsed = parse_argstring(magic, words)
        asked = request(door, parsed, self._settings.report_options())
        try:
            self.engines.find(asked.options(self.session.options).engines)
        except BranchcovError as error:
            raise IPythonUsageError(str(error)) from None
        return parsed, asked

    def _parser(self, name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = vars(type(self))[name].parser
        return parser

    @no_var_expand
    @line_cell_magic
    @magic_arguments("%branchcov")
    @options(Door.CELL)
    @argument("statement", nargs="*", metavar="STATEMENT", help="As a line magic: the statement to run.")
    def branchcov(self, line: str, cell: str | None = None) -> Any:
        """Run a cell or a statement and show which outcomes of the branches inside its lines were covered.

        The cell behaves exactly as without its first line. All code written in cells is measured, whichever cell
        defined it; --source adds modules.
        """
        if cell is None:
            words, body = split(self._parser("branchcov"), line)
            asked = self.parse(words)
            if not body:
                raise IPythonUsageError("%branchcov STATEMENT, or %%branchcov above a cell")
        else:
            asked, body = self.parse(line), cell
        if self.session.running and not self.hooks.unseen:  # part of a run that will show it
            return run_statement(self.shell, body, self.hooks.cells)
        label = self.hooks.cells.running_label
        below = None
        with self.hooks.suspended(label):
            try:
                self.session.start("", asked.options(self.session.options))
            except BranchcovError as error:
                raise IPythonUsageError(str(error)) from None
            stopped = ""
            try:
                value = run_statement(self.shell, body, self.hooks.cells)
            except BaseException as error:
                stopped = stopped_by(error)
                raise
            finally:
                coverage = self.session.stop(label, keep=self.hooks.automatic is not None)
                below = self._front_end.show(coverage, asked, label, stopped)
        if below is not None:
            raise below
        return value

    @no_var_expand
    @line_magic
    @magic_arguments()
    @options(Door.SHOW)
    @argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="A function, class, module or cell (In[3]); without a name, everything.",
    )
    def branchcov_report(self, line: str) -> None:
        """Show everything that was measured since the extension was loaded, or since the last reset."""
        parsed, asked = self._request(Door.SHOW, self.branchcov_report, line)
        try:
            coverage = select(self.session.coverage(), parsed.names)
        except BranchcovError as error:
            raise IPythonUsageError(str(error)) from None
        below = self._front_end.show(coverage, asked)
        if below is not None:
            raise below

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("state", choices=("on", "off"), help="on: measure every cell from now on; off: stop.")
    @options(Door.AUTO)
    def branchcov_auto(self, line: str) -> None:
        """Measure every cell from now on; ``%branchcov_report`` shows the result.

        In JupyterLab and Notebook 7 the cells are marked as they run, without an output.
        """
        parsed, asked = self._request(Door.AUTO, self.branchcov_auto, line)
        self.hooks.automatic = asked if parsed.state == "on" else None
        self._mark_cells(on=parsed.state == "on")
        if self.hooks.automatic is None:
            self.session.release()

    def _mark_cells(self, *, on: bool) -> None:
        """Send the marks of cells after each run, from now on or no more, where a front end is connected."""
        if self._send_marks in self.session.observers:
            self.session.observers.remove(self._send_marks)
        if on and live():
            self.session.observers.append(self._send_marks)

    def _send_marks(self, ran: Coverage) -> None:
        """All that was covered so far in the cells that a run touched."""
        keys = {each.key for each in ran if each.source.kind == "cell"}
        if keys:
            send_marks(self.session.coverage().select(lambda each: each.key in keys), keep=True)

    @no_var_expand
    @line_magic
    @magic_arguments()
    @argument("--stop", action="store_true", help="Stop updating the view; it stays on the page.")
    @argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="A function, class, module or cell (In[3]); without a name, everything.",
    )
    def branchcov_watch(self, line: str) -> None:
        """Show one view that is updated as further cells run; each of them is measured."""
        parsed = parse_argstring(self.branchcov_watch, line)
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
            if self.hooks.automatic is self._watching:
                self.hooks.automatic = None
                self.session.release()
        if parsed.stop:
            return
        from ipy_branchcov.notebook.watch import Watch

        try:
            self._watch = Watch(self.shell, self.session, parsed.names, self._front_end.finder)
        except BranchcovError as error:
            raise IPythonUsageError(str(error)) from None
        if self.hooks.automatic is None:
            self.hooks.automatic = self._watching = Request()

    @no_var_expand
    @line_magic
    @magic_arguments()
    @options(Door.ASK)
    @argument("function", metavar="FUNCTION", help="A function, class or method of the notebook: f, Parser.atom.")
    def branchcov_suggest(self, line: str) -> None:
        """Show calls that cover what is missed in a function, shortest first, each with what it newly covers.

        They are found by trying, each call in a process of its own that may only compute and read. They say what the
        code does, not what it should.
        """
        parsed = parse_argstring(self.branchcov_suggest, line)
        if self.session.running and not self.hooks.unseen:
            raise IPythonUsageError("%branchcov_suggest in a measured cell would be measured; use a cell of its own")
        with self.hooks.suspended(self.hooks.cells.running_label):
            try:
                asked = SuggestOptions().overridden(**SuggestOptions.read(Door.ASK, vars(parsed)))
                self.suggesting.show(parsed.function, asked)
            except BranchcovError as error:
                raise IPythonUsageError(str(error)) from None

    @line_magic
    @magic_arguments()
    def branchcov_reset(self, line: str) -> None:
        """Forget what was measured."""
        parse_argstring(self.branchcov_reset, line)
        self.session.reset()
        if hasattr(self.shell, "kernel") and live():
            send_marks(Coverage(), forget=True)
