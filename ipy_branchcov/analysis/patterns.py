"""Which patterns of a case a conditional jump tests, and which of them have matched or failed after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ipy_branchcov.analysis.codemap import OutcomeNumber
from ipy_branchcov.analysis.quirks import NodeOf, tests_true
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.bytecode.decode import Bytecode, Instruction


class Patterns:
    """The patterns in one code object. ``node_of``: the syntax node that an instruction was compiled from."""

    def __init__(self, decisions: Decisions, bytecode: Bytecode, node_of: NodeOf):
        self._decisions = decisions
        self._bytecode = bytecode
        self._node = node_of

    def of(self, jump: Instruction) -> ast.pattern | None:
        """The innermost refutable pattern that a jump tests.

        A guard's jump has the position of its pattern; what computed the tested value shows which of the two it is.
        """
        before = self._bytecode.preceding(jump)
        while before is not None and before.name == "COPY":
            before = self._bytecode.preceding(before)
        node, made = self._node(jump), self._node(before)
        if before is not None and before.name.startswith("STORE_FAST_LOAD_FAST"):
            return None  # names are bound when the whole pattern has matched, so this tests the guard
        if made is not None and self.in_guard(made) and self.case_of(made) is self.case_of(node):
            return None  # the guard of another case is a constant, of which nothing but a NOP is left
        return self._refutable(node) or self._refutable(made)

    def in_guard(self, node: ast.AST | None) -> bool:
        """Whether a node stands in the guard of its case."""
        case = self.case_of(node)
        while case is not None and (parent := self._decisions.parents.get(id(node))) is not case:
            node = parent
        return case is not None and node is case.guard

    def case_of(self, node: ast.AST | None) -> ast.match_case | None:
        """The case in whose pattern or guard a node stands."""
        while node is not None and not isinstance(node, ast.stmt):
            if isinstance(node, ast.match_case):
                return node
            node = self._decisions.parents.get(id(node))
        return None

    def _refutable(self, node: ast.AST | None) -> ast.pattern | None:
        while node is not None:
            if isinstance(node, ast.pattern) and not isinstance(node, ast.MatchAs | ast.MatchStar):
                return node
            if isinstance(node, ast.match_case | ast.stmt | ast.comprehension):
                return None
            node = self._decisions.parents.get(id(node))
        return None

    def passes(self, jump: Instruction, pattern: ast.pattern) -> bool:
        """Whether a jump is taken where its pattern passes this test."""
        if jump.name.endswith("NONE"):
            on_none = not jump.name.endswith("NOT_NONE")
            return on_none is isinstance(pattern, ast.MatchSingleton)
        return tests_true(jump)

    def unmatched(self, pattern: ast.pattern) -> Iterator[OutcomeNumber]:
        """A pattern and all around it fail, up to an alternative that has another after it."""
        node: ast.AST | None = pattern
        while isinstance(node, ast.pattern):
            if (number := self._decisions.site(node)) is not None:
                yield self._decisions.outcome(number, "nomatch")
            parent = self._decisions.parents.get(id(node))
            if isinstance(parent, ast.MatchOr) and node is not parent.patterns[-1]:
                return
            node = parent

    def matched(self, jump: Instruction, pattern: ast.pattern, *, jumped: bool) -> Iterator[OutcomeNumber]:
        """The patterns that are complete when this test has passed: all around it but those tested further."""
        further = self._next_pattern(jump, pattern, jumped=jumped)
        open_patterns = set()
        node: ast.AST | None = further
        while isinstance(node, ast.pattern):
            open_patterns.add(id(node))
            node = self._decisions.parents.get(id(node))
        node = pattern
        while isinstance(node, ast.pattern) and id(node) not in open_patterns:
            if (number := self._decisions.site(node)) is not None:
                yield self._decisions.outcome(number, "match")
            node = self._decisions.parents.get(id(node))

    def _next_pattern(self, jump: Instruction, pattern: ast.pattern, *, jumped: bool) -> ast.pattern | None:
        """The pattern of the same case that is tested next after passing; None at the end of the case's pattern."""
        case: ast.AST | None = pattern
        while case is not None and not isinstance(case, ast.match_case):
            case = self._decisions.parents.get(id(case))
        current = self._bytecode.at.get(jump.target or 0) if jumped else self._bytecode.following(jump)
        while current is not None:
            node = self._node(current)
            if current.position[0] is not None and node is not None and not self._inside(node, case):
                return None
            if current.conditional:
                return self.of(current) if current.name not in ("SEND", "FOR_ITER") else None
            if current.name.startswith(("RETURN", "RERAISE", "RAISE")):
                return None
            current = self._bytecode.at.get(current.target or 0) if current.jumps else self._bytecode.following(current)
        return None

    def _inside(self, node: ast.AST | None, case: ast.AST | None) -> bool:
        """Whether a node is part of the pattern of a case."""
        while node is not None:
            parent = self._decisions.parents.get(id(node))
            if parent is case and case is not None:
                return isinstance(node, ast.pattern)
            node = parent
        return False
