"""The recorder that guided code calls: distances of conditions, and what was compared with what. One call at a time.

A distance is 0 where an outcome was covered, and below 1 elsewhere: the smaller, the nearer the condition was to it.
Only exact built-in types are measured, so that no code of the user's runs but the comparison itself.
"""

from __future__ import annotations

import datetime
import fractions
import math
import operator
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

Place = tuple[int, int]
_MOST_PAIRS = 96
_FEW, _SOME = 8, 40

_OPERATORS: dict[str, Any] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "Is": operator.is_,
    "IsNot": operator.is_not,
    "In": lambda item, container: item in container,
    "NotIn": lambda item, container: item not in container,
}
_NEGATED = {"NotEq": "Eq", "IsNot": "Is", "NotIn": "In", "GtE": "Lt", "LtE": "Gt"}
#: Of regular expressions: by its letter.
_FLAGS = {"x": re.VERBOSE, "i": re.IGNORECASE, "s": re.DOTALL, "m": re.MULTILINE}


class Recorder:
    """What one call did. ``values``: the branches whose condition is a value, which are not asked for their truth."""

    def __init__(self, values: frozenset[int] = frozenset()):
        self._values = values
        self.distances: dict[Place, float] = {}
        self.pairs: list[tuple[str, Any, Any]] = []
        self._kept: list[Any] = []
        self._last: tuple[Any, float, float] | None = None

    def clear(self) -> None:
        self.distances = {}
        self.pairs = []
        self._kept = []
        self._last = None

    # --- called by guided code

    def test(self, number: int, value: Any) -> Any:
        if number in self._values:
            if value is True or value is False:
                self._note(number, *self._of(value, value))
            else:
                self.hit(number, 2)
            return value
        truth = bool(value)
        self._note(number, *self._of(value, truth))
        return value

    def negate(self, value: Any) -> bool:
        result = not value
        _, true, false = self._last if self._last and self._last[0] is value else (None, *_truth(value, not result))
        self._last = (result, false, true)
        return result

    def compare(self, number: int, name: str, left: Any, right: Any, keeps: bool) -> Any:
        try:
            result = _OPERATORS[name](left, right)
        except BaseException:
            if keeps:
                self._kept.pop()
            raise
        if name not in ("Is", "IsNot"):
            self._pair("in" if name in ("In", "NotIn") else "==", left, right)
        if result is True or result is False:
            true, false = distances(name, left, right, result)
        else:
            true = false = 0.5
        self._last = (result, true, false)
        if keeps and (result is False or (result is not True and not result)):
            self._kept.pop()
        if number >= 0:
            if number in self._values and result is not True and result is not False:
                self.hit(number, 2)
            elif result is True or result is False:
                self._note(number, true, false)
            else:
                self._note(number, *((0.0, 1.0) if result else (1.0, 0.0)))
        return result

    def keep(self, value: Any) -> Any:
        self._kept.append(value)
        return value

    def kept(self) -> Any:
        return self._kept.pop()

    def iterate(self, number: int, iterable: Any) -> Iterator[Any]:
        self._note(number, 0.9, 0.9)
        return _Iterated(self, number, iter(iterable))

    def handler(self, number: int, kinds: Any) -> Any:
        raised = sys.exc_info()[1]
        try:
            matches = isinstance(raised, kinds)
        except TypeError:
            return kinds
        self.hit(number, 0 if matches else 1)
        return kinds

    def method(self, name: str, receiver: Any, /, *arguments: Any, **keywords: Any) -> Any:
        result = getattr(receiver, name)(*arguments, **keywords)
        kind = type(receiver)
        if kind is dict and arguments:
            self._pair("in", arguments[0], receiver)
        elif kind in (str, bytes) and arguments and name in ("startswith", "endswith"):
            wanted = arguments[0] if type(arguments[0]) is tuple else arguments[:1]
            for each in islice(wanted, _FEW):
                self._pair(name, receiver, each)
        elif kind is re.Pattern and arguments:
            self._pair("re", arguments[1 if name == "sub" and len(arguments) > 1 else 0], written(receiver))
        elif receiver is re and len(arguments) > 1:
            text = arguments[2 if name == "sub" and len(arguments) > 2 else 1]
            self._pair("re", text, written(arguments[0]))
        return result

    def item(self, container: Any, key: Any) -> Any:
        if type(container) is dict:
            self._pair("in", key, container)
        return container[key]

    def hit(self, number: int, outcome: int) -> None:
        self.distances[number, outcome] = 0.0

    # --- what it keeps

    def _pair(self, how: str, left: Any, right: Any) -> None:
        if len(self.pairs) < _MOST_PAIRS:
            self.pairs.append((how, left, right))

    def _of(self, value: Any, truth: bool) -> tuple[float, float]:
        if self._last is not None and self._last[0] is value:
            _, true, false = self._last
            return (0.0, max(false, 0.01)) if truth else (max(true, 0.01), 0.0)
        return _truth(value, truth)

    def _note(self, number: int, true: float, false: float) -> None:
        found = self.distances
        for place, distance in (((number, 0), true), ((number, 1), false)):
            if distance < found.get(place, 2.0):
                found[place] = distance


def written(pattern: Any) -> Any:
    """A regular expression as its text, with the flags without which that would read otherwise."""
    if type(pattern) is not re.Pattern or type(pattern.pattern) is not str:
        return getattr(pattern, "pattern", pattern)
    flags = "".join(letter for letter, flag in _FLAGS.items() if pattern.flags & flag)
    return f"(?{flags}){pattern.pattern}" if flags else pattern.pattern


class _Iterated:
    """An iterator that reports its items and its end."""

    __slots__ = ("_iterator", "_number", "_recorder")

    def __init__(self, recorder: Recorder, number: int, iterator: Any):
        self._recorder, self._number, self._iterator = recorder, number, iterator

    def __iter__(self) -> _Iterated:
        return self

    def __next__(self) -> Any:
        try:
            item = next(self._iterator)
        except StopIteration:
            self._recorder.hit(self._number, 1)
            raise
        self._recorder.hit(self._number, 0)
        return item


def _sized(thing: Any) -> bool:
    return type(thing) in (list, tuple, dict, set, frozenset, str, bytes, range)


def _truth(value: Any, truth: bool) -> tuple[float, float]:
    """The distances of a truth that no comparison decided: of a number, a container, anything."""
    if not truth:
        return 0.7, 0.0
    kind = type(value)
    if kind in (int, float):
        return 0.0, _scaled(abs(value))
    return 0.0, _scaled(len(value)) if _sized(value) else 0.7


def _scaled(distance: float) -> float:
    """A distance from 0 on, as a number below 1."""
    if not math.isfinite(distance):
        return 0.99
    return distance / (distance + 1)


def distances(name: str, left: Any, right: Any, result: bool) -> tuple[float, float]:
    """How far a comparison was from being true, and from being false; one of them is 0."""
    positive = _NEGATED.get(name, name)
    holds = result if positive == name else not result
    near = 0.0
    if not holds:
        gap = _gap(positive, left, right)
        near = _scaled(gap + 0.001) if gap is not None else 0.9
        pair = (near, 0.0)
    else:
        away = _leave(positive, left, right)
        pair = (0.0, 0.9 if away is None else _scaled(away))
    return pair if positive == name else (pair[1], pair[0])


def _gap(name: str, left: Any, right: Any) -> float | None:
    """How much is missing for a comparison to hold."""
    if name == "Eq":
        return difference(left, right)
    if name == "In":
        return _nearest(left, right)
    if name in ("Lt", "Gt"):
        one, other = _number(left), _number(right)
        if one is not None and other is not None:
            return abs(one - other) + 1e-3
        return _order(left, right)
    return None


def _leave(name: str, left: Any, right: Any) -> float | None:
    """How much must change for a comparison to hold no more."""
    if name in ("Lt", "Gt"):
        one, other = _number(left), _number(right)
        return None if one is None or other is None else abs(one - other)
    return 1.0 if name == "Eq" else None


def _number(value: Any) -> float | None:
    kind = type(value)
    try:
        if kind in (int, float, bool, Decimal, fractions.Fraction):
            return float(value)
        if kind is datetime.date:
            return float(value.toordinal())
        if kind is datetime.datetime:
            return float(value.toordinal() + (value.hour * 3600 + value.minute * 60 + value.second) / 86400)
        if kind is datetime.time:
            return float(value.hour * 60 + value.minute + value.second / 60)
        if kind is datetime.timedelta:
            return float(value.total_seconds())
    except (OverflowError, ValueError):
        return None
    return None


def difference(left: Any, right: Any, depth: int = 0) -> float | None:
    """How different two objects are; None where that has no measure."""
    one, other = _number(left), _number(right)
    if one is not None and other is not None:
        return abs(one - other)
    kind = type(left)
    if kind is not type(right) or depth > 3:
        return None
    if kind in (str, bytes):
        codes = zip(_codes(left), _codes(right), strict=False)
        return abs(len(left) - len(right)) + sum(_scaled(abs(a - b)) for a, b in islice(codes, _SOME * 4))
    if kind in (list, tuple):
        inner = (difference(a, b, depth + 1) for a, b in zip(left[:_SOME], right[:_SOME], strict=False))
        return abs(len(left) - len(right)) + sum(1.0 if each is None else _scaled(each) for each in inner)
    if kind in (set, frozenset):
        return float(len(left ^ right)) if _plain(left) and _plain(right) else None
    return None


def _plain(items: Any) -> bool:
    return len(items) <= _SOME and all(type(each) in (int, str, bytes, float) for each in items)


def _codes(value: str | bytes) -> list[int]:
    return list(value) if isinstance(value, bytes) else list(map(ord, value))


def _nearest(item: Any, container: Any) -> float | None:
    if type(container) in (str, bytes) and type(item) is type(container):
        return float(len(item))
    if type(container) not in (list, tuple, set, frozenset, dict):
        return None
    found = [difference(item, each) for each in islice(container, _SOME)]
    return min((each for each in found if each is not None), default=None)


def _order(left: Any, right: Any) -> float | None:
    """How far two texts, or two rows of numbers, are from the other order: by their first difference."""
    if type(left) is not type(right) or type(left) not in (str, bytes, list, tuple):
        return None
    for a, b in zip(left, right, strict=False):
        gap = difference(a, b)
        if gap is None:
            return None
        if gap:
            return gap
    return abs(len(left) - len(right)) + 0.1
