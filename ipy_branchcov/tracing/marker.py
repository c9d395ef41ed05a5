"""Puts marks on the edges of a code object.

A mark is a constant iterator and a FOR_ITER over it, which passes behind the mark when it was passed before.
"""

from __future__ import annotations

import dis
import sys
from dataclasses import dataclass, field

from ipy_branchcov.bytecode import FINAL, Bytecode
from ipy_branchcov.tracing.assembly import Item
from ipy_branchcov.tracing.splitting import Splitter
from ipy_branchcov.tracing.tracer import Edge, Plan
from ipy_branchcov.tracing.vanishing import Write

#: What stands behind the FOR_ITER of a mark: it takes the item and the iterator away.
_CLEAN_UP = {(3, 11): ("POP_TOP", "POP_TOP"), (3, 12): ("END_FOR",), (3, 13): ("END_FOR", "POP_TOP")}.get(
    sys.version_info[:2], ("END_FOR", "POP_ITER")
)
#: From 3.15 an iterator has two places on the stack.
_ITERATOR = ("LOAD_CONST",) if sys.version_info < (3, 15) else ("LOAD_CONST", "PUSH_NULL")
_CACHES = {
    each.name: (each.next - each.offset) // 2 - 1
    for each in Bytecode(compile("for _ in (): pass", "", "exec")).instructions
}["FOR_ITER"]


@dataclass
class Mark:
    """What a mark proves: an edge, lines."""

    edge: Edge | None
    lines: set[int] = field(default_factory=set)


def _distance(item: Item, target: Item, *, backward: bool) -> int | None:
    """The argument of a jump from an item to another; None where it has no room."""
    distance = (target.offset - item.offset) // 2 - item.size - item.caches
    distance = -distance if backward else distance
    return distance if 0 <= distance < 256 else None


class Marker(Splitter):
    """Puts a mark on each edge that means something.

    ``constants``: how many the code has; those of the marks follow. ``counting``: every passing of an edge has to be
    seen, not the first alone.
    """

    #: Whether marks are to vanish, for which there has to be a place to jump over them from.
    vanishing = False

    def __init__(self, bytecode: Bytecode, plan: Plan, constants: int, *, counting: bool):
        super().__init__(bytecode, plan)
        self.marks: list[Mark] = []
        self._constants = constants
        self._counting = counting
        #: The numbers of the marks on the ways out of a test.
        self._ways: dict[Item, list[int]] = {}
        #: The first instruction that jumps to an offset.
        self._jumped_from: dict[int, int] = {}
        for i, item in enumerate(self._originals):
            if item.origin is not None and item.origin.target is not None:
                self._jumped_from.setdefault(item.origin.target, i)
        self._loops: dict[Item, list[Item]] = {}
        #: The instructions of each mark, and the jump that leads to it where there is one.
        self._placed: list[list[Item]] = []
        self._jumps: dict[int, Item] = {}

    def _arrange(self) -> None:
        super()._arrange()
        for items in self._loops.values():
            loop, clean_up = items[len(_ITERATOR)], items[len(_ITERATOR) + 1]
            # Where it has nothing more it passes over END_FOR and what follows that; before 3.12 it is sent there.
            loop.target = clean_up if clean_up.name == "END_FOR" else self.items[self._places[items[-1]] + 1]

    def _mark(self, meaning: Mark, like: Item) -> list[Item]:
        """The instructions of a mark, in the place of another item."""
        items = [Item(name, position=like.position) for name in (*_ITERATOR, "FOR_ITER", *_CLEAN_UP)]
        loop = items[len(_ITERATOR)]
        items[0].arg = self._constants + len(self.marks)
        loop.caches = _CACHES
        loop.target = items[-1]  # until they are arranged
        self._loops[loop] = items
        if self.vanishing:  # the interpreter merges no NOP with what stands before it
            items = [Item("NOP", position=like.position), *items]
        for each in items:
            each.row = like.row
        self._placed.append(items)
        self.marks.append(meaning)
        return items

    # --- edges

    def _entries(self) -> dict[Item, int]:
        """Whatever leads to where an edge ends, its mark stands before that."""
        self._arrange()
        return {}

    def _tell_fall(self, item: Item, edge: Edge, entries: dict[Item, int]) -> None:
        if (above := self._above(item)) is not None:
            self._tell_first(item, above, edge)
            return
        after = self._following(item)
        self._ways.setdefault(item, []).append(len(self.marks))
        if item.target is not None and after is not None and after.name == "NOT_TAKEN":
            item = after
        items = self._mark(Mark(edge), item)
        self._after.setdefault(item, [])[:0] = items

    def _above(self, item: Item) -> Item | None:
        """What leads to the head of a loop from above, where only the loop itself leads there otherwise."""
        if self._counting or item.name != "FOR_ITER" or item.origin is None:
            return None
        i = self._index[item]
        above = self._originals[i - 1]
        if above.target is not None or above.name in FINAL or above in self._after:
            return None
        origin = item.origin
        first = min(self._jumped_from.get(place, i) for place in (origin.first, origin.offset))
        return above if first >= i else None

    def _tell_first(self, item: Item, above: Item, edge: Edge) -> None:
        """A loop that goes on has begun: a copy of its head, passed once, tells of its first item, and it of none."""
        first = item.copy()
        self._ways[first] = [*self._ways.get(item, ()), len(self.marks)]
        jump = Item("JUMP_FORWARD", position=item.position, target=self._next(item))
        jump.row = item.row
        self._after[above] = [first, *self._mark(Mark(edge), item), jump]

    def _tell_jump(self, item: Item, edge: Edge, entries: dict[Item, int]) -> None:
        if (last := self._passed(item)) is not None:
            self._tell_fall(last, edge, entries)
        else:
            self._ways.setdefault(item, []).append(len(self.marks))
            items = self._mark(Mark(edge), item)
            self._detour(item, items)
            self._jumps[len(self.marks) - 1] = item

    def writes(self, number: int) -> list[Write]:
        """What makes a mark vanish, once all is laid out."""
        site, last = self._placed[number][0], self._placed[number][-1]
        after = self.items[self._places[last] + 1]
        leads = after.target if after.origin is None and after.name.startswith("JUMP_") else None
        found: list[Write] = []
        if leads is not None and (arg := _distance(site, leads, backward=after.backward)) is not None:
            found.append((site.offset // 2, dis.opmap[after.name], arg))
        elif (arg := _distance(site, after, backward=False)) is not None:
            found.append((site.offset // 2, dis.opmap["JUMP_FORWARD"], arg))
        if number in self._jumps:
            jump = self._jumps[number]
            distance = _distance(jump, leads or after, backward=jump.backward)
            if distance is not None and jump.size == 1:
                found.append((jump.offset // 2, None, distance))
        return found
