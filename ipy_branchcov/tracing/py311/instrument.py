"""Instrument a code object with probes on its edges, and on the lines whose execution no edge probe proves.

Probes that count stay; the others vanish after their first hit.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from io import BytesIO
from types import CodeType

from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.bytecode.encode import assemble
from ipy_branchcov.tracing.probes.instrument import Counted
from ipy_branchcov.tracing.probes.place import ROOM
from ipy_branchcov.tracing.probes.registry import COUNTING
from ipy_branchcov.tracing.py311.lines import LineProbePlacer, Passage
from ipy_branchcov.tracing.py311.one_shot import Once
from ipy_branchcov.tracing.tracer import Mechanism, Plan


class Raised(set[int]):
    """Indexes of instructions that raised. It is a constant of the code: code objects must stay hashable."""

    # A traceback of IPython hashes the code of each frame (IPython before 9.14, through stack_data).
    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__
    __ne__ = object.__ne__


@dataclass
class Probed(Counted):
    """``passages``: lines without probes of their own. ``left``: indexes of instructions that raised an exception."""

    once: Once
    passages: list[Passage]
    left: Raised

    def begin(self) -> None:
        super().begin()
        self.once.begin()
        self.left.clear()

    def hits(self) -> dict[int, int]:
        return dict.fromkeys(self.once.passed(), 1) | super().hits()

    def lines(self) -> set[int]:
        """The lines that ran."""
        hits = self.hits()
        lines: set[int] = set()
        for number in hits:
            lines |= self.probes[number].lines
        for passage in self.passages:
            if passage.proved(hits, self.left):
                lines |= passage.lines
        return lines


def probe(code: CodeType, plan: Plan, constants: tuple[object, ...], kind: Mechanism) -> tuple[CodeType, Probed]:
    """The same code with probes; ``constants``: with its nested code objects probed. Raises Unencodable.

    ``kind``: :attr:`Mechanism.PROBES`, or :data:`COUNTING`.
    """
    placer = LineProbePlacer(plan.bytecode or Bytecode(code), plan, len(constants), counting=kind == COUNTING)
    placer.run()
    counting = [i for i, each in enumerate(placer.probes) if kind == COUNTING and each.edge is not None]
    counters = {number: itertools.count() for number in counting}
    once = Once({number: BytesIO(b"\n") for number in range(len(placer.probes)) if number not in counters})
    left = Raised()
    made = [counters.get(number) or once.probes[number] for number in range(len(placer.probes))]
    new = assemble(code, placer.items, (*constants, *made, left)).replace(co_stacksize=code.co_stacksize + ROOM)
    once.attach(new, {number: placer.writes(number) for number in once.probes})
    return new, Probed(code, kind, placer.probes, counters, once, placer.passages(), left)
