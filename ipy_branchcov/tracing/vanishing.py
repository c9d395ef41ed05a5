"""Marks that vanish: passed once, they are jumped over from there on. For 3.11, where nothing else takes events away.

The instructions of a code object stand in memory behind its fixed part (``co_code_adaptive`` in
Include/cpython/code.h), where the interpreter itself rewrites them as it specialises. Only added instructions and the
arguments of jumps are written here, each in one store, under the interpreter's lock.
"""

from __future__ import annotations

import dis
import itertools
import sys
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

try:
    import ctypes
except ImportError:  # a Python built without libffi: marks stay, and cost
    ctypes = None  # type: ignore[assignment]

#: (number of the instruction's place, opcode or None to leave it, argument)
Write = tuple[int, "int | None", int]


@dataclass
class Once:
    """The marks of one code object: which were passed, and what each writes when it is passed."""

    passed: set[int] = field(default_factory=set)
    writes: list[list[Write]] = field(default_factory=list)
    _code: Any = None
    _undo: dict[int, int] = field(default_factory=dict)

    def iterators(self, count: int) -> list[Iterator[None]]:
        """The constants of the marks."""
        return [map(self._pass, itertools.repeat(number)) for number in range(count)]

    def attach(self, code: CodeType, writes: list[list[Write]]) -> None:
        """Take the code object in which the marks stand."""
        self._code, self.writes = weakref.ref(code), writes

    def _pass(self, number: int) -> None:
        self.passed.add(number)
        code = self._code()
        # A copy of the code (types.coroutine makes one) can live longer than the code.
        if code is not None and READABLE:
            units = _units(code)
            for place, opcode, argument in self.writes[number]:
                before = bytes(memoryview(units).cast("B")[2 * place : 2 * place + 2])
                self._undo.setdefault(place, _unit(*before))
                units[place] = _unit(before[0] if opcode is None else opcode, argument)

    def begin(self) -> None:
        """Let all marks be passed again."""
        code = self._code()
        if code is not None and self._undo:
            units = _units(code)
            for place, unit in self._undo.items():
                units[place] = unit
        self._undo.clear()
        self.passed.clear()


def _unit(opcode: int, argument: int) -> int:
    return int.from_bytes(bytes((opcode, argument)), sys.byteorder)


def _units(code: CodeType) -> Any:
    """The instructions as they stand in memory, two bytes each."""
    size = len(code.co_code) // 2
    return (ctypes.c_uint16 * size).from_address(id(code) + CodeType.__basicsize__)


def _readable() -> bool:
    """Whether the instructions stand where they are expected."""
    if ctypes is None or sys.version_info[:2] != (3, 11) or sys.implementation.name != "cpython":
        return False
    code = compile("x = [a for a in b if a]", "", "exec")
    return bytes(_units(code)) == code.co_code


READABLE = _readable()
JUMP_FORWARD = dis.opmap["JUMP_FORWARD"]
