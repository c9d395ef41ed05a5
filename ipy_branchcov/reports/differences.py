"""What changed between two coverages, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ipy_branchcov.data.diff import Change, Diff
from ipy_branchcov.model.coverage import Coverage

SCHEMA = "ipy_branchcov/diff/1"
#: Characters of a branch's text in a line.
_LONGEST = 60


def render(diff: Diff) -> str:
    """The text: what was lost and is new and missed, then what was gained, by source; the last line sums it up."""
    missed = [each for each in diff.added if not each.outcome.covered]
    lines = [
        line
        for word, changes in (("lost", diff.lost), ("new, missed", missed), ("gained", diff.gained))
        for line in _lines(word, changes)
    ]
    lines += [f"not measured: {line}" for line in diff.unmeasured]
    return "\n".join([*lines, sentence(diff)])


def sentence(diff: Diff) -> str:
    """The diff in one line."""
    missed = sum(not each.outcome.covered for each in diff.added)
    parts = [f"{len(diff.gained)} gained, {len(diff.lost)} lost"]
    if diff.added:
        parts.append(f"{len(diff.added)} new, {missed} of them missed")
    if diff.removed:
        parts.append(f"{len(diff.removed)} removed")
    return f"branchcov: {'; '.join(parts)}; {_percent(diff.old)} before, {_percent(diff.new)} now"


def _percent(coverage: Coverage) -> str:
    return coverage.totals.percentage if coverage.totals.outcomes else "no branches"


def _lines(word: str, changes: Sequence[Change]) -> Iterator[str]:
    for name, group in groupby(changes, lambda each: each.source.name):
        yield f"{word}: {name}"
        for each in group:
            line, column = each.branch.span.start
            function = f" {each.branch.function}" if each.branch.function else ""
            text = each.source.snippet(each.branch.span, _LONGEST) if each.source.text else each.branch.kind
            was = each.before.span.line if each.before is not None else line
            moved = f" (line {was} before)" if was != line else ""
            yield f"  {line}:{column + 1}{function}: {text}: {each.outcome.name}{moved}"


def to_json(diff: Diff) -> str:
    """The same as JSON, ending in a newline; spans as in the data file."""
    data: dict[str, Any] = {"schema": SCHEMA}
    for name, coverage in (("old", diff.old), ("new", diff.new)):
        totals = coverage.totals
        data[name] = {"outcomes": totals.outcomes, "covered": totals.covered, "percent": totals.percent}
    for name, changes in (
        ("gained", diff.gained),
        ("lost", diff.lost),
        ("added", diff.added),
        ("removed", diff.removed),
    ):
        data[name] = [_change(each) for each in changes]
    data["unmeasured"] = diff.unmeasured
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _change(each: Change) -> dict[str, Any]:
    return {
        "source": each.source.name,
        "function": each.branch.function,
        "kind": each.branch.kind,
        "span": list(each.branch.span),
        "before": None if each.before is None else list(each.before.span),
        "outcome": each.outcome.name,
        "covered": each.outcome.covered,
    }
