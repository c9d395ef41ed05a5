"""Parts of lines that run only after certain outcomes.

These are the sides of ``X if C else Y``, the last operands of ``and`` and ``or``, and the elements of comprehensions.
Such a part can be missed although its line ran, and although no branch of its own shows it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ipy_branchcov.model.span import Span


class Region(NamedTuple):
    """``after``: the outcomes that must all be covered before it can run, as (span and kind of the branch, name)."""

    span: Span
    after: tuple[tuple[tuple[Span, str], str], ...]


def regions(tree: ast.AST, span: Callable[[ast.AST], Span]) -> Iterator[Region]:
    """The regions of a syntax tree; ``span`` gives the place of a node."""
    for node in ast.walk(tree):
        match node:
            case ast.IfExp(test=test, body=body, orelse=orelse):
                branch = (span(test), "ifexp")
                yield Region(span(body), ((branch, "true"),))
                yield Region(span(orelse), ((branch, "false"),))
            case ast.BoolOp(values=[*_, before, last]):
                kind, goes_on = ("and", "true") if isinstance(node.op, ast.And) else ("or", "false")
                yield Region(span(last), (((span(before), kind), goes_on),))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                filters = [test for generator in node.generators for test in generator.ifs]
                after = tuple(((span(test), "comp-if"), "true") for test in filters)
                elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
                if after:
                    yield from (Region(span(element), after) for element in elements)
