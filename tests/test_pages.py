"""Report pages: a page a file or notebook, cells in order, first hits, functions, and what a foreign data file gets."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ipy_branchcov import __version__
from ipy_branchcov.model import selection
from ipy_branchcov.model.branch import Branch, FirstHit, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.totals import decimals
from ipy_branchcov.reports import pages
from ipy_branchcov.reports.by_line import place_cells
from ipy_branchcov.reports.files import write_reports
from ipy_branchcov.reports.page_options import PageOptions
from ipy_branchcov.reports.pages import code, contents, folder, index_pages, notebooks, shell, source_page
from ipy_branchcov.reports.pages.functions import functions
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

MADE = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
SECRET = "the code of another cell"


def cell(name: str, text: str, *outcomes: Outcome) -> SourceCoverage:
    """A cell whose first line tests the three characters behind ``if``."""
    branches = (Branch("if", Span(1, 3, 1, 4), outcomes),) if outcomes else ()
    return SourceCoverage(Source(name, text), branches)


YES, NO = Outcome("true", 1, first=FirstHit("nb.ipynb#b", {"x": "7"})), Outcome("false", 0)
BOTH = (YES, Outcome("false", 1, first=FirstHit("nb.ipynb#a")))
CELLS = (
    cell("nb.ipynb#z", "if x: y = 1", YES, NO),
    cell("nb.ipynb#a", "if x: y = 2", *BOTH),
    cell("nb.ipynb#b", "def f(): pass"),
)


def notebook(path: Path, *cells: tuple[str, str, str]) -> None:
    """Write a notebook of cells as (type, id, text)."""
    written = [
        {"cell_type": kind, "id": key, "metadata": {}, "source": text.splitlines(keepends=True)}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for kind, key, text in cells
    ]
    path.write_text(json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


FILE = (
    ("markdown", "m1", "# The `first` *part*\n\nwords\n\n### Deeper\n"),
    ("code", "z", "if x: y = 1\n"),
    ("code", "empty", "\n"),
    ("markdown", "m2", "```\n# no heading\n```\n\nThe first part\n======\n"),
    ("code", "b", "def f(): pass\n"),
    ("code", "secret", f"'{SECRET}'"),
    ("code", "a", "if x: y = 2\n"),
)


def headings(page: str) -> list[tuple[str, str, str]]:
    """The headings and cells of a page in order, as (tag, id, text)."""
    heading = r'<(h\d) id="([^"]*)" class="heading">(.*?)</h\d>'
    cell = r'<details open class="cell \w+" id="(\w+)"><summary><(h\d)>(.*?)</h\d>'
    found = re.findall(f"{heading}|{cell}", page)
    return [(a or e, b or d, html.unescape(c or f)) for a, b, c, d, e, f in found]


def test_a_notebook_has_one_page_with_its_cells_and_headings_in_order(tmp_path: Path) -> None:
    notebook(tmp_path / "nb.ipynb", *FILE)
    found = pages.render(merge([Coverage(CELLS)]), "t", PageOptions(tmp_path, made=MADE))
    assert [name for name in found if name.endswith(".html")] == ["nb.ipynb.html", pages.FUNCTIONS, pages.INDEX]
    page = found["nb.ipynb.html"]
    assert headings(page) == [
        ("h2", "The-first-part", "The first part"),
        ("h3", "Deeper", "Deeper"),
        ("h4", "c1", "cell 1 · if x: y = 1"),
        ("h2", "The-first-part-2", "The first part"),
        ("h3", "c2", "cell 2 · f"),
        ("h3", "c4", "cell 4 · if x: y = 2"),
    ]
    for anchor in ("The-first-part", "The-first-part-2", "c2", "c1L1"):
        assert f'href="#{anchor}"' in page and f'id="{anchor}"' in page
    assert SECRET not in "".join(found.values())


def test_first_hits_lead_to_their_cells_and_tests(tmp_path: Path) -> None:
    notebook(tmp_path / "nb.ipynb", *FILE)
    tests = Source("tests/test_a.py", "class TestIt:\n    def test_x(self):\n        assert 1\n", "file")
    hits = [
        Outcome("true", 1, first=FirstHit("tests/test_a.py::TestIt::test_x[1-<b>]")),
        Outcome("false", 1, first=FirstHit("nb.ipynb#z")),
    ]
    module = SourceCoverage(Source("m.py", "if y: pass\n", "file"), (Branch("if", Span(1, 3, 1, 4), tuple(hits)),))
    other = SourceCoverage(tests, (Branch("assert", Span(3, 15, 3, 16), BOTH),))
    found = pages.render(merge([Coverage((*CELLS, module, other))]), "t", PageOptions(tmp_path))
    assert 'first by <a href="#c2">cell 2</a>' in found["nb.ipynb.html"]
    page = found["m.py.html"]
    assert 'first by <a href="tests_test_a.py.html#L3">tests/test_a.py::TestIt::test_x[1-&lt;b&gt;]</a>' in page
    assert 'first by <a href="nb.ipynb.html#c1">nb.ipynb, cell 1</a>' in page
    assert "<code>x=7</code>" not in "".join(found.values())
    shown = pages.render(merge([Coverage(CELLS)]), "t", PageOptions(tmp_path, values=True))
    assert 'first by <a href="#c2">cell 2</a> with <code>x=7</code>' in shown["nb.ipynb.html"]


def test_of_a_notebook_that_changed_all_measured_cells_are_shown(tmp_path: Path) -> None:
    notebook(tmp_path / "nb.ipynb", ("markdown", "m", "# Mine"), *FILE[1:3], ("code", "a", "changed = 1"))
    page = pages.render(merge([Coverage(CELLS)]), "t", PageOptions(tmp_path))["nb.ipynb.html"]
    assert [text for _, _, text in headings(page)] == [
        "Mine",
        "cell 1 · if x: y = 1",
        "Not in the file as it is now",
        "cell a · if x: y = 2",
        "cell b · f",
    ]


def test_cells_that_were_not_measured_are_named_in_their_place(tmp_path: Path) -> None:
    """Those below a cell that failed, and those of other languages; without their text."""
    bash = ("code", "s", "%%bash\ntrue")
    rest = [("code", f"r{number}", f"'{SECRET}'") for number in range(3)]
    notebook(tmp_path / "nb.ipynb", FILE[1], bash, FILE[4], rest[0], rest[1], ("markdown", "m", "# More"), rest[2])
    found = pages.render(merge([Coverage((CELLS[0], CELLS[2]))]), "t", PageOptions(tmp_path))
    page = found["nb.ipynb.html"]
    shown = re.findall(r'<p class="note">(.*?)</p>|class="heading">(.*?)<|<summary><h\d>(cell \d)', page)
    words = ["cell 1", "cell 2: not measured", "cell 3", "cells 4 to 5: not measured", "More", "cell 6: not measured"]
    assert ["".join(each) for each in shown] == words
    assert page.count('<li class="level-7">cells 4 to 5: not measured</li>') == 1
    assert SECRET not in "".join(found.values())


@pytest.mark.parametrize("name", ["nb.ipynb", "../outside.ipynb", "missing.ipynb", "broken.ipynb", "deep.ipynb"])
def test_a_foreign_data_file_shows_nothing_of_a_notebook_that_was_not_measured(name: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "broken.ipynb").write_text('{"cells": [{"cell_type": "markdown", "source": 1}, 3]}')
    (root / "deep.ipynb").write_text("[" * 100_000)
    for path in (root / "nb.ipynb", tmp_path / "outside.ipynb"):
        notebook(path, ("markdown", "m", "# Private"), ("code", "a", "if x: y = 2\n"), ("code", "b", SECRET))
    forged = cell(f"{name}#a", "if x: y = 3" if name == "nb.ipynb" else "if x: y = 2", *BOTH)
    text = "".join(pages.render(Coverage((forged,)), "t", PageOptions(root)).values())
    assert "Private" not in text and SECRET not in text and "cell a · if x: y = " in text


def test_a_notebook_elsewhere_that_this_process_has_run_has_its_cells_in_order(tmp_path: Path) -> None:
    """``branchcov run ../nb.ipynb --html r``: nothing that is foreign names the file."""
    (tmp_path / "here").mkdir()
    path = tmp_path / "nb.ipynb"
    notebook(path, *FILE)
    cells = [replace(each, source=replace(each.source, name=f"../{each.source.name}")) for each in CELLS]
    options = PageOptions(tmp_path / "here", run=frozenset({path}))
    page = pages.render(merge([Coverage(tuple(cells))]), "t", options)["nb.ipynb.html"]
    titles = [text for _, _, text in headings(page)]
    assert titles[:4] == ["The first part", "Deeper", "cell 1 · if x: y = 1", "The first part"]


def test_cells_of_a_session_share_a_page_in_their_order() -> None:
    cells = [cell(f"In [{number}]", f"if x: y = {number}\n", YES, NO) for number in (10, 9, 2)]
    twice = cell("In [2]", "if x: other = 2\n", YES, NO)
    page = pages.render(merge([Coverage((*cells, twice))]), "t")["cells.html"]
    names = [text.partition(" ·")[0] for _, _, text in headings(page)]
    assert names == ["In [2]", "In [2]", "In [9]", "In [10]"]
    assert "other = " in page and "y = 2" in re.sub("<.*?>", "", page)


PROGRAM = """\
class Shape:
    def area(self, w, h):
        if w > 0 and h > 0:
            return w * h
        return [n for n in range(3) if n]

    def never(self):
        return 1 if self else 2


def outer(x):
    def inner(y):
        assert y
        return y or x
    return inner(x)


Shape().area(1, 2)
outer(1)
"""


@pytest.fixture
def coverage(tmp_path: Path) -> Coverage:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    session = Session(RunOptions(source=(str(path),), counts=True), root=tmp_path)
    with session.measuring("a test") as run:
        exec(session.instrument(compile(PROGRAM, str(path), "exec", dont_inherit=True)), {"__name__": "program"})
    return run.coverage


def test_functions_have_their_own_outcomes(coverage: Coverage) -> None:
    found = [(each.name, each.line, each.totals.missed, each.never_ran) for each in functions(coverage.sources[0])]
    assert found == [("Shape.area", 3, 6, False), ("Shape.never", 8, 2, True), ("outer.inner", 13, 1, False)]


def measured(path: Path, text: str) -> Coverage:
    """What a module covers that is run."""
    path.write_text(text, "utf-8")
    session = Session(RunOptions(source=(str(path),)), root=path.parent)
    with session.measuring("a test") as run:
        exec(session.instrument(compile(text, str(path), "exec", dont_inherit=True)), {"__name__": "program"})
    return run.coverage


SAME_NAMES = """\
class P:
    @property
    def x(self):
        return 1 if self else 2

    @x.setter
    def x(self, value):
        if value:
            pass


P().x
"""


def test_functions_of_one_name_have_each_their_own_outcomes(tmp_path: Path) -> None:
    coverage = measured(tmp_path / "p.py", SAME_NAMES)
    found = [(each.name, each.line, each.totals.outcomes, each.never_ran) for each in functions(coverage.sources[0])]
    assert found == [("P.x", 4, 2, False), ("P.x", 8, 2, True)]


def test_functions_and_the_top_level_sum_up_to_the_source(tmp_path: Path) -> None:
    text = "import re\nif re:\n    x = [n for n in 'ab' if n]\n\n\ndef f(a=1 if re else 2):\n    return a or 1\n"
    (source,) = measured(tmp_path / "p.py", text + "\n\nclass C:\n    y = 1 if f() else 2\n").sources
    found = list(functions(source))
    assert [(each.name, each.line, each.totals.outcomes) for each in found[:1]] == [("top level", 2, 8)]
    assert [each.name for each in found[1:]] == ["f", "C"]
    assert sum(each.totals.outcomes for each in found) == source.totals.outcomes
    assert "top level</a>" in pages.render(merge([Coverage((source,))]), "t")["p.py.html"]
    drawn = pages.render(merge([Coverage(CELLS)]), "t", PageOptions(tmp_path))
    assert "top level</a>" in drawn[pages.FUNCTIONS] and "top level</a>" not in drawn["nb.ipynb.html"]


LONG_HEADS = """\
class C:
    def f(
        self,
        x,
    ):
        '''A text
at the margin.'''
# and a comment there
        return 1 if x else 2


C().f(1)
"""


def test_definitions_stay_above_a_line_whatever_stands_at_their_margin(tmp_path: Path) -> None:
    page = pages.render(measured(tmp_path / "p.py", LONG_HEADS), "t")["p.py.html"]
    assert re.findall('<div class="line[^"]* above-missed[^"]*" id="L(.*?)"', page) == ["1", "2"]


def test_names_from_right_to_left_keep_the_order_of_the_code(tmp_path: Path) -> None:
    text = "א = 1\nif א == 'ב ג' or א:  # ד ה\n    א = 2\n"
    page = pages.render(measured(tmp_path / "p.py", text), "t")["p.py.html"]
    assert page.count("<bdi>א</bdi>") == 4
    assert "ב ג" in page and "ד ה" in page and "<bdi>ב" not in page


def test_the_functions_of_tests_are_looked_for_once_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With contexts a page has thousands of links to tests, and to walk a syntax tree takes milliseconds."""
    walked: list[str] = []

    def bodies(source: Source) -> list[tuple[Span, str]]:
        walked.append(source.name)
        return selection.bodies(source)

    monkeypatch.setattr(contents, "bodies", bodies)
    names = [f"test_a.py::test_{number}" for number in range(9)]
    text = "".join(f"def test_{number}(): assert 1\n" for number in range(9))
    tests = SourceCoverage(Source("test_a.py", text, "file"), (Branch("assert", Span(1, 23, 1, 24), BOTH),))
    hit = Outcome("true", 1, first=FirstHit(names[3]), contexts=frozenset(names))
    lines = tuple(Branch("if", Span(line, 3, line, 4), (hit, hit)) for line in range(1, 40))
    module = SourceCoverage(Source("m.py", "if y: pass\n" * 40, "file"), lines)
    page = pages.render(merge([Coverage((module, tests))]), "t")["m.py.html"]
    assert page.count('href="test_a.py.html#L4">test_a.py::test_3</a>, also by <a') == 78
    assert "test_5</a> and 3 more" in page
    assert walked == ["test_a.py"]


def test_the_index_of_functions_leads_to_them(coverage: Coverage) -> None:
    rows = re.findall("<tr.*?</tr>", pages.render(coverage, "t")[pages.FUNCTIONS])[1:]
    links = [re.findall('href="(.*?)"', row) for row in rows]
    assert links == [[f"program.py.html#L{line}"] for line in (3, 8, 13)]
    assert ["never ran" in row for row in rows] == [False, True, False]


def test_definitions_above_a_line_stay_in_sight_with_it(coverage: Coverage) -> None:
    page = pages.render(coverage, "t")["program.py.html"]
    lines = {int(number): names.split() for names, number in re.findall('<div class="line(.*?)" id="L(.*?)"', page)}
    assert len(lines) == len(PROGRAM.splitlines())
    kept = {number for number, names in lines.items() if {"missed", "above-missed"} & set(names)}
    assert kept == {1, 2, 3, 5, 7, 8, 11, 12, 14}
    assert {number for number, names in lines.items() if {"other", "above-other"} & set(names)} == {11, 12, 14}
    assert "only-never" in page and "only-changed" not in page


def test_hits_stand_at_the_marks_where_they_were_counted(coverage: Coverage) -> None:
    page = pages.render(coverage, "t")["program.py.html"]
    text = html.unescape(re.sub("<.*?>", "", page))
    assert "w > 0 never false · 1× / 0  and h > 0 never false · 1× / 0 :" in text
    flat = replace(coverage, counted=False)
    assert "×" not in pages.render(flat, "t")["program.py.html"]


def test_a_page_says_when_and_by_what_it_was_made(coverage: Coverage, monkeypatch: pytest.MonkeyPatch) -> None:
    (version,) = coverage.python
    found = pages.render(coverage, "t", PageOptions(made=MADE))
    for name in ("index.html", "functions.html", "program.py.html"):
        foot = found[name].rpartition("<footer>")[2]
        assert '<time datetime="2026-11-27T12:30:00+00:00">2026-11-27 12:30 UTC</time>' in foot
        assert f"ipy-branchcov {__version__}, run by Python {version}" in foot
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert "1970-01-01 00:00 UTC" in pages.render(coverage, "t")["index.html"]
    assert pages.render(coverage, "t") == pages.render(coverage, "t")


def test_percentages_have_the_decimals_that_were_asked_for(coverage: Coverage) -> None:
    with decimals(3):
        found = re.findall(r"[\d.]+(?=%)", pages.render(coverage, "t")["index.html"])
    assert found and {len(each.partition(".")[2]) for each in found} == {3}, found


def test_pages_need_nothing_from_elsewhere_and_hold_no_style_or_script(coverage: Coverage) -> None:
    """Servers that show reports (Jenkins, GitLab) refuse what stands inline."""
    found = pages.render(coverage, "t")
    for name, text in found.items():
        if name.endswith(".html"):
            assert not re.search(r"\sstyle=|<style|\son\w+=|<script>|https?:", text)
            assert {pages.STYLES, pages.SCRIPT} == set(re.findall(r'(?:href|src)="(branchcov-[^"]*)"', text))
    alone = pages.document(coverage, "t")
    assert "<script" not in alone and "stylesheet" not in alone and len(re.findall("<style", alone)) == 1
    assert "What the marks mean" in alone and "<kbd>" not in alone


def test_truth_tables_hold_no_style_either(tmp_path: Path) -> None:
    text = "def f(a, b):\n    return 1 if a and b else 2\nf(1, 1), f(0, 1)\n"
    coverage = measured(tmp_path / "p.py", text).with_decisions()
    page = pages.render(coverage, "t")["p.py.html"]
    assert "<table><thead><tr><th>row</th><th>a</th><th>b</th><th>outcome</th>" in page and "style=" not in page
    assert "<li>show <code>b</code>: run with <code>a</code> and <code>not b</code></li>" in page


def test_ids_are_unique_and_links_lead_to_them(coverage: Coverage, tmp_path: Path) -> None:
    notebook(tmp_path / "nb.ipynb", *FILE, ("markdown", "m3", "# c1\n# L1\n# misses\n# search\n# <b> & \"'\n# code"))
    every = merge([coverage, Coverage(CELLS)])
    found = pages.render(every, "t", PageOptions(tmp_path))
    ids = {name: re.findall(r'\sid="([^"]*)"', text) for name, text in found.items()}
    ids["one.html"] = re.findall(r'\sid="([^"]*)"', pages.document(every, "t", PageOptions(tmp_path)))
    for name, there in ids.items():
        assert len(there) == len(set(there)), name
    links = 0
    for name, text in found.items():
        for link in re.findall(r'<a [^>]*?href="([^"]*)"', text):
            page, _, anchor = link.partition("#")
            assert (page or name) in found, link
            assert not anchor or anchor in ids[page or name], link
            links += 1
    assert links > 50


def test_changed_lines_of_a_patch_can_be_filtered(tmp_path: Path) -> None:
    notebook(tmp_path / "nb.ipynb", *FILE)
    text = (tmp_path / "nb.ipynb").read_text()
    lines = json.dumps(json.loads(text), indent=1)
    (tmp_path / "nb.ipynb").write_text(lines)
    (line,) = (number for number, each in enumerate(lines.split("\n"), 1) if "y = 1" in each)
    coverage = merge([Coverage(CELLS)])
    options = PageOptions(tmp_path, changed={"nb.ipynb": {line}}, cells=place_cells(coverage, tmp_path))
    page = pages.render(coverage, "t", options)["nb.ipynb.html"]
    assert 'class="line changed missed" id="c1L1"' in page and page.count('class="line changed') == 1
    assert 'id="only-changed"' in page
    write_reports(coverage, {"html": tmp_path / "h"}, changed={"nb.ipynb": {line}}, root=tmp_path)
    assert 'class="line changed missed" id="c1L1"' in (tmp_path / "h" / "nb.ipynb.html").read_text()


def test_what_was_lost_and_noted_is_on_the_pages() -> None:
    noted = replace(CELLS[0], source=Source("a.py", "", "file"), note="a.py: changed since it was measured")
    found = pages.render(Coverage((noted,), lost=frozenset({"a <killed> process"})), "t")
    assert "lost: a &lt;killed&gt; process" in found["index.html"]
    assert "note: a.py: changed since it was measured" in found["a.py.html"]
    assert "<li>1 never false</li>" in found["a.py.html"]


def test_modules_of_the_pages() -> None:
    """Each is drawn by the one above; what they share has one place."""
    assert folder.render is pages.render and contents.CELLS == "cells"
    assert code.FILTERS.keys() == {"missed", "never", "other", "changed"}
    assert callable(index_pages.sources) and callable(source_page.render)
    assert shell.INDEX == pages.INDEX
    assert [each.level for each in notebooks.headings("# a\n\n## b")] == [1, 2]
