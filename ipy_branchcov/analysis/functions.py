"""Code object -> the lambda or one-line function that it was compiled from."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from types import CodeType

from ipy_branchcov.model.regions import Function, Region
from ipy_branchcov.model.statements import head_of


class Functions:
    """The functions of some regions. Their bodies are parts of lines, so only their code shows whether they ran."""

    def __init__(self, regions: Iterable[Region]):
        self._known: dict[tuple[str, int], list[Function]] = {}
        for region in regions:
            if region.function is not None:
                self._known.setdefault(_key(region.function), []).append(region.function)

    def of(self, code: CodeType) -> list[Function]:
        """The function of a code object; none for other code, and all that it may be where it has no columns."""
        known = self._known.get((code.co_name, code.co_firstlineno), [])
        if len(known) < 2:
            return known
        places = [
            (line, column, end_line, end_column)
            for line, end_line, column, end_column in code.co_positions()
            if line and end_line and column is not None and end_column  # what only begins a function has column 0
        ]
        if not places:  # 3.12 gives no columns where a lambda returns a constant
            values = {repr(value) for value in code.co_consts}
            return [each for each in known if _constant(each) in values] or known
        around = [function for function in known if all(_contains(function, place) for place in places)]
        # Of lambdas in each other, the instruction that makes the inner one is outside of its body.
        return [max(around, key=_start)] if around else known


def _key(function: Function) -> tuple[str, int]:
    if isinstance(function, ast.Lambda):
        return "<lambda>", function.lineno
    return function.name, head_of(function).first


def _constant(function: Function) -> str | None:
    body = function.body
    return repr(body.value) if isinstance(body, ast.Constant) else None


def _start(function: Function) -> tuple[int, int]:
    return function.lineno, function.col_offset


def _contains(function: Function, place: tuple[int, int, int, int]) -> bool:
    """Whether the body contains a place; columns are the compiler's own."""
    line, column, end_line, end_column = place
    first, last = (function.body[0], function.body[-1]) if isinstance(function.body, list) else (function.body,) * 2
    end = (last.end_lineno or 0, last.end_col_offset or 0)
    return (first.lineno, first.col_offset) <= (line, column) and (end_line, end_column) <= end
