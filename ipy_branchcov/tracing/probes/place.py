"""Place probes on the edges of a code object.

A probe loads a constant iterator and runs a FOR_ITER over it. An exhausted iterator makes FOR_ITER jump behind the
probe.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.bytecode.encode import Item
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes.cells import Cell, added_constants
from ipy_branchcov.tracing.probes.split import Splitter
from ipy_branchcov.tracing.tracer import Edge, Plan

__builtins__ = BUILTINS

#: The instructions behind the FOR_ITER of a probe: they pop the item and the iterator.
_CLEAN_UP = {(3, 11): ("POP_TOP", "POP_TOP"), (3, 12): ("END_FOR",), (3, 13): ("END_FOR", "POP_TOP")}.get(
    sys.version_info[:2], ("END_FOR", "POP_ITER")
)
#: From 3.15 an iterator takes two places on the stack.
_ITERATOR = ("LOAD_CONST",) if sys.version_info < (3, 15) else ("LOAD_CONST", "PUSH_NULL")
_CACHES = {
    each.name: (each.next - each.offset) // 2 - 1
    for each in Bytecode(compile("for _ in (): pass", "", "exec")).instructions
}["FOR_ITER"]
#: The number of places on the stack that a probe needs.
ROOM = 3


@dataclass
class Probe:
    """What a hit of a probe proves: an edge, lines."""

    edge: Edge | None
    lines: set[int] = field(default_factory=set)


class ProbePlacer(Splitter):
    """Puts a probe on each edge that means something.

    ``constants``: the number of constants in the code; those of observations and of the probes follow.
    """

    def __init__(self, bytecode: Bytecode, plan: Plan, constants: int):
        super().__init__(bytecode, plan, constants)
        self.probes: list[Probe] = []
        self._constants = constants + len(added_constants(plan))
        #: The numbers of the probes on the exits of each test.
        self._exits: dict[Item, list[int]] = {}
        self._loops: dict[Item, list[Item]] = {}
        #: The instructions of each probe.
        self._placed: list[list[Item]] = []

    def _arrange(self) -> None:
        super()._arrange()
        for items in self._loops.values():
            loop, clean_up = items[len(_ITERATOR)], items[len(_ITERATOR) + 1]
            # When exhausted, it skips END_FOR and the next instruction; before 3.12 it jumps exactly to its target.
            loop.target = clean_up if clean_up.name == "END_FOR" else self.items[self._places[items[-1]] + 1]

    def _probe(self, meaning: Probe, like: Item) -> list[Item]:
        """Make the instructions of a probe, with the position and the handler of another item."""
        items = [Item(name, position=like.position) for name in (*_ITERATOR, "FOR_ITER", *_CLEAN_UP)]
        loop = items[len(_ITERATOR)]
        items[0].arg = self._constants + len(self.probes)
        loop.caches = _CACHES
        loop.target = items[-1]  # until they are arranged
        self._loops[loop] = items
        for each in items:
            each.row = like.row
        self._placed.append(items)
        self.probes.append(meaning)
        return items

    # --- edges

    def _proof(self, edge: Edge, like: Item) -> list[Item]:
        return self._probe(Probe(edge), like)

    def _proved(self, made: Cell, proofs: Mapping[int, list[Item]]) -> None:
        first = [items[0] for items in proofs.values()]
        test = next((item for item in made.items if item in made.jumps.values()), None)
        if test is not None:
            self._exits[test] = [number for number, items in enumerate(self._placed) if items[0] in first]

    def _probe_fall(self, item: Item, edge: Edge) -> None:
        after = self._following(item)
        self._exits.setdefault(item, []).append(len(self.probes))
        if item.target is not None and after is not None and after.name == "NOT_TAKEN":
            item = after
        items = self._probe(Probe(edge), item)
        self._after.setdefault(item, [])[:0] = items

    def _probe_jump(self, item: Item, edge: Edge) -> None:
        if (last := self._passed(item)) is not None:
            self._probe_fall(last, edge)
        else:
            self._exits.setdefault(item, []).append(len(self.probes))
            items = self._probe(Probe(edge), item)
            self._detour(item, items)
