"""Measure by probes in the code itself: 3.11 has no ``sys.monitoring``."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import compress
from types import CodeType, FrameType, FunctionType
from typing import Any, cast

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing import gc_control
from ipy_branchcov.tracing.failures import Failures, encodable, guarded
from ipy_branchcov.tracing.probes import functions, registry, swapped
from ipy_branchcov.tracing.probes.functions import objects, places
from ipy_branchcov.tracing.probes.instrument import Counted, copied
from ipy_branchcov.tracing.probes.readers import ReadByOthers
from ipy_branchcov.tracing.probes.registry import COUNTING
from ipy_branchcov.tracing.py311.arrivals import ARRIVALS
from ipy_branchcov.tracing.py311.fallback import Fallback
from ipy_branchcov.tracing.py311.instrument import Probed, probe
from ipy_branchcov.tracing.py311.one_shot import Sweeper, noted
from ipy_branchcov.tracing.py311.young import Moment
from ipy_branchcov.tracing.tracer import CodeFilter, Mechanism, OnFirstHit, Plan, Planner, Recording

__builtins__ = BUILTINS


class ProbeTracer:
    """Instruments code before it runs: code that is compiled or imported during a run, and all functions at its start.

    Other code (compiled by others and run by ``exec``; generators that were suspended) is measured by opcode events
    until it ends.
    """

    name = "probes"

    def __init__(
        self,
        wanted: CodeFilter,
        planner: Planner,
        *,
        counts: bool = False,
        on_first_hit: OnFirstHit | None = None,
        follow: bool = False,
    ):
        self._wanted = wanted
        self._planner = planner
        self._kind = (COUNTING if counts else Mechanism.PROBES).following(follow)
        #: All code with probes that can run, kept alive until the probes are read.
        self._codes: list[CodeType] = []
        self._probed: list[Probed] = []
        self._fallback = Fallback(self, planner, counts=counts)
        self._lock = threading.RLock()
        #: Files of which nothing is wanted, to skip them fast: a kernel has some ten thousand functions.
        self._foreign: set[str] = set()
        self._sweeper = Sweeper()
        #: What ran before another tracer began inside this run and reset the probes.
        self._kept: list[Recording] = []
        #: Whether a run inside this one counted.
        self._counted_inside = False

    @property
    def note(self) -> str:
        return self._fallback.note

    def instrument(self, code: CodeType) -> CodeType:
        with self._lock:
            if (known := registry.known(code)) is not None:
                self._wanted(known.original)  # a tracer beside this one has instrumented it, without asking this one
            return registry.instrument(code, self._kind, self._wanted, self._instrument_one)

    def _say(self, note: str) -> None:
        self._fallback.note = self._fallback.note or note

    @property
    def failures(self) -> Failures:
        return self._fallback.failures

    def _instrument_one(self, code: CodeType, constants: tuple[object, ...]) -> tuple[CodeType, registry.Instrumented]:
        try:
            new, probed = encodable(lambda: probe(code, self._planner(code), constants, self._kind), code, self._say)
        except Unencodable as error:
            self._fallback.trace()  # measured by opcode events, slowly
            if isinstance(error, ReadByOthers):
                self._fallback.note = str(error)
            raise
        for each in [self, *self._others()]:
            if each._kind is self._kind:
                each._keep([new], [probed])
        self._sweeper.add(probed)
        return new, probed

    def _keep(self, codes: list[CodeType], probed: list[Probed]) -> None:
        self._codes += codes
        self._probed += probed

    def uninstrumented(self, code: CodeType) -> bool:
        """Whether code is wanted and has no probes of this kind."""
        known = registry.known(code)
        if known is not None and known.kind == self._kind:
            return False
        return self._wanted(code if known is None else known.original)

    def counts_elsewhere(self, code: CodeType) -> bool:
        """Whether code is a copy that counts together with the code which it was made of."""
        return self._kind.counting and copied(code, self._kind) is not None

    def start(self) -> None:
        for outer in self._others():
            outer._kept += outer._recordings()
        ARRIVALS.begin()
        grown = functions.grown()
        self._keep(*cast("tuple[list[CodeType], list[Probed]]", registry.of_kind(self._kind)))
        for probed in self._that_ran(ever=True):
            probed.begin()
        watched = self._probed.copy()
        functions.swap_again(self._wanted, self._kind, self.instrument)
        for code in swapped.of_imported():
            self._wanted(code)  # no event comes when it runs: its file is read now, before anyone changes it
        found = ARRIVALS.objects(self._wanted, self._kind, grown)
        self._swap_all(each for each in found if type(each) is FunctionType)
        if self._waits(each for each in found if type(each) is not FunctionType):
            self._fallback.trace()
        # Uninstrumented code that runs now can make functions of uninstrumented code.
        if not self._fallback.tracing and not any(self.uninstrumented(place.code) for place in places()):
            ARRIVALS.settle(self._wanted, self._kind)
        else:
            ARRIVALS.unsettle()
        functions.begin(self, self._kind)
        self._executes, self._makes = guarded(self.failures, self.executes), guarded(self.failures, self.makes_function)
        ARRIVALS.executing.append(self._executes)
        ARRIVALS.making.append(self._makes)
        ARRIVALS.failures.append(self.failures)
        self._sweeper.start(watched)

    def record_frame(self, frame: FrameType) -> None:
        if self.uninstrumented(frame.f_code):
            self._fallback.trace()
            self._fallback.record_frame(frame)

    def forked(self) -> None:
        self._lock = threading.RLock()  # a thread that does not exist here may hold the old one
        for probed in self._probed:
            Counted.begin(probed)  # probes of lines do not count, and keep their hits
        self._sweeper.forked()
        self._fallback.forked()

    def _that_ran(self, *, ever: bool = False) -> list[Probed]:
        """What noted something since the last turn, or ``ever`` in the run; all where edges are counted."""
        entries = self._probed.copy()
        if self._kind.counting:
            return entries
        ran = noted(entries, ever=ever)
        if self._counted_inside:
            ran = [notes or counts for notes, counts in zip(ran, registry.counting(entries), strict=True)]
        return list(compress(entries, ran))

    def turn(self) -> list[Recording]:
        found = self._fallback.turn() if self._fallback.tracing else []
        with self._sweeper.waiting():
            for probed in self._that_ran():
                if (edges := probed.edges()) and self._wanted(probed.original):
                    found.append(Recording(probed.original, probed.kind, Plan(), edges))
                probed.turn()
                self._sweeper.add(probed)
        return found

    def stop(self) -> list[Recording]:
        ARRIVALS.executing.remove(self._executes)
        ARRIVALS.making.remove(self._makes)
        ARRIVALS.failures.remove(self.failures)
        functions.end(self)
        self._sweeper.stop()
        if self._sweeper.failed is not None:
            self._say(f"measured slowly: probes that were hit stayed: {self._sweeper.failed!r}")
        found = self._fallback.stop() if self._fallback.tracing else []
        found += self._recorded()
        for outer in self._others():
            # Code of the other kind may run on, and functions return to the kind of the outer run.
            known = set(outer._probed)
            new = [each not in known for each in self._probed]
            outer._keep(list(compress(self._codes, new)), list(compress(self._probed, new)))
            outer._counted_inside |= self._kind.counting or self._counted_inside
            outer.swap_all()
        self._codes, self._probed, self._kept, self._counted_inside = [], [], [], False
        return found

    def _recorded(self) -> list[Recording]:
        """What ran with probes."""
        for place in places():
            running = registry.known(place.code)
            if isinstance(running, Probed) and running.kind is self._kind and running.passages:
                running.notes.add(place.offset // 2)  # this is how far it ran
        return self._kept + self._recordings()

    def recorded(self) -> list[Recording]:
        return (self._fallback.recorded() if self._fallback.tracing else []) + self._recorded()

    def noted(self) -> int:
        entries = self._probed.copy()
        found = sum(len(each.notes) for each in entries) + (self._fallback.noted() if self._fallback.tracing else 0)
        if self._kind.counting or self._counted_inside:
            found += sum(sum(each.counts().values()) for each in entries)
        return found

    def _others(self) -> list[ProbeTracer]:
        """The tracers that run beside this one."""
        return [each for each in functions.running() if isinstance(each, ProbeTracer) and each is not self]

    def _recordings(self) -> list[Recording]:
        """What the probes say of the code that is wanted."""
        found = []
        for probed in self._that_ran(ever=True):
            edges, lines = probed.edges(), probed.lines()
            if (edges or lines) and self._wanted(probed.original):
                found.append(Recording(probed.original, probed.kind, Plan(), edges, lines))
        return found

    @gc_control.paused()
    def executed(self, since: Moment) -> bool:
        """Instrument the functions that executed code made; take effect at their next call.

        ``since``: when it began. Returns whether a generator or coroutine of code without probes is suspended: a task
        that it began.
        """
        found = since.objects_since(FunctionType, *functions.SUSPENDED)
        self._swap_all(each for each in found if type(each) is FunctionType)
        return self._waits(each for each in found if type(each) is not FunctionType and not functions.runs(each))

    def _waits(self, suspended: Iterable[Any]) -> bool:
        codes = [functions.suspended_code(each) for each in suspended]
        return any(code is not None and self.uninstrumented(code) for code in codes)

    def swap_all(self) -> None:
        """Instrument every function that exists; takes effect at its next call."""
        self._swap_all(objects(FunctionType))

    def _swap_all(self, found: Iterable[FunctionType]) -> None:
        foreign = self._foreign
        for function in [each for each in found if each.__code__.co_filename not in foreign]:
            code = function.__code__
            if code.co_filename in foreign:
                continue
            if self.uninstrumented(code):
                functions.swap(function, new := self.instrument(code))
                if self.uninstrumented(new):
                    self._fallback.trace()  # it cannot be instrumented
            elif registry.known(code) is None and not code.co_filename.startswith("<"):
                foreign.add(code.co_filename)

    def executes(self, code: CodeType) -> None:
        """Code is about to be executed."""
        if self.uninstrumented(code):
            self._fallback.until_end_of(code)

    def makes_function(self, code: CodeType) -> None:
        """A function of this code will exist, which no search has found: it came from another process, pickled."""
        if (self._fallback.paused or not self._fallback.tracing) and self.uninstrumented(code):
            self._fallback.trace()
