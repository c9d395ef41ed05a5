"""Statements of which 3.11 may leave no code of their own in a ``finally`` that an exception passes through.

All that is left of ``if 0:``, ``pass`` or ``break`` at its end is the instruction that raises again, on the line of the
statement. Later Pythons have such an instruction for each way to the end. 3.11 has one for several ways, of which some
did not pass the statement: what stands before it, or the outcome that leads to it, shows whether it ran.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ipy_branchcov.bytecode.decode import SHARED_ENDS
from ipy_branchcov.model.statements import BLOCKS, has_code, head_of
from ipy_branchcov.model.truth import constant

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class SharedEnd(NamedTuple):
    """The line of such a statement. It ran if what begins on the line ``after`` did, or, where ``led``, if the outcome
    was covered that leads to the suite which begins there.
    """

    line: int
    after: int
    led: bool


def shared_ends(live: Iterable[ast.AST]) -> list[SharedEnd]:
    """Those among the statements that can be reached, on this Python, where nothing else begins on their line."""
    if not SHARED_ENDS:
        return []
    live = list(live)
    blocks = (node.finalbody for node in live if isinstance(node, ast.Try | ast.TryStar))
    found = {each.line: each for block in blocks for each in _of_block(block, None)}
    if not found:
        return []
    alone = Counter(_line(node) for node in live)
    return [found[line] for line in sorted(found) if alone[line] == 1]


def _line(node: ast.AST) -> int:
    place = node.pattern if isinstance(node, ast.match_case) else node
    return getattr(place, "lineno", 0)


def _of_block(block: Sequence[ast.stmt], after: tuple[int, bool] | None) -> Iterator[SharedEnd]:
    """``after``: what runs before the block does; None where nothing does in the ``finally``."""
    for node in block:
        if _may_lose_its_code(node) and after is not None:
            yield SharedEnd(node.lineno, *after)
        if not isinstance(node, _FUNCTIONS):
            yield from _inside(node, after)
        if has_code(node):
            after = head_of(node).first, False


def _inside(node: ast.stmt, after: tuple[int, bool] | None) -> Iterator[SharedEnd]:
    """The blocks of a statement. One that a constant opens runs with the statement, others after an outcome."""
    for label in BLOCKS:
        inner = getattr(node, label, ())
        for each in inner:
            if isinstance(each, ast.ExceptHandler | ast.match_case):
                yield from _of_block(each.body, _led(each.body))
        if not inner or not isinstance(inner[0], ast.stmt):
            continue
        if isinstance(node, ast.With | ast.AsyncWith):
            yield from _of_block(inner, (node.lineno, False))
        elif isinstance(node, ast.Try | ast.TryStar) or _known(node):
            yield from _of_block(inner, after)
        else:
            yield from _of_block(inner, _led(inner))


def _led(block: Sequence[ast.stmt]) -> tuple[int, bool] | None:
    """The line on which a suite begins."""
    return next(((head_of(each).first, True) for each in block if has_code(each)), None)


def _known(node: ast.stmt) -> bool:
    """Whether a constant decides a statement."""
    return isinstance(node, ast.If | ast.While) and constant(node.test) is not None


def _may_lose_its_code(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass | ast.Break | ast.Continue) or _known(node)
