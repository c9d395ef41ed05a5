"""Rewrite a code object so that each way out of a test is told by one instruction that only it leads to.

An edge is *critical* where its source has two ways out and its target two ways in. Each that matters gets an
instruction of its own: a NOP on a fall-through, a trampoline on a jump. Where one test serves two operands, it is
copied for each way that leads to it. Nothing else changes: what the code does, its places, its handlers. What is
added is on the line of the test, so that debuggers tell no line twice.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from types import CodeType

from ipy_branchcov.bytecode import FINAL, Bytecode
from ipy_branchcov.tracing.assembly import Item, Unencodable, assemble, disassemble
from ipy_branchcov.tracing.prepared import Rewritten
from ipy_branchcov.tracing.tracer import JUMPED, Edge, Plan, Way

#: What FOR_ITER passes over when it is exhausted.
_PASSED = {(3, 11): (), (3, 12): ("END_FOR",), (3, 13): ("END_FOR", "POP_TOP")}.get(
    sys.version_info[:2], ("END_FOR", "POP_ITER")
)
#: Conditional jumps of 3.11.
_TWO_WAYS = re.compile("POP_JUMP_(?:FORWARD|BACKWARD)_(.*)")
_JUMPS = "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"


@dataclass
class Split(Rewritten):
    """What a code object was rewritten from.

    ``edges``: what it proves that the instruction at an offset ran.
    """

    edges: dict[int, Edge]


def split(code: CodeType, plan: Plan, constants: tuple[object, ...] | None = None) -> tuple[CodeType, Split]:
    """The same code with no critical edge that matters; ``constants``: with its nested code objects split.

    Raises Unencodable.
    """
    splitter = Splitter(plan.bytecode or Bytecode(code), plan)
    splitter.run()
    return assemble(code, splitter.items, constants), Split(code, "split", splitter.edges())


class Splitter:
    """The instructions of one code object while they are rearranged.

    ``told``: (item, edge): the edge is taken when the item runs.
    """

    def __init__(self, bytecode: Bytecode, plan: Plan):
        self.bytecode = bytecode
        self.plan = plan
        self.items = disassemble(bytecode)
        self.told: list[tuple[Item, Edge]] = []
        self._originals = list(self.items)
        self._index = {item: i for i, item in enumerate(self._originals)}
        self._at = {item.origin.offset: item for item in self.items if item.origin is not None}
        #: Items to stand before or after others, and at the end.
        self._before: dict[Item, list[list[Item]]] = {}
        self._after: dict[Item, list[Item]] = {}
        self._end: list[Item] = []
        #: Items to stand before others whichever way leads there.
        self._prefixes: dict[Item, list[Item]] = {}
        self._copies: dict[Way, Item] = {}

    def run(self) -> None:
        """Rearrange them."""
        tests = [(item, Edge(-1, -1)) for item in self._originals if self._has_ways(item)]
        copied = self._copy_joint_tests()
        entries = self._entries()
        for item, _ in tests:
            self._split(item, None, entries)
        for item, before in copied:
            self._split(item, before, entries)
        self._arrange()

    def edges(self) -> dict[int, Edge]:
        """What each instruction proves, by its offset; the items have been laid out."""
        return {item.offset + 2 * (item.size - 1): edge for item, edge in self.told}

    def _has_ways(self, item: Item) -> bool:
        assert item.origin is not None
        return any((item.origin.offset, jumped) in self.plan.ways for jumped in (True, False))

    # --- joint tests

    def _copy_joint_tests(self) -> list[tuple[Item, Edge]]:
        """Copy each joint test for each way that leads to it; return the copies and these ways."""
        starts: dict[Way, tuple[list[Item], Item]] = {}
        for offset, ways in self.plan.copies.items():
            for way in ways:
                starts[way] = self._path(way, self._at[offset])
        found: list[tuple[Item, Edge]] = []
        for way, (items, test) in starts.items():
            self._copies[way] = items[0]
            exits = [Item("JUMP_BACKWARD_NO_INTERRUPT", position=test.position) for _ in (True, False)]
            origin = self._at[way[0]].origin
            assert origin is not None and test.origin is not None
            before = (way[0], origin.target if way[1] else origin.next)
            found.append((test, Edge(-1, -1, before)))  # type: ignore[arg-type]
            fallen, jumped = exits
            for exit_, leads in ((fallen, False), (jumped, True)):
                exit_.row = test.row
                original = self._at[test.origin.offset]
                following = self._next(original)
                if following.name == "NOT_TAKEN":  # behind it stands the original's own mark
                    following = self._next(following)
                exit_.target = original.target if leads else following
            test.target = jumped
            self._end += [*items, fallen, jumped]
        for way, (items, _) in starts.items():
            self._lead(self._at[way[0]], way, items[0])
        for test, _ in found:
            assert test.origin is not None
            fallen, jumped = self._exits(test)
            for exit_, leads in ((fallen, False), (jumped, True)):
                start = self._copies.get((test.origin.offset, leads))
                if start is not None:
                    exit_.target = start
        return found

    def _lead(self, item: Item, way: Way, start: Item) -> None:
        """Let one way out of a test lead to a copy."""
        if way[1]:
            item.target = start
            return
        jump = Item("JUMP_FORWARD", position=item.position, target=start)
        jump.row = item.row
        self._after.setdefault(item, []).append(jump)

    def _exits(self, test: Item) -> tuple[Item, Item]:
        i = next(i for i, item in enumerate(self._end) if item is test)
        return self._end[i + 1], self._end[i + 2]

    def _path(self, way: Way, test: Item) -> tuple[list[Item], Item]:
        """Copies of what stands between a way out and a joint test, with the test."""
        start = self._at[way[0]]
        current = start.target if way[1] else self._next(start)
        found: list[Item] = []
        while current is not None and len(found) < 20:
            if current.name in _JUMPS:
                current = current.target
                continue
            found.append(current.copy())
            if current is test:
                return found, found[-1]
            if current.target is not None or current.name in FINAL:
                break
            current = self._next(current)
        raise Unencodable("no straight way to a joint test")

    # --- critical edges

    def _entries(self) -> dict[Item, int]:
        """How many ways lead to each item; more than one where it matters no more how many."""
        self._arrange()
        entries = dict.fromkeys(self.items, 0)
        entries[self.items[0]] += 1
        for item, after in zip(self.items, [*self.items[1:], None], strict=True):
            if item.target is not None and item.name != "END_ASYNC_FOR":
                entries[item.target] += 1
            if after is not None and _falls(item):
                entries[after] += 1
            if item.row is not None:
                entries[item.row[0]] = 2
        return entries

    def _split(self, item: Item, before: Edge | None, entries: dict[Item, int]) -> None:
        """Find or make the instructions that prove the ways out of a test."""
        origin = item.origin
        assert origin is not None
        came = None if before is None else before.before
        if item.target is not None and item.name != "END_ASYNC_FOR" and (origin.offset, True) in self.plan.ways:
            to = origin.target if origin.target is not None and origin.target != origin.next else JUMPED
            self._tell_jump(item, Edge(origin.offset, to, came), entries)
        if (origin.offset, False) in self.plan.ways:
            self._tell_fall(item, Edge(origin.offset, origin.next, came), entries)

    def _tell_jump(self, item: Item, edge: Edge, entries: dict[Item, int]) -> None:
        if (last := self._passed(item)) is not None:
            self._tell_fall(last, edge, entries)
        elif item.target is not None and entries[item.target] == 1:
            self.told.append((item.target, edge))
        else:
            self.told.append((self._detour(item, []), edge))

    def _tell_fall(self, item: Item, edge: Edge, entries: dict[Item, int]) -> None:
        after = next(iter(self._after.get(item, ())), self._following(item))
        if after is None or entries.get(after, 1) != 1:
            after = Item("NOP", position=item.position)
            after.row = item.row
            self._after.setdefault(item, []).append(after)
        self.told.append((after, edge))

    def _passed(self, item: Item) -> Item | None:
        """The last instruction that an exhausted FOR_ITER passes over."""
        last, target = None, item.target
        for name in _PASSED if item.name == "FOR_ITER" else ():
            if target is not None and target.name == name:
                last, target = target, self._next(target)
        return last

    def _detour(self, item: Item, items: list[Item]) -> Item:
        """Let a jump lead over some items to where it led; return the first of them."""
        target = item.target
        assert target is not None
        jump = Item("JUMP_FORWARD", position=item.position, target=target)
        jump.loops = item.name.startswith("POP_JUMP_BACKWARD")
        items = [*items, jump]
        for each in items:
            each.row = item.row
        item.target = items[0]
        before = self._preceding(target)
        if before is not None and not _falls(before):
            self._before.setdefault(target, []).append(items)
        else:
            self._end += items
        return items[0]

    # --- order

    def _next(self, item: Item) -> Item:
        return self._originals[self._index[item] + 1]

    def _following(self, item: Item) -> Item | None:
        """What stands behind it now."""
        i = self._places[item] + 1
        return self.items[i] if i < len(self.items) else None

    def _preceding(self, item: Item) -> Item | None:
        i = self._places[item] - 1
        return self.items[i] if i >= 0 else None

    def _arrange(self) -> None:
        """Put all items in order, and turn the added jumps the way they lead."""
        moved = self._before.keys() | self._after.keys() | self._prefixes.keys()
        if not moved and not self._end:  # most code of cells
            self.items, self._places = self._originals, self._index
            return
        self.items = []
        for item in (*self._originals, *self._end):
            if item not in moved:
                self.items.append(item)
                continue
            detours = self._before.get(item, [])
            if detours:  # the last one falls through
                *items, jump = detours[-1]
                jump.name, jump.target = "NOP", None
                detours = [*detours[:-1], items or [jump]]
            for detour in detours:
                self.items += detour
            self.items += self._prefixes.get(item, ())
            self.items.append(item)
            self.items += self._after.get(item, ())
        self._places = {item: i for i, item in enumerate(self.items)}
        for i, item in enumerate(self.items):
            if item.target is not None and (item.origin is None or _TWO_WAYS.match(item.name)):
                _turn(item, forward=self._places[item.target] > i)

    def _redirect(self) -> None:
        """Let what leads to an item lead to what was put before it."""
        for item in (*self.items, *self._end):
            if item.target is not None and item.name != "END_ASYNC_FOR" and item.target in self._prefixes:
                item.target = self._prefixes[item.target][0]
            if item.row is not None and item.row[0] in self._prefixes:
                item.row = (self._prefixes[item.row[0]][0], item.row[1])


def _turn(item: Item, *, forward: bool) -> None:
    """Give a jump the name that leads its way. One that looked for Ctrl-C goes on doing so."""
    if item.name.startswith("JUMP_") and item.origin is None:
        back = "JUMP_BACKWARD" if item.loops else "JUMP_BACKWARD_NO_INTERRUPT"
        item.name = "JUMP_FORWARD" if forward else back
    elif match := _TWO_WAYS.match(item.name):
        item.name = f"POP_JUMP_{'FORWARD' if forward else 'BACKWARD'}_{match[1]}"


def _falls(item: Item) -> bool:
    """Whether the next instruction can follow."""
    return item.name not in FINAL and item.name not in _JUMPS
