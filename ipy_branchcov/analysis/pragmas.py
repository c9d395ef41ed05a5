"""Which lines hold code, and which of them are excluded by pragmas or configuration."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ipy_branchcov.model.source import Source

#: As coverage.py reads them (https://coverage.readthedocs.io/en/latest/excluding.html).
NO_COVER = r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(cover|COVER)"
NO_BRANCH = r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(branch|BRANCH)"


@dataclass(frozen=True)
class Policy:
    """What configuration says of arms: kinds made optional or required, regexes of excluded lines."""

    optional: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exclusions:
    """``lines``: excluded whole. ``branch_lines``: only the branches that start there."""

    lines: frozenset[int] = frozenset()
    branch_lines: frozenset[int] = frozenset()


class _Block(NamedTuple):
    """Lines of a statement's head (or of a clause's keyword), and the last line of the block it opens."""

    first: int
    last: int
    end: int


def exclusions(source: Source, tree: ast.Module, policy: Policy) -> Exclusions:
    """The lines that pragmas and ``exclude`` take out: a matching line, or the whole block it opens."""
    marked = _matching(source, re.compile("|".join([NO_COVER, *(f"(?:{regex})" for regex in policy.exclude)])))
    partial = _matching(source, re.compile(NO_BRANCH))
    if not marked and not partial:
        return Exclusions()
    lines, branch_lines = set(marked), set(partial)
    for block in _blocks(tree):
        head = range(block.first, block.last + 1)
        if not marked.isdisjoint(head):
            lines.update(range(block.first, block.end + 1))
        if not partial.isdisjoint(head):
            branch_lines.update(head)
    return Exclusions(frozenset(lines), frozenset(branch_lines))


def _matching(source: Source, regex: re.Pattern[str]) -> set[int]:
    if not regex.search(source.text):
        return set()
    return {number for number, line in enumerate(source.lines, 1) if regex.search(line)}


def code_lines(tree: ast.Module) -> set[int]:
    """The lines that hold code of some statement: its whole extent, or its head where it has a body."""
    lines: set[int] = set()
    for block in _heads(tree):
        lines.update(range(block.first, block.last + 1))
    return lines


def statement_heads(tree: ast.Module) -> list[tuple[int, int]]:
    """First and last line of each statement that has code of its own, heads only where it has a body."""
    return [(block.first, block.last) for block in _heads(tree)]


def _blocks(tree: ast.Module) -> Iterator[_Block]:
    yield from _heads(tree, silent=True)
    for node in _statements(tree):
        for label in ("orelse", "finalbody"):
            body = getattr(node, label, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                before = _end_before(node, label)
                yield _Block(before + 1, body[0].lineno - 1, body[-1].end_lineno or 0)


def _end_before(node: ast.AST, label: str) -> int:
    """The last line before a clause's keyword can stand."""
    parts: list[Any] = [*getattr(node, "body", []), *getattr(node, "handlers", [])]
    if label == "finalbody":
        parts += getattr(node, "orelse", [])
    return max(int(part.end_lineno) for part in parts)


def _heads(tree: ast.Module, *, silent: bool = False) -> Iterator[_Block]:
    """Every statement, handler and case. ``silent``: those without code of their own too."""
    for node in _statements(tree):
        match node:
            case ast.stmt() | ast.ExceptHandler():
                if silent or not _silent(node):
                    yield _head(node)
            case ast.match_case():
                last = node.guard or node.pattern
                yield _Block(node.pattern.lineno, last.end_lineno or 0, node.body[-1].end_lineno or 0)


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The statements, handlers and cases of a module. No expression is entered: most nodes stand in those."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        for label in ("body", "handlers", "orelse", "finalbody", "cases"):
            stack += getattr(node, label, ())


def _silent(node: ast.AST) -> bool:
    """Statements for which no code is generated, on some Python at least."""
    match node:
        case ast.Global() | ast.Nonlocal() | ast.Expr(value=ast.Constant()) | ast.Try() | ast.TryStar():
            return True
        case ast.AnnAssign(value=None):
            return True
    return False


def _head(node: ast.stmt | ast.ExceptHandler) -> _Block:
    first, end = node.lineno, node.end_lineno or node.lineno
    parts: list[ast.AST] = []
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            first = min([first, *(decorator.lineno for decorator in node.decorator_list)])
            # The colon stands on the line of the last part of the head, or after it.
            parts = [*getattr(node, "bases", []), *(k.value for k in getattr(node, "keywords", []))]
            parts += [p for p in ast.walk(getattr(node, "args", ast.Load())) if hasattr(p, "end_lineno")]
            parts += [p for p in (getattr(node, "returns", None),) if p is not None]
        case ast.If() | ast.While():
            parts = [node.test]
        case ast.For() | ast.AsyncFor():
            parts = [node.iter]
        case ast.With() | ast.AsyncWith():
            parts = [part for item in node.items for part in (item.context_expr, item.optional_vars) if part]
        case ast.Match():
            parts = [node.subject]
        case ast.ExceptHandler():
            parts = [node.type] if node.type else []
        case ast.Try() | ast.TryStar():
            pass
        case _:
            return _Block(first, end, end)
    last = max([node.lineno, *(part.end_lineno for part in parts)])  # type: ignore[attr-defined]
    body_end = node.body[-1].end_lineno if hasattr(node, "body") else end
    return _Block(first, last, body_end or end)
