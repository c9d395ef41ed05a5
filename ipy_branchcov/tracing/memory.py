"""The instructions of a code object in memory, where the interpreter itself rewrites them as it specialises.

They stand behind the code object's fixed part (``co_code_adaptive`` in Include/cpython/code.h of 3.11 and 3.12). Each
is written in one store, under the interpreter's lock.
"""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

try:
    import ctypes
except ImportError:  # a Python built without libffi
    ctypes = None  # type: ignore[assignment]


def units(code: CodeType) -> Any:
    """The instructions, two bytes each (see :func:`unit`), as long as the code object lives."""
    size = len(code.co_code) // 2
    return (ctypes.c_uint16 * size).from_address(id(code) + CodeType.__basicsize__)


def unit(opcode: int, argument: int) -> int:
    """An instruction as one number, as it stands there."""
    return int.from_bytes(bytes((opcode, argument)), sys.byteorder)


def parts(unit: int) -> tuple[int, int]:
    """The opcode and the argument of such a number."""
    opcode, argument = unit.to_bytes(2, sys.byteorder)
    return opcode, argument


def _readable() -> bool:
    """Whether the instructions stand where they are expected."""
    if ctypes is None or sys.version_info[:2] not in ((3, 11), (3, 12)) or sys.implementation.name != "cpython":
        return False
    # Nothing here that 3.12 would write in another way before it has run.
    code = compile("[[], {}, ..., 'a', b'b']", "", "eval")
    return bytes(units(code)) == code.co_code


#: Whether they can be read and written.
READABLE = _readable()
