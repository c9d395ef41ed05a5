"""Sums are sums, and the JSON form brings back what was written."""

from __future__ import annotations

import itertools
import json

import pytest

from ipy_branchcov.errors import DataError
from ipy_branchcov.model import schema
from ipy_branchcov.model.coverage import (
    BranchCoverage,
    Coverage,
    Outcome,
    SourceCoverage,
    Taker,
    Totals,
    merge,
)
from ipy_branchcov.model.source import Source, Span


@pytest.mark.parametrize(
    ("arms", "taken", "percent"),
    [
        (0, 0, None),
        (3, 0, 0.0),
        (3, 3, 100.0),
        (3, 2, 66.7),
        (3000, 2999, 99.9),
        (3000, 1, 0.1),
        (100_000, 99_999, 99.9),
    ],
)
def test_nothing_is_reached_by_rounding(arms: int, taken: int, percent: float | None) -> None:
    assert Totals(arms, taken).percent == percent


HERE = Span(1, 3, 1, 4)


def branch(true: int, false: int, by: str = "", *, span: Span = HERE, **options: object) -> BranchCoverage:
    first = Taker(by) if by else None
    outcomes = (Outcome("true", true, first=first if true else None), Outcome("false", false, **options))  # type: ignore[arg-type]
    return BranchCoverage("if", span, outcomes, "f")


def one(
    *branches: BranchCoverage, name: str = "In [1]", text: str = "if a: b", missed: set[int] = frozenset(), **more
) -> Coverage:
    source = SourceCoverage(Source(name, text, **more.pop("source", {})), branches, frozenset(missed))
    return Coverage((source,), frozenset({more.pop("python", "3.11.7")}), more.pop("counted", True))


PARTS = [
    one(branch(2, 0, "In [10]"), missed={1, 2}),
    one(branch(1, 3, "In [9]"), name="In [2]", missed={2, 3}, python="3.14.0"),
    one(branch(0, 1), branch(1, 1, "t", span=Span(2, 0, 2, 1))),
    one(branch(1, 0), text="if b: c", name="In [3]"),
    Coverage(),
]


def test_merging_in_any_order_and_grouping_is_the_same() -> None:
    whole = schema.dumps(merge(PARTS))
    for order in itertools.permutations(PARTS):
        assert schema.dumps(merge(order)) == whole
        assert schema.dumps(order[0] + (order[1] + order[2]) + (order[3] + order[4])) == whole


def test_merging_is_by_digest_span_kind_and_arm() -> None:
    total = merge(PARTS)
    first, second = total.sources
    assert [source.source.name for source in total] == ["In [1]", "In [3]"]
    assert [[outcome.hits for outcome in each.outcomes] for each in first.branches] == [[3, 4], [1, 1]]
    assert first.missed_lines == set() and [[o.hits for o in b.outcomes] for b in second.branches] == [[1, 0]]
    assert first.branches[0]["true"].first == Taker("In [9]")
    assert total.python == {"3.11.7", "3.14.0"}


def test_files_of_one_text_are_two_files() -> None:
    parts = [one(branch(1, 0), name=name, source={"kind": "file", "path": f"/{name}"}) for name in ("a.py", "b.py")]
    assert len(merge(parts).sources) == 2


def test_counts_and_mere_marks_merge_to_marks() -> None:
    total = one(branch(5, 0)) + one(branch(1, 1), counted=False)
    assert not total.counted and [outcome.hits for outcome in total.sources[0].branches[0].outcomes] == [1, 1]


def test_optional_and_excluded_arms_never_count() -> None:
    optional = branch(1, 0, required=False, reason="asserts are not expected to fail")
    assert optional.totals == Totals(1, 1) and optional.missed == ()
    assert branch(1, 1, excluded=True).totals == Totals(1, 1)


def test_the_json_form() -> None:
    told = schema.to_dict(one(branch(1, 0, "In [7]", required=False, reason="so"), missed={2, 3, 7}))
    assert told == {
        "schema": "ipy_branchcov/1",
        "python": ["3.11.7"],
        "counted": True,
        "totals": {"arms": 1, "taken": 1, "percent": 100.0},
        "sources": [
            {
                "name": "In [1]",
                "kind": "cell",
                "path": None,
                "digest": Source("", "if a: b").digest,
                "text": "if a: b",
                "totals": {"arms": 1, "taken": 1, "percent": 100.0},
                "missed_lines": [[2, 3], [7, 7]],
                "branches": [
                    {
                        "kind": "if",
                        "span": [1, 3, 1, 4],
                        "function": "f",
                        "arms": [
                            {
                                "name": "true",
                                "hits": 1,
                                "required": True,
                                "excluded": False,
                                "first": {"by": "In [7]", "values": {}},
                            },
                            {
                                "name": "false",
                                "hits": 0,
                                "required": False,
                                "excluded": False,
                                "first": None,
                                "reason": "so",
                            },
                        ],
                    }
                ],
            }
        ],
    }
    assert told["sources"][0]["digest"].startswith("sha256:")
    assert schema.to_dict(Coverage())["totals"]["percent"] is None


@pytest.mark.parametrize("part", [*PARTS, merge(PARTS)])
def test_round_trip(part: Coverage) -> None:
    assert schema.dumps(schema.loads(schema.dumps(part), "here")) == schema.dumps(part)


def test_texts_of_files_stay_where_they_are() -> None:
    coverage = one(branch(1, 0), source={"kind": "file", "path": "/a.py"})
    assert schema.to_dict(coverage)["sources"][0]["text"] is None
    assert schema.to_dict(coverage, texts=True)["sources"][0]["text"] == "if a: b"
    assert schema.loads(schema.dumps(coverage), "x") + coverage == coverage + coverage


def damage(*path: str | int, value: object) -> str:
    told = schema.to_dict(PARTS[0])
    place = told
    for step in path[:-1]:
        place = place[step]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    return json.dumps(told)


DAMAGED = {
    "cut": schema.dumps(PARTS[0])[:150],
    "another schema": damage("schema", value="ipy_branchcov/2"),
    "no list": damage("sources", value=3),
    "a span too short": damage("sources", 0, "branches", 0, "span", value=[1, 2]),
    "hits that are text": damage("sources", 0, "branches", 0, "arms", 0, "hits", value="many"),
    "negative hits": damage("sources", 0, "branches", 0, "arms", 0, "hits", value=-1),
    "no name": damage("sources", 0, "name", value=None),
    "an unknown kind": damage("sources", 0, "kind", value="page"),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_data_is_one_line(text: str) -> None:
    with pytest.raises(DataError, match=r"^data\.json: ") as caught:
        schema.loads(text, "data.json")
    assert "\n" not in str(caught.value)
