"""What an earlier coverage covered and a later one did not, in sources that are still the same."""

from __future__ import annotations

import json
from pathlib import Path

from ipy_branchcov.data.source_files import read_regular, read_source
from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, cell_text
from ipy_branchcov.model.source_coverage import SourceCoverage


def regressions(baseline: Coverage, current: Coverage, root: Path) -> list[str]:
    """One line for each outcome that the baseline covered, in unchanged source, and that is not covered any more.

    A source that was not measured now counts where its file or notebook cell below ``root`` still has the same text.
    Outcomes that are excluded, then or now, do not count.
    """
    by_key = {coverage.key: coverage for coverage in current.sources}
    lines = []
    for before in baseline.sources:
        now = by_key.get(before.key)
        if now is None and not _still_there(before.source, root):
            continue
        branches = {} if now is None else {branch.key: branch for branch in now.branches}
        for branch in before.branches:
            lines += _lost(before, branch, branches.get(branch.key))
    return lines


def _lost(source: SourceCoverage, before: Branch, now: Branch | None) -> list[str]:
    kept = set() if now is None else {outcome.name for outcome in now.outcomes if outcome.covered or outcome.excluded}
    line, column = before.span.start
    return [
        f"{source.source.name}:{line}:{column + 1}: {before.kind} {outcome.name}: covered in the baseline, not any more"
        for outcome in before.outcomes
        if outcome.covered and not outcome.excluded and outcome.name not in kept
    ]


def _still_there(source: Source, root: Path) -> bool:
    """Whether the file or the notebook's cell of that name has the same text today."""
    if source.kind == "file":
        found = read_source(str(root / source.name), source.name)
        return found is not None and found.digest == source.digest
    path, _, cell = source.name.rpartition("#")
    try:
        cells = json.loads(read_regular(str(root / path)) or b"")["cells"]
        texts = [
            "".join(each["source"]) for number, each in enumerate(cells, 1) if cell in (each.get("id"), str(number))
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):  # no notebook
        return False
    return any(Source(source.name, cell_text(text)).digest == source.digest for text in texts)
