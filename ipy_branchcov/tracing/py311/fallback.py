"""Opcode events for what has no probes: code that others compiled and execute, generators that were suspended."""

from __future__ import annotations

import dis
import sys
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType, FrameType
from typing import Any, Protocol

from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.py311.arrivals import ARRIVALS
from ipy_branchcov.tracing.py311.threads import trace_others, untrace_others
from ipy_branchcov.tracing.py311.young import Moment
from ipy_branchcov.tracing.settrace import SettraceTracer
from ipy_branchcov.tracing.tracer import Mechanism, Planner, Recording

__builtins__ = BUILTINS


class Probes(Protocol):
    """What this asks the tracer whose fallback it is."""

    def uninstrumented(self, code: CodeType) -> bool:
        """Whether code is wanted and has no probes."""

    def counts_elsewhere(self, code: CodeType) -> bool:
        """Whether code counts together with the code that it is a copy of."""

    def executed(self, since: Moment) -> bool:
        """Code that was executed since then has ended. Returns whether something of it waits."""


class Fallback(SettraceTracer):
    """Opcode events for code without probes, from when such code appears until it has ended."""

    def __init__(self, probes: Probes, planner: Planner, *, counts: bool):
        super().__init__(probes.uninstrumented, planner, counts=counts)
        self.tracing = False
        self._probes = probes
        #: The code that is being executed; what waits in it included.
        self._awaited: list[CodeType] = []
        self._lasting = False
        #: Since when code is being executed.
        self._since = Moment()

    @property
    def paused(self) -> bool:
        """Whether it has begun, and waits for other code."""
        return self.tracing and not self._active

    def trace(self) -> None:
        """Begin, and go on until the run ends."""
        self._lasting = True
        ARRIVALS.unsettle()
        if self.paused or not self.tracing:
            self._trace()
        if self._previous is None:
            trace_others(self._traced)  # functions that are sent run in threads that waited for them

    def pause(self) -> None:
        untrace_others(self._traced)
        super().pause()

    def _trace(self) -> None:
        """Begin, or go on, in this thread."""
        if self.tracing:
            self.resume()
        else:
            self.tracing = True
            self.start()

    def until_end_of(self, code: CodeType) -> None:
        """Begin, and go on until this code has been executed."""
        if sys.gettrace() == self._traced:
            if code.co_flags & _SUSPENDS:  # other code ends before what is traced already
                self._awaited.append(code)
        elif not self._awaited:
            self._awaited.append(code)
            self._since = Moment()
            self._trace()

    def _mechanism(self, code: CodeType) -> Mechanism:
        return registry.fallback(code)

    def turn(self) -> list[Recording]:
        return [each for each in super().turn() if not self._probes.counts_elsewhere(each.code)]

    def recorded(self) -> list[Recording]:
        found = super().recorded()
        for recording in found:
            if self._probes.counts_elsewhere(recording.code):
                recording.edges = {}  # its lines are no counts
        return found

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        local = super()._call(frame, event, arg)
        if self._lasting or not any(frame.f_code is each for each in self._awaited):
            return local

        def until_return(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal local
            if local is not None:
                local = local(frame, event, arg)
            if event == "return" and not _pauses(frame):
                self._ended(frame.f_code)
            return until_return

        return until_return

    def _ended(self, code: CodeType) -> None:
        """Executed code has ended: pause after the last."""
        del self._awaited[next(i for i, each in enumerate(self._awaited) if each is code)]
        if self._awaited or self._lasting:
            return
        if self._probes.executed(self._since):
            self.trace()
        if not self._lasting:
            self.pause()


#: The flags of code that can be suspended: a generator's, a coroutine's, an asynchronous generator's.
_SUSPENDS = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_YIELD = dis.opmap["YIELD_VALUE"]


def _pauses(frame: FrameType) -> bool:
    """Whether a frame that is left goes on later: code with a top-level ``await`` that waits."""
    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == _YIELD
