"""Edge probes that can vanish: after the first hit a jump skips them, the one that leads to them or one before them.

If only the first hit counts, the ``body`` edge of a loop is probed outside of the loop.
"""

from __future__ import annotations

import dis
from collections.abc import Mapping

from ipy_branchcov.bytecode.decode import FINAL, Bytecode
from ipy_branchcov.bytecode.encode import Item
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes.arrange import same_line
from ipy_branchcov.tracing.probes.cells import Cell
from ipy_branchcov.tracing.probes.place import Probe, ProbePlacer
from ipy_branchcov.tracing.py311.one_shot import Write
from ipy_branchcov.tracing.tracer import Edge, Plan

__builtins__ = BUILTINS

_NOTE = "LOAD_CONST", "LOAD_CONST", "SET_ADD", "POP_TOP"


class VanishingProbePlacer(ProbePlacer):
    """Puts a probe on each edge that means something. ``counting``: each hit of an edge counts, not the first alone.

    The code needs one more constant than probes: the notes.
    """

    def __init__(self, bytecode: Bytecode, plan: Plan, constants: int, *, counting: bool):
        super().__init__(bytecode, plan, constants)
        self._counting = counting
        #: The index of the first instruction that jumps to an item.
        self._jumped_from: dict[Item, int] = {}
        for i, item in enumerate(self._originals):
            if item.target is not None:
                self._jumped_from.setdefault(item.target, i)
        #: The instructions that load the notes: the constant behind those of the probes.
        self._loads: list[Item] = []
        #: The instructions that add to the notes.
        self._adds: set[Item] = set()
        #: The first instructions of probes.
        self._sites: set[Item] = set()
        #: The jump that leads to a probe, by the probe's number; probes on a fall-through have none.
        self._jumps: dict[int, Item] = {}
        #: What observes values, with the number of the probe of each outcome.
        self._cells: list[tuple[dict[int, int], Cell]] = []

    def writes(self, number: int) -> list[Write]:
        """The changes of memory that make a probe vanish. Call it after the items are laid out."""
        site = self._placed[number][0]
        after, leads = self._behind(number)
        found: list[Write] = [] if (skip := self._skip(site, number)) is None else [skip]
        if number in self._jumps:
            jump = self._jumps[number]
            arg = _argument(jump, leads or after, backward=jump.backward)
            if arg is not None and jump.size == 1:
                found.append((jump.offset // 2, None, arg))
        return found

    def idle(self) -> list[tuple[tuple[int, ...], Write]]:
        """The changes of memory that leave out what can show nothing more, once all of some probes were hit.

        Call it after the items are laid out; later ones may change what earlier ones changed.
        """
        found = []
        for numbers, made in self._cells:
            for outcomes, item, to in made.idle:
                write = self._skip(item, numbers[to]) if isinstance(to, int) else _jump_to(item, to)
                if write is not None:
                    found.append((tuple(sorted(numbers[what] for what in outcomes)), write))
        return found

    def _behind(self, number: int) -> tuple[Item, Item | None]:
        """The item behind a probe, and where that leads to if it does nothing but to lead on."""
        after = self.items[self._places[self._placed[number][-1]] + 1]
        leads = self._led_on_to(after.target) if after.origin is None and after.name.startswith("JUMP_") else None
        return after, leads

    def _skip(self, site: Item, number: int) -> Write | None:
        """The change of memory that makes an item lead to what is behind a probe."""
        after, leads = self._behind(number)
        if leads is not None and (arg := _argument(site, leads, backward=after.backward)) is not None:
            return site.offset // 2, dis.opmap[after.name], arg
        return _jump_to(site, after)

    def _led_on_to(self, item: Item | None) -> Item | None:
        """Where a jump to an item of ours ends that does nothing but to lead on, on the line of what it leads to."""
        for _ in range(4):
            if item is None or item.name not in ("NOP", "JUMP_FORWARD") or item in self._sites:
                break
            onward = self._following(item) if item.target is None else item.target
            if onward is None or not (item.position[0] is None or same_line(onward, item)):
                break
            item = onward
        return item

    def _probe(self, meaning: Probe, like: Item) -> list[Item]:
        items = super()._probe(meaning, like) if self._counting and meaning.edge else self._note(meaning, like)
        # The interpreter makes no pair of a NOP and the instruction before it.
        site = Item("NOP", position=like.position)
        site.row = like.row
        self._placed[-1] = items = [site, *items]
        self._sites.add(site)
        return items

    def _note(self, meaning: Probe, like: Item) -> list[Item]:
        """Make the instructions of a probe that adds its number to the notes."""
        load, number, add, clean_up = (Item(name, position=like.position) for name in _NOTE)
        number.arg = self._constants + len(self.probes)
        add.arg = 1
        self._loads.append(load)
        self._adds.add(add)
        items = [load, number, add, clean_up]
        for each in items:
            each.row = like.row
        self._placed.append(items)
        self.probes.append(meaning)
        return items

    def _proved(self, made: Cell, proofs: Mapping[int, list[Item]]) -> None:
        super()._proved(made, proofs)
        number_of = {items[0]: number for number, items in enumerate(self._placed)}
        numbers = {what: number_of[items[0]] for what, items in proofs.items()}
        self._jumps.update((numbers[what], jump) for what, jump in made.jumps.items())
        self._cells.append((numbers, made))

    def _probe_jump(self, item: Item, edge: Edge) -> None:
        self._jumps[len(self.probes)] = item
        super()._probe_jump(item, edge)

    def _probe_fall(self, item: Item, edge: Edge) -> None:
        if (above := self._above(item)) is not None:
            self._probe_first(item, above, edge)
        else:
            super()._probe_fall(item, edge)

    def _above(self, item: Item) -> Item | None:
        """The item before the head of a loop, if all other edges into the head come from the loop itself."""
        if self._counting or item.name != "FOR_ITER" or item.origin is None:
            return None
        i = self._index[item]
        above = self._originals[i - 1]
        if above.target is not None or above.name in FINAL or above in self._after:
            return None
        return above if self._jumped_from.get(item, i) >= i else None

    def _probe_first(self, item: Item, above: Item, edge: Edge) -> None:
        """Copy the head of a loop before the loop, for its first item. If the copy goes on, the edge is covered."""
        first = item.copy()
        self._exits[first] = [*self._exits.get(item, ()), len(self.probes)]
        jump = Item("JUMP_FORWARD", position=item.position, target=self._next(item))
        jump.row = item.row
        self._after[above] = [first, *self._probe(Probe(edge), item), jump]


def _jump_to(site: Item, target: Item) -> Write | None:
    """The change of memory that makes an item lead to one behind it."""
    arg = _argument(site, target, backward=False)
    return None if arg is None else (site.offset // 2, dis.opmap["JUMP_FORWARD"], arg)


def _argument(item: Item, target: Item, *, backward: bool) -> int | None:
    """The argument of a jump from an item to another; None if it does not fit in one byte."""
    arg = item.argument_to(target, backward=backward)
    return arg if 0 <= arg < 256 else None
