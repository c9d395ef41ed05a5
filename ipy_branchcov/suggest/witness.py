"""Which outcomes of a source some calls cover: the engine itself, without the coverage that a session makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.model.source import Source
from ipy_branchcov.session.analyses import Analyses
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.session.sources import SourceLocator, Sources
from ipy_branchcov.suggest.record import Place
from ipy_branchcov.tracing import gc_control
from ipy_branchcov.tracing.choice import choose_tracer
from ipy_branchcov.tracing.probes.functions import give_back


class Witness:
    """Watches the code of one source. ``locators``: as a session has them."""

    def __init__(self, source: Source, locators: Iterable[SourceLocator], options: RunOptions):
        self.source = source
        self._sources = Sources(Scope(source=[source.path] if source.path else []))
        for each in locators:
            self._sources.add_locator(each)
        policy = Policy(
            options.optional, options.required, options.exclude, options.exclude_also, options.partial_branches
        )
        self._analyses = Analyses(self._sources, policy)

    @property
    def analysis(self) -> Analysis | None:
        """The analysis of the source; None where its text is not what ran."""
        return self._analyses.of(self.source)

    def outcomes_of(self, call: Callable[[], None]) -> frozenset[Place]:
        """The branches and outcomes that a call covers, by their numbers. The call raises nothing."""
        analysis = self.analysis
        if analysis is None:
            return frozenset()
        with gc_control.paused():
            tracer = choose_tracer()(self._sources.filter, self._analyses.plan, counts=False)
            tracer.start()
        try:
            call()
        finally:
            with gc_control.paused():
                recordings = tracer.stop()
                give_back()
        found: set[Place] = set()
        for each in recordings:
            source = self._sources.of(each.code)
            placed = analysis.placed(each.code)
            if source is None or source.key != self.source.key or placed is None:
                continue
            for edge in each.edges:
                found.update(analysis.of(placed).outcomes_of(edge.src, edge.dst, edge.before))
        return frozenset(found)
