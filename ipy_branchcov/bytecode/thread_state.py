"""Functions of the interpreter with which a thread counts as being inside a trace function: no other one is called.

``leave(get())`` undoes ``enter(get())``. Neither call is an event for a profile function.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

get: Any
enter: Any
leave: Any
get = enter = leave = lambda *state: None
with suppress(ImportError):  # a Python built without libffi: trace functions see what they would not see
    import ctypes

    # Not as attributes: those belong to all who use ctypes.
    get = ctypes.pythonapi["PyThreadState_Get"]
    enter, leave = (ctypes.pythonapi[f"PyThreadState_{name}Tracing"] for name in ("Enter", "Leave"))
    get.restype = ctypes.c_void_p
    enter.argtypes = leave.argtypes = (ctypes.c_void_p,)
    enter.restype = leave.restype = None
