"""The functions that had instrumented code, with that code, so that the next run need not assemble it again.

A notebook can have thousands of them, and each run gives all of them other code, twice. So the two loops that do it ask
for nothing that can be known before: which run accepted a function, and which references there are, is noted here.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import compress, repeat
from operator import attrgetter, call, is_, itemgetter, not_
from types import CodeType, FunctionType
from typing import Self

from ipy_branchcov.bytecode.memory import uncollect
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.tracer import CodeFilter, Mechanism

__builtins__ = BUILTINS


class Swapped(weakref.ref[FunctionType]):
    """A function that had instrumented code: a reference that carries its code. One object, as the registry's entries.

    It has no callback, so that collections can pass over it; :func:`forget_gone` finds out that the function is gone.

    ``fields``: the original; the instrumented code; the :func:`label`, 0 where no run in particular accepted the
    function; whether it belongs to a module, rather than to cells; its id.
    """

    __slots__ = ("fields",)

    def __new__(cls, function: FunctionType, *fields: object) -> Self:
        return super().__new__(cls, function)

    def __init__(self, function: FunctionType, original: CodeType, instrumented: CodeType, label: int):
        imported = function.__globals__.get("__name__") != "__main__"
        self.fields: _Fields = (original, instrumented, label, imported, id(function))

    @property
    def original(self) -> CodeType:
        return self.fields[0]

    @property
    def instrumented(self) -> CodeType:
        return self.fields[1]


_Fields = tuple[CodeType, CodeType, int, bool, int]
_ORIGINAL, _INSTRUMENTED = 0, 1
_fields: Callable[[Swapped], _Fields] = attrgetter("fields")


#: By the id of the function.
_SWAPPED: dict[int, Swapped] = {}
#: References to the originals that other functions make functions of, by their ids.
OF_INNER: dict[int, int] = {}
for _table in (_SWAPPED, OF_INNER):
    uncollect(_table)
#: The filter and the kind of the last run, and their number.
_last: tuple[weakref.ref[CodeFilter], Mechanism] | None = None
_label = 0
#: The thread that is swapping code objects now; 0: none is.
swapping_thread = 0


def all_swapped() -> list[Swapped]:
    """Those that still exist."""
    forget_gone()
    return list(_SWAPPED.values())


def forget_gone() -> None:
    """Let go of functions that are gone, and of their code."""
    entries = list(_SWAPPED.values())
    functions = list(map(call, entries))
    if all(functions):
        return
    for entry in compress(entries, map(not_, functions)):
        if _SWAPPED.get(number := entry.fields[-1]) is entry:  # another function may have the id by now
            del _SWAPPED[number]
            _count(entry, -1)


def remember(function: FunctionType, original: CodeType, instrumented: CodeType, label: int) -> None:
    """Note that a function had instrumented code."""
    after = Swapped(function, original, instrumented, label)
    before = _SWAPPED.get(id(function))
    _SWAPPED[id(function)] = after
    uncollect(after)
    uncollect(_SWAPPED)
    _count(after, 1)
    if before is not None:
        _count(before, -1)


def _count(entry: Swapped, change: int) -> None:
    """Count the references by an entry; and that by its function, which has its original between runs."""
    registry.hold(id(entry.instrumented), change)
    if "<locals>" in entry.original.co_qualname:
        number = id(entry.original)
        OF_INNER[number] = OF_INNER.get(number, 0) + 2 * change
        if not OF_INNER[number]:
            del OF_INNER[number]


def label(wanted: CodeFilter, kind: Mechanism) -> int:
    """The number of a filter and a kind: the same in runs that follow each other and have the same of both."""
    global _last, _label
    if _last is None or (_last[0](), _last[1]) != (wanted, kind):
        _last, _label = (weakref.ref(wanted), kind), _label + 1
    return _label


def instrument_again(label: int) -> list[Swapped]:
    """Give the functions of a label their instrumented code again, if they still have the original.

    Returns all others.
    """
    entries = all_swapped()
    mine = [each == label for _, _, each, _, _ in map(_fields, entries)]
    _exchange(list(compress(entries, mine)), _ORIGINAL, _INSTRUMENTED)
    return list(compress(entries, map(not_, mine)))


def _exchange(entries: list[Swapped], before: int, after: int) -> None:
    """Give functions that have one code object the other one. Each step is a loop of the interpreter's own."""
    functions, fields = list(map(call, entries)), list(map(_fields, entries))
    have = map(getattr, functions, repeat("__code__"), repeat(None))
    same = list(map(is_, have, map(itemgetter(before), fields)))
    new = map(itemgetter(after), compress(fields, same))
    with swapping():
        setting = map(setattr, compress(functions, same), repeat("__code__"), new)
        deque(setting, maxlen=0)


def of_imported() -> list[CodeType]:
    """The originals of functions that belong to modules."""
    return [original for original, _, _, imported, _ in map(_fields, all_swapped()) if imported]


def restore_all() -> None:
    """Give all functions with instrumented code their original."""
    _exchange(all_swapped(), _INSTRUMENTED, _ORIGINAL)


@contextmanager
def swapping() -> Iterator[None]:
    """Around a change of ``__code__`` that is ours, for the audit hook of 3.11."""
    global swapping_thread  # noqa: PLW0603
    before, swapping_thread = swapping_thread, threading.get_ident()
    try:
        yield
    finally:
        swapping_thread = before


def is_swapping() -> bool:
    """Whether this thread is inside :func:`swapping`."""
    return swapping_thread == threading.get_ident()
