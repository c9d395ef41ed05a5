"""Marks in the code itself, on 3.11, which has no ``sys.monitoring``."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from types import CodeType, FrameType, FunctionType
from typing import Any

from ipy_branchcov.tracing import prepared
from ipy_branchcov.tracing.arrivals import ARRIVALS, frames, suspended_code
from ipy_branchcov.tracing.assembly import Unencodable
from ipy_branchcov.tracing.marking import Marked, mark
from ipy_branchcov.tracing.prepared import AS_IT_WAS, COUNTING
from ipy_branchcov.tracing.settrace import SettraceTracer
from ipy_branchcov.tracing.tracer import CodeFilter, Plan, Planner, Recording, Witness
from ipy_branchcov.tracing.vanishing import Sweeper


class MarkTracer:
    """Rewrites code before it runs: what is compiled or imported during a run, and all functions at its start.

    What else runs (``exec`` of code that others compiled, generators that were suspended) is measured by opcode
    events, while it lasts.
    """

    name = "marks"

    def __init__(self, wanted: CodeFilter, planner: Planner, *, counts: bool = False, witness: Witness | None = None):
        self._wanted = wanted
        self._planner = planner
        self._kind = COUNTING if counts else "marks"
        #: All code with marks that can run, kept alive until they have been read.
        self._marked: list[tuple[CodeType, Marked]] = []
        self._late = _Late(self, planner, counts=counts)
        self._lock = threading.RLock()
        #: Files of which nothing is wanted: a kernel has some ten thousand functions.
        self._foreign: set[str] = set()
        self._sweeper = Sweeper()

    @property
    def note(self) -> str:
        return self._late.note

    def prepare(self, code: CodeType) -> CodeType:
        with self._lock:
            return prepared.prepare(code, self._kind, self._wanted, self._rewrite)

    def _rewrite(self, code: CodeType, constants: tuple[object, ...]) -> tuple[CodeType, prepared.Rewritten]:
        try:
            new, marked = mark(code, self._planner(code), constants, kind=self._kind, lines=True)
            self._marked.append((new, marked))
            self._sweeper.add(marked.once)
            return new, marked
        except Unencodable:
            self._late.trace()  # measured all the same, slowly
            return code.replace(co_consts=constants), prepared.Rewritten(code, AS_IT_WAS)

    def unprepared(self, code: CodeType) -> bool:
        """Code that leaves no marks of this kind, and is wanted."""
        known = prepared.known(code)
        if known is not None and known.kind == self._kind:
            return False
        return self._wanted(code if known is None else known.original)

    def start(self) -> None:
        for code, marked in prepared.all_known():
            if isinstance(marked, Marked) and marked.kind == self._kind:
                marked.begin()
                self._sweeper.add(marked.once)
                self._marked.append((code, marked))
        ARRIVALS.begin()
        found = ARRIVALS.objects(self._wanted, self._kind)
        self._exchange(each for each in found if type(each) is FunctionType)
        suspended = [suspended_code(each) for each in found if type(each) is not FunctionType]
        if any(code is not None and self.unprepared(code) for code in suspended):
            self._late.trace()
        # What runs unprepared meanwhile can make functions that are not prepared.
        if not self._late.tracing and not any(self.unprepared(frame.f_code) for frame in frames()):
            ARRIVALS.settle(self._wanted, self._kind)
        else:
            ARRIVALS.unsettle()
        ARRIVALS.executing.append(self.executes)
        self._sweeper.start()

    def stop(self) -> list[Recording]:
        ARRIVALS.executing.remove(self.executes)
        self._sweeper.stop()
        found = self._late.stop() if self._late.tracing else []
        running = {id(code): marked for code, marked in self._marked if marked.passages}
        for frame in frames() if running else ():
            if (marks := running.get(id(frame.f_code))) is not None:
                marks.left.add(frame.f_lasti // 2)  # it has come so far
        for _, marked in self._marked:
            edges, lines = marked.told()
            if (edges or lines) and self._wanted(marked.original):
                found.append(Recording(marked.original, Plan(), edges, lines))
        self._marked = []
        return found

    def exchange_all(self) -> None:
        """Let every function there is leave marks from its next call on."""
        self._exchange(prepared.objects(FunctionType))

    def _exchange(self, functions: Iterable[FunctionType]) -> None:
        foreign = self._foreign
        for function in [each for each in functions if each.__code__.co_filename not in foreign]:
            code = function.__code__
            if code.co_filename in foreign:
                continue
            if self.unprepared(code):
                function.__code__ = new = self.prepare(code)
                if self.unprepared(new):
                    self._late.trace()  # it cannot be rewritten
            elif prepared.known(code) is None and not code.co_filename.startswith("<"):
                foreign.add(code.co_filename)

    def executes(self, code: CodeType) -> None:
        """Code is about to be executed."""
        if self.unprepared(code):
            self._late.until_end_of(code)


class _Late(SettraceTracer):
    """Opcode events of code without marks, from when there is some until it has ended."""

    def __init__(self, marks: MarkTracer, planner: Planner, *, counts: bool):
        super().__init__(marks.unprepared, planner, counts=counts)
        self.tracing = False
        self._marks = marks
        self._awaited: CodeType | None = None
        self._lasting = False

    def trace(self) -> None:
        """Begin, for the whole run."""
        self._lasting = True
        ARRIVALS.unsettle()
        if not self.tracing:
            self.tracing = True
            self.start()

    def until_end_of(self, code: CodeType) -> None:
        """Begin, until this code has been executed."""
        if sys.gettrace() != self._call and self._awaited is None:
            self._awaited = code
            if self.tracing:
                self.resume()
            else:
                self.tracing = True
                self.start()

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        local = super()._call(frame, event, arg)
        if frame.f_code is not self._awaited or self._lasting:
            return local

        def until_return(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal local
            if local is not None:
                local = local(frame, event, arg)
            if event == "return":
                self._awaited = None
                self.pause()
                self._marks.exchange_all()
            return until_return

        return until_return
