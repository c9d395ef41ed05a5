"""The lines of statements, with what on them can be missed alone: plain values, made of the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ipy_branchcov.model.source import Source
from ipy_branchcov.model.span import Span
from ipy_branchcov.model.statements import Head

#: What most heads have below: one object, for a large package has hundreds of thousands of heads.
NOTHING: dict[int, tuple[Span, ...]] = {}


class HeadLines(NamedTuple):
    """The lines of a statement's head. ``below``: of those behind the first, the ones that can be missed alone.

    With each of these lines, where the names, lambdas and f-strings begin that stand there. ``annotated_suite``: as in
    :class:`Head`.
    """

    first: int
    last: int
    below: dict[int, tuple[Span, ...]]
    annotated_suite: bool = False

    @property
    def lines(self) -> range:
        return range(self.first, self.last + 1)


def head_lines(source: Source, heads: Iterable[Head]) -> Iterator[HeadLines]:
    """The lines of some heads."""
    for head in heads:
        below = NOTHING
        if head.last > head.first:
            own = head.own_lines().items()
            below = {line: tuple(_places(source, nodes)) for line, nodes in own if head.first < line <= head.last}
        yield HeadLines(head.first, head.last, below, head.annotated_suite)


def _places(source: Source, nodes: Iterable[ast.AST]) -> Iterator[Span]:
    """Where nodes begin: an attribute with its name."""
    for node in nodes:
        span = source.span(node)
        yield Span(span.end_line, span.end_column - 1, *span.end) if isinstance(node, ast.Attribute) else span
