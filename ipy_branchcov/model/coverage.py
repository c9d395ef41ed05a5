"""What happened: outcomes of arms, summed by source. ``a + b`` merges, in any order and grouping."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ipy_branchcov.model.source import Source, Span


@dataclass(frozen=True, slots=True)
class Taker:
    """Who took an arm first (a cell label, a test) and the values of names then, as short texts."""

    by: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def order(self) -> tuple[object, ...]:
        return (natural(self.by), sorted(self.values.items()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """An arm and its hits. Hits are exact where the coverage is counted, else 0 or 1."""

    name: str
    hits: int = 0
    required: bool = True
    excluded: bool = False
    reason: str = ""
    first: Taker | None = None

    @property
    def taken(self) -> bool:
        return self.hits > 0

    @property
    def missed(self) -> bool:
        """A required arm that was not taken; optional and excluded arms are never missed."""
        return self.required and not self.excluded and not self.hits

    def __add__(self, other: Outcome) -> Outcome:
        takers = [o.first for o in (self, other) if o.first is not None]
        return replace(
            self,
            hits=self.hits + other.hits,
            required=self.required or other.required,
            excluded=self.excluded and other.excluded,
            reason="" if self.required or other.required else min(self.reason, other.reason),
            first=min(takers, key=lambda taker: taker.order, default=None),
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """Required arms, and how many of them were taken."""

    arms: int = 0
    taken: int = 0

    @property
    def missed(self) -> int:
        return self.arms - self.taken

    @property
    def percent(self) -> float | None:
        """One decimal. None for no arms; 0 and 100 are never reached by rounding.

        >>> Totals(3000, 2999).percent, Totals(3000, 1).percent, Totals().percent
        (99.9, 0.1, None)
        """
        if not self.arms:
            return None
        percent = round(100 * self.taken / self.arms, 1)
        if percent >= 100 and self.taken < self.arms:
            return 99.9
        return 0.1 if percent <= 0 and self.taken else percent

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.arms + other.arms, self.taken + other.taken)

    def __str__(self) -> str:
        if self.percent is None:
            return "no branches"
        arms = "arm" if self.arms == 1 else "arms"
        return f"{self.taken} of {self.arms} {arms} taken ({self.percent:.1f}%)"


@dataclass(frozen=True, slots=True)
class BranchCoverage:
    """A branch with the outcome of each of its arms."""

    kind: str
    span: Span
    outcomes: tuple[Outcome, ...]
    function: str = ""

    @property
    def key(self) -> tuple[Span, str]:
        return (self.span, self.kind)

    @property
    def missed(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.missed)

    @property
    def taken(self) -> bool:
        """Whether any arm was taken."""
        return any(outcome.hits for outcome in self.outcomes)

    @property
    def totals(self) -> Totals:
        counted = [o for o in self.outcomes if o.required and not o.excluded]
        return Totals(len(counted), sum(o.taken for o in counted))

    def __getitem__(self, name: str) -> Outcome:
        """The outcome of the arm of that name. Raises KeyError."""
        for outcome in self.outcomes:
            if outcome.name == name:
                return outcome
        raise KeyError(name)

    def __add__(self, other: BranchCoverage) -> BranchCoverage:
        ours = {outcome.name: outcome for outcome in self.outcomes}
        for outcome in other.outcomes:
            ours[outcome.name] = ours[outcome.name] + outcome if outcome.name in ours else outcome
        return replace(self, outcomes=tuple(ours.values()), function=min(self.function, other.function))


@dataclass(frozen=True)
class SourceCoverage:
    """One source's branches in source order, and its lines with code that never ran.

    ``note`` is one line for people, where something could not be measured exactly; "" elsewhere.
    """

    source: Source
    branches: tuple[BranchCoverage, ...] = ()
    missed_lines: frozenset[int] = frozenset()
    note: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies a source when data merge: its text and its name, which ``In [3]`` is not."""
        source = self.source
        nameless = source.kind == "cell" and "#" not in source.name
        return (source.digest,) if nameless else (source.digest, source.name)

    @cached_property
    def totals(self) -> Totals:
        return sum((branch.totals for branch in self.branches), Totals())

    @property
    def line_hits(self) -> dict[int, int]:
        """Lines with code, in order, and 1 where it ran: exact for lines, as hits belong to arms."""
        lines = dict.fromkeys(self.source.statement_lines, 1)
        lines.update((branch.span.line, 1) for branch in self.branches if branch.taken)
        known = lines.keys() | {branch.span.line for branch in self.branches}
        lines.update((line, 0) for line in self.missed_lines if line in known or not self.source.statement_lines)
        return dict(sorted(lines.items()))

    @property
    def missed_ranges(self) -> list[tuple[int, int]]:
        """Missed lines as inclusive ranges.

        >>> SourceCoverage(Source("a", ""), (), frozenset({2, 3, 7})).missed_ranges
        [(2, 3), (7, 7)]
        """
        ranges: list[tuple[int, int]] = []
        for line in sorted(self.missed_lines):
            if ranges and ranges[-1][1] == line - 1:
                ranges[-1] = (ranges[-1][0], line)
            else:
                ranges.append((line, line))
        return ranges

    def __add__(self, other: SourceCoverage) -> SourceCoverage:
        merged = {branch.key: branch for branch in self.branches}
        for branch in other.branches:
            merged[branch.key] = merged[branch.key] + branch if branch.key in merged else branch
        branches = sorted(merged.values(), key=lambda branch: (branch.span.order, branch.kind))
        best = min(self.source, other.source, key=_source_order)
        known = max(self.source, other.source, key=lambda source: len(source.text))
        if not best.text and known.text:
            best = replace(best, text=known.text, compiled=known.compiled)
        note = "\n".join(sorted({n for c in (self, other) for n in c.note.split("\n") if n}))
        return SourceCoverage(best, tuple(branches), self.missed_lines & other.missed_lines, note)


@dataclass(frozen=True)
class Coverage:
    """All that was measured: sources in order of their names, and the interpreters that ran them."""

    sources: tuple[SourceCoverage, ...] = ()
    python: frozenset[str] = frozenset()
    counted: bool = True

    @cached_property
    def totals(self) -> Totals:
        return sum((source.totals for source in self.sources), Totals())

    def __iter__(self) -> Iterator[SourceCoverage]:
        return iter(self.sources)

    def __add__(self, other: Coverage) -> Coverage:
        if not isinstance(other, Coverage):
            return NotImplemented
        return merge([self, other])

    def select(self, wanted: Callable[[SourceCoverage], bool]) -> Coverage:
        return replace(self, sources=tuple(filter(wanted, self.sources)))


def merge(parts: Iterable[Coverage]) -> Coverage:
    """Sum coverages: hits add up, a line is missed where every part missed it.

    The empty coverage is neutral. Exact counts and mere taken/missed merge to taken/missed. Linear in the parts.
    """
    parts = list(parts)
    counted = all(part.counted for part in parts)
    groups: dict[tuple[str, ...], list[SourceCoverage]] = {}
    for part in parts:
        for source in part.sources:
            groups.setdefault(source.key, []).append(source)
    merged = [_sum(group) if counted else _flat(_sum(group)) for group in groups.values()]
    merged.sort(key=lambda coverage: _source_order(coverage.source))
    return Coverage(tuple(merged), frozenset().union(*(part.python for part in parts)), counted)


def _sum(group: list[SourceCoverage]) -> SourceCoverage:
    total = group[0]
    for other in group[1:]:
        total = total + other
    return total


def _flat(source: SourceCoverage) -> SourceCoverage:
    """The same with hits of 0 or 1."""
    if not any(outcome.hits > 1 for branch in source.branches for outcome in branch.outcomes):
        return source
    return replace(
        source,
        branches=tuple(
            replace(branch, outcomes=tuple(replace(o, hits=min(o.hits, 1)) for o in branch.outcomes))
            for branch in source.branches
        ),
    )


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """A sort key in which ``In [9]`` comes before ``In [10]``."""
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", text) if part)


def _source_order(source: Source) -> tuple[object, ...]:
    return (source.kind, natural(source.name), source.digest, source.path or "")
