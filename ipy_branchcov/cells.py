"""Cells of a shell as sources, and the hooks that measure a cell while it runs as if nothing were there.

A cell magic that runs its body itself loses what IPython does for a cell (top-level await, the displayed last
expression, a failing reply, tracebacks in the cell's own lines). So the first line is turned into a comment
before the cell is compiled, and the events around its run begin and end the measurement.
"""

from __future__ import annotations

import ast
import linecache
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any, Protocol

from ipy_branchcov.model.source import Source, cell_text, split_lines
from ipy_branchcov.session import Session

_MAGIC_LINE = re.compile(r"%%branchcov(?:\s+(?P<options>.*?))?\s*$")
_TIMED = ("<timed exec>", "<timed eval>")


class ExecutionInfo(Protocol):
    """What IPython's ``pre_run_cell`` gives."""

    raw_cell: str
    store_history: bool
    silent: bool


def options_of(cell: str) -> str | None:
    """What stands behind ``%%branchcov`` in a cell's first line; None for another cell."""
    first = next((line for line in split_lines(cell) if line.strip()), "")
    match = _MAGIC_LINE.match(first)
    return None if match is None else (match["options"] or "")


def body_of(cell: str) -> str | None:
    """What stands below ``%%branchcov`` in a cell; None for another cell."""
    return None if options_of(cell) is None else cell.lstrip().partition("\n")[2]


def uncommanded(lines: list[str]) -> list[str]:
    """The lines of a cell without the magic: its line is kept as a comment, so that the others keep their numbers.

    Above another cell magic it goes, for that has to be the first line.
    """
    if len(lines) > 1 and lines[1].startswith("%%"):
        return lines[1:]
    return ["# " + lines[0], *lines[1:]]


def inside_a_cell() -> bool:
    """Whether the code on the stack belongs to a running cell, rather than to one that is about to run."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in ("run_cell", "_run_cell", "run_cell_async", "do_execute", "should_run_async"):
            return False
        if frame.f_code.co_name == "run_code":
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


class Cells:
    """Tells from a code object which cell it was compiled from: a :data:`~ipy_branchcov.session.Finder`.

    The shell's compiler knows the names it gave, ``linecache`` the text that was compiled; cells that ran
    before this object was made are known by them too.
    """

    def __init__(self, shell: Any):
        self._shell = shell
        self._typed: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._timed: dict[int, tuple[CodeType, Source]] = {}
        self._raw = ""
        self._label = ""
        self.next_label = ""

    def entered(self, info: ExecutionInfo) -> None:
        """A cell is about to run."""
        self._raw = info.raw_cell or ""
        compiled = getattr(info, "transformed_cell", None)
        if compiled is None:
            compiled = self._shell.transform_cell(self._raw)
        self._typed[compiled] = self._raw
        if self.next_label:
            self._labels[compiled], self.next_label = self.next_label, ""
        elif not info.store_history:
            # Without history the execution count stands still; the order of the cells does not.
            self._labels.setdefault(compiled, f"cell {len(self._labels) + 1}")
        self._label = self._labels.get(compiled, "")

    @property
    def label(self) -> str:
        """The label of a cell that runs without history; "" where the execution count is its name."""
        return self._label

    @property
    def running_label(self) -> str:
        """The label of the cell that is running now."""
        return self._label or f"In [{len(self._shell.history_manager.input_hist_raw) - 1}]"

    def __call__(self, code: CodeType) -> Source | None:
        name = code.co_filename
        if name in _TIMED:
            return self._timed_source(code)
        known = self._shell.compile.format_code_name(name)
        if known is None:
            return None
        compiled = "".join(linecache.getlines(name))
        number = known[1].removeprefix("In[").removesuffix("]")
        typed = self._typed.get(compiled)
        if typed is None:
            typed = self._from_history(number, compiled)
        label = self._labels.get(compiled) or f"In [{number}]"
        return _source(label, typed, compiled)

    def _from_history(self, number: str, compiled: str) -> str | None:
        """What was typed into a cell that ran before, if that is what its number leads to."""
        history = self._shell.history_manager.input_hist_raw
        raw = history[int(number)] if number.isdecimal() and int(number) < len(history) else None
        try:
            return raw if raw is not None and self._shell.transform_cell(raw) == compiled else None
        except Exception:
            return None

    def _timed_source(self, code: CodeType) -> Source | None:
        """Code under ``%%time``: all of it has one name, and counts its lines from below the magic."""
        known = self._timed.get(id(code))
        if known is not None and known[0] is code:
            return known[1]
        if code.co_name != "<module>" or "%%time" not in self._raw:
            return None
        lines = split_lines(self._raw)
        first = next(i for i, line in enumerate(lines) if line.startswith("%%time"))
        body = "\n".join(lines[first + 1 :])
        source = _source(self.running_label, body, self._shell.transform_cell(body))
        stack = [code]
        while stack:
            each = stack.pop()
            self._timed[id(each)] = (each, source)
            stack.extend(constant for constant in each.co_consts if isinstance(constant, CodeType))
        return source


def _source(label: str, typed: str | None, compiled: str) -> Source:
    """A cell by what was typed, where its lines are those of what was compiled."""
    lines = len(split_lines(compiled.rstrip("\n")))
    if typed is not None:
        typed = cell_text(typed)
        if len(split_lines(typed)) == lines:
            return Source(label, typed, "cell", None, compiled=None if _parses(typed, compiled) else compiled)
    return Source(label, compiled.rstrip("\n"), "cell", None)


def _parses(typed: str, compiled: str) -> bool:
    """Whether what was typed is Python as it stands."""
    if typed == compiled.rstrip("\n"):
        return True
    try:
        ast.parse(typed)
    except (SyntaxError, ValueError):
        return False
    return True


class Hooks:
    """Begins and ends a session's runs around cells.

    ``options``: what a first line says, parsed; raises for what cannot be meant. ``show``: called with the
    coverage, the options and IPython's result after a ``%%branchcov`` cell. ``automatic``: options under
    which every other cell is measured too, or None.
    """

    def __init__(self, shell: Any, session: Session, options: Callable[[str], Any], show: Callable[..., None]):
        self.shell = shell
        self.session = session
        self.cells = Cells(shell)
        self.automatic: Any = None
        self._options = options
        self._show = show
        self._info: ExecutionInfo | None = None
        self._current: Any = None
        self._shown = False
        session.add_finder(self.cells)
        self._prepare_compiled()

    def _prepare_compiled(self) -> None:
        """Let the session prepare what the shell compiles: cells, and what magics compile of them."""
        prepare, kind = self.session.prepare, type(self.shell.compile)

        def call(compiler: Any, *arguments: Any, **keywords: Any) -> Any:
            code = kind.__call__(compiler, *arguments, **keywords)
            return prepare(code) if isinstance(code, CodeType) else code

        self._compiler = kind
        self.shell.compile.__class__ = type(kind.__name__, (kind,), {"__call__": call, "__module__": kind.__module__})

    def close(self) -> None:
        """Give the shell its compiler back."""
        self.shell.compile.__class__ = self._compiler

    def transform(self, lines: list[str]) -> list[str]:
        """A cleanup transformer of IPython: pure, for it runs twice for most cells."""
        if not lines or _MAGIC_LINE.match(lines[0].rstrip("\r\n")) is None or inside_a_cell():
            return lines
        self._options(options_of(lines[0]) or "")
        return uncommanded(lines)

    # A terminal asks the transformers whether Enter ends the cell; the magic's first line alone does not.
    transform.has_side_effects = True  # type: ignore[attr-defined]

    def pre_run_cell(self, info: ExecutionInfo) -> None:
        if self._info is not None and not inside_a_cell():
            self._finish()  # its end was never told (run_cell_async alone)
        if not self.session.running:
            self.cells.entered(info)
        words = options_of(info.raw_cell or "")
        if self.session.running or (words is None and self.automatic is None):
            return
        try:
            current = self.automatic if words is None else self._options(words)
        except Exception:
            return  # the transformer has told it
        self._info, self._current, self._shown = info, current, words is not None
        try:
            begin(self.session, current)
        except Exception as error:
            self._info = None
            print(f"branchcov: {error}", file=sys.stderr)

    def post_run_cell(self, result: Any) -> None:
        if self._info is None or getattr(result, "info", None) is not self._info:
            return
        current, shown = self._current, self._shown
        coverage = self._finish(self.cells.label or f"In [{result.execution_count}]")
        if shown:
            self._show(coverage, current, result)

    @property
    def unseen(self) -> bool:
        """Whether the cell that runs is measured without being shown."""
        return self._info is not None and not self._shown

    @contextmanager
    def aside(self, label: str) -> Iterator[None]:
        """A run of its own within such a cell, whose measurement goes on behind it."""
        current = self._current if self.unseen else None
        if current is not None:
            self.session.stop(label)
        try:
            yield
        finally:
            if current is not None:
                begin(self.session, current)

    def _finish(self, by: str = "") -> Any:
        self._info = None
        return self.session.stop(by)


def begin(session: Session, options: Any) -> None:
    """Start a run as options say. Raises BranchcovError."""
    opcodes = bool(getattr(options, "opcodes", False) or getattr(options, "graph", None))
    session.start(
        "",
        source=options.source or (),
        counts=options.counts or None,
        tracer=options.tracer,
        opcodes=opcodes,
        values=False if getattr(options, "no_values", False) else None,
    )
