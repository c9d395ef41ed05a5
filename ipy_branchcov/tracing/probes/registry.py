"""The registry of instrumented code objects and their originals."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.tracing.tracer import CodeFilter, Mechanism

#: Two kinds of instrumented code: code that counts its edges, and code that could not be instrumented.
COUNTING, UNINSTRUMENTED = Mechanism.COUNTING, Mechanism.UNINSTRUMENTED


@dataclass
class Instrumented:
    """The original of an instrumented code object, and how it was instrumented (``kind``)."""

    original: CodeType
    kind: Mechanism


#: Code and its constants (with nested code instrumented) -> the instrumented code. Raises Unencodable.
Instrumenter = Callable[[CodeType, tuple[object, ...]], tuple[CodeType, Instrumented]]

#: By the id of the instrumented code object. The entry lives as long as that object does.
_BY_INSTRUMENTED: dict[int, tuple[weakref.ref[CodeType], Instrumented]] = {}
#: Instrumented code objects by the id of their original, which they keep alive, and the kind that was asked for.
_BY_ORIGINAL: dict[tuple[int, Mechanism], weakref.ref[CodeType]] = {}


def known(code: CodeType) -> Instrumented | None:
    """The entry of an instrumented code object; None for any other."""
    entry = _BY_INSTRUMENTED.get(id(code))
    # While Python exits no finalizer runs, and another code object may get the id of one that is gone.
    return None if entry is None or entry[0]() is not code else entry[1]


def fallback(code: CodeType) -> Mechanism:
    """Why a code object is measured without having been instrumented."""
    before = known(code)
    return UNINSTRUMENTED if before is not None and before.kind is UNINSTRUMENTED else Mechanism.LATE


def all_known() -> Iterator[tuple[CodeType, Instrumented]]:
    """The instrumented code objects that still exist."""
    for reference, instrumented in list(_BY_INSTRUMENTED.values()):
        if (code := reference()) is not None:
            yield code, instrumented


def instrument(code: CodeType, kind: Mechanism, wanted: CodeFilter, one: Instrumenter) -> CodeType:
    """Instrument a code object and all nested in it, as far as they are wanted and can be."""
    before = known(code)
    if before is not None:
        if before.kind in (kind, UNINSTRUMENTED):
            return code
        code = before.original
    mine = wanted(code)  # outer code first: filters may know nested code by it
    if mine and (made := _BY_ORIGINAL.get((id(code), kind), _nothing)()) is not None:
        return made
    constants = tuple(
        instrument(constant, kind, wanted, one) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    if not mine:
        same = all(new is old for new, old in zip(constants, code.co_consts, strict=True))
        return code if same else code.replace(co_consts=constants)
    try:
        new, instrumented = one(code, constants)
    except Unencodable:
        new, instrumented = code.replace(co_consts=constants), Instrumented(code, UNINSTRUMENTED)
    reference, key = weakref.ref(new), (id(code), kind)
    _BY_INSTRUMENTED[id(new)], _BY_ORIGINAL[key] = (reference, instrumented), reference
    weakref.finalize(new, _forget, id(new), key, reference).atexit = False
    return new


def _nothing() -> None:
    """Stands for a weak reference whose object is gone."""


def _forget(number: int, key: tuple[int, Mechanism], reference: weakref.ref[CodeType]) -> None:
    """An instrumented code object is gone."""
    if _BY_ORIGINAL.get(key) is reference:  # another thread may have made one too
        del _BY_ORIGINAL[key]
    _BY_INSTRUMENTED.pop(number, None)
