"""Calls that Hypothesis generates, where it is installed: by the types of the parameters, or those of what was seen."""

from __future__ import annotations

import datetime
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from inspect import Parameter as Kinds
from typing import Any, NoReturn

from ipy_branchcov.suggest.describe import describe, known
from ipy_branchcov.suggest.messages import send
from ipy_branchcov.suggest.target import Arguments, Parameter, Target
from ipy_branchcov.suggest.values import Items, Made, Omitted, Value
from ipy_branchcov.suggest.wall import Wall

#: So many calls are sent at a time, so many times.
_EACH, _ROUNDS = 100, 60


def generating(target: Target, seeds: Sequence[Arguments], requests: int, answers: int) -> NoReturn:
    """Write lists of calls into a pipe until nobody reads them: the whole of a process."""
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.path.join(os.devnull, "none")  # noqa: PTH118
    with suppress(Exception):
        import hypothesis
        from hypothesis.internal.charmap import charmap

        charmap()  # it tries to store what it has made of it
        wall = Wall(PermissionError)  # Hypothesis goes on where it may not store anything
        wall.build({requests, answers})
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        strategy = strategy_of(target, seeds)
        wall.begin()
        for number in range(_ROUNDS if strategy is not None and hypothesis else 0):
            send(answers, examples(target, strategy, _EACH, number))
    os._exit(0)


def strategy_of(target: Target, seeds: Sequence[Arguments]) -> Any:
    """How tuples of a target's arguments are generated; None where nothing is known of a parameter."""
    from hypothesis import strategies as st

    seen = [[call[at] for call in seeds] for at in range(len(target.parameters))]
    columns = [_strategy(st, each, values) for each, values in zip(target.parameters, seen, strict=True)]
    return None if any(each is None for each in columns) else st.tuples(*columns)


def examples(target: Target, strategy: Any, count: int, number: int) -> list[Arguments]:
    """At most so many calls, by a number that seeds them."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    found: list[Arguments] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(things: tuple[Any, ...]) -> None:
        described = [each if isinstance(each, Omitted) else describe(each, target.names) for each in things]
        if all(isinstance(a, Omitted) or known(a, b) for a, b in zip(things, described, strict=True)):
            found.append(tuple(described))

    with suppress(Exception):  # what could not be generated is only not tried
        collect()
    return found[:count]


def _strategy(st: Any, parameter: Parameter, seen: list[Value]) -> Any:
    """How values of a parameter are generated; None where nothing is known of it."""
    if parameter.kind in (Kinds.VAR_POSITIONAL, Kinds.VAR_KEYWORD):
        kind = tuple if parameter.kind is Kinds.VAR_POSITIONAL else dict
        inner = st.lists(st.from_type(parameter.hint), max_size=4) if parameter.hint and kind is tuple else None
        return st.just(kind()) if inner is None else inner.map(tuple)
    if parameter.hint is not None:
        strategy = st.from_type(parameter.hint)
    else:
        known_ones = [each for each in (_like(st, value) for value in seen) if each is not None]
        if not known_ones:
            return None if parameter.required else st.just(Omitted())
        strategy = st.one_of(*known_ones)
    return strategy if parameter.required else st.one_of(st.just(Omitted()), strategy)


def _like(st: Any, value: Value) -> Any:
    """A strategy for values of the kind of one that was seen."""
    match value:
        case bool():
            return st.booleans()
        case int():
            return st.integers(-200, 200) | st.integers()
        case float():
            return st.floats()
        case str():
            return st.text()
        case bytes():
            return st.binary()
        case None:
            return st.none()
        case Items("dict", items):
            keys = _like(st, items[0].items[0]) if items and isinstance(items[0], Items) else st.text()
            return st.dictionaries(keys or st.text(), st.integers() | st.text())
        case Items(kind, items):
            inner = (_like(st, items[0]) if items else None) or st.integers()
            made: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
            return st.lists(inner, max_size=6).map(made[kind])
        case Made(callee):
            types = {"date": datetime.date, "datetime": datetime.datetime, "timedelta": datetime.timedelta}
            made_of = types.get(callee.rpartition(".")[2])
            return None if made_of is None else st.from_type(made_of)
    return None
