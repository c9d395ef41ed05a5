"""The report's pages in headless Chromium: what is seen, copied and walked, with and without scripts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("selenium")
pytest.importorskip("PIL")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

from ipy_branchcov.model.branch import FirstHit, Outcome  # noqa: E402
from ipy_branchcov.model.coverage import Coverage, merge  # noqa: E402
from ipy_branchcov.reports import pages  # noqa: E402
from ipy_branchcov.reports.page_options import PageOptions  # noqa: E402
from ipy_branchcov.session.options import RunOptions  # noqa: E402
from ipy_branchcov.session.session import Session  # noqa: E402
from tests import axe  # noqa: E402
from tests.jupyterlab import browser  # noqa: E402
from tests.sight import CONTRASTS  # noqa: E402
from tests.test_pages import CELLS, FILE, cell, notebook  # noqa: E402

PROGRAM = '''\
"""A module with each kind of mark."""

import re

if not re:
    x = re.compile(r"\\d+")


class Shape:
    def area(self, w, h):
        if w > 0 and h > 0:   # both

            return f"{w * h:>3}"
        return [n for n in range(3) if n]

\tdef_ = None

    def never(self):
        match self:
            case 1 if self:
                return "one" if self else 2.5
        return None


def excluded(x):
    assert x, "never fails"
    y = x and len("<&>")
    if x:  # pragma: no branch
        y = 1
    return y


Shape().area(1, 2)
excluded(3)
'''.replace("\tdef_", "    def_")
#: What a strict server (Jenkins) lets pages do.
STRICT = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self'"
THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two modules, a complete one and one with everything, and of a notebook."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "program.py").write_text(PROGRAM)
    (folder / "whole.py").write_text("x = 1 if int else 2  # pragma: no branch\n")
    notebook(folder / "nb.ipynb", *FILE)
    session = Session(RunOptions(source=(str(folder),), counts=True), root=folder)
    with session.measuring("tests/test_a.py::test_x") as run:
        for path in sorted(folder.glob("*.py")):
            code = compile(path.read_text(), str(path), "exec", dont_inherit=True)
            exec(session.instrument(code), {"__name__": path.stem})
    full = cell("nb.ipynb#b", "def f(): pass", *(Outcome(n, 1, first=FirstHit("In [1]")) for n in ("true", "false")))
    coverage = merge([run.coverage, Coverage((*CELLS[:2], full))])
    options = PageOptions(folder, values=True, changed={"program.py": {11}})
    (folder / "report").mkdir()
    for name, text in pages.render(coverage, "Branch coverage", options).items():
        (folder / "report" / name).write_text(text, "utf-8")
    (folder / "report" / "one-file.html").write_text(pages.document(coverage, "In one", options), "utf-8")
    return folder / "report"


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


class _Strict(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", STRICT)
        super().end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nobody reads it."""


@contextmanager
def strict_server(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Strict, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def show(driver: webdriver.Chrome, site: Path, name: str) -> None:
    """A page as one who opens it for the first time sees it."""
    driver.get((site / name).as_uri())
    driver.execute_script("localStorage.clear()")
    driver.get("about:blank")
    driver.get((site / name).as_uri())


def lines(driver: webdriver.Chrome) -> list[int]:
    """The numbers of the lines in sight."""
    found: list[int] = driver.execute_script(
        "return [...document.querySelectorAll('.line')].filter((each) => each.checkVisibility())"
        ".map((each) => Number(each.querySelector('.at').textContent))"
    )
    return found


def seen(driver: webdriver.Chrome, selector: str) -> int:
    """How many elements are in sight."""
    every = "return [...document.querySelectorAll(arguments[0])].filter((each) => each.checkVisibility()).length"
    return int(driver.execute_script(every, selector))


def press(driver: webdriver.Chrome, keys: str) -> None:
    driver.switch_to.active_element.send_keys(keys)


def status(driver: webdriver.Chrome) -> str:
    return driver.find_element("css selector", "[role=status]").text


NAMES = ("index.html", "functions.html", "program.py.html", "nb.ipynb.html", "one-file.html")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_and_all_text_is_readable(
    driver: webdriver.Chrome, site: Path, name: str, theme: str
) -> None:
    scheme = {"name": "prefers-color-scheme", "value": theme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    show(driver, site, name)
    back = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[theme]
    driver.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    passed, faults = axe.check(driver, "html")
    assert [each[:300] for each in faults] == []
    assert {"color-contrast", "document-title", "page-has-heading-one", "heading-order"} <= passed
    ratios: dict[str, float] = driver.execute_script(CONTRASTS, "body")
    assert len(ratios) > 3
    print(name, theme, "least contrast:", sorted((round(ratio, 2), each) for each, ratio in ratios.items())[:2])
    assert {each: ratio for each, ratio in ratios.items() if ratio < 4.5} == {}


def test_what_is_copied_is_the_code(driver: webdriver.Chrome, site: Path) -> None:
    show(driver, site, "program.py.html")
    driver.execute_script("for (const each of document.querySelectorAll('.line details')) each.open = true")
    copied = driver.execute_script(
        "getSelection().selectAllChildren(document.querySelector('.code')); return getSelection().toString()"
    )
    assert copied.rstrip("\n").split("\n") == PROGRAM.rstrip("\n").split("\n")
    press(driver, Keys.CONTROL + "c")
    driver.execute_script(
        "const field = document.createElement('textarea'); field.id = 'field'; document.body.append(field);"
    )
    field = driver.find_element("id", "field")
    field.send_keys(Keys.CONTROL, "v")
    assert field.get_attribute("value").rstrip("\n") == PROGRAM.rstrip("\n")


def test_keys_walk_over_the_misses_and_on_to_the_next_page(driver: webdriver.Chrome, site: Path) -> None:
    show(driver, site, "program.py.html")
    count = len(driver.find_elements("css selector", ".label"))
    press(driver, "n")
    assert status(driver) == f"1 of {count}: line 5, never true · 0 / 1×"
    press(driver, "n")
    assert status(driver) == f"2 of {count}: line 6, never ran"
    press(driver, "n")
    assert status(driver) == f"3 of {count}: line 11, never false · 1× / 0"
    assert driver.switch_to.active_element.text.strip().startswith("never false")
    press(driver, "o")
    opened = driver.find_element("css selector", "#L11 details[open]").text
    assert (
        "w > 0 operand of and: true ✓ covered once, first by tests/test_a.py::test_x; false ✗ never covered" in opened
    )
    press(driver, "p")
    assert status(driver).startswith("2 of")
    for _ in range(count - 1):
        press(driver, "j")
    assert driver.current_url.endswith("/nb.ipynb.html#misses")
    assert status(driver) == "1 of 1: line 1, never false · 1× / 0"
    press(driver, "n")
    assert status(driver) == "that was the last miss"
    press(driver, "i")
    assert driver.current_url.endswith("/index.html")
    press(driver, "f")
    assert driver.current_url.endswith("/functions.html")


def test_single_keys_can_be_switched_off(driver: webdriver.Chrome, site: Path) -> None:
    show(driver, site, "program.py.html")
    press(driver, "?")
    assert driver.execute_script("return document.activeElement.textContent") == "What the marks mean, and keys"
    driver.find_element("id", "keys").click()
    press(driver, "n")
    assert status(driver) == ""
    driver.refresh()
    press(driver, "n")
    assert status(driver) == ""


def test_search_finds_lines_and_rows(driver: webdriver.Chrome, site: Path) -> None:
    show(driver, site, "program.py.html")
    press(driver, "/")
    press(driver, "RETURN w")
    assert lines(driver) == [13] and status(driver) == "1 found"
    press(driver, Keys.ESCAPE)
    assert len(lines(driver)) == PROGRAM.count("\n")
    show(driver, site, "functions.html")
    press(driver, "/")
    press(driver, "shape nev")
    rows = [row.text for row in driver.find_elements("css selector", "tbody tr") if row.is_displayed()]
    assert len(rows) == 1 and rows[0].startswith("Shape.never program.py")


def test_a_link_leads_to_its_line_whatever_is_filtered_and_the_walk_goes_on_there(
    driver: webdriver.Chrome, site: Path
) -> None:
    show(driver, site, "program.py.html")
    driver.find_element("id", "only-missed").click()
    assert 3 not in lines(driver)
    driver.get((site / "program.py.html").as_uri() + "#L3")
    assert 3 in lines(driver)
    driver.get((site / "program.py.html").as_uri() + "#L11")
    press(driver, "n")
    assert status(driver).startswith("3 of") and "line 11" in status(driver)
    driver.execute_script("location.hash = 'L8'")
    press(driver, "p")
    assert status(driver).startswith("2 of") and "line 6" in status(driver)


def test_search_counts_what_the_filter_leaves_in_sight(driver: webdriver.Chrome, site: Path) -> None:
    show(driver, site, "program.py.html")
    press(driver, "/")
    press(driver, "import")
    assert status(driver) == "1 found"
    driver.find_element("id", "only-missed").click()
    assert status(driver) == "0 found"


def test_search_asks_nothing_of_the_page_while_it_changes_it(driver: webdriver.Chrome, site: Path) -> None:
    """Else each line has the styles of all of them computed anew: with 9,000 lines a page stood still for minutes."""
    show(driver, site, "program.py.html")
    order = """
        const order = [];
        const [change, ask] = [DOMTokenList.prototype.toggle, Element.prototype.checkVisibility];
        DOMTokenList.prototype.toggle = function (...given) { order.push('change'); return change.apply(this, given); };
        Element.prototype.checkVisibility = function () { order.push('ask'); return ask.call(this); };
        const search = document.getElementById('search');
        for (const text of ['return', '']) { search.value = text; search.oninput(); }
        [DOMTokenList.prototype.toggle, Element.prototype.checkVisibility] = [change, ask];
        return order.filter((each, i) => each !== order[i - 1]);
    """
    assert driver.execute_script(order) == ["change", "ask", "change"]


def test_the_meaning_of_the_marks_is_one_link_away(driver: webdriver.Chrome, site: Path) -> None:
    show(driver, site, "program.py.html")
    assert seen(driver, "#marks") == 0
    driver.find_element("css selector", 'nav [href="#marks"]').click()
    assert seen(driver, "#marks") == 1


def test_large_totals_of_a_line_are_whole_beside_its_code(driver: webdriver.Chrome, site: Path) -> None:
    """A line clips what is wider than its own box, and the code leaves the place free."""
    show(driver, site, "program.py.html")
    free = """
        const [line] = document.querySelectorAll('#L11'), summary = line.querySelector('summary');
        summary.textContent = '119 of 240';
        const words = document.createRange();
        words.selectNodeContents(summary);
        const box = words.getBoundingClientRect();
        return [box.right <= line.getBoundingClientRect().right + 1,
                box.left - 16 >= line.querySelector('code').getBoundingClientRect().right];
    """
    for width in (1200, 380):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        try:
            assert driver.execute_script(free) == [True, True], width
        finally:
            driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("name", ["index.html", "functions.html"])
def test_no_heading_of_a_table_is_broken_within_a_word(driver: webdriver.Chrome, site: Path, name: str) -> None:
    size = {"width": 380, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    broken = """
        const text = (each) => (each.querySelector('button') ?? each).firstChild;
        const lines = (each) => { const range = document.createRange(); range.selectNode(text(each));
            return new Set([...range.getClientRects()].map((each) => each.top)).size; };
        const words = (each) => each.textContent.match(/\\S+/g).length;
        return [...document.querySelectorAll('th, td.number')].filter((each) => each.checkVisibility())
            .filter((each) => lines(each) > words(each)).map((each) => each.textContent);
    """
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        show(driver, site, name)
        assert driver.execute_script(broken) == []
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_paper_is_white(driver: webdriver.Chrome, site: Path) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [scheme]})
    try:
        show(driver, site, "program.py.html")
        back = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert back == "rgb(255, 255, 255)"
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_headings_of_a_table_sort_it(driver: webdriver.Chrome, site: Path) -> None:
    show(driver, site, "index.html")
    head = driver.find_element("css selector", "th button")
    first = "return document.querySelector('tbody td').textContent"
    for order, name in (("ascending", "nb.ipynb"), ("descending", "whole.py")):
        head.click()
        assert driver.execute_script(first) == name
        assert driver.find_element("css selector", "th").get_attribute("aria-sort") == order


#: What needs a script.
IDLE = "button, input[type=search], kbd"


def test_a_strict_server_shows_everything_without_scripts(driver: webdriver.Chrome, site: Path) -> None:
    """Filters and folds work by the style sheet and the elements alone."""
    with strict_server(site) as address:
        for name in ("index.html", "nb.ipynb.html", "program.py.html"):
            driver.get(f"{address}/{name}")
            assert seen(driver, IDLE) == 0
            for fold in driver.find_elements("css selector", "details.help summary, .way summary"):
                fold.click()
            assert seen(driver, IDLE) == 0
            assert driver.execute_script("return getComputedStyle(document.body).maxWidth") != "none"
        assert driver.execute_script("return document.querySelector('.missed:not(.line)').checkVisibility()")
        everything = lines(driver)
        assert len(everything) == PROGRAM.count("\n")
        shown: dict[str, Any] = {}
        for kind in ("missed", "never", "other", "changed"):
            driver.find_element("id", f"only-{kind}").click()
            shown[kind] = lines(driver)
        driver.find_element("css selector", "#L11 summary").click()
        assert "never covered" in driver.find_element("css selector", "#L11 li").text
    assert shown["changed"] == [9, 10, 11]
    assert {6, 9, 10, 11, 14, 19} <= set(shown["missed"]) and 3 not in shown["missed"]
    assert 6 in shown["never"] and 11 not in shown["never"]
    assert {25, 28} <= set(shown["other"]) and 11 not in shown["other"]


def test_complete_cells_and_sources_can_be_hidden_and_stay_so(driver: webdriver.Chrome, site: Path) -> None:
    show(driver, site, "index.html")
    assert seen(driver, "tbody tr, .cell") == 3
    driver.find_element("id", "hide-complete").click()
    assert seen(driver, "tbody tr, .cell") == 2
    driver.get((site / "nb.ipynb.html").as_uri())
    assert seen(driver, "tbody tr, .cell") == 1


def test_nothing_is_wider_than_a_telephone(driver: webdriver.Chrome, site: Path) -> None:
    size = {"width": 380, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for name in NAMES:
            show(driver, site, name)
            assert driver.execute_script("return document.documentElement.scrollWidth") <= 380, name
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_moves(driver: webdriver.Chrome, site: Path) -> None:
    """Whoever asks for reduced motion has it: there is none."""
    show(driver, site, "program.py.html")
    moving = """
        const moves = (style) => style.scrollBehavior === 'smooth' || parseFloat(style.transitionDuration) > 0;
        const found = [...document.querySelectorAll('*')].filter((each) => moves(getComputedStyle(each)));
        return found.length + document.getAnimations().length;
    """
    assert driver.execute_script(moving) == 0


@pytest.mark.parametrize("name", ["nb.ipynb.html", "one-file.html"])
def test_folds_are_open_in_print(driver: webdriver.Chrome, site: Path, name: str) -> None:
    show(driver, site, name)
    driver.execute_script("for (const each of document.querySelectorAll('.cell, .page')) each.open = false")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert seen(driver, ".line") == len(driver.find_elements("css selector", ".line")) > 2
        assert seen(driver, ".tools, nav") == 0
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
