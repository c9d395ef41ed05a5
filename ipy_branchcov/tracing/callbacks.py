"""Callbacks of other tools that are measured code, or can call it: Python sends no events while one runs.

So what they do cannot be seen by events, and is reported. On 3.11 the probes in the code see it. Whether a callback
that is not measured did call measured code leaves no trace from 3.13 on: that it has a name for it, or for what holds
it, is reported. What it finds in another way (in the frames that it is passed, by a name in a string) is not seen.
"""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Mapping, Set
from contextlib import suppress
from itertools import islice
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

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
                thing = waiting.pop()
                function = _function_behind(thing)
                if function is None or id(function) in seen or _is_ours(function):
                    continue
                seen.add(id(function))
                if not self._is_measured(function, itself=False):
                    waiting += _called_by(function, thing)

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
            callback = next((space["__call__"] for space in _spaces(kind) if "__call__" in space), None)
    return None


def _is_ours(function: FunctionType) -> bool:
    return str(function.__globals__.get("__name__")).partition(".")[0] == __name__.partition(".")[0]


def _called_by(function: FunctionType, callback: object) -> list[object]:
    """What a function has names for, and what is in that: in modules, objects, classes, containers.

    It starts with its global names, its closure, its defaults, and the object whose method it is.
    """
    names = {name for code in code_objects(function.__code__) for name in code.co_names}
    waiting = [function.__globals__[name] for name in names if name in function.__globals__]
    waiting += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    while type(callback) is functools.partial:
        waiting += [*callback.args, *callback.keywords.values()]
        callback = callback.func
    waiting += _named_in(callback.__self__ if type(callback) is MethodType else callback, names)
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell
            waiting.append(cell.cell_contents)
    found: list[object] = []
    seen: dict[int, object] = {}
    while waiting and len(seen) < _MOST_VALUES:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if type(value) in _FUNCTIONS:
            found.append(value)
        elif type(value) in _CONTAINERS:
            waiting += _contents(value)
        else:
            waiting += _named_in(value, names)
            if _function_behind(value) is not None:
                found.append(value)
    return found


#: So many values that a function has names for are looked at, and so many in a container.
_MOST_VALUES = 1000
_FUNCTIONS = (FunctionType, MethodType, functools.partial)
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)


def _contents(container: Any) -> list[object]:
    found = list(islice(container, _MOST_VALUES))
    return [*found, *islice(container.values(), _MOST_VALUES)] if type(container) is dict else found


def _named_in(thing: object, names: Set[str]) -> list[object]:
    """The attributes of these names that an object, a module or a class has; no code of it runs."""
    kind = type(thing)
    spaces = _spaces(kind)
    own = next((space["__dict__"] for space in spaces if "__dict__" in space), None)
    if issubclass(kind, type):
        names |= {"__new__", "__init__", "__call__"}  # the class is called, and what that makes
        spaces += _spaces(thing)
    elif issubclass(kind, ModuleType) or type(own) is GetSetDescriptorType:
        spaces.append(object.__getattribute__(thing, "__dict__"))
    found = [space[name] for space in spaces for name in names if name in space]
    return [each for attribute in found for each in _behind(attribute, thing)]


def _spaces(kind: Any) -> list[Mapping[str, object]]:
    """The attributes of a class and of those that it inherits from, but for ``object``."""
    attribute = type.__getattribute__  # that of its own metaclass can be Python code
    return [attribute(each, "__dict__") for each in attribute(kind, "__mro__")[:-1]]


def _behind(attribute: Any, thing: object) -> list[object]:
    """What an attribute in a class gives its objects."""
    kind = type(attribute)
    if kind in (staticmethod, classmethod):
        return [attribute.__func__]
    if kind is property:
        methods = (attribute.fget, attribute.fset, attribute.fdel)
        return [MethodType(each, thing) for each in methods if each is not None]
    if kind is MemberDescriptorType:
        with suppress(AttributeError, TypeError):  # an empty slot, or that of another class
            return [attribute.__get__(thing)]
        return []
    return [MethodType(attribute, thing) if kind is FunctionType and not issubclass(type(thing), type) else attribute]
