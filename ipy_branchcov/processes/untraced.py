"""Frames around the program that its trace and profile functions do not see, although they stay on.

A function that is :func:`~ipy_branchcov.bytecode.unseen.unseen` sends no event when it begins, but it does when an
exception comes through it (before 3.12 at its end, too), and without any frame that can be shown the interpreter raises
SystemError in the place of that exception. So between :func:`begin` and :func:`end` this thread counts as being inside
a trace function, but for what :func:`call` calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from ipy_branchcov.bytecode import thread_state
from ipy_branchcov.bytecode.unseen import unseen

_call: Any = sys.call_tracing
_get, _enter, _leave = thread_state.get, thread_state.enter, thread_state.leave


@unseen
def begin() -> None:
    """No trace or profile function is called in this thread from now on."""
    _enter(_get())


@unseen
def end() -> None:
    """They are called again."""
    _leave(_get())


@unseen
def call(function: Callable[[], object]) -> BaseException | None:
    """Call what is no function of ours, with trace and profile functions; return the exception that it raises."""
    error = None
    # On 3.11 call_tracing() does not switch on what is there already. A call of a partial is no event there.
    if sys.version_info < (3, 12):
        function = partial(function)
        _leave(_get())
    try:
        if sys.version_info >= (3, 12):
            _call(function, ())
        else:
            function()
    except BaseException as raised:
        error = raised
    if sys.version_info < (3, 12):
        _enter(_get())
    return error
