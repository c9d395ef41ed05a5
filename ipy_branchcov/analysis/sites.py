"""The branches of one source, found by syntax node."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ipy_branchcov.model.branch import BranchMap
from ipy_branchcov.model.statements import Head, heads, reachable
from ipy_branchcov.model.truth import operator_truth, settled


@dataclass
class Decisions:
    """The branches of one source, found by syntax node.

    ``sites`` maps ``(id(node), link)`` to a branch's number in ``map.branches``; link is 0 but for the
    links of a chained comparison. ``values`` does the same for the conditions that nothing tests. ``parents`` maps
    ``id(child)`` to its parent. ``constant_folded``: the constant parts of tests, which are no branches. ``tree`` keeps
    the ids alive. ``nodes`` and ``links``: those of the branches, by number. ``dead``: the outermost expressions that
    a constant before them keeps from running.
    """

    map: BranchMap
    tree: ast.Module
    sites: dict[tuple[int, int], int]
    parents: dict[int, ast.AST]
    constant_folded: set[int]
    values: dict[tuple[int, int], int]
    nodes: tuple[ast.AST, ...] = ()
    links: tuple[int, ...] = ()
    dead: set[int] = field(default_factory=set)

    @cached_property
    def live(self) -> list[ast.AST]:
        """The statements, handlers and cases that can be reached."""
        return list(reachable(self.tree))

    @cached_property
    def heads(self) -> list[Head]:
        """Of these, the heads of those that have code."""
        return list(heads(self.tree, live=self.live))

    def site(self, node: ast.AST, link: int = 0) -> int | None:
        """The number of a node's branch. Link: -1 for the whole test of a chain, 0 and up for its links."""
        return self.sites.get((id(node), link))

    def implied(
        self, node: ast.AST, truth: bool, known_by: Callable[[ast.expr], bool | None] = settled
    ) -> Iterator[tuple[ast.AST, bool]]:
        """The tests whose truth follows when an expression's truth is known, from the inside out.

        Through ``not``, through operators that it decides, and out of either side of a conditional expression.
        Yields the expression itself first. ``known_by``: what is known of a side or operand; by default nothing
        where more is evaluated in it.
        """
        condition = self.in_condition(node)
        while True:
            yield node, truth
            parent = self.parents.get(id(node))
            known: bool | None = truth
            match parent:
                case ast.UnaryOp(op=ast.Not()):
                    known = not truth
                case ast.BoolOp():
                    known = operator_truth(parent, node, truth, constants=condition, known_by=known_by)
                case ast.IfExp() if node is not parent.test:
                    pass
                case ast.IfExp() if condition and self.in_condition(parent):
                    known = known_by(parent.body if truth else parent.orelse)
                case _:
                    return
            if known is None:
                return
            node, truth = parent, known

    def in_condition(self, node: ast.AST) -> bool:
        """Whether an expression's truth is part of a statement's or conditional expression's test."""
        while True:
            parent = self.parents.get(id(node))
            match parent:
                case ast.UnaryOp(op=ast.Not()) | ast.BoolOp():
                    pass
                case ast.IfExp() if node is not parent.test:
                    pass
                case ast.If() | ast.While() | ast.Assert() | ast.IfExp():
                    return node is parent.test
                case ast.comprehension():
                    return node is not parent.iter and node is not parent.target
                case ast.match_case():
                    return node is parent.guard
                case _:
                    return False
            node = parent

    def statement(self, node: ast.AST) -> ast.AST:
        """The statement, handler or case in whose head a node stands."""
        while not isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case | ast.Module):
            node = self.parents[id(node)]
        return node

    def runs(self, node: ast.AST) -> bool:
        """Whether no constant keeps an expression from running."""
        while id(node) not in self.dead:
            if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case | ast.Module):
                return True
            node = self.parents[id(node)]
        return False

    def outcome(self, number: int, name: str) -> tuple[int, int]:
        """(branch number, outcome number) of an outcome by its name."""
        outcomes = self.map.branches[number].outcomes
        return number, next(i for i, outcome in enumerate(outcomes) if outcome.name == name)
