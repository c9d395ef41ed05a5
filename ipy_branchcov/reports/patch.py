"""What a change needs: the outcomes on the lines that differ from a git revision."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports.by_line import UNPLACED, Cells

#: The lines that a change has, by the names of files.
ChangedLines = Mapping[str, Collection[int]]

_HUNK = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")


def changed_lines(revision: str, root: Path) -> ChangedLines:
    """The lines of files below ``root`` that were added or changed since HEAD left the history of a git revision.

    What is not committed counts, too. Raises UsageError where git does not know the revision, or is missing.
    """
    commit = _git(root, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").strip()
    base = _git(root, "merge-base", commit, "HEAD").strip()
    options = ("--unified=0", "--no-color", "--no-ext-diff", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/")
    return parse(_git(root, "-c", "core.quotePath=false", "diff", *options, "--relative", base, "--"))


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"a patch needs git ({error.strerror})") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no common history"]
        raise UsageError(f"a patch needs a revision that git knows here: {lines[-1]}")
    return done.stdout.decode("utf-8", "surrogateescape")


def parse(diff: str) -> ChangedLines:
    r"""The new lines of a unified diff without context, by the names of files.

    >>> parse("--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n-a\n+b\n+++ c\n@@ -9,2 +9,0 @@\n-d\n-e\n")
    {'x.py': {1, 2}}
    """
    found: dict[str, set[int]] = {}
    lines: set[int] = set()
    left = 0  # lines of a hunk, whose text can look like a head
    for line in diff.split("\n"):
        if left and line.startswith(("+", "-", "\\")):
            left -= line[0] != "\\"
        elif line.startswith("+++ "):
            name = line[4:].removesuffix("\t").strip('"').removeprefix("b/")
            lines = found.setdefault(name, set())
        elif match := _HUNK.match(line):
            before = re.match(r"@@ -\d+(?:,(\d+))?", line)
            first, count = int(match[1]), int(match[2] or 1)
            lines |= set(range(first, first + count))
            left = count + int((before and before[1]) or 1)
    return found


def select(coverage: Coverage, changed: ChangedLines, cells: Cells = UNPLACED) -> Coverage:
    """What of a coverage lies on changed lines: branches that touch one, and changed lines that never ran."""
    parts = (_select(each, changed, cells) for each in coverage)
    return replace(coverage, sources=tuple(each for each in parts if each is not None))


def _select(coverage: SourceCoverage, changed: ChangedLines, cells: Cells) -> SourceCoverage | None:
    place = cells.places.get(coverage.source.name)
    if place is None:
        lines = set(changed.get(coverage.source.name, ()))
    else:
        wanted = changed.get(coverage.source.name.rpartition("#")[0], ())
        lines = {number for number, line in enumerate(place.lines, 1) if line in wanted}
    if not lines:
        return None
    if not coverage.source.text:
        note = f"{coverage.source.name}: what changed cannot be measured: its text is another one now; run it again"
        return replace(coverage, branches=(), missed_lines=frozenset(), missed_spans=frozenset(), note=note)
    branches = tuple(b for b in coverage.branches if not lines.isdisjoint(range(b.span.line, b.span.end_line + 1)))
    spans = frozenset(span for span in coverage.missed_spans if span.line in lines)
    return replace(coverage, branches=branches, missed_lines=coverage.missed_lines & lines, missed_spans=spans)


def sentence(part: Coverage) -> str:
    """What a change adds, in words; ``part`` is what :func:`select` returned."""
    totals = part.totals
    outcomes = "1 outcome" if totals.outcomes == 1 else f"{totals.outcomes or 'no'} outcomes"
    return f"this change adds {outcomes}" + (f", {totals.missed} missed" if totals.outcomes else "")
