"""The search: which calls to try next, by what the former ones did. It runs nothing of the user's itself.

A call is known by its text and tried once. What guided code says of it leads the search; that it covers something is
believed only when the engine has seen it, on the function's own code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice, product
from random import Random
from typing import Protocol

from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.suggest.hints import rows
from ipy_branchcov.suggest.messages import Answer, Request
from ipy_branchcov.suggest.mutate import compared, mutated, near, put, substituted
from ipy_branchcov.suggest.nearest import Nearest
from ipy_branchcov.suggest.neighbours import neighbours
from ipy_branchcov.suggest.pools import Pool, kind_of
from ipy_branchcov.suggest.record import Place
from ipy_branchcov.suggest.runner import Runner
from ipy_branchcov.suggest.target import Arguments, Target
from ipy_branchcov.suggest.values import Omitted, Value, cost

_BATCH = 48
#: So many calls are tried before the engine is asked for what the guide does not see.
_TOGETHER = 240
#: A place is believed no more after so many calls that did not cover it under the engine.
_DOUBTS = 6
#: After so many calls that took too long, calls have less time: at least so many seconds.
_LATE, _SHORTEST = 2, 0.03
#: Seconds that a call has more under the engine, which analyses code when it first runs.
ANALYSIS = 1.0
#: What a call costs beyond its arguments where one is of a kind that was not seen and is not the parameter's type.
_ODD = 12.0


class Generator(Protocol):
    """Makes calls in a process of its own, beside the search."""

    def start(self) -> None: ...

    def take(self) -> list[Arguments]:
        """The calls that are ready now."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Limits:
    """``seconds`` and ``calls`` of a search in all; ``call``: seconds of each call."""

    seconds: float = 10.0
    calls: int = 100_000
    call: float = 0.1


@dataclass
class Search:
    """Looks for calls that cover ``missed``. ``extra``: of each parameter, values by its type.

    ``progress``: called now and then with the number of calls and of places found.
    """

    target: Target
    decisions: Decisions
    missed: frozenset[Place]
    runner: Runner
    generating: Sequence[Generator]
    seeds: list[Arguments]
    pool: Pool
    extra: list[list[Value]]
    limits: Limits = field(default_factory=Limits)
    progress: Callable[[int, int], None] = lambda calls, found: None
    random: Random = field(default_factory=lambda: Random(0))
    #: By call that was seen to cover something by the engine: what, of what was missed.
    records: dict[Arguments, frozenset[Place]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.open = set(self.missed)
        self._began = time.monotonic()
        self._tried: set[str] = set()
        self._covered: set[Place] = set()
        self._corpus: list[Arguments] = []
        self._nearest = Nearest(self.decisions, self.missed, self.odd)
        self.unseen = self._nearest.unseen
        #: Calls of which all parts were changed.
        self._done: set[Arguments] = set()
        #: Seconds of the slowest call that ended by itself.
        self._slowest = 0.0
        self._doubts: dict[Place, int] = {}
        #: By call: what the guide says that it covered, of what is open.
        self._claims: dict[Arguments, set[Place]] = {}
        self._unasked: list[Arguments] = []
        self.call_seconds = self.limits.call
        self._kinds = [
            {kind_of(each) for each in column} | {kind_of(seed[at]) for seed in self.seeds}
            for at, column in enumerate(self.extra)
        ]

    # --- the whole

    def run(self) -> None:
        """Search until all is found or a limit is reached. KeyboardInterrupt passes through; the records stay."""
        for phase in (self._first, self._literals, self._generated, self._pairs, self._guided):
            if self._over():
                return
            phase()
            self._ask_engine()

    def _over(self) -> bool:
        spent = time.monotonic() - self._began
        return not self.open or spent > self.limits.seconds or self.runner.calls >= self.limits.calls

    @property
    def seconds_left(self) -> float:
        return self.limits.seconds - (time.monotonic() - self._began)

    def odd(self, call: Arguments) -> float:
        """What a call costs: that of its arguments, and more for those of an odd kind."""
        extra = sum(_ODD for value, kinds in zip(call, self._kinds, strict=True) if kind_of(value) not in kinds)
        return sum(map(cost, call)) + extra

    # --- trying

    def _try(self, calls: Iterable[Arguments]) -> None:
        """Try calls that were not tried yet, in batches, until a limit is reached."""
        fresh = self._fresh(calls)
        while batch := tuple(islice(fresh, _BATCH)):
            request = Request(batch, self._nearest.watch, self.call_seconds)
            with closing(self.runner.ask(request)) as answers:
                for call, answer in zip(batch, answers, strict=False):
                    self._learn(call, answer)
                    if answer.late and (self._over() or self._hurry()):
                        break  # those behind it are tried again, with less time
            self._tried -= {self.target.expression(each) for each in batch[batch.index(call) + 1 :]}
            self._verify(batch)
            self.progress(self.runner.calls, len(self.missed) - len(self.open))
            if self._over():
                return

    def _hurry(self) -> bool:
        """Give calls less time where some never end; returns whether the limit has changed."""
        before = self.call_seconds
        if self.runner.late >= _LATE:
            self.call_seconds = min(before, max(_SHORTEST, 5 * self._slowest))
        return self.call_seconds < before

    def _fresh(self, calls: Iterable[Arguments]) -> Iterator[Arguments]:
        for call in calls:
            key = self.target.expression(call)
            if key not in self._tried:
                self._tried.add(key)
                yield call

    def _learn(self, call: Arguments, answer: Answer) -> None:
        if answer.refused or not answer.made or answer.ends:
            return
        if self.unseen & self.open and not answer.late:
            self._unasked.append(call)
        if answer.late:
            return
        self._slowest = max(self._slowest, answer.seconds)
        if not answer.covered <= self._covered:
            self._covered |= answer.covered
            self._corpus.append(call)
        claimed = self.open & answer.covered
        if claimed:
            self._claims[call] = claimed
        self._nearest.learn(call, answer, self.open)

    def _verify(self, batch: tuple[Arguments, ...]) -> None:
        """Ask the engine for the calls of a batch that claim to cover something, the cheapest first."""
        claims, self._claims = self._claims, {}
        for call in sorted(claims, key=self.odd):
            wanted = {place for place in claims[call] & self.open if self._doubts.get(place, 0) < _DOUBTS}
            if wanted:
                covered = self.exact(call)
                for place in wanted - covered:
                    self._doubts[place] = self._doubts.get(place, 0) + 1
        if len(self._unasked) >= _TOGETHER:
            self._ask_engine()

    def exact(self, call: Arguments) -> frozenset[Place]:
        """What the engine sees a call cover, of what was missed; it is noted."""
        for answer in self.runner.ask(Request((call,), seconds=self.call_seconds + ANALYSIS, exact=True)):
            covered = answer.covered & self.missed
            if covered and not answer.refused and not answer.late and not answer.ends:
                self.records[call] = covered
                self.open -= covered
            return covered
        return frozenset()

    def alone(self, call: Arguments, seconds: float) -> Answer:
        """What a call does in a process in which no other call ran before."""
        self.runner.close()
        for answer in self.runner.ask(Request((call,), seconds=seconds, exact=True)):
            good = not (answer.refused or answer.late or answer.ends)
            return answer if good else Answer(made=False)
        return Answer(made=False)

    def _ask_engine(self) -> None:
        """Ask the engine for the calls of which the guide could not see everything: all at once, then by halves."""
        waiting, self._unasked = self._unasked, []
        if self.unseen & self.open and waiting:
            self._halves(waiting)

    def _halves(self, calls: list[Arguments]) -> None:
        if not self.unseen & self.open or self.seconds_left < -1:
            return
        if len(calls) == 1:
            self.exact(calls[0])
            return
        request = Request(tuple(calls), seconds=self.call_seconds + ANALYSIS, together=True)
        for answer in self.runner.ask(request):
            if answer.covered & self.open or answer.ends:
                half = len(calls) // 2
                self._halves(calls[:half])
                self._halves(calls[half:])

    # --- phases

    def _first(self) -> None:
        """What was seen; where nothing was, what the types allow."""
        self.call_seconds = max(self.limits.call, 1.0)
        self._try(self.seeds[:20])
        self.call_seconds = min(self.call_seconds, max(self.limits.call, 5 * self._slowest))
        if not self.seeds:
            self._try(_spread(self.extra))

    def _bases(self, most: int) -> list[Arguments]:
        known = [*self.seeds, *self._corpus] or list(_spread(self.extra))
        return list(dict.fromkeys(known))[:most]

    def _literals(self) -> None:
        """One part changed at a time, in what was seen and in what covered something new since."""
        while not self._over():
            base = next((each for each in self._bases(8) if each not in self._done), None)
            if base is None and self._corpus and self._corpus[-1] not in self._done:
                base = self._corpus[-1]
            if base is None:
                return
            self._done.add(base)
            self._try(islice(substituted(base, self.pool, self.extra), 1500))
            for place in list(self.open):
                if (best := self._nearest.of(place)).pairs and not self._over():
                    self._try(islice(compared(best.call, best.pairs, self.random), 400))

    def _generated(self) -> None:
        """What others have made until now: Hypothesis, CrossHair."""
        for each in self.generating:
            self._try(each.take())

    def _pairs(self) -> None:
        """Two arguments changed at a time."""
        for base in self._bases(3):
            columns = [[value, *islice(self._likely(value, at), 14)] for at, value in enumerate(base)]
            for one in range(len(base)):
                for other in range(one + 1, len(base)):
                    rows = product(columns[one], columns[other])
                    self._try(put(put(base, one, (), a), other, (), b) for a, b in islice(rows, 225))
                    if self._over():
                        return

    def _likely(self, value: Value, at: int) -> Iterator[Value]:
        yield from self.extra[at][:6]
        yield from self.pool.of(kind_of(value))[:10]
        if not isinstance(value, Omitted):
            yield from near(value, self.pool)

    def _guided(self) -> None:
        """Climb toward one place after another; between them, changes by chance."""
        turn = 0
        while not self._over():
            for place in self._nearest.ordered(self.open):
                if self._over():
                    return
                if place in self.open and not self._nearest.of(place).exhausted:
                    self._climb(place)
            self._try(self._chances(3 * _BATCH))
            self._literals()
            turn += 1
            if turn % 10 == 0:
                self._ask_engine()
            self._generated()

    def _chances(self, count: int) -> Iterator[Arguments]:
        bases = [*self._nearest.calls(self.open), *self._corpus[-12:], *self._corpus[:6], *self.seeds[:4]]
        bases = bases or list(_spread(self.extra))
        for _ in range(count if bases else 0):
            yield mutated(self.random.choice(bases), self.pool, self.extra, bases, self.random)

    def _climb(self, place: Place) -> None:
        """Try the neighbours of the nearest call, and go on from a nearer one, until none is nearer."""
        for _ in range(200):
            best = self._nearest.of(place)
            if not best.call:
                best.exhausted = True
            if best.exhausted or place not in self.open or self._over():
                return
            for batch in chain(neighbours(best, self.pool, self.random), [self._chances(_BATCH)]):
                self._try(batch)
                if place not in self.open or self._over():
                    return
                if self._nearest.of(place).fitness < best.fitness:
                    break
            else:
                self._nearest.of(place).exhausted = True


def _spread(extra: list[list[Value]]) -> Iterator[Arguments]:
    """Calls by types alone."""
    return rows(extra, each=6, most=300)
