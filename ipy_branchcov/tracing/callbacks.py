"""Callbacks of other tools that are measured code themselves: Python sends no events while one runs.

So what they do cannot be seen by events, and is reported. On 3.11 the probes in the code see it.
"""

from __future__ import annotations

import functools
import sys
from types import CodeType, FunctionType, MethodType

from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.failures import Failures
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.tracer import CodeFilter

__builtins__ = BUILTINS


class Callbacks:
    """Looks for callbacks whose code is ``wanted``. Each is a loss in ``failures``."""

    def __init__(self, wanted: CodeFilter, failures: Failures):
        self._wanted = wanted
        self._failures = failures

    def look(self) -> None:
        """Look at the trace and the profile function. Call it when new code starts: they are there for a while."""
        for each in (sys.gettrace(), sys.getprofile()):
            if each is not None:
                self.see(each)

    def see(self, callback: object) -> None:
        """Look at a callback of ``sys.monitoring``."""
        code = _code_behind(callback)
        if code is not None:
            known = registry.known(code)
            original = code if known is None else known.original
            if self._wanted(original):
                self._failures.add_callback(original)


def _code_behind(callback: object) -> CodeType | None:
    """The code that a call of it runs; none of its own attributes is asked."""
    for _ in range(10):
        kind = type(callback)
        if kind is FunctionType:
            return callback.__code__  # type: ignore[attr-defined, no-any-return]
        if kind is MethodType:
            callback = callback.__func__  # type: ignore[attr-defined]
        elif kind is functools.partial:
            callback = callback.func  # type: ignore[attr-defined]
        else:
            callback = next((vars(each)["__call__"] for each in kind.__mro__ if "__call__" in vars(each)), None)
    return None
