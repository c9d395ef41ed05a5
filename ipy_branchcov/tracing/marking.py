"""Rewrite a code object so that its edges, and the lines that no edge tells, leave marks.

A mark is a constant iterator and a FOR_ITER over it. One that counts tells how often it was passed, exactly, also by
several threads; others vanish when they were passed.
"""

from __future__ import annotations

import dis
import itertools
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from types import CodeType

from ipy_branchcov.bytecode import FINAL, Bytecode
from ipy_branchcov.tracing.assembly import Item, assemble
from ipy_branchcov.tracing.prepared import Rewritten, all_known
from ipy_branchcov.tracing.splitting import Splitter
from ipy_branchcov.tracing.tracer import Edge, Plan
from ipy_branchcov.tracing.vanishing import Once, Write

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
#: Cannot raise. (What is destroyed meanwhile can, but not into the code.)
_SAFE = frozenset({"STORE_FAST", "LOAD_CONST", "POP_TOP", "COPY", "SWAP", "PUSH_NULL", "NOP"})


#: The kind of marks that count how often their edge is taken.
COUNTING = "counting marks"


@dataclass
class Mark:
    """What a mark proves: an edge, lines."""

    edge: Edge | None
    lines: set[int] = field(default_factory=set)


@dataclass
class Marked(Rewritten):
    """What a code object was rewritten from, and its marks: constants of the rewritten one.

    ``counters``: those that count, by the number of the mark.
    """

    marks: list[Mark]
    once: Once
    counters: dict[int, itertools.count[int]] = field(default_factory=dict)
    _begun: dict[int, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget what was passed."""
        self.once.begin()
        self._begun = {number: _count(counter) for number, counter in self.counters.items()}

    def told(self) -> tuple[dict[Edge, int], set[int]]:
        """The edges that were taken since then, with their counts, and the lines that ran."""
        hits = dict.fromkeys(self.once.passed(), 1)
        for number, counter in self.counters.items():
            if passed := _count(counter) - self._begun.get(number, 0):
                hits[number] = passed
        edges: dict[Edge, int] = {}
        lines: set[int] = set()
        for number, count in hits.items():
            each = self.marks[number]
            lines |= each.lines
            if each.edge is not None:
                edges[each.edge] = edges.get(each.edge, 0) + count
        return edges, lines


def begin_all() -> None:
    """Let all code with marks forget what was passed."""
    for _, each in all_known():
        if isinstance(each, Marked):
            each.begin()


def _count(counter: itertools.count[int]) -> int:
    return int(repr(counter)[len("count(") : -1])


def mark(
    code: CodeType, plan: Plan, constants: tuple[object, ...] | None = None, *, kind: str, lines: bool
) -> tuple[CodeType, Marked]:
    """The same code with marks; ``constants``: with its nested code objects marked. Raises Unencodable.

    ``kind``: "marks", or :data:`COUNTING`. ``lines``: lines are marked too.
    """
    constants = code.co_consts if constants is None else constants
    marker = Marker(plan.bytecode or Bytecode(code), plan, len(constants), lines=lines, counting=kind == COUNTING)
    marker.run()
    counting = [i for i, each in enumerate(marker.marks) if kind == COUNTING and each.edge is not None]
    counters = {number: itertools.count() for number in counting}
    once = Once({number: BytesIO(b"\n") for number in range(len(marker.marks)) if number not in counters})
    made = [counters.get(number) or once.marks[number] for number in range(len(marker.marks))]
    new = assemble(code, marker.items, (*constants, *made)).replace(co_stacksize=code.co_stacksize + 3)
    once.attach(new, {number: marker.writes(number) for number in once.marks})
    return new, Marked(code, kind, marker.marks, once, counters)


def _distance(item: Item, target: Item, *, backward: bool) -> int | None:
    """The argument of a jump from an item to another; None where it has no room."""
    distance = (target.offset - item.offset) // 2 - item.size - item.caches
    distance = -distance if backward else distance
    return distance if 0 <= distance < 256 else None


class Marker(Splitter):
    """Puts a mark on each edge that means something.

    ``lines``: lines are marked too. ``counting``: every passing of an edge has to be seen, not the first alone.
    """

    def __init__(self, bytecode: Bytecode, plan: Plan, constants: int, *, lines: bool, counting: bool):
        super().__init__(bytecode, plan)
        self.marks: list[Mark] = []
        self._constants = constants
        self._with_lines = lines
        self._counting = counting
        #: What is sure to run when a mark was passed, by the mark's first instruction.
        self._sure: dict[int, list[Item]] = {}
        #: The first instruction that jumps to an offset.
        self._jumped_from: dict[int, int] = {}
        for i, item in enumerate(self._originals):
            if item.origin is not None and item.origin.target is not None:
                self._jumped_from.setdefault(item.origin.target, i)
        self._loops: dict[int, list[Item]] = {}
        #: The instructions of each mark, and the jump that leads to it where there is one.
        self._placed: list[list[Item]] = []
        self._jumps: dict[int, Item] = {}
        self._handlers: set[int] = set()
        names = [each.name for each in bytecode.instructions[:64]]
        #: The first instruction behind what begins a function.
        self._first = names.index("RESUME") if "RESUME" in names else 0

    def run(self) -> None:
        super().run()
        if self._with_lines:
            self._mark_lines()
            self._arrange()

    def _arrange(self) -> None:
        super()._arrange()
        for items in self._loops.values():
            loop, clean_up = items[len(_ITERATOR)], items[len(_ITERATOR) + 1]
            # Where it has nothing more it passes over END_FOR and what follows that; before 3.12 it is sent there.
            loop.target = clean_up if clean_up.name == "END_FOR" else self.items[self._places[id(items[-1])] + 1]

    def _mark(self, meaning: Mark, like: Item) -> list[Item]:
        """The instructions of a mark, in the place of another item."""
        items = [Item(name, position=like.position) for name in (*_ITERATOR, "FOR_ITER", *_CLEAN_UP)]
        loop = items[len(_ITERATOR)]
        items[0].arg = self._constants + len(self.marks)
        loop.caches = _CACHES
        loop.target = items[-1]  # until they are arranged
        self._loops[id(loop)] = items
        if self._with_lines:  # the place to jump over it from; the interpreter merges no NOP with what stands before it
            items = [Item("NOP", position=like.position), *items]
        for each in items:
            each.row = like.row
        self._placed.append(items)
        self.marks.append(meaning)
        return items

    # --- edges

    def _tell_fall(self, item: Item, edge: Edge, entries: dict[int, int]) -> None:
        if (above := self._above(item)) is not None:
            self._tell_first(item, above, edge)
            return
        after = self._following(item)
        if item.target is not None and after is not None and after.name == "NOT_TAKEN":
            item = after
        items = self._mark(Mark(edge), item)
        self._after.setdefault(id(item), [])[:0] = items

    def _above(self, item: Item) -> Item | None:
        """What leads to the head of a loop from above, where only the loop itself leads there otherwise."""
        if self._counting or item.name != "FOR_ITER" or item.origin is None:
            return None
        i = self._index[id(item)]
        above = self._originals[i - 1]
        if above.target is not None or above.name in FINAL or id(above) in self._after:
            return None
        origin = item.origin
        first = min(self._jumped_from.get(place, i) for place in (origin.first, origin.offset))
        return above if first >= i else None

    def _tell_first(self, item: Item, above: Item, edge: Edge) -> None:
        """A loop that goes on has begun: a copy of its head, passed once, tells of its first item, and it of none."""
        first = item.copy()
        jump = Item("JUMP_FORWARD", position=item.position, target=self._next(item))
        jump.row = item.row
        self._after[id(above)] = [first, *self._mark(Mark(edge), item), jump]

    def _tell_jump(self, item: Item, edge: Edge, entries: dict[int, int]) -> None:
        if (last := self._passed(item)) is not None:
            self._tell_fall(last, edge, entries)
        else:
            items = self._mark(Mark(edge), item)
            self._detour(item, items)
            self._jumps[len(self.marks) - 1] = item

    def writes(self, number: int) -> list[Write]:
        """What makes a mark vanish, once all is laid out."""
        site, last = self._placed[number][0], self._placed[number][-1]
        after = self.items[self._places[id(last)] + 1]
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

    # --- lines

    def _mark_lines(self) -> None:
        """Mark each line where it is not certain that it was marked on every way to there."""
        for mark, items in zip(self.marks, self._placed, strict=True):
            self._sure[id(items[0])] = sure = self._certain(self._places[id(items[-1])] + 1)
            mark.lines |= {each.position[0] or 0 for each in sure}
        blocks = self._blocks()
        known: list[int | None] = [None] * len(blocks)
        known[0] = 0
        own = [self._lines_of(block) for block, _ in blocks]
        work = [0]
        work += [i for i, (block, _) in enumerate(blocks) if self._handles(block[0])]
        for i in work:
            known[i] = 0
        while work:
            i = work.pop()
            out = (known[i] or 0) | own[i]
            for j in blocks[i][1]:
                before = known[j]
                now = out if before is None else before & out
                if now != before:
                    known[j] = now
                    work.append(j)
        for (block, _), lines in zip(blocks, known, strict=True):
            if lines is not None:
                self._mark_block(block, lines)
        self._redirect()

    def _certain(self, i: int) -> list[Item]:
        """What is sure to be begun where the item at a place is, and has a line: all before it cannot raise."""
        found: list[Item] = []
        for _ in range(20):
            if i >= len(self.items):
                break
            item = self.items[i]
            if self._line(item) is not None:
                found.append(item)
            if id(item) in self._loops:  # a mark: it goes on behind itself
                i = self._places[id(self._loops[id(item)][-1])] + 1
            elif item.target is not None and item.name in ("JUMP_FORWARD", "JUMP_BACKWARD_NO_INTERRUPT"):
                i = self._places[id(item.target)]
            elif item.name in _SAFE:
                i += 1
            else:
                break
        return found

    def _blocks(self) -> list[tuple[list[Item], list[int]]]:
        """Straight pieces of code, with the numbers of those that can follow."""
        inside = self._loops
        targets = {id(item.target) for item in self.items if item.target is not None and id(item) not in inside}
        self._handlers = {id(item.row[0]) for item in self.items if item.row is not None}
        leaders = targets | self._handlers
        blocks: list[tuple[list[Item], list[int]]] = []
        number: dict[int, int] = {}
        fresh = True
        for item in self.items:
            if fresh or id(item) in leaders:
                blocks.append(([], []))
            number[id(item)] = len(blocks) - 1
            blocks[-1][0].append(item)
            fresh = (item.target is not None and id(item) not in inside) or item.name in FINAL
        for i, (block, following) in enumerate(blocks):
            last = block[-1]
            if last.target is not None and id(last) not in inside:
                following.append(number[id(last.target)])
            falls = last.name not in FINAL and (not last.name.startswith("JUMP_") or "_OR_POP" in last.name)
            if falls and i + 1 < len(blocks):
                following.append(i + 1)
        return blocks

    def _handles(self, item: Item) -> bool:
        return id(item) in self._handlers

    def _lines_of(self, block: list[Item]) -> int:
        lines = 0
        for item in block:
            lines |= self._bits([item, *self._sure.get(id(item), ())])
        return lines

    def _bits(self, items: Iterable[Item]) -> int:
        """Their lines as bits."""
        bits = 0
        for item in items:
            if (line := self._line(item)) is not None:
                bits |= 1 << line
        return bits

    def _line(self, item: Item) -> int | None:
        """A line's distance from the first line; None where none is to be marked."""
        line = item.position[0]
        if item.origin is None or line is None or item.name in ("RESUME", "COPY_FREE_VARS", "MAKE_CELL"):
            return None
        if item.name == "RETURN_GENERATOR" or (item.origin.index < self._first and item.name == "POP_TOP"):
            return None
        return max(0, line - self.bytecode.code.co_firstlineno)

    def _mark_block(self, block: list[Item], known: int) -> None:
        for item in block:
            known |= self._bits(self._sure.get(id(item), ()))
            line = self._line(item)
            if line is not None and not known >> line & 1:
                sure = self._certain(self._places[id(item)])
                known |= self._bits(sure)
                self._prefix(item, Mark(None, {each.position[0] or 0 for each in sure}))

    def _prefix(self, item: Item, meaning: Mark) -> None:
        self._prefixes[id(item)] = self._mark(meaning, item)
