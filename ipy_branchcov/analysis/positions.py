"""Instruction -> the AST node it was compiled from. Positions here are the compiler's own: bytes, not characters."""

from __future__ import annotations

import ast
from typing import Any

from ipy_branchcov.bytecode.decode import Position
from ipy_branchcov.model.nodes import NODE_FIELDS
from ipy_branchcov.model.span import Cover, Span
from ipy_branchcov.model.statements import statements

_COMPOUND = (ast.If, ast.While, ast.Try, ast.TryStar, ast.Match, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Positions:
    """Finds nodes of a tree by the positions that its code carries."""

    def __init__(self, tree: ast.Module):
        self._nodes: dict[Position, ast.AST] = {}
        # Outside in, so of nodes in one place (an expression statement and its value, a value pattern and its
        # constant) the innermost is kept.
        stack: list[Any] = [tree]
        while stack:
            node = stack.pop()
            if "end_col_offset" in node._attributes and not isinstance(node, _COMPOUND):
                self._nodes[(node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)] = node
                if node.lineno != node.end_lineno:
                    self._add_shifted(node)
            for name in NODE_FIELDS[type(node)]:
                value = getattr(node, name, None)
                for each in value if type(value) is list else (value,):
                    if type(each) is ast.Name:  # most nodes: nothing stands in one
                        self._nodes[(each.lineno, each.end_lineno, each.col_offset, each.end_col_offset)] = each
                    elif isinstance(each, ast.AST):
                        stack.append(each)

    def node(self, position: Position) -> ast.AST | None:
        """The innermost node in exactly that place."""
        return self._nodes.get(position)

    def _add_shifted(self, node: ast.AST) -> None:
        """Attributes and method calls over several lines start at the name for the compiler.

        (``update_start_location_to_match_attr`` in Python/codegen.c, compile.c before 3.14.)
        """
        attribute = node.func if isinstance(node, ast.Call) else node
        if not isinstance(attribute, ast.Attribute) or node.lineno == attribute.end_lineno:  # type: ignore[attr-defined]
            return
        start = (attribute.end_col_offset or 0) - len(attribute.attr)
        line = attribute.end_lineno
        self._nodes.setdefault((line, node.end_lineno, start, node.end_col_offset), node)  # type: ignore[attr-defined]


class Asserts:
    """Says what code of rewritten asserts is, by its position. Messages of asserts are left as they are."""

    def __init__(self, tree: ast.Module):
        found = [each for each in statements(tree) if isinstance(each, ast.Assert)]
        self._whole = frozenset(_span(each) for each in found)
        self._tests = Cover(_span(each.test) for each in found)

    def has(self, position: Position) -> bool:
        """Whether code stands in the test of an assert, or for an assert as a whole, as what pytest adds does."""
        line, end_line, column, end_column = position
        if line is None or column is None or end_line is None or end_column is None:
            return False
        span = Span(line, column, end_line, end_column)
        return span in self._whole or self._tests.contains(span)


def _span(node: ast.expr | ast.stmt) -> Span:
    """A place in bytes."""
    return Span(node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
