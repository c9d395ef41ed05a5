"""Which outcomes and lines are excluded, each with its reason: the last step of finding the branches of a source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from ipy_branchcov.analysis.exemptions import OutcomeNumber, exemptions
from ipy_branchcov.analysis.leads import Leads
from ipy_branchcov.analysis.pragmas import Exclusions, Policy, exclusions
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.model.branch import COMPOSITE, Branch, BranchMap
from ipy_branchcov.model.statements import absent, heads, tries

LEADS = "it leads only to excluded code"
NO_ASSERTS = "no asserts under -O"
UNREACHABLE = "no code of it in this run"
DEAD = "a constant before it keeps it from running"


def exclude(decisions: Decisions, policy: Policy) -> BranchMap:
    """The branches with what is excluded of them, and the lines with code that are not."""
    found = decisions.map
    by_line = exclusions(found.source, decisions.tree, policy)
    missing = {id(node): node for node in absent(decisions.tree, decisions.live)}
    exempted, wrong = exemptions(decisions)
    lines = {line for head in decisions.heads for line in head.lines}
    lines.update(line for line, _ in tries(decisions.tree, decisions.live))
    if not (by_line.lines or by_line.branch_lines or by_line.bodies or missing or decisions.dead or exempted or wrong):
        return replace(found, code_lines=frozenset(lines))
    gone = set(_lines_without_code(decisions, missing))
    reasons = exempted | dict(_excluded(decisions, by_line, missing))
    branches = list(found.branches)
    for number in {number for number, _ in reasons}:
        branches[number] = _with(branches[number], number, reasons)
    return replace(
        found,
        branches=tuple(branches),
        code_lines=frozenset(lines) - by_line.lines,
        excluded_lines=by_line.lines | gone,
        wrong=tuple(wrong),
    )


def _excluded(
    decisions: Decisions, by_line: Exclusions, missing: dict[int, ast.AST]
) -> Iterator[tuple[OutcomeNumber, str]]:
    """The excluded outcomes with their reasons, but for the exempted ones."""
    leads = None
    if by_line.lines or by_line.bodies:
        leads = Leads(decisions, lambda node: id(node) in by_line.bodies or _line(node) in by_line.lines)
    for number, branch in enumerate(decisions.map.branches):
        node, line = decisions.nodes[number], branch.span.line
        reason = by_line.reasons.get(line) or by_line.branch_reasons.get(line)
        if missing and (statement := missing.get(id(decisions.statement(node)))) is not None:
            reason = NO_ASSERTS if isinstance(statement, ast.Assert) and not __debug__ else UNREACHABLE
        if not reason and decisions.dead and not decisions.runs(node):
            reason = DEAD
        for i, outcome in enumerate(branch.outcomes):
            if reason:
                yield (number, i), reason
            elif leads is not None and leads.only_to_excluded(node, decisions.links[number], outcome.name):
                yield (number, i), LEADS


def _with(branch: Branch, number: int, reasons: dict[OutcomeNumber, str]) -> Branch:
    outcomes = list(branch.outcomes)
    for i, outcome in enumerate(outcomes):
        if reason := reasons.get((number, i)):
            # The reason of a decision stays, by which it is known that its conditions are counted.
            outcomes[i] = replace(outcome, excluded=True, reason=COMPOSITE if outcome.reason == COMPOSITE else reason)
    return replace(branch, outcomes=tuple(outcomes))


def _line(node: ast.AST) -> int:
    """The line of a statement, handler or case."""
    return node.pattern.lineno if isinstance(node, ast.match_case) else getattr(node, "lineno", 0)


def _lines_without_code(decisions: Decisions, missing: dict[int, ast.AST]) -> Iterator[int]:
    """The lines of statements of which this run has no code, where no other code stands."""
    if not missing:
        return
    every = list(heads(decisions.tree, without_code=True))
    live = {line for head in every if id(head.node) not in missing for line in head.lines}
    for head in every:
        if id(head.node) in missing:
            yield from (line for line in head.lines if line not in live)
