"""The functions that had instrumented code, with that code, so that the next run need not assemble it again.

A notebook can have thousands of them, and each run gives all of them other code, twice. So the two loops that do it ask
for nothing that can be known before: which run accepted a function, and which references there are, is noted here.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import NamedTuple

from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.tracer import CodeFilter, Mechanism

__builtins__ = BUILTINS


class Swapped(NamedTuple):
    """A function that had instrumented code. ``label``: see :func:`label`; 0: no run in particular accepted it.

    ``imported``: it belongs to a module, rather than to cells.
    """

    reference: weakref.KeyedRef[int, FunctionType]
    original: CodeType
    instrumented: CodeType
    label: int
    imported: bool


#: By the id of the function.
_SWAPPED: dict[int, Swapped] = {}
#: References to the originals that other functions make functions of, by their ids.
OF_INNER: Counter[int] = Counter()
#: The filter and the kind of the last run, and their number.
_last: tuple[weakref.ref[CodeFilter], Mechanism] | None = None
_label = 0
#: The thread that is swapping code objects now.
_swapping = 0


def all_swapped() -> list[Swapped]:
    """Those that still exist."""
    return list(_SWAPPED.values())


def remember(function: FunctionType, original: CodeType, instrumented: CodeType, label: int) -> None:
    """Note that a function had instrumented code."""
    reference = weakref.KeyedRef(function, _forget, id(function))
    imported = function.__globals__.get("__name__") != "__main__"
    before = _SWAPPED.get(reference.key)
    _SWAPPED[reference.key] = after = Swapped(reference, original, instrumented, label, imported)
    _count(after, 1)
    if before is not None:
        _count(before, -1)


def _forget(reference: weakref.KeyedRef[int, FunctionType]) -> None:
    """A function is gone, and its id may be another one's already."""
    if _count is None:  # the interpreter ends, and has cleared this module
        return
    entry = _SWAPPED.get(reference.key)
    if entry is not None and entry.reference is reference:
        del _SWAPPED[reference.key]
        _count(entry, -1)


def _count(entry: Swapped, change: int) -> None:
    """Count the references by an entry; and that by its function, which has its original between runs."""
    registry.hold(id(entry.instrumented), change)
    if "<locals>" in entry.original.co_qualname:
        OF_INNER[id(entry.original)] += 2 * change
        if not OF_INNER[id(entry.original)]:
            del OF_INNER[id(entry.original)]


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
    others = []
    with swapping():
        for entry in all_swapped():
            reference, original, instrumented, known, _ = entry
            if known != label:
                others.append(entry)
            elif (function := reference()) is not None and function.__code__ is original:
                function.__code__ = instrumented
    return others


def of_imported() -> list[CodeType]:
    """The originals of functions that belong to modules."""
    return [each.original for each in all_swapped() if each.imported]


def restore_all() -> None:
    """Give all functions with instrumented code their original."""
    with swapping():
        for reference, original, instrumented, _, _ in all_swapped():
            if (function := reference()) is not None and function.__code__ is instrumented:
                function.__code__ = original


@contextmanager
def swapping() -> Iterator[None]:
    """Around a change of ``__code__`` that is ours, for the audit hook of 3.11."""
    global _swapping  # noqa: PLW0603
    before, _swapping = _swapping, threading.get_ident()
    try:
        yield
    finally:
        _swapping = before


def is_swapping() -> bool:
    """Whether this thread is inside :func:`swapping`."""
    return _swapping == threading.get_ident()
