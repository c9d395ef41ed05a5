"""What the interpreter has in memory: which objects its collector looks at, and the instructions of a code object.

It changes the instructions itself when it specialises. They are behind the code object's fixed part
(``co_code_adaptive`` in Include/cpython/code.h of 3.11 and 3.12). Each is written in one store, under the interpreter's
lock.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import CodeType
from typing import Any

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS


ctypes: Any = None
if sys.implementation.name == "cpython":
    with suppress(ImportError):  # a Python built without libffi
        import ctypes


def units(code: CodeType) -> memoryview:
    """The instructions, two bytes each (see :func:`unit`), as long as the code object lives."""
    # Not an array of ctypes: each length is a type of its own, which the user's gc.collect() would find and count.
    found: memoryview = _memory(id(code) + CodeType.__basicsize__, len(code.co_code), _WRITE)
    return found.cast("H")


_memory: Any = None
if ctypes is not None and sys.version_info < (3, 13):
    _memory = ctypes.pythonapi.PyMemoryView_FromMemory
    _memory.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
    _memory.restype = ctypes.py_object


def uncollect(thing: object) -> None:
    """Let the user's collections pass over an object that no cycle goes through, as over a tuple of numbers.

    Not over a weak reference that has a callback, and refers to what they collect: they move it from list to list, and
    it is in none. A dictionary is looked at again after such a value was added, up to 3.13. Where there is no ctypes,
    they look at the object.
    """
    if _untrack is not None:
        _untrack(thing)


_untrack: Any = None
if ctypes is not None:
    _untrack = ctypes.pythonapi["PyObject_GC_UnTrack"]  # not as an attribute: that belongs to all who use ctypes
    _untrack.argtypes = (ctypes.py_object,)
    _untrack.restype = None
#: Whether it works.
UNCOLLECTS = _untrack is not None
#: PyBUF_WRITE
_WRITE = 0x200


def unit(opcode: int, argument: int) -> int:
    """An instruction as one number, as it is in memory."""
    return int.from_bytes(bytes((opcode, argument)), sys.byteorder)


def parts(unit: int) -> tuple[int, int]:
    """The opcode and the argument of such a number."""
    opcode, argument = unit.to_bytes(2, sys.byteorder)
    return opcode, argument


def _readable() -> bool:
    """Whether the instructions are where they are expected."""
    if _memory is None:
        return False
    # Only instructions that 3.12 does not change before they run.
    code = compile("[[], {}, ..., 'a', b'b']", "", "eval")
    return bytes(units(code)) == code.co_code


#: Whether they can be read and written.
READABLE = _readable()
