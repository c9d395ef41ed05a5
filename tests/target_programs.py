"""Ordinary programs whose expectation stands on the line: ``# arms: TF T-``.

One group a branch in column order, one letter an arm (its first), ``-`` where it was missed. Branches that are
counted by their operands alone have no group.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from ipy_branchcov.model import Coverage, SourceCoverage
from ipy_branchcov.session import Session

FOLDER = Path(__file__).parent / "targets"
_EXPECTED = re.compile(r"arms: ([A-Z\- ]+)$")


def targets() -> list[Path]:
    return sorted(FOLDER.glob("*.py"))


def run(path: Path, tracer: str, *, counts: bool = False) -> SourceCoverage:
    """The coverage of one target, run as a script under a tracer."""
    session = Session(counts=counts, tracer=tracer)
    session.add_source(str(path))
    with session.measuring("target") as run:
        runpy.run_path(str(path), run_name="__main__")
    (source,) = _only(run.coverage)
    return source


def _only(coverage: Coverage) -> tuple[SourceCoverage, ...]:
    assert len(coverage.sources) == 1, [source.source.name for source in coverage]
    return coverage.sources


def expected(text: str) -> dict[int, str]:
    lines = enumerate(text.splitlines(), 1)
    return {number: match[1].strip() for number, line in lines if (match := _EXPECTED.search(line))}


def found(coverage: SourceCoverage) -> dict[int, str]:
    groups: dict[int, list[str]] = {}
    for branch in coverage.branches:
        if all("operands" in outcome.reason for outcome in branch.outcomes):
            continue
        letters = "".join(o.name[0].upper() if o.hits else "-" for o in branch.outcomes)
        groups.setdefault(branch.span.line, []).append(letters)
    return {line: " ".join(letters) for line, letters in groups.items()}
