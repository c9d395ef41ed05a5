"""``sys.monitoring`` with an event for each direction of a branch (3.14): each is told once, then costs nothing.

A jump is told by BRANCH_RIGHT, the way on by the instruction that it leads to, and so are the lines that ran. LINE
would tell those with fewer events, but not be over then: an instruction that is only reached from its own line (the
last part of ``a if b else c``) tells no line, is never answered, and stays instrumented; generators took 1.3 times as
long.
"""

from __future__ import annotations

import dis
import sys
import weakref
from types import CodeType
from typing import TYPE_CHECKING, Any, cast

from ipy_branchcov.tracing import prepared
from ipy_branchcov.tracing.prepared import AS_IT_WAS, COUNTING
from ipy_branchcov.tracing.tool import Tool
from ipy_branchcov.tracing.tracer import CodeFilter, Edge, Planner, Recording, Witness, lines_at

if TYPE_CHECKING:
    from ipy_branchcov.tracing.marking import Marked

_FOR_ITER = dis.opmap["FOR_ITER"]
_END_ASYNC_FOR = dis.opmap["END_ASYNC_FOR"]


class MonitoringTracer:
    """Local events on the wanted code objects alone; each function that starts is looked at once.

    Not counting, an event is switched off at its first hit. Counting, the code counts its edges itself, by marks;
    code that others compiled keeps its events.
    """

    name = "monitoring"

    def __init__(self, wanted: CodeFilter, planner: Planner, *, counts: bool = False, witness: Witness | None = None):
        self.note = ""
        self._witness = witness
        self._wanted = wanted
        self._planner = planner
        self._counts = counts
        self._global = 0
        self._functions = prepared.Functions()
        self._marked: dict[int, tuple[CodeType, Marked]] = {}
        self._codes: list[weakref.ref[CodeType]] = []
        self._recordings: dict[int, Recording] = {}
        #: The instructions that ran, by the id of their code.
        self._ran: dict[int, set[int]] = {}
        self._raw: dict[int, bytes] = {}
        self._before: dict[int, tuple[int, int]] = {}
        #: Asynchronous loops whose end is certain and told no more: the code's id, the offset.
        self._ended: set[tuple[int, int]] = set()

    def prepare(self, code: CodeType) -> CodeType:
        return prepared.prepare(code, COUNTING, self._wanted, self._rewrite) if self._counts else code

    def _rewrite(self, code: CodeType, constants: tuple[object, ...]) -> tuple[CodeType, prepared.Rewritten]:
        from ipy_branchcov.tracing.assembly import Unencodable
        from ipy_branchcov.tracing.marking import mark  # not imported where nothing is counted

        try:
            return mark(code, self._planner(code), constants, kind=COUNTING, lines=False)
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
                events.BRANCH_RIGHT: self._right,
                events.INSTRUCTION: self._instruction,
                events.RERAISE: self._reraised,
            }
        )
        self._global = events.PY_START | events.PY_RESUME
        known, self._codes = self._codes, []
        for reference in known:
            if (code := reference()) is not None:
                self._watch(code)
        sys.monitoring.set_events(self._tool.id, self._global)

    def stop(self) -> list[Recording]:
        self.note = self._tool.give_back([recording.code for recording in self._recordings.values()])
        for key, recording in self._recordings.items():
            recording.lines = lines_at(recording.code, self._ran[key])
        for key, (_, marked) in self._marked.items():
            self._recordings[key].edges = marked.told()[0]
            self._recordings[key].code = marked.original
        recordings = [r for r in self._recordings.values() if r.lines or r.edges]
        self._marked = {}
        self._recordings, self._ran, self._raw, self._before, self._ended = {}, {}, {}, {}, set()
        return recordings

    def _watch(self, code: CodeType) -> None:
        events = sys.monitoring.events
        plan = self._planner(code)
        self._raw[id(code)] = code.co_code
        self._ran.setdefault(id(code), set())
        self._recordings.setdefault(id(code), Recording(code, plan))  # another thread may have come first
        self._codes.append(weakref.ref(code))
        sys.monitoring.set_local_events(self._tool.id, code, events.INSTRUCTION | events.BRANCH_RIGHT)
        if _END_ASYNC_FOR in code.co_code[::2]:
            self._global |= events.RERAISE
            sys.monitoring.set_events(self._tool.id, self._global)

    # --- callbacks. What they raise would be raised in the measured code. Where its stack has no room left for them,
    # they leave their event on: it comes again.

    def _starts(self, code: CodeType, offset: int) -> Any:
        try:
            return self._look(code)
        except RecursionError:
            return None

    def _look(self, code: CodeType) -> Any:
        if id(code) in self._recordings:
            return sys.monitoring.DISABLE
        known = prepared.known(code) if self._counts else None
        if known is not None and known.kind == COUNTING:
            if self._wanted(known.original):
                self._marked[id(code)] = (code, cast("Marked", known))
                self._ran.setdefault(id(code), set())
                self._recordings.setdefault(id(code), Recording(code))
                sys.monitoring.set_local_events(self._tool.id, code, sys.monitoring.events.INSTRUCTION)
        elif self._wanted(code):
            self._watch(code)
            if self._counts and known is None:
                self._functions.exchange(code, self.prepare(code))
        return sys.monitoring.DISABLE

    def _right(self, code: CodeType, src: int, dst: int) -> Any:
        # The end of an asynchronous loop is told with a source computed from a NOT_TAKEN that may not be there.
        raw = self._raw.get(id(code))
        if raw is not None and raw[src] == _FOR_ITER:
            return sys.monitoring.DISABLE  # told by its POP_ITER
        try:
            if (
                raw is not None
                and raw[dst - 2] == _END_ASYNC_FOR
                and not dis.opname[raw[src]].startswith("POP_JUMP_IF")
            ):
                return self._async_end(code, dst - 2, dst)
            return self._record(code, src, dst)
        except RecursionError:
            return None

    def _async_end(self, code: CodeType, src: int, dst: int) -> Any:
        """END_ASYNC_FOR tells its end before it looks what ended it; any other exception it raises again.

        So an end is certain when the next one comes: none was taken back by :meth:`_reraised`.
        """
        recording = self._recordings.get(id(code))
        if recording is not None and not self._counts and Edge(src, dst) in recording.edges:
            self._ended.add((id(code), src))
            return sys.monitoring.DISABLE
        self._record(code, src, dst)
        return None

    def _reraised(self, code: CodeType, offset: int, exception: BaseException) -> None:
        raw, recording = self._raw.get(id(code)), self._recordings.get(id(code))
        if raw is None or recording is None or raw[offset] != _END_ASYNC_FOR or (id(code), offset) in self._ended:
            return
        edge = next((edge for edge in recording.edges if edge.src == offset), None)
        if edge is not None:
            recording.edges[edge] -= 1
            if not recording.edges[edge]:
                del recording.edges[edge]

    def _instruction(self, code: CodeType, offset: int) -> Any:
        recording, ran = self._recordings.get(id(code)), self._ran.get(id(code))
        if recording is None or ran is None:
            return sys.monitoring.DISABLE
        ran.add(offset)
        edge = recording.plan.steps.get(offset)
        try:
            return sys.monitoring.DISABLE if edge is None else self._record(code, *edge)
        except RecursionError:
            return None

    def _record(self, code: CodeType, src: int, dst: int) -> Any:
        recording = self._recordings.get(id(code))
        if recording is None:
            return sys.monitoring.DISABLE
        plan, before = recording.plan, None
        keep = self._counts
        if src in plan.joint or src in plan.watched:
            frame = id(sys._getframe(2))
            before = self._before.get(frame) if src in plan.joint else None
            if src in plan.watched:
                self._before[frame] = (src, dst)
            keep = True  # which of two tests it serves can differ at every hit
        edge = Edge(src, dst, before)
        if self._witness is not None and edge not in recording.edges:
            try:  # noqa: SIM105 (suppress() would need room itself)
                self._witness(code, edge, sys._getframe(2))
            except RecursionError:  # the edge is told all the same
                pass
        recording.edges[edge] = recording.edges.get(edge, 0) + 1 if self._counts else 1
        return None if keep else sys.monitoring.DISABLE
