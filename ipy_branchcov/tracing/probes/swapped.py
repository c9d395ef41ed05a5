"""The functions that had instrumented code, with that code, so that the next run need not assemble it again.

A notebook can have thousands of them, and each run gives all of them other code, twice. So the two loops that do it ask
for nothing that can be known before: which run accepted a function, and which references there are, is noted here.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import compress, repeat
from operator import attrgetter, call, eq, is_, not_
from types import CodeType, FunctionType
from typing import Any, Self

from ipy_branchcov.bytecode.memory import uncollect
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.tracer import CodeFilter, Mechanism

__builtins__ = BUILTINS


class Swapped(weakref.ref[FunctionType]):
    """A function that had instrumented code: a reference that carries its code. One object, as the registry's entries.

    It has no callback, so that collections can pass over it; :func:`forget_gone` finds out that the function is gone.

    ``label``: the :func:`label`, 0 where no run in particular accepted the function. ``number``: its id.
    """

    __slots__ = ("instrumented", "label", "number", "original")

    def __new__(cls, function: FunctionType, *fields: object) -> Self:
        return super().__new__(cls, function)

    def __init__(self, function: FunctionType, original: CodeType, instrumented: CodeType, label: int):
        self.original, self.instrumented, self.label, self.number = original, instrumented, label, id(function)


_Which = Callable[[Swapped], CodeType]
_original: _Which = attrgetter("original")
_instrumented: _Which = attrgetter("instrumented")
_label_of: Callable[[Swapped], int] = attrgetter("label")

#: By the id of the function.
_SWAPPED: dict[int, Swapped] = {}
#: The same, of functions that belong to modules, rather than to cells.
_IMPORTED: dict[int, Swapped] = {}
#: References to the originals that other functions make functions of, by their ids.
OF_INNER: dict[int, int] = {}
for _table in (_SWAPPED, _IMPORTED, OF_INNER):
    uncollect(_table)
#: The filter and the kind of the last run, and their number.
_last: tuple[weakref.ref[CodeFilter], Mechanism] | None = None
_label = 0
#: How often anyone else gave code to one of these functions. None: nobody counts that, so each exchange looks.
given: int | None = None
#: What it was when all got their originals the time before last, and the last time: an event comes before its
#: change, which another thread may make behind the next exchange.
_given: tuple[int | None, int | None] = (None, None)
#: The thread that is swapping code objects now; 0: none is.
swapping_thread = 0


def all_swapped() -> list[Swapped]:
    """Those that still exist."""
    return _existing()[0]


def forget_gone() -> None:
    """Let go of functions that are gone, and of their code."""
    _existing()


def _existing() -> tuple[list[Swapped], list[Any]]:
    """Those that still exist, with their functions. The others are let go, with their code."""
    entries = list(_SWAPPED.values())
    functions: list[Any] = list(map(call, entries))
    if all(functions):
        return entries, functions
    for entry in compress(entries, map(not_, functions)):
        _forget(entry)
    return list(compress(entries, functions)), list(filter(None, functions))


def count_given() -> None:
    """From now on each change of a function's code by anyone else is reported."""
    global given  # noqa: PLW0603
    given = given or 0


def was_given(function: object) -> None:
    """Anyone else is about to give code to a function."""
    global given  # noqa: PLW0603
    if id(function) in _SWAPPED:
        given = (given or 0) + 1


def _forget(entry: Swapped) -> None:
    if _SWAPPED.get(entry.number) is entry:  # another function may have the id by now
        del _SWAPPED[entry.number]
        _IMPORTED.pop(entry.number, None)
        _count(entry, -1)


def remember(function: FunctionType, original: CodeType, instrumented: CodeType, label: int) -> None:
    """Note that a function had instrumented code."""
    after = Swapped(function, original, instrumented, label)
    uncollect(after)
    before = _SWAPPED.get(after.number)
    _SWAPPED[after.number] = after
    uncollect(_SWAPPED)
    _IMPORTED.pop(after.number, None)
    if function.__globals__.get("__name__") != "__main__":
        _IMPORTED[after.number] = after
        uncollect(_IMPORTED)
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
    entries, functions = _existing()
    mine = list(map(eq, map(_label_of, entries), repeat(label)))
    if all(mine):
        _exchange(entries, functions, _original, _instrumented)
        return []
    _exchange(list(compress(entries, mine)), list(compress(functions, mine)), _original, _instrumented)
    return list(compress(entries, map(not_, mine)))


def _exchange(entries: list[Swapped], functions: list[Any], before: _Which, after: _Which) -> None:
    """Give functions that have one code object the other one. Each step is a loop of the interpreter's own."""
    global _given  # noqa: PLW0603
    new: Iterable[CodeType] = map(after, entries)
    known = given is not None and _given == (given, given)
    if after is _original:  # of all there are
        _given = _given[1], given
    if not known:
        have: list[Any] = list(map(getattr, functions, repeat("__code__"), repeat(None)))
        same = list(map(is_, have, map(before, entries)))
        functions, new = list(compress(functions, same)), compress(new, same)
        if given is not None:
            for entry, code in zip(entries, have, strict=True):
                if code is not entry.original and code is not entry.instrumented:
                    _forget(entry)  # the next exchanges will not look
    with swapping():
        deque(map(setattr, functions, repeat("__code__"), new), maxlen=0)


def of_imported() -> list[CodeType]:
    """The originals of functions that belong to modules."""
    return [each.original for each in list(_IMPORTED.values())]


def restore_all() -> None:
    """Give all functions with instrumented code their original."""
    _exchange(*_existing(), _instrumented, _original)


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
