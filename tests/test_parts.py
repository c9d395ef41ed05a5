"""Parts of lines that never ran: found by running, the same on every Python, in every report."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ipy_branchcov.data import json_form
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports import cobertura, lcov, summary, terminal
from ipy_branchcov.reports.record import record
from tests import target_programs
from tests.parts import compare
from tests.test_lines import measured

#: Programs, and the parts that never ran.
PROGRAMS = {
    "one-line suites": (
        """\
def f(n):
    if n > 5: print("more"); n = 1
    for x in []: print(x)
    while n > 9: n -= 1
    try: return n
    except KeyError: return 1
for f.a, f.b in [(1, 2)]: f(1)
if f(2): pass
else: f(3)
""",
        ['print("more"); n = 1', "print(x)", "n -= 1"],
    ),
    "functions that were never called": (
        """\
def g(): return "never"
def h(): return "called"
k = [lambda: 1, lambda: 2, lambda: (lambda: 3), lambda a=lambda: 4: a]
h(), k[1](), k[2](), k[3]()
""",
        ['return "never"', "1", "3", "4"],
    ),
    "generators and coroutines that never began": (
        """\
def g(): yield 1
def h(): yield 2
async def c(): return 3
g(), list(h()), c().close()
""",
        ["yield 1", "return 3"],
    ),
    "operands, sides, elements": (
        """\
a = []
x = a and a[0] and 1
x = 1 < len(a) < 5 or (2 if a else 3)
x = [i + 1 for i in [1, 2] if i > 3 if i < 5]
x = {i: j for i in a for j in i}
def f(x):
    match x:
        case 1 if a: return 5
        case [y] if y: return 6
        case _: return 7
f(1)
""",
        ["a[0]", "1", "5", "2", "i + 1", "i < 5", "i", "j", "j in i", "return 5", "y", "return 6"],
    ),
    "what an exception keeps from running": (
        """\
def f(): raise KeyError
for _ in "ab":
    try:
        x = f() and 1
    except KeyError: pass
    try: f(); x = 2
    except KeyError: pass
    try:
        x = 3 if f() else [f(), 4]
    except KeyError: pass
""",
        ["1", "3", "[f(), 4]"],
    ),
}


def texts(source: SourceCoverage) -> list[str]:
    lines = source.source.lines
    return [lines[span.line - 1][span.column : span.end_column] for span in source.missed_parts]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("name", PROGRAMS)
def test_parts_that_never_ran(name: str, tmp_path: Path) -> None:
    text, expected = PROGRAMS[name]
    source = measured(text, tmp_path)
    assert texts(source) == expected
    source.self_check()
    assert compare(name, text, str(tmp_path / "program.py")).differences == []


def test_every_report_has_them(tmp_path: Path) -> None:
    """LCOV and Cobertura know lines alone: a line of which any part ran is a line that ran."""
    text = 'def g(): return "never"\nif g: x = 1\nelse: x = 2\ny = x if g else [x]\n'
    coverage = Coverage((measured(text, tmp_path),))
    data = json.loads(json_form.dumps(coverage))
    assert data["sources"][0]["missed_spans"] == [[1, 9, 1, 23], [4, 16, 4, 19]]
    assert data["sources"][0]["missed_lines"] == [[3, 3]]
    shown = terminal.render(coverage)
    assert "         ^^^^^^^^^^^^^^ never called" in shown and "                ^^^ never ran" in shown
    assert "never called" in record(coverage, whole=True).html
    table = summary.render(coverage, missing=True, width=200)
    assert "g: 1:10 never called" in table and "2:4 never false, 3, 4:10 never false, 4:17 never ran" in table
    assert [line for line in lcov.render(coverage).split("\n") if line[:3] == "DA:"] == [
        *("DA:1,1", "DA:2,1", "DA:3,0", "DA:4,1")
    ]
    lines = ET.fromstring(cobertura.render(coverage)).iter("line")
    assert [(line.get("number"), line.get("hits")) for line in lines] == [
        ("1", "1"),
        ("2", "1"),
        ("3", "0"),
        ("4", "1"),
    ]


def test_a_test_that_raised_is_not_said_never_to_have_run(tmp_path: Path) -> None:
    text = "def f(): raise KeyError\ntry:\n    if f(): f()\nexcept KeyError:\n    f = 1 and f\n"
    shown = terminal.render(Coverage((measured(text, tmp_path),)))
    assert "       ^^^ never true, never false\n" in shown
    assert "            ^^^ never ran" in shown


def test_an_operand_that_is_counted_by_its_own_operands_is_marked_once(tmp_path: Path) -> None:
    shown = terminal.render(Coverage((measured("a = b = 1\nif a or (a and b): a = 2\n", tmp_path),)))
    assert shown.count("never ran") == 1 and "         ^^^^^^^ never ran" in shown


def test_a_source_of_which_only_a_part_is_missed_is_shown(tmp_path: Path) -> None:
    coverage = Coverage((measured("f = lambda: 1\n", tmp_path),))
    assert "1:13 never called" in summary.render(coverage, missing=True)
    assert "never called" in terminal.render(coverage) and "never called" in record(coverage, whole=True).html


def test_excluded_and_unreachable_code_has_no_parts(tmp_path: Path) -> None:
    text = "def f(): return 1  # pragma: no cover\nx = 1 if f else 2  # pragma: no branch\nx = 1 if True else f or x\n"
    assert measured(text, tmp_path).missed_spans == frozenset()


@pytest.mark.slow
def test_targets() -> None:
    results = [
        compare(path.name, path.read_text("utf-8"), str(path))
        for path in target_programs.targets()
        if "pragma" not in path.name
    ]
    assert [found for each in results for found in each.differences] == []
    assert sum(each.missed for each in results) > 20
