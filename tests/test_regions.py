"""Parts of lines that never ran: where they are, and that merged data gives the same ones in any order."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ipy_branchcov.data import json_form
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, SourceCoverage, merge
from ipy_branchcov.model.source import Source, Span


def branch(text: str, part: str, kind: str, true: int, false: int) -> Branch:
    at = text.index(part)
    return Branch(kind, Span(1, at, 1, at + len(part)), (Outcome("true", true), Outcome("false", false)))


def covered(text: str, *branches: tuple[str, str, int, int], missed: set[int] = frozenset()) -> SourceCoverage:
    source = Source("a.py", text, "file", "/a.py")
    return SourceCoverage(source, tuple(branch(text, *each) for each in branches), frozenset(missed))


def parts(source: SourceCoverage, text: str = "") -> list[str]:
    return [(text or source.source.text)[span.column : span.end_column] for span in source.missed_spans]


#: A line, its branches (text, kind, hits of true and of false), and the parts that never ran.
LINES: dict[str, tuple[list[tuple[str, str, int, int]], list[str]]] = {
    "x = aa if c else bb": ([("c", "ifexp", 1, 0)], ["bb"]),
    "y = aa if c else bb": ([("c", "ifexp", 0, 1)], ["aa"]),
    "z = aa if c else bb": ([("c", "ifexp", 1, 1)], []),
    "never = aa if c else bb": ([("c", "ifexp", 0, 0)], []),
    "x = a and b and cc": ([("a", "and", 1, 0), ("b", "and", 0, 1)], ["cc"]),
    "x = p or qq": ([("p", "or", 1, 0)], ["qq"]),
    "if p or qq: pass": ([("p", "or", 1, 0), ("qq", "or", 0, 0)], []),
    "[ee for i in s if t if u]": ([("t", "comp-if", 1, 1), ("u", "comp-if", 0, 1)], ["ee"]),
    "{k: vv for i in s if t}": ([("t", "comp-if", 0, 1)], ["k", "vv"]),
    "[ee for i in s]": ([], []),
    "x = ü if 'é' else ß": ([("'é'", "ifexp", 1, 0)], ["ß"]),
}


@pytest.mark.parametrize("text", LINES)
def test_parts_that_never_ran(text: str) -> None:
    branches, expected = LINES[text]
    assert parts(covered(text, *branches)) == expected
    assert parts(covered(text, *branches, missed={1})) == []  # the line says it


def test_text_that_does_not_parse_has_no_parts() -> None:
    assert covered("x = = a if c else b", ("c", "ifexp", 1, 0)).missed_spans == ()


LINE = "x = aa if c else bb if d else ee"
RUNS = [
    covered(LINE, ("c", "ifexp", 1, 0), ("d", "ifexp", 0, 0)),
    covered(LINE, ("c", "ifexp", 0, 1), ("d", "ifexp", 1, 0)),
    covered(LINE, ("c", "ifexp", 0, 1), ("d", "ifexp", 1, 0)),
    covered(LINE, ("c", "ifexp", 0, 0), ("d", "ifexp", 0, 0), missed={1}),
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
    assert parts((read(RUNS[0]) + read(RUNS[1])).sources[0], LINE) == []


def test_a_part_of_the_branches_has_their_parts() -> None:
    whole = RUNS[1]
    assert parts(replace(whole, branches=whole.branches[:1])) == ["aa"]
