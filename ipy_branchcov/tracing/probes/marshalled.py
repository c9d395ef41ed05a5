"""``marshal`` writes the code that the author wrote, also where it is in containers."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import CodeType
from typing import Any

from ipy_branchcov.bytecode.unseen import unseen
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes import registry

__builtins__ = BUILTINS

#: How the form of a code object begins: its type, then five numbers of four bytes, of which the first two are small.
_CODE = re.compile(rb"[c\xe3]..\0\0..\0\0", re.DOTALL)
#: What marshal writes the parts of; of subclasses it has no form.
_CONTAINERS = (tuple, list, set, frozenset, dict, slice)


def of_originals(dump: Callable[..., Any], dumps: Callable[..., bytes]) -> Callable[..., Any]:
    """``dump``, a function of ``marshal``, for values with instrumented code. ``dumps``: the one that returns bytes."""

    @unseen  # dump() calls the write() of a file
    def dump_originals(value: object, /, *arguments: Any, **options: Any) -> Any:
        return dump(originals(value) if _may_hold_code(value, dumps) else value, *arguments, **options)

    dump_originals.__name__ = dump_originals.__qualname__ = dump.__name__
    dump_originals.__doc__ = dump.__doc__
    return dump_originals


def _may_hold_code(value: object, dumps: Callable[..., bytes]) -> bool:
    """Whether a value is to be searched: the search takes ten times as long as to write the value."""
    if type(value) is CodeType:
        return True
    try:
        return _CODE.search(dumps(value)) is not None
    except ValueError:
        return True  # of some instrumented code, too, marshal has no form


def original(code: CodeType) -> CodeType:
    """Code as the compiler made it, with what is nested in it."""
    if (known := registry.known(code)) is not None:
        return known.original
    constants = tuple(original(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    same = all(new is old for new, old in zip(constants, code.co_consts, strict=True))
    return code if same else code.replace(co_consts=constants)


def originals(value: Any) -> Any:
    """A copy of a value with the originals of the code in its containers, however deep they are."""
    made: dict[int, Any] = {}
    begun: set[int] = set()
    stack = [(value, False)]
    while stack:
        each, parts_are_made = stack.pop()
        kind = type(each)
        if kind is CodeType:
            made[id(each)] = original(each)
        elif parts_are_made:
            _fill(each, made)
        elif kind in _CONTAINERS and id(each) not in begun:
            begun.add(id(each))
            if kind in (list, dict):
                made[id(each)] = kind()  # it can be a part of itself
            stack.append((each, True))
            stack += [(part, False) for part in _parts(each)]
    return made.get(id(value), value)


def _parts(container: Any) -> list[Any]:
    if type(container) is dict:
        return [*container, *container.values()]
    return [container.start, container.stop, container.step] if type(container) is slice else list(container)


def _fill(container: Any, made: dict[int, Any]) -> None:
    """Make a container of the same kind of what was made of its parts."""
    parts = [made.get(id(part), part) for part in _parts(container)]
    if type(container) is list:
        made[id(container)] += parts
    elif type(container) is dict:
        half = len(parts) // 2
        made[id(container)].update(zip(parts[:half], parts[half:], strict=True))
    else:
        made[id(container)] = slice(*parts) if type(container) is slice else type(container)(parts)
