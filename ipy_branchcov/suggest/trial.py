"""The process of trials: calls the function with fresh arguments, under limits, and reports what each call did."""

from __future__ import annotations

import asyncio
import builtins
import gc
import inspect
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any, NoReturn

from ipy_branchcov.suggest.describe import describe, known
from ipy_branchcov.suggest.guide import RECORDER, Guide
from ipy_branchcov.suggest.messages import Answer, Request, receive, send
from ipy_branchcov.suggest.record import Place, Recorder
from ipy_branchcov.suggest.target import Arguments, Target
from ipy_branchcov.suggest.values import Value, build
from ipy_branchcov.suggest.wall import Late, Refused, Wall
from ipy_branchcov.suggest.witness import Witness

#: The most items that are asked of what a call returned.
_ITEMS = 1000
#: So many times its processor time is what a call has by the clock.
CLOCK = 4
#: Seconds between the alarms that follow the first, for code that catches everything.
_AGAIN = 0.02


class Trials:
    """Tries calls of a target. ``requests``, ``answers``: file descriptors of the pipes."""

    def __init__(self, target: Target, guide: Guide, witness: Witness, requests: int, answers: int):
        self._target, self._guide, self._witness = target, guide, witness
        self._requests, self._answers = requests, answers
        self._wall = Wall()
        analysis = witness.analysis
        branches = analysis.decisions.map.branches if analysis else ()
        self._recorder = Recorder(frozenset(number for number, each in enumerate(branches) if each.value))
        self._functions = list(functions_of(target))
        self._originals = [(each, each.__code__) for each in self._functions]
        self._guided = False
        self._armed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> NoReturn:
        """Answer requests until there are none, and end the process."""
        with suppress(EOFError, OSError):
            self._begin()
            while self._answer_all(receive(self._requests)):
                continue
        os._exit(0)

    def _begin(self) -> None:
        with suppress(OSError):
            os.setsid()
        self._wall.build({self._requests, self._answers})
        setattr(builtins, RECORDER, self._recorder)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, self._alarm)
        signal.signal(signal.SIGPROF, self._alarm)
        threading.excepthook = lambda *_: None
        sys.unraisablehook = lambda *_: None

    def _answer_all(self, request: Request) -> bool:
        """Send the answers to a request; returns whether this process can be used again."""
        for answer in self._answered(request):
            send(self._answers, answer)
            if answer.ends:
                return False
        return True

    def _answered(self, request: Request) -> Iterator[Answer]:
        if request.together:
            yield self._together(request)
        else:
            for call in request.calls:
                yield self._exact_call(call, request) if request.exact else self._guided_call(call, request)

    # --- one call

    def _guided_call(self, call: Arguments, request: Request) -> Answer:
        self._use(guided=True)
        recorder = self._recorder
        recorder.clear()
        answer = self._call(call, request.seconds)
        found = recorder.distances
        return replace(
            answer,
            covered=frozenset(place for place, distance in found.items() if distance == 0),
            distances={place: found[place] for place in request.watch if place in found},
            pairs=tuple(self._described(recorder.pairs)),
        )

    def _exact_call(self, call: Arguments, request: Request) -> Answer:
        self._use(guided=False)
        answers: list[Answer] = []
        gc.disable()  # what is not frozen for now must not be collected
        gc.unfreeze()
        try:
            covered = self._witness.outcomes_of(lambda: answers.append(self._call(call, request.seconds)))
        finally:
            gc.freeze()
            gc.enable()
        return replace(answers[0], covered=covered) if answers else Answer(ends=True)

    def _together(self, request: Request) -> Answer:
        """All calls of a request in one run of the engine."""
        self._use(guided=False)
        answers: list[Answer] = []
        gc.disable()
        gc.unfreeze()
        try:
            covered = self._witness.outcomes_of(
                lambda: answers.extend(self._call(call, request.seconds) for call in request.calls)
            )
        finally:
            gc.freeze()
            gc.enable()
        return Answer(covered, ends=any(each.ends for each in answers))

    def _call(self, call: Arguments, seconds: float) -> Answer:
        """Make the arguments and call the function with them. Raises nothing."""
        error, made, late, lazy = "", False, False, False
        threads = threading.active_count()
        begun = time.perf_counter()
        try:
            try:
                self._wall.begin()
                self._arm(seconds)
                for clear in self._target.clear:
                    clear()
                run = self._prepared(call)
                made = True
                lazy = run()
            finally:
                self._disarm()
        except Late:
            late = True
        except Refused:
            pass
        except BaseException as raised:
            error = type(raised).__name__
        self._disarm()
        self._wall.end()
        return Answer(
            error=error,
            made=made,
            late=late,
            lazy=lazy,
            refused=tuple(self._wall.refused),
            ends=threading.active_count() > threads,
            seconds=time.perf_counter() - begun,
        )

    def _prepared(self, call: Arguments) -> Callable[[], bool]:
        """A function that calls the target and runs what it returned; it returns whether that was iterated."""
        target, namespace = self._target, self._target.names.namespace
        receiver, positional, keywords = target.split(call)
        args = [build(each, namespace) for each in positional]
        named = {name: build(each, namespace) for name, each in keywords.items()}
        thing: Any = build(receiver[0], namespace) if receiver else None

        def run() -> bool:
            if receiver:
                called = getattr(thing, target.prefix)
                result = called if target.is_property else called(*args, **named)
            else:
                called = _resolved(target.prefix, namespace)
                result = called(*args, **named)
            return self._finished(result)

        return run

    def _finished(self, result: Any) -> bool:
        if self._target.manager:
            self._entered(result)
            return False
        if inspect.iscoroutine(result):
            self._event_loop().run_until_complete(result)
            return False
        if inspect.isasyncgen(result):
            self._event_loop().run_until_complete(_exhausted(result))
            return True
        if isinstance(result, types.GeneratorType) or type(result).__name__ in _ITERATORS:
            for _ in islice(result, _ITEMS):
                pass
            return True
        return False

    def _entered(self, manager: Any) -> None:
        """Run a context manager around nothing."""
        if hasattr(manager, "__aenter__"):
            self._event_loop().run_until_complete(_around_nothing(manager))
        elif hasattr(manager, "__enter__"):
            with manager:
                pass

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._wall.makes_loop = True
            try:
                self._loop = asyncio.new_event_loop()
            finally:
                self._wall.makes_loop = False
        return self._loop

    # --- limits

    def _arm(self, seconds: float) -> None:
        """Allow a call so many seconds of processor time, and more of the clock's: others may use the processor."""
        self._armed = True
        signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)
        signal.setitimer(signal.ITIMER_REAL, seconds * CLOCK, _AGAIN)

    def _disarm(self) -> None:
        self._armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _alarm(self, number: int, frame: object) -> None:
        if self._armed:
            raise Late

    # --- the two kinds of code

    def _use(self, *, guided: bool) -> None:
        if guided is self._guided:
            return
        self._guided = guided
        for function, original in self._originals:
            code = self._guide.of(original) if guided else original
            if code is not None:
                function.__code__ = code

    def _described(self, pairs: list[tuple[str, Any, Any]]) -> Iterator[tuple[str, Value, Value]]:
        """What was compared, as values. Of a container the first items."""
        names, seen = self._target.names, set()
        for how, left, right in pairs:
            rights = list(islice(right, 12)) or [None] if how == "in" and type(right) in _ITERABLE else [right]
            if how == "in" and type(right) is str:
                rights = [right]
            one = describe(left, names)
            for each in rights:
                other = describe(each, names)
                key = (how, repr(one), repr(other))
                if known(left, one) and known(each, other) and key not in seen and one != other:
                    seen.add(key)
                    yield how, one, other


_ITERABLE = (list, tuple, set, frozenset, dict)
_ITERATORS = frozenset({"chain", "map", "filter", "zip", "islice", "enumerate", "reversed", "starmap", "zip_longest"})


async def _exhausted(result: Any) -> None:
    async for _ in result:
        pass


async def _around_nothing(manager: Any) -> None:
    async with manager:
        pass


def _resolved(dotted: str, namespace: dict[str, Any]) -> Any:
    first, *rest = dotted.split(".")
    thing = namespace[first]
    for part in rest:
        thing = getattr(thing, part)
    return thing


def functions_of(target: Target) -> Iterator[types.FunctionType]:
    """The functions of the target's source that its module has, and the methods of its classes."""
    name, seen = target.function.__code__.co_filename, set()
    stack: list[tuple[Any, int]] = [(target.function, 0)]
    stack += [(each, 0) for each in list(target.function.__globals__.values())]
    while stack:
        thing, depth = stack.pop()
        if id(thing) in seen or depth > 3:
            continue
        seen.add(id(thing))
        if isinstance(thing, types.FunctionType):
            if thing.__code__.co_filename == name:
                yield thing
            inner = [vars(thing).get("__wrapped__"), *map(_content, thing.__closure__ or ())]
            stack += [(each, depth + 1) for each in inner]
        elif isinstance(thing, staticmethod | classmethod):
            stack.append((thing.__func__, depth + 1))
        elif isinstance(thing, property):
            stack += [(each, depth + 1) for each in (thing.fget, thing.fset, thing.fdel)]
        elif isinstance(thing, type) and thing.__module__ == target.function.__module__:
            stack += [(each, depth + 1) for each in list(vars(thing).values())]
        elif type(thing).__name__ in ("_lru_cache_wrapper", "cached_property"):
            stack.append((getattr(thing, "__wrapped__", getattr(thing, "func", None)), depth + 1))


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


__all__ = ["Place", "Trials", "functions_of"]
