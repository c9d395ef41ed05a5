"""What is written for people and for tools, from one small program."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.reports import cobertura, html, lcov, terminal, widget
from ipy_branchcov.reports.markup import mark
from ipy_branchcov.session import Session

PROGRAM = """\
def classify(x, y):
    if x > 0 and y > 0:
        return "both"
    return "even" if x % 2 == 0 else "odd"


classify(1, 1)
classify(2, -1)
"""


def measured(text: str, folder: Path, *, counts: bool = False) -> Coverage:
    path = folder / "program.py"
    path.write_text(text, "utf-8")
    session = Session(counts=counts)
    session.add_source(str(path))
    with session.measuring("test") as run:
        exec(compile(text, str(path), "exec"), {"__name__": "__main__"})
    return run.coverage


@pytest.fixture
def coverage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Coverage:
    monkeypatch.chdir(tmp_path)
    return measured(PROGRAM, tmp_path)


def test_text(coverage: Coverage) -> None:
    assert terminal.render(coverage) == (
        "branchcov: 4 of 6 arms taken (66.7%)\n"
        "  2 |     if x > 0 and y > 0:\n"
        "    |        ^^^^^ never false\n"
        '  4 |     return "even" if x % 2 == 0 else "odd"\n'
        "    |                      ^^^^^^^^^^ never false\n"
        "    |                                      ^^^^^ never ran"
    )


def test_a_label_is_kept_where_its_place_ends_on_another_line(tmp_path: Path) -> None:
    coverage = measured("def f(x):\n    if (x\n            .real):\n        return 1\n    return 2\nf(1)\n", tmp_path)
    assert "never false" in html.render(coverage, missed=True)


def test_a_record_does_not_depend_on_names(coverage: Coverage) -> None:
    (one,) = coverage.sources
    other = replace(one.source, text=PROGRAM.replace("classify", "judge"))
    for render in (terminal.render, html.render):
        shown = set()
        for names in (("In [9]", "In [10]"), ("a.ipynb#judge", "a.ipynb#class")):
            cells = (replace(s, name=name, kind="cell") for s, name in zip((one.source, other), names, strict=True))
            both = merge([replace(coverage, sources=(replace(one, source=cell),)) for cell in cells])
            shown.add(render(both, durable=True))
        assert len(shown) == 1


WORDS = {
    "for x in [1]:\n    break\nelse:\n    y = 1": ["for", "never exhausted", "never ran"],
    "for x in []:\n    y = 1": ["never entered", "never ran"],
    "x = 1\nif x:\n    y = 1\nelse:\n    y = 2": ["never false", "never ran"],
    "try:\n    raise KeyError\nexcept OSError:\n    x = 1\nexcept KeyError:\n    x = 2": ["never matched", "never ran"],
    "match 1:\n    case 1:\n        x = 1": ["always matched"],
    "é = 0 or 'ü'; x = é and 1": ["never false"],
    "assert 1 < 2": [],
    "x = 0\nassert x == 0, x": [],
}


@pytest.mark.parametrize("text", WORDS)
def test_words(text: str, tmp_path: Path) -> None:
    shown = terminal.render(measured(text, tmp_path))
    for word in WORDS[text]:
        assert word in shown, shown
    if not WORDS[text]:
        assert "\n" not in shown


def test_carets_stand_under_wide_and_tabbed_text(tmp_path: Path) -> None:
    lines = terminal.render(measured("if 1:\n\tx = '名前' if len('é') > 1 else 2", tmp_path)).split("\n")
    line, carets = lines[1], lines[2]
    assert line.expandtabs()[: carets.index("^")].endswith("'名前' if ") or "^" in carets


def test_colours_only_where_asked(coverage: Coverage) -> None:
    assert "\x1b[" not in terminal.render(coverage)
    coloured = terminal.render(coverage, color=True, width=100)
    assert "\x1b[" in coloured
    assert "def classify(x, y):" in re.sub(r"\x1b\[[\d;]*m", "", coloured)


def test_segments_put_a_line_together_again(coverage: Coverage) -> None:
    marked = mark(coverage.sources[0])
    for number, line in enumerate(marked.lines, 1):
        assert "".join(segment.text for segment in marked.segments(number)) == line


def test_lcov(coverage: Coverage) -> None:
    assert lcov.render(coverage).splitlines() == [
        "TN:",
        "SF:program.py",
        *(["BRDA:2,0,0,1", "BRDA:2,0,1,0", "BRDA:2,1,0,1", "BRDA:2,1,1,1", "BRDA:4,0,0,1", "BRDA:4,0,1,0"]),
        "BRF:6",
        "BRH:4",
        *(f"DA:{line},1" for line in (1, 2, 3, 4, 7, 8)),
        "LF:6",
        "LH:6",
        "end_of_record",
    ]


def test_cobertura(coverage: Coverage) -> None:
    root = ET.fromstring(cobertura.render(coverage).split("?>", 1)[1].split(">", 1)[1])
    lines = {line.get("number"): line for line in root.iter("line")}
    assert lines["2"].get("condition-coverage") == "75% (3/4)"
    assert [(each.get("number"), each.get("coverage")) for each in lines["2"].iter("condition")] == [
        ("0", "50%"),
        ("1", "100%"),
    ]
    assert (root.get("branches-covered"), root.get("branches-valid")) == ("4", "6")


def test_html_is_durable(coverage: Coverage) -> None:
    text = html.render(coverage, durable=True)
    assert text == html.render(coverage, durable=True)
    for dropped in ("<script", "<style", "<svg", "aria-", "data-", "var(", "onclick"):
        assert dropped not in text
    assert text.count("> never false </em>") == 2 and text.count("> never ran </em>") == 1
    assert " if x &gt; 0 never false  and y &gt; 0:" in re.sub(r"<[^>]*>", "", text)


def test_html_escapes(tmp_path: Path) -> None:
    text = html.render(measured("x = '<b>&' if 1 > len('<script>') else 2", tmp_path))
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_pages(coverage: Coverage) -> None:
    pages = html.page(coverage, "Title & more")
    assert sorted(pages) == ["index.html", "program.py.html"]
    assert 'href="program.py.html"' in pages["index.html"] and "Title &amp; more" in pages["index.html"]
    assert '<a href="#L4">4 never false</a>' in pages["program.py.html"] and 'id="L4"' in pages["program.py.html"]
    assert "http" not in "".join(pages.values())


def test_pages_have_names_of_their_own(coverage: Coverage) -> None:
    (source,) = coverage.sources
    names = ["a/b.py", "a b.py", "a_b.py", "index", "…"]
    several = [replace(source, source=replace(source.source, name=name)) for name in names]
    pages = html.page(replace(coverage, sources=tuple(several)), "Title")
    assert sorted(pages) == [
        "a_b.py-2.html",
        "a_b.py-3.html",
        "a_b.py.html",
        "index-2.html",
        "index.html",
        "source.html",
    ]


def test_the_view_is_json_and_whole(coverage: Coverage) -> None:
    view = widget.view(coverage)
    (source,) = view["sources"]
    lines = ["".join(text for piece in line["pieces"] for text, _ in piece["tokens"]) for line in source["lines"]]
    assert "\n".join([*lines, ""]) == PROGRAM
    assert [each["label"] for each in source["marks"] if each["label"]] == ["never false", "never false", "never ran"]


def test_the_view_tells_what_a_condition_belongs_to_and_counts(tmp_path: Path) -> None:
    text = "x = 1\nif (x or 2) and x < 2 < 3:\n    assert x\nelse:\n    x = 2\n    x = 3\n"
    (source,) = widget.view(measured(text, tmp_path))["sources"]
    marks = source["marks"]
    told = [(each["kind"], each["text"], each["label"], [marks[n]["text"] for n in each["within"]]) for each in marks]
    assert told == [
        ("if", "(x or 2) and x < 2 < 3", "", []),
        ("and", "x < 2 < 3", "", ["(x or 2) and x < 2 < 3"]),
        ("compare", "x < 2", "never false", ["x < 2 < 3", "(x or 2) and x < 2 < 3"]),
        ("compare", "2 < 3", "never false", ["x < 2 < 3", "(x or 2) and x < 2 < 3"]),
        ("assert", "x", "", []),
        ("", "", "2 lines never ran", []),
    ]
    assert [each["composite"] for each in marks] == [True, True, False, False, False, False]
    assert [(arm["required"], arm["reason"]) for arm in marks[4]["arms"]] == [
        (True, ""),
        (False, "asserts are not expected to fail"),
    ]
    assert [line["miss"] for line in source["lines"]] == [None, None, None, None, 5, None]


def test_a_place_over_several_lines_is_worth_all_of_them(tmp_path: Path) -> None:
    (source,) = widget.view(measured("x = 1\nif (x\n    or\n    x):\n    y = 2\n", tmp_path))["sources"]
    assert [line["worth"] for line in source["lines"]] == [False, True, False, True, False]
    (source,) = widget.view(measured("x = 1\nif (x +\n    1):\n    y = 2\n", tmp_path))["sources"]
    assert [line["worth"] for line in source["lines"]] == [False, True, True, False]


def test_code_that_never_ran_is_told_once(tmp_path: Path) -> None:
    (source,) = widget.view(measured("x = 0\ny = x and [z for z in (x, 1) if z and (z > 1 or x)]\n", tmp_path))[
        "sources"
    ]
    assert [each["label"] for each in source["marks"] if each["label"]] == ["never true", "never ran"]
