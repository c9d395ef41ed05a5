"""What changed between two runs of one cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_branchcov.reports.changes import since
from ipy_branchcov.reports.live_view import View
from ipy_branchcov.reports.view import mark
from tests.target_programs import targets
from tests.test_cell_marks import PROGRAM, RUNS, measured
from tests.test_record import named
from tests.views import viewed

F = "def f(x):\n    return 1 if x else 2\nfor each in given:\n    f(each)\n"


def test_gained_and_lost_by_place(tmp_path: Path) -> None:
    one, zero, none = (
        named(measured(F, tmp_path / "p.py", each), f"In [{n}]") for n, each in enumerate(([1], [0], []))
    )
    assert since(None, one, "In [0]").words == ""
    assert since(View(one, first="In [0]"), one, "In [0]").words == "no change since the last run"
    changed = since(View(one, first="In [0]"), zero, "In [1]")
    assert changed.words == "+1, −1 since the last run"
    assert {name for _, _, name in changed.new} == {"false"}
    assert since(View(one, first="In [0]"), none, "In [2]").words == "+0, −2 since the last run"
    # The same places under an edit: what the edit adds is neither gained nor lost.
    edited = named(measured(f"y = 3 if given else 4\n{F}", tmp_path / "p.py", [1, 0]), "In [5]")
    assert since(View(one, first="In [0]"), edited, "In [5]").words == "+1, −0 since the last run"


@pytest.mark.slow
def test_the_walk_counts_every_missed_outcome_once(tmp_path: Path) -> None:
    texts = [(path.read_text("utf-8"), ()) for path in targets()] + [(PROGRAM, each) for each in RUNS]
    missed = 0
    for text, given in texts:
        coverage = measured(text, tmp_path / "p.py", given)
        (source,) = viewed(coverage)["sources"]
        assert sum(each["missed"] for each in source["marks"]) == source["missed"] == coverage.totals.missed
        assert source["stops"] == sum(bool(each["label"]) for each in source["marks"])
        missed += source["missed"]
    assert missed > 100


def test_heads_above_what_was_missed(tmp_path: Path) -> None:
    text = "class A:\n    def ok(self):\n        return 1\n    @property\n    def part(self):\n        def inner():\n"
    text += "            return 1 if self else 2\n        return inner()\nA().ok(), A().part\n"
    (source,) = measured(text, tmp_path / "p.py").sources
    assert sorted(mark(source).heads) == [1, 5, 6]
