"""The instructions of one code object in order, and where others are inserted among them.

Nothing here knows what is inserted, or why.
"""

from __future__ import annotations

import re

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.bytecode.decode import FINAL
from ipy_branchcov.bytecode.encode import NOWHERE, Item
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

#: Conditional jumps of 3.11.
_TWO_EXITS = re.compile("POP_JUMP_(?:FORWARD|BACKWARD)_(.*)")
JUMPS = "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"


class Arrangement:
    """Instructions in order, with those that are inserted before, behind and between them."""

    def __init__(self, items: list[Item]):
        self.items = items
        self._originals = list(items)
        self._index = dict(zip(items, range(len(items)), strict=True))
        self._places = self._index
        #: Items to insert before or after others, and at the end.
        self._before: dict[Item, list[list[Item]]] = {}
        self._after: dict[Item, list[Item]] = {}
        self._end: list[Item] = []
        #: Items to insert before others, that do not fall through; and the jumps over what stands before an item.
        self._aside: dict[Item, list[Item]] = {}
        self._jumps_over: dict[Item, Item] = {}
        #: Items to insert before others on all edges into them.
        self._prefixes: dict[Item, list[Item]] = {}

    def _detour(self, item: Item, items: list[Item]) -> Item:
        """Make a jump pass through some items on its way to its target; return the first of them."""
        target = item.target
        assert target is not None
        jump = Item("JUMP_FORWARD", position=item.position, target=target)
        jump.loops = item.name.startswith("POP_JUMP_BACKWARD")
        items = [*items, jump]
        for each in items:
            each.row = item.row
            if each.position == item.position and not same_line(target, item) and not each.name.startswith("RETURN"):
                # Else it would begin the test's line anew, where a debugger can jump to, with values on the stack. The
                # target's line begins all the same.
                each.position = NOWHERE
        item.target = items[0]
        before = self._preceding(target)
        ahead = self._places[target] > self._places[item] and same_line(target, item)
        if target in self._before or ahead or (before is not None and not falls(before)):
            self._before.setdefault(target, []).append(items)
        else:
            self._end += items
        return items[0]

    def _prepend(self, item: Item, items: list[Item]) -> None:
        """Make a jump pass through some items before those that it passes through already."""
        added = (*(detour for detours in self._before.values() for detour in detours), *self._aside.values(), self._end)
        for found in added:
            for i, each in enumerate(found):
                if each is item.target:
                    if each is found[-1] and found is not self._end:
                        found.append(each.copy())  # the last jump of a detour may be left out, and this one is a proof
                    found[i:i] = items
                    item.target = items[0]
                    return
        raise Unencodable("no place for what a jump has to pass through")

    def _next(self, item: Item) -> Item:
        return self._originals[self._index[item] + 1]

    def _following(self, item: Item) -> Item | None:
        """The item behind it in the new order."""
        i = self._places[item] + 1
        return self.items[i] if i < len(self.items) else None

    def _jump_over(self, item: Item) -> Item:
        """A jump to an item over what is inserted before it; the same item however often they are arranged."""
        if item not in self._jumps_over:
            before = self.items[-1]
            self._jumps_over[item] = jump = Item("JUMP_FORWARD", position=before.position, target=item)
            jump.row = before.row
        return self._jumps_over[item]

    def _preceding(self, item: Item) -> Item | None:
        i = self._places[item] - 1
        return self.items[i] if i >= 0 else None

    def _arrange(self) -> None:
        """Put all items in order, and give added jumps the right direction."""
        moved = self._before.keys() | self._after.keys() | self._prefixes.keys() | self._aside.keys()
        if not moved and not self._end:  # as for most code of cells
            self.items, self._places = self._originals, self._index
            return
        self.items = []
        start = 0
        for i in sorted(self._index[item] for item in moved if item in self._index):
            self.items += self._originals[start:i]  # most stand as they stood
            self._append(self._originals[i])
            start = i + 1
        self.items += self._originals[start:]
        for item in self._end:
            if item in moved:
                self._append(item)
            else:
                self.items.append(item)
        self._places = dict(zip(self.items, range(len(self.items)), strict=True))
        for i, item in enumerate(self.items):
            if item.target is not None and (item.origin is None or _TWO_EXITS.match(item.name)):
                _turn(item, forward=self._places[item.target] > i)

    def _append(self, item: Item) -> None:
        """Append an item with what stands before and after it."""
        detours, aside = self._before.get(item, []), self._aside.get(item, ())
        if (detours or aside) and self.items and falls(self.items[-1]):
            self.items.append(self._jump_over(item))
        for each in aside:
            self._append(each)
        if detours:  # the last one falls through
            *items, jump = detours[-1]
            jump.name, jump.target = "NOP", None
            detours = [*detours[:-1], items or [jump]]
        for detour in detours:
            self.items += detour
        self.items += self._prefixes.get(item, ())
        self.items.append(item)
        self.items += self._after.get(item, ())

    def _redirect(self) -> None:
        """Make jumps and handlers lead to the prefix of their target, if it has one."""
        for item in (*self.items, *self._end):
            if item.target is not None and item.name != "END_ASYNC_FOR" and item.target in self._prefixes:
                item.target = self._prefixes[item.target][0]
            if item.row is not None and item.row[0] in self._prefixes:
                item.row = (self._prefixes[item.row[0]][0], item.row[1])


def _turn(item: Item, *, forward: bool) -> None:
    """Give a jump the opcode name for its direction. One that checked for Ctrl-C still checks."""
    if item.name.startswith("JUMP_") and item.origin is None:
        back = "JUMP_BACKWARD" if item.loops else "JUMP_BACKWARD_NO_INTERRUPT"
        item.name = "JUMP_FORWARD" if forward else back
    elif match := _TWO_EXITS.match(item.name):
        item.name = f"POP_JUMP_{'FORWARD' if forward else 'BACKWARD'}_{match[1]}"


def same_line(one: Item | None, other: Item) -> bool:
    """Whether two items are on the same line of the source."""
    return one is not None and one.position[0] is not None and one.position[0] == other.position[0]


def falls(item: Item) -> bool:
    """Whether the next instruction can follow an item."""
    return item.name not in FINAL and item.name not in JUMPS
