"""Source and outcomes -> marks on lines: what every view for people draws."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

from ipy_branchcov.model.coverage import BranchCoverage, Coverage, SourceCoverage
from ipy_branchcov.model.source import Span

#: An arm that was taken just now: digest of its source, key of its branch, its name.
NewArm = tuple[str, tuple[Span, str], str]
State = Literal["missed", "never-ran", "taken", "optional", "excluded"]

_NEVER = {
    "body": "never entered",
    "exhausted": "never exhausted",
    "match": "never matched",
    "nomatch": "always matched",
}
_COMPOSITE = "counted by its operands"


@dataclass(frozen=True)
class Mark:
    """A place worth a look. ``label`` is empty where nothing is missed; ``branch`` None for code that never ran."""

    span: Span
    state: State
    label: str = ""
    branch: BranchCoverage | None = None

    @property
    def weight(self) -> int:
        """Which of two marks on one place shows: the greater."""
        return ("optional", "taken", "excluded", "missed", "never-ran").index(self.state)

    @property
    def composite(self) -> bool:
        """Whether it is a test that its operands count for."""
        return self.branch is not None and all(outcome.reason == _COMPOSITE for outcome in self.branch.outcomes)


@dataclass(frozen=True)
class Segment:
    """A piece of one line under the same marks; ``marks`` from the widest to the innermost."""

    text: str
    column: int
    marks: tuple[Mark, ...]

    @property
    def mark(self) -> Mark | None:
        """The one that shows: code that never ran, or else the innermost."""
        ran_not = [mark for mark in self.marks if mark.state == "never-ran"]
        return ran_not[0] if ran_not else self.marks[-1] if self.marks else None


@dataclass(frozen=True)
class MarkedSource:
    """A source's lines with their marks, in source order. ``missed``: lines with code that never ran."""

    coverage: SourceCoverage
    marks: tuple[Mark, ...]

    @cached_property
    def lines(self) -> list[str]:
        """The source's lines, without the empty one behind the last line end."""
        lines = self.coverage.source.lines
        return lines if not lines or lines[-1] else lines[:-1]

    @property
    def missed(self) -> frozenset[int]:
        return self.coverage.missed_lines

    @cached_property
    def _by_line(self) -> dict[int, list[Mark]]:
        lines: dict[int, list[Mark]] = {}
        for mark in self.marks:
            for line in range(mark.span.line, mark.span.end_line + 1):
                lines.setdefault(line, []).append(mark)
        return lines

    def on(self, line: int) -> list[Mark]:
        """The marks that touch a line, in order of their start, the wider first."""
        return self._by_line.get(line, [])

    def extent(self, mark: Mark, line: int) -> tuple[int, int]:
        """The columns of a mark on a line, without the white space at its edges."""
        text = self.lines[line - 1]
        start = mark.span.column if mark.span.line == line else len(text) - len(text.lstrip())
        end = mark.span.end_column if mark.span.end_line == line else len(text.rstrip())
        return start, max(start, end)

    def segments(self, line: int) -> list[Segment]:
        """A line cut where marks begin and end."""
        text = self.lines[line - 1]
        extents = [(mark, *self.extent(mark, line)) for mark in self.on(line)]
        cuts = sorted({0, len(text), *(c for _, start, end in extents for c in (start, end) if 0 <= c <= len(text))})
        return [
            Segment(text[a:b], a, tuple(mark for mark, start, end in extents if start <= a and b <= end))
            for a, b in pairwise(cuts)
        ]

    def worth(self, line: int) -> bool:
        """Whether something missed begins on a line."""
        return line in self.missed or any(mark.label and mark.span.line == line for mark in self.on(line))

    def touched(self, line: int) -> bool:
        """Whether something missed stands on a line, begun there or before: labels may stand where it ends."""
        return line in self.missed or any(mark.label for mark in self.on(line))


def mark(coverage: SourceCoverage) -> MarkedSource:
    """Mark one source."""
    marks = [*_branch_marks(coverage), *_silent_regions(coverage)]
    marks.sort(key=lambda each: (each.span.order, -each.weight))
    return MarkedSource(coverage, tuple(marks))


def ordered(coverage: Coverage, first: str | None, *, durable: bool = False) -> list[SourceCoverage]:
    """Sources as they are read: the named one first, then most missed arms first. Empty ones are left out.

    ``durable``: those with as many in the order of their texts, not of their names, which differ from run to run.
    """
    shown = [s for s in coverage.sources if s.branches or s.missed_lines or s.note or s.source.name == first]
    if durable:
        shown.sort(key=lambda s: (s.source.kind, s.source.text))
    return sorted(shown, key=lambda s: (s.source.name != first, -s.totals.missed))


def titles(sources: Sequence[SourceCoverage], first: str | None, *, durable: bool) -> list[str]:
    """What sources are called. ``durable``: without execution counts, so that the same run gives the same text."""
    if not durable:
        return [source.source.name for source in sources]
    found = []
    for source in sources:
        if source.source.kind == "file":
            found.append(source.source.name)
        elif source.source.name == first:
            found.append("this cell")
        else:
            head = next((line.strip() for line in source.source.lines if line.strip() and line[0] not in "%#"), "")
            found.append(f"another cell, {head.rstrip(':')!r}" if head else "another cell")
    return found


def describe(branch: BranchCoverage, *, counted: bool = False) -> str:
    """A branch in words: its kind, its arms and what became of them."""
    parts = []
    for outcome in branch.outcomes:
        word = "taken" if outcome.hits else "not taken"
        if outcome.hits and counted:
            word = "taken once" if outcome.hits == 1 else f"taken {outcome.hits} times"
        if outcome.excluded:
            word += ", excluded"
        elif not outcome.required:
            word += f", optional: {outcome.reason}"
        parts.append(f"{outcome.name} {word}")
    return f"{branch.kind}: " + "; ".join(parts)


def _branch_marks(coverage: SourceCoverage) -> Iterator[Mark]:
    for branch in coverage.branches:
        missed = branch.missed
        if all(line in coverage.missed_lines for line in range(branch.span.line, branch.span.end_line + 1)):
            continue  # the whole line says it
        if any(outcome.excluded for outcome in branch.outcomes):
            yield Mark(branch.span, "excluded", "", branch)
        elif not missed:
            yield Mark(branch.span, "taken" if branch.totals.arms else "optional", "", branch)
        elif not branch.taken:
            yield Mark(branch.span, "never-ran", "never ran", branch)
        else:
            label = ", ".join(_NEVER.get(outcome.name, f"never {outcome.name}") for outcome in missed)
            yield Mark(branch.span, "missed", label, branch)


def _silent_regions(coverage: SourceCoverage) -> Iterator[Mark]:
    """Parts of lines that hold no branch of their own and never ran, for the arm before them was not taken."""
    try:
        tree = coverage.source.tree()
    except (SyntaxError, ValueError):
        return
    found = {branch.key: branch for branch in coverage.branches}
    untaken = {branch.span for branch in coverage.branches if not branch.taken}
    source = coverage.source

    def hits(node: ast.AST, kind: str, arm: str) -> bool | None:
        branch = found.get((source.span(node), kind))
        return None if branch is None or not branch.taken else bool(branch[arm].hits)

    for node in ast.walk(tree):
        regions: list[ast.AST] = []
        match node:
            case ast.IfExp():
                if hits(node.test, "ifexp", "true") is False:
                    regions.append(node.body)
                if hits(node.test, "ifexp", "false") is False:
                    regions.append(node.orelse)
            case ast.BoolOp():
                kind, goes_on = ("and", "true") if isinstance(node.op, ast.And) else ("or", "false")
                if hits(node.values[-2], kind, goes_on) is False:
                    regions.append(node.values[-1])
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                if any(hits(test, "comp-if", "true") is False for g in node.generators for test in g.ifs):
                    regions += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for region in regions:
            span = source.span(region)
            if span not in untaken and span.line not in coverage.missed_lines:
                yield Mark(span, "never-ran", "never ran")
