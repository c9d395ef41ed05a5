"""``sys.monitoring`` on 3.12 and 3.13, where BRANCH tells both directions by one event and cannot be switched off.

Code is rewritten so that each edge has an instruction of its own (:mod:`~ipy_branchcov.tracing.splitting`); each
instruction is then told once, and costs nothing from there on. Code that runs as others compiled it is told by
BRANCH events, which are switched off when both directions were seen.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, cast

from ipy_branchcov.tracing import prepared
from ipy_branchcov.tracing.assembly import Unencodable
from ipy_branchcov.tracing.prepared import AS_IT_WAS, COUNTING
from ipy_branchcov.tracing.splitting import Split, split
from ipy_branchcov.tracing.superinstructions import PAIRS, Pairs
from ipy_branchcov.tracing.tool import Tool
from ipy_branchcov.tracing.tracer import CodeFilter, Edge, Plan, Planner, Recording, Witness, lines_at

if TYPE_CHECKING:
    from ipy_branchcov.tracing.marking import Marked


class InstructionTracer:
    """Local events on the wanted code objects alone; each function that starts is looked at once.

    ``counts``: the code counts its edges itself, by marks; the events tell its lines.
    """

    name = "monitoring"

    def __init__(self, wanted: CodeFilter, planner: Planner, *, counts: bool = False, witness: Witness | None = None):
        self.note = ""
        self._witness = witness
        self._wanted = wanted
        self._planner = planner
        self._counts = counts
        self._kind = COUNTING if counts else "split"
        self._functions = prepared.Functions()
        self._pairs = Pairs() if PAIRS else None
        #: Rewritten code, its edges, what it was; and the instructions that ran. By the id of the code that runs.
        self._splits: dict[int, tuple[CodeType, dict[int, Edge], CodeType]] = {}
        self._ran: dict[int, set[int]] = {}
        self._marked: dict[int, tuple[CodeType, Marked]] = {}
        #: Code as others compiled it.
        self._recordings: dict[int, Recording] = {}
        self._ways: dict[tuple[int, int], set[int]] = {}
        self._before: dict[int, tuple[int, int]] = {}
        self._begun: dict[int, int] = {}
        self._lines: dict[int, dict[int, int | None]] = {}

    def prepare(self, code: CodeType) -> CodeType:
        return prepared.prepare(code, self._kind, self._wanted, self._rewrite)

    def _rewrite(self, code: CodeType, constants: tuple[object, ...]) -> tuple[CodeType, prepared.Rewritten]:
        try:
            if self._counts:
                from ipy_branchcov.tracing.marking import mark  # not imported where nothing is counted

                return mark(code, self._planner(code), constants, kind=COUNTING, lines=False)
            return split(code, self._planner(code), constants)
        except Unencodable:
            return code.replace(co_consts=constants), prepared.Rewritten(code, AS_IT_WAS)

    def start(self) -> None:
        events = sys.monitoring.events
        if self._counts:
            from ipy_branchcov.tracing.marking import begin_all

            begin_all()
        self._tool = Tool(
            {
                events.PY_START: self._starts,
                events.PY_RESUME: self._starts,
                events.INSTRUCTION: self._instruction,
                events.BRANCH: self._branch,
            }
        )
        sys.monitoring.set_events(self._tool.id, events.PY_START | events.PY_RESUME)

    def stop(self) -> list[Recording]:
        watched = [code for code, _, _ in self._splits.values()] + [code for code, _ in self._marked.values()]
        self.note = self._tool.give_back((*watched, *(recording.code for recording in self._recordings.values())))
        if self._pairs is not None:
            self._pairs.ended()
        recordings = [self._told(*split) for split in self._splits.values()]
        for code, marked in self._marked.values():
            recordings.append(Recording(marked.original, Plan(), marked.told()[0], lines_at(code, self._ran[id(code)])))
        recordings += self._recordings.values()
        return [recording for recording in recordings if recording.lines or recording.edges]

    def _told(self, code: CodeType, edges: dict[int, Edge], original: CodeType) -> Recording:
        """What a rewritten code object did, in the offsets of the original."""
        ran = self._ran[id(code)]
        taken = {edge: 1 for offset, edge in edges.items() if offset in ran}
        return Recording(original, Plan(), taken, lines_at(code, self._ran[id(code)]))

    # --- callbacks. What they raise would be raised in the measured code.

    def _starts(self, code: CodeType, offset: int) -> Any:
        key = id(code)
        if key in self._ran or key in self._recordings:
            return sys.monitoring.DISABLE
        known = prepared.known(code)
        events = sys.monitoring.events
        if known is not None and known.kind == self._kind:
            if self._wanted(known.original):
                if isinstance(known, Split):
                    self._splits[key] = (code, known.edges, known.original)
                else:
                    self._marked[key] = (code, cast("Marked", known))
                self._ran.setdefault(key, set())
                sys.monitoring.set_local_events(self._tool.id, code, events.INSTRUCTION)
        elif self._wanted(code):
            # Another thread may have come first.
            self._recordings.setdefault(key, Recording(code, self._planner(code)))
            sys.monitoring.set_local_events(self._tool.id, code, events.INSTRUCTION | events.BRANCH)
            if known is None or known.kind != AS_IT_WAS:
                self._functions.exchange(code, self.prepare(code))
        return sys.monitoring.DISABLE

    def _instruction(self, code: CodeType, offset: int) -> Any:
        ran = self._ran.get(id(code))
        if ran is not None:
            try:
                if self._witness is not None and offset not in ran:
                    self._tell(code, offset, sys._getframe(1))
                if self._pairs is not None:
                    self._pairs.told(code, offset)
            except RecursionError:  # the program's stack has no room left: neither is worth changing what it does
                pass
            ran.add(offset)
            return sys.monitoring.DISABLE
        return self._step(code, offset)

    def _tell(self, code: CodeType, offset: int, frame: FrameType) -> None:
        _, edges, original = self._splits.get(id(code), (None, {}, code))
        if self._witness is not None and (edge := edges.get(offset)) is not None:
            self._witness(original, edge, frame)

    # --- code as others compiled it

    def _step(self, code: CodeType, offset: int) -> Any:
        """An instruction: its line ran; it may be the end of an asynchronous step, which BRANCH does not tell."""
        recording = self._recordings.get(id(code))
        if recording is None:
            return sys.monitoring.DISABLE
        lines = self._lines.get(id(code))
        if lines is None:
            lines = self._lines.setdefault(id(code), _lines(code))
        if line := lines.get(offset):
            recording.lines.add(line)
        ends = recording.plan.ends
        if offset not in ends and offset not in ends.values():
            return sys.monitoring.DISABLE
        frame = id(sys._getframe(2))
        began = self._begun.pop(frame, -1)
        if began >= 0 and ends.get(began) == offset:
            edge = Edge(began, offset)
            if self._witness is not None and edge not in recording.edges:
                self._witness(code, edge, sys._getframe(2))
            recording.edges[edge] = recording.edges.get(edge, 0) + 1 if self._counts else 1
        if offset in ends:
            self._begun[frame] = offset
        return None

    def _branch(self, code: CodeType, src: int, dst: int) -> Any:
        recording = self._recordings.get(id(code))
        if recording is None:
            return sys.monitoring.DISABLE
        plan, before = recording.plan, None
        ways = self._ways.setdefault((id(code), src), set())
        ways.add(dst)
        keep = self._counts or len(ways) < 2
        if src in plan.joint or src in plan.watched:
            frame = id(sys._getframe(1))
            before = self._before.get(frame) if src in plan.joint else None
            if src in plan.watched:
                self._before[frame] = (src, dst)
            keep = True
        edge = Edge(src, dst, before)
        if self._witness is not None and edge not in recording.edges:
            self._witness(code, edge, sys._getframe(1))
        recording.edges[edge] = recording.edges.get(edge, 0) + 1 if self._counts else 1
        return None if keep else sys.monitoring.DISABLE


def _lines(code: CodeType) -> dict[int, int | None]:
    """The lines by offset."""
    return {offset: line for start, end, line in code.co_lines() for offset in range(start, end, 2)}
