"""A view that follows, on the page of a live JupyterLab."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("selenium")

from tests.jupyterlab import opened  # noqa: E402

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
return [views.length, ...[...cell.querySelectorAll('.branchcov-widget .label')].map((label) => label.textContent)];
"""


def test_the_view_follows_on_the_page(tmp_path: Path) -> None:
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(each) for each in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), tmp_path / "watch.ipynb")
    with opened(tmp_path / "watch.ipynb") as lab:
        for _ in range(3):
            lab.command("notebook:run-cell-and-select-next")
        lab.until("return document.querySelectorAll('.branchcov-widget').length === 1")
        assert lab.driver.execute_script(LABELS) == [1, "never ran"]
        lab.command("notebook:run-cell-and-select-next")
        lab.until("return document.querySelector('.branchcov-widget .label.new')?.textContent === 'new: false'")
        assert lab.driver.execute_script(LABELS) == [1, "never ran", "new: false", "never true"]
        lab.command("notebook:run-cell-and-select-next")
        lab.until("return document.querySelector('.branchcov-widget .label.new')?.textContent === 'new: true'")
        assert lab.driver.execute_script(LABELS) == [1, "new: true"]
        lab.command("docmanager:save")
        (output,) = json.loads(lab.file.read_text())["cells"][2]["outputs"]
        assert "".join(output["data"]["text/plain"]) == "branchcov: 2 of 2 arms taken (100.0%)"
