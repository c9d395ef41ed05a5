"""Instrument a code object with probes on its edges, and on the lines whose execution no edge probe proves.

Probes that count stay; the others vanish after their first hit.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType
from typing import Any

from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.bytecode.encode import assemble, tables_of, with_tables
from ipy_branchcov.bytecode.memory import uncollect
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes.cells import added_constants
from ipy_branchcov.tracing.probes.instrument import Counter, edges_of, renewed
from ipy_branchcov.tracing.probes.place import ROOM
from ipy_branchcov.tracing.probes.split import check
from ipy_branchcov.tracing.py311.lines import LineProbePlacer, Passage
from ipy_branchcov.tracing.py311.one_shot import Notes, Once
from ipy_branchcov.tracing.tracer import Mechanism, Plan

__builtins__ = BUILTINS

#: The name of what is kept of code with probes that vanish.
_MADE = "probes"


class Probed(Once):
    """``proved``: the lines of each probe. ``passages``: lines without probes of their own, as a passage's fields."""

    __slots__ = ()

    @property
    def proved(self) -> tuple[tuple[int, ...], ...]:
        proved: tuple[tuple[int, ...], ...] = self.plain[3]
        return proved

    @property
    def passages(self) -> tuple[tuple[Any, ...], ...]:
        passages: tuple[tuple[Any, ...], ...] = self.plain[4]
        return passages

    def hits(self, begun: Mapping[int, int] | None = None) -> dict[int, int]:
        return dict.fromkeys(self.passed(), 1) | super().hits(begun)

    def lines(self) -> set[int]:
        """The lines that ran."""
        hits, left = dict.fromkeys(self.ever_passed(), 1) | super().hits(), self.left()
        lines, (*_, proved, passages) = set[int](), self.plain
        for number in hits:
            lines.update(proved[number])
        for each in passages:
            passage = Passage(*each)
            if passage.proved(hits, left):
                lines.update(passage.lines)
        return lines


def probe(code: CodeType, plan: Plan, constants: tuple[object, ...], kind: Mechanism) -> tuple[CodeType, Probed]:
    """The same code with probes; ``constants``: with its nested code objects probed. Raises Unencodable.

    ``kind``: :attr:`Mechanism.PROBES`, one that counts, or the same with decisions followed.
    """
    check(code)
    constants = renewed(constants)
    added = added_constants(plan)
    if kind is Mechanism.PROBES and (known := plan.made.get(_MADE)) is not None:
        return _again(code, known, (*constants, *added))
    placer = LineProbePlacer(plan.bytecode or Bytecode(code), plan, len(constants), counting=kind.counting)
    placer.run()
    counters = {i: Counter() for i, each in enumerate(placer.probes) if kind.counting and each.edge is not None}
    made = [counters.get(number, ~number) for number in range(len(placer.probes))]
    new = assemble(code, placer.items, (*constants, *added, *made, Notes()))
    new = new.replace(co_stacksize=code.co_stacksize + ROOM)
    writes = tuple(() if number in counters else tuple(placer.writes(number)) for number in range(len(placer.probes)))
    idle = () if kind.counting else tuple(placer.idle())
    proved = tuple(tuple(each.lines) for each in placer.probes)
    passages = tuple(map(tuple, placer.passages()))
    edges = edges_of(placer.probes)
    if kind is Mechanism.PROBES:
        plan.made[_MADE] = (*tables_of(new), edges, writes, idle, proved, passages)
    return new, _probed(new, (writes, idle), code, kind, edges, counters, proved, passages)


def _again(code: CodeType, made: tuple[Any, ...], constants: tuple[object, ...]) -> tuple[CodeType, Probed]:
    """The same as it was made before."""
    *tables, edges, writes, idle, proved, passages = made
    new = with_tables(code, tables, (*constants, *(~number for number in range(len(edges))), Notes()))
    return new, _probed(new, (writes, idle), code, Mechanism.PROBES, edges, {}, proved, passages)


def _probed(new: CodeType, changes: tuple[Any, Any], *counted: Any) -> Probed:
    """The entry of code with probes; its last constant is its notes. ``changes``: its writes, and those of idle code.

    No cycle goes through them, so the collector need not look at them.
    """
    *_, notes = constants = new.co_consts
    uncollect(notes)
    uncollect(constants)
    return Probed(new, notes, *changes, *counted)
