"""Code object -> the lambda or one-line function that it was compiled from."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from types import CodeType
from typing import NamedTuple

from ipy_branchcov.model.regions import Function, Region
from ipy_branchcov.model.statements import head_of


class Callee(NamedTuple):
    """What distinguishes a function from others: its code's name and first line, where it and its body stand.

    Columns are the compiler's own. ``constant``: the text of the constant that a lambda returns.
    """

    name: str
    first: int
    start: tuple[int, int]
    body_start: tuple[int, int]
    body_end: tuple[int, int]
    constant: str | None


class Functions:
    """The functions of some regions. Their bodies are parts of lines, so only their code shows whether they ran."""

    def __init__(self, regions: Iterable[Region]):
        self._known: dict[tuple[str, int], list[tuple[Callee, object]]] = {}
        for region in regions:
            if region.function is not None:
                found = callee(region.function)
                self._known.setdefault((found.name, found.first), []).append((found, region.function))

    def of(self, code: CodeType) -> list[object]:
        """The function of a code object, as its region has it; none for other code.

        All that it may be where the code has no columns.
        """
        known = self._known.get((code.co_name, code.co_firstlineno), [])
        return [function for _, function in self._of(code, known)]

    def _of(self, code: CodeType, known: list[tuple[Callee, object]]) -> list[tuple[Callee, object]]:
        if len(known) < 2:
            return known
        places = [
            (line, column, end_line, end_column)
            for line, end_line, column, end_column in code.co_positions()
            if line and end_line and column is not None and end_column  # what only begins a function has column 0
        ]
        if not places:  # 3.12 gives no columns where a lambda returns a constant
            values = {repr(value) for value in code.co_consts}
            return [each for each in known if each[0].constant in values] or known
        around = [each for each in known if all(_contains(each[0], place) for place in places)]
        # Of lambdas in each other, the instruction that makes the inner one is outside of its body.
        return [max(around, key=lambda each: each[0].start)] if around else known


def callee(function: Function | tuple[object, ...]) -> Callee:
    """What is known of a function: of its syntax node, or of what was kept of it."""
    if isinstance(function, Callee):
        return function
    assert isinstance(function, Function)
    name, line = function.name if not isinstance(function, ast.Lambda) else "<lambda>", function.lineno
    first = line if isinstance(function, ast.Lambda) else head_of(function).first
    begin, last = (function.body[0], function.body[-1]) if isinstance(function.body, list) else (function.body,) * 2
    end = (last.end_lineno or 0, last.end_col_offset or 0)
    start = (line, function.col_offset)
    return Callee(name, first, start, (begin.lineno, begin.col_offset), end, _constant(function))


def _constant(function: Function) -> str | None:
    body = function.body
    return repr(body.value) if isinstance(body, ast.Constant) else None


def _contains(function: Callee, place: tuple[int, int, int, int]) -> bool:
    """Whether the body contains a place; columns are the compiler's own."""
    line, column, end_line, end_column = place
    return function.body_start <= (line, column) and (end_line, end_column) <= function.body_end
