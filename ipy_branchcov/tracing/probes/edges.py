"""Instrument a code object so that each exit of a test leads to an instruction that nothing else leads to.

An edge is *critical* where its source has two exits and its target two entries. Each one that matters gets an
instruction of its own: a NOP on a fall-through, a trampoline on a jump. Used where events can be switched off by the
instruction: on 3.12 and 3.13, and from 3.14 on for code whose values are observed.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from marshal import dumps, loads
from types import CodeType
from typing import Any

from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.bytecode.encode import Item, assemble, tables_of, with_tables
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes.arrange import falls
from ipy_branchcov.tracing.probes.cells import ROOM, added_constants
from ipy_branchcov.tracing.probes.registry import Instrumented
from ipy_branchcov.tracing.probes.split import Splitter, check
from ipy_branchcov.tracing.tracer import Edge, Mechanism, Plan

__builtins__ = BUILTINS

#: The name of what is kept of split code.
_MADE = "split"


class Split(Instrumented):
    """``edges``: the edge that is covered when the instruction at an offset ran, as a plain tuple."""

    __slots__ = ()

    def __init__(self, code: CodeType, original: CodeType, kind: Mechanism, edges: Mapping[int, tuple[Any, ...]]):
        super().__init__(code, original, kind, dumps(dict(edges)))

    @property
    def edges(self) -> dict[int, tuple[Any, ...]]:
        edges: dict[int, tuple[Any, ...]] = loads(self.fields[2])
        return edges


def split(
    code: CodeType, plan: Plan, constants: tuple[object, ...] | None = None, kind: Mechanism = Mechanism.SPLIT
) -> tuple[CodeType, Split]:
    """The same code with no critical edge that matters; ``constants``: with its nested code objects split.

    Raises Unencodable.
    """
    check(code)
    constants = code.co_consts if constants is None else constants
    if kind is Mechanism.SPLIT and (made := plan.made.get(_MADE)) is not None:
        return _again(code, made, constants + added_constants(plan))
    splitter = EdgeSplitter(plan.bytecode or Bytecode(code), plan, len(constants))
    splitter.run()
    new = assemble(code, splitter.items, constants + added_constants(plan))
    if plan.values:
        new = new.replace(co_stacksize=code.co_stacksize + ROOM)
    edges = {offset: tuple(edge) for offset, edge in splitter.edges().items()}
    if kind is Mechanism.SPLIT:
        plan.made[_MADE] = (*tables_of(new), edges)
    return new, Split(new, code, kind, edges)


def _again(code: CodeType, made: tuple[Any, ...], constants: tuple[object, ...]) -> tuple[CodeType, Split]:
    """The same as it was made before."""
    *tables, edges = made
    new = with_tables(code, tables, constants)
    return new, Split(new, code, Mechanism.SPLIT, edges)


class EdgeSplitter(Splitter):
    """Gives each edge an instruction of its own. ``proofs``: (item, edge): the edge is covered when the item runs."""

    def __init__(self, bytecode: Bytecode, plan: Plan, constants: int):
        super().__init__(bytecode, plan, constants)
        self.proofs: list[tuple[Item, Edge]] = []
        #: The number of edges into each item; 2 stands for more.
        self._entries: dict[Item, int] = {}

    def edges(self) -> dict[int, Edge]:
        """The edge that each instruction proves, by offset. Call it after the items are laid out."""
        return {item.offset + 2 * (item.size - 1): edge for item, edge in self.proofs}

    def run(self) -> None:
        super().run()
        after: dict[Item, Item] = {}
        for item, following in itertools.pairwise(self.items):
            if item in self._ends:
                after[item] = following
        self.items = [item for item in self.items if item not in after]
        for item in self.items:
            if item.target in after:
                item.target = after[item.target]

    def _begin(self) -> None:
        super()._begin()
        entries = self._entries = dict.fromkeys(self.items, 0)
        entries[self.items[0]] += 1
        for item, after in zip(self.items, [*self.items[1:], None], strict=True):
            if item.target is not None and item.name != "END_ASYNC_FOR":
                entries[item.target] += 1
            if after is not None and falls(item):
                entries[after] += 1
            if item.row is not None:
                entries[item.row[0]] = 2

    def _proof(self, edge: Edge, like: Item) -> list[Item]:
        item = Item("NOP")
        self.proofs.append((item, edge))
        return [item]

    def _side(self, proof: list[Item], leave: Item) -> list[Item]:
        """The instruction that leads on is the proof."""
        _, edge = self.proofs.pop()
        self.proofs.append((leave, edge))
        proof[:] = [leave]
        return proof

    def _probe_jump(self, item: Item, edge: Edge) -> None:
        if (last := self._passed(item)) is not None:
            self._probe_fall(last, edge)
        elif item.target is not None and self._entries[item.target] == 1:
            self.proofs.append((item.target, edge))
        else:
            self.proofs.append((self._detour(item, []), edge))

    def _probe_fall(self, item: Item, edge: Edge) -> None:
        after = next(iter(self._after.get(item, ())), self._following(item))
        if after is None or self._entries.get(after, 1) != 1:
            after = Item("NOP", position=item.position)
            after.row = item.row
            self._after.setdefault(item, []).append(after)
        self.proofs.append((after, edge))
