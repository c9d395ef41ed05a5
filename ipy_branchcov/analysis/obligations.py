"""Which outcomes of the branches of a source are required, and which are optional, with the reason."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from itertools import chain

from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.model.branch import COMPOSITE, CONDITIONS, OTHER, OUTCOMES, Branch, Outcome, outcome_names
from ipy_branchcov.model.nodes import nodes_in
from ipy_branchcov.model.source import Span
from ipy_branchcov.model.truth import constant, stays_open

ASSERTED = "asserts are not expected to fail"
LAST_HANDLER = "no exception that nobody handles is expected"
CONTEXT = "an exception in the block is not expected"
CONFIGURED = "optional by configuration"


@dataclass
class Found:
    """A branch while the outcomes' obligations are not yet known."""

    kind: str
    span: Span
    function: str
    node: ast.AST
    link: int
    optional: dict[str, str]
    root: ast.expr | None = None
    decision: Span | None = None
    value: bool = False


def excuse_asserts(asserts: list[ast.Assert], decisions: Decisions, groups: list[list[Found]]) -> None:
    """Outcomes that only a failing assert has are optional: some in its test, and all in its message."""
    if not asserts:
        return
    by_node: dict[int, list[Found]] = {}
    for found in chain.from_iterable(groups):
        by_node.setdefault(id(found.node), []).append(found)
    for statement in asserts:
        for node in nodes_in(statement.test):
            for found in by_node.get(id(node), ()):
                if not found.value and not found.optional:
                    _excuse_test(statement, found, decisions)
        for node in nodes_in(statement.msg) if statement.msg is not None else ():
            for found in by_node.get(id(node), ()):
                for outcome in outcome_names(found.kind, value=found.value):
                    found.optional.setdefault(outcome, ASSERTED)


def _excuse_test(statement: ast.Assert, found: Found, decisions: Decisions) -> None:
    """Excuse the outcomes of one branch in the test of an assert after which the test is false."""
    node, link = found.node, found.link
    if not isinstance(node, ast.expr):
        return
    for outcome, truth in (("true", True), ("false", False)):
        if outcome not in OUTCOMES[found.kind] or (link >= 0 and stays_open(node, link, truth)):
            continue
        if any(n is statement.test and not t for n, t in decisions.implied(node, truth, constant)):
            found.optional[outcome] = ASSERTED


def branch_of(found: Found, policy: Policy) -> Branch:
    """The branch, with the obligations of its outcomes."""
    outcomes = []
    for name in outcome_names(found.kind, value=found.value):
        reason = found.optional.get(name, "")
        if found.kind in policy.optional and not reason:
            reason = CONFIGURED
        if found.kind in policy.required and reason != COMPOSITE and name != OTHER:
            reason = ""
        outcomes.append(_outcome(name, reason))
    decision = found.decision if found.kind in CONDITIONS else None
    return Branch(found.kind, found.span, tuple(outcomes), found.function, decision or found.span)


@cache
def _outcome(name: str, reason: str) -> Outcome:
    """One object for all that are equal: of what nobody covers, a large package has tens of thousands."""
    return Outcome(name, required=not reason, reason=reason)
