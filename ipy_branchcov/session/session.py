"""A session measures code, run by run, and sums what it found: the one object that holds coverage."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.printable import printable
from ipy_branchcov.session import reloaded
from ipy_branchcov.session.analyses import Analyses
from ipy_branchcov.session.compiled import with_compiled
from ipy_branchcov.session.contexts import Contexts
from ipy_branchcov.session.elsewhere import Companion, Others
from ipy_branchcov.session.first_hits import FirstHits
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.results import Results
from ipy_branchcov.session.scope import Places, Scope, resolve, resolve_all
from ipy_branchcov.session.sources import SourceLocator, Sources
from ipy_branchcov.session.total import Total
from ipy_branchcov.tracing import gc_control
from ipy_branchcov.tracing.choice import choose_tracer
from ipy_branchcov.tracing.imports import Imports
from ipy_branchcov.tracing.probes import functions, swapped
from ipy_branchcov.tracing.probes.readers import READING
from ipy_branchcov.tracing.tracer import Mechanism, Recording, Tracer

if TYPE_CHECKING:
    from ipy_branchcov.session.disassembly import Disassembly


DEFAULTS = RunOptions()


@dataclass
class Run:
    """What :meth:`Session.measuring` yields. ``coverage`` is set when the run has ended."""

    coverage: Coverage = field(default_factory=Coverage)


@dataclass(frozen=True)
class _Running:
    """The run that is on: its tracer, its first hits, its options, and how to end what it measures elsewhere."""

    tracer: Tracer
    first_hits: FirstHits
    options: RunOptions
    #: Who covered each edge, where all are wanted.
    contexts: Contexts | None = None
    elsewhere: tuple[Callable[[str], Coverage], ...] = ()


class Session:
    """Measures the code that its scope and its locators name, in runs between :meth:`start` and :meth:`stop`.

    Runs do not nest: a run inside a run is part of it.
    """

    def __init__(self, options: RunOptions = DEFAULTS, *, root: Path | None = None):
        #: The settings: what holds for a run that has no options of its own.
        self.options = options
        self.scope = Scope(root, source=options.source, omit=options.omit, include=options.include)
        #: Called with the coverage of each run that ends.
        self.observers: list[Callable[[Coverage], None]] = []
        #: Measures the processes that the runs start.
        self.others: Others | None = None
        #: Whether this process is a fork of the one that began the run.
        self.in_fork = False
        #: Asked at the beginning of each run whether it is measured in other processes, too.
        self.companions: list[Companion] = []
        #: What each code object did in the last run, instruction by instruction, where :meth:`start` was asked for it.
        self.disassemblies: list[Disassembly] = []
        #: What measured each code object in the last run, by its qualified name.
        self.mechanisms: list[tuple[str, Mechanism]] = []
        self._sources = Sources(self.scope)
        #: What is measured between runs: without what one run alone was asked to measure.
        self._lasting: Places = self.scope.places
        self._analyses = Analyses(self._sources, _policy(options))
        self._results = Results(self.scope, self._sources, self._analyses)
        self._running: _Running | None = None
        #: Whether a run has ended whose functions still have instrumented code.
        self._instrumented = False
        self._total = Total()
        self._imports = Imports(self._imported, READING.imported)

    # --- what is measured

    def configure(self, options: RunOptions) -> None:
        """Take over other settings; what was measured stays. Raises UsageError for an unknown source."""
        self._lasting = resolve_all(options.source)
        self.options = options
        if not self.running:
            self._hold(options, self._lasting)

    def _hold(self, options: RunOptions, places: Places) -> None:
        """Measure these places by these options from now on. What depends on what has changed is found out again."""
        self._sources.set_scope(places, options.omit, options.include)
        if self._analyses.set_policy(_policy(options)):
            self._sources.forget()  # tracers count references to code, and there are fewer now

    def add_locator(self, locate: SourceLocator) -> None:
        """Ask ``locate`` for the source of code that lies in no measured file."""
        self._sources.add_locator(locate)

    def when_found(self, call: Callable[[], None]) -> None:
        """Call once, when the first code that is measured is about to run. It must not raise."""
        self._sources.when_found = call

    def add_source(self, spec: str) -> Places:
        """Measure a module and its submodules by name, or a folder or file by path; return where. Raises UsageError."""
        places = resolve(spec)
        self._lasting |= places
        self._sources.set_scope(self.scope.places | places, self.scope.omit, self.scope.include)
        return places

    # --- runs

    @property
    def running(self) -> bool:
        return self._running is not None

    def start(self, context: str = "", options: RunOptions | None = None, *, frame: FrameType | None = None) -> None:
        """Begin a run. ``context`` names who runs: ``In [7]``, a test. ``options``: all those of this run.

        Without options the settings hold. Sources that the settings do not have are added for this run.

        ``frame``: one that runs already and is recorded too, from where it stands.

        Raises TracerError, UsageError; a run that could not begin leaves nothing behind.
        """
        if self._running is not None:
            raise UsageError("a run is being measured already; end it first")
        run = self._start(context, options or self.options, frame)
        ends = (begin(run.options) for begin in self.companions)
        self._running = replace(run, elsewhere=tuple(end for end in ends if end is not None))

    @gc_control.paused()
    def _start(self, context: str, options: RunOptions, frame: FrameType | None) -> _Running:
        factory = choose_tracer(options.tracer)
        with ExitStack() as undo:
            undo.callback(self._hold, self.options, self._lasting)
            added = [spec for spec in options.source if spec not in self.options.source]
            self._hold(options, self._lasting | resolve_all(added))
            self._sources.adopt(reloaded.added(self.scope))
            named = printable(context)
            first_hits = FirstHits(self._sources, self._analyses, named, values=options.values)
            if functions.counting() and not functions.following():
                # A function has one code object: that of the run around this one. Outcomes prove what they can.
                options = replace(options, mcdc=False, fail_under_mcdc=None)
            counts = options.counts or functions.counting()
            self._analyses.follow = follow = options.follow or functions.following()
            begun = factory(
                self._sources.filter,
                self._analyses.plan,
                counts=counts,
                on_first_hit=first_hits.record,
                follow=follow,
            )
            begun.start()
            undo.callback(self.release)
            undo.callback(begun.stop)
            if frame is not None:
                begun.record_frame(frame)
            undo.pop_all()
        atexit.register(self.close)  # an interpreter that ends calls no more of our callbacks
        self._imports.begin()
        READING.begin(begun.failures)
        self.disassemblies = []
        if self.others is not None:
            self.others.begin(options)
        contexts = Contexts() if options.contexts else None
        if contexts is not None:
            first_hits.order[named] = 0
        self._running = _Running(begun, first_hits, options, contexts)
        return self._running

    def set_context(self, context: str) -> None:
        """Attribute first hits to another context from now on, and all hits where they are wanted: to the next test."""
        run, context = self._running, printable(context)
        if run is None or run.first_hits.context == context:
            return
        if run.contexts is not None:
            with gc_control.paused():
                run.contexts.add(run.first_hits.context, run.tracer.turn())
            run.first_hits.order.setdefault(context, len(run.first_hits.order))
        run.first_hits.context = context

    def stop(self, context: str = "", *, keep: bool = False) -> Coverage:
        """End the run and return its coverage; an empty one where nothing is running.

        ``context`` names the run where that was not known at its start. ``keep``: another run follows, so functions
        stay instrumented until :meth:`release`.
        """
        if self._running is None:
            return Coverage()
        run, self._running = self._running, None
        atexit.unregister(self.close)
        self._imports.end()
        compiled = READING.compiled()
        READING.end()
        run.first_hits.context = printable(context) or run.first_hits.context
        coverage = self._coverage_of(run, run.tracer.stop(), compiled)
        self._analyses.run_ended()
        elsewhere, by = run.elsewhere, run.first_hits.context
        del run  # releasing counts what refers to code objects
        self._hold(self.options, self._lasting)
        self._instrumented = True
        if not keep:
            self.release()
        if self.others is not None:
            self.others.end()
            coverage = merge([coverage, self.others.take()])
        if elsewhere:
            coverage = merge([coverage, *(end(by) for end in elsewhere)])
        self._found(coverage)
        return coverage

    def so_far(self) -> Coverage:
        """What the run has covered until now: it goes on. Raises nothing of the measured code's."""
        run = self._running
        if run is None:
            return Coverage()
        with gc_control.paused():
            if run.contexts is not None:
                run = replace(run, contexts=run.contexts.copy())
            return self._coverage_of(run, run.tracer.recorded(), READING.compiled())

    def noted(self) -> int:
        """Return a number that is another one as soon as :meth:`so_far` has more. Costs much less than that."""
        return 0 if self._running is None else self._running.tracer.noted()

    def _coverage_of(
        self, run: _Running, recordings: list[Recording], compiled: list[tuple[CodeType, str]]
    ) -> Coverage:
        """What the recordings of a run say."""
        if run.contexts is not None:
            run.contexts.add(run.first_hits.context, recordings)
            recordings = run.contexts.recordings()
        self.mechanisms = [(each.code.co_qualname, each.mechanism) for each in recordings]
        result = self._results.of_run(recordings, run.options, run.first_hits, run.tracer.note)
        self.disassemblies, coverage = result.disassemblies, with_compiled(result.coverage, compiled, self._sources.of)
        noted = [run.tracer.note] if run.tracer.note and not recordings else []  # else it stands at each source
        return replace(coverage, lost=coverage.lost.union(noted, run.tracer.failures.lines(self._name_of)))

    def _name_of(self, code: CodeType) -> str:
        source = self._sources.of(code)
        return printable(code.co_filename) if source is None else source.name

    def _found(self, coverage: Coverage) -> None:
        self.add(coverage)
        for observer in self.observers:
            observer(coverage)

    @gc_control.paused()
    def release(self) -> None:
        """Give every function its own code back, after runs that kept it instrumented."""
        self._instrumented = False
        functions.give_back()

    @contextmanager
    def measuring(self, context: str = "") -> Iterator[Run]:
        """A run around a block."""
        run = Run()
        self.start(context)
        try:
            yield run
        finally:
            run.coverage = self.stop()

    def forked(self) -> None:
        """Go on in a process that has just been forked. What its parent did is covered here too, but not counted.

        Former runs are the parent's, and so is who looks at this one.
        """
        self.in_fork = True
        self._total = Total()
        self.observers.clear()
        self._analyses.forked()
        if self._running is not None:
            self._running.tracer.forked()
            contexts = None if self._running.contexts is None else Contexts()
            self._running = replace(self._running, contexts=contexts, elsewhere=())  # its parent ends that

    def close(self) -> None:
        """End a run that is still on, and give back what it changed."""
        self.stop()
        if self._instrumented:
            self.release()

    def instrument(self, code: CodeType) -> CodeType:
        """Return code as it should run for the first time: the running tracer may add probes. Raises nothing."""
        try:
            with gc_control.paused():
                if self._running is None:
                    return code
                READING.arrived(code)
                new = self._running.tracer.instrument(code)
                self._analyses.instrumented()
                return new
        except Exception:  # this stands in the user's import; the code is then measured as it is
            return code

    def _imported(self, code: CodeType) -> CodeType:
        """The same for the code of a module, whose file may have changed since another module of that file was read."""
        self._sources.read_again(code.co_filename)
        return self.instrument(code)

    # --- what was measured

    def coverage(self) -> Coverage:
        """The sum of all runs since the beginning or :meth:`reset`, with the processes that have ended since."""
        late = Coverage() if self.others is None else self.others.take()
        if late.sources or late.lost:
            self._found(late)
        total = self._total.coverage()
        return Coverage(counted=self.options.counts) if total is None else total

    def add(self, coverage: Coverage) -> None:
        """Add a coverage that comes from elsewhere: another kernel, a file."""
        self._total.add(coverage)

    def reset(self) -> None:
        """Forget what was measured."""
        self._total = Total()
        self._analyses.forget()
        self._sources.forget()  # tracers count references to code, and there are fewer now
        swapped.forget_gone()
        gc_control.trim()

    def all_missed(self, code: CodeType) -> SourceCoverage | None:
        """The source of a code object with everything missed. None where it is not measured."""
        source = self._sources.of(code)
        return None if source is None else self._results.all_missed(source, self.options)

    def never_imported(self, measured: Coverage) -> Coverage:
        """The files of the scope that ``measured`` has not, with everything missed."""
        return self._results.never_imported(measured, self.options)


def _policy(options: RunOptions) -> Policy:
    return Policy(options.optional, options.required, options.exclude, options.exclude_also, options.partial_branches)
