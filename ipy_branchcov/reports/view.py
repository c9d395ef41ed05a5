"""Coverage -> marks on lines, with their words: computed here once, drawn by the text, the pages and the widget."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Literal

from ipy_branchcov.model import words
from ipy_branchcov.model.branch import COMPOSITE, Branch
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.selection import bodies, definitions_in, scopes
from ipy_branchcov.model.source import shortened, split_lines
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.span import Span
from ipy_branchcov.printable import visible

#: An outcome that was covered just now: digest of its source, key of its branch, its name.
NewOutcome = tuple[str, tuple[Span, str], str]
State = Literal["missed", "never-ran", "covered", "optional", "excluded"]
#: Characters of a place's text where it is repeated.
_LONGEST = 120
#: Names in a source's title, and characters of its first line there.
_NAMES, _HEAD = 3, 50


@dataclass(frozen=True)
class Mark:
    """A place in a source: a branch, a part of a line that never ran, or whole lines that never ran (``whole``).

    ``words`` describe its state. ``label`` stands beside it in the text; it is empty where nothing is missed, and
    inside code that never ran, which has a label already.
    """

    span: Span
    state: State
    words: str
    label: str = ""
    branch: Branch | None = None
    whole: bool = False

    @property
    def weight(self) -> int:
        """Of two marks on one place, the one with the greater weight is shown."""
        return ("optional", "covered", "excluded", "missed", "never-ran").index(self.state)

    @property
    def composite(self) -> bool:
        """Whether it is a decision whose conditions are counted instead of it."""
        return self.branch is not None and self.branch.composite

    @property
    def counts(self) -> bool:
        """Whether the hits of its outcomes say more than its words."""
        return self.branch is not None and not self.composite and self.state != "never-ran"


@dataclass(frozen=True)
class Segment:
    """A piece of one line under the same marks, from the widest to the innermost; ``ends``: those that end with it."""

    text: str
    column: int
    marks: tuple[Mark, ...]
    ends: tuple[Mark, ...]

    @property
    def mark(self) -> Mark | None:
        """The mark that is shown: code that never ran, or else the innermost."""
        never_ran = [mark for mark in self.marks if mark.state == "never-ran"]
        return never_ran[0] if never_ran else self.marks[-1] if self.marks else None


@dataclass(frozen=True)
class MarkedSource:
    """A source's lines with their marks in source order, and its lines that never ran (``runs``).

    ``title`` is what the source is called.
    """

    coverage: SourceCoverage
    title: str
    marks: tuple[Mark, ...]
    runs: tuple[Mark, ...]

    @cached_property
    def lines(self) -> list[str]:
        """The source's lines, without the empty one behind the last line end; control characters as pictures."""
        lines = split_lines(visible(self.coverage.source.text))
        return lines if not lines or lines[-1] else lines[:-1]

    @property
    def notes(self) -> list[str]:
        """Lines for people about the source: what was not measured exactly, and what is excluded that need not be."""
        return [*self.coverage.notes, *words.exclusions(self.coverage.branches)]

    @property
    def missed(self) -> frozenset[int]:
        """The lines with code that never ran."""
        return self.coverage.missed_lines

    @cached_property
    def places(self) -> list[Mark]:
        """The marks and the runs, in source order."""
        return sorted([*self.marks, *self.runs], key=_order)

    @property
    def misses(self) -> list[Mark]:
        """The places that have a label, in source order."""
        return [place for place in self.places if place.label]

    @cached_property
    def heads(self) -> frozenset[int]:
        """The lines with the ``def`` or ``class`` above something missed."""
        touched = [line for line in range(1, len(self.lines) + 1) if self.touched(line)]
        if not touched:
            return frozenset()
        around = scopes(self.coverage.source)
        return frozenset(first for first, last in around if bisect_right(touched, first) < bisect_right(touched, last))

    @cached_property
    def _missed_at(self) -> dict[int, int]:
        stops = self.misses
        own = {id(stop.branch): stop for stop in stops if stop.branch is not None}
        never = [stop for stop in stops if stop.state == "never-ran"]
        found: dict[int, int] = {}
        for branch in self.coverage.branches:
            if missed := branch.totals.missed:
                stop = own.get(id(branch)) or next((each for each in never if _holds(each, branch)), None)
                found[id(stop)] = found.get(id(stop), 0) + missed
        return found

    def missed_at(self, mark: Mark) -> int:
        """How many missed outcomes a place with a label stands for: its own, or those in code that never ran."""
        return self._missed_at.get(id(mark), 0)

    @cached_property
    def _by_line(self) -> dict[int, list[Mark]]:
        lines: dict[int, list[Mark]] = {}
        for mark in self.marks:
            for line in range(mark.span.line, min(mark.span.end_line, len(self.lines)) + 1):
                lines.setdefault(line, []).append(mark)
        return lines

    def on(self, line: int) -> list[Mark]:
        """The marks that touch a line, in order of their start, the wider first."""
        return self._by_line.get(line, [])

    @cached_property
    def around(self) -> dict[int, list[Mark]]:
        """The marks of branches around each place, by its ``id``, from the inside out."""
        found: dict[int, list[Mark]] = {}
        open_: list[Mark] = []
        for place in self.places:
            open_ = [each for each in open_ if each.span.end > place.span.start]
            found[id(place)] = [each for each in reversed(open_) if each.span.contains(place.span)]
            if place.branch is not None:
                open_.append(place)
        return found

    def extent(self, mark: Mark, line: int) -> tuple[int, int]:
        """The columns of a mark on a line."""
        first, last = self.code(line)
        start = mark.span.column if mark.span.line == line else first
        end = mark.span.end_column if mark.span.end_line == line else last
        return start, max(start, end)

    def code(self, line: int) -> tuple[int, int]:
        """The columns of the code on a line, without the white space at its edges and a comment behind it."""
        text = self.lines[line - 1]
        start = len(text) - len(text.lstrip())
        return start, max(start, self.coverage.source.code_end(line))

    def segments(self, line: int) -> list[Segment]:
        """A line cut where marks begin and end."""
        text = self.lines[line - 1]
        extents = [(mark, *self.extent(mark, line)) for mark in self.on(line)]
        cuts = sorted({0, len(text), *(c for _, start, end in extents for c in (start, end) if 0 <= c <= len(text))})
        found = []
        begin = deque(sorted(enumerate(extents), key=lambda each: each[1][1]))
        active: dict[int, tuple[Mark, int]] = {}
        for first, last in pairwise(cuts):
            while begin and begin[0][1][1] <= first:
                number, (mark, _, end) = begin.popleft()
                active[number] = (mark, end)
            active = {number: each for number, each in active.items() if last <= each[1]}
            here = [active[number] for number in sorted(active)]
            ends = tuple(mark for mark, end in here if end == last and mark.span.end_line == line)
            found.append(Segment(text[first:last], first, tuple(mark for mark, _ in here), ends))
        return found

    def text(self, mark: Mark) -> str:
        """The text of a place as one line of at most :data:`_LONGEST` characters; "" for whole lines."""
        return "" if mark.whole else visible(self.coverage.source.snippet(mark.span, _LONGEST))

    @cached_property
    def _bodies(self) -> dict[int, list[tuple[Span, str]]]:
        """The bodies of functions and classes on each line, outer ones first."""
        found: dict[int, list[tuple[Span, str]]] = {}
        for span, name in bodies(self.coverage.source):
            for line in range(span.line, span.end_line + 1):
                found.setdefault(line, []).append((span, name))
        return found

    def function(self, mark: Mark) -> str:
        """The qualified name of the innermost function or class that a place stands in, without ``<locals>``.

        "" at the top level, and where the text is not known.
        """
        if mark.branch is not None:
            return mark.branch.function.replace("<locals>.", "")
        line, column = mark.span.start
        if mark.whole:
            text = self.lines[line - 1] if line <= len(self.lines) else ""
            column = len(text) - len(text.lstrip())
        around = [name for span, name in self._bodies.get(line, ()) if span.start <= (line, column) < span.end]
        return around[-1] if around else ""

    def worth(self, line: int) -> bool:
        """Whether a missed place begins on a line."""
        return line in self.missed or any(mark.label and mark.span.line == line for mark in self.on(line))

    def touched(self, line: int) -> bool:
        """Whether a missed place touches a line: its label may stand on a later line than its beginning."""
        return line in self.missed or any(mark.label for mark in self.on(line))


def _holds(mark: Mark, branch: Branch) -> bool:
    if mark.whole:
        return mark.span.line <= branch.span.line <= mark.span.end_line
    return mark.span.contains(branch.span)


def mark(coverage: SourceCoverage, title: str = "") -> MarkedSource:
    """Mark one source."""
    branches = list(_branch_marks(coverage))
    shown = {each.span for each in branches if each.state == "never-ran"}
    marks = sorted([*branches, *(each for each in _part_marks(coverage) if each.span not in shown)], key=_order)
    runs = tuple(_runs(coverage))
    return MarkedSource(coverage, title or coverage.source.name, tuple(_without_echoes(marks, coverage)), runs)


def mark_all(coverage: Coverage, first: str | None = None, *, static: bool = False) -> list[MarkedSource]:
    """Sources as they are read, marked: the named one first, then most missed outcomes first. Empty ones are left out.

    ``static``: without execution counts, so that the same run gives the same: sources with as many misses stand in the
    order of their texts, not of their names.
    """
    shown = [s for s in coverage.sources if s.source.name == first or _has_places(s) or s.note]
    if static:
        shown.sort(key=lambda s: (s.source.kind, s.source.text))
    shown.sort(key=lambda s: (s.source.name != first, -s.totals.missed))
    return [mark(source, title) for source, title in zip(shown, _titles(shown, first, static=static), strict=True)]


def _has_places(coverage: SourceCoverage) -> bool:
    return bool(coverage.branches or coverage.missed_lines or coverage.missed_spans)


def _titles(sources: Sequence[SourceCoverage], first: str | None, *, static: bool) -> Iterator[str]:
    """What sources are called: ``In [8] · classify, World`` by what they define; ``static``: without their numbers."""
    for each in sources:
        source = each.source
        if source.kind == "file":
            yield _portable(source.name) if static else source.name
            continue
        name = ("this cell" if source.name == first else "another cell") if static else source.name
        defined = definitions_in(source)
        if defined:
            more = f" and {len(defined) - _NAMES} more" if len(defined) > _NAMES else ""
            yield visible(f"{name} · {', '.join(defined[:_NAMES])}{more}")
        elif static and source.name != first:
            head = next((line.strip() for line in source.lines if line.strip() and line[0] not in "%#"), "")
            yield visible(f"{name}, {shortened(head.rstrip(':'), _HEAD)!r}") if head else name
        else:
            yield name


def _portable(name: str) -> str:
    """A file's name without the place where this machine has its packages.

    >>> _portable(".venv/lib/python3.14/site-packages/a/b.py"), _portable("/usr/lib/python3.14/json/decoder.py")
    ('a/b.py', 'json/decoder.py')
    >>> _portable("src/a.py"), _portable("/elsewhere/pkg/a.py")
    ('src/a.py', 'pkg/a.py')
    """
    name = re.sub(r"^.*/(?:site|dist)-packages/", "", name)
    if name.startswith(("/", "../")) or re.match(r"[A-Za-z]:/", name):
        name = re.sub(r"^.*/(?:python3[\d.t]*|Lib)/", "", name)
    if name.startswith(("/", "../")) or re.match(r"[A-Za-z]:/", name):
        return "/".join(name.split("/")[-2:])
    return name


def _part_marks(coverage: SourceCoverage) -> Iterator[Mark]:
    for span in coverage.missed_parts:
        label = words.NEVER_CALLED if span in coverage.never_called else words.NEVER_RAN
        yield Mark(span, "never-ran", label, label)


def _branch_marks(coverage: SourceCoverage) -> Iterator[Mark]:
    ranges = coverage.missed_ranges
    firsts = [first for first, _ in ranges]
    for branch in coverage.branches:
        number = bisect_right(firsts, branch.span.line) - 1
        if number >= 0 and branch.span.end_line <= ranges[number][1]:
            continue  # shown by the whole lines
        excluded = [outcome for outcome in branch.outcomes if outcome.excluded and not branch.composite]
        if not branch.missed and excluded:
            yield Mark(branch.span, "excluded", words.duty(excluded[0]), branch=branch)
        elif not branch.totals.outcomes:
            yield Mark(branch.span, "optional", COMPOSITE if branch.composite else "optional", branch=branch)
        elif not branch.missed:
            yield Mark(branch.span, "covered", words.ALL_COVERED, branch=branch)
        elif not branch.covered and coverage.never_reached(branch):
            yield Mark(branch.span, "never-ran", words.NEVER_RAN, words.NEVER_RAN, branch)
        else:
            label = words.never(branch.missed)
            yield Mark(branch.span, "missed", label, label, branch)


def _without_echoes(marks: Iterable[Mark], coverage: SourceCoverage) -> Iterator[Mark]:
    """The same marks in order; those inside code that never ran lose their label."""
    never_ran: list[Span] = []
    for each in marks:
        never_ran = [span for span in never_ran if span.end > each.span.start]
        on_missed_line = each.state == "never-ran" and each.span.line in coverage.missed_lines
        echo = on_missed_line or any(span.contains(each.span) for span in never_ran)
        yield replace(each, label="") if echo and each.label else each
        if each.state == "never-ran":
            never_ran.append(each.span)


def _runs(coverage: SourceCoverage) -> Iterator[Mark]:
    """Missed lines below each other, as one place."""
    lines = coverage.source.lines
    for first, last in coverage.missed_ranges:
        label = words.NEVER_RAN if first == last else f"{last - first + 1} lines {words.NEVER_RAN}"
        width = len(lines[last - 1]) if last <= len(lines) else 0
        yield Mark(Span(first, 0, last, width), "never-ran", words.NEVER_RAN, label, whole=True)


def _order(mark: Mark) -> tuple[tuple[int, ...], int]:
    return (mark.span.order, -mark.weight)
