"""A line of data with hundreds of conditions: what a report costs grows with the line, not with its square."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.reports import pages, terminal
from ipy_branchcov.reports.live_view import View
from ipy_branchcov.reports.record import record
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

REPORTS: dict[str, Callable[[Coverage], object]] = {
    "text": terminal.render,
    "coloured text": lambda coverage: terminal.render(coverage, color=True),
    "record": lambda coverage: record(coverage, whole=True),
    "widget": lambda coverage: View(coverage).source(0),
    "pages": lambda coverage: pages.render(coverage, "a long line"),
}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Coverage, Coverage]:
    """The coverages of a line, and of one that is twice as long."""
    folder = tmp_path_factory.mktemp("lines")
    short, long = (_measured(folder / f"line_{count}.py", count) for count in (250, 500))
    return short, long


def _measured(path: Path, count: int) -> Coverage:
    text = f"x = 3\ny = {' or '.join(f'x == {number}' for number in range(count))}\n"
    path.write_text(text)
    session = Session(RunOptions(source=(str(path),)), root=path.parent)
    with session.measuring("a test") as run:
        exec(session.instrument(compile(text, str(path), "exec", dont_inherit=True)), {})
    assert run.coverage.totals.outcomes == 2 * count
    return run.coverage


def _calls(made: Callable[[Coverage], object], coverage: Coverage) -> int:
    """How many calls it takes to make a report, those of functions in C included."""
    made(coverage)  # what is imported and remembered once
    fresh = Coverage(coverage.sources, coverage.python)
    count = 0

    def profile(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        made(fresh)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("name", REPORTS)
def test_a_line_twice_as_long_costs_at_most_little_more_than_twice(name: str, lines: tuple[Coverage, Coverage]) -> None:
    short, long = (_calls(REPORTS[name], each) for each in lines)
    assert long < 2.3 * short
