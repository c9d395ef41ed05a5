"""Each report of one small program: for people and for tools."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports import cobertura, lcov, live_view, pages, summary, terminal
from ipy_branchcov.reports.files import write_reports
from ipy_branchcov.reports.record import record
from ipy_branchcov.reports.view import mark
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from tests.calls import calls_of
from tests.views import viewed

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
    session = Session(RunOptions(counts=counts))
    session.add_source(str(path))
    with session.measuring("test") as run:
        exec(compile(text, str(path), "exec"), {"__name__": "__main__"})
    run.coverage.self_check()
    return run.coverage


@pytest.fixture
def coverage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Coverage:
    monkeypatch.chdir(tmp_path)
    return measured(PROGRAM, tmp_path)


def test_text(coverage: Coverage) -> None:
    assert terminal.render(coverage) == (
        "branchcov: 4 of 6 outcomes covered (66.7%)\n"
        "  2 |     if x > 0 and y > 0:\n"
        "    |        ^^^^^ never false\n"
        '  4 |     return "even" if x % 2 == 0 else "odd"\n'
        "    |                      ^^^^^^^^^^ never false\n"
        "    |                                      ^^^^^ never ran"
    )


def test_label_of_multiline_place_is_kept(tmp_path: Path) -> None:
    coverage = measured("def f(x):\n    if (x\n            .real):\n        return 1\n    return 2\nf(1)\n", tmp_path)
    for missed in (True, False):
        rows = record(coverage, whole=True, missed=missed).html.splitlines()
        (row,) = (row for row in rows if "never false" in row)
        assert row == "<i>3 </i>            <mark>.real</mark><em> ← never false </em>):"


def test_record_does_not_depend_on_cell_names(coverage: Coverage) -> None:
    (one,) = coverage.sources
    other = replace(one.source, text=PROGRAM.replace("classify", "judge"))
    for render in (terminal.render, lambda both, static: record(both).html + record(both).text):
        shown = set()
        for names in (("In [9]", "In [10]"), ("a.ipynb#judge", "a.ipynb#class")):
            cells = (replace(s, name=name, kind="cell") for s, name in zip((one.source, other), names, strict=True))
            both = merge([replace(coverage, sources=(replace(one, source=cell),)) for cell in cells])
            shown.add(render(both, static=True))
        assert len(shown) == 1


WORDS = {
    "for x in [1]:\n    break\nelse:\n    y = 1": ["for", "never exhausted", "never ran"],
    "for x in []:\n    y = 1": ["never entered", "never ran"],
    "x = 1\nif x:\n    y = 1\nelse:\n    y = 2": ["never false", "never ran"],
    "try:\n    raise KeyError\nexcept OSError:\n    x = 1\nexcept KeyError:\n    x = 2": ["never matched", "never ran"],
    "match 1:\n    case 1:\n        x = 1": ["never failed to match"],
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


def test_carets_below_wide_characters_and_tabs(tmp_path: Path) -> None:
    lines = terminal.render(measured("if 1:\n\tx = '名前' if len('é') > 1 else 2", tmp_path)).split("\n")
    line, carets = lines[1], lines[2]
    assert line.expandtabs()[: carets.index("^")].endswith("'名前' if ") or "^" in carets


def test_colours_only_where_asked(coverage: Coverage) -> None:
    assert "\x1b[" not in terminal.render(coverage)
    coloured = terminal.render(coverage, color=True, width=100)
    assert "\x1b[" in coloured
    assert "def classify(x, y):" in re.sub(r"\x1b\[[\d;]*m", "", coloured)


def test_segments_add_up_to_the_line(coverage: Coverage) -> None:
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


def test_record_needs_no_scripts_or_styles(coverage: Coverage) -> None:
    text = record(coverage, whole=True).html
    assert text == record(coverage, whole=True).html
    text = re.sub(r"<style>.*?</style>", "", text)
    for dropped in ("<script", "<style", "<svg", "aria-", "data-", "var(", "onclick"):
        assert dropped not in text
    assert text.count("never false </em>") == 2 and text.count("never ran </em>") == 1
    assert " if x &gt; 0 ← never false  and y &gt; 0:" in re.sub(r"<[^>]*>", "", text)


def test_html_escapes(tmp_path: Path) -> None:
    text = record(measured("x = '<b>&' if 1 > len('<script>') else 2", tmp_path), whole=True).html
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_pages(coverage: Coverage) -> None:
    found = pages.render(coverage, "Title & more")
    assert sorted(found) == sorted([*OURS, "program.py.html"])
    assert 'href="program.py.html"' in found["index.html"] and "Title &amp; more" in found["index.html"]
    assert '<a href="#L4">4 never false</a>' in found["program.py.html"] and 'id="L4"' in found["program.py.html"]
    assert "http" not in "".join(found.values())


#: What stands in each report folder beside the pages.
OURS = ("index.html", "functions.html", "branchcov-report.css", "branchcov-report.js")
PAGES = {
    "characters that file names do not have": (["a/b.py", "a b.py", "a_b.py"], ["a_b.py", "a_b.py-2", "a_b.py-3"]),
    "the index is ours": (["index", "INDEX", "functions"], ["INDEX-2", "index-3", "functions-2"]),
    "nothing is left of the name": (["…"], ["source"]),
    "one name": (["a/b.py", "a/b.py"], ["a_b.py", "a_b.py-2"]),
    "capital and small letters": (["Big.py", "big.py", "BIG.py"], ["BIG.py", "Big.py-2", "big.py-3"]),
    "a name that another would get": (["a.py", "a.py", "a.py-2"], ["a.py", "a.py-2", "a.py-2-2"]),
    "one character in two forms": (["\u8c48.py", "\uf900.py"], ["\u8c48.py", "\uf900.py-2"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", PAGES)
def test_each_source_has_its_own_page(coverage: Coverage, case: str) -> None:
    names, pages_of = PAGES[case]
    (one,) = coverage.sources
    several = [
        replace(one, source=replace(one.source, name=name, text=f"# {number}\n{PROGRAM}"))
        for number, name in enumerate(names)
    ]
    for order in (several, several[::-1]):
        found = pages.render(replace(coverage, sources=tuple(order)), "Title")
        assert sorted(found) == sorted([*(f"{name}.html" for name in pages_of), *OURS])
        for number, name in enumerate(names):
            (page,) = [page for page, text in found.items() if f"# {number}</i>" in text]
            assert f'<a href="{page}">{name}</a>' in found["index.html"] and f"<h1>{name}</h1>" in found[page]


def test_view_has_the_whole_text(coverage: Coverage) -> None:
    view = viewed(coverage)
    (source,) = view["sources"]
    lines = ["".join(text for piece in line["pieces"] for text, _ in piece["tokens"]) for line in source["lines"]]
    assert "\n".join([*lines, ""]) == PROGRAM
    assert [each["label"] for each in source["marks"] if each["label"]] == ["never false", "never false", "never ran"]


def test_view_has_surrounding_places_and_duties(tmp_path: Path) -> None:
    text = "x = 1\nif (x or 2) and x < 2 < 3:\n    assert x\nelse:\n    x = 2\n    x = 3\n"
    (source,) = viewed(measured(text, tmp_path))["sources"]
    marks = source["marks"]
    shown_marks = [
        (each["kind"], each["text"], each["label"], [marks[n]["text"] for n in each["within"]]) for each in marks
    ]
    assert shown_marks == [
        ("if", "(x or 2) and x < 2 < 3", "", []),
        ("and", "x < 2 < 3", "", ["(x or 2) and x < 2 < 3"]),
        ("compare", "x < 2", "never false", ["x < 2 < 3", "(x or 2) and x < 2 < 3"]),
        ("compare", "2 < 3", "never false", ["x < 2 < 3", "(x or 2) and x < 2 < 3"]),
        ("assert", "x", "", []),
        ("", "", "2 lines never ran", []),
    ]
    assert [each["composite"] for each in marks] == [True, True, False, False, False, False]
    assert [outcome["duty"] for outcome in marks[4]["outcomes"]] == [
        "required",
        "optional: asserts are not expected to fail",
    ]
    assert [line["miss"] for line in source["lines"]] == [None, None, None, None, 5, None]


def test_multiline_place_is_shown_on_all_its_lines(tmp_path: Path) -> None:
    (source,) = viewed(measured("x = 1\nif (x\n    or\n    x):\n    y = 2\n", tmp_path))["sources"]
    assert [line["worth"] for line in source["lines"]] == [False, True, False, True, False]
    (source,) = viewed(measured("x = 1\nif (x +\n    1):\n    y = 2\n", tmp_path))["sources"]
    assert [line["worth"] for line in source["lines"]] == [False, True, True, False]


def test_code_that_never_ran_has_one_label(tmp_path: Path) -> None:
    coverage = measured("x = 0\ny = x and [z for z in (x, 1) if z and (z > 1 or x)]\n", tmp_path)
    assert [each.label for each in mark(coverage.sources[0]).misses] == ["never true", "never ran"]
    for text in (terminal.render(coverage), record(coverage, whole=True).html, summary.render(coverage, missing=True)):
        assert (text.count("never true"), text.count("never ran")) == (1, 1)


def test_a_branch_on_a_missed_line_keeps_its_missed_outcome() -> None:
    branches = (
        Branch("for", Span(1, 4, 2, 11), (Outcome("body", 0), Outcome("exhausted", 1))),
        Branch("or", Span(1, 4, 2, 5), (Outcome("true", 0), Outcome("false", 0))),
    )
    source = SourceCoverage(Source("a.py", "for a, \\\n    b in []:\n    pass\n"), branches, frozenset({1, 3}))
    assert [(each.span.line, each.label) for each in mark(source).misses] == [
        (1, "never ran"),
        (1, "never entered"),
        (3, "never ran"),
    ]


def test_the_words_come_with_the_view(tmp_path: Path) -> None:
    coverage = measured("x = 1\nif x or x > 2:\n    y = 1\nelse:\n    y = 2\n    z = 3\n", tmp_path, counts=True)
    (source,) = coverage.sources
    new = {(source.source.digest, source.branches[1].key, "true")}
    (shown,) = viewed(coverage, new=new)["sources"]
    shown_marks = [
        (each["place"], each["words"], each["label"], each["kind_words"], each["news"]) for each in shown["marks"]
    ]
    assert shown_marks == [
        ("x or x > 2", "counted by its operands", "", "test of `if`", ""),
        ("x", "never false", "never false", "operand of `or`", "new: true"),
        ("x > 2", "never ran", "never ran", "operand of `or`", ""),
        ("lines 5 to 6", "never ran", "2 lines never ran", "", ""),
    ]
    mark = shown["marks"][1]
    first = source.branches[1]["true"].first
    assert mark["sentence"] == "or: true covered once, first by test, new; false never covered"
    known = {} if first is None else first.values
    assert [(each["sentence"], dict(each["values"][0])) for each in live_view.View(coverage, new=new).values(0)][
        1:
    ] == ([("or: true covered once, first by test with x=1, new; false never covered", known)] if known else [])
    assert [(o["state"], o["fate"], o["duty"], o["new"]) for o in mark["outcomes"]] == [
        ("covered", "covered once", "required", True),
        ("missed", "never covered", "required", False),
    ]


def test_a_large_source_is_sent_when_it_is_opened(tmp_path: Path) -> None:
    text = "x = 1 if int() else 2\n" + "\n" * 2_000
    coverage = measured(text, tmp_path)
    view = live_view.View(coverage)
    (shown,) = view.data()["sources"]
    assert (shown["folded"], shown["stops"], shown["lines"], shown["marks"]) == (True, 2, [], [])
    answers = list(view.answers("a view", 0, known=False))
    opened, whole = answers[0]["source"], view.source(0)
    assert opened is not None and not opened["folded"]
    assert sum((each["lines"] for each in answers), opened["lines"]) == whole["lines"]
    assert sum((each["marks"] for each in answers), opened["marks"]) == whole["marks"]
    assert max(len(each["lines"]) for each in answers) < 1_000, "a page would read too much in one go"
    assert [each["last"] for each in answers] == [False] * (len(answers) - 1) + [True]
    (cell,) = viewed(coverage, first=coverage.sources[0].source.name)["sources"]
    assert not cell["folded"], "a cell alone has no title to open"


@pytest.mark.slow
def test_a_record_is_linear_in_the_functions(tmp_path: Path) -> None:
    found = []
    for count in (60, 240):
        text = "".join(f"def f{n}(x):\n    return x if x else lambda: {n}\nf{n}(1)\n" for n in range(count))
        coverage = measured(text, tmp_path)
        found.append(calls_of(lambda coverage=coverage: record(coverage)))  # type: ignore[misc]
    assert found[1] < 4.4 * found[0], found


def test_pages_of_an_earlier_report_are_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = measured("x = 1 if int() else 2", tmp_path)
    folder, source = tmp_path / "html", first.sources[0]
    others = [replace(source, source=replace(source.source, name=name)) for name in ("b.py", "c.py", "d.py")]
    second = replace(first, sources=tuple(others[:1]))
    write_reports(replace(first, sources=tuple(others)), {"html": folder})
    page = (folder / "c.py.html").read_text()
    for name, text in {"copy.html": page, "d.py.html": "<p>mine", "mine.txt": "x"}.items():
        (folder / name).write_text(text)
    (folder / "e.py.html").symlink_to(folder / "copy.html")
    write_reports(second, {"html": folder})
    left = {"b.py.html", "copy.html", "d.py.html", "e.py.html", "mine.txt", *OURS}
    assert (folder / "index.html").read_text().startswith(page[:120])
    assert {each.name for each in folder.iterdir()} == left
    index = '<title>mine</title><a href="copy.html">mine</a>'
    (folder / "index.html").write_text(index + page)
    write_reports(first, {"html": folder})
    assert {each.name for each in folder.iterdir()} == left | {"program.py.html"}
    write_reports(first, {"html": folder / "single.html"})
    write_reports(second, {"html": folder})
    assert {each.name for each in folder.iterdir()} == left | {"single.html"}
