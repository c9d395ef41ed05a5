"""The interactive view in a live JupyterLab: odd sources, the details, pointer and keys, screen readers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("selenium")

from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

from ipy_branchcov.printable import visible  # noqa: E402
from tests import axe  # noqa: E402
from tests.jupyterlab import Lab, opened, written  # noqa: E402
from tests.sight import lines_seen  # noqa: E402

NESTED = """\
%%branchcov --counts
def f(a, b, c):
    if (a or b) and 0 < c < 10:
        return 1
    if (
        a
        and
        not b
    ):
        x = 1
        y = 2
    return [i if i > 3 and any(i < j for j in (c, 9)) else 0 for i in range(c) if i % 2]

f(1, 0, 5)
f(0, 0, 5)
assert f(0, 0, 5) is not None
with open(__import__("os").devnull) as g: pass"""
SCRIPTS = """\
%%branchcov
def שם(א, ב):
    if א < ב and str("שלום") != "مرحبا":  # הערה
        return "🐍𝒳" if א else "e\u0301"
    名前 = [字 for 字 in "中文𝒳" if 字 > "a"]

שם(1, 2)
"🐍🐍" if len("𝒳") > 1 else "e\u0301e\u0301" if str("中文") > "a" else 0;"""
TABS = """\
%%branchcov
def tabs(x):
\tif x:
\t\treturn x\tif x > 1\telse\t0
  \t# two blanks and a tab
\x0c
tabs(1)"""
LONG = f"""\
%%branchcov
x = 1
if x and {" or ".join(f"(x == {number} and x < {number})" for number in range(40))} or x == {"a" * 300!r}:
    pass"""
BIG = (
    "def big(x):\n"
    + "".join(f"    if x > {each} and x % {each + 2}:\n        x = x + 1 if x < 9 else x\n" for each in range(1000))
    + "    return x\n"
)
CELLS = [
    "%load_ext ipy_branchcov\nimport big",
    NESTED,
    SCRIPTS,
    TABS,
    LONG,
    "%%branchcov --source big\nbig.big(5) if [1] else 2",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("odd")
    with opened(written(folder / "odd.ipynb", CELLS), height=1400) as lab:
        (lab.file.parent / "big.py").write_text(BIG)
        lab.run_all()
        lab.until("return document.querySelectorAll('.branchcov-widget').length === 5")
        yield lab


class View:
    """The view below one cell, and what a reader does with it."""

    def __init__(self, lab: Lab, cell: int):
        self.lab, self.cell = lab, lab.cells()[cell]
        self.root = self.cell.find_element("css selector", ".branchcov-widget")
        self.run("root.scrollIntoView({block: 'start'})")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.lab.driver.execute_script(f"const [root, given] = arguments; {script}", self.root, *arguments)

    def keys(self, *keys: str) -> None:
        """Real keys, to what has the focus."""
        for key in keys:
            ActionChains(self.lab.driver).send_keys(key).perform()

    def place(self, text: str) -> Any:
        """The innermost fragment that begins with a text."""
        script = "return [...root.querySelectorAll('.mark')].findLast((each) => each.textContent.startsWith(given))"
        return self.run(script, text)

    def handle(self, name: str) -> Any:
        return self.run("return [...root.querySelectorAll('.handle')].find((h) => h.ariaLabel === given)", name)

    def focus(self, name: str) -> None:
        self.run("given.focus({focusVisible: true})", self.handle(name))

    def focused(self) -> str:
        """The name of the handle in focus, "" elsewhere."""
        script = "const at = document.activeElement; return root.contains(at) ? at.ariaLabel ?? '' : ''"
        return str(self.run(script))

    def point(self, at: Any) -> None:
        ActionChains(self.lab.driver).move_to_element(at).perform()
        time.sleep(0.5)

    def card(self) -> str:
        """The details beside the pointer or the focus."""
        return str(self.run("return root.querySelector('.card:popover-open')?.innerText ?? ''"))

    def pinned(self) -> str:
        return str(self.run("return root.querySelector('.pinned')?.innerText ?? ''"))

    def rest(self) -> None:
        """Nothing open, the pointer and the focus elsewhere."""
        ActionChains(self.lab.driver).move_to_element(self.root.find_element("css selector", ".head b")).perform()
        self.run("root.querySelector('.close')?.click(); document.activeElement.blur()")
        time.sleep(0.4)

    def lines(self) -> list[str]:
        """The lines of the first source as they stand on the page, without what the view adds."""
        script = """
        return [...root.querySelector('.code').querySelectorAll('.text')].map((text) => {
          const copy = text.cloneNode(true);
          for (const label of copy.querySelectorAll('.label, .counts')) label.remove();
          return copy.textContent;
        });
        """
        return list(self.run(script))

    def labels(self) -> list[list[str]]:
        """Each miss of the first source: the text of its fragments, and its words."""
        script = """
        return [...root.querySelector('.code').querySelectorAll('.handle.label')].map((handle) => [
          [...root.querySelectorAll(`.mark[data-place="${handle.dataset.place}"]`)].map((fragment) => {
            const copy = fragment.cloneNode(true);
            for (const label of copy.querySelectorAll('.label, .counts')) label.remove();
            return copy.textContent;
          }).join('|'),
          handle.textContent,
        ]);
        """
        return list(self.run(script))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_text_is_shown_unchanged(lab: Lab, number: int) -> None:
    assert View(lab, number).lines() == visible(CELLS[number]).split("\n")


def test_nested_places(lab: Lab) -> None:
    assert View(lab, 1).labels() == [
        ["b", "never true"],
        ["0 < c", "never false"],
        ["c| < 10", "never false"],
        ["a", "never true"],
        ["", "never ran"],
        ["", "2 lines never ran"],
        ["i", "never ran"],
        ["i > 3", "never true"],
        ["any(i < j for j in (c, 9))", "never ran"],
    ]


def test_other_scripts(lab: Lab) -> None:
    view = View(lab, 2)
    assert view.labels() == [
        ["א < ב", "never false"],
        ['str("שלום") != "مرحبا"', "never false"],
        ["א", "never false"],
        ['"e\u0301"', "never ran"],
        ["", "never ran"],
        ['"🐍🐍"', "never ran"],
        ['len("𝒳") > 1', "never true"],
        ['str("中文") > "a"', "never false"],
        ["0", "never ran"],
    ]
    # From left to right as typed, also what is written from right to left.
    order = """
    const left = (text) => {
      const walker = document.createTreeWalker(root.querySelectorAll('.row')[2], NodeFilter.SHOW_TEXT);
      for (let node; (node = walker.nextNode()); ) {
        if (!node.data.includes(text)) continue;
        const range = document.createRange();
        range.selectNode(node);
        return range.getBoundingClientRect().left;
      }
    };
    return ['if', 'א', '<', 'ב', 'and', 'שלום', '!', 'مرحبا', 'הערה'].map(left);
    """
    places = view.run(order)
    assert places == sorted(places)


def test_tabs(lab: Lab) -> None:
    script = """
    const left = (row, text) => {
      const walker = document.createTreeWalker(root.querySelectorAll('.row')[row], NodeFilter.SHOW_TEXT);
      for (let node; (node = walker.nextNode()); ) {
        const at = node.data.indexOf(text);
        if (at < 0) continue;
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        return range.getBoundingClientRect().left;
      }
    };
    const character = (left(1, 'tabs') - left(1, 'def')) / 4;
    return [[2, 'if'], [3, 'return'], [4, '#']].map(([row, text]) => (left(row, text) - left(1, 'def')) / character);
    """
    assert [round(column, 1) for column in View(lab, 3).run(script)] == [4, 8, 4]


def test_long_lines_wrap_with_their_marks(lab: Lab) -> None:
    script = """
    const line = root.querySelectorAll('.row')[2];
    const row = line.getBoundingClientRect();
    const boxes = [...line.querySelectorAll('.mark, .label')].flatMap((each) => [...each.getClientRects()]);
    // A blank at the end of a line may hang over, as everywhere.
    const inside = boxes.every(({left, right, bottom}) =>
      left >= row.left && right <= row.right + 10 && bottom <= row.bottom + 4);
    const apart = [...line.querySelectorAll('.handle.label')].filter((handle) => {
      const last = [...root.querySelectorAll(`.mark[data-place="${handle.dataset.place}"]`)].pop();
      const [end, words] = [[...last.getClientRects()].pop(), handle.getClientRects()[0]];
      return words.bottom < end.top || words.top > end.bottom;
    });
    return [row.height, root.scrollWidth - root.clientWidth, boxes.length, inside, apart.length];
    """
    height, over, count, inside, apart = View(lab, 4).run(script)
    assert height > 200 and over == 0 and count > 80 and inside and apart == 0


def test_the_pointer_shows_details(lab: Lab) -> None:
    view = View(lab, 1)
    view.rest()
    rows = "return [...root.querySelectorAll('.row')].map((row) => row.getBoundingClientRect().top)"
    before = view.run(rows)
    view.point(view.place("0 < "))
    card = view.card()
    assert card.split("\n")[0] == "link of a chained comparison: 0 < c"
    assert (
        "covered once" in card and "never covered" in card and "first by In [2]" in card and card.count("required") == 2
    )
    # The decision that it belongs to, and the operand in between.
    assert "part of the operand of and: 0 < c < 10 — true covered once, false never covered" in card
    assert "part of the test of if: (a or b) and 0 < c < 10 — true covered once, false covered 2 times" in card
    assert view.run(rows) == before, "text must not jump about"
    # It stays while the pointer is on it, and goes when the pointer leaves.
    view.point(view.run("return root.querySelector('.card')"))
    assert view.card() == card
    view.rest()
    assert view.card() == ""


def test_values_and_reasons(lab: Lab) -> None:
    view = View(lab, 1)
    view.rest()
    view.point(view.place("f(0, 0, 5) is not"))
    assert "optional: asserts are not expected to fail" in view.card()
    view.rest()
    view = View(lab, 3)
    view.point(view.place("x > 1"))
    # Before 3.12 nothing of ours runs when an outcome is covered.
    first_hit = "first by In [4] with x=1" if sys.version_info >= (3, 12) else "first by In [4]"
    assert f"false\t✓covered\trequired\t{first_hit}" in view.card()
    view.rest()


def test_click_pins_and_escape_unpins(lab: Lab) -> None:
    view = View(lab, 1)
    view.rest()
    view.place("0 < ").click()
    pinned = view.pinned()
    assert pinned.startswith("link of a chained comparison: 0 < c") and view.card() == ""
    assert view.focused() == "0 < c: never false"
    view.point(view.place("i % 2"))
    assert view.pinned() == pinned and view.card().startswith("filter of a comprehension: i % 2")
    below = "return root.querySelector('.pinned').previousElementSibling.querySelector('.number').textContent"
    assert view.run(below) == "3"
    ActionChains(lab.driver).move_to_element(view.root.find_element("css selector", ".pinned")).perform()
    time.sleep(0.6)
    view.keys(Keys.ESCAPE)
    assert (view.pinned(), view.focused()) == ("", "0 < c: never false")
    view.place("0 < ").click()
    view.place("0 < ").click()
    assert view.pinned() == ""
    view.place("0 < ").click()
    view.run("root.querySelector('.close').click()")
    assert (view.pinned(), view.focused()) == ("", "0 < c: never false")


def test_keys(lab: Lab) -> None:
    view = View(lab, 1)
    view.rest()
    ActionChains(lab.driver).move_to_element(lab.cells()[0]).perform()
    cells, typed = len(lab.cells()), view.run("return window.jupyterapp.shell.currentWidget.content.model.cells.length")
    view.focus("b: never true")
    assert view.card().startswith("operand of or: b")
    view.keys("n")
    assert view.focused() == "0 < c: never false"
    view.keys("n", "n", "n", "n", "p")
    assert view.focused() == "line 8: never ran"
    view.keys(Keys.ENTER)
    assert "line 8 never ran" in view.pinned() and view.card() == ""
    view.keys("p")  # what is pinned comes along
    assert view.focused() == "a: never true" and view.pinned().startswith("operand of and: a")
    view.keys(Keys.ENTER)
    assert view.pinned() == ""
    view.keys(Keys.HOME)
    assert view.focused() == "a: all outcomes covered"
    view.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert view.focused() == "a or b: counted by its operands"
    view.keys(Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.END, Keys.ARROW_LEFT)
    assert view.focused() == "f(0, 0, 5) is not None: all outcomes covered"
    # Of what these mean to a notebook in command mode, nothing happened.
    view.keys("a", "b", "d", "d", "m", "x", "j", Keys.ARROW_DOWN, Keys.SPACE, Keys.SPACE)
    assert len(lab.cells()) == cells and not view.run(
        "return window.jupyterapp.shell.currentWidget.content.activeCell.model.type !== 'code'"
    )
    assert view.run("return window.jupyterapp.shell.currentWidget.content.mode") == "command"
    assert typed == view.run("return window.jupyterapp.shell.currentWidget.content.model.cells.length")
    view.keys(Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    # The first Escape sends the card away, the second leaves: the cell has its keys again.
    assert view.card()
    view.keys(Keys.ESCAPE)
    assert view.card() == "" and view.focused()
    view.keys(Keys.ESCAPE)
    assert view.focused() == ""
    assert view.run("return document.activeElement === given", view.cell)
    view.keys("b")
    lab.until(f"return window.jupyterapp.shell.currentWidget.content.model.cells.length === {typed + 1}")
    view.keys("z")
    lab.until(f"return window.jupyterapp.shell.currentWidget.content.model.cells.length === {typed}")


def test_one_tab_stop_per_source(lab: Lab) -> None:
    view = View(lab, 1)
    view.rest()
    view.run("root.querySelector('.help').focus()")
    view.keys(Keys.TAB)
    first = view.focused()
    assert first
    ActionChains(lab.driver).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
    assert view.focused() == "what the marks mean"
    view.keys(Keys.TAB, Keys.TAB)
    assert view.focused() == ""
    assert view.run("return root.querySelectorAll('.code .handle[tabindex=\"0\"]').length") == 1


def test_only_what_was_missed(lab: Lab) -> None:
    view = View(lab, 1)
    box = view.root.find_element("css selector", "input")
    box.click()
    shown = """
    return [...root.querySelectorAll('.row')].filter((row) => row.checkVisibility())
      .map((row) => Number(row.querySelector('.number').textContent));
    """
    assert view.run(shown) == [2, 3, 6, 8, 10, 11, 12]
    stop = "return root.querySelector('.handle[tabindex=\"0\"]').closest('.row').checkVisibility()"
    assert view.run(stop)
    box.click()


def test_accessible_names_and_descriptions(lab: Lab) -> None:
    """Names, roles and descriptions as the browser computes them."""
    view = View(lab, 1)
    view.rest()
    view.focus("0 < c: never false")
    lab.driver.execute_cdp_cmd("Accessibility.enable", {})
    found = lab.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": "document.activeElement"})
    tree = lab.driver.execute_cdp_cmd(
        "Accessibility.getPartialAXTree", {"objectId": found["result"]["objectId"], "fetchRelatives": False}
    )
    (node,) = tree["nodes"]
    expanded = {each["name"]: each["value"]["value"] for each in node["properties"]}["expanded"]
    description = node["description"]["value"]
    assert (node["role"]["value"], node["name"]["value"], expanded) == ("button", "0 < c: never false", False)
    assert description.startswith("compare: true covered once, first by In [2]") and description.endswith(
        "; false never covered"
    )
    view.rest()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_underlines_have_enough_contrast(lab: Lab, theme: str) -> None:
    """WCAG 1.4.11: underlines that carry information have a contrast of 3:1."""
    lab.theme(theme)
    script = """
    const parse = (color) => {
      const [r, g, b, alpha = 1] = color.match(/[\\d.]+/g).map(Number);
      return [...[r, g, b].map((c) => (color.startsWith('color(') ? c : c / 255)), alpha];
    };
    const luminance = (color) => {
      const [r, g, b] = color.map((c) => (c <= 0.04 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const back = parse(getComputedStyle(root.closest('.jp-Notebook')).backgroundColor).slice(0, 3);
    return Object.fromEntries(['covered', 'missed', 'never-ran', 'optional'].map((state) => {
      const [r, g, b, alpha] = parse(getComputedStyle(root.querySelector(`.mark.${state}`)).borderBottomColor);
      const line = [r, g, b].map((c, i) => c * alpha + back[i] * (1 - alpha));
      const [high, low] = [luminance(line), luminance(back)].sort((a, b) => b - a);
      return [state, (high + 0.05) / (low + 0.05)];
    }));
    """
    ratios = View(lab, 1).run(script)
    print(theme, {state: round(ratio, 2) for state, ratio in ratios.items()})
    assert {state: ratio for state, ratio in ratios.items() if ratio < 3} == {}


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_lines_are_seen_without_colours(lab: Lab, theme: str) -> None:
    """Whoever is blind to colours sees the line of each state; that their kinds differ, high contrast tests."""
    lab.theme(theme)
    states = [f".branchcov-widget .mark.{state}" for state in ("covered", "missed", "never-ran", "optional")]
    seen = lines_seen(lab.driver, states)
    print(theme, seen)
    assert [(deficiency, state) for deficiency, each in seen.items() for state in each if each[state] < 0.25] == []


def test_high_contrast_and_reduced_motion(lab: Lab) -> None:
    lines = """
    return ['covered', 'missed', 'never-ran', 'optional'].map((state) => {
      const { borderBottomStyle, borderBottomWidth } = getComputedStyle(root.querySelector(`.mark.${state}`));
      return `${borderBottomStyle} ${borderBottomWidth}`;
    });
    """
    motion = """
    const style = (selector) => getComputedStyle(root.querySelector(selector));
    return [style('.mark').transitionDuration, style('.card').animationName];
    """
    view = View(lab, 1)
    features = {"forced-colors": "active", "prefers-reduced-motion": "reduce"}
    emulated = [{"name": name, "value": value} for name, value in features.items()]
    assert view.run(motion) == ["0.12s", "branchcov-appear"]
    lab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": emulated})
    try:
        assert len(set(view.run(lines))) == 4
        assert view.run(motion) == ["0s", "none"]
    finally:
        lab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


#: Everything open that can be.
OPEN = """
for (const view of [...document.querySelectorAll('.branchcov-widget')].slice(0, 4)) {
  for (const each of view.querySelectorAll('details')) each.open = true;
  const help = view.querySelector('.help');
  if (help.ariaExpanded === 'false') help.click();
  if (!view.querySelector('.pinned')) view.querySelector('.handle')?.click();
}
"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing(lab: Lab, theme: str) -> None:
    lab.theme(theme)
    lab.driver.execute_script(OPEN)
    View(lab, 1).focus("i % 2: all outcomes covered")
    time.sleep(0.5)
    passed, faults = axe.check(lab.driver, *(f".jp-Cell:nth-of-type({n}) .branchcov-widget" for n in (2, 3, 4, 5)))
    assert faults == []
    assert {"color-contrast", "button-name", "aria-valid-attr-value", "nested-interactive", "label"} <= passed


def test_a_long_source_is_drawn_quickly(lab: Lab) -> None:
    """Two thousand lines, folded, and drawn when they are unfolded."""
    view = View(lab, 5)
    script = """
    const [root, end] = arguments;
    const folded = root.querySelector('details');
    const rows = () => folded.querySelectorAll('.row').length;
    const before = rows();
    const start = performance.now();
    folded.open = true;
    let [first, seen] = [0, 0];
    const wait = () => {
      if (!first && rows()) [first, seen] = [rows(), performance.now() - start];
      if (rows() < 2002) setTimeout(wait);
      else end([before, first, rows(), seen, performance.now() - start]);
    };
    wait();
    """
    before, first, rows, seen, whole = lab.driver.execute_async_script(script, view.root)
    print(f"2,000 lines: the first are seen after {seen:.0f} ms, all are drawn after {whole:.0f} ms")
    assert before == 0 < first < rows == 2002, "drawn when it is unfolded, its beginning first"
    assert seen < 5000 and whole < 20000, "with room for a busy machine"
