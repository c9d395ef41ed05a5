"""Values of names as short texts, made without running any code of the user's."""

from __future__ import annotations

import dis
import inspect
import reprlib
import sys
from collections.abc import Iterable
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    GetSetDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from ipy_branchcov.model.source import shortened
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.printable import printable

__builtins__ = BUILTINS

#: The most names of a first hit, and the most characters of a value.
MOST, LONGEST = 8, 60
_BITS = 512
_SMALL = 10**18
_FEW = 20
#: Begins an inlined comprehension (PEP 709); -1 before 3.12.
_INLINED = dis.opmap.get("LOAD_FAST_AND_CLEAR", -1)
_SCALARS = (int, float, complex, bool, type(None), str, bytes, range, type(...), type(NotImplemented))
#: Types of values that are code, not data.
_CODE = (FunctionType, BuiltinFunctionType, MethodType, ModuleType)
#: So many entries of an instance's dictionary are looked at.
_MANY = 200
#: Stands for no value.
NOTHING: Any = object()
#: Types, by module and name, whose values are shown as type and shape.
_SHAPED = {("numpy", "ndarray"), ("pandas", "DataFrame"), ("pandas", "Series")}
#: Code that asks for these could see that its variables were looked at.
_LOOKING = frozenset({"locals", "vars", "eval", "exec", "dir", "_getframe", "currentframe"})


def _kind_of_locals() -> type:
    """A dictionary; from 3.13 on a view of a function's variables (PEP 667)."""
    return type(sys._getframe().f_locals)


#: What a frame's variables can be in that runs no code of the user's when it is asked.
_PLAIN = (dict, _kind_of_locals())


class _Short(reprlib.Repr):
    """``reprlib`` on exact built-in types alone: a subclass can have a ``repr`` of its own, and anything else has."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 3, 40, 40, 40
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 4

    def repr1(self, x: Any, level: int) -> str:
        kind = type(x)
        if kind is int and x.bit_length() > _BITS:
            return f"<int of {x.bit_length()} bits>"
        if kind in (set, frozenset, dict) and not (len(x) <= _FEW and all(type(each) in _SCALARS for each in x)):
            return f"<{kind.__name__} of {len(x)}>"  # reprlib sorts, which compares all of them
        if kind is bytes and len(x) > self.maxstring:
            return f"{x[: self.maxstring // 2]!r}..."  # reprlib would write it whole
        if kind in _SCALARS or kind in (list, tuple, dict, set, frozenset):
            return super().repr1(x, level)
        return _by_type(x, kind)


def short(value: Any) -> str:
    """A value in at most :data:`LONGEST` characters."""
    kind = type(value)
    if value is None or kind is bool or kind is float or (kind is int and -_SMALL < value < _SMALL):
        return repr(value)
    return shortened(_SHORT.repr(value), LONGEST)


def _by_type(value: Any, kind: type) -> str:
    name = _name(kind)
    module = sys.modules.get(kind.__module__.partition(".")[0]) if type(kind) is type else None
    for package, shaped in _SHAPED:
        if name == shaped and getattr(module, "__name__", "") == package and getattr(module, shaped, None) is kind:
            return f"<{name} {' × '.join(map(str, value.shape))}>"
    return f"<{name}>"


def _name(kind: type) -> str:
    """The name a class was made with; its metaclass is not asked."""
    return printable(str(type.__dict__["__name__"].__get__(kind)))


_SHORT = _Short()


def arguments(code: CodeType) -> tuple[str, ...]:
    """The names of a function's arguments."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[:count]


def attribute(value: Any, name: str) -> Any:
    """An attribute as it stands in the exact dictionary of an instance; :data:`NOTHING` for any other.

    No code of the user's runs: neither descriptors, nor ``__getattribute__`` or a metaclass, are asked.
    """
    dictionary: Any = NOTHING
    for each in type.__dict__["__mro__"].__get__(type(value)):
        own = type.__dict__["__dict__"].__get__(each)
        if each is not object and "__getattribute__" in own:
            return NOTHING
        if name in own and type(own[name]) not in _SCALARS:
            return NOTHING  # it may be a descriptor, which outranks the dictionary
        if dictionary is NOTHING and "__dict__" in own and type(own["__dict__"]) is GetSetDescriptorType:
            dictionary = own["__dict__"].__get__(value)
        elif dictionary is NOTHING and "__dict__" in own:
            return NOTHING
    if type(dictionary) is not dict or len(dictionary) > _MANY or any(type(key) is not str for key in dictionary):
        return NOTHING  # a key of another kind can have an __eq__ of its own
    return dictionary.get(name, NOTHING)


def _explains(name: str, value: Any, found: Iterable[str]) -> bool:
    """Whether the value of a name is worth its place: no ``self``, function, class or module."""
    kind = type(value)
    if name in ("self", "cls") or kind in _CODE or issubclass(kind, type):
        return False
    return kind in _SCALARS or not any(each.startswith(f"{name}.") for each in found)


def _value(places: Iterable[Any], name: str) -> Any:
    """The value of a name, or of an attribute of one (``self.age``), in the first mapping that has it."""
    first, *rest = name.split(".")
    place = next((place for place in places if first in place), None)
    value = NOTHING if place is None else place[first]
    for part in rest:
        value = NOTHING if value is NOTHING else attribute(value, part)
    return value


def values(frame: FrameType, names: Iterable[str]) -> dict[str, str]:
    """The names that have a value in a frame, with their values. What cannot be read safely is left out, and so is
    what explains nothing: ``self``, functions, classes, modules.

    Before 3.13 a frame's fast variables are copied to be looked at (PEP 667): not where the program would see that,
    in a class with a comprehension of its own, or under a trace function, for which the copy is written back.
    """
    code = frame.f_code
    copied = sys.version_info < (3, 13) and bool(code.co_nlocals or code.co_freevars)
    function = code.co_flags & inspect.CO_OPTIMIZED
    if copied and not (function and frame.f_trace is None and _LOOKING.isdisjoint(code.co_names)):
        return {}
    if code.co_cellvars and _INLINED in code.co_code[::2]:
        return {}  # a comprehension's variable may stand where a cell is looked for: 3.13.0 crashes
    found: dict[str, str] = {}
    here: Any = frame.f_locals
    # The body of a class can have a mapping of the user's, whose methods would run.
    places = [place for place in (here, frame.f_globals) if type(place) in _PLAIN]
    try:
        for name in dict.fromkeys(names):
            if len(found) == MOST:
                break
            value = _value(places, name)
            if value is not NOTHING and _explains(name, value, found):
                found[name] = short(value)
    finally:
        if copied:
            here.clear()  # it would keep values alive
    return found
