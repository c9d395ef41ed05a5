"""What was missed in a source, by function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ipy_branchcov.model.source_coverage import ranges
from ipy_branchcov.model.totals import Totals
from ipy_branchcov.reports.view import MarkedSource


@dataclass(frozen=True)
class Part:
    """A function or class with something missed: its outcomes, and the lines where misses begin, as inclusive ranges.

    ``name`` is its qualified name; "" for what stands outside of all of them.
    """

    name: str
    totals: Totals
    lines: Sequence[tuple[int, int]]


def parts(marked: MarkedSource) -> list[Part]:
    """The functions with misses, most missed outcomes first."""
    totals: dict[str, Totals] = {}
    for branch in marked.coverage.branches:
        name = branch.function.replace("<locals>.", "")
        totals[name] = totals.get(name, Totals()) + branch.totals
    lines: dict[str, set[int]] = {}
    for each in marked.misses:
        last = each.span.end_line if each.whole else each.span.line
        lines.setdefault(marked.function(each), set()).update(range(each.span.line, last + 1))
    found = [Part(name, totals.get(name, Totals()), ranges(each)) for name, each in lines.items()]
    return sorted(found, key=lambda part: (-part.totals.missed, part.lines[0]))
