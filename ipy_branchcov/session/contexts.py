"""Which contexts (tests, cells) covered each edge of a run: all of them, where first hits name one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ipy_branchcov.tracing.tracer import Recording


class Contexts:
    """Collects what tracers return at each turn. Sums it up at the end of the run: hits add up, lines unite."""

    def __init__(self) -> None:
        #: By the id of the code, which its recording keeps alive.
        self._sums: dict[int, Recording] = {}

    def add(self, context: str, recordings: Iterable[Recording]) -> None:
        """``recordings``: what ran in this context alone."""
        for each in recordings:
            total = self._sums.get(id(each.code))
            if total is None:
                total = self._sums[id(each.code)] = replace(each, edges={}, lines=set(), contexts={})
            total.lines |= each.lines
            for edge, count in each.edges.items():
                total.edges[edge] = total.edges.get(edge, 0) + count
                total.contexts.setdefault(edge, set()).add(context)

    def copy(self) -> Contexts:
        """The same until now, to which other things can be added."""
        made = Contexts()
        for key, each in self._sums.items():
            contexts = {edge: names.copy() for edge, names in each.contexts.items()}
            made._sums[key] = replace(each, edges=each.edges.copy(), lines=each.lines.copy(), contexts=contexts)
        return made

    def recordings(self) -> list[Recording]:
        """The sums, with the contexts of each edge."""
        return list(self._sums.values())
