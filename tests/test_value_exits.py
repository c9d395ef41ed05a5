"""Where values are on the stack, what edges say of them, and the instructions that look at them."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import pytest

from ipy_branchcov.analysis.branches import find_branches
from ipy_branchcov.analysis.value_exits import ValueExits, ValueNodes
from ipy_branchcov.analysis.values import optional_outcomes, value_operand
from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.bytecode.depths import depths
from ipy_branchcov.bytecode.encode import Item
from ipy_branchcov.bytecode.frames import READABLE, kind_at, variables
from ipy_branchcov.bytecode.values import FALSE, OTHER, TRUE, Value, identity, value_edge, value_of
from ipy_branchcov.model.source import Source
from ipy_branchcov.tracing.probes.cells import CONSTANTS, Kind, added_constants, cell
from ipy_branchcov.tracing.stack_values import StackValues
from ipy_branchcov.tracing.tracer import Mechanism, Plan


def exits_of(text: str) -> tuple[ValueExits, Bytecode]:
    source = Source("x", text, "file", "/x")
    analysis = find_branches(source)
    code_map = analysis.of(compile(text, "/x", "eval"))
    exits = ValueExits(ValueNodes(analysis.decisions), analysis.decisions, code_map, analysis.positions)
    exits.find()
    return exits, code_map.bytecode


@pytest.mark.parametrize(
    ("text", "count"),
    [
        *[("a and b", 1), ("a and (b if c else d)", 2), ("(x, a < b < c)", 1), ("a if b else c", 0), ("a or 1", 0)],
        ("a or (b if 0 or\n0 or\n0 or\n0 or\n0 or\n0 or c else d)", 2),  # 3.11 has a NOP for each constant
    ],
)
def test_exits_leave_the_value(text: str, count: int) -> None:
    exits, bytecode = exits_of(text)
    assert len(exits.values) == count
    found = depths(bytecode)
    for (offset, jumped), value in exits.values.items():
        instruction = bytecode.at[offset]
        after = bytecode.at[instruction.target or 0] if jumped else bytecode.following(instruction)
        assert after is not None and found[after.index] == value.depth + 1 + value.above


def test_operands_and_their_outcomes() -> None:
    node = find_branches(Source("x", "a and b < c", "file", "/x")).decisions.tree.body[0].value  # type: ignore[attr-defined]
    operand = value_operand(node)
    assert operand is node.values[1] and list(optional_outcomes(node.values[1])) == ["other"]


def test_edges_say_what_a_value_was() -> None:
    for jumped in (True, False):
        for what in (TRUE, FALSE, OTHER):
            assert value_of(*value_edge((8, jumped), what)) == ((8, jumped), what)
    assert value_of(8, 10) is None and value_of(8, -1) is None
    assert [identity(each) for each in (True, False, 1, 0, None)] == [TRUE, FALSE, OTHER, OTHER, OTHER]


@pytest.mark.skipif(not READABLE, reason="no ctypes")
def test_a_frame_is_read() -> None:
    def read(one: object, two: object, three: object) -> list[int]:
        frame = sys._getframe()
        return [kind_at(frame, place) for place in range(3)]

    assert read(True, False, 1) == [TRUE, FALSE, OTHER]
    assert variables(read.__code__) >= 3


@pytest.mark.parametrize(
    ("name", "kind", "copies", "constants"),
    [
        ("CONTAINS_OP", "BOOLEAN", [2], []),
        ("COMPARE_OP", "COMPARISON", [2, 2], [7, 8]),
        ("CALL", "ANY", [2, 3, 2], [7]),
        ("BUILD_LIST", "BUILT", [], []),
    ],
)
def test_instructions_that_look(name: str, kind: str, copies: list[int], constants: list[int]) -> None:
    assert Kind.of(Item(name), Value(0), jumped=False) is Kind[kind]
    assert (
        Kind.of(Item(name), Value(0), jumped=True) is Kind.of(Item(name), Value(0, above=1), jumped=False) is Kind.ANY
    )
    sides = {what: [Item("NOP")] for what in Kind[kind].outcomes}
    made = cell(Value(0, above=1), Kind[kind], 7, sides)
    assert [item.arg for item in made.items if item.name == "COPY"] == copies
    assert [item.arg for item in made.items if item.name == "LOAD_CONST"] == constants
    assert all(side[0] in made.items for side in sides.values())
    assert all(jump.target is sides[what][0] for what, jump in made.jumps.items())


def test_constants_to_compare_with() -> None:
    assert added_constants(Plan()) == () and added_constants(Plan(values={(0, False): Value(0)})) == CONSTANTS


class Answers:
    """Its comparison is a value of any kind."""

    def __init__(self, answer: object):
        self.answer = answer

    def __lt__(self, other: object) -> object:
        return self.answer


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="probes that vanish are 3.11's")
@pytest.mark.parametrize("order", [*itertools.permutations([True, False, 3])])
@pytest.mark.parametrize("operand", ["b.answer", "b < 1", "b.answer in (True, 3)", "[b.answer]", "f'{b.answer}'"])
def test_what_can_show_nothing_more_is_left_out(operand: str, order: tuple[object, ...]) -> None:
    """Whatever was seen before: each value is still seen, and once all were, the code leads past what looks."""
    from ipy_branchcov.tracing.py311.instrument import probe

    namespace: dict[str, Any] = {}
    text = f"def f(a, b):\n    return a and {operand}\n"
    exec(compile(text, "/x", "exec"), namespace)
    original = namespace["f"]
    code_map = find_branches(Source("x", text, "file", "/x")).of(original.__code__)
    plan = Plan(exits=code_map.exits, values=code_map.values, bytecode=code_map.bytecode)
    code, probed = probe(original.__code__, plan, original.__code__.co_consts, Mechanism.PROBES)
    function = type(original)(code, {})
    for _ in range(2):
        seen = set[int]()
        for answer in order:
            found = original(1, Answers(answer))
            for _ in range(2):
                assert (value := function(1, Answers(answer))) == found and type(value) is type(found)
                seen.add(identity(found))
                assert {of[1] for edge in probed.edges() if (of := value_of(edge.src, edge.dst))} == seen
                probed.sweep()
        assert bool(probed.idle) is (found.__class__ in (bool, int))
        probed.begin()
        assert not probed.idle


def test_code_that_is_not_instrumented() -> None:
    """The exit and the place behind it are watched; the place alone proves nothing."""
    exits, bytecode = exits_of("a and b")
    ((exit_edge, _),) = exits.values.items()
    after = bytecode.following(bytecode.at[exit_edge[0]])
    assert after is not None
    values = StackValues(bytecode.code, Plan(values=exits.values))
    assert {exit_edge[0], after.offset} <= values.watched
    assert values.edge(0, after.offset, sys._getframe()) is None
