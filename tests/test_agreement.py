"""Tracers and oracle agree, with exact counts, on the targets. Random programs are those of ``test_truth``."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_branchcov.tracing.choice import tracers
from tests import target_programs
from tests.agreement import compare

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", target_programs.targets(), ids=lambda path: path.stem)
def test_targets(path: Path) -> None:
    result = compare(path.name, path.read_text("utf-8"), str(path), list(tracers()))
    lines = path.read_text("utf-8").splitlines()
    # What a pragma excludes is no branch less for the oracle, which reads none.
    assert [each for each in result.differences if "pragma" not in each] == [], lines[0]
    assert result.decisions
