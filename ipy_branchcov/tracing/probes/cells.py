"""Instructions that observe a value on the stack: is it True, is it False, or something else.

They compare identities: that asks the value nothing. Each outcome has a stretch of its own, its side, where a proof is
put.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.bytecode.encode import Item
from ipy_branchcov.bytecode.values import FALSE, OTHER, TRUE, Value
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.tracer import Plan

__builtins__ = BUILTINS

#: The constants that the instructions compare with, in the order of the outcomes.
CONSTANTS = (True, False)
#: The number of places on the stack that they need.
ROOM = 2
#: From 3.13 this flag of COMPARE_OP makes its result a bool, for a test that follows.
_TO_BOOL = 16

_CACHES = {
    each.name: (each.next - each.offset) // 2 - 1
    for each in Bytecode(compile("not a if a else a is a", "", "eval")).instructions
}
#: Conditional jumps, by the truth at which they jump.
_JUMP = {
    truth: f"POP_JUMP_FORWARD_IF_{truth}".upper() if sys.version_info < (3, 12) else f"POP_JUMP_IF_{truth}".upper()
    for truth in (True, False)
}
#: What follows a conditional jump from 3.14.
_FALLEN = ("NOT_TAKEN",) if sys.version_info >= (3, 14) else ()
#: Instructions whose result is a bool, whatever the program's objects answer.
_BOOLEAN = frozenset({"IS_OP", "CONTAINS_OP", "UNARY_NOT"})
#: Instructions that leave what they have built: no bool.
_BUILDING = frozenset(
    {
        *("BUILD_LIST", "BUILD_TUPLE", "BUILD_SET", "BUILD_MAP", "BUILD_CONST_KEY_MAP", "BUILD_STRING", "BUILD_SLICE"),
        *("LIST_EXTEND", "LIST_TO_TUPLE", "SET_UPDATE", "DICT_UPDATE", "MAKE_FUNCTION", "FORMAT_VALUE"),
    }
)


class Kind(Enum):
    """What is known of a value before it is there: that it is a bool, or none; that it likely is a bool; nothing."""

    BOOLEAN = "boolean"
    BUILT = "built"
    COMPARISON = "comparison"
    ANY = "any"

    @classmethod
    def of(cls, item: Item, value: Value, *, jumped: bool) -> Kind:
        """The kind of the value that an exit of an item leaves."""
        if jumped or value.above or value.constant is not None:
            return cls.ANY
        if item.name in _BOOLEAN:
            return cls.BOOLEAN
        if item.name in _BUILDING:
            return cls.BUILT
        return cls.COMPARISON if item.name == "COMPARE_OP" else cls.ANY

    @property
    def outcomes(self) -> tuple[int, ...]:
        """What a value of this kind can be."""
        match self:
            case Kind.BOOLEAN:
                return TRUE, FALSE
            case Kind.BUILT:
                return (OTHER,)
        return TRUE, FALSE, OTHER


@dataclass
class Cell:
    """The instructions that observe a value.

    ``jumps``: the jumps that lead to sides, by outcome; the first of all is the first conditional jump. ``idle``: once
    the values that are known to be possible include all of these, an instruction can lead to where the side of an
    outcome ends, or to an instruction: nothing is left to be observed between.
    """

    items: list[Item]
    jumps: dict[int, Item]
    idle: list[tuple[frozenset[int], Item, int | Item]] = field(default_factory=list)


def cell(value: Value, kind: Kind, constants: int, sides: Mapping[int, list[Item]]) -> Cell:
    """Observe a value. ``sides``: what runs where it is that, by outcome.

    ``constants``: the number of the first constant. Frequent outcomes are jumped to: a probe that vanishes leaves only
    the jump.
    """
    match kind:
        case Kind.BOOLEAN:
            return _boolean(value, sides)
        case Kind.BUILT:
            return Cell([*sides[OTHER]], {})
        case Kind.COMPARISON:
            return _comparison(value, constants, sides)
        case Kind.ANY:
            return _any(value, constants, sides)


def _boolean(value: Value, sides: Mapping[int, list[Item]]) -> Cell:
    """Two instructions: to ask a bool for its truth runs no code of the program."""
    copy, jump = Item("COPY", value.above + 1), _jump(sides[TRUE], when=True)
    items = [copy, jump, *_fallen(), *sides[FALSE], *sides[TRUE]]
    return Cell(items, {TRUE: jump}, [(frozenset({TRUE, FALSE}), copy, FALSE)])


def _comparison(value: Value, constants: int, sides: Mapping[int, list[Item]]) -> Cell:
    """Compare with True, then with False: four instructions for True, eight for the rest."""
    tests, jumps = dict[int, list[Item]](), dict[int, Item]()
    for what in (TRUE, FALSE):
        jumps[what] = _jump(sides[what], when=True)
        compare = [Item("COPY", value.above + 1), Item("LOAD_CONST", constants + what), Item("IS_OP")]
        tests[what] = [*compare, jumps[what], *_fallen()]
    items = [*tests[TRUE], *tests[FALSE], *sides[OTHER], *sides[FALSE], *sides[TRUE]]
    on_true, on_false = tests[TRUE][0], tests[FALSE][0]
    idle: list[tuple[frozenset[int], Item, int | Item]] = [
        (frozenset({OTHER, TRUE}), on_true, on_false),
        (frozenset({OTHER, FALSE}), on_false, OTHER),
        (frozenset({OTHER, TRUE, FALSE}), on_true, OTHER),
    ]
    return Cell(items, jumps, idle)


def _any(value: Value, constants: int, sides: Mapping[int, list[Item]]) -> Cell:
    """Six instructions for what is no bool, which is the rule.

    ``value is True`` is a bool itself. Where that is the value again, the value is True or False.
    """
    other, on_false = _jump(sides[OTHER], when=False), _jump(sides[FALSE], when=False)
    same = [Item("COPY", value.above + 1), Item("LOAD_CONST", constants + TRUE), Item("IS_OP")]
    again = [Item("COPY", value.above + 2), Item("IS_OP"), other, *_fallen()]
    truth = [Item("COPY", value.above + 1), on_false, *_fallen()]
    items = [*same, *again, *truth, *sides[TRUE], *sides[FALSE], *sides[OTHER]]
    idle: list[tuple[frozenset[int], Item, int | Item]] = [
        (frozenset({TRUE, FALSE}), truth[0], TRUE),
        (frozenset({OTHER, TRUE, FALSE}), same[0], TRUE),
    ]
    return Cell(items, {OTHER: other, FALSE: on_false}, idle)


def added_constants(plan: Plan) -> tuple[object, ...]:
    """The constants that code needs for what its plan observes."""
    return CONSTANTS if plan.values else ()


def _jump(side: list[Item], *, when: bool) -> Item:
    jump = Item(_JUMP[when], target=side[0])
    jump.caches = _CACHES.get("POP_JUMP_IF_FALSE", 0)
    return jump


def _fallen() -> list[Item]:
    return [Item(name) for name in _FALLEN]


def parted(item: Item) -> list[Item]:
    """Take apart an instruction that leaves no value of its own; return what has to follow the observation."""
    if item.name == "RETURN_CONST":
        item.name = "LOAD_CONST"
        return [Item("RETURN_VALUE")]
    if item.name == "COMPARE_OP" and sys.version_info >= (3, 13) and item.arg & _TO_BOOL:
        item.arg &= ~_TO_BOOL
        rest = Item("TO_BOOL")
        rest.caches = _CACHES["TO_BOOL"]
        return [rest]
    return []
