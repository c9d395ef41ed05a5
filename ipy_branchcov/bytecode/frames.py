"""Read the stack of a frame that is running: which object is in a place, as far as it is True or False.

The interpreter's frame is reached through the frame object (``f_frame`` in Include/internal/pycore_frame.h); its local
variables and its stack are one array, and where that begins is found by looking for a known local. Only addresses are
read, and compared with those of True and False.
"""

from __future__ import annotations

import struct
import sys
from types import CodeType, FrameType
from typing import Any

from ipy_branchcov.bytecode.values import FALSE, OTHER, TRUE
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

ctypes: Any = None
if sys.implementation.name == "cpython":
    try:
        import ctypes
    except ImportError:  # a Python built without libffi
        ctypes = None

_WORD = struct.calcsize("P")
#: The pointer to the interpreter's frame is behind the object's head and ``f_back``.
_FRAME = object.__basicsize__ + _WORD
#: References on the stack carry tags in their lowest bits (from 3.14).
_TAGS = 7
#: PyBUF_READ
_READ = 0x100

_memory: Any = None
if ctypes is not None:
    _memory = ctypes.pythonapi.PyMemoryView_FromMemory
    _memory.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
    _memory.restype = ctypes.py_object

_KINDS = {id(True): TRUE, id(False): FALSE}


def _word(address: int) -> int:
    view: memoryview = _memory(address, _WORD, _READ).cast("N")
    return int(view[0])


def _find_locals() -> int | None:
    """Where the local variables begin in the interpreter's frame; None where they are not found."""
    if ctypes is None:
        return None

    def own(marker: object) -> int | None:
        wanted, start = id(marker), _word(id(sys._getframe()) + _FRAME)
        for place in range(4 * _WORD, 16 * _WORD, _WORD):
            if _word(start + place) & ~_TAGS == wanted:
                return place
        return None

    return own(object())


_LOCALS = _find_locals()
#: Whether the stacks of frames can be read.
READABLE = _LOCALS is not None


def variables(code: CodeType) -> int:
    """The number of places of a code object's local variables; the stack follows."""
    own = set(code.co_varnames)
    return len(own) + sum(name not in own for name in code.co_cellvars) + len(code.co_freevars)


def kind_at(frame: FrameType, place: int) -> int:
    """What the object in a place of a running frame is (an outcome of a value); local variables count as places."""
    assert _LOCALS is not None
    start = _word(id(frame) + _FRAME)
    return _KINDS.get(_word(start + _LOCALS + place * _WORD) & ~_TAGS, OTHER)
