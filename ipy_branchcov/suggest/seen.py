"""Arguments that were seen: in the values at first hits that a coverage has, and kept from calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.suggest.describe import parse
from ipy_branchcov.suggest.target import Arguments, Target
from ipy_branchcov.suggest.values import OMITTED, Named, Value, parts

_MOST = 12


def of_first_hits(coverage: Coverage, source: Source, target: Target) -> Iterator[Arguments]:
    """Arguments at the first hits of a function's branches, where all that it needs were recorded, and as literals."""
    found = 0
    function = target.function.__qualname__
    for each in coverage:
        if each.source.digest != source.digest:
            continue
        for branch in each.branches:
            for outcome in branch.outcomes if branch.function == function else ():
                call = _call(dict(outcome.first.values), target) if outcome.first else None
                if call is not None and found < _MOST:
                    found += 1
                    yield call


def _call(values: dict[str, str], target: Target) -> Arguments | None:
    found: list[Value] = []
    for each in target.parameters:
        written = values.get(each.name)
        value = None if written is None else _literal(written)
        if value is None and each.required:
            return None
        found.append(OMITTED if value is None else value[0])
    return tuple(found) if found else None


def _literal(written: str) -> tuple[Value] | None:
    """The value that a short text shows, where it shows all of it."""
    if "..." in written or "…" in written:
        return None
    try:
        value = parse(ast.parse(written, mode="eval").body, {})
    except (SyntaxError, ValueError, RecursionError):
        return None
    return None if any(isinstance(each, Named) for _, each in parts(value)) else (value,)
