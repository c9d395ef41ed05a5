"""The analysis of each source, made when its code first runs, and what tracers need to know of it."""

from __future__ import annotations

import sys
import threading
from collections import deque
from dataclasses import replace
from marshal import loads  # as it is outside of runs, in which ``marshal`` searches values for code
from types import CodeType

from ipy_branchcov.analysis import kept
from ipy_branchcov.analysis.branches import Analysis, find_branches
from ipy_branchcov.analysis.codemap import CodeMap
from ipy_branchcov.analysis.histories import Histories
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.data import kept_files
from ipy_branchcov.model.recent import Recent
from ipy_branchcov.model.source import Source, SourceKey
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.session.sources import Sources
from ipy_branchcov.tracing import gc_control
from ipy_branchcov.tracing.tracer import Plan

__builtins__ = BUILTINS

#: What was used in the last so many runs is kept. Of a small cell it is 200 objects, for each collection of the user's.
_RUNS = 4
#: From 3.14 on edges are known by the instruction that proves them; before, by an instruction and the next one.
_STEPS = sys.version_info >= (3, 14)
#: So many sources at most have their syntax trees in memory. Before 3.14 a module is mapped when it is imported, and
#: those whose functions were found have few; later, each function when it first runs, and where decisions are followed
#: it takes the tree.
_TREES, _TREES_IN_USE = 4, 64


class Analyses:
    """Analyses by source. ``notes``: one line for people about each source that could not be analysed."""

    def __init__(self, sources: Sources, policy: Policy):
        self.notes: dict[SourceKey, str] = {}
        self._sources = sources
        self._policy = policy
        #: By source; (None,) where its text does not compile.
        self._known: Recent[SourceKey, tuple[Analysis | None]] = Recent()
        self._runs = 0
        #: Whether tracers have to follow decisions.
        self.follow = False
        #: The sources whose syntax trees are in memory, the oldest first.
        self._trees: deque[SourceKey] = deque()
        #: Settled analyses, each with whether it was kept.
        self._settled: dict[SourceKey, tuple[bytes, bool]] = {}
        self._lock = threading.RLock()

    def set_policy(self, policy: Policy) -> bool:
        """Analyse by this policy from now on. Returns whether it is another one, and everything is analysed again."""
        if policy == self._policy:
            return False
        self._policy = policy
        self.forget()
        return True

    def forked(self) -> None:
        """Use a new lock: a thread that does not exist in this process may hold the old one."""
        self._lock = threading.RLock()

    def forget(self) -> None:
        self._known.clear()
        self._trees.clear()
        self._settled.clear()
        self.notes.clear()

    def run_ended(self) -> None:
        """Let go of analyses, and of maps of code, that no run has used for a while."""
        self._runs += 1
        if self._runs % _RUNS == 0:
            self._known.turn()
            for (analysis,) in self._known.values():
                if analysis is not None:
                    analysis.turn()

    def of(self, source: Source) -> Analysis | None:
        """The analysis of a source; None, with a note, where its text does not compile."""
        known = self._known.get(source.key)
        return self._analyse(source) if known is None else known[0]

    @gc_control.paused()
    def _analyse(self, source: Source) -> Analysis | None:
        with self._lock:
            known = self._known.get(source.key)
            if known is None:
                try:
                    known = (self._again(source) or find_branches(source, (), self._policy),)
                except (SyntaxError, ValueError, RecursionError) as error:
                    known = (None,)
                    self.notes[source.key] = f"its text is not what ran ({type(error).__name__}): cannot be measured"
                self._known[source.key] = known
                if known[0] is not None and not known[0].kept:
                    self._trees.append(source.key)
                    if len(self._trees) > (_TREES_IN_USE if _STEPS or self.follow else _TREES):
                        self._settle(self._trees.popleft())
            return known[0]

    def instrumented(self) -> None:
        """A module was instrumented: what was found out is needed again when the report is made.

        What was made for that goes at once: no collection of the program's looks at it then.
        """
        if not (_STEPS or self.follow):
            with self._lock:
                while self._trees:
                    self._settle(self._trees.popleft())

    def _settle(self, key: SourceKey) -> None:
        """Map all code objects of a source, and let go of its syntax tree: many modules are imported by large runs."""
        (analysis,) = self._known.get(key) or (None,)
        if analysis is None or analysis.source.kind != "file" or analysis.whole is None:
            return
        # Where pytest rewrites asserts, what runs is other code than the text's.
        mapped = {(code.co_qualname, code.co_firstlineno) for code, _ in analysis.codes.values()}
        for code in analysis.whole.codes:
            if (code.co_qualname, code.co_firstlineno) not in mapped:
                analysis.of(code)
        self._replace(analysis)

    def _replace(self, analysis: Analysis) -> None:
        """Let go of an analysis; it is made again of plain values when it is asked for.

        Between the objects of a tree, those that stay would keep nearly all of its memory in use.
        """
        payload = kept_files.packed(kept.to_plain(analysis))
        if payload is not None:
            self._settled[analysis.source.key] = (payload, False)
            self._known.pop(analysis.source.key)

    def _again(self, source: Source) -> Analysis | None:
        """The analysis that was settled, or that an earlier run has kept; None where there is none."""
        if (settled := self._settled.get(source.key)) is None:
            return self._read(source)
        return kept.from_plain(source, self._policy, loads(settled[0]))

    # --- what is kept from run to run

    def _read(self, source: Source) -> Analysis | None:
        """The analysis that an earlier run has kept; None where there is none."""
        if source.kind != "file" or source.path is None or source.within is not None:
            return None
        plain = kept_files.load(source.path, kept.key_of(source, self._policy))
        try:
            return None if plain is None else kept.from_plain(source, self._policy, plain)
        except (TypeError, KeyError, ValueError):  # another one's file
            return None

    def keep(self, source: Source, *, let_go: bool) -> None:
        """Keep what is known of a source for later runs, if that is more than before.

        ``let_go``: many sources were measured, so that each is made again when it is asked for.
        """
        (analysis,) = self._known.get(source.key) or (None,)
        payload, is_kept = self._settled.pop(source.key, (None, True))
        if analysis is None or source.kind != "file" or source.path is None:
            return
        if kept.is_news(analysis):
            payload, is_kept = kept_files.packed(kept.to_plain(analysis)), False
        if payload is not None and not is_kept:
            kept_files.save(source.path, kept.key_of(source, self._policy), payload)
        if let_go and (payload is not None or not kept.is_news(analysis)):
            self.drop(source)
            if payload is not None:
                self._settled[source.key] = (payload, True)

    def keep_unrun(self, source: Source) -> None:
        """The same for a source of which nothing ran, whose syntax tree is not needed any more."""
        analysis = self.of(source)
        if analysis is None or source.path is None:
            return
        if not analysis.kept:
            self._replace(analysis)
        del analysis
        payload, is_kept = self._settled.get(source.key, (None, True))
        if payload is not None and not is_kept:
            kept_files.save(source.path, kept.key_of(source, self._policy), payload)

    def drop(self, source: Source) -> None:
        """Let go of an analysis that is not needed again."""
        self._known.pop(source.key)
        self._settled.pop(source.key, None)
        if source.key in self._trees:
            self._trees.remove(source.key)

    def plan(self, code: CodeType) -> Plan:
        """What a tracer has to record of a code object. Raises nothing: it is called in the user's code."""
        source = None
        try:
            source = self._sources.of(code)
            return Plan() if source is None else self._plan_of(code, source)
        except Exception as error:  # the source is then reported with this note
            if source is not None:
                self.notes[source.key] = f"not measured exactly: {error!r}"
            return Plan()

    @gc_control.paused()
    def _plan_of(self, code: CodeType, source: Source) -> Plan:
        analysis = self.of(source)
        placed = None if analysis is None else analysis.placed(code)
        if analysis is None or placed is None:
            return Plan()
        code_map = analysis.of(placed)
        plan = _plan(code_map, analysis.histories(placed) if self.follow else None)
        if _STEPS and not plan.values and plan.histories is None:
            code_map.complete()
            code_map.bytecode.forget()  # nothing is rewritten; in a large run these are most of all objects
        # Code in other places keeps its own positions.
        return plan if placed is code else replace(plan, bytecode=None, made={})


def _plan(code_map: CodeMap, histories: Histories | None) -> Plan:
    return Plan(
        exits=code_map.exits,
        copies=code_map.copies,
        values=code_map.values,
        shared_jumps=code_map.shared_offsets,
        watched=code_map.watched_offsets,
        steps=code_map.steps if _STEPS else {},
        ends={} if _STEPS else code_map.ends,
        bytecode=code_map.bytecode,
        made=code_map.made,
        histories=histories,
    )
