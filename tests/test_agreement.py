"""Tracers and oracle agree, with exact counts, on the targets and on an odd program. Random ones: ``test_truth``.

The long runs are ``python -m tests.agreement --programs 2100`` and, with ``--odd``, of 60 programs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ipy_branchcov.tracing.choice import tracers
from tests import target_programs
from tests.agreement import agree, compare
from tests.odd_programs import odd_program

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", target_programs.targets(), ids=lambda path: path.stem)
def test_targets(path: Path) -> None:
    result = compare(path.name, path.read_text("utf-8"), str(path), list(tracers()))
    lines = path.read_text("utf-8").splitlines()
    # What a pragma excludes is no branch less for the oracle, which reads none.
    assert [each for each in result.differences if "pragma" not in each] == [], lines[0]
    assert result.decisions


def test_odd_programs() -> None:
    """Objects whose truth changes, counts or raises: each is asked as often as plainly."""
    results = list(agree([sys.version_info[1]], list(tracers()), write=odd_program))
    assert [found for each in results for found in each.differences] == []
    assert all(each.decisions > 20 for each in results)
