"""``sys.monitoring`` with an event for each direction of a branch (3.14): each is sent once, then costs nothing.

BRANCH_RIGHT reports a jump. The INSTRUCTION event of the next instruction reports a fall-through, and INSTRUCTION
events report the lines that ran. LINE would need fewer events, but they could not all be switched off: an instruction
that is only reached from its own line (the last part of ``a if b else c``) never sends LINE, so nothing answers
DISABLE, and it stays instrumented. Generators took 1.3 times as long.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, cast

from ipy_branchcov.bytecode.decode import lines_at
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.callbacks import Callbacks
from ipy_branchcov.tracing.failures import Failures, encodable
from ipy_branchcov.tracing.following import OpenEvaluations
from ipy_branchcov.tracing.gc_control import undisturbed
from ipy_branchcov.tracing.monitoring_tool import Tool
from ipy_branchcov.tracing.probes import functions, registry
from ipy_branchcov.tracing.probes.counting import CountingCode
from ipy_branchcov.tracing.probes.edges import Split, split
from ipy_branchcov.tracing.probes.readers import READING
from ipy_branchcov.tracing.probes.registry import COUNTING
from ipy_branchcov.tracing.py314.loop_ends import END_ASYNC_FOR, FOR_ITER, TESTS, LoopEnds, has_async_loop, ways_on
from ipy_branchcov.tracing.stack_values import UNREADABLE, StackValues, needs_instructions
from ipy_branchcov.tracing.tracer import CodeFilter, Edge, Mechanism, OnFirstHit, Plan, Planner, Recording

if TYPE_CHECKING:
    from ipy_branchcov.tracing.probes.instrument import Counted

__builtins__ = BUILTINS


class MonitoringTracer:
    """Sets local events on the wanted code objects alone; each function is checked once, when it starts.

    Without ``counts`` an event is switched off at its first hit, and code in which values are observed is split as on
    3.12. With ``counts`` probes count the edges; code that runs uninstrumented keeps its events on.
    """

    name = "monitoring"

    def __init__(
        self,
        wanted: CodeFilter,
        planner: Planner,
        *,
        counts: bool = False,
        on_first_hit: OnFirstHit | None = None,
        follow: bool = False,
    ):
        self.note = ""
        self.failures = Failures()
        self._callbacks = Callbacks(wanted, self.failures)
        self._on_first_hit = on_first_hit
        self._wanted, self._planner = wanted, planner
        self._counts = counts
        self._kind = (COUNTING if counts else Mechanism.SPLIT).following(follow)
        self._follow = follow
        self._open = OpenEvaluations()
        self._global = 0
        self._functions = functions.Functions()
        self._counted = CountingCode(self._kind)
        #: Split code, its edges, its original.
        self._splits: dict[int, tuple[CodeType, dict[int, tuple[Any, ...]], CodeType]] = {}
        #: What is observed in code that runs uninstrumented, by the id of that code.
        self._values: dict[int, StackValues] = {}
        self._unread = ""
        self._codes: list[weakref.ref[CodeType]] = []
        self._recordings: dict[int, Recording] = {}
        #: The instructions that ran, by the id of their code.
        self._ran: dict[int, set[int]] = {}
        self._raw: dict[int, bytes] = {}
        self._before: dict[int, tuple[int, int]] = {}
        self._loop_ends = LoopEnds()
        #: The instructions that ran before the last turn, by the id of their code.
        self._ran_before: dict[int, set[int]] = {}
        #: After the first turn, of code whose branch events alone are sent again: the edges that lead on, and the ends
        #: of loops, by the test.
        self._again: dict[int, tuple[dict[int, Edge], dict[int, Edge]]] = {}

    def instrument(self, code: CodeType) -> CodeType:
        wanted = self._wanted if self._counts else self._observes
        return registry.instrument(code, self._kind, wanted, self._instrument_one)

    def _instrument_one(self, code: CodeType, constants: tuple[object, ...]) -> tuple[CodeType, registry.Instrumented]:
        make: Callable[..., tuple[CodeType, registry.Instrumented]] = split
        if self._counts:
            from ipy_branchcov.tracing.probes.instrument import count_edges  # not imported where nothing is counted

            make = count_edges
        return encodable(lambda: make(code, self._planner(code), constants, self._kind), code, self._say)

    def _say(self, note: str) -> None:
        self.note = self.note or note

    def _observes(self, code: CodeType) -> bool:
        """Whether code is wanted that only instructions can look at."""
        return self._wanted(code) and needs_instructions(code, self._planner, follow=self._follow)

    def start(self) -> None:
        events, ending = sys.monitoring.events, self.failures.ending
        self._tool = Tool(
            {
                events.PY_START: undisturbed(self._starts, failed=ending),
                events.PY_RESUME: undisturbed(self._starts, failed=ending),
                events.BRANCH_LEFT: undisturbed(self._left, failed=ending),
                events.BRANCH_RIGHT: undisturbed(self._right, failed=ending),
                events.INSTRUCTION: undisturbed(self._instruction, failed=ending),
                events.RERAISE: undisturbed(self._reraised, failed=self.failures.add),
            },
            see=self._callbacks.see,
        )
        functions.swap_again(self._wanted, self._kind, self.instrument)
        functions.begin(self, self._kind)
        self._global = events.PY_START | events.PY_RESUME
        known, self._codes = self._codes, []
        for reference in known:
            if (code := reference()) is not None:
                self._watch(code)
        self._tool.set_events(self._global)
        for code in functions.running_elsewhere():
            try:
                self._look(code)
            except Exception as error:  # the run begins all the same, and its tool is given back at its end
                self.failures.add(code, error)

    def record_frame(self, frame: FrameType) -> None:
        self._look(frame.f_code)

    def forked(self) -> None:
        if not self._counts:
            return
        self._counted.forked()
        for recording in self._recordings.values():
            recording.edges.clear()

    def turn(self) -> list[Recording]:
        found = list(self._counted.turn())
        for key, (code, edges, original) in list(self._splits.items()):
            if (ran := self._ran[key]) and edges:
                self._ran[key] = set()
                self._ran_before.setdefault(key, set()).update(ran)
                covered = {Edge(*edges[offset]): 1 for offset in ran & edges.keys()}
                found.append(Recording(original, self._kind, Plan(), covered))
                self._tool.send_again(code, sys.monitoring.events.INSTRUCTION)
        for key, recording in list(self._recordings.items()):
            if recording.edges:
                found.append(replace(recording, edges=recording.edges, lines=set()))
                recording.edges = {}
                if not self._counts:
                    self._record_again(key, recording)
        return found

    def _record_again(self, key: int, recording: Recording) -> None:
        """Send the events of tests again; those of instructions cost more, and are needed by few code objects."""
        events, code, plan = sys.monitoring.events, recording.code, recording.plan
        special = (
            plan.shared_jumps or plan.watched or plan.values or any(at == src for at, (src, _) in plan.steps.items())
        )
        if special or has_async_loop(code.co_code):
            self._loop_ends.forget(code)
            self._tool.send_again(code, events.INSTRUCTION | events.BRANCH_RIGHT)
            return
        if key not in self._again:
            self._again[key] = ways_on(plan)
            self._tool.watch(code, events.INSTRUCTION | events.BRANCH_RIGHT | events.BRANCH_LEFT)
        self._tool.send_again(code, events.BRANCH_LEFT | events.BRANCH_RIGHT)

    def recorded(self) -> list[Recording]:
        found = []
        counted = {id(code): (original, covered) for code, original, covered in self._counted.edges()}
        for key, recording in list(self._recordings.items()):
            ran, original, covered = self._ran[key], recording.code, recording.edges.copy()
            if (split := self._splits.get(key)) is not None:
                _, edges, original = split
                covered = {Edge(*edge): 1 for offset, edge in edges.items() if offset in ran}
            elif key in counted:
                original, covered = counted[key]
            if (lines := lines_at(recording.code, ran | self._ran_before.get(key, set()))) or covered:
                found.append(replace(recording, code=original, edges=covered, lines=lines))
        return found

    def noted(self) -> int:
        edges = sum(sum(each.edges.copy().values()) for each in list(self._recordings.values()))
        return sum(map(len, list(self._ran.values()))) + edges + self._counted.noted()

    def stop(self) -> list[Recording]:
        self._callbacks.look()
        self._callbacks.follow()
        self.note = self._tool.give_back() or self.note or self._unread
        recordings = self.recorded()
        functions.end(self)
        self._counted.clear()
        self._splits, self._values, self._recordings = {}, {}, {}
        self._ran, self._ran_before, self._raw, self._before = {}, {}, {}, {}
        self._again, self._loop_ends = {}, LoopEnds()
        return recordings

    def _watch(self, code: CodeType) -> None:
        events, plan = sys.monitoring.events, self._planner(code)
        self._raw[id(code)] = code.co_code
        self._ran.setdefault(id(code), set())
        if plan.values:
            self._unread = UNREADABLE
            self._values.setdefault(id(code), StackValues(code, plan))
        instrumented = self._counts or plan.values or plan.histories is not None
        mechanism = registry.fallback(code) if instrumented else Mechanism.BRANCH_EVENTS
        self._recordings.setdefault(id(code), Recording(code, mechanism, plan))  # another thread may have come first
        self._codes.append(weakref.ref(code))
        self._tool.watch(code, events.INSTRUCTION | events.BRANCH_RIGHT)
        if has_async_loop(code.co_code):
            self._global |= events.RERAISE
            self._tool.set_events(self._global)

    # --- callbacks. What they raise would be raised in the measured code. If its stack has no room left for them, they
    # leave their event on, so that it is sent again.

    def _starts(self, code: CodeType, offset: int) -> Any:
        try:
            return self._look(code)
        except RecursionError:
            return None

    def _look(self, code: CodeType) -> Any:
        if id(code) in self._recordings:
            return sys.monitoring.DISABLE
        self._callbacks.look()
        known = registry.known(code)
        if known is not None and known.kind == self._kind:
            if self._wanted(known.original):
                if self._counts:
                    self._counted.add(code, cast("Counted", known))
                else:
                    self._splits[id(code)] = (code, cast("Split", known).edges, known.original)
                self._watch_instrumented(code)
        elif self._wanted(code):
            if (copied := self._counted.copied(code)) is not None:
                self._splits[id(code)] = (code, {}, copied[1])
                self._watch_instrumented(copied[0])  # it counts for both
                self._watch_instrumented(code)
                return sys.monitoring.DISABLE
            self._watch(code)
            if known is None and not READING.keeps(code):
                new = self.instrument(code)
                if new is not code:
                    self._functions.swap_code(code, new)
        return sys.monitoring.DISABLE

    def _watch_instrumented(self, code: CodeType) -> None:
        self._ran.setdefault(id(code), set())
        self._recordings.setdefault(id(code), Recording(code, self._kind))  # another thread may have come first
        self._tool.watch(code, sys.monitoring.events.INSTRUCTION)

    def _left(self, code: CodeType, src: int, dst: int) -> Any:
        """A test leads on, after the first turn; an offset can be that of an EXTENDED_ARG before the test."""
        known = self._again.get(id(code))
        edge = None if known is None else next((known[0][at] for at in range(src, src + 8, 2) if at in known[0]), None)
        try:
            return sys.monitoring.DISABLE if edge is None else self._record(code, edge.src, edge.dst)
        except RecursionError:
            return None

    def _right(self, code: CodeType, src: int, dst: int) -> Any:
        # The end of an asynchronous loop is reported with a source computed from a NOT_TAKEN that may not exist.
        raw = self._raw.get(id(code))
        if raw is not None and raw[src] == FOR_ITER:  # its POP_ITER reports it, in the first turn
            known = self._again.get(id(code))
            if known is None or src not in known[1]:
                return sys.monitoring.DISABLE
            dst = known[1][src].dst
        try:
            if raw is not None and raw[dst - 2] == END_ASYNC_FOR and raw[src] not in TESTS:
                return self._async_end(code, dst - 2, dst)
            return self._record(code, src, dst)
        except RecursionError:
            return None

    def _async_end(self, code: CodeType, src: int, dst: int) -> Any:
        recording = self._recordings.get(id(code))
        if recording is not None and not self._counts and self._loop_ends.certain(recording, code, Edge(src, dst)):
            return sys.monitoring.DISABLE
        self._record(code, src, dst)
        return None

    def _reraised(self, code: CodeType, offset: int, exception: BaseException) -> None:
        raw, recording = self._raw.get(id(code)), self._recordings.get(id(code))
        if raw is not None and recording is not None and raw[offset] == END_ASYNC_FOR:
            self._loop_ends.raised_again(recording, code, offset)

    def _instruction(self, code: CodeType, offset: int) -> Any:
        recording, ran = self._recordings.get(id(code)), self._ran.get(id(code))
        if recording is None or ran is None:
            return sys.monitoring.DISABLE
        ran.add(offset)
        try:
            if (split := self._splits.get(id(code))) is not None:
                return self._first_of_split(split[1].get(offset), split[2])
            kept = self._observed(recording, offset)
            edge = recording.plan.steps.get(offset)
            answer = sys.monitoring.DISABLE if edge is None else self._record(code, *edge)
            return None if kept else answer
        except RecursionError:
            return None

    def _first_of_split(self, edge: tuple[Any, ...] | None, original: CodeType) -> Any:
        """An instruction of split code, which proves an edge or none, ran for the first time."""
        if edge is not None and self._on_first_hit is not None:
            self._on_first_hit(original, Edge(*edge), sys._getframe(3))
        return sys.monitoring.DISABLE

    def _observed(self, recording: Recording, offset: int) -> bool:
        """Record what was left on the stack. Returns whether the instruction's event is needed again."""
        values = self._values.get(id(recording.code))
        if values is None or offset not in values.watched:
            return False
        if (edge := values.arrive(offset, frame := sys._getframe(3))) is not None:
            edge = self._open.follow(recording.plan, edge, frame)
            if self._on_first_hit is not None and edge not in recording.edges:
                self._on_first_hit(recording.code, edge, frame)
            recording.edges[edge] = recording.edges.get(edge, 0) + 1 if self._counts else 1
        return True

    def _record(self, code: CodeType, src: int, dst: int) -> Any:
        recording = self._recordings.get(id(code))
        if recording is None:
            return sys.monitoring.DISABLE
        plan, before = recording.plan, None
        keep = self._counts
        if src in plan.shared_jumps or src in plan.watched:
            frame = id(sys._getframe(3))
            # Taken away: the next time another way can lead to the jump, or another frame can have this id.
            before = self._before.pop(frame, None) if src in plan.shared_jumps else None
            if src in plan.watched:
                self._before[frame] = (src, dst)
            keep = True  # which of two operands it serves can differ at every hit
        edge = Edge(src, dst, before)
        if plan.histories is not None and src in plan.histories.offsets:
            edge = self._open.follow(plan, edge, sys._getframe(3))
            keep = True  # it can end another evaluation at every hit
        if self._on_first_hit is not None and edge not in recording.edges:
            try:  # noqa: SIM105 (suppress() would need room itself)
                self._on_first_hit(code, edge, sys._getframe(3))
            except RecursionError:  # the edge is recorded all the same
                pass
        recording.edges[edge] = recording.edges.get(edge, 0) + 1 if self._counts else 1
        return None if keep else sys.monitoring.DISABLE
