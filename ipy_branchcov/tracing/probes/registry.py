"""The registry of instrumented code objects and their originals."""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from inspect import CO_COROUTINE, CO_NEWLOCALS
from types import CodeType

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.tracer import CodeFilter, Mechanism

__builtins__ = BUILTINS

#: Flags of the code of functions and coroutines; modules and class bodies have neither.
IN_FUNCTIONS = CO_NEWLOCALS | CO_COROUTINE
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
_BY_INSTRUMENTED: dict[int, _Reference] = {}
#: Instrumented code objects by the id of their original, which they keep alive, and the kind that was asked for.
_BY_ORIGINAL: dict[tuple[int, Mechanism], weakref.ref[CodeType]] = {}
#: Those that functions can have.
_OF_FUNCTIONS: dict[int, weakref.ref[CodeType]] = {}
#: The originals of those that other functions make functions of, with the original's id.
_INNER: dict[int, tuple[int, CodeType]] = {}
#: The references to instrumented code that are known: by constants of other code, by what remembers functions.
HOLDERS: Counter[int] = Counter()


def known(code: CodeType) -> Instrumented | None:
    """The entry of an instrumented code object; None for any other."""
    entry = _BY_INSTRUMENTED.get(id(code))
    # While Python exits no finalizer runs, and another code object may get the id of one that is gone.
    return None if entry is None or entry() is not code else entry.instrumented


def fallback(code: CodeType) -> Mechanism:
    """Why a code object is measured without having been instrumented."""
    before = known(code)
    return UNINSTRUMENTED if before is not None and before.kind is UNINSTRUMENTED else Mechanism.LATE


def all_known() -> list[tuple[CodeType, Instrumented]]:
    """The instrumented code objects that still exist."""
    found = [(reference(), reference.instrumented) for reference in list(_BY_INSTRUMENTED.values())]
    return [(code, known) for code, known in found if code is not None]


def code_of(number: int) -> CodeType | None:
    """The instrumented code object of this id, if it still exists."""
    return _BY_INSTRUMENTED[number]() if number in _BY_INSTRUMENTED else None


def of_functions() -> tuple[list[int], list[CodeType]]:
    """The instrumented code objects that functions can have, with their ids."""
    found = _OF_FUNCTIONS.copy()
    codes = [reference() for reference in found.values()]
    if all(codes):
        return list(found), codes  # type: ignore[return-value]
    return [number for number, code in zip(found, codes, strict=True) if code], [code for code in codes if code]


def inner_originals() -> tuple[list[int], list[CodeType]]:
    """The originals that other functions make functions of (comprehensions, functions in functions), with their ids."""
    found = list(_INNER.values())
    return [number for number, _ in found], [code for _, code in found]


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
    reference, key = _Reference(new, _forget), (id(code), kind)
    reference.number = number = id(new)
    reference.key = key
    reference.instrumented = instrumented
    _BY_INSTRUMENTED[number] = _BY_ORIGINAL[key] = reference
    if code.co_flags & IN_FUNCTIONS:
        _OF_FUNCTIONS[number] = reference
        if "<locals>" in code.co_qualname:
            _INNER[number] = id(code), code
    inner = tuple(id(each) for each in constants if isinstance(each, CodeType) and known(each) is not None)
    HOLDERS.update(inner)
    reference.inner = inner
    return new


def _nothing() -> None:
    """Stands for a weak reference whose object is gone."""


class _Reference(weakref.ref[CodeType]):
    """A reference to an instrumented code object. There are thousands: ``weakref.finalize`` would be four objects more.

    ``number``: its id. ``key``: of its original. ``inner``: the ids of the instrumented ones among its constants.
    """

    __slots__ = ("inner", "instrumented", "key", "number")
    number: int
    key: tuple[int, Mechanism]
    inner: tuple[int, ...]
    instrumented: Instrumented


def _forget(reference: weakref.ref[CodeType], is_ending: Callable[[], bool] = sys.is_finalizing) -> None:
    """An instrumented code object is gone. When the interpreter ends, so is this module."""
    if is_ending() or not isinstance(reference, _Reference):
        return
    if _BY_ORIGINAL.get(reference.key) is reference:  # another thread may have made one too
        del _BY_ORIGINAL[reference.key]
    for each in (_BY_INSTRUMENTED, _OF_FUNCTIONS, _INNER, HOLDERS):
        each.pop(reference.number, None)
    for each_inner in reference.inner:
        hold(each_inner, -1)


def hold(number: int, change: int) -> None:
    """Count references to the instrumented code object of this id."""
    if number in _BY_INSTRUMENTED:
        HOLDERS[number] += change
