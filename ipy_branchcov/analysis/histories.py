"""Follow the decisions whose evaluations do not follow from single outcomes: ``c`` of ``(a or b) and c``.

A *history* is what the open evaluations of a frame have come to: (number of the decision, vector), by number. It
begins with a decision's first condition, and ends with its outcome. An exception leaves a history that no later
evaluation continues, for each begins with its first condition again.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ipy_branchcov.analysis.codemap import CodeMap, OutcomeNumber
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.bytecode.decode import ExitEdge
from ipy_branchcov.bytecode.values import OTHER, value_of
from ipy_branchcov.model.decision_sites import sites
from ipy_branchcov.model.decisions import Decision, History
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

#: As :class:`ipy_branchcov.tracing.tracer.Edge`: source, destination, the watched edge before, the history.
Edge = tuple[int, int, tuple[int, int] | None, History]


@dataclass(frozen=True, slots=True)
class Step:
    """An outcome of a condition: the decision's number, the condition's in it, and its truth (None: neither)."""

    decision: int
    condition: int
    truth: bool | None


class Followed:
    """The decisions of one source that have to be followed, by their numbers."""

    def __init__(self, decisions: Decisions):
        branch_map = decisions.map
        numbers = {branch.key: number for number, branch in enumerate(branch_map.branches)}
        self.decisions: dict[int, Decision] = {}
        self.roots: dict[int, ast.expr] = {}
        self.steps: dict[OutcomeNumber, Step] = {}
        for number, site in enumerate(sites(branch_map.source, decisions.tree)):
            own = [numbers.get(each.branch) for each in site.decision.conditions]
            if site.decision.logic.tree or None in own:
                continue
            self.decisions[number], self.roots[number] = site.decision, site.root
            for condition, branch in enumerate(own):
                assert branch is not None
                for what in range(len(branch_map.branches[branch].outcomes)):
                    self.steps[branch, what] = Step(number, condition, (True, False, None)[what])

    def advance(self, history: History, outcomes: Iterable[OutcomeNumber]) -> tuple[History, list[tuple[int, str]]]:
        """The history after some outcomes, and the evaluations that they complete: decision, vector."""
        now = dict(history)
        ended: list[tuple[int, str]] = []
        for outcome in outcomes:
            step = self.steps.get(outcome)
            if step is None:
                continue
            decision = self.decisions[step.decision]
            logic = decision.logic
            before = now.get(step.decision, logic.start)
            if step.condition == logic.position(logic.start):
                before = logic.start
            if step.truth is None:
                now.pop(step.decision, None)
                continue
            after = logic.step(before, step.condition, step.truth)
            if after is None:
                continue
            if logic.outcome(after) is None:
                now[step.decision] = after
            else:
                now.pop(step.decision, None)
                if (step.condition, step.truth) not in decision.uncertain:
                    ended.append((step.decision, after))
        return tuple(sorted(now.items())), ended


class Histories:
    """The histories of one code object. ``exits``: those that can change one."""

    def __init__(self, followed: Followed, code_map: CodeMap):
        self._followed = followed
        self._map = code_map
        self._known: dict[tuple[History, ExitEdge, ExitEdge | None], History] = {}

    @cached_property
    def exits(self) -> frozenset[ExitEdge]:
        return frozenset(self._exits())

    @cached_property
    def offsets(self) -> frozenset[int]:
        """The instructions with such exits, and their EXTENDED_ARGs."""
        at = self._map.bytecode.at
        return frozenset(place for offset, _ in self.exits for place in (offset, at[offset].first))

    def _exits(self) -> Iterator[ExitEdge]:
        steps = self._followed.steps
        for exit_edge, outcomes in self._map.outcomes.items():
            if any(outcome in steps for outcome in outcomes):
                yield exit_edge
        for exit_edge, arrivals in self._map.shared_jumps.items():
            if any(outcome in steps for outcomes in arrivals.values() for outcome in outcomes):
                yield exit_edge
        for exit_edge, numbers in self._map.observed.items():
            if any((number, 0) in steps for number in numbers):
                yield exit_edge

    def after(self, history: History, exit_edge: ExitEdge, before: ExitEdge | None) -> History:
        """The history when a frame has left an instruction; ``before``: by a watched exit before, for a shared jump."""
        key = history, exit_edge, before
        if key not in self._known:
            self._known[key] = self._after(*key)
        return self._known[key]

    def _after(self, history: History, exit_edge: ExitEdge, before: ExitEdge | None) -> History:
        shared = self._map.shared_jumps.get(exit_edge, {})
        outcomes = shared[before] if before in shared else self._map.outcomes.get(exit_edge, ())
        return self._ended(self._followed.advance(history, outcomes)[0], exit_edge)

    def _ended(self, history: History, exit_edge: ExitEdge) -> History:
        """Without the evaluations that the value ends which an exit leaves."""
        observed = self._map.observed.get(exit_edge, ())
        return self._followed.advance(history, ((number, OTHER) for number in observed))[0]

    def along(self, history: History, edge: Edge) -> History:
        """The history behind an edge. An exit that leaves a value is two edges: one says what the value was."""
        src, dst, before, _ = edge
        if (seen := value_of(src, dst)) is not None:
            return self._ended(history, seen[0])
        return self._followed.advance(history, self._map.outcomes_of(src, dst, before))[0]

    def evaluations(self, edge: Edge) -> list[tuple[int, str]]:
        """The evaluations that an edge completes, with the history that it carries: decision, vector."""
        src, dst, before, history = edge
        return self._followed.advance(history, self._map.outcomes_of(src, dst, before))[1]
