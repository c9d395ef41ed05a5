"""Opcode events of ``sys.settrace``: the reference. Exact on every Python, and slow (``f_trace_opcodes``).

One ambiguity remains, on 3.11 alone: the compiler can let a test jump to its own fall-through (``if a: pass`` as the
last line of a ``finally``, on the way of an exception), where offsets do not tell the arms apart. Tracers that
rewrite code tell them. No such test stands in the standard library.
"""

from __future__ import annotations

import dis
import sys
import threading
from types import CodeType, FrameType
from typing import Any

from ipy_branchcov.tracing.tracer import CodeFilter, Edge, Planner, Recording, Witness

#: Before an instruction with a long argument; from 3.12 it has an event of its own.
_EXTENDED_ARG = dis.opmap["EXTENDED_ARG"]
#: Instructions that swallow the StopIteration they cause, though the event of an exception is sent for it.
_SWALLOWING = frozenset(dis.opmap[name] for name in ("FOR_ITER", "SEND", "END_SEND") if name in dis.opmap)


class SettraceTracer:
    """Records every pair of instructions that followed each other in a frame; counts are always exact.

    A trace function that was there before (a debugger's) is called as well and comes back at the end.
    """

    name = "settrace"

    def __init__(self, wanted: CodeFilter, planner: Planner, *, counts: bool = True, witness: Witness | None = None):
        self.note = ""
        self._witness = witness
        self._wanted = wanted
        self._planner = planner
        self._known: dict[int, tuple[CodeType, Recording | None]] = {}
        self._active = False
        self._previous: Any = None
        self._previous_of_threads: Any = None

    def prepare(self, code: CodeType) -> CodeType:
        return code

    def start(self) -> None:
        self._known = {}
        self.resume()

    def resume(self) -> None:
        """Set the trace function."""
        self._previous = sys.gettrace()
        self._previous_of_threads = threading.gettrace()
        self._active = True
        # 3.12 sends no opcode events unless a frame asked for them before (python/cpython#114480).
        sys._getframe().f_trace_opcodes = True
        threading.settrace(self._call)
        sys.settrace(self._call)

    def pause(self) -> None:
        """Give the trace function back."""
        self._active = False
        if sys.gettrace() == self._call:
            sys.settrace(self._previous)
        else:
            self.note = "the measured code replaced the trace function: what ran after that was not measured"
        if threading.gettrace() == self._call:
            threading.settrace(self._previous_of_threads)

    def stop(self) -> list[Recording]:
        if self._active:
            self.pause()
        recordings = [recording for _, recording in self._known.values() if recording is not None]
        for recording in recordings:
            lines = dict.fromkeys(edge.dst for edge in recording.edges)
            by_offset = {start: line for start, _, line in _offsets(recording.code)}
            recording.lines.update(line for offset in lines if (line := by_offset.get(offset)))
        self._known = {}
        return recordings

    def _recording(self, code: CodeType) -> Recording | None:
        known = self._known.get(id(code))  # it holds the code object, so that no other gets its id
        if known is None:
            known = (code, Recording(code, self._planner(code)) if self._wanted(code) else None)
            known = self._known.setdefault(id(code), known)  # another thread may have come first
        return known[1]

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        previous = self._previous(frame, event, arg) if self._previous is not None else None
        if not self._active or (recording := self._recording(frame.f_code)) is None:
            return previous
        local = self._local(recording, previous)
        frame.f_trace = local  # before f_trace_opcodes, or 3.13 misses the first run of a code object
        frame.f_trace_opcodes = True
        return local

    def _local(self, recording: Recording, previous: Any) -> Any:
        """The trace function of one run of a frame, from its start or resumption to its next stop."""
        edges, plan, code = recording.edges, recording.plan, recording.code.co_code
        witness = self._witness
        last = -1
        before: tuple[int, int] | None = None

        def local(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal last, before, previous
            if event == "opcode":
                offset = frame.f_lasti
                edge = Edge(last, offset, before if last in plan.joint else None)
                if witness is not None and edge not in edges:
                    witness(recording.code, edge, frame)
                edges[edge] = edges.get(edge, 0) + 1
                if last in plan.watched and not (code[last] == _EXTENDED_ARG and offset == last + 2):
                    before = (last, offset)
                last = offset
            elif event == "exception" and not (
                code[frame.f_lasti] in _SWALLOWING and issubclass(arg[0], StopIteration)
            ):
                last = -1
            if previous is not None and (event != "opcode"):
                previous = previous(frame, event, arg)
            return local if self._active else previous

        return local


def _offsets(code: CodeType) -> list[tuple[int, int, int | None]]:
    return [(offset, offset + 2, line) for start, end, line in code.co_lines() for offset in range(start, end, 2)]
