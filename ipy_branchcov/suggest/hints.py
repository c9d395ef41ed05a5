"""Types -> values: what an annotation allows, small and simple first."""

from __future__ import annotations

import collections.abc
import datetime
import enum
import fractions
import inspect
import pathlib
import sys
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice, product
from typing import Any

from ipy_branchcov.suggest.describe import Names, describe, known
from ipy_branchcov.suggest.values import Items, Made, Named, Value, pair

_DEEP, _MOST = 3, 24

_SIMPLE: dict[Any, tuple[Value, ...]] = {
    int: (0, 1, -1, 2, 10, 100),
    float: (0.0, 1.0, -1.0, 0.5, float("inf"), float("nan"), 1e10),
    complex: (0j, 1j),
    bool: (False, True),
    str: ("", "a", "A1", " ", "0", "é"),
    bytes: (b"", b"a", b"\x00\xff"),
    bytearray: (Made("bytearray", (b"",)), Made("bytearray", (b"a",))),
    type(None): (None,),
    object: (None, 0, "a", Items("list", ())),
}
#: Texts that functions read something from: numbers, dates (there was no 29 February in 2023), times, addresses, JSON.
_FORMS: tuple[Value, ...] = (
    *("-1", "1.5", "nan", "inf", "2024-02-29", "2023-02-29", "12:30"),
    *("127.0.0.1", "::1", "a@b.co", "http://a.b/c?d=1#e", '{"a": 1}', "[1, 2]"),
)
#: Arguments that make objects of these types.
_MADE: dict[type, tuple[tuple[Value, ...], ...]] = {
    datetime.date: ((2024, 2, 29), (2000, 1, 1), (2023, 12, 31), (2026, 11, 28)),
    datetime.datetime: ((2024, 2, 29, 12, 30), (2000, 1, 1, 0, 0), (2023, 12, 31, 23, 59)),
    datetime.time: ((0, 0), (12, 30), (23, 59)),
    datetime.timedelta: ((0,), (1,), (-1,), (0, 1), (400,)),
    Decimal: (("0",), ("1",), ("-1",), ("0.5",), ("NaN",), ("Infinity",)),
    fractions.Fraction: ((0, 1), (1, 2), (3, 2), (-1, 2), (2, 1)),
    pathlib.PurePath: (("a.txt",), ("/",), ("/a/b.tar.gz",), (".",)),
    pathlib.PurePosixPath: (("a.txt",), ("/",), ("/a/b.tar.gz",), (".",)),
    pathlib.Path: (("a.txt",), ("/",), (".",)),
    range: ((0,), (3,), (5, 1, -1)),
}
#: The same for types of modules that may not be loaded, by their full names.
_MADE_BY_NAME: dict[str, tuple[tuple[Value, ...], ...]] = {
    "uuid.UUID": (("00000000-0000-0000-0000-000000000000",), ("12345678-1234-4234-8234-123456789abc",)),
    "ipaddress.IPv4Address": (("127.0.0.1",), ("8.8.8.8",)),
    "ipaddress.IPv6Address": (("::1",), ("2001:db8::1",)),
    "zoneinfo.ZoneInfo": (("UTC",),),
    "_io.StringIO": (("",), ("a\nb\n",)),
    "_io.BytesIO": ((b"",), (b"a\n",)),
}
#: As lists.
_ARRAYS: tuple[list[Any], ...] = (
    *([1.0, 2.0, 3.0], [], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0, 1], [float("nan"), 1.0], [True, False], [[0]]),
    [["a", "b"]],
)
_ABSTRACT: dict[Any, Any] = {
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
    collections.abc.Iterator: list,
    collections.abc.Container: list,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
    collections.abc.Mapping: dict,
    collections.abc.MutableMapping: dict,
}


def values_of(hint: Any, names: Names, depth: int = 0) -> list[Value]:
    """Values of a type, at most :data:`_MOST`; empty where nothing is known of it."""
    return list(islice(_values(hint, names, depth), _MOST))


def _values(hint: Any, names: Names, depth: int) -> Iterator[Value]:
    if hint is None or hint in (Any, typing.Any):
        yield from _SIMPLE[object]
        return
    if isinstance(hint, typing.TypeVar):
        hint = hint.__bound__ or (hint.__constraints__[0] if hint.__constraints__ else object)
    if isinstance(hint, getattr(typing, "TypeAliasType", ())):
        hint = getattr(hint, "__value__", object)
    if hint in _SIMPLE:
        yield from _SIMPLE[hint]
        if hint is str and depth == 0:
            yield from _FORMS
        return
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        found = [values_of(each, names, depth) for each in inner]
        yield from (each for row in _turns(found) for each in row)
    elif origin is typing.Literal:
        yield from (value for each in inner if known(each, value := describe(each, names)))
    elif origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final):
        yield from _values(inner[0], names, depth)
    elif depth < _DEEP:
        yield from _inner(_ABSTRACT.get(origin or hint, origin or hint), inner, hint, names, depth)


def _inner(kind: Any, inner: tuple[Any, ...], hint: Any, names: Names, depth: int) -> Iterator[Value]:
    if kind in (list, set, frozenset):
        items = values_of(inner[0] if inner else object, names, depth + 1)
        yield from _containers(kind.__name__, items)
    elif kind is tuple:
        if (len(inner) == 2 and inner[1] is Ellipsis) or hint is tuple:
            yield from _containers("tuple", values_of(inner[0] if inner else object, names, depth + 1))
        else:
            columns = [values_of(each, names, depth + 1) for each in inner]
            yield from (Items("tuple", tuple(row)) for row in rows(columns))
    elif kind is dict:
        keys = values_of(inner[0] if inner else str, names, depth + 1)
        of = values_of(inner[1] if inner else object, names, depth + 1)
        yield Items("dict", ())
        yield from (Items("dict", (pair(a, b),)) for a, b in islice(product(keys, of), 8))
    elif kind is collections.abc.Callable:
        yield from (Named(f"lambda *{each}") for each in ("_: True", "_: False", "_: None", "given: given[0]"))
    elif typing.is_typeddict(hint):
        yield from _typed_dict(hint, names, depth)
    elif isinstance(kind, type):
        yield from _of_class(kind, names, depth)


def _containers(kind: str, items: list[Value]) -> Iterator[Value]:
    yield Items(kind, ())
    yield from (Items(kind, (each,)) for each in items[:8])
    yield from (Items(kind, (items[i], items[-1 - i])) for i in range(min(4, len(items))))
    yield Items(kind, tuple(items[:3]))


def _turns(columns: list[list[Value]]) -> Iterator[list[Value]]:
    """The first of each column, then the second, and so on."""
    for row in range(max(map(len, columns), default=0)):
        yield [each[row] for each in columns if row < len(each)]


def rows(columns: list[list[Value]], *, each: int = 4, most: int = 40) -> Iterator[tuple[Value, ...]]:
    """Rows with a value of each column: the first of each, then each column changed alone, then some of all together.

    ``each``: values of each column in these; ``most``: how many these are.
    """
    if not all(columns):
        return
    first = tuple(column[0] for column in columns)
    yield first
    for at, column in enumerate(columns):
        yield from ((*first[:at], value, *first[at + 1 :]) for value in column[1:])
    yield from islice(product(*(column[:each] for column in columns)), most)


def _typed_dict(hint: Any, names: Names, depth: int) -> Iterator[Value]:
    fields = _hints(hint)
    if not fields:
        return
    columns = [values_of(each, names, depth + 1) for each in fields.values()]
    whole = [pair(name, column[0]) for name, column in zip(fields, columns, strict=True) if column]
    yield Items("dict", ())
    yield Items("dict", tuple(whole))
    yield from (Items("dict", (each,)) for each in whole)
    for row in rows(columns):
        yield Items("dict", tuple(pair(name, each) for name, each in zip(fields, row, strict=True)))


def _of_class(kind: type, names: Names, depth: int) -> Iterator[Value]:
    if f"{kind.__module__}.{kind.__qualname__}" == "numpy.ndarray":
        yield from arrays(names)
        return
    callee = names.of(kind)
    if callee is None:
        return
    if issubclass(kind, enum.Enum):
        yield from (Named(f"{callee}.{name}") for name in kind.__members__)
        if issubclass(kind, enum.Flag):
            members = list(kind.__members__)
            yield from (Named(f"{callee}.{a} | {callee}.{b}") for i, a in enumerate(members) for b in members[i + 1 :])
            yield Made(callee, (0,))
            yield Named(" | ".join(f"{callee}.{name}" for name in members))
        return
    made = _MADE.get(kind) or _MADE_BY_NAME.get(f"{kind.__module__}.{kind.__qualname__}")
    if made is not None:
        yield from (Made(callee, args) for args in made)
        if kind in (datetime.datetime, datetime.time) and (zone := names.of(datetime.timezone)) is not None:
            yield Made(callee, made[-1], (("tzinfo", Named(f"{zone}.utc")),))
        return
    if inspect.isabstract(kind):
        found = [values_of(each, names, depth) for each in kind.__subclasses__()]
        yield from (each for row in _turns(found) for each in row)
        return
    columns = _columns(kind, names, depth)
    keywords = [name for name, _ in columns if name]
    for row in rows([column for _, column in columns]):
        count = len(row) - len(keywords)
        yield Made(callee, row[:count], tuple(zip(keywords, row[count:], strict=True)))


def arrays(names: Names) -> Iterator[Value]:
    """Small arrays of numpy's, where it is loaded."""
    callee = names.of(getattr(sys.modules.get("numpy"), "array", None))
    if callee is not None:
        yield from (Made(callee, (describe(each, names),)) for each in _ARRAYS)


def _columns(kind: type, names: Names, depth: int) -> list[tuple[str, list[Value]]]:
    """The values of each required argument of a class, and of those with a default of whose type values are known.

    With each its name where it is given by keyword alone; these come last.
    """
    try:
        parameters = list(inspect.signature(kind).parameters.values())
    except Exception:  # a signature can be anything
        return []
    hints: dict[str, Any] = {
        each.name: object if each.default is None else type(each.default)
        for each in parameters
        if each.default is not each.empty
    }
    hints |= {**_hints(kind), **_hints(_maker(kind))}
    positional: list[tuple[str, list[Value]]] = []
    keywords: list[tuple[str, list[Value]]] = []
    gap = False
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            continue
        column = values_of(hints.get(each.name, object), names, depth + 1)
        if each.default is not each.empty and not column:
            gap = True  # those behind it have defaults too, and cannot be given by their place
            continue
        if each.kind is each.KEYWORD_ONLY:
            keywords.append((each.name, column))
        elif not gap:
            positional.append(("", column))
    return positional + keywords


def _maker(kind: type) -> Any:
    """The function whose arguments make an object of a class, where the class has its own."""
    made = kind.__dict__.get("__init__") or kind.__dict__.get("__new__")
    return made.__func__ if isinstance(made, staticmethod) else made


def _hints(thing: Any) -> dict[str, Any]:
    """The types that annotations name; none where one of them names nothing."""
    try:
        return typing.get_type_hints(thing) if thing else {}
    except Exception:  # an annotation can be anything
        return {}
