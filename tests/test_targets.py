"""Every target under every tracer that this Python has: what happened is what stands on the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_branchcov.tracing.tracer import tracers
from tests import target_programs


@pytest.mark.parametrize("tracer", tracers())
@pytest.mark.parametrize("path", target_programs.targets(), ids=lambda path: path.stem)
def test_target(path: Path, tracer: str) -> None:
    assert target_programs.found(target_programs.run(path, tracer)) == target_programs.expected(path.read_text("utf-8"))


@pytest.mark.parametrize("path", target_programs.targets(), ids=lambda path: path.stem)
def test_counts_agree(path: Path) -> None:
    runs = [target_programs.run(path, tracer, counts=True) for tracer in tracers()]
    assert all(run.branches == runs[0].branches and run.missed_lines == runs[0].missed_lines for run in runs)
