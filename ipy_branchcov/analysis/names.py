"""The names and attributes in a condition: their values explain its outcome."""

from __future__ import annotations

import ast

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS


def names(node: ast.AST) -> tuple[str, ...]:
    """The names that the condition of a branch's node reads and binds, about in their order.

    An attribute of a name stands before it: ``self.age``, then ``self``.
    """
    stack = [part for part in reversed(_condition(node)) if part is not None]
    found: dict[str, None] = {}
    while stack:
        part = stack.pop()
        if isinstance(part, ast.Name):
            found[part.id] = None
        elif isinstance(part, ast.Attribute) and (path := _path(part)):
            found[path] = None
            found[path.partition(".")[0]] = None
        else:
            stack += reversed(list(ast.iter_child_nodes(part)))
    return tuple(found)


def _path(node: ast.expr) -> str:
    """``a.b.c``; "" where something else than a name has the attribute."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (path := _path(node.value)):
        return f"{path}.{node.attr}"
    return ""


def _condition(node: ast.AST) -> list[ast.AST | None]:
    """The parts of a node that decide its outcome; other parts run later."""
    match node:
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            return [node.target, node.iter]
        case ast.ExceptHandler():
            return [node.type]
        case ast.withitem():
            return [node.context_expr]
        case ast.expr() | ast.pattern():
            return [node]
    return []
