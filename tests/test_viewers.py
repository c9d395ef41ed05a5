"""The static output where notebooks are read: it is seen in each viewer, live or not, trusted or not."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import nbformat
import pytest

pytestmark = pytest.mark.browser
pytest.importorskip("selenium")
pytest.importorskip("PIL")

from markdown_it import MarkdownIt  # noqa: E402
from nbconvert import HTMLExporter, MarkdownExporter  # noqa: E402
from selenium import webdriver  # noqa: E402

from tests.jupyterlab import APPLICATIONS, TOKEN, Lab, browser, server  # noqa: E402
from tests.sight import BROKEN, CONTRASTS, RECORDS, Place, unseen  # noqa: E402

TOUR = Path(__file__).parents[1] / "notebooks" / "tour.ipynb"
OPCODES = """\
%%branchcov --opcodes --graph kind
def kind(x, y):
    if x > 9 and y:
        return "big"
    return "small"

kind(3, 0)"""
PLACES = (
    Place("missed", "year % 100 != 0", "never false"),
    Place("never ran", "year % 400 == 0", "never ran"),
)
THEMES = ("Light", "Dark")
#: A folder for the screenshots, where one is wanted.
PICTURES = os.environ.get("BRANCHCOV_PICTURES", "")


@dataclass(frozen=True)
class Desk:
    """A folder of notebooks, the server on it and a browser."""

    folder: Path
    address: str
    driver: webdriver.Chrome

    def open(self, application: str, name: str) -> Lab:
        lab = Lab(self.driver, self.address, name, application)
        lab.file = self.folder / name
        return lab

    def save_trusted(self, name: str, notebook: dict[str, Any]) -> None:
        """Save a notebook as the front end of one who trusts all its cells does: the server signs it."""
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["metadata"]["trusted"] = True
        body = json.dumps({"type": "notebook", "format": "json", "content": notebook}).encode()
        address = f"{self.address}/api/contents/{name}?token={TOKEN}"
        with urlopen(Request(address, body, {"Content-Type": "application/json"}, method="PUT")) as answer:
            assert answer.status == 201


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with server(folder) as address, browser() as driver:
        yield Desk(folder, address, driver)


@pytest.fixture(scope="module")
def saved(desk: Desk) -> Callable[[str], Path]:
    """The notebook that an application ran and saved; it runs once, and its widgets are looked at."""
    done: dict[str, Path] = {}

    def run(application: str) -> Path:
        if application not in done:
            notebook = nbformat.read(TOUR, as_version=4)
            notebook.cells.append(nbformat.v4.new_code_cell(OPCODES, id="opcodes"))
            nbformat.write(notebook, desk.folder / f"{application}.ipynb")
            lab = desk.open(application, f"{application}.ipynb")
            lab.run_all()
            lab.until("return document.querySelectorAll('.branchcov-widget').length === 8")
            hidden = "return [...document.querySelectorAll('.branchcov-record')].map((each) => each.checkVisibility())"
            assert desk.driver.execute_script(hidden) == [False] * 8
            for theme in reversed(THEMES):
                lab.theme(theme)
                _see(desk.driver, ".branchcov-widget", f"{application} live {theme}")
            lab.until(DRAWN)
            lab.command("docmanager:save")
            lab.command("kernelmenu:shutdown")
            done[application] = lab.file
        return done[application]

    return run


#: The picture of the graph, once it is drawn.
DRAWN = """
const picture = document.querySelector('.jp-OutputArea figure img');
return picture !== null && picture.complete && picture.naturalWidth > 50 && picture.getBoundingClientRect().height > 50;
"""

#: Whether the instructions are there to be read.
OPCODES_SHOWN = """
const shown = document.querySelector('.branchcov-opcodes');
shown.scrollIntoView();
return shown.innerText.includes('never fell through');
"""


def _records(notebook: Path) -> list[str]:
    """The HTML of the records in a notebook."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    found = (
        "".join(each["data"].get("text/html", "")) for c in cells for each in c.get("outputs", ()) if "data" in each
    )
    return [each for each in found if "branchcov-record" in each]


def _text(html: str) -> str:
    return unescape(re.sub(r"<style>.*?</style>|<[^>]*>", "", html))


def _look(driver: webdriver.Chrome, notebook: Path, viewer: str) -> None:
    """All records of a notebook are on the page as they are in the file, and its marked places are seen."""
    expected = [(each.count("</em>"), _text(each)) for each in _records(notebook)]
    assert expected and [(labels, text) for labels, text in driver.execute_script(RECORDS)] == expected
    fonts = "return [...document.querySelectorAll('.branchcov pre')].map((each) => getComputedStyle(each).fontFamily)"
    assert all("mono" in font for font in driver.execute_script(fonts))
    page = driver.execute_script("return document.body.innerText")
    assert [words for words in BROKEN if words in page] == []
    _see(driver, ".branchcov", viewer)


def _see(driver: webdriver.Chrome, views: str, viewer: str) -> None:
    """The marked places are there in the pixels, and all text of the views can be read."""
    assert unseen(driver, PLACES) == []
    if PICTURES:
        driver.save_screenshot(str(Path(PICTURES) / f"{viewer}.png"))
    ratios: dict[str, float] = driver.execute_script(CONTRASTS, views)
    assert len(ratios) > 5
    print(f"{viewer}: least contrast {min(ratios.values()):.2f}")
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("application", APPLICATIONS)
def test_a_run_in_a_front_end_saves_the_bytes_of_any_other(saved: Callable[[str], Path], application: str) -> None:
    text = saved(application).read_text("utf-8")
    assert "widget-view" not in text
    assert _records(saved(application))[:-1] == _records(TOUR)


@pytest.mark.parametrize("state", ["fresh kernel", "no kernel", "untrusted"])
@pytest.mark.parametrize("application", APPLICATIONS)
def test_opened_again(desk: Desk, saved: Callable[[str], Path], application: str, state: str) -> None:
    name = saved(application).name
    notebook = nbformat.read(saved(application), as_version=4)
    if state == "no kernel":
        notebook.metadata.clear()
        name = f"{application}-without-kernel.ipynb"
        desk.save_trusted(name, notebook)
    elif state == "untrusted":
        notebook.metadata["copied"] = "from elsewhere"
        name = f"{application}-untrusted.ipynb"
        nbformat.write(notebook, desk.folder / name)
    lab = desk.open(application, name)
    lab.until("return document.querySelectorAll('.branchcov-record').length === 8")
    trusted = desk.driver.execute_script(
        "return [...window.jupyterapp.shell.currentWidget.content.model.cells]"
        ".filter((cell) => cell.type === 'code').every((cell) => cell.trusted)"
    )
    assert trusted == (state != "untrusted")
    assert (lab.kernel() is None) == (state == "no kernel")
    lab.until("return document.querySelectorAll('.cm-content .branchcov-label').length > 3")  # marks in the cells
    for theme in THEMES:
        lab.theme(theme)
        _look(desk.driver, desk.folder / name, f"{application} {state} {theme}")
    lab.until(DRAWN)
    lab.until(OPCODES_SHOWN)
    lab.theme("Light")


# --- without a front end


_COLOURS = {"Light": "", "Dark": "background:#0d1117;color:#e6edf3"}


def _page(body: str, theme: str) -> str:
    return f"<!doctype html><html><meta charset='utf-8'><body style='{_COLOURS[theme]}'>{body}</body></html>"


def test_nbconvert_html(desk: Desk, saved: Callable[[str], Path]) -> None:
    """Offline: the browser finds no host but its own."""
    notebook = saved("lab")
    for theme in THEMES:
        page = desk.folder / f"converted-{theme}.html"
        page.write_text(HTMLExporter(theme=theme.lower()).from_filename(str(notebook))[0], "utf-8")
        desk.driver.get(page.as_uri())
        _look(desk.driver, notebook, f"nbconvert html {theme}")
        shown = desk.driver.execute_script("return document.body.innerText")
        assert "kind: 1 of 4 edges covered" in shown and "never fell through" in shown


def test_nbconvert_markdown(desk: Desk, saved: Callable[[str], Path]) -> None:
    notebook = saved("notebook")
    text = MarkdownExporter().from_filename(str(notebook))[0]
    assert all(record in text for record in _records(notebook))
    assert "`kind`: 1 of 4 edges covered\n\n```mermaid\n" in text
    for theme in THEMES:
        page = desk.folder / f"markdown-{theme}.html"
        page.write_text(_page(MarkdownIt("commonmark", {"html": True}).render(text), theme), "utf-8")
        desk.driver.get(page.as_uri())
        _look(desk.driver, notebook, f"nbconvert markdown {theme}")


def test_a_viewer_without_scripts_and_widgets(desk: Desk, saved: Callable[[str], Path]) -> None:
    """Cells alone, as such a viewer puts them into a page of its own, in a frame that runs nothing."""
    notebook = saved("lab")
    body = HTMLExporter(template_name="basic").from_filename(str(notebook))[0]
    for theme in THEMES:
        page = desk.folder / f"frame-{theme}.html"
        frame = "<iframe sandbox='allow-same-origin' style='width:1200px;height:900px' srcdoc="
        page.write_text(f'<!doctype html>{frame}"{escape(_page(body, theme))}"></iframe>', "utf-8")
        desk.driver.get(page.as_uri())
        desk.driver.switch_to.frame(desk.driver.find_element("css selector", "iframe"))
        _look(desk.driver, notebook, f"frame {theme}")


# --- the eye itself


#: Ways not to show a record (``each``).
HIDDEN = (
    "each.style.display = 'none'",
    "each.style.opacity = 0",
    "each.style.filter = 'grayscale(1)'",
    "each.style.position = 'relative'; each.append(Object.assign(document.createElement('div'),"
    " {style: 'position:absolute;inset:0;background:white'}))",
    "each.style.color = 'transparent'",
)


def test_what_is_hidden_is_noticed(desk: Desk) -> None:
    page = desk.folder / "hidden.html"
    page.write_text(_page(_records(TOUR)[0], "Light"), "utf-8")
    desk.driver.get(page.as_uri())
    assert unseen(desk.driver, PLACES) == []
    for hide in HIDDEN:
        desk.driver.get(page.as_uri())
        desk.driver.execute_script(f"for (const each of document.querySelectorAll('.branchcov-record')) {{ {hide} }}")
        assert len(unseen(desk.driver, PLACES)) >= len(PLACES), hide
