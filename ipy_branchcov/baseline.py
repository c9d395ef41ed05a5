"""What an earlier coverage took and a later one did not, in sources that are still the same."""

from __future__ import annotations

import json
from pathlib import Path

from ipy_branchcov.model.coverage import BranchCoverage, Coverage, SourceCoverage
from ipy_branchcov.model.source import Source, cell_text
from ipy_branchcov.sources import read_source


def regressions(baseline: Coverage, current: Coverage) -> list[str]:
    """One line for each arm that the baseline took, in unchanged source, and that is not taken any more."""
    by_key = {coverage.key: coverage for coverage in current.sources}
    lines = []
    for before in baseline.sources:
        now = by_key.get(before.key)
        if now is None and not _still_there(before.source):
            continue
        branches = {} if now is None else {branch.key: branch for branch in now.branches}
        for branch in before.branches:
            lines += _lost(before, branch, branches.get(branch.key))
    return lines


def _lost(source: SourceCoverage, before: BranchCoverage, now: BranchCoverage | None) -> list[str]:
    taken = set() if now is None else {outcome.name for outcome in now.outcomes if outcome.taken}
    line, column = before.span.start
    return [
        f"{source.source.name}:{line}:{column + 1}: {before.kind} {outcome.name}: taken in the baseline, not any more"
        for outcome in before.outcomes
        if outcome.taken and not outcome.excluded and outcome.name not in taken
    ]


def _still_there(source: Source) -> bool:
    """Whether the file or the notebook's cell of that name has the same text today."""
    if source.kind == "file":
        found = read_source(source.name)
        return found is not None and found.digest == source.digest
    path, _, cell = source.name.rpartition("#")
    try:
        cells = json.loads(Path(path).read_text("utf-8"))["cells"]
        texts = [
            "".join(each["source"]) for number, each in enumerate(cells, 1) if cell in (each.get("id"), str(number))
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return any(Source(source.name, cell_text(text)).digest == source.digest for text in texts)
