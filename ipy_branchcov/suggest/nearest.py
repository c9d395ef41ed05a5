"""Of each outcome that is looked for, the call that came nearest to it, by the distances that guided code reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.suggest.guide import needs
from ipy_branchcov.suggest.messages import Answer
from ipy_branchcov.suggest.mutate import Pair
from ipy_branchcov.suggest.record import Place
from ipy_branchcov.suggest.target import Arguments

#: Kinds of branches whose outcomes the guided code does not see: the engine is asked now and then.
UNSEEN = frozenset({"pattern", "with", "async-with", "async-for", "async-comp-for", "except*"})


@dataclass
class Best:
    """The call that came nearest to a place. ``fitness``: how far it was."""

    fitness: float = float("inf")
    call: Arguments = ()
    pairs: tuple[Pair, ...] = ()
    #: Whether all its neighbours were tried.
    exhausted: bool = False


class Nearest:
    """The nearest call of each place. ``price``: of two that came as near, the cheaper one stays.

    ``watch``: the places whose distances are asked for. ``unseen``: those missed that the guide does not see.
    """

    def __init__(self, decisions: Decisions, missed: frozenset[Place], price: Callable[[Arguments], float]):
        self._price = price
        self._best = {place: Best() for place in missed}
        self._needs = {place: needs(decisions, place[0]) for place in missed}
        self.watch = missed | {each for row in self._needs.values() for each in row}
        branches = decisions.map.branches
        self.unseen = frozenset(
            place
            for place in missed
            if any(branches[number].kind in UNSEEN for number, _ in (place, *self._needs[place]))
        )

    def of(self, place: Place) -> Best:
        """The nearest call of a place."""
        return self._best[place]

    def ordered(self, places: Iterable[Place]) -> list[Place]:
        """Places, those first to which some call came the nearest."""
        return sorted(places, key=lambda each: self._best[each].fitness)

    def calls(self, places: Iterable[Place]) -> list[Arguments]:
        """The nearest calls of places."""
        wanted = set(places)
        return [best.call for place, best in self._best.items() if place in wanted and best.call]

    def learn(self, call: Arguments, answer: Answer, places: Iterable[Place]) -> None:
        """Take up a call where it came nearer to one of the places than all before."""
        for place in places:
            fitness, best = self._fitness(place, answer.distances), self._best[place]
            if fitness < best.fitness or (fitness == best.fitness and self._price(call) < self._price(best.call)):
                exhausted = best.exhausted and fitness == best.fitness
                self._best[place] = Best(fitness, call, answer.pairs, exhausted)

    def _fitness(self, place: Place, distances: dict[Place, float]) -> float:
        """0 where a place was covered; a whole number more for each outcome that leads to it and was not covered."""
        chain = self._needs[place]
        for at, need in enumerate(chain):
            distance = distances.get(need, 1.0)
            if distance > 0:
                return len(chain) - at + distance
        return distances.get(place, 1.0)
