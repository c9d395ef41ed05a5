"""The cells of a marimo app: functions of its file that marimo never calls, but compiles again from their bodies."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType

from ipy_branchcov.model.source import UNPARSABLE, PlaceInFile, Source
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class _Cell:
    """``lines``: those of the function, its head included; ``body``: those of the statements that marimo compiles."""

    name: str
    lines: range
    body: range
    source: Source

    def holds(self, code: CodeType) -> bool:
        """Whether code was compiled from the body, and not from the file: there it lies in the function."""
        if code.co_name == "<module>":
            if not code.co_names and set(code.co_consts) <= {None}:
                return True  # the value of a cell or function without one: of whichever cell, it says nothing
            found = {line for _, _, line in code.co_lines() if line}
            # A coroutine begins on line 1; the value of a cell without one is a None behind its last line.
            found.discard(code.co_firstlineno)
            # Before 3.12 a module without statements, of a cell that is one expression, has no line: it can be of any.
            return all(self.body.start <= line <= self.body.stop for line in found)
        return code.co_firstlineno in self.body and not code.co_qualname.startswith(f"{self.name}.<locals>.")


class AppCells:
    """Finds the cell that code was compiled from. ``file``: an app's source."""

    def __init__(self, file: Source):
        self._cells = list(_cells(file)) if "marimo" in file.text else []

    def __call__(self, code: CodeType) -> Source | None:
        """The source of a cell; None for code of the file itself, and in files that are no apps."""
        return next((cell.source for cell in self._cells if cell.holds(code)), None)


def _cells(file: Source) -> Iterator[_Cell]:
    try:
        tree = file.tree()
    except UNPARSABLE:
        return
    apps = set(_apps(tree))
    for number, node in enumerate(tree.body):
        if not isinstance(node, _Function) or not any(_is_cell(each, apps) for each in node.decorator_list):
            continue
        body = node.body[:-1] if isinstance(node.body[-1], ast.Return) else node.body
        if not body:
            continue
        first = min(each.lineno for each in (body[0], *getattr(body[0], "decorator_list", ())))
        last = body[-1].end_lineno or first
        lines = range(node.lineno, (node.end_lineno or last) + 1)
        yield _Cell(node.name, lines, range(first, last + 1), _source(file, f"{node.name}-{number}", node, first, last))


def _source(file: Source, name: str, node: _Function, first: int, last: int) -> Source:
    """A cell as marimo compiles it: without the indent of the function's body, on the lines of the file."""
    indent = node.body[0].col_offset
    text, columns = [""] * (first - 1), [0] * (first - 1)
    kept = _kept(file.lines, indent, first, last)
    for number, line in enumerate(file.lines[first - 1 : last], first):
        moved = 0 if number in kept else min(indent, _indent(line))
        text.append(line[moved:])
        columns.append(moved)
    place = PlaceInFile(file, tuple(columns), range(node.lineno, (node.end_lineno or last) + 1), node.name)
    return Source(f"{file.name}#{name}", "\n".join(text), "cell", in_file=place)


def _kept(lines: list[str], indent: int, first: int, last: int) -> set[int]:
    """The lines of strings that stay as they are: one of them has not the indent."""
    kept: set[int] = set()
    tokens = tokenize.generate_tokens(iter([f"{line}\n" for line in lines[first - 1 : last]]).__next__)
    try:
        for inside in _inside_strings(tokens, first):
            if any(_indent(lines[number - 1]) < indent for number in inside if lines[number - 1].strip()):
                kept.update(inside)
    except (tokenize.TokenError, SyntaxError):
        return kept
    return kept


def _inside_strings(tokens: Iterable[tokenize.TokenInfo], first: int) -> Iterator[range]:
    """The lines that begin inside a string. ``first``: the line of the first token."""
    begun = 0
    for token in tokens:
        name = tokenize.tok_name[token.type]
        if name.endswith("STRING_START") and not begun:
            begun = token.start[0]
        if name == "STRING" or (name.endswith("STRING_END") and begun):
            yield range((begun or token.start[0]) + first, token.end[0] + first)
            begun = 0


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _apps(tree: ast.Module) -> Iterator[str]:
    """The names of the apps: ``app = marimo.App(…)``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called = node.value.func
            if (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) == "App":
                yield from (each.id for each in node.targets if isinstance(each, ast.Name))


def _is_cell(decorator: ast.expr, apps: Iterable[str]) -> bool:
    """Whether a decorator is ``@app.cell`` or ``@app.cell(…)``."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "cell"
        and isinstance(node.value, ast.Name)
        and node.value.id in apps
    )
