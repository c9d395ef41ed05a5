"""All that has an oracle agrees with it under every tracer, on a slice of the random programs.

The long run is ``python -m tests.truth --programs 2050 --minutes 60``; with ``--seed`` it goes on where it stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.truth import KINDS, Compared, compare, of_seeds, report

#: How many on each Python, and the first: other ones on each.
PROGRAMS = 12
FIRST = PROGRAMS * sys.version_info[1]

SMALL = """\
def f(a, b):
    for each in [a, b]: each = (
        1
        if each else 2
    )
    return a == 1 and (a or b) is True


f(1, 0), f(1, 1)
print(f(1, 2))
"""


@pytest.mark.slow
def test_one_program_is_compared_in_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(SMALL, "utf-8")
    found = compare("small", SMALL, str(path), seed=3)
    assert not found.differ, found.differences
    assert all(found.counts[kind] for kind in ("runs", "outcomes", "values", "parts", "evaluations"))


def test_no_program_begins_when_the_time_is_over() -> None:
    assert list(of_seeds(range(4), jobs=1, until=0)) == []


@pytest.mark.slow
def test_random_programs(capsys: pytest.CaptureFixture[str]) -> None:
    total = Compared()
    for each in of_seeds(range(FIRST, FIRST + PROGRAMS), jobs=2):
        total += each
    with capsys.disabled():
        print("", *report(total), sep="\n")
    assert [found for kind in KINDS for found in total.differences[kind]] == []
    assert total.programs == PROGRAMS * 5 // 4
    assert all(total.counts[kind] > least * PROGRAMS for kind, least in LEAST.items())


#: Of each kind so much at least, in each program.
LEAST = {"runs": 6, "outcomes": 1000, "values": 200, "lines": 500, "parts": 500, "evaluations": 5, "exclusions": 1}
