"""Instrument a code object with probes on its edges, and on the lines whose execution no edge probe proves.

Probes that count stay; the others vanish after their first hit.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.bytecode.encode import assemble
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes.cells import added_constants
from ipy_branchcov.tracing.probes.instrument import Counted, edges_of
from ipy_branchcov.tracing.probes.place import ROOM
from ipy_branchcov.tracing.probes.registry import COUNTING
from ipy_branchcov.tracing.py311.lines import LineProbePlacer, Passage
from ipy_branchcov.tracing.py311.one_shot import Notes, Once
from ipy_branchcov.tracing.tracer import Mechanism, Plan

__builtins__ = BUILTINS


@dataclass
class Probed(Counted):
    """``proved``: the lines of each probe. ``passages``: lines without probes of their own, as a passage's fields."""

    once: Once
    proved: tuple[tuple[int, ...], ...]
    passages: tuple[tuple[Any, ...], ...]

    def begin(self) -> None:
        super().begin()
        self.once.begin()

    def hits(self, begun: Mapping[int, int] | None = None) -> dict[int, int]:
        return dict.fromkeys(self.once.passed(), 1) | super().hits(begun)

    def lines(self) -> set[int]:
        """The lines that ran."""
        hits, left = self.hits(), self.once.left()
        lines: set[int] = set()
        for number in hits:
            lines.update(self.proved[number])
        for each in self.passages:
            passage = Passage(*each)
            if passage.proved(hits, left):
                lines.update(passage.lines)
        return lines


def probe(code: CodeType, plan: Plan, constants: tuple[object, ...], kind: Mechanism) -> tuple[CodeType, Probed]:
    """The same code with probes; ``constants``: with its nested code objects probed. Raises Unencodable.

    ``kind``: :attr:`Mechanism.PROBES`, or :data:`COUNTING`.
    """
    placer = LineProbePlacer(plan.bytecode or Bytecode(code), plan, len(constants), counting=kind == COUNTING)
    placer.run()
    counters = {
        i: itertools.count() for i, each in enumerate(placer.probes) if kind == COUNTING and each.edge is not None
    }
    notes = Notes()
    made = [counters.get(number, ~number) for number in range(len(placer.probes))]
    new = assemble(code, placer.items, (*constants, *added_constants(plan), *made, notes))
    new = new.replace(co_stacksize=code.co_stacksize + ROOM)
    writes = tuple(() if number in counters else tuple(placer.writes(number)) for number in range(len(placer.probes)))
    once = Once(notes, new, writes, len(placer.probes) - len(counters))
    proved = tuple(tuple(each.lines) for each in placer.probes)
    return new, Probed(
        code, kind, edges_of(placer.probes), counters, once, proved, tuple(map(tuple, placer.passages()))
    )
