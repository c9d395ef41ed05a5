"""``sys.monitoring`` on 3.12 and 3.13, where one BRANCH event stands for both directions and cannot be switched off.

Code is instrumented so that each edge has an instruction of its own (:mod:`~ipy_branchcov.tracing.probes.edges`). Each
instruction sends one event and costs nothing afterwards. Code that runs uninstrumented is measured by BRANCH events,
which are switched off when both directions were seen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, cast

from ipy_branchcov.bytecode.decode import lines_at, lines_by_offset
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
from ipy_branchcov.tracing.probes.registry import COUNTING, UNINSTRUMENTED
from ipy_branchcov.tracing.py312.superinstructions import PAIRS, Pairs
from ipy_branchcov.tracing.stack_values import UNREADABLE, StackValues
from ipy_branchcov.tracing.tracer import CodeFilter, Edge, Mechanism, OnFirstHit, Plan, Planner, Recording

if TYPE_CHECKING:
    from ipy_branchcov.tracing.probes.instrument import Counted

__builtins__ = BUILTINS

#: A search takes 10 ms, as long as some thousand events.
_STARTS = 16


class InstructionTracer:
    """Sets local events on the wanted code objects alone; each function is checked once, when it starts.

    ``counts``: probes count the edges; events report the lines.
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
        self._wanted = wanted
        self._planner = planner
        self._counts = counts
        self._kind = (COUNTING if counts else Mechanism.SPLIT).following(follow)
        self._open = OpenEvaluations()
        self._functions = functions.Functions()
        self._pairs = Pairs() if PAIRS else None
        #: Split code, its edges, its original; and the instructions that ran. By the id of the code that runs.
        self._splits: dict[int, tuple[CodeType, dict[int, tuple[Any, ...]], CodeType]] = {}
        self._ran: dict[int, set[int]] = {}
        self._ran_before: dict[int, set[int]] = {}  # before the last turn
        self._counted = CountingCode(self._kind)
        #: Code that runs uninstrumented.
        self._recordings: dict[int, Recording] = {}
        self._exits: dict[tuple[int, int], set[int]] = {}
        #: Local events that other tools have on originals, and that instrumented code has for the run: tool, code.
        self._lent: list[tuple[int, CodeType]] = []
        #: What is observed in it, by the id of its code.
        self._values: dict[int, StackValues] = {}
        #: Of these, how often they have to start until it is worth searching for their functions.
        self._starts_left: dict[int, int] = {}
        self._unread = ""
        self._before: dict[int, tuple[int, int]] = {}
        self._begun: dict[int, int] = {}
        self._lines: dict[int, dict[int, int | None]] = {}

    def instrument(self, code: CodeType) -> CodeType:
        return registry.instrument(code, self._kind, self._wanted, self._instrument_one)

    def _instrument_one(self, code: CodeType, constants: tuple[object, ...]) -> tuple[CodeType, registry.Instrumented]:
        make: Callable[..., tuple[CodeType, registry.Instrumented]] = split
        if self._counts:
            from ipy_branchcov.tracing.probes.instrument import count_edges  # not imported where nothing is counted

            make = count_edges
        return encodable(lambda: make(code, self._planner(code), constants, self._kind), code, self._say)

    def _say(self, note: str) -> None:
        self.note = self.note or note

    def start(self) -> None:
        events, ending = sys.monitoring.events, self.failures.ending
        self._tool = Tool(
            {
                events.PY_START: undisturbed(self._started, failed=ending),
                events.PY_RESUME: undisturbed(self._started, failed=ending),
                events.INSTRUCTION: undisturbed(self._instruction, failed=ending),
                events.LINE: undisturbed(self._line, failed=ending),
                events.BRANCH: undisturbed(self._branch, failed=ending),
            },
            beside=events.LINE,
            see=self._callbacks.see,
        )
        functions.swap_again(self._wanted, self._kind, self.instrument)
        functions.begin(self, self._kind)
        self._tool.set_events(events.PY_START | events.PY_RESUME)
        for code in functions.running_elsewhere():
            try:
                self._starts(code, 0)
            except Exception as error:  # the run begins all the same, and its tool is given back at its end
                self.failures.add(code, error)

    def record_frame(self, frame: FrameType) -> None:
        self._starts(frame.f_code, frame.f_lasti)

    def forked(self) -> None:
        if not self._counts:
            return
        self._counted.forked()
        for recording in self._recordings.values():
            recording.edges.clear()

    def turn(self) -> list[Recording]:
        instruction, found = sys.monitoring.events.INSTRUCTION, []
        for key, (code, edges, original) in list(self._splits.items()):
            if ran := self._ran[key]:
                self._ran[key] = set()
                self._ran_before.setdefault(key, set()).update(ran)
                if edges:
                    covered = {Edge(*edges[offset]): 1 for offset in ran & edges.keys()}
                    found.append(Recording(original, Mechanism.SPLIT, Plan(), covered))
                    self._tool.send_again(code, instruction)
        found += self._counted.turn()
        for key, recording in list(self._recordings.items()):
            if recording.edges:
                found.append(replace(recording, edges=recording.edges, lines=set()))
                recording.edges = {}
                for place in [each for each in self._exits if each[0] == key]:
                    del self._exits[place]
                self._tool.send_again(recording.code, instruction | sys.monitoring.events.BRANCH)
        return found

    def stop(self) -> list[Recording]:
        for tool, code in self._lent:
            if sys.monitoring.get_tool(tool) is not None:
                sys.monitoring.set_local_events(tool, code, 0)
        self._callbacks.look()
        self._callbacks.follow()
        self.note = self._tool.give_back() or self.note or self._unread
        if self._pairs is not None:
            self._pairs.ended(recording.code for recording in self._recordings.values())
        recordings = self.recorded()
        self._counted.clear()
        self._splits, self._recordings, self._lent, self._values = {}, {}, [], {}
        self._starts_left.clear()
        self._ran_before = {}
        functions.end(self)
        return recordings

    def recorded(self) -> list[Recording]:
        found = [self._result(*split) for split in list(self._splits.values())]
        for code, original, covered in self._counted.edges():
            lines = lines_at(code, self._ran[id(code)] | self._ran_before.get(id(code), set()))
            found.append(Recording(original, self._kind, Plan(), covered, lines))
        for each in list(self._recordings.values()):
            found.append(replace(each, edges=each.edges.copy(), lines=each.lines.copy()))
        return [each for each in found if each.lines or each.edges]

    def noted(self) -> int:
        rest = sum(sum(each.edges.copy().values()) + len(each.lines) for each in list(self._recordings.values()))
        return sum(map(len, list(self._ran.values()))) + rest + self._counted.noted()

    def _result(self, code: CodeType, edges: dict[int, tuple[Any, ...]], original: CodeType) -> Recording:
        """What a split code object did, in the offsets of the original."""
        ran = self._ran[id(code)]
        covered = {Edge(*edge): 1 for offset, edge in edges.items() if offset in ran}
        lines = lines_at(code, ran | self._ran_before.get(id(code), set()))
        return Recording(original, self._kind, Plan(), covered, lines)

    # --- callbacks. What they raise would be raised in the measured code.

    def _started(self, code: CodeType, offset: int) -> Any:
        return self._starts(code, offset, sys._getframe(2).f_globals)

    def _starts(self, code: CodeType, offset: int, names: dict[str, Any] | None = None) -> Any:
        """``names``: the global ones of the frame."""
        key = id(code)
        self._tool.look_around()
        if key in self._ran or key in self._recordings:
            return self._start_again(code) if key in self._starts_left else sys.monitoring.DISABLE
        self._callbacks.look()
        known = registry.known(code)
        events = sys.monitoring.events
        if known is not None and known.kind == self._kind:
            if self._wanted(known.original):
                if isinstance(known, Split):
                    self._splits[key] = (code, known.edges, known.original)
                else:
                    self._counted.add(code, cast("Counted", known))
                self._ran.setdefault(key, set())
                self._lend_events(known.original, code)
                self._tool.watch(code, events.INSTRUCTION)
        elif self._wanted(code):
            if (copied := self._counted.copied(code)) is not None:
                return self._watch_copy(code, *copied)
            # Another thread may have come first.
            plan = self._planner(code)
            if plan.values:
                self._unread = UNREADABLE
                self._values.setdefault(key, StackValues(code, plan))
            self._recordings.setdefault(key, Recording(code, registry.fallback(code), plan))
            self._tool.watch(code, events.INSTRUCTION | events.BRANCH)
            if not READING.keeps(code) and (known is None or known.kind != UNINSTRUMENTED):
                return self._swap(code, names)
        return sys.monitoring.DISABLE

    def _watch_copy(self, code: CodeType, first: CodeType, original: CodeType) -> Any:
        """Watch only the lines of code that is a copy of ``first``, which counts for both."""
        self._ran.setdefault(id(first), set())
        self._ran.setdefault(id(code), set())
        self._splits[id(code)] = (code, {}, original)
        self._tool.watch(code, sys.monitoring.events.INSTRUCTION)
        return sys.monitoring.DISABLE

    def _swap(self, code: CodeType, names: dict[str, Any] | None) -> Any:
        """Give the functions of code that starts uninstrumented their instrumented code, for their next call."""
        if not code.co_flags & registry.IN_FUNCTIONS:
            return sys.monitoring.DISABLE  # of a module or a class
        if functions.swap_named(code, names or {}, self.instrument):
            return sys.monitoring.DISABLE
        self._starts_left[id(code)] = _STARTS  # many run only once: tests, closures
        return None

    def _start_again(self, code: CodeType) -> Any:
        left = self._starts_left[id(code)] = self._starts_left[id(code)] - 1
        if left:
            return None
        del self._starts_left[id(code)]
        self._functions.swap_code(code, self.instrument(code))
        return sys.monitoring.DISABLE

    def _lend_events(self, original: CodeType, code: CodeType) -> None:
        """Let other tools have in the instrumented code the local events that they asked for in the original."""
        for tool in range(6):
            if tool != self._tool.id and sys.monitoring.get_tool(tool) is not None:
                events = sys.monitoring.get_local_events(tool, original)
                if events and not sys.monitoring.get_local_events(tool, code):
                    sys.monitoring.set_local_events(tool, code, events)
                    self._lent.append((tool, code))

    def _line(self, code: CodeType, line: int) -> Any:
        """A line begins. If another tool answers DISABLE, the instruction sends no event of its own this time."""
        return self._instruction(code, sys._getframe(2).f_lasti, 3)

    def _instruction(self, code: CodeType, offset: int, depth: int = 2) -> Any:
        """``depth``: how many calls below is the frame that executes the instruction."""
        ran = self._ran.get(id(code))
        if ran is not None:
            try:
                if self._on_first_hit is not None and offset not in ran:
                    self._report_first_hit(code, offset, sys._getframe(depth))
                if self._pairs is not None:
                    self._pairs.ran(code, offset)
            except RecursionError:  # the program's stack is full; what the program does must not change
                pass
            ran.add(offset)
            return sys.monitoring.DISABLE
        return self._step(code, offset, depth + 1)

    def _report_first_hit(self, code: CodeType, offset: int, frame: FrameType) -> None:
        _, edges, original = self._splits.get(id(code), (None, {}, code))
        if self._on_first_hit is not None and (edge := edges.get(offset)) is not None:
            self._on_first_hit(original, Edge(*edge), frame)

    # --- code that runs uninstrumented

    def _step(self, code: CodeType, offset: int, depth: int) -> Any:
        """An instruction: its line ran; it may be the end of an asynchronous step, which BRANCH does not report."""
        recording = self._recordings.get(id(code))
        if recording is None:
            return sys.monitoring.DISABLE
        lines = self._lines.get(id(code))
        if lines is None:
            lines = self._lines.setdefault(id(code), lines_by_offset(code))
        if line := lines.get(offset):
            recording.lines.add(line)
        if (values := self._values.get(id(code))) is not None and offset in values.watched:
            frame_now = sys._getframe(depth)
            if (edge := values.arrive(offset, frame_now)) is not None:
                self._record(recording, edge, frame_now)
        ends = recording.plan.ends
        if offset not in ends and offset not in ends.values():
            return sys.monitoring.DISABLE if values is None or offset not in values.watched else None
        frame = id(sys._getframe(depth))
        began = self._begun.pop(frame, -1)
        if began >= 0 and ends.get(began) == offset:
            self._record(recording, Edge(began, offset), sys._getframe(depth))
        if offset in ends:
            self._begun[frame] = offset
        return None

    def _branch(self, code: CodeType, src: int, dst: int) -> Any:
        recording = self._recordings.get(id(code))
        if recording is None:
            return sys.monitoring.DISABLE
        plan, before = recording.plan, None
        exits = self._exits.setdefault((id(code), src), set())
        exits.add(dst)
        keep = self._counts or len(exits) < 2
        if src in plan.shared_jumps or src in plan.watched:
            frame = id(sys._getframe(2))
            # Taken away: the next time another way can lead to the jump, or another frame can have this id.
            before = self._before.pop(frame, None) if src in plan.shared_jumps else None
            if src in plan.watched:
                self._before[frame] = (src, dst)
            keep = True
        if plan.histories is not None and src in plan.histories.offsets:
            keep = True  # it can end another evaluation at every hit
        self._record(recording, Edge(src, dst, before), sys._getframe(2))
        return None if keep else sys.monitoring.DISABLE

    def _record(self, recording: Recording, edge: Edge, frame: FrameType) -> None:
        edge = self._open.follow(recording.plan, edge, frame)
        if self._on_first_hit is not None and edge not in recording.edges:
            self._on_first_hit(recording.code, edge, frame)
        recording.edges[edge] = recording.edges.get(edge, 0) + 1 if self._counts else 1
