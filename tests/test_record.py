"""The record in a notebook: how large it may be, what it says, and that it reads well without its style sheet."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.span import Span
from ipy_branchcov.reports import presented, terminal
from ipy_branchcov.reports.record import MOST, Record, limit_of, record
from tests.test_cell_marks import PROGRAM, RUNS, measured

HELPER = """\
def h{n}(x, y=0):
    if x > {n} and y or x < 0:
        return [v for v in range(x) if v % 2]
    return x if y else -x
"""
USE = "[abs(i) for i in range(60)]; None"


def named(coverage: Coverage, name: str) -> Coverage:
    (one,) = coverage.sources
    return replace(coverage, sources=(replace(one, source=replace(one.source, name=name)),))


def size(made: Record) -> int:
    """Bytes in a notebook's JSON."""
    return sum(len(json.dumps(each, ensure_ascii=False).encode()) for each in made.bundle.values())


def text(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"<style>.*?</style>", "", html)))


#: Texts of cells that are measured, and called with what is ``given``.
TEXTS = {
    "one line": "x = 1 if given else 2",
    "no branches": "x = 1",
    "a program": PROGRAM,
    "much escaped": "if given and '" + '<&>"' * 300 + "':\n    x = 1",
    "many misses": "".join(f"if given and {n} or len(given) > {n}: x = 1 if given else 2\n" for n in range(150)),
    "long lines": "x = " + " or ".join(f"(given and {n})" for n in range(300)),
    "scripts": "名前 = [字 for 字 in '中文𝒳' if 字 > 'a' or given]\n" * 30,
    "larger than all": "".join(f"def f{n}(x):\n    return 1 if x else {n}\n" for n in range(1500)),
    "never ran": "def f():\n" + "    x = 1\n" * 3000,
}


@pytest.mark.slow
@pytest.mark.parametrize("missed", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_it_is_small(tmp_path: Path, name: str, missed: bool) -> None:
    coverage = named(measured(TEXTS[name], tmp_path / "p.py"), "In [3]")
    made = record(coverage, first="In [3]", missed=missed)
    assert size(made) <= limit_of(TEXTS[name]) <= MOST
    assert made.text.startswith(f"branchcov: {coverage.summary}") and str(coverage.summary) in made.html
    if coverage.totals.missed:
        assert re.search(r"never|missed in|more line", made.text) and re.search(r"never|more line", text(made.html))


def together(tmp_path: Path, *texts: str) -> Coverage:
    parts = [named(measured(each, tmp_path / "p.py"), f"In [{number + 2}]") for number, each in enumerate(texts)]
    return merge(parts)


@pytest.mark.slow
def test_a_small_cell_that_calls_many_functions(tmp_path: Path) -> None:
    helpers = ["".join(HELPER.format(n=10 * cell + n) for n in range(10)) for cell in range(6)]
    coverage = together(tmp_path, USE, *helpers)
    made = record(coverage, first="In [2]")
    assert size(made) <= limit_of(USE) and len(made.text.split("\n")) > 5
    (more,) = re.findall(r"\.\.\. (\d+) more functions with misses", made.text)
    shown = re.findall(r"^  h\d+ missed in [-\d, ]+|^  h\d+ 0 of \d+, missed in [-\d, ]+$", made.text, re.M)
    assert len(shown) + int(more) == 60
    # A front end that is connected keeps the marks for which there is no room.
    known = {each.key for each in coverage if each.source.text != USE}
    assert made.without and made.without <= known


def test_of_other_cells_a_line_a_function(tmp_path: Path) -> None:
    coverage = together(tmp_path, "x = 1 if [1] else 2", HELPER.format(n=1) + "h1(5, 2)\nh1(0)")
    made = record(coverage, first="In [2]")
    assert made.text.split("\n") == [
        "branchcov: 10 of 14 outcomes covered (71.4%)",
        "this cell: 1 of 2 outcomes covered (50.0%)",
        "  1 | x = 1 if [1] else 2",
        "    |          ^^^ never false",
        "    |                   ^ never ran",
        "another cell · h1: 9 of 12 outcomes covered (75.0%)",
        "  h1 9 of 12, missed in 2, 4",
    ]
    assert "<div>&emsp;<code>h1</code> 9 of 12, missed in 2, 4</div>" in made.html
    assert made.html.count("<pre>") == 1 and "return x if y" not in made.html
    assert len(made.marks.split("\n")) == 2 and not made.without


def test_the_source_stands_there_once_and_unchanged(tmp_path: Path) -> None:
    coverage = named(measured(PROGRAM, tmp_path / "p.py", RUNS[0]), "In [2]")
    made = record(coverage, first="In [2]")
    (pre,) = re.findall(r"<pre>(.*?)</pre>", made.html, re.S)
    code = unescape(re.sub(r"<em>.*?</em>|<i>.*?</i>|<[^>]*>", "", pre))
    assert code == PROGRAM.rstrip("\n")
    assert "\n\n" not in made.html, "a blank line ends HTML in Markdown"


def test_it_reads_well_where_sheets_and_classes_are_stripped(tmp_path: Path) -> None:
    coverage = named(measured(PROGRAM, tmp_path / "p.py", RUNS[0]), "In [2]")
    made = record(coverage, first="In [2]")
    assert "style=" not in made.html
    shown = text(made.html)
    assert "if (a ← never false  or b ← never ran ) and 0 < c ← never false" in shown
    # Every place with a label is highlighted by the browser itself.
    assert len(re.findall(r"</mark><em>", made.html)) == len(re.findall(r"<em>", made.html)) > 5
    assert MarkdownIt("commonmark", {"html": True}).render(f"{made.html}\n\nend").strip().endswith("<p>end</p>")


COMMENTED = """\
def f(x):
    y = "#1"  # the first
    # a line of its own
    return (x  # the second
        or y)
if given and (  # the third
    # the fourth
    1):
    z = 1
"""


def test_no_mark_reaches_over_a_comment(tmp_path: Path) -> None:
    made = record(named(measured(COMMENTED, tmp_path / "p.py"), "In [3]"), first="In [3]")
    assert not re.findall(r"<mark[^>]*>[^<]*the ", made.html) and not re.findall(r"<span>[^<]*the ", made.html)
    assert '<mark class=n>y = "#1"</mark><em> ← never ran </em>  # the first\n' in made.html
    below = made.text.split("\n")
    assert below[below.index('  2 |     y = "#1"  # the first') + 1] == "    |     ^^^^^^^^ never ran"
    (marks,) = (json.loads(line) for line in made.marks.split("\n"))
    assert marks["ends"] == [[2, 12], [4, 13]]


@pytest.mark.parametrize("above", [0, 400])  # with room for a truth table, and without
def test_decisions_are_saved_without_first_hits(tmp_path: Path, above: int) -> None:
    text = "given\n" * above + "for a, b in given:\n    x = 1 if a and b else 2"
    found = named(measured(text, tmp_path / "p.py", [(1, 1), (0, 1)], mcdc=True), "In [3]")
    made = record(found, first="In [3]")
    assert "In [3]" in terminal.render(found)
    assert "In [" not in str(made.bundle) and "show `b`: run with `a` and `not b`" in made.text
    assert ("T | T | true    | yes" in made.text) == bool(above)


def test_counts_stand_at_the_marks(tmp_path: Path) -> None:
    coverage = named(measured("for i in range(4):\n    if i < 9 or i: pass", tmp_path / "p.py", counts=True), "In [2]")
    made = record(coverage, first="In [2]")
    assert "<mark>i &lt; 9</mark><em> ← never false, 4× / 0 </em>" in made.html
    assert "<span>i in range(4)</span><em> ← 4× / 1× </em>" in made.html
    assert "^^^^^ never false, 4× / 0" in made.text
    assert "^ 4× / 1×" in terminal.render(coverage, counts=True)


def test_no_place_of_this_machine_and_no_numbers(tmp_path: Path) -> None:
    places = {
        "/elsewhere/venv/lib/python3.14/site-packages/pkg/a.py": "pkg/a.py",
        "/usr/lib/python3.14/json/decoder.py": "json/decoder.py",
        "/elsewhere/src/a.py": "src/a.py",
        "C:/elsewhere/src/a.py": "src/a.py",
        "../../elsewhere/src/a.py": "src/a.py",
        "src/pkg/a.py": "src/pkg/a.py",
    }
    (one,) = measured("x = 1 if [1] else 2", tmp_path / "p.py").sources
    for name, shown in places.items():
        source = Source(name, one.source.text, "file", name)
        made = record(Coverage((replace(one, source=source),)))
        assert f"\n{shown}: " in made.text and f"<b>{shown}</b>" in made.html
        assert "/me" not in made.text + made.html and "/usr" not in made.text + made.html
    cells = [
        record(together(tmp_path, *[PROGRAM] * 1, "y = 1 if [1] else 2"), first=first) for first in ("In [2]", None)
    ]
    assert not any("In [" in part for each in cells for part in each.bundle.values())


@pytest.mark.slow
def test_a_coverage_that_shows_itself_has_its_sources(tmp_path: Path) -> None:
    coverage = presented.Coverage.of(together(tmp_path, "x = 1 if [1] else 2", PROGRAM))
    shown = coverage._repr_mimebundle_()
    assert shown["text/html"].count("<pre>") == 2 and "never false" in shown["text/plain"]
    long = presented.Coverage.of(together(tmp_path, TEXTS["many misses"], TEXTS["larger than all"], PROGRAM))
    assert sum(len(each.encode()) for each in long._repr_mimebundle_().values()) <= MOST


def test_what_stopped_the_cell(tmp_path: Path) -> None:
    coverage = named(measured("x = 1 if [1] else 2", tmp_path / "p.py"), "In [2]")
    made = record(coverage, first="In [2]", stopped="stopped in line 3 by KeyError")
    assert made.text.split("\n")[1] == "  stopped in line 3 by KeyError"
    assert "<div>stopped in line 3 by KeyError</div>" in made.html


def test_counts_stand_in_the_text_at_every_branch(tmp_path: Path) -> None:
    """A decision whose conditions are counted instead of it has none: they would be counted twice."""
    cell = "for n in given:\n    x = 1 if n and n > 1 else 2"
    coverage = named(measured(cell, tmp_path / "p.py", (0, 1, 2), counts=True), "In [2]")
    assert record(coverage, first="In [2]").text.split("\n") == [
        "branchcov: 6 of 6 outcomes covered (100.0%)",
        "  1 | for n in given:",
        "    |     ^^^^^^^^^^ 3× / 1×",
        "  2 |     x = 1 if n and n > 1 else 2",
        "    |              ^ 2× / 1×",
        "    |                    ^^^^^ 1× / 1×",
    ]
    assert record(coverage, first="In [2]", missed=True).text == "branchcov: 6 of 6 outcomes covered (100.0%)"


def test_what_was_not_measured_is_not_said_to_have_no_branches() -> None:
    notes = {"fast.py": "compiled: fast is a .so", "plain.py": "", "typing.py": ""}
    sources = [SourceCoverage(Source(name, "x = 1\n", "file"), note=note) for name, note in notes.items()]
    only = Branch("if", Span(1, 0, 1, 1), (Outcome("true", excluded=True), Outcome("false", excluded=True)))
    sources[2] = replace(sources[2], branches=(only,))
    made = record(Coverage(tuple(sources)))
    titles = ["fast.py: not measured", "plain.py: no branches", "typing.py: all of it excluded"]
    assert [each.summary for each in sources] == [title.partition(": ")[2] for title in titles]
    assert titles[0] in made.text and titles[2] in made.text and "fast.py: no branches" not in made.text


def test_words_from_right_to_left_keep_their_places_in_the_code(tmp_path: Path) -> None:
    """Of two such names or strings with a sign between them, the second one would stand first."""

    def isolated(text: str) -> list[str]:
        return re.findall(
            "<bdi(?: dir=ltr)?>(.*?)</bdi>", record(measured(text, tmp_path / "p.py", "a"), whole=True).html
        )

    found = isolated("א = len(given)\nif א == 'ב ג' or 'ב' + given < 'ה':  # ד ה\n    א = 2\n")
    assert found == ["א", "א", "'ב ג'", "'ב'", "'ה'", "# ד ה", "א"]
    assert isolated("ü = '中文' or given\n") == []
