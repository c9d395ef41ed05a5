"""What happened in one source: the outcomes of its branches, the lines and parts of lines that never ran."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from ipy_branchcov.model.branch import Branch, natural, uncounted
from ipy_branchcov.model.decision_sites import decisions
from ipy_branchcov.model.decisions import Decision, Proofs
from ipy_branchcov.model.regions import Region, regions
from ipy_branchcov.model.source import UNPARSABLE, PlaceInFile, Source, SourceKey
from ipy_branchcov.model.span import Cover, Span, widest
from ipy_branchcov.model.statements import reachable, spans_one_of
from ipy_branchcov.model.totals import Totals

#: The words of a note about code that was not measured.
_UNMEASURED = re.compile(r"\b(not|cannot be) measured\b|^compiled: ")


@dataclass(frozen=True)
class SourceCoverage:
    """One source's branches in source order, its lines with code that never ran, and parts of other lines.

    ``note`` has one line for people for each thing that could not be measured exactly; "" elsewhere. ``missed_spans``
    are the parts that never ran though their line did; none lies within another. Nothing is said of
    ``excluded_lines``: they are neither missed nor covered. ``decisions``: those of two or more conditions, in source
    order; None where they were not asked for.
    """

    source: Source
    branches: tuple[Branch, ...] = ()
    missed_lines: frozenset[int] = frozenset()
    note: str = ""
    missed_spans: frozenset[Span] = frozenset()
    excluded_lines: frozenset[int] = frozenset()
    decisions: tuple[Decision, ...] | None = None

    @property
    def key(self) -> SourceKey:
        """Sources with the same key are merged."""
        return self.source.key

    @property
    def missed(self) -> tuple[Branch, ...]:
        """The branches with a missed outcome; each has its own ``missed``."""
        return tuple(branch for branch in self.branches if branch.missed)

    @cached_property
    def totals(self) -> Totals:
        return sum((branch.totals for branch in self.branches), Totals())

    @property
    def summary(self) -> str:
        """The totals in words; without outcomes that count, why there are none."""
        outcomes = [outcome for branch in self.branches for outcome in branch.outcomes]
        if self.totals.outcomes or not (outcomes or self.unmeasured):
            return str(self.totals)
        return uncounted(outcomes) if outcomes else "not measured"

    @property
    def notes(self) -> list[str]:
        """The lines of ``note``."""
        return self.note.split("\n") if self.note else []

    @property
    def unmeasured(self) -> list[str]:
        """The notes that say that some of its code ran, or was there to run, and was not measured."""
        return [note for note in self.notes if _UNMEASURED.search(note)]

    @cached_property
    def missed_parts(self) -> tuple[Span, ...]:
        """The :attr:`missed_spans` in source order."""
        return tuple(sorted(self.missed_spans, key=lambda span: span.order))

    @cached_property
    def missed_regions(self) -> tuple[Region, ...]:
        """What the missed parts are, where the text is known."""
        if not (self.missed_spans and self.source.text):
            return ()
        try:
            lines = sorted({span.line for span in self.missed_spans})
            live = (each for each in reachable(self.source.tree()) if spans_one_of(each, lines))
            found = regions(self.source.tree(), self.source.span, live)
            return tuple(region for region in found if region.span in self.missed_spans)
        except UNPARSABLE:
            return ()

    @cached_property
    def never_called(self) -> frozenset[Span]:
        """The missed parts that are the body of a lambda or function, where the text is known.

        Without those of generators and coroutines, which a call does not run yet.
        """
        return frozenset(region.span for region in self.missed_regions if region.runs_when_called)

    @cached_property
    def _cover(self) -> Cover:
        return Cover(self.missed_spans)

    def never_ran(self, span: Span) -> bool:
        """Whether it is known that nothing in a span ran. Where a test raised, it has no outcome, and ran."""
        return span.line in self.missed_lines or self._cover.contains(span)

    def never_reached(self, branch: Branch) -> bool:
        """Whether it is known that a branch was not even begun: where its test raised, it has no outcome either."""
        span = branch.span
        if branch.kind == "compare":  # its left operand may have run, in the comparison before it
            return any(part.start < span.end == part.end for part in self.missed_spans) or self.never_ran(span)
        return self.never_ran(span)

    @property
    def last_line(self) -> int:
        """The last line that a branch or a missed place has; 0 without any."""
        spans = (*(branch.span for branch in self.branches), *self.missed_spans)
        return max((*(span.end_line for span in spans), *self.missed_lines, *self.excluded_lines), default=0)

    @property
    def line_hits(self) -> dict[int, int]:
        """Lines with code that is not excluded, in order: 1 where it ran, else 0. Outcomes are counted, not lines.

        A statement stands for all its lines, where not some of them alone are missed.
        """
        starts = self.source.statement_lines
        lines = dict.fromkeys(starts.values(), 1)
        lines.update((branch.span.line, 1) for branch in self.branches if branch.covered)
        known = lines.keys() | {branch.span.line for branch in self.branches}
        for line in self.missed_lines:
            if line in known or starts.get(line) not in self.missed_lines:
                lines[line] = 0
        return dict(sorted((line, hits) for line, hits in lines.items() if line not in self.excluded_lines))

    @property
    def missed_ranges(self) -> list[tuple[int, int]]:
        """Missed lines as inclusive ranges."""
        return ranges(self.missed_lines)

    def self_check(self) -> None:
        """Raise ValueError where branches are not in order, or something lies outside the text."""
        name, order = self.source.name, [(branch.span.order, branch.kind) for branch in self.branches]
        if order != sorted(set(order)):
            raise ValueError(f"{name}: its branches are not in source order, or one stands there twice")
        for branch in self.branches:
            branch.self_check()
        if not self.source.text:
            return
        for span in (*(branch.span for branch in self.branches), *self.missed_spans):
            if not self.source.holds(span):
                raise ValueError(f"{name}: {span} lies outside the text")
        last = len(self.source.lines)
        if outside := sorted(line for line in self.missed_lines if not 1 <= line <= last):
            raise ValueError(f"{name}: missed lines {outside} of {last} lines")
        if both := sorted(self.missed_lines & self.excluded_lines):
            raise ValueError(f"{name}: lines {both} are both missed and excluded")
        if double := [span for span in self.missed_spans if span.line in self.missed_lines]:
            raise ValueError(f"{name}: {double[0]} is part of a line that is missed as a whole")

    def placed(self) -> SourceCoverage:
        """The same in the whole, where the source is a part: of a cell, below a cell magic, or of a file."""
        if self.source.in_file is not None:
            return self._in_file(self.source.in_file)
        if self.source.within is None:
            return self
        whole, above = self.source.within
        return replace(
            self,
            source=whole,
            branches=tuple(replace(each, span=each.span.moved(above)) for each in self.branches),
            missed_lines=frozenset(line + above for line in self.missed_lines),
            missed_spans=frozenset(span.moved(above) for span in self.missed_spans),
            excluded_lines=frozenset(line + above for line in self.excluded_lines),
            decisions=None if self.decisions is None else tuple(each.moved(above) for each in self.decisions),
        )

    def _in_file(self, place: PlaceInFile) -> SourceCoverage:
        """The same in the file; nothing is said of the lines around the part."""
        prefix = f"{place.function}.<locals>."
        around = frozenset(range(1, len(place.file.lines) + 1)) - frozenset(place.lines)
        return replace(
            self,
            source=place.file,
            branches=tuple(
                replace(
                    each, span=place.span(each.span), function=f"{prefix}{each.function}".removesuffix(".<locals>.")
                )
                for each in self.branches
            ),
            missed_spans=frozenset(map(place.span, self.missed_spans)),
            excluded_lines=self.excluded_lines | around,
        )

    def __add__(self, other: SourceCoverage) -> SourceCoverage:
        merged = {branch.key: branch for branch in self.branches}
        for branch in other.branches:
            merged[branch.key] = merged[branch.key] + branch if branch.key in merged else branch
        branches = sorted(merged.values(), key=lambda branch: (branch.span.order, branch.kind))
        best = min(self.source, other.source, key=source_order)
        known = max(self.source, other.source, key=lambda source: len(source.text))
        if not best.text and known.text:
            best = replace(best, text=known.text, compiled=known.compiled)
        note = "\n".join(sorted({*self.notes, *other.notes}))
        # Of an excluded line the other part alone knows whether it ran.
        missed = (self.missed_lines & (other.missed_lines | other.excluded_lines)) | (
            other.missed_lines & self.excluded_lines
        )
        excluded = self.excluded_lines & other.excluded_lines
        either = (span for span in self.missed_spans | other.missed_spans if span.line not in missed)
        spans = frozenset(widest(span for span in either if self._may_be_missed(span) and other._may_be_missed(span)))
        return SourceCoverage(best, tuple(branches), missed, note, spans, excluded, self._decisions_with(other))

    def _decisions_with(self, other: SourceCoverage) -> tuple[Decision, ...] | None:
        """The decisions of a sum. Of a part that has none, its outcomes prove what they can."""
        if self.decisions is None and other.decisions is None:
            return None
        sums: dict[Span, Decision] = {}
        for part in (self, other):
            for each in part.decisions or ():
                sums[each.span] = sums[each.span] + each if each.span in sums else each
        for part in (self, other):
            if part.decisions is None:
                branches = {branch.key: branch for branch in part.branches}
                sums = {span: each + each.observed(branches) for span, each in sums.items()}
        return tuple(sorted(sums.values(), key=lambda each: each.span.order))

    def with_decisions(self) -> SourceCoverage:
        """The same with its decisions, as far as outcomes prove their evaluations where none were followed.

        Without the text of a source its decisions are not known; then it has a note.
        """
        if self.decisions is not None:
            return self
        try:
            tree = self.source.tree() if self.source.text or not self.branches else None
        except UNPARSABLE:
            tree = None
        if tree is None:
            note = f"{self.source.name}: MC/DC not measured: its text is not known"
            return replace(self, note="\n".join([*self.notes, note]))
        branches = {branch.key: branch for branch in self.branches}
        found = decisions(self.source, tree, self.branches)
        return replace(self, decisions=tuple(each.observed(branches) for each in found))

    @property
    def mcdc(self) -> Proofs:
        """Conditions of its decisions, and how many are shown."""
        return sum((each.totals for each in self.decisions or ()), Proofs())

    def _may_be_missed(self, span: Span) -> bool:
        """Whether this part of a sum does not know that a span ran."""
        return span.line in self.excluded_lines or self.never_ran(span)


def ranges(lines: Iterable[int]) -> list[tuple[int, int]]:
    """Lines as inclusive ranges.

    >>> ranges({7, 2, 3})
    [(2, 3), (7, 7)]
    """
    found: list[tuple[int, int]] = []
    for line in sorted(lines):
        if found and found[-1][1] == line - 1:
            found[-1] = (found[-1][0], line)
        else:
            found.append((line, line))
    return found


def source_order(source: Source) -> tuple[object, ...]:
    """The order of sources by their names."""
    return (source.kind, natural(source.name), source.digest, source.path or "")
