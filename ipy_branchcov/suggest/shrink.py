"""Fewest and simplest: which of the calls that were found are enough, and simpler ones that cover the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from inspect import Parameter as Kinds
from itertools import islice
from typing import Any

from ipy_branchcov.suggest.messages import Request
from ipy_branchcov.suggest.mutate import leaves, put
from ipy_branchcov.suggest.record import Place
from ipy_branchcov.suggest.runner import Runner
from ipy_branchcov.suggest.target import Arguments, Target
from ipy_branchcov.suggest.values import OMITTED, Items, Made, Omitted, Value

_BATCH = 24
_MANY = (Kinds.VAR_POSITIONAL, Kinds.VAR_KEYWORD)
#: So many simpler calls are tried for each call that is shown.
_MOST = 600
#: Nor more once so many of them have taken too long.
_LATE = 4


def fewest(
    records: Mapping[Arguments, frozenset[Place]], price: Callable[[Arguments], float]
) -> dict[Arguments, frozenset[Place]]:
    """Calls that cover all that is covered, each with what it adds: first those that cover the most, the cheapest."""
    open_places = frozenset().union(*records.values())
    chosen: dict[Arguments, frozenset[Place]] = {}
    while open_places:
        call = min(records, key=lambda each: (-len(records[each] & open_places), price(each)))
        chosen[call] = records[call] & open_places
        open_places -= records[call]
    return chosen


def shrunk(
    call: Arguments,
    wanted: frozenset[Place],
    target: Target,
    runner: Runner,
    price: Callable[[Arguments], float],
    *,
    exact: bool,
    seconds: float,
    until: float,
) -> Arguments:
    """A simpler call that covers the same places. ``exact``: ask the engine each time; else the guided code.

    ``seconds``: of a call. ``until``: when to stop, of :func:`time.monotonic`.
    """
    tried: set[str] = set()
    count = late = 0
    while time.monotonic() < until and count < _MOST:
        simpler = _fresh(call, target, price, tried)
        better = None
        while better is None and (batch := tuple(islice(simpler, _BATCH))):
            count += len(batch)
            request = Request(batch, seconds=seconds, exact=exact)
            with closing(runner.ask(request)) as answers:
                for each, answer in zip(batch, answers, strict=False):
                    late += answer.late
                    if wanted <= answer.covered and not (answer.refused or answer.late or answer.ends):
                        better = each
                        break
                    if time.monotonic() > until or late > _LATE:
                        return call
            if count > _MOST:
                break
        if better is None:
            return call
        call = better
    return call


def _fresh(
    call: Arguments, target: Target, price: Callable[[Arguments], float], tried: set[str]
) -> Iterator[Arguments]:
    """The simpler calls that were not tried, the cheapest first."""
    limit = price(call)
    for each in sorted(islice(_simpler(call, target), 800), key=price):
        key = target.expression(each)
        if key not in tried and price(each) < limit:
            tried.add(key)
            yield each


def _simpler(call: Arguments, target: Target) -> Iterator[Arguments]:
    for at, parameter in enumerate(target.parameters):
        if not parameter.required and not isinstance(call[at], Omitted) and parameter.kind not in _MANY:
            yield put(call, at, (), OMITTED)
    for at, path, value in leaves(call):
        for new in _smaller(value):
            yield put(call, at, path, new)


def _smaller(value: Value) -> Iterator[Value]:
    match value:
        case bool():
            yield False
        case int():
            sign = -1 if value < 0 else 1
            yield from (
                0,
                1,
                2,
                10,
                100,
                -1,
                abs(value),
                value // 2,
                value - sign,
                value // 10 * 10,
                value // 100 * 100,
            )
            yield from (value // 1000 * 1000, sign * 10 ** max(0, len(str(abs(value))) - 1), value - 10 * sign)
        case float():
            if abs(value) < 1e15:  # false for what is no number
                yield from (float(int(value)), round(value, 1), round(value, 2), float(int(value / 10) * 10))
            yield from (0.0, 1.0, -1.0, 10.0, 0.5)
        case str():
            yield from ("", "a")
            yield from _shorter(value)
            yield from _plainer(value)
        case bytes():
            yield b""
            yield from _shorter(value)
            yield from (value[:at] + b"a" + value[at + 1 :] for at in range(min(len(value), 40)))
        case Items(kind, items):
            yield Items(kind, ())
            yield from (Items(kind, part) for part in _shorter(items))
            yield from (each for each in items if isinstance(each, Items) and each.kind == kind)
        case Made(callee, args, keywords):
            yield from (Made(callee, args, keywords[:at] + keywords[at + 1 :]) for at in range(len(keywords)))
            if not keywords and len(args) > 1:
                yield Made(callee, args[:-1])


def _plainer(text: str) -> Iterator[str]:
    """Texts with one other character."""
    for at, char in enumerate(text[:40]):
        yield from (text[:at] + plain + text[at + 1 :] for plain in "a0 " if char != plain)


def _shorter(value: Any) -> Iterator[Any]:
    """The same without one of its parts: halves, quarters, and so on."""
    size = len(value)
    step = size // 2
    while step:
        yield from (value[:at] + value[at + step :] for at in range(0, size, step))
        step //= 2
