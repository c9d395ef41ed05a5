"""Measured runs in a shell: of cells, by IPython's events; and of single statements.

A cell magic that runs its body itself loses what IPython does for a cell (top-level await, the displayed last
expression, a failing reply, tracebacks in the cell's own lines). So the first line becomes a comment before the
cell is compiled, and IPython's events before and after the cell begin and end the measurement.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.words import cell_name
from ipy_branchcov.notebook.arguments import Request
from ipy_branchcov.notebook.cells import MAGIC_LINE, OF_TREES, Cells, ExecutionInfo, options_of, uncommanded
from ipy_branchcov.processes.descendants import Descendants
from ipy_branchcov.session.session import Session

#: Methods of a shell that lead to a cell, before its code runs.
_BEFORE = ("run_cell", "_run_cell", "run_cell_async", "should_run_async")


class Stack:
    """Recognises, by the code objects of this shell and its kernel, the frames that run a cell."""

    def __init__(self, shell: Any):
        kernel = getattr(shell, "kernel", None)
        self._runs_code = _codes(shell, "run_code")
        # A kernel transforms a cell before it passes the cell to its shell.
        self._before = (*_codes(shell, *_BEFORE), *_codes(kernel, "do_execute"))

    def inside_a_cell(self) -> bool:
        """Whether the caller belongs to a running cell, rather than to one that is about to run."""
        frame = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if any(code is each for each in self._before):
                return False
            if any(code is each for each in self._runs_code):
                return True
            frame = frame.f_back  # type: ignore[assignment]
        return False

    def depth(self) -> int:
        """How many cells run the caller: one that runs another counts, too."""
        found, frame = 0, sys._getframe(1)
        while frame is not None:
            found += any(frame.f_code is each for each in self._runs_code)
            frame = frame.f_back  # type: ignore[assignment]
        return found


def _codes(thing: Any, *names: str) -> tuple[CodeType, ...]:
    """The code of an object's methods, and of those that they override and can call with ``super()``."""
    functions = (vars(kind).get(name) for kind in type(thing).__mro__ for name in names)
    return tuple(function.__code__ for function in functions if isinstance(function, FunctionType))


def run_statement(shell: Any, body: str, cells: Cells | None = None) -> Any:
    """Run code in the user's namespace; return the value of its last line if that is an expression.

    ``cells`` then know the code as part of the running cell.
    """
    compiled = shell.transform_cell(body)
    if cells is not None:
        cells.part_started(body, compiled)
    compiler = shell.compile
    number = len(shell.history_manager.input_hist_raw) - 1
    name = compiler.cache(compiled, number, raw_code=body)
    tree = compiler.ast_parse(compiled, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compiler(tree, name, "exec"), shell.user_ns)
    if last is None:
        return None
    return eval(compiler(ast.Expression(last.value), name, "eval"), shell.user_ns)


class _Measured(NamedTuple):
    """A cell that began a run.

    ``shown``: it begins with ``%%branchcov``. ``depth``: the number of cells that run it.
    """

    info: ExecutionInfo
    request: Request
    shown: bool
    depth: int


class Hooks:
    """Begins and ends a session's runs around cells.

    ``parse``: returns what a first line asks for, and raises for wrong options. ``show``: called after a
    ``%%branchcov`` cell with the coverage, the request, IPython's result and the cell's label. ``automatic``: the
    request for every other cell; None: other cells are not measured.

    A cell that a measured cell runs (``%%capture``, ``get_ipython().run_cell``) is part of that cell's run. Where the
    outer cell is not shown and the inner one begins with ``%%branchcov``, the inner one has a run of its own, and the
    outer run goes on behind it.
    """

    def __init__(
        self,
        shell: Any,
        session: Session,
        parse: Callable[[str], Request],
        show: Callable[[Coverage, Request, Any, str], None],
    ):
        self.session = session
        self.cells = Cells(shell)
        self._events = shell.events
        self.automatic: Request | None = None
        self._parse = parse
        self._show = show
        self._stack = Stack(shell)
        #: The cells that began runs, the outer ones first: the last run is on, the others wait.
        self._measured: list[_Measured] = []
        self._compiler = shell.compile
        self.descendants = Descendants(session, self.cells)
        session.others = self.descendants
        session.add_locator(self.cells)
        self._instrument_compiled()

    def _instrument_compiled(self) -> None:
        """Let the session instrument everything that the shell compiles: cells, and what magics compile."""
        instrument, kind = self.session.instrument, type(self._compiler)
        publish = self.descendants.publish

        cells = self.cells

        def call(compiler: Any, *arguments: Any, **keywords: Any) -> Any:
            of_magic = len(arguments) > 1 and arguments[1] in OF_TREES and self.session.running
            placed = cells.place(arguments[0]) if of_magic else None
            code = kind.__call__(compiler, *arguments, **keywords)
            if not isinstance(code, CodeType):
                return code
            if placed is not None:
                placed(code)
            publish(code.co_filename)
            return instrument(code)

        self._kind = kind
        self._ours = type(kind.__name__, (kind,), {"__call__": call, "__module__": kind.__module__})
        self._compiler.__class__ = self._ours

    def close(self) -> None:
        """Give the shell its compiler back, unless another tool has changed the compiler since."""
        if type(self._compiler) is self._ours:
            self._compiler.__class__ = self._kind

    def transform(self, lines: list[str]) -> list[str]:
        """A cleanup transformer of IPython. It changes no state, because it runs twice for most cells."""
        if not lines or MAGIC_LINE.match(lines[0].rstrip("\r\n")) is None or self._stack.inside_a_cell():
            return lines
        self._parse(options_of(lines[0]) or "")
        return uncommanded(lines)

    # A terminal calls the transformers to decide whether Enter ends the cell. With this attribute it does not call
    # ours, so that Enter after the magic's line begins the next line.
    transform.has_side_effects = True  # type: ignore[attr-defined]

    def pre_run_cell(self, info: ExecutionInfo) -> None:
        depth = self._stack.depth()
        while self._measured and depth <= self._measured[-1].depth:
            self._finish()  # no event announced its end (run_cell_async alone)
            self._continue()
        self.cells.cell_started(info, depth)
        words = options_of(info.raw_cell or "")
        part = self.session.running and not (self.unseen and words is not None)
        if part or (words is None and self.automatic is None):
            return
        try:
            request = self._parse(words) if words is not None else self.automatic or Request()
        except Exception:
            return  # the transformer has raised the same error
        if self._measured:
            self.session.stop(self.cells.running_label, keep=True)
        try:
            self.session.start("", request.options(self.session.options))
        except Exception as error:
            print(f"branchcov: {error}", file=sys.stderr)
            self._continue()
        else:
            self._measured.append(_Measured(info, request, words is not None, depth))

    def _come_last(self) -> None:
        """Let the other handlers go first when a cell begins: what ``%autoreload`` loads there is no part of a run."""
        handlers, ours = self._events.callbacks["pre_run_cell"], self.pre_run_cell
        if ours in handlers and handlers[-1] != ours:
            handlers.remove(ours)
            handlers.append(ours)

    def post_run_cell(self, result: Any) -> None:
        self._come_last()
        info = getattr(result, "info", None)
        label = self.cells.cell_ended(info) if info is not None else ""
        if not any(each.info is info for each in self._measured):
            return
        while self._measured[-1].info is not info:
            self._finish()
            self._continue()
        measured = self._measured[-1]
        label = label or cell_name(result.execution_count)
        coverage = self._finish(label)
        try:
            if measured.shown:
                self._show(coverage, measured.request, result, label)
        finally:
            self._continue()

    @property
    def unseen(self) -> bool:
        """Whether the running cell is measured but will not be shown."""
        return bool(self._measured) and not self._measured[-1].shown

    @contextmanager
    def suspended(self, label: str) -> Iterator[None]:
        """Interrupt the measurement of such a cell for another run, and continue it afterwards."""
        unseen = self.unseen
        if unseen:
            self.session.stop(label, keep=True)
        try:
            yield
        finally:
            if unseen:
                self._continue()

    def _finish(self, by: str = "") -> Coverage:
        """End the last run."""
        self._measured.pop()
        return self.session.stop(by, keep=self.automatic is not None or bool(self._measured))

    def _continue(self) -> None:
        """Go on with the run that waits, if there is one."""
        if self._measured:
            self.session.start("", self._measured[-1].request.options(self.session.options))
