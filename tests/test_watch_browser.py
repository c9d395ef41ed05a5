"""A view that follows, on the page of a live JupyterLab."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("selenium")

from tests.jupyterlab import opened, written  # noqa: E402

CELLS = (
    "%load_ext ipy_branchcov",
    "def kind(x):\n    return 'big' if x > 9 else 'small'",
    "%branchcov_watch kind",
    "kind(3)",
    "kind(10)",
)
#: The labels in the view below the cell that watches, and its totals.
LABELS = """
const cell = document.querySelectorAll('.jp-CodeCell')[2];
const views = cell.querySelectorAll('.branchcov-widget');
return [views.length, ...[...cell.querySelectorAll('.branchcov-widget .row .label')].map((label) => label.textContent)];
"""


def test_the_view_follows_on_the_page(tmp_path: Path) -> None:
    with opened(written(tmp_path / "watch.ipynb", CELLS)) as lab:
        for _ in range(3):
            lab.command("notebook:run-cell-and-select-next")
        lab.until("return document.querySelectorAll('.branchcov-widget').length === 1")
        assert lab.driver.execute_script(LABELS) == [1, "never ran"]
        lab.command("notebook:run-cell-and-select-next")
        lab.until("return document.querySelector('.branchcov-widget .row .label.new')?.textContent === 'new: false'")
        assert lab.driver.execute_script(LABELS) == [1, "never ran", "new: false", "never true"]
        lab.command("notebook:run-cell-and-select-next")
        lab.until("return document.querySelector('.branchcov-widget .row .label.new')?.textContent === 'new: true'")
        assert lab.driver.execute_script(LABELS) == [1, "new: true"]
        lab.command("docmanager:save")
        (output,) = json.loads(lab.file.read_text())["cells"][2]["outputs"]
        total = "2 of 2 outcomes covered (100.0%)"
        assert "".join(output["data"]["text/plain"]) == f"branchcov: {total}\nanother cell · kind: {total}"


#: What the reader has done to the view: the pinned place and its outcomes, open folds, the checkbox.
KEPT = """
const view = document.querySelector('.branchcov-widget');
const pinned = view.querySelector('.pinned');
return [
  pinned?.querySelector('.what > b')?.textContent,
  [...(pinned?.querySelectorAll('tbody tr') ?? [])].map((row) => row.className),
  [...view.querySelectorAll('details')].map((fold) => fold.open),
  view.querySelector('input').checked,
];
"""


def test_what_the_reader_did_to_the_view_stays(tmp_path: Path) -> None:
    other = "def other(x):\n    return 1 if x else 2 if x is None else 3"
    cells = [*CELLS[:2], other, "%branchcov_watch kind other", "kind(3)", "other(3)"]
    with opened(written(tmp_path / "watch.ipynb", cells)) as lab:
        for _ in range(5):
            lab.command("notebook:run-cell-and-select-next")
        lab.until("return document.querySelector('.branchcov-widget .totals').textContent.startsWith('1 of 6')")
        lab.driver.execute_script("document.querySelector('.branchcov-widget details > summary').click()")
        lab.until("return document.querySelector('.branchcov-widget details .handle')")
        lab.driver.execute_script(
            """
            document.querySelector('.branchcov-widget input').click();
            document.querySelector('.branchcov-widget .handle[aria-label^="x > 9"]').click();
            """
        )
        before = lab.driver.execute_script(KEPT)
        assert before == ["x > 9", ["missed", "covered"], [True], True]
        for _ in range(2):  # the click chose the cell of the view
            lab.command("notebook:move-cursor-down")
        lab.command("notebook:run-cell")
        lab.until("return document.querySelector('.branchcov-widget .totals').textContent.startsWith('2 of 6')")
        # What a fold shows comes on demand, so after its head; the pin is in it.
        lab.until("return document.querySelector('.branchcov-widget .pinned .what > b')")
        assert lab.driver.execute_script(KEPT) == before
