"""Syntax tree -> the decisions of two or more conditions: which branches are their conditions, and their logic."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.decisions import ASSERTED, EXCLUDED, IMPOSSIBLE, NOT_BOOLEAN, BranchKey, Condition, Decision
from ipy_branchcov.model.logic import Logic, Node, plain, raising, uncertain
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.truth import composite, constant, evaluates

#: Characters of a condition's text.
_LONGEST = 200


@dataclass
class Site:
    """A decision in a tree: ``root`` is the whole expression, ``owner`` what it stands in."""

    root: ast.expr
    owner: ast.AST
    decision: Decision


def sites(source: Source, tree: ast.Module) -> list[Site]:
    """The decisions of a source, in source order; without a branch's knowledge of what is excluded."""
    found = []
    stack: list[tuple[ast.AST, ast.AST]] = [(tree, tree)]
    while stack:
        node, parent = stack.pop()
        if isinstance(node, ast.expr) and composite(node) and not _within(node, parent):
            decision = _Builder(source).decision(node)
            if len(decision.conditions) > 1:
                found.append(Site(node, parent, decision))
        stack += [(child, node) for child in ast.iter_child_nodes(node)]
    return sorted(found, key=lambda site: site.decision.span.order)


def decisions(source: Source, tree: ast.Module, branches: Iterable[Branch]) -> Iterator[Decision]:
    """The decisions whose conditions are all among these branches, in source order."""
    known = {branch.key: branch for branch in branches}
    for site in sites(source, tree):
        decision = site.decision
        own = [known.get(each.branch) for each in decision.conditions]
        if all(branch is not None for branch in own):
            yield _judged(site, [branch for branch in own if branch is not None])


def _within(node: ast.expr, parent: ast.AST) -> bool:
    """Whether an expression is part of the decision of its parent."""
    if isinstance(parent, ast.BoolOp):
        return True
    return isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)


def _judged(site: Site, branches: list[Branch]) -> Decision:
    """The decision with the reasons why conditions do not count."""
    decision, last = site.decision, branches[-1]
    whole = ""
    if isinstance(site.owner, ast.Assert) and site.root is site.owner.test:
        whole = ASSERTED
    elif last.value and not (last["true"].required or last["true"].excluded):
        whole = NOT_BOOLEAN
    made = []
    for number, (condition, branch) in enumerate(zip(decision.conditions, branches, strict=True)):
        reason = whole
        if any(branch[name].excluded for name in ("true", "false")):
            reason = EXCLUDED
        elif not reason and not all(branch[name].required for name in ("true", "false")):
            reason = branch["true"].reason or branch["false"].reason
        elif not reason and not _showable(decision, number):
            reason = IMPOSSIBLE
        made.append(replace(condition, reason=reason))
    return replace(decision, conditions=tuple(made), function=branches[0].function)


def _showable(decision: Decision, condition: int) -> bool:
    """Whether some evaluations could show a condition; a constant beside it can make that impossible."""
    few = decision.logic.few
    if not decision.coupled and "True" not in str(decision.logic) and "False" not in str(decision.logic):
        return True
    return few is None or len(few) > 64 or bool(replace(decision, evaluations=()).missing(condition))


class _Builder:
    """Gathers the conditions of one decision."""

    def __init__(self, source: Source):
        self._source = source
        self._conditions: list[Condition] = []
        #: The number of operands that are constant, and have code.
        self._raising = 0

    def decision(self, root: ast.expr) -> Decision:
        node = self._node(root, "and")
        logic, ends = Logic(plain(node)), uncertain(node) if self._raising else frozenset()
        return Decision(self._source.span(root), tuple(self._conditions), logic, uncertain=ends)

    def _node(self, node: ast.expr, operator: str) -> Node:
        """``operator``: the kind of branch that the expression is, as an operand."""
        known = constant(node)
        if known is not None and not evaluates(node):
            return known
        if known is not None:
            self._raising += 1
            return raising(known, self._raising)
        if composite(node):
            match node:
                case ast.UnaryOp():
                    return ("not", (self._node(node.operand, operator),))
                case ast.BoolOp():
                    name = "and" if isinstance(node.op, ast.And) else "or"
                    return (name, tuple(self._node(value, name) for value in node.values))
                case ast.Compare():
                    return ("and", tuple(self._link(node, link) for link in range(len(node.ops))))
        return self._condition((self._source.span(node), operator), ast.unparse(node))

    def _link(self, chain: ast.Compare, link: int) -> int:
        left, right = [chain.left, *chain.comparators][link : link + 2]
        text = ast.unparse(ast.Compare(left, [chain.ops[link]], [right]))
        return self._condition((self._source.span(left, right), "compare"), text)

    def _condition(self, branch: BranchKey, text: str) -> int:
        shown = " ".join(text.split())
        self._conditions.append(Condition(branch, shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"))
        return len(self._conditions) - 1
