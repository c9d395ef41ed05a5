"""How many values are on the stack before each instruction."""

from __future__ import annotations

import dis

from ipy_branchcov.bytecode.decode import FINAL, Bytecode, Instruction
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

_WITH_ARGUMENT = frozenset(getattr(dis, "hasarg", ())) or frozenset(range(dis.HAVE_ARGUMENT, 256))


def depths(bytecode: Bytecode) -> dict[int, int]:
    """The depth by the instruction's index, as the compiler computed it; unreachable instructions are left out."""
    found: dict[int, int] = {}
    start = bytecode.instructions[0]
    stack = [(start, 0)]
    # A handler begins with its state, perhaps the offset that raised, and the exception.
    for row in bytecode.handlers():
        if (handler := bytecode.at.get(row.target)) is not None:
            stack.append((handler, (row.state >> 1) + (row.state & 1) + 1))
    while stack:
        each, depth = stack.pop()
        if each.index in found:
            continue
        found[each.index] = depth
        after = bytecode.following(each)
        if after is not None and not each.jumps and each.name not in FINAL:
            stack.append((after, depth + _effect(each, jump=False)))
        if each.target is not None and (to := bytecode.at.get(each.target)) is not None:
            stack.append((to, depth + _effect(each, jump=True)))
    return found


def _effect(each: Instruction, *, jump: bool) -> int:
    if each.name == "RETURN_GENERATOR":
        return 1  # what its POP_TOP removes; before 3.13 the compiler adds both after it has counted
    opcode = dis.opmap[each.name]
    return dis.stack_effect(opcode, each.arg if opcode in _WITH_ARGUMENT else None, jump=jump)
