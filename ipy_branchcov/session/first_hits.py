"""Who covered each outcome first in a run, and with which values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import CodeType, FrameType

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.names import names as names_in
from ipy_branchcov.model.branch import FirstHit
from ipy_branchcov.model.source import SourceKey
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.session.analyses import Analyses
from ipy_branchcov.session.sources import Sources
from ipy_branchcov.session.values import arguments
from ipy_branchcov.session.values import values as values_of
from ipy_branchcov.tracing.tracer import Edge

__builtins__ = BUILTINS


class FirstHits:
    """Records first hits of one run. ``context``: who runs now (a cell, a test). ``values``: record values too."""

    def __init__(self, sources: Sources, analyses: Analyses, context: str, *, values: bool):
        self.context = context
        #: The contexts of the run in their order, where each outcome's are all recorded.
        self.order: dict[str, int] = {}
        self._edges: set[tuple[int, Edge]] = set()
        self._sources = sources
        self._analyses = analyses
        self._values = values
        #: By the source's key, the branch's number and the outcome's.
        self._found: dict[tuple[SourceKey, int, int], FirstHit] = {}
        #: By the source's key, the decision's number, the vector.
        self._evaluations: dict[tuple[SourceKey, int, str], FirstHit] = {}

    def record(self, code: CodeType, edge: Edge, frame: FrameType) -> None:
        """An edge was covered for the first time. Called in the user's code, so it raises nothing."""
        try:
            if self.order:
                if (id(code), edge) in self._edges:  # covered in an earlier context
                    return
                self._edges.add((id(code), edge))
            source = self._sources.of(code)
            analysis = None if source is None else self._analyses.of(source)
            placed = None if analysis is None else analysis.placed(code)
            if analysis is None or source is None or placed is None:
                return
            if edge.history:
                self._record_evaluations(analysis, source.key, placed, edge, frame)
            for number, outcome in analysis.of(placed).outcomes_of(*edge[:3]):
                key = (source.key, number, outcome)
                if key not in self._found:
                    names = (*analysis.names[number], *arguments(code)) if self._values else ()
                    self._found[key] = FirstHit(self.context, values_of(frame, names) if names else {})
        except Exception:  # a first hit without its values is better than a changed program
            return

    def _record_evaluations(
        self, analysis: Analysis, key: SourceKey, code: CodeType, edge: Edge, frame: FrameType
    ) -> None:
        histories = analysis.histories(code)
        for decision, vector in histories.evaluations(edge) if histories is not None else ():
            place = key, decision, vector
            if place not in self._evaluations:
                root = analysis.followed.roots[decision]
                names = (*names_in(root), *arguments(code)) if self._values else ()
                self._evaluations[place] = FirstHit(self.context, values_of(frame, names) if names else {})

    def of_evaluation(self, key: SourceKey, decision: int, vector: str) -> FirstHit:
        """The first hit of an evaluation of a decision that was followed."""
        found = self._evaluations.get((key, decision, vector))
        if found is None:
            return FirstHit(self.context)
        return found if found.by else replace(found, by=self.context)

    def of(self, key: SourceKey, branch: int, outcome: int, contexts: Iterable[str] = ()) -> FirstHit:
        """The first hit of a covered outcome. Where the run's context was not known when it began, it is now.

        ``contexts``: all that covered it, where they are known. What ran with probes has no values.
        """
        found = self._found.get((key, branch, outcome))
        first = min(contexts, key=lambda name: self.order.get(name, 0), default=None)
        if first is not None and (found is None or found.by != first):
            return FirstHit(first)
        if found is None:
            return FirstHit(self.context)
        return found if found.by else replace(found, by=self.context)
