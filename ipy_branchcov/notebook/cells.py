"""Cells of a shell as sources: what was typed, what was compiled of it, and which code object belongs to which cell."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import dropwhile, takewhile
from operator import ne
from types import CodeType
from typing import Any, NamedTuple, Protocol

from ipy_branchcov.model.continued import joined
from ipy_branchcov.model.source import UNPARSABLE, Source, cached_text, cell_text, split_lines
from ipy_branchcov.model.words import cell_name, cell_number
from ipy_branchcov.notebook.timed import (
    TIMEIT,
    ByIdentity,
    LineStatement,
    line_statements,
    place_timeit,
    same_places,
    statements_of,
)

MAGIC_LINE = re.compile(r"%%branchcov(?:\s+(?P<options>.*?))?\s*$")
#: What IPython makes of a cell below a cell magic.
_CALLS_A_MAGIC = re.compile(r"get_ipython\(\)\.run_cell_magic\(.*\)\n*\Z")
#: File names of code that a magic compiles itself, with the magic's first line.
_TIMED = {"<timed exec>": "%%time", "<timed eval>": "%%time", "<string>": "%%prun"}
#: Those of code that IPython compiles of a syntax tree.
OF_TREES = frozenset({TIMEIT, "<timed exec>", "<timed eval>"})


class ExecutionInfo(Protocol):
    """What IPython passes to ``pre_run_cell``."""

    raw_cell: str
    store_history: bool
    silent: bool


def options_of(cell: str) -> str | None:
    """The options after ``%%branchcov`` in a cell's first line; None for any other cell."""
    first = next((line for line in split_lines(cell) if line.strip()), "")
    match = MAGIC_LINE.match(first)
    return None if match is None else (match["options"] or "")


def body_of(cell: str) -> str | None:
    """The lines below ``%%branchcov`` in a cell; None for any other cell."""
    return None if options_of(cell) is None else cell.lstrip().partition("\n")[2]


def uncommanded(lines: list[str]) -> list[str]:
    """The lines of a cell without the magic: its line becomes a comment, so that the others keep their numbers.

    Above another cell magic the line is removed, because a cell magic must be in the first line.
    """
    if len(lines) > 1 and lines[1].startswith("%%"):
        return lines[1:]
    return ["# " + lines[0], *lines[1:]]


@dataclass
class _Running:
    """A cell that runs. ``typed``: the whole cell, of which this can be the part below a cell magic.

    ``depth``: how many cells run it. ``label``: "" where the execution count names it; then that is ``number``.
    """

    info: ExecutionInfo
    depth: int
    typed: str
    label: str
    number: int
    #: How many cells without a name of their own it ran.
    inner: int = 0

    @property
    def name(self) -> str:
        return self.label or cell_name(self.number)


class _Part(NamedTuple):
    """The code below a cell magic: the whole cell's name and text."""

    name: str
    typed: str


class Cells:
    """Finds the cell that a code object was compiled from: a :data:`~ipy_branchcov.session.sources.SourceLocator`.

    The shell's compiler knows the file names of cells, ``linecache`` the text that was compiled. So cells that ran
    before this object was made are found, too. Code that a cell magic runs (``%%capture``, ``%%ipytest``, ``%%time``)
    belongs to the cell with the magic; a text that a cell passes to ``run_cell`` is a cell of its own.
    """

    def __init__(self, shell: Any):
        self._shell = shell
        #: By the compiled text as linecache has it: the text and what was typed, the name, and the cell around it.
        self._texts: dict[str, tuple[str, str]] = {}
        self._labels: dict[str, str] = {}
        self._parts: dict[str, _Part] = {}
        #: Sources by file name, with the lines that they were made of; until the next cell, whose texts can differ.
        self._located: dict[str, tuple[list[str], Source | None]] = {}
        #: Code that ``%%time``, ``%%timeit``, ``%%prun`` and line magics run.
        self._timed = ByIdentity()
        self._running: list[_Running] = []
        self._unnumbered = 0
        self.next_label = ""

    def cell_started(self, info: ExecutionInfo, depth: int = 0) -> None:
        """A cell is about to run. ``depth``: the number of cells that run it."""
        self._located.clear()
        while self._running and self._running[-1].depth >= depth:
            self._running.pop()  # no event announced its end
        raw = info.raw_cell or ""
        compiled = getattr(info, "transformed_cell", None)
        if compiled is None:
            compiled = self._shell.transform_cell(raw)
        compiled = self._keep(compiled, raw)
        outer = self._running[-1] if self._running else None
        self._parts.pop(compiled, None)
        if outer is not None and _is_part(raw, outer.typed):
            self._parts[compiled] = _Part(outer.name, outer.typed)
            self._running.append(_Running(info, depth, outer.typed, outer.name, 0))
            return
        label = self._label(info, compiled, outer)
        number = len(self._shell.history_manager.input_hist_raw) if info.store_history else 0
        self._running.append(_Running(info, depth, cell_text(raw), label, number))

    def _keep(self, compiled: str, raw: str) -> str:
        self._texts[kept := cached_text(compiled)] = "\n".join(split_lines(compiled)), raw
        return kept

    def _label(self, info: ExecutionInfo, compiled: str, outer: _Running | None) -> str:
        """The name of a cell that no execution count names; else ""."""
        if outer is not None and not info.store_history:
            if compiled not in self._labels:
                outer.inner += 1
                self._labels[compiled] = f"{outer.name}, inner cell {outer.inner}"
        elif outer is None and self.next_label:
            self._labels[compiled], self.next_label = self.next_label, ""
            self._unnumbered += 1
        elif info.store_history:
            self._labels.pop(compiled, None)
        elif compiled not in self._labels:
            # Without history the execution count does not change, so cells are numbered in their order.
            self._unnumbered += 1
            self._labels[compiled] = f"cell {self._unnumbered}"
        return self._labels.get(compiled, "")

    def part_started(self, raw: str, compiled: str) -> None:
        """Code that the running cell has below another cell magic is about to run."""
        self._located.clear()
        if self._running and _is_part(raw, self._running[-1].typed):
            self._parts[self._keep(compiled, raw)] = _Part(self.running_label, self._running[-1].typed)

    def cell_ended(self, info: ExecutionInfo) -> str:
        """A cell has ended, and what it ran. Returns its name; "" where the execution count names it."""
        place = next((i for i, each in enumerate(self._running) if each.info is info), None)
        if place is None:
            return ""
        label = self._running[place].label
        del self._running[place:]
        return label

    def sources(self) -> list[Source]:
        """The cells that were compiled in this process, the running one too, by their numbers, and the parts below
        their cell magics, which a magic can execute elsewhere.
        """
        found = []
        for name in list(linecache.cache):
            known = self._shell.compile.format_code_name(name)
            source = None if known is None else self._locate(known[1], "".join(linecache.getlines(name)))
            if source is not None:
                found.append(source)
        typed = [(cell_name(i), raw) for i, raw in enumerate(self._shell.history_manager.input_hist_raw)]
        typed += [(name, self._texts.get(compiled, ("", ""))[1]) for compiled, name in self._labels.items()]
        if self._running:
            last = self._running[-1]
            typed.append((last.name, last.typed))
            found.append(_source(last.name, last.typed, self._shell.transform_cell(last.typed)))
        for name, raw in typed:
            if (body := _below_magics(raw)) is not None:
                found.append(_part_of(_Part(name, cell_text(raw)), body, self._shell.transform_cell(body)))
        return sorted(found, key=lambda each: cell_number(each.name) or 0)

    @property
    def running_label(self) -> str:
        """The label of the running cell."""
        label = self._running[-1].label if self._running else ""
        return label or cell_name(len(self._shell.history_manager.input_hist_raw) - 1)

    def __call__(self, code: CodeType) -> Source | None:
        name = code.co_filename
        return self._timed_source(code) if name in _TIMED or name == TIMEIT else self.source_of(name)

    def names(self, behind: str = "") -> list[str]:
        """The file names of the cells that were compiled: of all, or of those that came behind one of these names."""
        known = self._shell.compile.format_code_name
        found = list(takewhile(partial(ne, behind), reversed(linecache.cache)))  # in one step: other threads add names
        return [name for name in reversed(found) if known(name) is not None]

    def named(self) -> dict[str, Source]:
        """All of them by these names."""
        return {name: source for name in self.names() if (source := self.source_of(name)) is not None}

    def source_of(self, name: str) -> Source | None:
        """The source of a cell by the file name in its code; None for anything else."""
        known = self._shell.compile.format_code_name(name)
        if known is None:
            return None
        lines = linecache.getlines(name)
        located = self._located.get(name)
        if located is None or located[0] is not lines:
            # A cell can have hundreds of code objects: they share a source.
            located = self._located[name] = (lines, self._locate(known[1], "".join(lines)))
        return located[1]

    def _locate(self, name: str, compiled: str) -> Source | None:
        """The source that was compiled from a text, which IPython calls by a name."""
        if _CALLS_A_MAGIC.match(compiled):
            return None  # what a magic runs is measured by itself, under this cell's name
        number = cell_number(name)
        text, typed = self._texts.get(compiled, (compiled, None))
        if typed is None:
            typed = self._from_history(number, compiled)
        elif (part := self._parts.get(compiled)) is not None:
            return _part_of(part, typed, text)
        label = self._labels.get(compiled) or (name if number is None else cell_name(number))
        return _source(label, typed, text)

    def _from_history(self, number: int | None, compiled: str) -> str | None:
        """What was typed into an earlier cell; None where the history at its number is something else."""
        history = self._shell.history_manager.input_hist_raw
        raw = history[number] if number is not None and number < len(history) else None
        try:
            return raw if raw is not None and cached_text(self._shell.transform_cell(raw)) == compiled else None
        except Exception:
            return None

    def _timed_source(self, code: CodeType) -> Source | None:
        """The source of code that a magic runs under a file name of its own, with lines from below the magic."""
        if (known := self._timed.get(code)) is not None:
            return known
        magic = _TIMED.get(code.co_filename)
        running = self._running[-1] if self._running else None
        if magic is None or code.co_name != "<module>" or running is None:
            return None
        source = self._below(magic, code, running)
        if source is None and magic == "%%prun":
            source = self._on_a_line(running, lambda each: _compiled_from(code, self._shell.transform_cell(each.text)))
        if source is not None:
            self._timed.add(code, source)
        return source

    def _below(self, magic: str, code: CodeType, running: _Running) -> Source | None:
        """The part of the running cell below a magic, if the code is of it."""
        lines = split_lines(cell_text(running.info.raw_cell))
        first = next((i for i, line in enumerate(lines) if line.startswith(magic)), None)
        if first is None:
            return None
        body = "\n".join(lines[first + 1 :])
        compiled = self._shell.transform_cell(body)
        if magic == "%%prun" and not _compiled_from(code, compiled):
            return None
        return _part_of(_Part(running.name, running.typed), body, compiled)

    def _on_a_line(self, running: _Running, runs: Callable[[LineStatement], bool]) -> Source | None:
        """The statement behind a line magic of the running cell of which ``runs`` is true: a source of its own."""
        raw = cell_text(running.info.raw_cell)
        compiled = self._shell.transform_cell(_below_magics(raw) or raw)
        text = joined(running.typed)
        above = len(text.places) - len(split_lines(compiled.rstrip("\n")))
        for each in line_statements(compiled):
            if runs(each):
                name = f"{running.name}, %{each.magic} in line {text.typed_line(above + each.line)}"
                return _source(name, each.text, self._shell.transform_cell(each.text))
        return None

    def place(self, tree: ast.AST) -> Callable[[CodeType], None]:
        """Find the source of what IPython is about to compile, and give its function of ``%%timeit`` places there.

        Returns what the code is passed to.
        """
        source = None
        if self._running:
            last, transform = self._running[-1], self._shell.transform_cell
            source = place_timeit(tree, last.name, last.typed, transform)
            statements = statements_of(tree) if source is None else []
            if statements:
                source = self._on_a_line(last, lambda each: same_places(statements, each.tree(transform)))
        return (lambda code: None) if source is None else partial(self._timed.add, source=source)


def _compiled_from(code: CodeType, text: str) -> bool:
    """Whether code was compiled from a text."""
    try:
        return code == compile(text, code.co_filename, "exec", dont_inherit=True)
    except UNPARSABLE:
        return False


def _is_part(raw: str, typed: str) -> bool:
    """Whether a text is the part of a cell below the cell magics at its top."""
    body = cell_text(raw)
    above = typed.removesuffix(body)
    lines = [line for line in split_lines(above) if line.strip()]
    return bool(body and lines) and above != typed and all(line.startswith("%%") for line in lines)


def _below_magics(raw: str) -> str | None:
    """The part of a cell below the cell magics at its top; None without any."""
    lines = split_lines(cell_text(raw))
    body = list(dropwhile(lambda line: line.startswith("%%"), lines))
    return "\n".join(body) if any(body) and len(body) < len(lines) else None


def _part_of(part: _Part, typed: str, compiled: str) -> Source:
    """The code below a cell magic, which is measured by itself and shown in its cell."""
    body = _source(part.name, typed, compiled)
    above = len(split_lines(part.typed)) - len(split_lines(body.text))
    code = "#\n" * above + body.code
    return replace(body, within=(Source(part.name, part.typed, "cell", None, compiled=code), above))


def _source(label: str, typed: str | None, compiled: str) -> Source:
    """A cell with the text that was typed; with the compiled text where the two have different numbers of lines."""
    lines = len(split_lines(compiled.rstrip("\n")))
    for text in () if typed is None else (cell_text(typed), joined(cell_text(typed)).text):
        if len(split_lines(text)) == lines:
            return Source(label, text, "cell", None, compiled=None if _parses(text, compiled) else compiled)
    return Source(label, compiled.rstrip("\n"), "cell", None)


def _parses(typed: str, compiled: str) -> bool:
    """Whether what was typed is Python without IPython's syntax."""
    if typed == compiled.rstrip("\n"):
        return True
    if MAGIC_LINE.match(typed.partition("\n")[0]):
        return False  # each run asks again for every cell
    try:
        ast.parse(typed)
    except (SyntaxError, ValueError):
        return False
    return True
