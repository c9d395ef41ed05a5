"""Callbacks of other tools that are measured code, or can call it: Python sends no events while one runs.

So what they do cannot be seen by events, and is reported. On 3.11 the probes in the code see it. Whether a callback
that is not measured did call measured code leaves no trace from 3.13 on: that it has a name for it is reported.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import FunctionType, GetSetDescriptorType, MethodType, ModuleType

from ipy_branchcov.bytecode.decode import code_objects
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
        #: Callbacks that are not measured, by their id.
        self._others: dict[int, object] = {}

    def look(self) -> None:
        """Look at the trace and the profile function. Call it when new code starts: they are there for a while."""
        for each in (sys.gettrace(), sys.getprofile()):
            if each is not None:
                self.see(each)

    def see(self, callback: object) -> None:
        """Look at a callback of ``sys.monitoring``."""
        if id(callback) in self._others:
            return
        function = _function_behind(callback)
        if function is not None and not self._is_measured(function, itself=True):
            self._others[id(callback)] = callback

    def follow(self) -> None:
        """Look at what the callbacks that are not measured can call. Call it when all names are there: at the end."""
        others, self._others = self._others, {}
        for callback in others.values():
            waiting: list[object] = [callback]
            seen: set[int] = set()
            while waiting and len(seen) < _MOST:
                function = _function_behind(waiting.pop())
                if function is None or id(function) in seen or _is_ours(function):
                    continue
                seen.add(id(function))
                if not self._is_measured(function, itself=False):
                    waiting += _called_by(function, callback)

    def _is_measured(self, function: FunctionType, *, itself: bool) -> bool:
        """Whether a function is measured, and so a loss."""
        code = function.__code__
        known = registry.known(code)
        original = code if known is None else known.original
        if not self._wanted(original):
            return False
        self._failures.add_callback(original, itself=itself)
        return True


#: So many functions that a callback can call are looked at.
_MOST = 200


def _function_behind(callback: object) -> FunctionType | None:
    """The function that a call of it runs; none of its own attributes is asked."""
    for _ in range(10):
        kind = type(callback)
        if kind is FunctionType:
            return callback  # type: ignore[return-value]
        if kind is MethodType:
            callback = callback.__func__  # type: ignore[attr-defined]
        elif kind is functools.partial:
            callback = callback.func  # type: ignore[attr-defined]
        else:
            callback = next((vars(each)["__call__"] for each in kind.__mro__ if "__call__" in vars(each)), None)
    return None


def _is_ours(function: FunctionType) -> bool:
    return str(function.__globals__.get("__name__")).partition(".")[0] == __name__.partition(".")[0]


def _called_by(function: FunctionType, callback: object) -> list[object]:
    """What a function has names for: global, in modules, in its closure, in the object whose method it is."""
    names = {name for code in code_objects(function.__code__) for name in code.co_names}
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    spaces: list[Mapping[str, object]] = [vars(each) for each in found if type(each) is ModuleType]
    owner = callback.__self__ if type(callback) is MethodType else callback
    spaces += [vars(each) for each in type(owner).__mro__]
    if type(getattr(type(owner), "__dict__", {}).get("__dict__")) is GetSetDescriptorType:
        spaces.append(object.__getattribute__(owner, "__dict__"))
    found += [space[name] for space in spaces for name in names if name in space]
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell
            found.append(cell.cell_contents)
    return [each for each in found if type(each) in (FunctionType, MethodType, functools.partial)]
