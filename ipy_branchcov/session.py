"""A session measures code, run by run, and sums what it found. The only stateful object of the package."""

from __future__ import annotations

import atexit
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from ipy_branchcov import collector
from ipy_branchcov.analysis.branches import Analysis, find_branches
from ipy_branchcov.analysis.codemap import CodeMap
from ipy_branchcov.analysis.names import names as names_in
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.config import Config
from ipy_branchcov.errors import UsageError
from ipy_branchcov.measure import measure
from ipy_branchcov.model.coverage import Coverage, SourceCoverage, Taker, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.sources import display_name, read_source, resolve
from ipy_branchcov.tracing.imports import Imports
from ipy_branchcov.tracing.tracer import CodeFilter, Edge, Plan, Recording, Tracer, choose_tracer
from ipy_branchcov.values import arguments
from ipy_branchcov.values import values as values_of

if TYPE_CHECKING:
    from ipy_branchcov.disassembly import Disassembly

#: Where packages are installed. They are measured where they are named, not because a folder around them is.
_INSTALLED = sorted({os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "purelib", "platlib")})

#: Which source a code object was compiled from; None: it is not for this finder to say.
Finder = Callable[[CodeType], Source | None]


@dataclass
class Run:
    """What :meth:`Session.measuring` yields. ``coverage`` is set when the run has ended."""

    coverage: Coverage = field(default_factory=Coverage)


class Session:
    """Measures the code that finders and sources name, in runs between :meth:`start` and :meth:`stop`.

    Runs do not nest: a run inside a run is part of it.
    """

    def __init__(
        self, *, config: Config | None = None, counts: bool = False, tracer: str = "auto", values: bool = True
    ):
        self.config = Config()
        self.tracer_name = tracer
        self.values = values
        self._finders: list[Finder] = []
        self._roots: list[str] = []
        self._files: set[str] = set()
        self._sources: dict[int, tuple[CodeType, Source | None]] = {}
        #: The same for files that are measured, by the name in their code; None: not measured.
        self._by_file: dict[str, tuple[Source | None] | None] = {}
        #: Files in which nothing is measured, from run to run.
        self._elsewhere: set[str] = set()
        #: What tracers are given: the same one while it accepts the same code.
        self._filter: CodeFilter = partial(Session._wanted, self)
        self._analyses: dict[tuple[str, str], Analysis | None] = {}
        self._notes: dict[tuple[str, str], str] = {}
        #: By the name in their code: files of which it could not be found out whether they are measured.
        self._unknown: dict[str, str] = {}
        self._tracer: Tracer | None = None
        self._total: list[Coverage] = []
        #: Called with the coverage of each run that ends.
        self.observers: list[Callable[[Coverage], None]] = []
        #: What each code object did in the last run, instruction by instruction, where :meth:`start` was told so.
        self.disassemblies: list[Disassembly] = []
        #: Who took an arm first in the run: by the source's key, the branch's number and the arm's.
        self._takers: dict[tuple[tuple[str, str], int, int], Taker] = {}
        self._tell_values = values
        self._by = ""
        self._exact = self._disassemble = False
        self._lasting: tuple[list[str], set[str]] = ([], set())
        self._lock = threading.RLock()
        self._imports = Imports(self.prepare)
        self.configure(config or Config())
        self.counts = counts or self.config.counts

    # --- what is measured

    def configure(self, config: Config) -> None:
        """Take over a configuration; what was measured stays. Raises UsageError for an unknown source."""
        found = [resolve(source) for source in config.source]
        self.config = config
        self.counts = config.counts
        self._roots = [root for roots, _ in found for root in roots]
        self._files = {file for _, files in found for file in files}
        self._forget_sources()
        self._analyses.clear()

    def add_finder(self, find: Finder) -> None:
        """Ask ``find`` for the source of code that no measured file holds."""
        self._finders.append(find)
        self._forget_sources()

    def add_source(self, spec: str) -> None:
        """Measure a module (with its submodules) by name, or a directory or file by path.

        Raises UsageError for what is neither.
        """
        roots, files = resolve(spec)
        self._roots += roots
        self._files.update(files)
        self._forget_sources()

    def _forget_sources(self, *, same: bool = False) -> None:
        """Of code objects and files. ``same``: what is measured is still the same, though files may have changed."""
        self._sources.clear()
        self._by_file.clear()
        if not same:
            self._elsewhere.clear()
            self._filter = partial(Session._wanted, self)

    def _find(self, code: CodeType) -> Source | None:
        known = self._sources.get(id(code))
        if known is None or known[0] is not code:
            known = (code, self._locate(code))
            self._sources[id(code)] = known
        return known[1]

    def _locate(self, code: CodeType) -> Source | None:
        filename = code.co_filename
        if filename.startswith("<frozen ") or filename in self._elsewhere:
            return None
        if self._roots or self._files:
            if filename not in self._by_file:
                path = os.path.realpath(filename)
                self._by_file[filename] = (read_source(path),) if self._is_measured(path) else None
            if (found := self._by_file[filename]) is not None:
                return found[0]
        for find in self._finders:
            if (source := find(code)) is not None:
                return source
        if not filename.startswith("<"):  # such a name can stand for much
            self._elsewhere.add(filename)
        return None

    def _is_measured(self, path: str) -> bool:
        if path not in self._files and not any(path.startswith(root) for root in self._roots):
            return False
        if any(path.startswith(folder) and not self._names(folder) for folder in _INSTALLED):
            return False
        name = display_name(path)
        return path.endswith(".py") and not any(fnmatch(name, glob) or fnmatch(path, glob) for glob in self.config.omit)

    def _names(self, folder: str) -> bool:
        """Whether something in a folder was named as a source, rather than a folder around it."""
        return any(each.startswith(folder) for each in (*self._roots, *self._files))

    # --- runs

    @property
    def running(self) -> bool:
        return self._tracer is not None

    @collector.paused()
    def start(
        self,
        by: str,
        *,
        source: Iterable[str] = (),
        counts: bool | None = None,
        tracer: str | None = None,
        opcodes: bool = False,
        values: bool | None = None,
    ) -> None:
        """Begin a run. ``by`` names who runs: ``In [7]``, a test. The options hold for this run alone.

        Raises TracerError, UsageError.
        """
        if self._tracer is not None:
            raise UsageError("a run is being measured already; end it first")
        lasting = (list(self._roots), set(self._files))
        for spec in source:
            self.add_source(spec)
        exact = self.counts if counts is None else counts
        factory = choose_tracer(tracer or self.tracer_name)
        begun = factory(self._filter, self._plan, counts=exact, witness=self._first)
        self._takers, self._tell_values = {}, self.values if values is None else values
        self._forget_sources(same=True)
        begun.start()
        atexit.register(self.close)  # an interpreter that ends calls no more of ours
        self._imports.begin()
        self._tracer, self._by, self._exact, self._lasting = begun, by, exact, lasting
        self._disassemble, self.disassemblies = opcodes, []

    def called(self, by: str) -> None:
        """The run goes on under another name: that of the next test."""
        self._by = by

    def stop(self, by: str = "") -> Coverage:
        """End the run; return what it alone did. Nothing running: an empty coverage.

        ``by`` names the run where its name was not known at the start.
        """
        if self._tracer is None:
            return Coverage()
        tracer, self._tracer = self._tracer, None
        atexit.unregister(self.close)
        self._imports.end()
        self._by = by or self._by
        recordings = tracer.stop()
        coverage = self._measure(recordings, tracer.note)
        same = (self._roots, self._files) == self._lasting
        self._roots, self._files = self._lasting
        self._forget_sources(same=same)
        self.add(coverage)
        for observer in self.observers:
            observer(coverage)
        return coverage

    @contextmanager
    def measuring(self, by: str) -> Iterator[Run]:
        """A run around a block."""
        run = Run()
        self.start(by)
        try:
            yield run
        finally:
            run.coverage = self.stop()

    def coverage(self) -> Coverage:
        """All that was measured since the beginning or :meth:`reset`."""
        total = merge(self._total) if self._total else Coverage(counted=self.counts)
        self._total = [total]
        return total

    def add(self, coverage: Coverage) -> None:
        """Add what was measured elsewhere: another kernel, a file."""
        self._total.append(coverage)

    def reset(self) -> None:
        """Forget what was measured."""
        self._total = []
        self._analyses.clear()

    def close(self) -> None:
        """End a run that is still on, and give its facility back."""
        self.stop()

    def prepare(self, code: CodeType) -> CodeType:
        """Code that is about to be run for the first time: given to the running tracer, which may rewrite it."""
        try:
            with collector.paused():
                return code if self._tracer is None else self._tracer.prepare(code)
        except Exception:  # in the place of the user's import; it is then measured as it is
            return code

    def nothing_of(self, code: CodeType) -> SourceCoverage | None:
        """The source of a code object, everything in it missed. None where it is not measured."""
        source = self._find(code)
        analysis = None if source is None else self._analysis(source)
        if analysis is None or source is None:
            return None
        return replace(measure(analysis, (), counts=self.counts), source=source)

    def never_imported(self, measured: Coverage) -> Coverage:
        """The files below the sources that were not measured, everything in them missed.

        As coverage.py, only in folders that are packages, and in the named ones themselves.
        """
        seen = {source.source.path for source in measured}
        found = []
        for path in self._all_files():
            source = None if path in seen or not self._is_measured(path) else read_source(path)
            if source is not None and (analysis := self._analysis(source)) is not None:
                found.append(measure(analysis, (), counts=self.counts))
        return Coverage(tuple(found), frozenset(), self.counts)

    def _all_files(self) -> Iterator[str]:
        yield from self._files
        for root in self._roots:
            for folder, inner, files in os.walk(root):
                inner[:] = sorted(name for name in inner if Path(folder, name, "__init__.py").is_file())
                yield from (os.path.join(folder, name) for name in sorted(files))  # noqa: PTH118

    # --- from code to coverage

    def _wanted(self, code: CodeType) -> bool:
        try:
            return self._find(code) is not None
        except Exception as error:  # a tracer's callback: what it raises would be raised in the user's code
            self._unknown[code.co_filename] = repr(error)
            return False

    def _first(self, code: CodeType, edge: Edge, frame: FrameType) -> None:
        """An edge is taken for the first time. Called in the user's code, so it raises nothing."""
        try:
            source = self._find(code)
            analysis = None if source is None else self._analysis(source)
            if analysis is None or source is None:
                return
            for number, arm in analysis.of(code).taken(*edge):
                key = ((source.digest, source.path or ""), number, arm)
                if key not in self._takers:
                    names = (*names_in(analysis.decisions.nodes[number]), *arguments(code)) if self._tell_values else ()
                    self._takers[key] = Taker(self._by, values_of(frame, names) if names else {})
        except Exception:  # nothing told is better than a changed program
            return

    @collector.paused()
    def _plan(self, code: CodeType) -> Plan:
        try:
            source = self._find(code)
            analysis = None if source is None else self._analysis(source)
            if analysis is None:
                return Plan()
            code_map: CodeMap = analysis.of(code)
            return Plan(
                ways=code_map.ways,
                copies=code_map.copies,
                joint=code_map.joint_offsets,
                watched=code_map.watched_offsets,
                steps=code_map.steps,
                ends=code_map.ends,
                bytecode=code_map.bytecode,
            )
        except Exception as error:  # as above; the source is then reported with a note
            if source is not None:
                self._notes[(source.digest, source.path or "")] = f"not measured exactly: {error!r}"
            return Plan()

    @collector.paused()
    def _analysis(self, source: Source) -> Analysis | None:
        key = (source.digest, source.path or "")
        with self._lock:
            if key not in self._analyses:
                policy = Policy(self.config.optional, self.config.required, self.config.exclude)
                try:
                    self._analyses[key] = find_branches(source, (), policy)
                except (SyntaxError, ValueError, RecursionError) as error:
                    self._analyses[key] = None
                    self._notes[key] = f"its text is not what ran ({type(error).__name__}): cannot be measured"
            return self._analyses[key]

    @collector.paused()
    def _measure(self, recordings: list[Recording], note: str) -> Coverage:
        groups: dict[tuple[str, str], tuple[Source, list[Recording]]] = {}
        for recording in recordings:
            source = self._find(recording.code)
            if source is not None:
                groups.setdefault((source.digest, source.path or ""), (source, []))[1].append(recording)
        found = []
        for key, (source, members) in groups.items():
            analysis = self._analysis(source)
            if analysis is None:
                found.append(SourceCoverage(source, note=self._notes.get(key, "")))
                continue
            coverage = measure(analysis, members, counts=self._exact, taker=partial(self._taker, key))
            if self._disassemble:
                from ipy_branchcov.disassembly import disassemble

                self.disassemblies += [disassemble(analysis, member) for member in members]
            notes = [n for n in (coverage.note, self._notes.get(key, ""), note) if n]
            # The analysis is shared by all cells of the same text, whatever they are called.
            found.append(replace(coverage, source=source, note="; ".join(notes)))
        for name, error in self._unknown.items():
            found.append(SourceCoverage(Source(name, "", "file", name), note=f"not measured: {error}"))
        self._unknown.clear()
        self.disassemblies.sort(key=lambda each: (not each.exits, each.source.name, each.line))
        version = ".".join(map(str, sys.version_info[:3]))
        return merge([Coverage(tuple(found), frozenset({version}), self._exact)])

    def _taker(self, key: tuple[str, str], branch: int, arm: int) -> Taker:
        """Who took an arm of a source first. A run whose name was not known when it began has it now."""
        taker = self._takers.get((key, branch, arm))
        if taker is None:
            return Taker(self._by)
        return taker if taker.by else replace(taker, by=self._by)
