"""What happened: the outcomes of branches, summed by source. ``a + b`` merges, in any order and grouping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from ipy_branchcov.model.branch import uncounted
from ipy_branchcov.model.decisions import Proofs
from ipy_branchcov.model.source import SourceKey
from ipy_branchcov.model.source_coverage import SourceCoverage, source_order
from ipy_branchcov.model.totals import Totals


@dataclass(frozen=True)
class Coverage:
    """All that was measured: sources in order of their names, and the interpreters that ran them.

    ``lost`` has one line for people for each piece that should be here and is not: the data of a killed process.
    """

    sources: tuple[SourceCoverage, ...] = ()
    python: frozenset[str] = frozenset()
    counted: bool = True
    lost: frozenset[str] = frozenset()

    @cached_property
    def totals(self) -> Totals:
        return sum((source.totals for source in self.sources), Totals())

    @property
    def mcdc(self) -> Proofs | None:
        """Conditions, and how many are shown; None where no decisions were asked for."""
        if all(source.decisions is None for source in self.sources):
            return None
        return sum((source.mcdc for source in self.sources), Proofs())

    def without_decisions(self) -> Coverage:
        """The same without decisions, for who did not ask for them."""
        return replace(self, sources=tuple(replace(source, decisions=None) for source in self.sources))

    def with_decisions(self) -> Coverage:
        """The same with the decisions of all sources whose text is known."""
        return replace(self, sources=tuple(source.with_decisions() for source in self.sources))

    @property
    def summary(self) -> str:
        """The totals in words; without outcomes that count, why there are none."""
        outcomes = [outcome for source in self.sources for branch in source.branches for outcome in branch.outcomes]
        if self.totals.outcomes:
            return str(self.totals)
        if outcomes:
            return uncounted(outcomes)
        if not self.sources:
            return "nothing measured yet"
        unmeasured = [note for source in self.sources for note in source.unmeasured]
        all_of_it = all(source.unmeasured or source.source.kind == "cell" for source in self.sources)
        return unmeasured[0] if unmeasured and all_of_it else "no branches in what ran"

    def __iter__(self) -> Iterator[SourceCoverage]:
        return iter(self.sources)

    def __add__(self, other: Coverage) -> Coverage:
        if not isinstance(other, Coverage):
            return NotImplemented
        return merge([self, other])

    def self_check(self) -> None:
        """Raise ValueError, in one line, where the invariants of the model do not hold."""
        order = [source_order(source.source) for source in self.sources]
        if order != sorted(order) or len({source.key for source in self.sources}) < len(self.sources):
            raise ValueError("the sources are not in order, or one stands there twice")
        for source in self.sources:
            source.self_check()
        outcomes = [o for s in self.sources for b in s.branches for o in b.outcomes]
        counted = [outcome for outcome in outcomes if outcome.required and not outcome.excluded]
        if self.totals != Totals(len(counted), sum(outcome.covered for outcome in counted)):
            raise ValueError(f"the totals are {self.totals}, and the outcomes are others")
        if not self.counted and any(outcome.hits > 1 for outcome in outcomes):
            raise ValueError("hits above 1 where nothing was counted")

    def select(self, wanted: Callable[[SourceCoverage], bool]) -> Coverage:
        return replace(self, sources=tuple(filter(wanted, self.sources)))


def merge(parts: Iterable[Coverage]) -> Coverage:
    """Sum coverages: hits add up, a line is missed where every part missed it, or has it excluded.

    The empty coverage changes nothing. Where one part has no exact counts, the sum has none. Linear in the parts, of
    which one is held at a time: they can be a thousand files.
    """
    counted = True
    totals: dict[SourceKey, SourceCoverage] = {}
    python: set[str] = set()
    lost: set[str] = set()
    for part in parts:
        counted = counted and part.counted
        python |= part.python
        lost |= part.lost
        for source in part.sources:
            known = totals.get(source.key)
            totals[source.key] = source if known is None else known + source
    merged = [each if counted else _flat(each) for each in totals.values()]
    merged.sort(key=lambda coverage: source_order(coverage.source))
    return Coverage(tuple(merged), frozenset(python), counted, frozenset(lost))


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
