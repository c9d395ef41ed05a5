"""What a view offers about a miss in a live JupyterLab: to find an input, to insert it; and what other runs covered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("selenium")

from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

from tests import axe  # noqa: E402
from tests.jupyterlab import RUN_ONE, Lab, browser, server, written  # noqa: E402

PARTS = """\
def outer(n):
    return "big" if n > 4711 else "small"
def endless(n):
    return 1 if isinstance(n, int) and n * 0 != 0 else 2"""
CELLS = ["%load_ext ipy_branchcov", PARTS, "%%branchcov\nouter(1), endless(1)", "last = 1"]


@pytest.fixture(scope="module", params=["lab", "notebook"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("inputs")
    path = written(folder / "inputs.ipynb", CELLS)
    with server(folder) as address, browser(height=1300) as driver:
        lab = Lab(driver, address, path.name, request.param)
        lab.file = path
        lab.run_all()
        lab.until("return document.querySelector('.branchcov-widget details .handle')")
        yield lab


def run(lab: Lab, script: str, *arguments: Any) -> Any:
    return lab.driver.execute_script(f"const root = document.querySelector('.branchcov-widget'); {script}", *arguments)


def press(lab: Lab, *keys: str) -> None:
    for key in keys:
        ActionChains(lab.driver).send_keys(key).perform()
        time.sleep(0.2)


def pin(lab: Lab, name: str) -> None:
    """Pin the details of a place by the keyboard."""
    find = (
        "const found = [...root.querySelectorAll('.handle')].find((each) => each.ariaLabel.startsWith(arguments[0]));"
    )
    run(lab, find + "found.focus({focusVisible: true})", name)
    if run(lab, find + "return found.ariaExpanded", name) != "true":
        press(lab, Keys.ENTER)


FOCUS = "return document.activeElement.ariaLabel ?? document.activeElement.textContent"
FOUND = "return root.querySelector('.pinned .found .value')?.textContent"
CELL_TEXTS = """
const { content } = window.jupyterapp.shell.currentWidget;
return [content.activeCellIndex, content.widgets.map(({ model }) => model.sharedModel.getSource())];
"""


def test_an_input_is_found_and_inserted_by_keys_alone(lab: Lab) -> None:
    pin(lab, "n > 4711")
    press(lab, Keys.TAB, Keys.TAB)  # the first is the way to the cell that covered the other outcome
    assert run(lab, FOCUS) == "find an input that covers true of n > 4711, by calls of outer"
    press(lab, Keys.ENTER)
    assert lab.until("return document.querySelector('.pinned .found .value')?.textContent").startswith("outer(")
    assert run(lab, FOCUS) == "find an input that covers true of n > 4711, by calls of outer", "the focus was lost"
    spoken = run(lab, "return root.querySelector('.pinned [role=status]').textContent")
    assert spoken.startswith("found outer(")
    faults = axe.check(lab.driver, ".branchcov-widget .pinned")[1]
    assert faults == []
    press(lab, Keys.TAB)
    assert run(lab, FOCUS) == "insert as a cell"
    press(lab, Keys.ENTER)
    time.sleep(0.5)
    active, texts = lab.driver.execute_script(CELL_TEXTS)
    assert active == 3 and len(texts) == 5 and texts[4] == "last = 1"
    assert texts[3].startswith("%%branchcov\nouter(") and "# line 2: n > 4711: true" in texts[3]


#: Of the first view: the one of the inserted cell says the same of other runs, and may say it before.
NOTED = "document.querySelector('.branchcov-widget').querySelector('.others:not([hidden])')"


def test_the_view_says_what_other_runs_covered(lab: Lab) -> None:
    notes = (
        "return [...root.querySelectorAll('.others')].filter((each) => !each.hidden).map((each) => each.textContent)"
    )
    assert run(lab, notes) == []
    inserted = "return window.jupyterapp.shell.currentWidget.content.widgets[3].model.id"
    lab.driver.execute_script(RUN_ONE, lab.driver.execute_script(inserted))
    said = "other runs covered 1 of the outcomes missed here; the marks in the cell show all runs together"
    lab.until(f"return {NOTED}")
    assert run(lab, notes) == [said]
    lab.command("branchcov:show-in-cells")
    lab.until(f"return {NOTED} === null")
    lab.command("branchcov:show-in-cells")
    lab.until(f"return {NOTED}")


def test_a_search_is_stopped_by_the_same_button(lab: Lab) -> None:
    pin(lab, "n * 0 != 0")
    run(lab, "root.querySelector('.pinned .finding .act').click()")
    lab.until("return document.querySelector('.pinned .progress').textContent.endsWith('calls tried …')")
    assert run(lab, "return root.querySelector('.pinned .finding .act').ariaLabel") == "stop looking"
    run(lab, "root.querySelector('.pinned .finding .act').click()")
    said = lab.until("return document.querySelector('.pinned [role=status]').textContent")
    assert said.startswith("stopped; found none in ")
    # What was found stays when the details are closed.
    press(lab, Keys.ESCAPE)
    pin(lab, "n * 0 != 0")
    assert run(lab, "return root.querySelector('.pinned [role=status]').textContent") == said


@pytest.mark.parametrize("theme", ["Dark", "Light", "forced"])
def test_axe_finds_nothing_in_any_theme(lab: Lab, theme: str) -> None:
    """What was found, its buttons, and the comment that exempts: beside each other, their texts can be read."""
    pin(lab, "n > 4711")
    forced = "active" if theme == "forced" else "none"
    media = {"features": [{"name": "forced-colors", "value": forced}]}
    lab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    if theme != "forced":
        lab.theme(theme)
    try:
        assert run(lab, "return root.querySelector('.pinned .offers .act') !== null")
        passed, faults = axe.check(lab.driver, ".branchcov-widget .pinned", ".branchcov-widget .tools")
        assert faults == []
        assert {"button-name", "aria-valid-attr-value"} <= passed
        assert theme == "forced" or "color-contrast" in passed
    finally:
        lab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_nothing_of_it_is_saved(lab: Lab) -> None:
    lab.command("docmanager:save")
    assert "find an input" not in lab.file.read_text("utf-8")


def test_without_the_extension_the_call_is_selected_or_copied(lab: Lab) -> None:
    pin(lab, "n > 4711")
    selected = """
    root.addEventListener('branchcov:insert', (event) => event.stopPropagation());
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    root.querySelector('.pinned .offers .act').click();
    return [String(getSelection()), root.querySelector('.pinned .offers').textContent];
    """
    text, shown = run(lab, selected)
    assert text.startswith("outer(") and shown.endswith("selected: press Ctrl+C")
