"""The table of programs with exclusions: each difference from coverage.py has its reason, none is left over."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.excluded_programs import PROGRAMS, compare

pytestmark = pytest.mark.slow  # each program is measured twice, by coverage.py too


@pytest.mark.parametrize("name", [name for name, each in PROGRAMS.items() if not each.optimised])
def test_every_difference_has_its_reason(name: str) -> None:
    assert compare(PROGRAMS[name]) == list(PROGRAMS[name].differences)


def test_every_difference_under_o_has_its_reason() -> None:
    command = [sys.executable, "-O", "-m", "tests.excluded_programs"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    expected = {name: list(each.differences) for name, each in PROGRAMS.items() if each.optimised}
    assert json.loads(ended.stdout) == expected
