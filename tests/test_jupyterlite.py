"""The tour in JupyterLite: Python runs in the page, and nothing comes from anywhere but the site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("selenium")
pytest.importorskip("jupyterlite_pyodide_kernel")

from ipy_branchcov.reports.cell_marks import MIME  # noqa: E402
from tests.jupyterlab import PIN  # noqa: E402
from tests.jupyterlite import Lite, build, served  # noqa: E402
from tests.test_browser import ROWS, SLOTS  # noqa: E402


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lite]:
    site = tmp_path_factory.mktemp("lite") / "site"
    build(site)
    with served(site) as lite:
        lite.run_all()
        lite.until("return document.querySelectorAll('.branchcov-widget').length >= 7")
        yield lite


def records(cell: dict[str, Any]) -> list[str]:
    """The text of the coverage below a cell; beside it stand HTML and marks, and nothing else."""
    shown = [each["data"] for each in cell["outputs"] if "branchcov-record" in str(each.get("data", ""))]
    assert all(set(each) - {MIME} == {"text/html", "text/plain"} for each in shown)
    return [each["text/plain"] for each in shown]


def errors(cell: dict[str, Any]) -> list[str]:
    return [each["evalue"] for each in cell["outputs"] if each["output_type"] == "error"]


def test_marks_stand_in_the_lines(lite: Lite) -> None:
    rows = lite.driver.execute_script(ROWS, lite.cells()[5])
    assert [(number, marks, labels) for number, _, marks, labels in rows if labels] == SLOTS


def test_it_tells_who_took_an_outcome_first(lite: Lite) -> None:
    cell = lite.cells()[5]
    lite.driver.execute_script(PIN, cell, "stop <= now")
    assert "covered required first by In [6] with stop=660" in " ".join(
        cell.find_element("css selector", ".branchcov-widget .pinned").text.split()
    )
    # Nobody could look for an input: that needs a fork.
    assert not cell.find_elements("css selector", ".branchcov-widget .finding")


def test_a_cell_that_awaits_shows_its_coverage(lite: Lite) -> None:
    code = """%%branchcov
import asyncio
async def size(x):
    await asyncio.sleep(0)
    return "big" if x > 9 else "small"
await size(3)"""
    cell = lite.run(code)
    assert cell["outputs"][0]["data"]["text/plain"] == "'small'"
    (record,) = records(cell)
    assert record.startswith("branchcov: 1 of 2 outcomes covered (50.0%)") and "never true" in record
    lite.until("return document.querySelectorAll('.branchcov-widget').length >= 8")
    # The same cell without await, by the way whose end IPython itself reports: shown once, too.
    assert len(records(lite.run("%%branchcov\n1 if len('a') else 2"))) == 1


def test_an_error_fails_the_cell_and_what_ran_is_shown(lite: Lite) -> None:
    for code in ("1 / 0 if len('a') else 2", "await asyncio.sleep(0)\n1 / 0 if len('a') else 2"):
        cell = lite.run("%%branchcov\n" + code)
        assert errors(cell) == ["division by zero"]
        assert [each.split("\n")[0] for each in records(cell)] == ["branchcov: 1 of 2 outcomes covered (50.0%)"]


def test_a_cell_below_the_threshold_fails(lite: Lite) -> None:
    message = "branch coverage 1 of 2 outcomes covered (50.0%) is below 100%"
    for code in ("1 if len('a') else 2", "await asyncio.sleep(0)\n1 if len('a') else 2"):
        assert errors(lite.run("%%branchcov --fail-under 100\n" + code)) == [message]


def test_a_measured_cell_imports_what_pyodide_has(lite: Lite) -> None:
    cell = lite.run("%%branchcov\nimport sniffio\nsniffio.__name__")
    assert errors(cell) == []
    assert cell["outputs"][0]["data"]["text/plain"] == "'sniffio'"


def test_a_view_follows(lite: Lite) -> None:
    lite.run("def kind(x):\n    return 'big' if x > 9 else 'small'")
    lite.run("%branchcov_watch kind")
    lite.run("kind(3)")
    lite.until("return document.querySelector('.branchcov-widget .label.new')?.textContent === 'new: false'")
    lite.run("%branchcov_watch --stop")


def test_html_and_text_are_what_is_saved(lite: Lite) -> None:
    saved = lite.saved()
    assert sum(len(records(cell)) for cell in saved["cells"] if cell["cell_type"] == "code") >= 7
    assert "widget" not in json.dumps([cell.get("outputs") for cell in saved["cells"]])
    assert "widgets" not in saved["metadata"]


def test_unloaded_it_leaves_the_kernel_as_it_was(lite: Lite) -> None:
    lite.run("%unload_ext ipy_branchcov")
    state = (
        "[vars(get_ipython()).get('run_cell_async'), len(get_ipython().kernel.lite_transform_manager.line_transforms)]"
    )
    assert lite.run(state)["outputs"][0]["data"]["text/plain"] == "[None, 1]"
    assert errors(lite.run("await asyncio.sleep(0)\n1 / 0")) == ["division by zero"]


def test_nothing_came_from_elsewhere(lite: Lite) -> None:
    assert lite.refused == []
    # What would have is known, from Python, too.
    assert errors(lite.run("import pyodide.http\nawait pyodide.http.pyfetch('https://pypi.org/simple/')"))
    assert lite.refused == ["https://pypi.org/simple/"]
