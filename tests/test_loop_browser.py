"""The loop of work in a live JupyterLab: run again, unfold, walk, go to the cell."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("selenium")

from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402

from tests.jupyterlab import Lab, opened, written  # noqa: E402

HELPERS = """\
class World:
    def __init__(self, size):
        self.size = size

    def full(self, cells):
        return cells >= self.size or self.size < 0

def classify(n):
    if n > 9 and n % 2:
        return "odd"
    return "big" if n > 9 else "small"
"""
USE = "%%branchcov\nworld = World(3)\n[world.full(n) for n in given], classify(len(given))"
FAR = "%%branchcov\n" + "".join(
    f"def f{n}(x, y=0):\n    if x is None or x == '':\n        return y\n    return [v for v in range(x) if v % 3]\n\n"
    for n in range(130)
)
FAR += "f0(3)\nlast = 1 if [] else 2"
CELLS = ["%load_ext ipy_branchcov\ngiven = [1]", HELPERS, USE, FAR]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("loop")
    with opened(written(folder / "loop.ipynb", CELLS), height=900) as lab:
        for _ in CELLS:
            lab.command("notebook:run-cell-and-select-next")
        lab.until("return document.querySelectorAll('.branchcov-widget').length >= 1")
        yield lab


def run(lab: Lab, script: str, *arguments: Any) -> Any:
    return lab.driver.execute_script(f"const root = document.querySelector('.branchcov-widget'); {script}", *arguments)


def choose(lab: Lab, cell: int) -> None:
    """Make a cell the active one, and show it."""
    lab.driver.execute_script(
        "const { content } = window.jupyterapp.shell.currentWidget; content.activeCellIndex = arguments[0];"
        "content.mode = 'command'; return content.scrollToItem(arguments[0], 'start').catch(() => {})",
        cell,
    )
    time.sleep(0.5)


def press(lab: Lab, *keys: str) -> None:
    for key in keys:
        ActionChains(lab.driver).send_keys(key).perform()
        time.sleep(0.3)


STATUS = "return root.querySelector('.status').textContent"
STATE = """
const pinned = root.querySelector('.pinned');
return [pinned?.querySelector('.what > b')?.textContent, root.querySelector('details').open,
  root.querySelector('input').checked, root.querySelector('.changes')?.textContent ?? ''];
"""


def test_the_fold_with_misses_is_open_and_named(lab: Lab) -> None:
    choose(lab, 2)
    lab.until("return document.querySelector('.branchcov-widget details .handle')")
    titles = "return [...root.querySelectorAll('.title')].map((each) => each.textContent)"
    assert run(lab, titles) == ["In [3]", "In [2] · World, classify"]
    chips = "return [...root.querySelectorAll(':is(summary, .named) .label')].map((each) => each.textContent)"
    assert run(lab, chips) == ["6 missed · 1 line never ran"]
    assert run(lab, STATUS) == "6 missed · 1 line never ran"


def test_only_missed_shows_the_functions(lab: Lab) -> None:
    choose(lab, 2)
    run(lab, "root.querySelector('input').click()")
    shown = "return [...root.querySelectorAll('details .row')].filter((row) => row.checkVisibility())"
    shown += ".map((row) => row.querySelector('.text').innerText.trim().split('(')[0].split(':')[0])"
    found = run(lab, shown)
    assert found[:2] == ["class World", "def full"] and "def __init__" not in found and "def classify" in found


def test_the_walk_counts_outcomes(lab: Lab) -> None:
    choose(lab, 2)
    run(lab, "root.querySelector('details .row.worth .handle').focus()")
    seen = []
    for _ in range(7):
        press(lab, "n")
        seen.append(run(lab, STATUS))
    # A place with two missed outcomes is one stop; lines that never ran are stops without a number.
    never = ["line 10: never ran", '"big": never ran']
    assert seen == ["2 of 6", "3 of 6", "4–5 of 6", *never, "6 of 6", "1 of 6"]


def test_running_again_keeps_what_the_reader_set_and_says_what_changed(lab: Lab) -> None:
    choose(lab, 2)
    run(lab, "root.querySelector('details .handle[aria-label^=\"cells >= self.size\"]').click()")
    before = run(lab, STATE)
    assert before == ["cells >= self.size", True, True, ""]
    lab.command("notebook:run-cell")
    lab.until(
        "return document.querySelector('.branchcov-widget .changes')?.textContent === 'no change since the last run'"
    )
    lab.until("return document.querySelector('.branchcov-widget .pinned')")
    assert run(lab, STATE) == [*before[:3], "no change since the last run"]
    model = "window.jupyterapp.shell.currentWidget.content.model.cells"
    lab.driver.execute_script(f"{model}.get(0).sharedModel.setSource('given = range(12)')")
    choose(lab, 0)
    lab.command("notebook:run-cell")
    choose(lab, 2)
    lab.command("notebook:run-cell")
    lab.until("return document.querySelector('.branchcov-widget .changes')?.textContent.startsWith('+')")
    lab.until("return document.querySelector('.branchcov-widget .pinned')")
    assert run(lab, STATE) == [*before[:3], "+4, −2 since the last run"]
    news = "return [...root.querySelectorAll('.row .label.new')].map((each) => each.textContent)"
    assert sorted(run(lab, news)) == ["new: false", "new: true", "new: true", "new: true"]


def test_one_outcome_can_be_exempted_from_here(lab: Lab) -> None:
    choose(lab, 2)
    run(lab, "root.querySelector('details .handle[aria-label^=\"self.size < 0\"]').click()")
    words = "return root.querySelector('.pinned .action:not(.finding) .value').textContent"
    assert run(lab, words) == "# branchcov: no true(self.size < 0)"


def test_the_question_mark_is_a_key(lab: Lab) -> None:
    choose(lab, 2)
    run(lab, "root.querySelector('.handle').focus()")
    press(lab, "?")
    assert "np.where" in run(lab, "return root.querySelector('.legend').innerText")
    press(lab, "?")
    assert run(lab, "return root.querySelector('.legend')") is None


CURSOR = """
const { content } = window.jupyterapp.shell.currentWidget;
const { line } = content.activeCell.editor.getCursorPosition();
return [content.activeCellIndex, line + 1];
"""


def test_numbers_and_takers_lead_to_cells(lab: Lab) -> None:
    choose(lab, 2)
    run(lab, "[...root.querySelectorAll('details .number')].find((each) => each.textContent === '9').click()")
    time.sleep(1)
    assert lab.driver.execute_script(CURSOR) == [1, 9]
    choose(lab, 2)
    run(lab, "root.querySelector('details .handle[aria-label^=\"cells >= self.size\"]').focus()")
    press(lab, "g")
    time.sleep(1)
    assert lab.driver.execute_script(CURSOR) == [1, 6]
    choose(lab, 2)
    run(lab, "root.querySelector('.pinned .lead').click()")
    time.sleep(1)
    assert lab.driver.execute_script(CURSOR)[0] == 2


def test_a_far_place_comes_to_the_middle_and_a_resting_mouse_does_not_matter(lab: Lab) -> None:
    choose(lab, 3)
    lab.until("return document.querySelectorAll('.jp-CodeCell')[3]?.querySelector('.branchcov-widget .handle')")
    view = "const far = [...document.querySelectorAll('.branchcov-widget')].pop();"
    lab.driver.execute_script(f"{view} far.scrollIntoView({{block: 'start'}})")
    ActionChains(lab.driver).move_by_offset(0, 0).perform()
    time.sleep(0.5)
    lab.driver.execute_script(f"{view} far.querySelector('[aria-label=\"previous miss\"]').click()")
    time.sleep(2)
    found = lab.driver.execute_script(
        f"{view} const at = document.activeElement; const box = at.getBoundingClientRect();"
        "return [at.ariaLabel, box.top, innerHeight, far.querySelector('.card:popover-open')?.innerText ?? '']"
    )
    assert found[0] in ("[]: never true", "1: never ran")
    assert 0.25 * found[2] < found[1] < 0.75 * found[2], found


def test_a_saved_notebook_is_small(lab: Lab) -> None:
    lab.command("docmanager:save")
    for cell in json.loads(lab.file.read_text("utf-8"))["cells"]:
        size = sum(len(json.dumps(each["data"], ensure_ascii=False)) for each in cell["outputs"] if "data" in each)
        assert size < 4 * len("".join(cell["source"])) + 2600
