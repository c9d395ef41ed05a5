"""Parts of lines that never ran: where they are, and that merged data gives the same ones in any order."""

from __future__ import annotations

import ast
import itertools
from dataclasses import replace

import pytest

from ipy_branchcov.data import json_form
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.regions import never_ran, regions
from ipy_branchcov.model.selection import select
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.span import widest


def branch(text: str, part: str, kind: str, true: int, false: int) -> Branch:
    at = text.index(part)
    return Branch(kind, Span(1, at, 1, at + len(part)), (Outcome("true", true), Outcome("false", false)))


def covered(
    text: str, *branches: tuple[str, str, int, int], missed: frozenset[int] = frozenset(), called: bool = False
) -> SourceCoverage:
    """A line by its branches. ``called``: with all its functions called."""
    source = Source("a.py", text, "file", "/a.py")
    made = tuple(branch(text, *each) for each in branches)
    found = list(regions(source.tree(), source.span))
    entered = [region.function for region in found if region.function is not None and called]
    spans = widest(region.span for region in never_ran(found, made, entered) if not missed)
    return SourceCoverage(source, made, missed, missed_spans=frozenset(spans))


def parts(source: SourceCoverage, text: str = "") -> list[str]:
    return [(text or source.source.text)[span.column : span.end_column] for span in source.missed_parts]


#: A line, its branches (text, kind, hits of true and of false), and the parts that never ran.
LINES: dict[str, tuple[list[tuple[str, str, int, int]], list[str]]] = {
    "x = aa if c else bb": ([("c", "ifexp", 1, 0)], ["bb"]),
    "y = aa if c else bb": ([("c", "ifexp", 0, 1)], ["aa"]),
    "z = aa if c else bb": ([("c", "ifexp", 1, 1)], []),
    "raised = aa if c else bb": ([("c", "ifexp", 0, 0)], ["aa", "bb"]),
    "unknown = aa if c else bb": ([], []),
    "x = aa if 1 else bb if c else dd": ([("c", "ifexp", 0, 0)], []),
    "x = a and b and cc": ([("a", "and", 1, 0), ("b", "and", 0, 1)], ["cc"]),
    "x = p or qq": ([("p", "or", 1, 0)], ["qq"]),
    "if p or qq: pass": ([("p", "or", 1, 0), ("qq", "or", 0, 0)], ["qq"]),
    "x = a and 1 and cc": ([("a", "and", 0, 1)], ["1", "cc"]),
    "x = a and bb and 0 and cc": ([("a", "and", 1, 0), ("bb", "and", 0, 1)], ["0"]),
    "x = a and (bb if c else dd)": ([("a", "and", 0, 1), ("c", "ifexp", 0, 0)], ["bb if c else dd"]),
    "x = a < b < cc": ([("a < b", "compare", 0, 1)], ["cc"]),
    "if c: x = 1; y = 2": ([("c", "if", 0, 1)], ["x = 1; y = 2"]),
    "if c: 'text'; y": ([("c", "if", 0, 1)], ["y"]),
    "if c: ...": ([("c", "if", 0, 1)], []),
    "while c: x": ([("c", "while", 0, 1)], ["x"]),
    "def f(x=aa if c else bb): return x": ([("c", "ifexp", 1, 0)], ["bb", "return x"]),
    "x = lambda a=(lambda: bb): cc": ([], ["bb", "cc"]),
    "x: aa if c else bb = lambda: d": ([("c", "ifexp", 1, 0)], ["d"]),
    "assert x, (lambda: dd)": ([], []),
    "[ee for i in s if t if u]": ([("t", "comp-if", 1, 1), ("u", "comp-if", 0, 1)], ["ee"]),
    "{k: vv for i in s if t}": ([("t", "comp-if", 0, 1)], ["k", "vv"]),
    "[ee for i in s]": ([], []),
    "x = ü if 'é' else ß": ([("'é'", "ifexp", 1, 0)], ["ß"]),
}


@pytest.mark.parametrize("text", LINES)
def test_parts_that_never_ran(text: str) -> None:
    branches, expected = LINES[text]
    assert parts(covered(text, *branches)) == expected
    assert parts(covered(text, *branches, missed=frozenset({1}))) == []  # the line says it


def test_a_body_never_ran_until_its_function_is_called() -> None:
    text = "f = lambda: aa, lambda: [(yield)], lambda: lambda: bb"
    source = covered(text)
    assert parts(source) == ["aa", "[(yield)]", "lambda: bb"]
    assert [text[s.column : s.end_column] for s in sorted(source.never_called)] == ["aa", "lambda: bb"]
    assert parts(covered(text, called=True)) == []
    assert replace(source, source=Source("a.py", "", "file")).never_called == frozenset()


def test_an_excluded_outcome_says_nothing() -> None:
    excluded = Branch("ifexp", Span(1, 11, 1, 12), (Outcome("true", 1), Outcome("false", excluded=True)))
    found = list(regions(ast.parse(LINE), Source("a", LINE).span))
    assert list(never_ran(found, [excluded], [])) == []


LINE = "x = aa if c else bb if d else ee"
RUNS = [
    covered(LINE, ("c", "ifexp", 1, 0), ("d", "ifexp", 0, 0)),
    covered(LINE, ("c", "ifexp", 0, 1), ("d", "ifexp", 1, 0)),
    covered(LINE, ("c", "ifexp", 0, 1), ("d", "ifexp", 1, 0)),
    covered(LINE, ("c", "ifexp", 0, 0), ("d", "ifexp", 0, 0), missed=frozenset({1})),
]


def read(source: SourceCoverage) -> Coverage:
    """As a data file brings it back: without the text of the file."""
    coverage = json_form.loads(json_form.dumps(Coverage((source,))), "data.json")
    assert coverage.sources[0].source.text == ""
    return coverage


def test_a_data_file_keeps_the_parts_without_the_text() -> None:
    assert [parts(read(run).sources[0], LINE) for run in RUNS] == [
        ["bb if d else ee"],
        ["aa", "ee"],
        ["aa", "ee"],
        [],
    ]


def test_merging_with_a_text_finds_the_parts_of_the_sum() -> None:
    known = Coverage((RUNS[0],))
    for order in itertools.permutations([known, read(RUNS[1]), read(RUNS[3])]):
        assert parts(merge(order).sources[0]) == ["ee"]


def test_merging_without_a_text_keeps_what_never_ran_in_each() -> None:
    read_runs = [read(run) for run in (RUNS[1], RUNS[2], RUNS[3])]
    for one, two, three in itertools.permutations(read_runs):
        for total in (merge([one, two, three]), one + (two + three)):
            assert parts(total.sources[0], LINE) == ["aa", "ee"]
    assert parts((read(RUNS[0]) + read(RUNS[1])).sources[0], LINE) == ["ee"]


def test_a_selected_function_has_its_parts() -> None:
    text = "def f(c):\n    return aa if c else bb\ndef g(c):\n    return cc if c else dd\n"
    spans = frozenset({Span(2, 11, 2, 13), Span(4, 11, 4, 13)})
    whole = Coverage((SourceCoverage(Source("a.py", text, "file"), missed_spans=spans),))
    assert select(whole, ["g"]).sources[0].missed_parts == (Span(4, 11, 4, 13),)
    assert select(whole, ["g", "f"]).sources[0].missed_spans == spans


def test_missed_regions_are_those_of_all_regions() -> None:
    """They are looked for in the statements of their lines alone."""
    text = (
        "@(lambda f: f if f else None)\n@decorate\ndef f(x):\n    while x: x -= 1\n    return (\n        1 if x\n"
        "        else 2\n    )\nmatch f(1):\n    case 0 if f(2): pass\n    case [y]: y and f(y)\n"
        "try: pass\nexcept ValueError: f(3)\nclass C:\n    g = lambda self: [z for z in self if z]\n"
    )
    source = Source("m.py", text, "file")
    every = list(regions(source.tree(), source.span))
    assert len(every) > 9
    for each in every:
        missed = frozenset((each.span,))
        found = SourceCoverage(source, missed_spans=missed).missed_regions
        assert [(*region[:2], region.suite) for region in found] == [
            (*region[:2], region.suite) for region in every if region.span in missed
        ]
