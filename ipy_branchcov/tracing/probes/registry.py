"""The registry of instrumented code objects and their originals."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable
from inspect import CO_COROUTINE, CO_NEWLOCALS
from types import CodeType
from typing import Any, Self

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.bytecode.memory import uncollect
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.tracer import CodeFilter, Mechanism

__builtins__ = BUILTINS

#: Flags of the code of functions and coroutines; modules and class bodies have neither.
IN_FUNCTIONS = CO_NEWLOCALS | CO_COROUTINE
#: Two kinds of instrumented code: code that counts its edges, and code that could not be instrumented.
COUNTING, UNINSTRUMENTED = Mechanism.COUNTING, Mechanism.UNINSTRUMENTED


#: Kinds by their numbers: a member of an enumeration, unlike a number, is an object that the collector looks at.
_KINDS = tuple(Mechanism)
#: The numbers of those that count.
_COUNTING = frozenset(number for number, kind in enumerate(_KINDS) if kind.counting)


class Instrumented(weakref.ref[CodeType]):
    """An instrumented code object: a reference to it that carries its original, and how it was instrumented (``kind``).

    A session has thousands, and each full collection of the user's looks at each object, and at all that it refers to.
    So it is one object with one tuple, of which all parts are plain values: the collector then leaves the tuple out.
    And small objects of ours between those of the user's make collections slower, for they spread over more memory:
    what is needed only of code that ran is packed.

    ``fields``: the original, the number of the kind, and what subclasses add. ``number``: the id of the code.
    """

    __slots__ = ("fields", "number")
    # References to equal code are equal, and cells can have equal code.
    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __ne__ = object.__ne__

    def __new__(cls, code: CodeType, *fields: Any) -> Self:
        return super().__new__(cls, code, _forget)

    def __init__(self, code: CodeType, original: CodeType, kind: Mechanism, *more: Any):
        self.fields: tuple[Any, ...] = (original, _KINDS.index(kind), *more)
        self.number = id(code)

    @property
    def original(self) -> CodeType:
        original: CodeType = self.fields[0]
        return original

    @property
    def kind(self) -> Mechanism:
        kind: Mechanism = _KINDS[self.fields[1]]
        return kind


#: Code and its constants (with nested code instrumented) -> the instrumented code. Raises Unencodable.
Instrumenter = Callable[[CodeType, tuple[object, ...]], tuple[CodeType, Instrumented]]

#: By the id of the instrumented code object. The entry lives as long as that object does.
_BY_INSTRUMENTED: dict[int, Instrumented] = {}
#: The same by the kind that was asked for, and the id of the original, which they keep alive.
_BY_ORIGINAL: dict[Mechanism, dict[int, Instrumented]] = {kind: {} for kind in Mechanism}
#: Those that functions can have.
_OF_FUNCTIONS: dict[int, Instrumented] = {}
#: The originals of those that other functions make functions of, with the original's id.
_INNER: dict[int, tuple[int, CodeType]] = {}
#: The ids of the instrumented code objects among the constants of one, by its id; without those that have none.
_CONSTANTS: dict[int, tuple[int, ...]] = {}
#: The references to instrumented code that are known: by constants of other code, by what remembers functions.
HOLDERS: dict[int, int] = {}
#: With thousands of entries, which no cycle goes through either.
_TABLES = (_BY_INSTRUMENTED, *_BY_ORIGINAL.values(), _OF_FUNCTIONS, _INNER, _CONSTANTS, HOLDERS)


def known(code: CodeType) -> Instrumented | None:
    """The entry of an instrumented code object; None for any other."""
    entry = _BY_INSTRUMENTED.get(id(code))
    # While Python exits no finalizer runs, and another code object may get the id of one that is gone.
    return None if entry is None or entry() is not code else entry


def fallback(code: CodeType) -> Mechanism:
    """Why a code object is measured without having been instrumented."""
    before = known(code)
    return UNINSTRUMENTED if before is not None and before.kind is UNINSTRUMENTED else Mechanism.LATE


def of_kind(kind: Mechanism) -> tuple[list[CodeType], list[Instrumented]]:
    """The code objects that were instrumented so and still exist, with their entries."""
    found = list(_BY_ORIGINAL[kind].copy().values())
    codes = [each() for each in found]
    if all(codes) and Instrumented not in set(map(type, found)):  # what could not be instrumented has that type
        return codes, found  # type: ignore[return-value]
    left = [(code, each) for code, each in zip(codes, found, strict=True) if code and each.kind is kind]
    return [code for code, _ in left], [each for _, each in left]


def counting(entries: Iterable[Instrumented]) -> list[bool]:
    """Whether each of them counts. A run asks this of all that there are."""
    return [each.fields[1] in _COUNTING for each in entries]


def code_of(number: int) -> CodeType | None:
    """The instrumented code object of this id, if it still exists."""
    return _BY_INSTRUMENTED[number]() if number in _BY_INSTRUMENTED else None


def numbers() -> frozenset[int]:
    """The ids of the instrumented code objects."""
    return frozenset(_BY_INSTRUMENTED.copy())


def of_functions() -> tuple[list[int], list[CodeType]]:
    """The instrumented code objects that functions can have, with their ids."""
    found = _OF_FUNCTIONS.copy()
    codes = [reference() for reference in found.values()]
    if all(codes):
        return list(found), codes  # type: ignore[return-value]
    return [number for number, code in zip(found, codes, strict=True) if code], [code for code in codes if code]


def has_inner() -> bool:
    """Whether there are originals that other functions make functions of."""
    return bool(_INNER)


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
    if mine and (again := _BY_ORIGINAL[kind].get(id(code), _nothing)()) is not None:
        return again
    constants = tuple(
        instrument(constant, kind, wanted, one) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    if not mine:
        same = all(new is old for new, old in zip(constants, code.co_consts, strict=True))
        return code if same else code.replace(co_consts=constants)
    try:
        new, made = one(code, constants)
    except Unencodable:
        new = code.replace(co_consts=constants)
        made = Instrumented(new, code, UNINSTRUMENTED)
    uncollect(made)  # code objects and plain values refer to nothing: no cycle goes through it
    number = made.number
    _BY_INSTRUMENTED[number] = _BY_ORIGINAL[kind][id(code)] = made
    if code.co_flags & IN_FUNCTIONS:
        _OF_FUNCTIONS[number] = made
        if "<locals>" in code.co_qualname:
            _INNER[number] = id(code), code
    inner = tuple(id(each) for each in constants if isinstance(each, CodeType) and known(each) is not None)
    if inner:
        for each in inner:
            HOLDERS[each] = HOLDERS.get(each, 0) + 1
        _CONSTANTS[number] = inner
    for table in (_BY_INSTRUMENTED, _BY_ORIGINAL[kind], _OF_FUNCTIONS, _INNER, _CONSTANTS):
        uncollect(table)
    return new


def _nothing() -> None:
    """Stands for a weak reference whose object is gone."""


def _forget(reference: Instrumented, is_ending: Callable[[], bool] = sys.is_finalizing) -> None:
    """An instrumented code object is gone. When the interpreter ends, so is this module."""
    if is_ending():
        return
    key = id(reference.original)
    for of_kind in _BY_ORIGINAL.values():
        if of_kind.get(key) is reference:  # another thread may have made one too
            del of_kind[key]
    for each in (_BY_INSTRUMENTED, _OF_FUNCTIONS, _INNER, HOLDERS):
        each.pop(reference.number, None)
    for each_inner in _CONSTANTS.pop(reference.number, ()):
        hold(each_inner, -1)


def hold(number: int, change: int) -> None:
    """Count references to the instrumented code object of this id."""
    if number in _BY_INSTRUMENTED:
        HOLDERS[number] = HOLDERS.get(number, 0) + change


for _table in _TABLES:
    uncollect(_table)
