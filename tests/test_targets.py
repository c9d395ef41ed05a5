"""Every target under every tracer that this Python has: what happened is what stands on the line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.tracing.choice import tracers
from tests import target_programs


@pytest.mark.parametrize("tracer", tracers())
@pytest.mark.parametrize("path", target_programs.targets(), ids=lambda path: path.stem)
@pytest.mark.parametrize("late", [False, True], ids=["given", "late"])
def test_target(path: Path, tracer: str, late: bool) -> None:
    found = target_programs.found(target_programs.run(path, tracer, late=late))
    assert found == target_programs.expected(path.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("path", target_programs.targets(), ids=lambda path: path.stem)
def test_counts_agree(path: Path) -> None:
    runs = [target_programs.run(path, tracer, counts=True) for tracer in tracers()]
    assert all(hits(run) == hits(runs[0]) and run.missed_lines == runs[0].missed_lines for run in runs)


def hits(run: SourceCoverage) -> list[Branch]:
    """The branches without who took their outcomes first: not every tracer reports values."""
    return [
        replace(branch, outcomes=tuple(replace(each, first=None) for each in branch.outcomes))
        for branch in run.branches
    ]
