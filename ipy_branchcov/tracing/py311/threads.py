"""Trace functions of threads that run already: in 3.11 ``sys.settrace`` sets that of its own thread alone.

From 3.12 on there is ``threading.settrace_all_threads``, which does the same. What it calls, 3.11 has, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

ctypes: Any = None
with suppress(ImportError):  # a Python built without libffi
    import ctypes

#: Where a thread's state has what calls its trace function, and that (Include/cpython/pystate.h).
_CALLS, _TRACES = 72, 88


def trace_others(function: object) -> bool:
    """Give the trace function of this thread to the others, as far as they have none. Returns whether that can be."""
    if ctypes is None:
        return False
    mine = _api("PyThreadState_Get", ctypes.c_void_p)()
    if _word(mine, _TRACES) != id(function):
        return False
    _set([each for each in _states() if not _word(each, _TRACES)], _word(mine, _CALLS), id(function))
    return True


def untrace_others(function: object) -> None:
    """Take a trace function from the other threads that have it."""
    if ctypes is not None:
        mine = _api("PyThreadState_Get", ctypes.c_void_p)()
        _set([each for each in _states() if each != mine and _word(each, _TRACES) == id(function)], None, None)


def _set(states: list[int], calls: int | None, function: int | None) -> None:
    set_trace = _api("_PyEval_SetTrace", ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    for each in states:
        set_trace(each, calls, function)


def _states() -> Iterator[int]:
    """The states of all threads of this interpreter. None ends while this runs: it would need the lock."""
    interpreter = _api("PyInterpreterState_Get", ctypes.c_void_p)()
    state = _api("PyInterpreterState_ThreadHead", ctypes.c_void_p, ctypes.c_void_p)(interpreter)
    following = _api("PyThreadState_Next", ctypes.c_void_p, ctypes.c_void_p)
    while state:
        yield state
        state = following(state)


def _word(state: int, offset: int) -> int:
    word: int = ctypes.c_size_t.from_address(state + offset).value
    return word


def _api(name: str, result: Any, *arguments: Any) -> Any:
    function = ctypes.pythonapi[name]  # not as an attribute: that belongs to all who use ctypes
    function.restype, function.argtypes = result, arguments
    return function
