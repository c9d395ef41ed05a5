"""Ordinary programs whose expectation stands on the line: ``# outcomes: TF T-``.

One group a branch in column order, one letter an outcome (its first), ``-`` where it was missed. Branches that are
counted by their operands alone have no group.
"""

from __future__ import annotations

import re
from pathlib import Path

from ipy_branchcov.model import Coverage, SourceCoverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from tests.mechanisms import unexpected

FOLDER = Path(__file__).parent / "targets"
_EXPECTED = re.compile(r"outcomes: ([A-Z\- ]+)$")


def targets() -> list[Path]:
    return sorted(FOLDER.glob("*.py"))


def run(path: Path, tracer: str, *, counts: bool = False, late: bool = False) -> SourceCoverage:
    """The coverage of one target, run as a script under a tracer, which has to use its mechanism.

    ``late``: the tracer meets the script's code when it runs.
    """
    session = Session(RunOptions(counts=counts, tracer=tracer))
    session.add_source(str(path))
    with session.measuring("target") as run:
        code = compile(path.read_text("utf-8"), str(path), "exec", dont_inherit=True)
        exec(code if late else session.instrument(code), {"__name__": "__main__", "__file__": str(path)})
    assert unexpected(session.mechanisms, tracer, counts=counts, late=late) == []
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
