"""Instrument a code object with probes that count the hits of its edges, exactly, with several threads too."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from marshal import dumps, loads
from types import CodeType
from typing import TYPE_CHECKING, Any

from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.probes.registry import COUNTING, Instrumented
from ipy_branchcov.tracing.tracer import Edge, Mechanism, Plan

if TYPE_CHECKING:
    from ipy_branchcov.tracing.probes.place import Probe

__builtins__ = BUILTINS


class Counter(itertools.count):  # type: ignore[type-arg]
    """What a probe counts with. Programs pickle the constants of code: elsewhere a plain counter does.

    From 3.14 on ``itertools.count`` cannot be pickled, and 3.12 and 3.13 warn of that.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[object, ...]:
        return itertools.count, ()


class Counted(Instrumented):
    """A code object with probes, which are among its constants.

    ``proofs``: the edge of each probe. ``counters``: by the number of the probe. ``more``: plain values of subclasses.
    """

    __slots__ = ("_begun",)

    def __init__(
        self,
        code: CodeType,
        original: CodeType,
        kind: Mechanism,
        proofs: tuple[tuple[Any, ...] | None, ...],
        counters: Mapping[int, Counter],
        *more: Any,
    ):
        super().__init__(code, original, kind, dumps((proofs, *more)), tuple(counters.items()))
        #: The counts when a run began; None: all were 0.
        self._begun: dict[int, int] | None = None

    @property
    def plain(self) -> tuple[Any, ...]:
        """What is packed."""
        plain: tuple[Any, ...] = loads(self.fields[2])
        return plain

    @property
    def proofs(self) -> tuple[tuple[Any, ...] | None, ...]:
        proofs: tuple[tuple[Any, ...] | None, ...] = self.plain[0]
        return proofs

    @property
    def counters(self) -> tuple[tuple[int, Counter], ...]:
        counters: tuple[tuple[int, Counter], ...] = self.fields[3]
        return counters

    def counts(self) -> dict[int, int]:
        """How often each probe was hit until now."""
        return {number: _count(counter) for number, counter in self.counters}

    def begin(self) -> None:
        """Begin a run: forget earlier hits."""
        self._begun = self.counts() or None

    def hits(self, begun: Mapping[int, int] | None = None) -> dict[int, int]:
        """The hits of each probe since :meth:`begin`, or since it had these counts; without zeros."""
        begun = (self._begun or {}) if begun is None else begun
        found = {number: count - begun.get(number, 0) for number, count in self.counts().items()}
        return {number: passed for number, passed in found.items() if passed}

    def edges(self, begun: Mapping[int, int] | None = None) -> dict[Edge, int]:
        """The edges that were covered since then, with their counts."""
        edges: dict[Edge, int] = {}
        proofs = self.proofs
        for number, count in self.hits(begun).items():
            if (proof := proofs[number]) is not None:
                edge = Edge(*proof)
                edges[edge] = edges.get(edge, 0) + count
        return edges


def edges_of(probes: Iterable[Probe]) -> tuple[tuple[Any, ...] | None, ...]:
    """The edges of probes, as :class:`Counted` holds them."""
    return tuple(None if probe.edge is None else tuple(probe.edge) for probe in probes)


def _count(counter: Counter) -> int:
    return int(repr(counter)[len("Counter(") : -1])


def copied(code: CodeType, kind: Mechanism) -> Counted | None:
    """The entry of the code of which this one is a copy (``code.replace()``), with the same counters; None: of none.

    What such a copy does is among the counts of the code it was made of. ``kind``: how that was instrumented.
    """
    shared = {id(each) for each in code.co_consts if type(each) is Counter}
    if not shared:
        return None
    for entry in registry.of_kind(kind)[1]:
        if isinstance(entry, Counted) and any(id(each) in shared for _, each in entry.counters):
            return entry
    return None


def renewed(constants: Iterable[object]) -> tuple[object, ...]:
    """Constants of code that is going to be instrumented; where it is a copy, with counters that no other code has."""
    return tuple(Counter() if type(each) is Counter else each for each in constants)


def count_edges(
    code: CodeType, plan: Plan, constants: tuple[object, ...], kind: Mechanism = COUNTING
) -> tuple[CodeType, Counted]:
    """The same code with probes that count; ``constants``: with its nested code objects probed. Raises Unencodable."""
    # Imported here because most runs on 3.12 and later do not count; the extension loads faster without.
    from ipy_branchcov.bytecode.encode import assemble
    from ipy_branchcov.tracing.probes.cells import added_constants
    from ipy_branchcov.tracing.probes.place import ROOM, ProbePlacer

    placer = ProbePlacer(plan.bytecode or Bytecode(code), plan, len(constants))
    placer.run()
    counters = {number: Counter() for number in range(len(placer.probes))}
    new = assemble(code, placer.items, (*renewed(constants), *added_constants(plan), *counters.values()))
    new = new.replace(co_stacksize=code.co_stacksize + ROOM)
    return new, Counted(new, code, kind, edges_of(placer.probes), counters)
