"""Which lines and branches are excluded, by pragmas or configuration."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ipy_branchcov.model.source import Source
from ipy_branchcov.model.statements import heads, statements

#: As coverage.py reads them (https://coverage.readthedocs.io/en/latest/excluding.html).
NO_COVER = r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(cover|COVER)"
NO_BRANCH = r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(branch|BRANCH)"


@dataclass(frozen=True)
class Policy:
    """The configuration of outcomes: kinds made optional or required, regular expressions of excluded lines."""

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


def _blocks(tree: ast.Module) -> Iterator[_Block]:
    yield from (_Block(head.first, head.last, head.end) for head in heads(tree, without_code=True))
    for node in statements(tree):
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
