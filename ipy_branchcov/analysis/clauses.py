"""The lines of clauses, from a keyword to its colon and to the end of its block: by the syntax tree and the text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ipy_branchcov.model.source import Source, split_lines
from ipy_branchcov.model.statements import head_parts, heads, opens_block, statements


class Clause(NamedTuple):
    """A statement, handler or case, or an ``else`` or ``finally`` (whose ``node`` is None).

    ``first`` is the line of its first decorator or its keyword, ``last`` that of its colon, ``end`` the last one of its
    block. A statement without a block is all head.
    """

    first: int
    last: int
    end: int
    node: ast.AST | None

    @property
    def lines(self) -> range:
        """The lines of the head."""
        return range(self.first, self.last + 1)


def clauses(source: Source, tree: ast.Module) -> Iterator[Clause]:
    """Every clause of a source, those without code included."""
    text = _Text(source)
    cases = {
        case: line for node in statements(tree) if isinstance(node, ast.Match) for case, line in _cases(text, node)
    }
    for head in heads(tree, without_code=True):
        if opens_block(head.node):
            first = cases.get(head.node, head.first)
            yield Clause(first, text.colon(*_before_colon(text, head.node, head.start)), head.end, head.node)
        else:
            yield Clause(head.first, head.last, head.end, head.node)
    for node in statements(tree):
        for label in ("orelse", "finalbody"):
            block = getattr(node, label, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                found = text.keyword(*_end_before(text, node, label))
                if found is not None:
                    yield Clause(found[0], text.colon(*found), block[-1].end_lineno or 0, None)


class _Text:
    """The text between the parts of a head, or between two blocks: there are no strings, so ``#`` begins a comment."""

    def __init__(self, source: Source):
        self.lines = split_lines(source.code)
        self._column = source.column

    def end(self, node: Any) -> tuple[int, int]:
        """Where a node ends: line, column."""
        return node.end_lineno, self._column(node.end_lineno, node.end_col_offset)

    def start(self, node: Any) -> tuple[int, int]:
        return node.lineno, self._column(node.lineno, node.col_offset)

    def colon(self, line: int, column: int) -> int:
        """The line of the first colon from a place on."""
        return self._find(":", line, column)[0]

    def keyword(self, line: int, column: int) -> tuple[int, int] | None:
        """Where the keyword after a block stands; None for ``elif``, which is a statement of its own."""
        line, column = self._find(r"\b[a-z]+", line, column)
        return None if self.lines[line - 1].startswith("elif", column) else (line, column)

    def keyword_line(self, keyword: str, line: int, column: int) -> int:
        """The line of a keyword from a place on."""
        return self._find(rf"\b{keyword}\b", line, column)[0]

    def _find(self, regex: str, line: int, column: int) -> tuple[int, int]:
        for number in range(line, len(self.lines) + 1):
            code = self.lines[number - 1].partition("#")[0] if number > line else self._from(line, column)
            if match := re.search(regex, code):
                return number, match.start()
        return line, column

    def _from(self, line: int, column: int) -> str:
        """A line from a column on, without its comment; as many spaces before it."""
        return " " * column + self.lines[line - 1][column:].partition("#")[0]


def _cases(text: _Text, node: ast.Match) -> Iterator[tuple[ast.AST, int]]:
    """The line of the keyword of each case: its pattern may begin further down, in brackets."""
    before: Any = node.subject
    for case in node.cases:
        yield case, text.keyword_line("case", *text.end(before))
        before = case.body[-1]


def _before_colon(text: _Text, node: ast.AST, keyword: int) -> tuple[int, int]:
    """The last place before a head's colon that the syntax tree knows."""
    parts = [*head_parts(node), *getattr(node, "type_params", [])]
    if parts:
        return max(map(text.end, parts))
    return text.start(node) if hasattr(node, "col_offset") else (keyword, 0)


def _end_before(text: _Text, node: ast.AST, label: str) -> tuple[int, int]:
    """Where the last block before a clause's keyword ends."""
    parts: list[Any] = [*getattr(node, "body", []), *getattr(node, "handlers", [])]
    if label == "finalbody":
        parts += getattr(node, "orelse", [])
    return max(map(text.end, parts))
