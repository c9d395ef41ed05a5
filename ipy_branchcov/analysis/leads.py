"""What an outcome leads to, on the syntax tree: whether all of it is excluded.

An outcome leads to the statements that come next, up to the end of their block or to the first that leaves it. Where
none are left in a block, what comes next is what follows the statement that the block belongs to. The end of a loop's
body leads to its head, the end of a function out of it: neither is excluded.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.model.statements import has_code, statements, stops
from ipy_branchcov.model.truth import constant, fixed, refutable, stays_open

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
_TRIES = (ast.Try, ast.TryStar)
_BLOCKS = ("body", "orelse", "finalbody")


def implied(decisions: Decisions, node: ast.AST, link: int, outcome: str) -> Iterator[tuple[ast.AST, str]]:
    """The outcomes that follow from one, from the inside out, with their nodes; it is the first, but for a link.

    ``link`` as in :meth:`Decisions.site`. Of a test the tests that it decides, of a pattern the patterns around it.
    """
    if isinstance(node, ast.pattern):
        yield from _implied_patterns(decisions, node, outcome)
    elif outcome not in ("true", "false"):
        yield node, outcome
    elif not stays_open(node, link, outcome == "true") or link < 0:
        for each, truth in decisions.implied(node, outcome == "true", fixed):
            yield each, "true" if truth else "false"


def _implied_patterns(decisions: Decisions, node: ast.AST, outcome: str) -> Iterator[tuple[ast.AST, str]]:
    matched = outcome == "match"
    while True:
        yield node, outcome
        parent = decisions.parents[id(node)]
        match parent:
            case ast.MatchAs():
                pass
            case ast.MatchOr(patterns=patterns):
                if not matched and node is not patterns[-1]:
                    return  # the next alternative is tried
            case ast.MatchSequence() | ast.MatchMapping() | ast.MatchClass():
                parts = [*parent.patterns, *getattr(parent, "kwd_patterns", ())]
                behind = parts[next(i for i, part in enumerate(parts) if part is node) + 1 :]
                if matched and any(map(refutable, behind)):
                    return  # the next part is tried
            case _:
                return
        node = parent


class Leads:
    """``excluded`` returns whether a statement's, handler's or case's own line, or it itself, is excluded."""

    def __init__(self, decisions: Decisions, excluded: Callable[[ast.AST], bool]):
        self._decisions = decisions
        self._parents = decisions.parents
        self._line_excluded = excluded
        #: The block in which each statement stands, and its place there.
        self._places: dict[int, tuple[Sequence[ast.stmt], int]] = {}
        for node in statements(decisions.tree):
            for label in _BLOCKS:
                block = getattr(node, label, ())
                self._places.update((id(each), (block, i)) for i, each in enumerate(block))

    def only_to_excluded(self, node: ast.AST, link: int, outcome: str) -> bool:
        """Whether all is excluded that an outcome leads to. ``node`` and ``link``: those of its branch."""
        follow = list(implied(self._decisions, node, link, outcome))
        if not follow:
            return False  # another link of the chain
        node, outcome = follow[-1]
        owner = self._parents.get(id(node))
        match node, owner, outcome:
            case _, ast.If() | ast.While(), "true" | "false" if node is owner.test:
                return self._block(owner, "body" if outcome == "true" else "orelse")
            case _, ast.Assert(), "true" if node is owner.test:
                return self._after(owner)
            case _, ast.match_case(), "true" | "match":
                guarded = outcome == "match" and owner.guard is not None and constant(owner.guard) is not True
                return not guarded and self._block(owner, "body")
            case _, ast.match_case(), "false" | "nomatch":
                return self._next_case(owner)
            case ((ast.For() | ast.AsyncFor()), _, _):
                return self._block(node, "body" if outcome == "body" else "orelse")
            case ast.ExceptHandler(), _, _:
                return self._block(node, "body") if outcome == "match" else self._next_handler(node)
            case ast.withitem(), ast.With() | ast.AsyncWith(), "suppressed":
                return self._after(owner)
        return False

    # --- what comes next

    def _block(self, owner: ast.AST, label: str) -> bool:
        """Whether a block is excluded; of one that is empty, what comes instead."""
        verdict = self._run(getattr(owner, label))
        return self._after(owner) if verdict is None else verdict

    def _run(self, block: Sequence[ast.stmt]) -> bool | None:
        """Whether statements are excluded, up to the first that leaves their block. None: there is no code."""
        verdict = None
        for each in block:
            if not isinstance(each, _TRIES) and not has_code(each) and not self._line_excluded(each):
                continue
            if not self._excluded(each):
                return False
            if stops(each):
                return True
            verdict = True
        return verdict

    def _excluded(self, statement: ast.stmt) -> bool:
        """Whether a statement is excluded with all that is in it."""
        return all(
            self._line_excluded(each) or (isinstance(each, ast.stmt) and not has_code(each))
            for each in statements(statement)
        )

    def _after(self, node: ast.AST) -> bool:
        """Whether what follows a statement is excluded."""
        while True:
            owner = self._parents.get(id(node))
            for block in self._rest(owner, node):
                verdict = self._run(block)
                if verdict is not None:
                    return verdict
            if owner is None or isinstance(owner, _SCOPES):
                return False
            if isinstance(owner, _LOOPS) and self._places[id(node)][0] is owner.body:
                return False  # its head, which is excluded only with its whole block
            node = owner

    def _rest(self, owner: ast.AST | None, node: ast.AST) -> Iterator[Sequence[ast.stmt]]:
        """What runs after a statement or handler in the statement around it."""
        if isinstance(owner, _TRIES):
            blocks: list[Sequence[ast.stmt]] = [owner.body, owner.orelse, owner.finalbody]
            if isinstance(node, ast.ExceptHandler):
                yield owner.finalbody
                return
            block, place = self._places[id(node)]
            yield block[place + 1 :]
            yield from blocks[next(i for i, each in enumerate(blocks) if each is block) + 1 :]
        elif isinstance(node, ast.stmt):
            block, place = self._places[id(node)]
            yield block[place + 1 :]

    def _next_case(self, case: ast.match_case) -> bool:
        """Whether what comes after a case did not match is excluded: the next cases, or what follows the ``match``."""
        statement = self._parents[id(case)]
        assert isinstance(statement, ast.Match)
        behind = next(i for i, each in enumerate(statement.cases) if each is case) + 1
        for each in statement.cases[behind:]:
            if each.guard is None and not refutable(each.pattern):
                return self._block(each, "body")
            if not (self._line_excluded(each) and self._block(each, "body")):
                return False
        return self._after(statement)

    def _next_handler(self, handler: ast.ExceptHandler) -> bool:
        """The same for a handler. An exception that no handler takes leads nowhere."""
        statement = self._parents[id(handler)]
        assert isinstance(statement, _TRIES)
        handlers = statement.handlers[statement.handlers.index(handler) + 1 :]
        for each in handlers:
            if each.type is None:
                return self._block(each, "body")
            if not (self._line_excluded(each) and self._block(each, "body")):
                return False
        return bool(handlers)
