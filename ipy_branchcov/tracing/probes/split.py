"""Rearrange the instructions of a code object, to insert others on the exits of its tests.

A test that serves two operands (a shared jump) is copied for each exit that leads to it. Nothing else changes: what the
code does, its positions, its handlers. Added instructions are on the line of the test, and no added jump goes backwards
to an instruction of its own line: both would be line events, at which debuggers stop and ``sys.settrace`` is called.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import CodeType

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.bytecode.decode import FINAL, Bytecode, ExitEdge
from ipy_branchcov.bytecode.encode import Item, disassemble
from ipy_branchcov.bytecode.values import Value, value_edge
from ipy_branchcov.model.decisions import History
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes.arrange import JUMPS, Arrangement, same_line
from ipy_branchcov.tracing.probes.cells import Cell, Kind, cell, parted
from ipy_branchcov.tracing.probes.readers import READING, ReadByOthers
from ipy_branchcov.tracing.probes.unfold import State, unfold
from ipy_branchcov.tracing.tracer import JUMPED, Edge, Plan

__builtins__ = BUILTINS

#: The instructions that an exhausted FOR_ITER skips.
_PASSED = {(3, 11): (), (3, 12): ("END_FOR",), (3, 13): ("END_FOR", "POP_TOP")}.get(
    sys.version_info[:2], ("END_FOR", "POP_ITER")
)


def check(code: CodeType) -> None:
    """Raise ReadByOthers for code that must stay as it is."""
    if READING.generators and code.co_name == "<genexpr>":
        raise ReadByOthers("generator expressions are left as they are for pony, and measured more slowly")


class Splitter(Arrangement):
    """The instructions of one code object while they are rearranged.

    Subclasses decide what is inserted on an edge: :meth:`_probe_jump`, :meth:`_probe_fall`, :meth:`_proof`.

    ``constants``: the number of constants of the code; where values are observed, :data:`cells.CONSTANTS` follow.
    """

    def __init__(self, bytecode: Bytecode, plan: Plan, constants: int):
        check(bytecode.code)
        self.bytecode = bytecode
        self.plan = plan
        self._first_constant = constants
        items = disassemble(bytecode)
        #: What has happened when a frame comes to an item, where decisions are followed.
        self._states: dict[Item, State] = {}
        if plan.histories is not None:
            unfolded = unfold(items, plan)
            items, self._states = unfolded.items, unfolded.states
        super().__init__(items)
        self._at: dict[int, Item] = {}
        #: All copies of an instruction, by its offset.
        self._every: dict[int, list[Item]] = {}
        for item in self.items:
            if item.origin is not None:
                self._at[item.origin.offset] = item
                self._every.setdefault(item.origin.offset, []).append(item)
        self._copies: dict[ExitEdge, Item] = {}
        #: The ends of observations: they do nothing, but are jumped to.
        self._ends: set[Item] = set()

    def run(self) -> None:
        """Rearrange the instructions."""
        exits = {offset for offset, _ in self.plan.exits}
        tests = [item for item in self._originals if item.origin is not None and item.origin.offset in exits]
        copied = self._copy_shared_jumps() if self.plan.histories is None else []
        self._begin()
        for item in tests:
            self._split(item, None)
        for item, before in copied:
            self._split(item, before)
            assert item.origin is not None
            self._every[item.origin.offset].append(item)
        for exit_edge, value in self.plan.values.items():
            for item in self._every[exit_edge[0]]:
                self._observe(item, exit_edge, value)
        self._arrange()

    # --- shared jumps

    def _copy_shared_jumps(self) -> list[tuple[Item, Edge]]:
        """Copy each shared jump for each exit that leads to it; return the copies and these exits."""
        starts: dict[ExitEdge, tuple[list[Item], Item]] = {}
        for offset, exits in self.plan.copies.items():
            for exit_edge in exits:
                starts[exit_edge] = self._path(exit_edge, self._at[offset])
        found: list[tuple[Item, Edge]] = []
        added: dict[Item, tuple[Item, Item]] = {}
        for exit_edge, (items, test) in starts.items():
            self._copies[exit_edge] = items[0]
            made = [Item("JUMP_BACKWARD_NO_INTERRUPT", position=test.position) for _ in (True, False)]
            origin = self._at[exit_edge[0]].origin
            assert origin is not None and test.origin is not None
            before = (exit_edge[0], origin.target if exit_edge[1] else origin.next)
            found.append((test, Edge(-1, -1, before)))  # type: ignore[arg-type]
            fallen, jumped = made
            for exit_, leads in ((fallen, False), (jumped, True)):
                exit_.row = test.row
                original = self._at[test.origin.offset]
                following = self._next(original)
                if following.name == "NOT_TAKEN":  # the original's own probe is behind it
                    following = self._next(following)
                exit_.target = original.target if leads else following
            test.target = jumped
            self._put(self._at[exit_edge[0]], self._start(exit_edge), [*items, fallen, jumped])
            added[test] = fallen, jumped
        for exit_edge, (items, _) in starts.items():
            self._redirect_exit(self._at[exit_edge[0]], exit_edge, items[0])
        for test, _ in found:
            assert test.origin is not None
            fallen, jumped = added[test]
            for exit_, leads in ((fallen, False), (jumped, True)):
                start = self._copies.get((test.origin.offset, leads))
                if start is not None:
                    exit_.target = start
        return found

    def _redirect_exit(self, item: Item, exit_edge: ExitEdge, start: Item) -> None:
        """Make one exit of a test lead to a copy."""
        if exit_edge[1]:
            item.target = start
            return
        jump = Item("JUMP_FORWARD", position=item.position, target=start)
        jump.row = item.row
        self._after.setdefault(item, []).append(jump)

    def _start(self, exit_edge: ExitEdge) -> Item | None:
        """Where an exit leads in the original."""
        item = self._at[exit_edge[0]]
        return item.target if exit_edge[1] else self._next(item)

    def _put(self, source: Item, start: Item | None, copied: list[Item]) -> None:
        """Put a copied test where the original begins, if an exit could else be a jump back on its line."""
        test, *exits = copied[-3:]
        if start is None or self._index[start] <= self._index[source]:
            self._end += copied
        elif any(same_line(each.target, test) for each in exits):
            self._aside.setdefault(start, []).extend(copied)
        else:
            self._end += copied

    def _path(self, exit_edge: ExitEdge, test: Item) -> tuple[list[Item], Item]:
        """Copy the instructions from an exit to a shared jump; return them and the copy of the jump."""
        current = self._start(exit_edge)
        found: list[Item] = []
        while current is not None and len(found) < 20:
            if current.name in JUMPS:
                current = current.target
                continue
            found.append(current.copy())
            if current is test:
                return found, found[-1]
            if current.target is not None or current.name in FINAL:
                break
            current = self._next(current)
        raise Unencodable("no straight path to a shared jump")

    # --- edges

    def _begin(self) -> None:
        """Prepare the edges; the shared jumps are copied already."""
        self._arrange()

    def _probe_jump(self, item: Item, edge: Edge) -> None:
        """Make the edge by which an item jumps leave a proof."""
        raise NotImplementedError

    def _probe_fall(self, item: Item, edge: Edge) -> None:
        """Make the edge by which an item falls through leave a proof."""
        raise NotImplementedError

    def _proof(self, edge: Edge, like: Item) -> list[Item]:
        """Make items that prove an edge where they run, with the position and the handler of another item."""
        raise NotImplementedError

    def _observe(self, item: Item, exit_edge: ExitEdge, value: Value) -> None:
        """Observe the value that is on the stack on an exit of an item."""
        end = Item("NOP")
        leaves, proofs, sides = list[Item](), dict[int, list[Item]](), dict[int, list[Item]]()
        kind = Kind.of(item, value, jumped=exit_edge[1])
        for what in kind.outcomes:
            leaves.append(Item("JUMP_FORWARD", target=end))
            proofs[what] = self._proof(Edge(*value_edge(exit_edge, what), None, self._history(item)), item)
            sides[what] = self._side(proofs[what], leaves[-1])
        made = cell(value, kind, self._first_constant, sides)
        self._proved(made, proofs)
        items = made.items
        items += [end, *parted(item)]
        for each in items:
            each.position, each.row = item.position, item.row
        if (after := self._returns(item, exit_edge)) is None:
            self._ends.add(end)
        else:
            items.remove(end)
            for leave in leaves:
                leave.name, leave.target, leave.origin = after.name, None, after.origin
                leave.position, leave.row = after.position, after.row
        if not exit_edge[1]:
            self._after.setdefault(item, [])[:0] = items
        elif item.target in self._places:
            self._detour(item, items)
        else:
            self._prepend(item, items)

    def _returns(self, item: Item, exit_edge: ExitEdge) -> Item | None:
        """The RETURN_VALUE that an exit falls through to: each outcome gets one of its own, and needs no jump."""
        if exit_edge[1] or item.origin is None or self.plan.values[exit_edge].constant is not None:
            return None
        return after if (after := self._next(item)).name == "RETURN_VALUE" else None

    def _side(self, proof: list[Item], leave: Item) -> list[Item]:
        """A proof, and the instruction behind it that leads on."""
        return [*proof, leave]

    def _proved(self, made: Cell, proofs: Mapping[int, list[Item]]) -> None:
        """A cell has these proofs, by outcome."""

    def _split(self, item: Item, before: Edge | None) -> None:
        """Probe the exits of a test."""
        origin = item.origin
        assert origin is not None
        came = self._came(item) if before is None else before.before
        history = self._history(item)
        if item.target is not None and item.name != "END_ASYNC_FOR" and (origin.offset, True) in self.plan.exits:
            to = origin.target if origin.target is not None and origin.target != origin.next else JUMPED
            self._probe_jump(item, Edge(origin.offset, to, came, history))
        if (origin.offset, False) in self.plan.exits:
            self._probe_fall(item, Edge(origin.offset, origin.next, came, history))

    def _history(self, item: Item) -> History:
        """What a frame's open evaluations have come to when it comes to a copy, if an exit of that can change it."""
        state, histories = self._states.get(item), self.plan.histories
        if state is None or histories is None or item.origin is None or item.origin.offset not in histories.offsets:
            return ()
        return state.history

    def _came(self, item: Item) -> tuple[int, int] | None:
        """The edge that led to a copy of a shared jump."""
        state = self._states.get(item)
        if state is None or state.came is None or item.origin is None or item.origin.offset not in self.plan.copies:
            return None
        offset, jumped = state.came
        test = self.bytecode.at[offset]
        return offset, (test.target or 0) if jumped else test.next

    def _passed(self, item: Item) -> Item | None:
        """The last instruction that an exhausted FOR_ITER skips."""
        last, target = None, item.target
        for name in _PASSED if item.name == "FOR_ITER" else ():
            if target is not None and target.name == name:
                last, target = target, self._next(target)
        return last
