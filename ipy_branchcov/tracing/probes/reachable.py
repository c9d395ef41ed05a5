"""The functions that a module's names lead to, as its author defined them. Runs none of the user's code."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any, get_overloads

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

#: Reads the dictionary of a class; a metaclass cannot change the result.
MEMBERS = type.__dict__["__dict__"].__get__
_CACHED = type(functools.lru_cache(len))


def of_module(module: str, first: Iterable[str] = ()) -> Iterator[FunctionType]:
    """Those that are reachable from the names of a module, or of its classes. ``first``: names to begin with."""
    found = sys.modules.get(module)
    names = vars(found) if isinstance(found, ModuleType) else {}
    stack = [*names.values(), *(names[name] for name in first if name in names)]
    seen: set[int] = set()
    while stack:
        value = stack.pop()
        kind = type(value)
        if kind is FunctionType:
            if id(value) not in seen:
                seen.add(id(value))
                yield value
                stack += [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
                stack.append(getattr(value, "__annotate__", None))  # from 3.14 on
                if type(value.__module__) is str:  # it can be set to what the registry of overloads cannot look up
                    stack += get_overloads(value)
        elif kind is staticmethod or kind is classmethod:
            stack.append(value.__func__)
        elif kind is property:
            stack += [value.fget, value.fset, value.fdel]
        elif kind is _CACHED:
            stack.append(value.__wrapped__)
        elif issubclass(kind, type) and id(value) not in seen:
            seen.add(id(value))
            members: Any = MEMBERS(value)
            if members.get("__module__") == module:
                stack += list(members.values())


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
