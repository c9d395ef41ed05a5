"""Where suggestions come from: values, types, literals, patterns, and what was compared. No process begins here."""

from __future__ import annotations

import abc
import ast
import datetime
import enum
import re
from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple

import pytest

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.branch import Branch, FirstHit, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.suggest import json_texts, mutate, values
from ipy_branchcov.suggest.defaults import defaults
from ipy_branchcov.suggest.describe import WIDE, Names, describe, known, parse
from ipy_branchcov.suggest.guide import RECORDER, Guide, needs
from ipy_branchcov.suggest.hints import values_of
from ipy_branchcov.suggest.messages import Answer
from ipy_branchcov.suggest.nearest import Best, Nearest
from ipy_branchcov.suggest.neighbours import neighbours
from ipy_branchcov.suggest.pools import Pool, calls_in, kind_of, literals
from ipy_branchcov.suggest.record import Recorder, difference, distances
from ipy_branchcov.suggest.regexes import examples
from ipy_branchcov.suggest.seen import of_first_hits
from ipy_branchcov.suggest.shrink import fewest
from ipy_branchcov.suggest.target import Parameter, bind, find
from ipy_branchcov.suggest.values import OMITTED, Items, Made, Named, Value, pair
from ipy_branchcov.suggest.witness import Witness
from tests.suggesting import Measured


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Point:
    x: int
    y: int = 0

    def shifted(self, by: int, *, twice: bool = False) -> int:
        return self.x + by * (2 if twice else 1)

    @property
    def far(self) -> bool:
        return self.x > 9

    @staticmethod
    def origin(scale: int) -> int:
        return scale


class Step(NamedTuple):
    size: int
    back: bool = False


@dataclass(kw_only=True)
class Length:
    of: int = field(kw_only=False)
    unit: str


class Limited:
    def __init__(self, limit=3, name=None):  # type: ignore[no-untyped-def]
        self.limit, self.name = limit, name


class Flagged:
    def __new__(cls, on: bool) -> Flagged:
        return object.__new__(cls)


Untyped = namedtuple("Untyped", "left right")


def ranged(inclusive=(True, 1), *, names=("a",)):  # type: ignore[no-untyped-def]
    return inclusive


def priced(n: int, *rest: str, rate: float = 1.5) -> float:
    """A price.

    >>> priced(7, "a")
    10.5
    """
    if n == 4711 or "vip" in rest:
        return 24 * 60
    return n * rate


HERE: dict[str, Any] = {
    each.__name__: each for each in (Colour, Point, Step, Length, Flagged, Limited, Untyped, ranged, priced)
}
HERE["limit"] = 3

# --- values


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Items("list", (1, "a")), "[1, 'a']"),
        (Items("tuple", (1,)), "(1,)"),
        (Items("set", ()), "set()"),
        (Items("frozenset", (2,)), "frozenset({2})"),
        (Items("dict", (pair("a", None),)), "{'a': None}"),
        (Items("dict", (pair("a", 0.0), pair("b", 1), pair("a", 2))), "{'a': 2, 'b': 1}"),
        (Items("set", (1, 2, 1)), "{1, 2}"),
        (Made("Point", (1,), (("y", 2),)), "Point(1, y=2)"),
        (Named("Colour.RED"), "Colour.RED"),
        (float("-inf"), 'float("-inf")'),
    ],
)
def test_a_value_is_built_as_its_text_says(value: Value, written: str) -> None:
    assert values.text(value) == written
    assert values.build(value, HERE) == eval(written, dict(HERE))


def test_a_value_is_made_anew_each_time() -> None:
    value = Items("list", (Items("list", (1,)),))
    first, second = values.build(value, {}), values.build(value, {})
    assert first == second and first is not second and first[0] is not second[0]
    with pytest.raises(ValueError, match="a key and a value"):
        values.build(Items("dict", (1,)), {})


def test_simple_values_cost_less() -> None:
    cheap_first: list[Value] = [OMITTED, False, 0, 7, -7, 1234, Items("list", (1234,))]
    prices = [values.cost(each) for each in cheap_first]
    assert prices == sorted(prices) and len(set(prices)) == len(prices)
    assert values.cost("a") == 1.5 < values.cost("\n") < values.cost("\x00")


def test_parts_of_a_value_are_found_and_replaced() -> None:
    value = Made("f", (1, Items("list", (2, 3))), (("key", Named("a.b")),))
    assert dict(values.parts(value))[1, 1] == 3 and dict(values.parts(value))[2,] == Named("a.b")
    assert values.text(values.replaced(values.replaced(value, (1, 1), 9), (2,), 0)) == "f(1, [2, 9], key=0)"
    assert list(values.names_in(value)) == ["f", "a"]


# --- objects, types and names


def test_objects_are_described_as_expressions() -> None:
    names = Names(HERE)
    things = [[1, (2.5, "a")], {"k": {3}}, Colour.BLUE, Point(1, 2), range(3), datetime.date(2024, 2, 29), priced, 3]
    described = [describe(each, names) for each in things]
    written = ["[1, (2.5, 'a')]", "{'k': {3}}", "Colour.BLUE", "Point(x=1, y=2)", "range(0, 3, 1)"]
    assert list(map(values.text, described)) == [*written, "date(2024, 2, 29)", "priced", "3"]
    assert names.imports == {"date": "from datetime import date"}


def test_what_is_not_described_is_not_known() -> None:
    names = Names({})
    lock: Any = type("Slotted", (), {"__slots__": ()})()
    assert known(None, describe(None, names)) and not known(lock, describe(lock, names))
    assert describe(lock, Names({"guard": lock})) == Named("guard")
    assert describe([lock], names) is None
    assert describe(10**100, names) == 10**100 and describe(10**200, names) == 0
    assert describe(list(range(WIDE + 5)), names) == Items("list", tuple(range(WIDE)))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("-3", -3),
        ("[1, (2,)]", Items("list", (1, Items("tuple", (2,))))),
        ("Point(1, y=2)", Made("Point", (1,), (("y", 2),))),
        ("set()", Items("set", ())),
        ("float('inf')", float("inf")),
        ("priced(1)", Named("priced(1)")),
        ("[*limit]", Named("[*limit]")),
    ],
)
def test_source_text_is_parsed_without_running_it(written: str, value: Value) -> None:
    assert parse(ast.parse(written, mode="eval").body, HERE) == value


@pytest.mark.parametrize(
    ("hint", "first"),
    [
        (bool, [False, True]),
        (int | None, [0, None, 1, -1, 2, 10, 100]),
        (Literal["x", 3], ["x", 3]),
        (list[bool], [Items("list", each) for each in [(), (False,), (True,), (False, True), (True, False)]]),
        (dict[str, int], [Items("dict", ()), Items("dict", (pair("", 0),))]),
        (Colour, [Named("Colour.RED"), Named("Colour.BLUE")]),
        (Point, [Made("Point", (0, 0)), Made("Point", (1, 0))]),
        (Step, [Made("Step", (0, False)), Made("Step", (1, False))]),
        (Length, [Made("Length", (0,), (("unit", ""),)), Made("Length", (1,), (("unit", ""),))]),
        (Flagged, [Made("Flagged", (False,)), Made("Flagged", (True,))]),
        (Limited, [Made("Limited", (0, None)), Made("Limited", (1, None))]),
        (Untyped, [Made("Untyped", (None, None)), Made("Untyped", (0, None))]),
    ],
)
def test_types_have_values(hint: Any, first: list[Value]) -> None:
    assert values_of(hint, Names(HERE))[: len(first)] == first


# --- the target


def test_what_is_abstract_has_the_values_of_its_subclasses() -> None:
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self) -> int: ...

    class Square(Shape):
        def __init__(self, side: int):
            self.side = side

        def area(self) -> int:
            return self.side**2

    assert values_of(Shape, Names({"Shape": Shape, "Square": Square}))[:2] == [
        Made("Square", (0,)),
        Made("Square", (1,)),
    ]


def test_a_function_is_found_with_its_parameters() -> None:
    target = find("priced", HERE)
    assert target.function is priced and not target.method
    assert [(each.name, each.hint, each.required) for each in target.parameters] == [
        ("n", int, True),
        ("rest", str, True),
        ("rate", float, False),
    ]
    call = (1, Items("tuple", ("a", "b")), 2.5)
    assert target.expression(call) == "priced(1, 'a', 'b', rate=2.5)"
    assert target.split(call) == ([], [1, "a", "b"], {"rate": 2.5})
    assert target.roots(call) == {"priced"} and target.imports(call) == []


def test_methods_properties_and_classes_are_found() -> None:
    method = find("Point.shifted", HERE)
    assert method.parameters[0][:3] == ("self", Parameter("", 0, None, True).kind, Point)
    assert method.expression((Made("Point", (1,)), 2, True)) == "Point(1).shifted(2, twice=True)"
    far = find("Point.far", HERE)
    assert far.is_property and far.expression((Named("p"),)) == "p.far"
    assert find("Point.origin", HERE).expression((4,)) == "Point.origin(4)"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("price", "no function called price; there is priced"),
        ("Point.near", "Point.near: there is no near in Point"),
        ("limit", "limit: no function that is written in Python"),
        ("Colour.RED", "no function that is written in Python"),
    ],
)
def test_wrong_names_are_refused(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        find(name, HERE)


def test_calls_are_bound_to_parameters() -> None:
    target = find("priced", HERE)
    assert bind(target, Made("priced", (1, "a"))) == (1, Items("tuple", ("a",)), OMITTED)
    assert bind(target, Made("priced", (), (("n", 1), ("rate", 2.0)))) == (1, Items("tuple", ()), 2.0)
    assert bind(target, Made("priced")) is None and bind(target, Made("priced", (1,), (("no", 1),))) is None


# --- what is tried first


def test_a_pool_keeps_each_value_once() -> None:
    pool = Pool()
    assert [pool.add(each) for each in ("ab", 1, "ab", True, 1.0)] == [True, True, False, True, True]
    assert (pool.of("str"), pool.of("int"), pool.of("bool"), pool.of("bytes")) == (["ab"], [1], [True], [])
    assert pool.alphabet == ["a", "b"] and pool.all() == ["ab", 1, True, 1.0]


def test_kinds_of_values() -> None:
    found = [kind_of(each) for each in (None, 1, Items("set", ()), Made("Point"), Named("Colour.RED"))]
    assert found == ["NoneType", "int", "set", "Made Point", "Named Colour"]


def test_literals_and_calls_of_a_source() -> None:
    tree, target, pool = ast.parse(Path(__file__).read_text("utf-8")), find("priced", HERE), Pool()
    literals(target, tree, pool, Random(0))
    assert set(pool.of("int")) == {4711, 24 * 60, 24, 60}
    assert pool.of("str") == ["vip"] and pool.of("float") == [1.5]
    calls = list(calls_in(target, [ast.parse("priced(1, rate=limit)\npriced(unknown)\npriced(*limit)")]))
    assert calls == [(1, Items("tuple", ()), Named("limit")), (7, Items("tuple", ("a",)), OMITTED)]


def test_defaults_follow_the_types() -> None:
    column, rest, rate = defaults(find("priced", HERE))
    assert column[:3] == [0, 1, -1] and rest[:2] == [Items("tuple", ()), Items("tuple", ("",))]
    assert rate[:2] == [OMITTED, 0.0]
    inclusive, names = defaults(find("ranged", HERE))
    assert inclusive[1:4] == [Items("tuple", each) for each in ((False, 1), (True, 2), (True, 0))]
    assert names[1] == Items("tuple", ())


def test_texts_have_the_forms_of_numbers_and_dates_where_they_are_arguments() -> None:
    forms = {"nan", "2024-02-29"}
    assert forms <= set(values_of(str, Names(HERE)))
    assert not forms & {part for each in values_of(list[str], Names(HERE)) for _, part in values.parts(each)}


@pytest.mark.parametrize(
    "pattern", ["v1", r"a{2}b?", r"(ab)+-\1", "[^a]", r"x|yy", r"\bhi$", r"(a)?(?(1)b|c)", r"\d\s"]
)
def test_examples_match_their_pattern(pattern: str) -> None:
    found = list(examples(pattern, Random(0)))
    assert len(found) == 6 and all(re.fullmatch(pattern, each) for each in found)


def test_what_is_no_pattern_has_no_examples() -> None:
    assert list(examples("[", Random(0))) == [] and list(examples(b"a{2}", Random(0), 1)) == ["aa"]


def test_first_hits_give_calls() -> None:
    source, target = Source("here", "text"), find("priced", HERE)
    rows: list[dict[str, str]] = [{"n": "5", "rate": "2.5", "rest": "('a',)"}, {"n": "[1, ...]"}, {"rate": "1.0"}]
    outcomes = tuple(Outcome(str(at), 1, first=FirstHit("[1]", row)) for at, row in enumerate(rows))
    branches = (Branch("if", Span(1, 0, 1, 1), outcomes, "priced"), Branch("if", Span(2, 0, 2, 1), outcomes, "other"))
    coverage = Coverage((SourceCoverage(source, branches), SourceCoverage(Source("else", "elsewhere"), branches)))
    assert list(of_first_hits(coverage, source, target)) == [(5, Items("tuple", ("a",)), 2.5)]


# --- what is tried next


def test_parts_of_calls_are_listed_and_put() -> None:
    call = (1, Items("list", ("a", 2)))
    assert list(mutate.leaves(call)) == [(0, (), 1), (1, (), call[1]), (1, (0,), "a"), (1, (1,), 2)]
    assert mutate.put(call, 1, (1,), 7) == (1, Items("list", ("a", 7)))


def test_numbers_are_stepped_both_ways() -> None:
    assert mutate.stepped(5)[:4] == [6, 4, 7, 3] and {5 + (1 << 30), -5, 10, 2, 0} <= set(mutate.stepped(5))
    assert mutate.stepped(0.5)[:2] == [1.0, 0.0] and mutate.stepped(float("nan")) == [0.0, 1.0]
    assert mutate.stepped(True) == [] == mutate.stepped("5")


def test_a_part_becomes_what_it_was_compared_with() -> None:
    pairs: tuple[mutate.Pair, ...] = (("==", 5, 42), ("startswith", "ab", "xy"), ("re", "ab", "c{2}"))
    found = list(mutate.compared((5, "ab"), pairs, Random(0)))
    assert found[:3] == [(42, "ab"), (43, "ab"), (41, "ab")]
    assert (5, "xy") in found and (5, "cc") in found
    changed = [mutate.mutated((5, "ab"), Pool(), [[], []], [], Random(seed)) for seed in range(20)]
    assert len(set(changed)) > 10 and changed[0] == mutate.mutated((5, "ab"), Pool(), [[], []], [], Random(0))


def test_a_text_is_put_beside_another_one_that_covered_something() -> None:
    others: list[tuple[Value, ...]] = [("a=b",)]
    found = {mutate.mutated(("[s]",), Pool(), [[]], others, Random(seed))[0] for seed in range(600)}
    assert {"a=b", "[s]\na=b"} <= found


def test_texts_with_json_become_what_their_parts_were_compared_with() -> None:
    def near(text: str, *pair: Any) -> set[Any]:
        return {each for (each,) in mutate.compared((text,), (pair,), Random(0))}

    assert near("{}", "in", "debug", None) == {'{"debug": 1}', '{"debug": true}'}
    assert '{"a": [1, 3]}' in near('{"a": [1, 2]}', "==", 2, 3)
    assert near("{a", "in", "debug", None) == near("7", "in", "debug", None) == set()
    assert json_texts.parsed("7") is json_texts.parsed("{") is None and json_texts.written(Named("x")) is None


def test_the_fewest_and_cheapest_calls_cover_all() -> None:
    a, b, c = (0, 0), (0, 1), (1, 0)
    records: dict[tuple[Value, ...], frozenset[tuple[int, int]]] = {
        (1,): frozenset({a}),
        (2000,): frozenset({a, b}),
        (3,): frozenset({a, b}),
        (4,): frozenset({b, c}),
    }
    assert fewest(records, lambda call: values.cost(call[0])) == {(3,): {a, b}, (4,): {c}}


# --- how near a call was


def test_distances_are_smaller_the_nearer_a_comparison_was() -> None:
    assert distances("Eq", 42, 42, True) == (0.0, 0.5) and distances("NotEq", 42, 42, False) == (0.5, 0.0)
    near, far = distances("Lt", 11, 10, False), distances("Lt", 90, 10, False)
    assert near[1] == far[1] == 0.0 and 0.0 < near[0] < far[0] < 1.0
    assert distances("Eq", object(), 1, False) == (0.9, 0.0)
    assert [difference("abc", "abd"), difference([1], [1, 2]), difference({1}, {2}), difference("a", 1)] == [
        0.5,
        1,
        2.0,
        None,
    ]


def test_a_recorder_keeps_what_was_compared() -> None:
    recorder = Recorder()
    assert recorder.compare(0, "Eq", 40, 42, False) is False
    assert recorder.distances == {(0, 0): pytest.approx(2.001 / 3.001), (0, 1): 0.0}
    assert recorder.pairs == [("==", 40, 42)]
    assert recorder.method("startswith", "abc", "x") is False and recorder.pairs[-1] == ("startswith", "abc", "x")
    assert list(recorder.iterate(1, "a")) == ["a"] and recorder.distances[1, 0] == recorder.distances[1, 1] == 0.0
    recorder.clear()
    assert recorder.distances == {} and recorder.pairs == []


def test_a_recorder_keeps_regular_expressions_with_their_flags() -> None:
    recorder = Recorder()
    date = re.compile(r"(\d{4}) - (\d\d)  # year, month", re.VERBOSE | re.IGNORECASE)
    recorder.method("sub", date, "new", "text", 1)
    recorder.method("match", re, date, "other")
    recorder.method("match", re, "plain", "other")
    written = rf"(?xi){date.pattern}"
    assert recorder.pairs == [("re", "text", written), ("re", "other", written), ("re", "other", "plain")]
    assert all(date.fullmatch(each) for each in examples(written, Random(0)))


GRADE = """def grade(n):
    if n < 0:
        raise ValueError(n)
    if n > 5 and not n == 42:
        return "ripe"
    return "green"
"""


def test_guided_code_does_the_same_and_reports(tmp_path: Path) -> None:
    asked = Measured(tmp_path, GRADE)
    analysis = Witness(asked.source, (), asked.options).analysis
    assert analysis is not None
    decisions, code, recorder = analysis.decisions, asked.module.grade.__code__, Recorder()
    guided = Guide(decisions, code.co_flags).of(code)
    assert guided is not None and Guide(decisions).of(priced.__code__) is None
    asked.module.grade.__code__ = guided
    setattr(asked.module, RECORDER, recorder)
    assert [asked.module.grade(n) for n in (3, 9, 42)] == ["green", "ripe", "green"]
    assert ("==", 9, 42) in recorder.pairs
    with pytest.raises(ValueError, match="-1"):
        asked.module.grade(-1)
    first, last = 0, len(decisions.nodes) - 1
    assert needs(decisions, first) == () and (0, 1) in needs(decisions, last)


def test_the_nearest_call_of_a_place_is_kept_and_of_two_the_cheaper(tmp_path: Path) -> None:
    asked = Measured(tmp_path, GRADE)
    analysis = Witness(asked.source, (), asked.options).analysis
    assert analysis is not None
    other, place = (0, 1), (len(analysis.decisions.nodes) - 1, 0)
    nearest = Nearest(analysis.decisions, frozenset({other, place}), lambda call: values.cost(call[0]) if call else 9.0)
    assert {other, place} < nearest.watch and not nearest.unseen and nearest.calls([place]) == []
    far, near = Answer(distances={(0, 1): 0.1}), Answer(distances=dict.fromkeys(nearest.watch, 0.0) | {place: 0.3})
    for call, answer, best in [((-7,), far, -7), ((41,), near, 41), ((-7,), far, 41), ((40,), near, 40)]:
        nearest.learn(call, answer, [place])
        assert nearest.calls([place, other]) == [(best,)]
    assert nearest.of(place).fitness == 0.3
    assert nearest.ordered([other, place]) == [place, other]


def test_neighbours_of_a_call_begin_with_what_was_compared() -> None:
    pool = Pool()
    pool.add("vip")
    batches = list(neighbours(Best(call=(40, "ab"), pairs=(("==", 40, 42),)), pool, Random(0)))
    assert (42, "ab") in batches[0] and (41, "ab") in batches[1]
    assert all((40, text) in batches[2] for text in ("b", "bb", "vb", "vab", "abv"))
    assert any((40, "vipab") in each for each in batches[3:])
