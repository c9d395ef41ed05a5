"""Coverage <-> the JSON form. The report and the data file are one form, ``ipy_branchcov/1``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ipy_branchcov.errors import DataError
from ipy_branchcov.model.coverage import (
    BranchCoverage,
    Coverage,
    Outcome,
    SourceCoverage,
    Taker,
    Totals,
)
from ipy_branchcov.model.source import Source, Span

SCHEMA = "ipy_branchcov/1"


def dumps(coverage: Coverage, *, texts: bool = False) -> str:
    """The JSON text of a coverage, ending in a newline. ``texts``: also the text of files, not of cells alone."""
    return json.dumps(to_dict(coverage, texts=texts), ensure_ascii=False, indent=1) + "\n"


def loads(text: str, name: str) -> Coverage:
    """Read :func:`dumps`' form. ``name`` stands in the messages. Raises DataError."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DataError(f"{name}: not a complete data file ({error}); measure again to write it anew") from None
    if not isinstance(data, dict) or not str(data.get("schema", "")).startswith("ipy_branchcov/"):
        raise DataError(f'{name}: not a data file of branchcov (no "schema": "{SCHEMA}")')
    if data["schema"] != SCHEMA:
        raise DataError(f"{name}: written as {data['schema']}, this version reads {SCHEMA}; upgrade ipy-branchcov")
    try:
        return from_dict(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{name}: damaged data file ({error!r}); measure again to write it anew") from None


def to_dict(coverage: Coverage, *, texts: bool = False) -> dict[str, Any]:
    """The JSON form; ``texts``: those of files too."""
    return {
        "schema": SCHEMA,
        "python": sorted(coverage.python),
        "counted": coverage.counted,
        "totals": _totals(coverage.totals),
        "sources": [_source(source, texts) for source in coverage.sources],
    }


def _totals(totals: Totals) -> dict[str, Any]:
    return {"arms": totals.arms, "taken": totals.taken, "percent": totals.percent}


def _source(coverage: SourceCoverage, texts: bool) -> dict[str, Any]:
    source = coverage.source
    data = {
        "name": source.name,
        "kind": source.kind,
        "path": source.path,
        "digest": source.digest,
        "text": source.text if source.kind == "cell" or texts else None,
        "totals": _totals(coverage.totals),
        "missed_lines": [list(lines) for lines in coverage.missed_ranges],
        "branches": [_branch(branch) for branch in coverage.branches],
    }
    if coverage.note:
        data["note"] = coverage.note
    return data


def _branch(branch: BranchCoverage) -> dict[str, Any]:
    return {
        "kind": branch.kind,
        "span": list(branch.span),
        "function": branch.function,
        "arms": [_arm(outcome) for outcome in branch.outcomes],
    }


def _arm(outcome: Outcome) -> dict[str, Any]:
    first = outcome.first
    data: dict[str, Any] = {
        "name": outcome.name,
        "hits": outcome.hits,
        "required": outcome.required,
        "excluded": outcome.excluded,
        "first": None if first is None else {"by": first.by, "values": dict(first.values)},
    }
    if outcome.reason:
        data["reason"] = outcome.reason
    return data


def from_dict(data: Mapping[str, Any]) -> Coverage:
    """The inverse of :func:`to_dict`. Raises KeyError, TypeError or ValueError for another shape."""
    return Coverage(
        tuple(_read_source(source) for source in data["sources"]),
        frozenset(str(version) for version in data["python"]),
        bool(data["counted"]),
    )


def _read_source(data: Mapping[str, Any]) -> SourceCoverage:
    if data["kind"] not in ("cell", "file"):
        raise ValueError(f"unknown kind of source {data['kind']!r}")
    if not all(isinstance(data[key], str) for key in ("name", "digest")):
        raise TypeError("name and digest are texts")
    source = Source(data["name"], data["text"] or "", data["kind"], data["path"], known_digest=data["digest"])
    lines = frozenset(n for first, last in data["missed_lines"] for n in range(first, last + 1))
    branches = tuple(_read_branch(branch) for branch in data["branches"])
    return SourceCoverage(source, branches, lines, data.get("note", ""))


def _read_branch(data: Mapping[str, Any]) -> BranchCoverage:
    span = Span(*(int(n) for n in data["span"]))
    return BranchCoverage(data["kind"], span, tuple(_read_arm(arm) for arm in data["arms"]), data["function"])


def _read_arm(data: Mapping[str, Any]) -> Outcome:
    first, hits = data["first"], int(data["hits"])
    if hits < 0:
        raise ValueError(f"negative hits: {hits}")
    return Outcome(
        data["name"],
        hits,
        bool(data["required"]),
        bool(data["excluded"]),
        data.get("reason", ""),
        None if first is None else Taker(first["by"], dict(first["values"])),
    )
