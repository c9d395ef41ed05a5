"""Which outcomes of the branches of a source are required, and which are optional, with the reason."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.model.branch import COMPOSITE, CONDITIONS, OTHER, OUTCOMES, Branch, Outcome, outcome_names
from ipy_branchcov.model.source import Span
from ipy_branchcov.model.truth import stays_open

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


def excuse_asserts(asserts: Iterable[ast.Assert], decisions: Decisions, groups: list[list[Found]]) -> None:
    """Inside an assert's test, outcomes that can only be covered by failing are optional."""
    by_site = {(id(f.node), f.link): f for group in groups for f in group if not f.value}
    for statement in asserts:
        for node in ast.walk(statement.test):
            for link in (0, -1) if not isinstance(node, ast.Compare) else range(-1, len(node.ops)):
                found = by_site.get((id(node), link))
                if found is None or not isinstance(node, ast.expr) or found.optional:
                    continue
                for outcome, truth in (("true", True), ("false", False)):
                    if outcome not in OUTCOMES[found.kind] or (link >= 0 and stays_open(node, link, truth)):
                        continue
                    if any(n is statement.test and not t for n, t in decisions.implied(node, truth)):
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
