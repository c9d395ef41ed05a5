"""A source -> its functions and classes, each with the outcomes of its own code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ipy_branchcov.model.selection import bodies
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.span import Span
from ipy_branchcov.model.totals import Totals

#: The name of what stands outside of all functions and classes.
TOP = "top level"


@dataclass(frozen=True)
class Function:
    """A function or class. ``line``: where its body begins; ``never_ran``: nothing in its body did.

    Inner functions have entries of their own, and do not count for the one around them.
    """

    name: str
    line: int
    totals: Totals
    never_ran: bool

    @property
    def complete(self) -> bool:
        return not (self.totals.missed or self.never_ran)


def functions(coverage: SourceCoverage) -> Iterator[Function]:
    """In source order; those without outcomes that count are left out, unless they never ran.

    The first one is what stands outside of all of them, so that the sum is that of the source.
    """
    defined = sorted(bodies(coverage.source), key=lambda each: each[0].start)
    named: dict[str, list[Span]] = {}
    for span, name in defined:
        named.setdefault(name, []).append(span)
    totals: dict[Span, Totals] = {}
    outside: Function | None = None
    for branch in coverage.branches:
        body = _around(branch.span, named.get(branch.function.replace("<locals>.", ""), ()))
        if body is not None:
            totals[body] = totals.get(body, Totals()) + branch.totals
        elif branch.totals.outcomes:
            outside = outside or Function(TOP, branch.span.line, Totals(), never_ran=False)
            outside = replace(outside, totals=outside.totals + branch.totals)
    if outside is not None:
        yield outside
    hits = coverage.line_hits
    for span, name in defined:
        never_ran = coverage.never_ran(span) or _missed(span, hits)
        mine = totals.get(span, Totals())
        if never_ran or mine.outcomes:
            yield Function(name, span.line, mine, never_ran)


def _around(place: Span, spans: Sequence[Span]) -> Span | None:
    """Which of the bodies of one name, as of a property and its setter, has a place; None where there are none."""
    return next((each for each in spans if each.start <= place.start < each.end), next(iter(spans), None))


def _missed(span: Span, hits: dict[int, int]) -> bool:
    lines = [hits[line] for line in range(span.line, span.end_line + 1) if line in hits]
    return bool(lines) and not any(lines)
