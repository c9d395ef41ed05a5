"""Recordings -> the coverage of one run; and sources of which nothing ran, with everything missed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, SourceKey
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.analyses import Analyses
from ipy_branchcov.session.first_hits import FirstHits
from ipy_branchcov.session.measure import measure
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope, compiled
from ipy_branchcov.session.sources import UNREADABLE, Sources
from ipy_branchcov.session.total import changed
from ipy_branchcov.tracing import gc_control
from ipy_branchcov.tracing.tracer import Recording

if TYPE_CHECKING:
    from ipy_branchcov.session.disassembly import Disassembly

#: Of so many sources that one run measured, what is known of each is let go.
_MANY = 64


@dataclass
class Result:
    """What one run gave. ``disassemblies``: where the run was asked for them, the code with exits first."""

    coverage: Coverage = field(default_factory=Coverage)
    disassemblies: list[Disassembly] = field(default_factory=list)


class Results:
    """Makes the coverage of runs in one scope."""

    def __init__(self, scope: Scope, sources: Sources, analyses: Analyses):
        self._scope = scope
        self._sources = sources
        self._analyses = analyses

    @gc_control.paused()
    def of_run(self, recordings: list[Recording], options: RunOptions, first_hits: FirstHits, note: str) -> Result:
        """The coverage of a run. ``note``: its tracer's."""
        result = Result()
        groups: dict[SourceKey, tuple[Source, list[Recording]]] = {}
        for recording in recordings:
            source = self._sources.of(recording.code)
            if source is not None:
                groups.setdefault(source.key, (source, []))[1].append(recording)
        newest = self._sources.newest()
        former = {s.path for s, _ in groups.values() if s.path and newest.get(s.path, s.key) != s.key}
        found = []
        for source, members in groups.values():
            coverage = partial(self._of_source, source, members, options, first_hits, note, result)
            if source.path not in former:
                found.append(coverage())
                self._analyses.keep(source, let_go=len(groups) > _MANY)
            elif source.path and newest[source.path] == source.key:
                found.append(changed(coverage()))
        known = {source.path for source, _ in groups.values()}
        found += [self._never_imported(path, options) for path in self._scope.compiled() if path not in known]
        found += [self._unmeasured(name, error) for name, error in self._sources.failures.items()]
        self._sources.failures.clear()
        result.disassemblies.sort(key=lambda each: (not each.exits, each.source.name, each.line))
        version = ".".join(map(str, sys.version_info[:3]))
        result.coverage = merge([Coverage(tuple(found), frozenset({version}), options.counts)])
        return result

    def _of_source(
        self,
        source: Source,
        recordings: list[Recording],
        options: RunOptions,
        first_hits: FirstHits,
        of_tracer: str,
        result: Result,
    ) -> SourceCoverage:
        analysis, note = self._analyses.of(source), self._analyses.notes.get(source.key, "")
        if analysis is None:
            return SourceCoverage(source, note=note).placed()
        coverage = measure(
            analysis,
            recordings,
            counts=options.counts,
            first_hit=partial(first_hits.of, source.key),
            first_evaluation=partial(first_hits.of_evaluation, source.key) if options.follow else None,
        )
        if options.opcodes:
            from ipy_branchcov.session.disassembly import disassemble

            result.disassemblies += [
                disassemble(analysis, each) for each in recordings if analysis.placed(each.code) is each.code
            ]
        notes = filter(None, (coverage.note, note, of_tracer))
        # All cells of one text share an analysis, also under different names.
        lines = filter(None, ("; ".join(notes), *_wrong(analysis, source)))
        source.forget_lines()
        return replace(coverage, source=source, note="\n".join(lines)).placed()

    def all_missed(self, source: Source, options: RunOptions) -> SourceCoverage | None:
        """A source with everything missed; None where it does not compile."""
        analysis = self._analyses.of(source)
        if analysis is None:
            return None
        first = (lambda decision, vector: None) if options.follow else None
        coverage = measure(analysis, (), counts=options.counts, first_evaluation=first)
        notes = filter(None, (coverage.note, *_wrong(analysis, source)))
        return replace(coverage, source=source, note="\n".join(notes)).placed()

    def never_imported(self, measured: Coverage, options: RunOptions) -> Coverage:
        """The files of the scope that ``measured`` has not, with everything missed."""
        seen = {each.source.path for each in measured if each.source.path is not None}
        found = tuple(self._never_imported(path, options) for path in self._scope.files(seen) if path not in seen)
        return Coverage(found, frozenset(), options.counts)

    def _never_imported(self, path: str, options: RunOptions) -> SourceCoverage:
        source = self._scope.read(path)
        if source is None:
            why = UNREADABLE
            if os.path.isfile(f"{path}c") and not os.path.exists(path):  # noqa: PTH110, PTH113
                why = "only its byte code is there; install its source"
            return self._unmeasured(path, why)
        if (sentence := compiled(path)) is not None:
            return SourceCoverage(source, note=sentence)
        self._analyses.keep_unrun(source)
        coverage = self.all_missed(source, options)
        if coverage is None:
            return self._unmeasured(path, "does not compile; omit it if it is no Python source")
        self._analyses.drop(source)  # a package can have thousands of files of which a run imports a few
        source.forget_lines()
        return coverage

    def _unmeasured(self, path: str, why: str) -> SourceCoverage:
        name = self._scope.name(path)
        return SourceCoverage(Source(name, "", "file", path), note=f"{name}: not measured: {why}")


def _wrong(analysis: Analysis, source: Source) -> list[str]:
    """One line for each comment of a source that should exclude something and does not."""
    above = source.within[1] if source.within else 0
    # The name of a cell outside a notebook file has its execution count.
    place = f"{source.name}:" if source.kind == "file" or "#" in source.name else "line "
    return [f"{place}{line + above}: {what}" for line, what in analysis.map.wrong]
