"""Spans, regions and what names select."""

from __future__ import annotations

import pytest

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.recent import Recent
from ipy_branchcov.model.regions import regions
from ipy_branchcov.model.selection import definitions, is_below, select
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.span import Cover, Span, widest

TEXT = "class A:\n    def f(self, x):\n        return x or 1\n\n\ndef g(x):\n    return x or 2\n"
FILE = SourceCoverage(
    Source("pkg/m.py", TEXT, "file"),
    tuple(Branch("or", Span(line, 15, line, 16), (Outcome("true", 1), Outcome("false"))) for line in (3, 7)),
    frozenset({3, 7}),
)
CELL = SourceCoverage(Source("In [3]", "x = 1"))
ALL = Coverage((CELL, FILE))


def test_spans() -> None:
    outer, inner = Span(1, 2, 3, 4), Span(1, 2, 2, 9)
    assert outer.contains(inner) and not inner.contains(outer)
    assert sorted([inner, outer], key=lambda span: span.order) == [outer, inner]
    assert (outer.start, outer.end) == ((1, 2), (3, 4))


def test_regions() -> None:
    source = Source("a", "x = a if b else c\ny = a and b or c\nz = [d for d in e if f]")
    found = [(region.span, region.after) for region in regions(source.tree(), source.span)]
    loop = Span(3, 11, 3, 17)
    assert sorted(found) == [
        (Span(1, 4, 1, 5), ((Span(1, 9, 1, 10), "ifexp"), "true")),
        (Span(1, 16, 1, 17), ((Span(1, 9, 1, 10), "ifexp"), "false")),
        (Span(2, 10, 2, 11), ((Span(2, 4, 2, 5), "and"), "true")),
        (Span(2, 15, 2, 16), ((Span(2, 4, 2, 11), "or"), "false")),
        (Span(3, 5, 3, 6), ((Span(3, 21, 3, 22), "comp-if"), "true")),
        (Span(3, 21, 3, 22), ((loop, "comp-for"), "body")),
    ]


def test_the_widest_spans_and_what_they_cover() -> None:
    wide, inner, apart, across = Span(1, 0, 2, 5), Span(1, 4, 1, 9), Span(3, 0, 3, 4), Span(2, 3, 3, 1)
    assert list(widest([apart, inner, wide, wide])) == [wide, apart]
    cover = Cover([wide, apart])
    assert [cover.contains(span) for span in (wide, inner, apart, across)] == [True, True, True, False]
    assert not Cover([]).contains(inner) and not Cover([inner]).contains(wide)


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        (["pkg.m"], [3, 7]),
        (["m"], [3, 7]),
        (["pkg/m.py"], [3, 7]),
        (["A"], [3]),
        (["A.f"], [3]),
        (["f"], [3]),
        (["g"], [7]),
        (["f", "g"], [3, 7]),
        ([], [3, 7]),
    ],
)
def test_what_names_select(names: list[str], lines: list[int]) -> None:
    *_, found = select(ALL, names)
    assert [branch.span.line for branch in found.branches] == lines
    assert sorted(found.missed_lines) == lines


def test_cells_and_what_was_not_measured() -> None:
    for name in ("In [3]", "In[3]"):
        assert select(ALL, [name]).sources == (CELL,)
    with pytest.raises(UsageError, match=r"nothing called h was measured; there is In \[3\], pkg/m\.py"):
        select(ALL, ["h"])
    assert list(definitions(FILE, "A.f")) == [(2, 3)]
    assert [is_below(FILE.source, spec) for spec in ("pkg", "pkg.m", "pk", "./pkg/", "m")] == [
        True,
        True,
        False,
        True,
        True,
    ]
    assert not is_below(CELL.source, "pkg")


def test_what_is_not_used_is_forgotten() -> None:
    recent: Recent[str, int] = Recent()
    recent["used"], recent["left"] = 1, 2
    for _ in range(2):
        recent.turn()
        assert recent.get("used") == 1
    assert recent.get("left") is None and len(recent) == 1 and recent.values() == [1]
