"""The tour in a live JupyterLab: what stands on the page, where, in both themes, and on the next day."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("selenium")
pytest.importorskip("PIL")

from tests import axe  # noqa: E402
from tests.jupyterlab import Lab, opened  # noqa: E402
from tests.sight import CONTRASTS  # noqa: E402

TOUR = Path(__file__).parents[1] / "notebooks" / "tour.ipynb"

#: The rows of a view: line number, text, [marked text, state], labels.
ROWS = """
return [...arguments[0].querySelectorAll('.branchcov-widget .row')].map((row) => {
  const text = row.querySelector('.text').cloneNode(true);
  const labels = [...text.querySelectorAll('.label')].map((label) => { label.remove(); return label.textContent; });
  const marks = [...row.querySelectorAll('.mark.missed, .mark.never-ran')].map((mark) => mark.textContent);
  return [Number(row.querySelector('.number').textContent), text.textContent, marks, labels];
});
"""

#: Of these, the ones with labels in the view of the cell `slots`: line number, marked text, labels.
SLOTS = [
    (5, ["stop <= now", "begin >= end"], ["never true", "never true"]),
    (6, [], ["never ran"]),
    (7, ["begin - now >= shortest"], ["never false"]),
    (10, ["now < end", "end - now >= shortest"], ["never false", "never false"]),
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with opened(TOUR) as lab:
        lab.run_all()
        lab.until("return document.querySelectorAll('.branchcov-widget').length >= 7")
        yield lab


def test_marks_stand_in_the_lines(lab: Lab) -> None:
    rows = lab.driver.execute_script(ROWS, lab.cells()[4])
    typed = next(cell["source"] for cell in json.loads(TOUR.read_text())["cells"] if cell["id"] == "slots")
    assert [row[1] for row in rows] == "".join(typed).split("\n")
    assert [(number, marks, labels) for number, _, marks, labels in rows if labels] == SLOTS


def test_the_record_is_hidden_while_the_widget_lives(lab: Lab) -> None:
    shown = "return [...document.querySelectorAll('.branchcov-record')].map((record) => record.checkVisibility())"
    assert set(lab.driver.execute_script(shown)) == {False}


def test_keys_walk_over_what_was_missed(lab: Lab) -> None:
    for key in "nnpnn":
        lab.driver.execute_script(
            "const view = arguments[0].querySelector('.branchcov-widget');"
            "(view.contains(document.activeElement) ? document.activeElement : view)"
            "  .dispatchEvent(new KeyboardEvent('keydown', {key: arguments[1], bubbles: true}));",
            lab.cells()[4],
            key,
        )
        time.sleep(0.3)
    assert lab.driver.execute_script("return document.activeElement.ariaLabel") == "line 6: never ran"
    lab.driver.execute_script(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'p', bubbles: true}));"
    )
    time.sleep(0.3)
    assert lab.driver.execute_script("return document.activeElement.ariaLabel") == "begin >= end: never true"
    card = lab.cells()[4].find_element("css selector", ".branchcov-widget .card")
    table = [row.text for row in card.find_elements("css selector", "tbody tr")]
    # Before 3.12 nothing of ours runs when an outcome is covered.
    values = " with begin=600 end=1020 busy=[(600, 660), (780, 840)] start=540 shortest=30"
    first_hit = "first by In [5]" + (values if sys.version_info >= (3, 12) else "")
    assert table == ["true ✗never covered required", f"false ✓covered required {first_hit}"]
    assert card.text.startswith("operand of or: begin >= end")
    sentence = lab.driver.execute_script(
        "return document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent"
    )
    assert sentence.startswith("or: true never covered; false covered, first by In [5]")


#: Folded sources and legends open, and the details of a place in each view.
OPEN = """
for (const view of document.querySelectorAll('.branchcov-widget')) {
  for (const each of view.querySelectorAll('details')) each.open = true;
  if (view.querySelector('.help').ariaExpanded === 'false') view.querySelector('.help').click();
  if (!view.querySelector('.pinned')) view.querySelector('.handle')?.click();
}
"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing_in_the_views(lab: Lab, theme: str) -> None:
    lab.theme(theme)
    lab.driver.execute_script(OPEN)
    time.sleep(0.5)
    passed, faults = axe.check(lab.driver, ".branchcov-widget")
    assert faults == []
    assert {"color-contrast", "aria-valid-attr-value", "nested-interactive", "summary-name", "target-size"} <= passed


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_text_is_readable(lab: Lab, theme: str) -> None:
    lab.theme(theme)
    lab.driver.execute_script(OPEN)
    time.sleep(0.5)
    ratios = lab.driver.execute_script(CONTRASTS, ".branchcov-widget")
    assert ratios
    print(theme, "least contrast:", sorted((round(ratio, 2), name) for name, ratio in ratios.items())[:3])
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


def test_the_next_day_the_record_stands(lab: Lab) -> None:
    """Saved with the front end's own settings, opened with a fresh kernel."""
    lab.theme("Light")
    lab.command("docmanager:save")
    saved = lab.file.read_text()
    assert "widget-view" not in saved and "branchcov-record" in saved
    lab.command("kernelmenu:shutdown")
    lab.open()
    lab.until("return document.querySelectorAll('.branchcov-record').length >= 7")
    assert lab.driver.find_elements("css selector", ".branchcov-widget") == []
    page = lab.driver.execute_script("return document.body.textContent")
    assert "model not found" not in page and "Loading widget" not in page
    shown = "return [...document.querySelectorAll('.branchcov-record')].map((record) => record.checkVisibility())"
    assert set(lab.driver.execute_script(shown)) == {True}


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing_in_the_records(lab: Lab, theme: str) -> None:
    lab.theme(theme)
    passed, faults = axe.check(lab.driver, ".branchcov-record")
    assert faults == []
    assert "color-contrast" in passed
