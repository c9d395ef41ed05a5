"""Copy conditions so that each copy has one history: an exit of a copy then ends one evaluation, or continues one.

``c`` of ``(a or b) and c`` is copied: behind ``a``, and behind ``b``. An instruction of the code stands once for each
*state* in which frames come to it: their history, and the exit before it where a shared jump depends on that. Copies
stand side by side, in stretches that nothing leaves in the middle, so every jump keeps its direction. Where no decision
is open there is one state, and one instruction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.bytecode.decode import FINAL, ExitEdge
from ipy_branchcov.bytecode.encode import Item
from ipy_branchcov.model.decisions import History
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.tracer import Histories, Plan

__builtins__ = BUILTINS

#: Handlers with which an evaluation goes on: what ``throw()`` sent into an ``await``, the end of an asynchronous loop.
_GO_ON = frozenset({"CLEANUP_THROW", "END_ASYNC_FOR"})
#: Code may grow to so many times its size and instructions; beyond, it is measured by events.
_MOST_TIMES, _MOST_MORE = 6, 2_000


class State(NamedTuple):
    """What has happened when a frame comes to an instruction; ``came``: the exit that leads to a shared jump."""

    history: History = ()
    came: ExitEdge | None = None


#: An instruction by its index, in a state.
_Node = tuple[int, State]
_OUTSIDE = State()


@dataclass
class Unfolded:
    """The instructions in their new order, and the state of each that has another than none."""

    items: list[Item]
    states: dict[Item, State] = field(default_factory=dict)


def unfold(items: list[Item], plan: Plan) -> Unfolded:
    """Copy instructions for each history. ``items``: as disassembled. Raises Unencodable where there are too many."""
    assert plan.histories is not None
    return _Unfolder(items, plan, plan.histories).run()


class _Unfolder:
    def __init__(self, items: list[Item], plan: Plan, histories: Histories):
        self._items = items
        self._histories = histories
        self._index = {item: i for i, item in enumerate(items)}
        self._leading = frozenset(exit_edge for exits in plan.copies.values() for exit_edge in exits)
        #: The states of each instruction, in the order in which they were found.
        self._states: list[dict[State, None]] = [{} for _ in items]
        self._nodes = 0

    def run(self) -> Unfolded:
        self._find((0, _OUTSIDE))
        for i, states in enumerate(self._states):
            if not states:  # code that nothing leads to
                self._find((i, _OUTSIDE))
        chunks = list(self._chunks())
        made: dict[_Node, Item] = {}
        for i, states in enumerate(self._states):
            for number, state in enumerate(states):
                made[i, state] = self._items[i].copy() if number else self._items[i]
        targets = {node: self._linked(node, made) for node in made}
        for node, (target, row) in targets.items():
            made[node].target, made[node].row = target, row
        result = Unfolded([], {item: state for (_, state), item in made.items() if state != _OUTSIDE})
        for chunk, following in zip(chunks, [*chunks[1:], None], strict=True):
            result.items += self._guard(made[chunk[0]], result.items)
            result.items += (made[node] for node in chunk)
            result.items += self._lead_on(chunk[-1], following[0] if following else None, made)
        return result

    # --- states

    def _find(self, start: _Node) -> None:
        """Find what can be reached from an instruction in a state."""
        stack = [start]
        while stack:
            i, state = stack.pop()
            if state in self._states[i]:
                continue
            self._states[i][state] = None
            self._nodes += 1
            if self._nodes > _MOST_TIMES * len(self._items) + _MOST_MORE:
                raise Unencodable("too many histories of a decision")
            stack += self._successors((i, state))

    def _successors(self, node: _Node) -> Iterator[_Node]:
        item = self._items[node[0]]
        if (handler := self._handler(node)) is not None:
            yield handler
        if (jumped := self._jumped(node)) is not None:
            yield jumped
        if (fallen := self._fallen(node)) is not None:
            yield fallen
        if item.name == "END_ASYNC_FOR" and item.target is not None:
            yield self._index[item.target], State(node[1].history)

    def _jumped(self, node: _Node) -> _Node | None:
        item = self._items[node[0]]
        if item.target is None or item.name == "END_ASYNC_FOR":
            return None
        return self._index[item.target], self._behind(node, jumped=True)

    def _fallen(self, node: _Node) -> _Node | None:
        """What follows an instruction that does not jump."""
        i, _ = node
        item = self._items[i]
        assert item.origin is not None
        if item.name in FINAL or item.origin.jumps or i + 1 == len(self._items):
            return None
        return i + 1, self._behind(node, jumped=False)

    def _handler(self, node: _Node) -> _Node | None:
        row = self._items[node[0]].row
        if row is None:
            return None
        history = node[1].history if row[0].name in _GO_ON else ()
        return self._index[row[0]], State(history)

    def _behind(self, node: _Node, *, jumped: bool) -> State:
        """The state behind an exit."""
        i, (history, came) = node
        origin = self._items[i].origin
        assert origin is not None
        exit_edge = origin.offset, jumped
        if exit_edge in self._histories.exits:
            history = self._histories.after(history, exit_edge, came)
        if origin.conditional:
            came = exit_edge if exit_edge in self._leading else None
        return State(history, came)

    # --- order

    def _chunks(self) -> Iterator[list[_Node]]:
        """Stretches of code in each of their states, so that as many as possible go on with what follows."""
        before: _Node | None = None
        for first, end in self._stretches():
            states = list(self._states[first])
            if before is not None and before[0] == first and before[1] in states:
                states.remove(before[1])
                states.insert(0, before[1])
            for state in states:
                yield [(i, state) for i in range(first, end)]
            before = self._fallen((end - 1, states[-1]))

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """First and last (exclusive) instruction of each stretch that nothing leaves in the middle.

        What jumps ends its stretch, so what it jumps forward to stands in a later one.
        """
        starts = {0}
        for i, item in enumerate(self._items):
            assert item.origin is not None
            leaves = (
                item.target is not None or item.name in FINAL or (item.origin.offset, False) in self._histories.exits
            )
            if leaves or self._states[i].keys() != self._states[min(i + 1, len(self._items) - 1)].keys():
                starts.add(i + 1)
        ordered = sorted(starts - {len(self._items)})
        yield from zip(ordered, [*ordered[1:], len(self._items)], strict=True)

    def _linked(self, node: _Node, made: dict[_Node, Item]) -> tuple[Item | None, tuple[Item, int] | None]:
        """Where a copy jumps to, and its handler."""
        item = self._items[node[0]]
        row, handler, jumped = item.row, self._handler(node), self._jumped(node)
        target = item.target if jumped is None else made[jumped]
        if item.name == "END_ASYNC_FOR" and item.target is not None:
            target = made[self._index[item.target], State(node[1].history)]
        return target, None if row is None or handler is None else (made[handler], row[1])

    def _lead_on(self, last: _Node, following: _Node | None, made: dict[_Node, Item]) -> Iterator[Item]:
        """A jump to what follows a stretch, where something else stands there."""
        to = self._fallen(last)
        if to is None or to == following:
            return
        item = made[last]
        if self._items[to[0]].name == "NOT_TAKEN":  # it stands right behind its jump, for other tools' events
            yield self._added("NOT_TAKEN", item)
            behind = self._fallen(to)
            assert behind is not None
            to = behind
        jump = self._added("JUMP_FORWARD", item)
        jump.target = made[to]
        yield jump

    def _guard(self, item: Item, before: list[Item]) -> Iterator[Item]:
        """A NOP with the handler of an item, where another one's stands before it.

        Before a frame that was called by CALL or SEND raises, its caller has stopped behind the instruction before
        that (``INSTR_OFFSET() - 1`` in Python/ceval.c, 3.13), and the handler of that one is looked up.
        """
        if before and before[-1].row != item.row:
            yield self._added("NOP", item)

    def _added(self, name: str, like: Item) -> Item:
        added = Item(name, position=like.position)
        added.row = like.row
        return added
