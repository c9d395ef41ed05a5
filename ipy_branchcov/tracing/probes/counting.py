"""The code of a run with probes that count, and its counts when it first ran."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType
from typing import TYPE_CHECKING

from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.tracer import Edge, Mechanism, Plan, Recording

if TYPE_CHECKING:
    from ipy_branchcov.tracing.probes.instrument import Counted

__builtins__ = BUILTINS


class CountingCode:
    """What ran of the code that counts. It is kept until its counts are read."""

    def __init__(self, kind: Mechanism):
        """``kind``: how the code was instrumented."""
        self._kind = kind
        #: By the id of the code.
        self._ran: dict[int, tuple[CodeType, Counted, dict[int, int]]] = {}

    def add(self, code: CodeType, counted: Counted) -> None:
        """Code starts: from now on what it counts belongs to the run. Another thread may have come first."""
        self._ran.setdefault(id(code), (code, counted, counted.counts()))

    def copied(self, code: CodeType) -> tuple[CodeType, CodeType] | None:
        """The code that this one, which starts, is a copy of, with its original: both have the same counters.

        None: it is no such copy.
        """
        if not self._kind.counting:
            return None
        from ipy_branchcov.tracing.probes.instrument import copied  # not imported where nothing is counted

        counted = copied(code, self._kind)
        if counted is None or (first := counted()) is None:
            return None
        self.add(first, counted)
        return first, counted.original

    def forked(self) -> None:
        """Begin anew: what was counted is another process's."""
        self._ran = {key: (code, each, each.counts()) for key, (code, each, _) in self._ran.items()}

    def turn(self) -> Iterator[Recording]:
        """What was counted since the last turn."""
        for key, (code, counted, begun) in list(self._ran.items()):
            if (now := counted.counts()) != begun:
                self._ran[key] = code, counted, now
                yield Recording(counted.original, counted.kind, Plan(), counted.edges(begun))

    def edges(self) -> Iterator[tuple[CodeType, CodeType, dict[Edge, int]]]:
        """Of each: the code, its original, and what was counted since the last turn."""
        for code, counted, begun in list(self._ran.values()):
            yield code, counted.original, counted.edges(begun)

    def noted(self) -> int:
        """The sum of all counts."""
        return sum(sum(counted.counts().values()) for _, counted, _ in list(self._ran.values()))

    def clear(self) -> None:
        self._ran = {}
