"""The instructions of a code object in memory, where the interpreter itself rewrites them as it specialises.

They stand behind the code object's fixed part (``co_code_adaptive`` in Include/cpython/code.h of 3.11 and 3.12). Each
is written in one store, under the interpreter's lock.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import CodeType
from typing import Any

ctypes: Any = None
if sys.version_info[:2] in ((3, 11), (3, 12)) and sys.implementation.name == "cpython":
    with suppress(ImportError):  # a Python built without libffi
        import ctypes


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
    if ctypes is None:
        return False
    # Nothing here that 3.12 would write in another way before it has run.
    code = compile("[[], {}, ..., 'a', b'b']", "", "eval")
    return bytes(units(code)) == code.co_code


#: Whether they can be read and written.
READABLE = _readable()
