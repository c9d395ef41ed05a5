"""Opcode events of ``sys.settrace``: the reference. Exact on every Python, and slow (``f_trace_opcodes``).

One ambiguity remains, on 3.11 alone: the compiler can make a test jump to its own fall-through (``if a: pass`` as the
last line of a ``finally``, in the copy for exceptions). Both outcomes then have the same offsets. Tracers that
instrument code distinguish them. The standard library has no such test.
"""

from __future__ import annotations

import dis
import sys
import threading
from dataclasses import replace
from types import CodeType, FrameType
from typing import Any

from ipy_branchcov.bytecode.decode import EXTENDED_ARG, lines_at
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.failures import Failures
from ipy_branchcov.tracing.following import OpenEvaluations
from ipy_branchcov.tracing.gc_control import undisturbed
from ipy_branchcov.tracing.stack_values import UNREADABLE, StackValues
from ipy_branchcov.tracing.tracer import CodeFilter, Edge, Mechanism, OnFirstHit, Planner, Recording

__builtins__ = BUILTINS

#: Instructions that handle the StopIteration they cause; the interpreter still sends an exception event for it.
_SWALLOWING = frozenset(dis.opmap[name] for name in ("FOR_ITER", "SEND", "END_SEND") if name in dis.opmap)

#: The trace functions of the tracers that run: those that want opcode events, too.
_traced: list[Any] = []


class SettraceTracer:
    """Records every pair of instructions that followed each other in a frame; counts are always exact.

    A trace function that was set before (a debugger's) is called as well, and is restored at the end.
    """

    name = "settrace"

    def __init__(
        self,
        wanted: CodeFilter,
        planner: Planner,
        *,
        counts: bool = True,
        on_first_hit: OnFirstHit | None = None,
        follow: bool = False,
    ):
        self.note = ""
        self.failures = Failures()
        self._on_first_hit = on_first_hit
        self._wanted = wanted
        self._planner = planner
        self._known: dict[int, tuple[CodeType, Recording | None]] = {}
        self._active = False
        self._open = OpenEvaluations()
        #: The instructions that ran before the last turn, by the id of the code.
        self._ran: dict[int, set[int]] = {}
        #: By the id of the code, which is in ``_known``.
        self._stack_values: dict[int, StackValues] = {}
        #: The trace function as it is set.
        self._traced = undisturbed(self._call, ())
        self._previous: Any = None
        #: Whether that is another one of ours: a measured program measures a part of itself.
        self._inside = False
        self._previous_of_threads: Any = None
        #: A frame that ran before, and the trace function that it had.
        self._joined: tuple[FrameType, Any] | None = None

    def instrument(self, code: CodeType) -> CodeType:
        return code

    def start(self) -> None:
        self._known = {}
        self.resume()

    def resume(self) -> None:
        """Set the trace function."""
        self._previous = sys.gettrace()
        self._previous_of_threads = threading.gettrace()
        self._inside = self._previous in _traced
        self._active = True
        if self._traced not in _traced:
            _traced.append(self._traced)
        # 3.12 sends no opcode events unless a frame asked for them before (python/cpython#114480).
        sys._getframe().f_trace_opcodes = True
        threading.settrace(self._traced)
        sys.settrace(self._traced)

    def record_frame(self, frame: FrameType) -> None:
        if (recording := self._recording(frame.f_code)) is not None:
            self._joined = frame, frame.f_trace
            frame.f_trace = self._local(recording, frame.f_trace, frame.f_lasti)
            frame.f_trace_opcodes = True

    def pause(self) -> None:
        """Restore the previous trace function."""
        self._active = False
        if self._traced in _traced:
            _traced.remove(self._traced)
        if sys.gettrace() == self._traced:
            sys.settrace(self._previous)
        else:
            self.note = "the measured code replaced the trace function: what ran after that was not measured"
        if threading.gettrace() == self._traced:
            threading.settrace(self._previous_of_threads)

    def forked(self) -> None:
        for _, recording in self._known.values():
            if recording is not None:
                recording.edges.clear()

    def turn(self) -> list[Recording]:
        found = []
        for _, recording in list(self._known.values()):
            if recording is not None and recording.edges:
                found.append(replace(recording, edges=dict(recording.edges), lines=set()))
                self._ran.setdefault(id(recording.code), set()).update(edge.dst for edge in recording.edges)
                recording.edges.clear()  # running frames have this very object
        return found

    def stop(self) -> list[Recording]:
        if self._active:
            self.pause()
        if self._joined is not None:
            frame, previous = self._joined
            frame.f_trace, self._joined = previous, None
        recordings = self.recorded()
        self._known, self._stack_values, self._ran = {}, {}, {}
        return recordings

    def recorded(self) -> list[Recording]:
        found = []
        for code, recording in list(self._known.values()):
            # On 3.11 a generator that never began is entered to be closed, and runs no instruction.
            if recording is not None and (recording.edges or id(code) in self._ran):
                edges = recording.edges.copy()
                ran = self._ran.get(id(code), set()) | {edge.dst for edge in edges}
                found.append(replace(recording, edges=edges, lines=lines_at(code, ran)))
        return found

    def noted(self) -> int:
        edges = sum(sum(each.edges.copy().values()) for _, each in list(self._known.values()) if each is not None)
        return edges + sum(map(len, list(self._ran.values())))

    def _recording(self, code: CodeType) -> Recording | None:
        known = self._known.get(id(code))  # it keeps the code object alive, so that its id stays unique
        if known is None:
            wanted = self._wanted(code)
            known = (code, Recording(code, self._mechanism(code), self._planner(code)) if wanted else None)
            known = self._known.setdefault(id(code), known)  # another thread may have come first
        return known[1]

    def _mechanism(self, code: CodeType) -> Mechanism:
        return Mechanism.SETTRACE

    def _values_of(self, recording: Recording) -> StackValues | None:
        """The values to be observed in a code object; None where there are none."""
        if not recording.plan.values:
            return None
        self.note = self.note or UNREADABLE
        found = self._stack_values.get(id(recording.code))
        if found is None:
            found = self._stack_values.setdefault(id(recording.code), StackValues(recording.code, recording.plan))
        return found

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        previous = self._previous(frame, event, arg) if self._previous is not None else None
        try:
            if previous is not None and sys.gettrace() is self._previous is not self._traced:
                # coverage.py's C tracer sets itself at each call, to be called without Python from then on.
                sys.settrace(self._traced)
            if not self._active or (recording := self._recording(frame.f_code)) is None:
                return previous
            local = self._local(recording, previous, frame.f_lasti)
        except RecursionError:  # as where the program's own function had no room
            raise
        except Exception as error:
            self.failures.add(frame.f_code, error)
            return previous
        frame.f_trace = local  # before f_trace_opcodes, or 3.13 misses the first run of a code object
        frame.f_trace_opcodes = True
        return local

    def _step(self, recording: Recording, edge: Edge, frame: FrameType) -> None:
        if self._on_first_hit is not None and edge not in recording.edges:
            self._on_first_hit(recording.code, edge, frame)
        recording.edges[edge] = recording.edges.get(edge, 0) + 1

    def _local(self, recording: Recording, previous: Any, at: int) -> Any:
        """The trace function of one run of a frame, from its start or resumption (``at``) to its next stop."""
        plan, code = recording.plan, recording.code.co_code
        values = self._values_of(recording)
        last = -1
        came = at
        before: tuple[int, int] | None = None

        def local(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal last, came, before, previous
            if event == "opcode":
                offset = frame.f_lasti
                try:
                    edge = Edge(last, offset, before if last in plan.shared_jumps else None)
                    if plan.histories is not None and last in plan.histories.offsets:
                        edge = self._open.follow(plan, edge, frame)
                    self._step(recording, edge, frame)
                    if values is not None and (seen := values.edge(came, offset, frame)) is not None:
                        self._step(recording, self._open.follow(plan, seen, frame), frame)
                except RecursionError:
                    raise
                except Exception as error:
                    self.failures.add(recording.code, error)
                if not (code[last] == EXTENDED_ARG and offset == last + 2):
                    if last in plan.watched:
                        before = (last, offset)
                    elif last in plan.shared_jumps:  # the next time another way can lead to it
                        before = None
                last = came = offset
            elif event == "exception" and not (
                code[frame.f_lasti] in _SWALLOWING and issubclass(arg[0], StopIteration)
            ):
                last, came, before = -1, -1, None
            if previous is not None and (event != "opcode" or self._inside):
                previous = previous(frame, event, arg)
            return guarded if self._active else previous

        guarded = undisturbed(local, ())
        return guarded
