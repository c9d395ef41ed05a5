"""Rewrite a code object so that its edges, and the lines that no edge tells, leave marks.

Marks that count tell how often they were passed, exactly, also by several threads; others vanish when they were passed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from io import BytesIO
from types import CodeType
from typing import TYPE_CHECKING

from ipy_branchcov.bytecode import Bytecode
from ipy_branchcov.tracing.prepared import COUNTING, Rewritten, all_known
from ipy_branchcov.tracing.tracer import Edge, Plan
from ipy_branchcov.tracing.vanishing import Once

if TYPE_CHECKING:
    from ipy_branchcov.tracing.linemarks import Passage
    from ipy_branchcov.tracing.marker import Mark


@dataclass
class Marked(Rewritten):
    """What a code object was rewritten from, and its marks: constants of the rewritten one.

    ``counters``: those that count, by the number of the mark. ``passages``: lines without marks, and ``left``: the
    numbers of the instructions where exceptions left them.
    """

    marks: list[Mark]
    once: Once
    counters: dict[int, itertools.count[int]] = field(default_factory=dict)
    passages: list[Passage] = field(default_factory=list)
    left: set[int] = field(default_factory=set)
    _begun: dict[int, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget what was passed."""
        self.once.begin()
        self.left.clear()
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
        for passage in self.passages:
            if passage.proved(hits, self.left):
                lines |= passage.lines
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
    # Most runs on 3.12 and later do without, and what is not imported makes the extension come sooner.
    from ipy_branchcov.tracing.assembly import assemble
    from ipy_branchcov.tracing.linemarks import LineMarker
    from ipy_branchcov.tracing.marker import Marker

    constants = code.co_consts if constants is None else constants
    kind_of_marker = LineMarker if lines else Marker
    marker = kind_of_marker(plan.bytecode or Bytecode(code), plan, len(constants), counting=kind == COUNTING)
    marker.run()
    counting = [i for i, each in enumerate(marker.marks) if kind == COUNTING and each.edge is not None]
    counters = {number: itertools.count() for number in counting}
    once = Once({number: BytesIO(b"\n") for number in range(len(marker.marks)) if number not in counters})
    left: set[int] = set()
    made = [counters.get(number) or once.marks[number] for number in range(len(marker.marks))]
    new = assemble(code, marker.items, (*constants, *made, left)).replace(co_stacksize=code.co_stacksize + 3)
    once.attach(new, {number: marker.writes(number) for number in once.marks})
    passages = marker.passages() if isinstance(marker, LineMarker) else []
    return new, Marked(code, kind, marker.marks, once, counters, passages, left)
