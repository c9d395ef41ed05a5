"""Code object -> instructions, and the edges into and out of each. Knows opcodes; knows no source."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator, Set
from functools import cached_property
from types import CodeType
from typing import NamedTuple

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS


#: Byte offsets in UTF-8 columns, as ``code.co_positions()`` gives them; None where the compiler gave none.
Position = tuple[int | None, int | None, int | None, int | None]

#: An exit of an instruction: its offset, and whether it jumped (False: it fell through).
ExitEdge = tuple[int, bool]

#: The prefix of an instruction with a long argument.
EXTENDED_ARG = dis.opmap["EXTENDED_ARG"]
_CACHE = dis.opmap["CACHE"]
_NAMES = dis.opname
#: Of each instruction that jumps by its argument: 1, or -1 where it jumps backwards.
_STEPS = {op: -1 if "BACKWARD" in _NAMES[op] else 1 for op in dis.hasjrel if _NAMES[op] != "END_ASYNC_FOR"}

#: Instructions that never continue with the next one, and do not jump.
FINAL = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT"})


class Instruction:
    """One instruction without its caches and EXTENDED_ARGs.

    ``first`` is the offset of its first EXTENDED_ARG, ``offset`` its own, ``next`` that of the instruction that
    follows, ``target`` where it jumps to (None: it does not).
    """

    __slots__ = ("arg", "first", "index", "name", "next", "offset", "position", "target")

    def __init__(self, index: int, name: str, arg: int, first: int, offset: int, position: Position):
        self.index = index
        self.name = name
        self.arg = arg
        self.first = first
        self.offset = offset
        self.next = offset + 2
        self.target: int | None = None
        self.position = position

    def __repr__(self) -> str:
        return f"<{self.offset} {self.name} {self.arg}{'' if self.target is None else f' -> {self.target}'}>"

    @property
    def offsets(self) -> range:
        """Where events of it may be reported: its EXTENDED_ARGs (on 3.11 only the first of them), and itself."""
        return range(self.first, self.offset + 1, 2)

    @property
    def conditional(self) -> bool:
        """Whether it has two exits, by jumping or falling through."""
        return self.target is not None and ("_IF_" in self.name or self.name in ("FOR_ITER", "SEND"))

    @property
    def jumps(self) -> bool:
        """Whether it always jumps."""
        return self.target is not None and not self.conditional


class Handler(NamedTuple):
    """A row of the exception table: offsets ``start`` to ``end`` (exclusive) are protected by ``target``.

    ``state``: the depth of the stack there, times two, and whether the instruction's offset is pushed.
    """

    start: int
    end: int
    target: int
    state: int = 0


class Bytecode:
    """The instructions of one code object, by number and by offset, and the edges between them.

    Decoded when they are first asked for.
    """

    def __init__(self, code: CodeType):
        self.code = code
        self._sources: dict[int, list[tuple[Instruction, bool]]] | None = None

    @cached_property
    def instructions(self) -> list[Instruction]:
        """In order."""
        return _decode(self.code)

    @cached_property
    def at(self) -> dict[int, Instruction]:
        """By offset: its own, and those of its EXTENDED_ARGs."""
        found = {each.offset: each for each in self.instructions}
        for each in self.instructions:
            if each.first != each.offset:
                found.update(dict.fromkeys(each.offsets, each))
        return found

    def following(self, instruction: Instruction) -> Instruction | None:
        """The instruction that it falls through to."""
        i = instruction.index + 1
        return self.instructions[i] if i < len(self.instructions) else None

    def preceding(self, instruction: Instruction) -> Instruction | None:
        return self.instructions[instruction.index - 1] if instruction.index else None

    def sources(self, instruction: Instruction) -> list[tuple[Instruction, bool]]:
        """The edges into an instruction: (from, whether by a jump). Exceptions are no edges."""
        if self._sources is None:
            self._sources = sources = dict[int, list[tuple[Instruction, bool]]]()
            before: Instruction | None = None  # which falls through to the next one
            for each in self.instructions:
                if before is not None:
                    sources.setdefault(each.index, []).append((before, False))
                before = None if each.name in FINAL or each.jumps else each
                if each.target is not None and (to := self.at.get(each.target)) is not None:
                    sources.setdefault(to.index, []).append((each, True))
        return self._sources.get(instruction.index, [])

    def forget(self) -> None:
        """Free the instructions; they are decoded again when they are asked for."""
        for name in ("instructions", "at"):
            vars(self).pop(name, None)
        self._sources = None

    def forget_sources(self) -> None:
        """Free the edges: they are more objects than all the rest."""
        self._sources = None

    def handlers(self) -> list[Handler]:
        return _exception_table(self.code)


def _decode(code: CodeType) -> list[Instruction]:
    raw = code.co_code
    positions = list(code.co_positions())
    positions += [(None,) * 4] * (len(raw) // 2 - len(positions))  # a line table that the compiler did not write
    instructions: list[Instruction] = []
    jumps: list[tuple[Instruction, int]] = []
    last: Instruction | None = None
    extended, first = 0, -1
    for offset, op, low, position in zip(range(0, len(raw), 2), raw[::2], raw[1::2], positions, strict=False):
        if op == _CACHE:
            continue
        if op == EXTENDED_ARG:
            extended = (extended | low) << 8
            first = offset if first < 0 else first
            continue
        if first < 0:
            first = offset
        if last is not None:
            last.next = first
        last = Instruction(len(instructions), _NAMES[op], extended | low, first, offset, position)
        instructions.append(last)
        extended, first = 0, -1
        if op in _STEPS:
            jumps.append((last, _STEPS[op]))
    if last is not None:
        last.next = len(raw)
    for instruction, step in jumps:
        instruction.target = instruction.next + 2 * step * instruction.arg
    return instructions


def _exception_table(code: CodeType) -> list[Handler]:
    """Rows in order. The format: Objects/exception_handling_notes.txt of CPython (InternalDocs from 3.13)."""
    numbers = _varints(code.co_exceptiontable)
    return [
        Handler(2 * start, 2 * (start + length), 2 * target, state)
        for start, length, target, state in zip(numbers, numbers, numbers, numbers, strict=False)
    ]


def _varints(table: bytes) -> Iterator[int]:
    entries = iter(table)
    for first in entries:
        value, last = first & 63, first
        while last & 64:
            last = next(entries)
            value = value << 6 | last & 63
        yield value


_RERAISE = dis.opmap["RERAISE"]
_PUSH_NULL = dis.opmap["PUSH_NULL"]
_RETURNS_NONE = (dis.opmap["LOAD_CONST"], dis.opmap["RETURN_VALUE"])
#: Whether it comes before what is called, and has the line of that, which an exception may keep from running: of a
#: lambda that is called where it stands, with defaults on lines of their own.
_NULL_COMES_FIRST = sys.version_info < (3, 13)
#: Whether several ways to the end of a ``finally`` share it: see :mod:`ipy_branchcov.analysis.shared_ends`.
SHARED_ENDS = sys.version_info < (3, 12)

#: An exception leaves a handler or a ``finally`` by another one.
_CLEAN_UP = bytes((dis.opmap["COPY"], 3, dis.opmap["POP_EXCEPT"], 0, _RERAISE, 1))


def reraises(raw: bytes, offset: int) -> bool:
    """Whether the instruction at an offset raises an exception again, or belongs to the clean-up before that.

    No statement is compiled to these. 3.11 gives them the line of the last statement before, which may not have run;
    but see :func:`_stands_for_statement`.
    """
    return raw[offset] == _RERAISE or raw[offset : offset + 6] == _CLEAN_UP or raw[offset - 2 : offset + 4] == _CLEAN_UP


def _near_reraises(raw: bytes) -> Iterator[int]:
    """The offsets that can be those of such an instruction: of a RERAISE, and of the two instructions before it.

    In order: few code objects have many, and most instructions are far from them.
    """
    known = 0
    at = raw.find(_RERAISE)
    while at >= 0:
        if not at % 2:
            yield from range(max(known, at - 4), at + 2, 2)
            known = at + 2
        at = raw.find(_RERAISE, at + 1)


def _stands_for_statement(lines: dict[int, int | None], raw: bytes, offset: int) -> bool:
    """Whether an instruction that raises again, at the end of a ``finally``, is all that is left of a statement.

    The compiler has dropped what that was compiled to: ``if 0:`` as the last statement, or a ``break`` from its loop.
    On 3.11 not all ways to it may have passed the statement (:mod:`ipy_branchcov.analysis.shared_ends`).
    """
    if raw[offset] != _RERAISE or raw[offset + 1]:
        return False
    before = offset - 2
    while before > 0 and raw[before] == _CACHE:
        before -= 2
    return lines[offset] != lines.get(before)


def _given_a_line(code: CodeType) -> list[int]:
    """The offsets of ``return None`` without a place, at the end of a function, on 3.11.

    Where it shares its end with a handler it has the handler's line, and no columns; all else that runs has columns.
    """
    if not SHARED_ENDS or not code.co_exceptiontable:
        return []
    places = list(code.co_positions())
    if all(place[2] is None for place in places):
        return []  # compiled without columns
    found = (i for i, place in enumerate(places) if place[0] is not None and place[2] is None)
    return [2 * i for i in found if code.co_code[2 * i] in _RETURNS_NONE]


def lines_by_offset(code: CodeType) -> dict[int, int | None]:
    """The line of the instruction at each offset; None where the compiler gave none, or one that means nothing."""
    lines = {offset: line for start, end, line in code.co_lines() for offset in range(start, end, 2)}
    raw = code.co_code
    without = [
        offset
        for offset in _near_reraises(raw)
        if offset in lines and reraises(raw, offset) and not _stands_for_statement(lines, raw, offset)
    ]
    lines.update(dict.fromkeys(without))
    lines.update(dict.fromkeys(_given_a_line(code)))
    if _NULL_COMES_FIRST and _PUSH_NULL in raw:
        lines.update((offset, None) for offset in lines if raw[offset] == _PUSH_NULL)
    return lines


def lines_at(code: CodeType, offsets: Set[int]) -> set[int]:
    """The lines of the instructions at some offsets."""
    raw = code.co_code
    if _RERAISE in raw[::2] or _given_a_line(code):
        return {line for offset, line in lines_by_offset(code).items() if line and offset in offsets}
    if _NULL_COMES_FIRST and _PUSH_NULL in raw[::2]:
        offsets = {offset for offset in offsets if raw[offset] != _PUSH_NULL}
    found: set[int] = set()
    for start, end, line in code.co_lines():
        if line and line not in found and not offsets.isdisjoint(range(start, end, 2)):
            found.add(line)
    return found


def code_objects(code: CodeType) -> Iterator[CodeType]:
    """A code object and all that are nested in it, outer first."""
    stack = [code]
    while stack:
        code = stack.pop()
        yield code
        stack.extend(constant for constant in reversed(code.co_consts) if isinstance(constant, CodeType))
