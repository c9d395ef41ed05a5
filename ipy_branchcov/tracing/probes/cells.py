"""Instructions that observe a value on the stack: is it True, is it False, or something else.

They compare identities: that asks the value nothing. Each outcome has a stretch of its own, where a proof is put.
"""

from __future__ import annotations

import sys

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
_JUMP = "POP_JUMP_FORWARD_IF_TRUE" if sys.version_info < (3, 12) else "POP_JUMP_IF_TRUE"
#: What follows a conditional jump from 3.14.
_FALLEN = ("NOT_TAKEN",) if sys.version_info >= (3, 14) else ()


def cell(value: Value, constants: int, sides: list[list[Item]]) -> tuple[list[Item], tuple[Item, Item]]:
    """The instructions, and the jumps to the sides of True and False.

    ``sides``: by outcome, what runs where the value is that; the last goes on behind all. ``constants``: the number of
    the first constant. True is compared first, and both are jumped to: a probe that vanishes leaves only the jump.
    """
    on_true, on_false = (_test(value, constants + what, sides[what][0]) for what in (TRUE, FALSE))
    items = [*on_true, *on_false, *sides[OTHER], *sides[FALSE], *sides[TRUE]]
    return items, (on_true[3], on_false[3])


def added_constants(plan: Plan) -> tuple[object, ...]:
    """The constants that code needs for what its plan observes."""
    return CONSTANTS if plan.values else ()


def _test(value: Value, constant: int, target: Item) -> list[Item]:
    """Jump where the value is a constant."""
    jump = Item(_JUMP, target=target)
    jump.caches = _CACHES.get("POP_JUMP_IF_FALSE", 0)
    load = Item("LOAD_CONST", constant)
    return [Item("COPY", value.above + 1), load, Item("IS_OP"), jump, *(Item(name) for name in _FALLEN)]


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
