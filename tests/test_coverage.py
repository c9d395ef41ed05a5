"""Totals, merging, the JSON form, and the invariants of the model."""

from __future__ import annotations

import itertools
import json
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ipy_branchcov.data import json_form
from ipy_branchcov.errors import DataError, UsageError
from ipy_branchcov.model.branch import Branch, FirstHit, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.selection import select
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.totals import Totals


@pytest.mark.parametrize(
    ("outcomes", "covered", "percent"),
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
def test_percent_is_never_rounded_to_0_or_100(outcomes: int, covered: int, percent: float | None) -> None:
    assert Totals(outcomes, covered).percent == percent


HERE = Span(1, 3, 1, 4)


def branch(true: int, false: int, by: str = "", *, span: Span = HERE, **options: object) -> Branch:
    first = FirstHit(by) if by else None
    outcomes = (Outcome("true", true, first=first if true else None), Outcome("false", false, **options))  # type: ignore[arg-type]
    return Branch("if", span, outcomes, "f")


def one(
    *branches: Branch, name: str = "In [1]", text: str = "if a: b", missed: set[int] = frozenset(), **more
) -> Coverage:
    source = SourceCoverage(Source(name, text, **more.pop("source", {})), branches, frozenset(missed))
    return Coverage((source,), frozenset({more.pop("python", "3.11.7")}), more.pop("counted", True))


LINES = "if a: b\nc\nd"
PARTS = [
    one(branch(2, 0, "In [10]"), text=LINES, missed={1, 2}),
    one(branch(1, 3, "In [9]"), text=LINES, name="In [2]", missed={2, 3}, python="3.14.0"),
    one(branch(0, 1), branch(1, 1, "t", span=Span(2, 0, 2, 1)), text=LINES),
    one(branch(1, 0), text="if b: c", name="In [3]"),
    Coverage(),
]


def test_merging_in_any_order_and_grouping_is_the_same() -> None:
    whole = json_form.dumps(merge(PARTS))
    for order in itertools.permutations(PARTS):
        assert json_form.dumps(merge(order)) == whole
        assert json_form.dumps(order[0] + (order[1] + order[2]) + (order[3] + order[4])) == whole


def test_merging_by_digest_span_kind_and_outcome() -> None:
    total = merge(PARTS)
    first, second = total.sources
    assert [source.source.name for source in total] == ["In [1]", "In [3]"]
    assert [[outcome.hits for outcome in each.outcomes] for each in first.branches] == [[3, 4], [1, 1]]
    assert first.missed_lines == set() and [[o.hits for o in b.outcomes] for b in second.branches] == [[1, 0]]
    assert first.branches[0]["true"].first == FirstHit("In [9]")
    assert total.python == {"3.11.7", "3.14.0"}


def test_files_with_equal_text_stay_apart() -> None:
    parts = [one(branch(1, 0), name=name, source={"kind": "file", "path": f"/{name}"}) for name in ("a.py", "b.py")]
    assert len(merge(parts).sources) == 2


def test_sum_of_counted_and_not_counted_is_not_counted() -> None:
    total = one(branch(5, 0)) + one(branch(1, 1), counted=False)
    assert not total.counted and [outcome.hits for outcome in total.sources[0].branches[0].outcomes] == [1, 1]


def test_optional_and_excluded_outcomes_never_count() -> None:
    optional = branch(1, 0, required=False, reason="asserts are not expected to fail")
    assert optional.totals == Totals(1, 1) and optional.missed == ()
    assert branch(1, 1, excluded=True).totals == Totals(1, 1)


def test_the_json_form() -> None:
    data = json_form.to_dict(one(branch(1, 0, "In [7]", required=False, reason="so"), missed={2, 3, 7}))
    assert data == {
        "schema": "ipy_branchcov/1",
        "python": ["3.11.7"],
        "counted": True,
        "totals": {"outcomes": 1, "covered": 1, "percent": 100.0},
        "sources": [
            {
                "name": "In [1]",
                "kind": "cell",
                "path": None,
                "digest": Source("", "if a: b").digest,
                "text": "if a: b",
                "totals": {"outcomes": 1, "covered": 1, "percent": 100.0},
                "missed_lines": [[2, 3], [7, 7]],
                "missed_spans": [],
                "branches": [
                    {
                        "kind": "if",
                        "span": [1, 3, 1, 4],
                        "function": "f",
                        "outcomes": [
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
    assert data["sources"][0]["digest"].startswith("sha256:")
    assert json_form.to_dict(Coverage())["totals"]["percent"] is None


@pytest.mark.parametrize("part", [*PARTS, merge(PARTS)])
def test_round_trip(part: Coverage) -> None:
    assert json_form.dumps(json_form.loads(json_form.dumps(part), "here")) == json_form.dumps(part)


def test_texts_of_files_are_left_out() -> None:
    coverage = one(branch(1, 0), source={"kind": "file", "path": "/a.py"})
    assert json_form.to_dict(coverage)["sources"][0]["text"] is None
    assert json_form.to_dict(coverage, texts=True)["sources"][0]["text"] == "if a: b"
    assert json_form.loads(json_form.dumps(coverage), "x") + coverage == coverage + coverage


GOOD = one(branch(1, 0), branch(0, 1, span=Span(2, 3, 2, 4)), text="if a: b\nif c: d", missed={2}, counted=False)


def broken(**changes: object) -> Coverage:
    """GOOD with other fields in its source."""
    return replace(GOOD, sources=(replace(GOOD.sources[0], **changes),))


def spread(*branches: Branch) -> Coverage:
    return broken(branches=branches)


def first_seen(hits: int) -> Branch:
    return Branch("if", HERE, (Outcome("true", hits, first=FirstHit("t")), Outcome("false", 1)))


BROKEN: dict[str, tuple[Coverage, str]] = {
    "order": (spread(*GOOD.sources[0].branches[::-1]), "not in source order"),
    "a branch twice": (spread(branch(1, 0), branch(0, 1)), "not in source order, or one stands there twice"),
    "an unknown kind": (spread(replace(branch(1, 0), kind="fi")), "its outcomes are"),
    "outcomes of another kind": (spread(replace(branch(1, 0), kind="for")), "its outcomes are"),
    "negative hits": (spread(branch(-1, 0)), "-1 hits"),
    "a reason too many": (spread(branch(1, 0, reason="so")), "is required and has a reason why not"),
    "a first hit without hits": (spread(first_seen(0)), "has a first hit and no hits"),
    "a column behind the line": (spread(branch(1, 0, span=Span(1, 3, 1, 8))), "lies outside the text"),
    "a line behind the text": (spread(branch(1, 0, span=Span(3, 0, 3, 0))), "lies outside the text"),
    "an end before its start": (spread(branch(1, 0, span=Span(1, 4, 1, 3))), "lies outside the text"),
    "a missed line behind the text": (broken(missed_lines=frozenset({2, 3})), r"missed lines \[3\] of 2 lines"),
    "counts": (replace(GOOD, sources=one(branch(2, 0)).sources), "hits above 1 where nothing was counted"),
    "a source twice": (replace(GOOD, sources=GOOD.sources * 2), "one stands there twice"),
    "order of sources": (
        replace(GOOD, sources=(one(name="In [10]", text="b").sources + one(name="In [9]", text="a").sources)),
        "the sources are not in order",
    ),
}


def test_self_check_of_good_coverage() -> None:
    GOOD.self_check()
    replace(GOOD, counted=True, sources=one(branch(2, 0)).sources).self_check()
    Coverage().self_check()
    json_form.loads(json_form.dumps(GOOD), "here").self_check()


@pytest.mark.parametrize("name", BROKEN)
def test_self_check_of_broken_coverage(name: str) -> None:
    coverage, message = BROKEN[name]
    with pytest.raises(ValueError, match=message) as caught:
        coverage.self_check()
    assert "\n" not in str(caught.value)


def test_self_check_of_totals_and_parts() -> None:
    wrong = replace(GOOD)
    vars(wrong)["totals"] = Totals(9, 9)
    with pytest.raises(ValueError, match="the totals are 9 of 9"):
        wrong.self_check()
    source = replace(GOOD.sources[0], missed_spans=frozenset({Span(2, 3, 2, 4)}))
    with pytest.raises(ValueError, match="part of a line that is missed as a whole"):
        source.self_check()


def test_cells_are_selected_by_both_names() -> None:
    both = merge([one(branch(1, 0)), one(branch(1, 0), name="In [12]", text="if b: c")])
    assert [select(both, [name]).sources[0].source.text for name in ("In [12]", "In[12]")] == ["if b: c"] * 2
    with pytest.raises(UsageError, match=r"nothing called In\[2\] was measured; there is In \[1\], In \[12\]"):
        select(both, ["In[2]"])


def damage(*path: str | int, value: object) -> str:
    data = json_form.to_dict(PARTS[0])
    place = data
    for step in path[:-1]:
        place = place[step]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    return json.dumps(data)


DAMAGED = {
    "cut": json_form.dumps(PARTS[0])[:150],
    "another schema": damage("schema", value="ipy_branchcov/2"),
    "no list": damage("sources", value=3),
    "a span too short": damage("sources", 0, "branches", 0, "span", value=[1, 2]),
    "hits that are text": damage("sources", 0, "branches", 0, "outcomes", 0, "hits", value="many"),
    "negative hits": damage("sources", 0, "branches", 0, "outcomes", 0, "hits", value=-1),
    "no name": damage("sources", 0, "name", value=None),
    "an unknown kind": damage("sources", 0, "kind", value="page"),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_data_is_a_one_line_error(text: str) -> None:
    with pytest.raises(DataError, match=r"^data\.json: ") as caught:
        json_form.loads(text, "data.json")
    assert "\n" not in str(caught.value)


class _Part(Coverage):
    """One that can be referred to weakly."""


def test_a_sum_holds_one_part_at_a_time() -> None:
    made: list[weakref.ref[Coverage]] = []
    most = 0

    def parts() -> Iterator[Coverage]:
        nonlocal most
        for _ in range(5):
            part = _Part((SourceCoverage(Source("a.py", "x"), ()),))
            made.append(weakref.ref(part))
            most = max(most, sum(each() is not None for each in made))
            yield part
            del part

    assert [each.source.name for each in merge(parts())] == ["a.py"]
    assert most <= 2  # the next one is made while the last one is still at hand
