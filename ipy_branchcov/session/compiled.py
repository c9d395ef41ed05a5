"""Functions that another compiler was given: what its code does is not Python's, and shows no branches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from types import CodeType

from ipy_branchcov.analysis.staleness import lines_with_code
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, SourceKey
from ipy_branchcov.model.source_coverage import SourceCoverage


def with_compiled(
    coverage: Coverage, given: Iterable[tuple[CodeType, str]], source_of: Callable[[CodeType], Source | None]
) -> Coverage:
    """The same with a note for each function in which something is missed, and which a package compiles.

    ``given``: the functions' code, and the packages.
    """
    given = list(given)
    if not given:  # as in most runs
        return coverage
    nested = {id(each) for code, _ in given for each in code.co_consts}
    by_source: dict[SourceKey, list[tuple[CodeType, str, int]]] = {}
    for code, package in given:
        if id(code) not in nested and (source := source_of(code)) is not None:
            whole, above = source.within or (source, 0)
            by_source.setdefault(whole.key, []).append((code, package, above))
    found = tuple(_noted(each, by_source.get(each.key, ())) for each in coverage.sources)
    return replace(coverage, sources=found)


def _noted(coverage: SourceCoverage, compiled: Iterable[tuple[CodeType, str, int]]) -> SourceCoverage:
    """``compiled``: each code, the package, and the number of lines above it in the whole of which it is a part."""
    missed = coverage.missed_lines | {branch.span.line for branch in coverage.missed}
    notes = coverage.notes
    for code, package, above in compiled:
        if not missed.isdisjoint(line + above for line in lines_with_code([code])):
            place = f"{coverage.source.name}: {code.co_qualname} (line {code.co_firstlineno + above})"
            notes.append(f"{place}: compiled by {package}: what runs there is unseen and counts as missed")
    return replace(coverage, note="\n".join(notes))
