"""Code that IPython's magics compile of the cell below them, or of their own line, as code of that cell."""

from __future__ import annotations

import ast
import re
import weakref
from collections.abc import Callable
from functools import partial
from types import CodeType

from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.model.source import UNPARSABLE, Source, cell_text, split_lines

#: The file name of a function that IPython makes of a ``%%timeit`` cell; of the same cell it compiles tests of syntax.
TIMEIT = "<magic-timeit>"
#: What it adds behind the statements of the magic's line: two assignments, with the loop between them, and a return.
_BEHIND_SETUP = 4


class ByIdentity:
    """Sources of code objects whose file name does not say which they are, as long as these exist."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[CodeType], Source]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, code: CodeType) -> Source | None:
        known = self._known.get(id(code))
        return known[1] if known is not None and known[0]() is code else None

    def add(self, code: CodeType, source: Source) -> None:
        """Remember a code object and all nested in it."""
        for each in code_objects(code):
            forget = partial(_forget, self._known, id(each))
            self._known[id(each)] = (weakref.ref(each, forget), source)


def _forget(known: dict[int, tuple[weakref.ref[CodeType], Source]], number: int, reference: object) -> None:
    """A code object is gone, and its id may be another one's already."""
    if number in known and known[number][0] is reference:
        del known[number]


def place_timeit(tree: ast.AST, name: str, typed: str, transform: Callable[[str], str]) -> Source | None:
    """Give the nodes of IPython's function their places in the cell ``typed``; return the cell as it is analysed.

    None where the cell has no ``%%timeit``. What IPython adds gets a place without a character.
    """
    lines = split_lines(typed)
    line = next((number for number, each in enumerate(lines, 1) if re.match(r"%%timeit\b", each)), None)
    function = tree.body[0] if isinstance(tree, ast.Module) and len(tree.body) == 1 else None
    if line is None or not isinstance(function, ast.FunctionDef) or len(function.body) < _BEHIND_SETUP:
        return None
    setup, (_, loop, _, _) = function.body[:-_BEHIND_SETUP], function.body[-_BEHIND_SETUP:]
    if not isinstance(loop, ast.For):
        return None
    body = transform(cell_text("\n".join(lines[line:])))
    above = len(lines) - len(split_lines(body.rstrip("\n")))
    code = ["#"] * above
    column, code[line - 1] = _on_its_line(lines[line - 1], setup)
    theirs = {id(each) for node in (*setup, *loop.body) for each in ast.walk(node)}
    for each in ast.walk(tree):
        if id(each) not in theirs:
            _move(each, line, None)
    for node in setup:
        for each in ast.walk(node):
            _move(each, line, column)
    for node in loop.body:
        ast.increment_lineno(node, above)
    return Source(name, typed, "cell", None, compiled="\n".join([*code, body]))


def _on_its_line(line: str, setup: list[ast.stmt]) -> tuple[int | None, str]:
    """Where on the magic's line the statements are that run first, with the line as Python: a string before them."""
    wanted = [ast.dump(each) for each in setup]
    for begin in re.finditer(r"(?<=\s)\S", line):
        column = begin.start()
        code = f"'{'_' * (column - 3)}';{line[column:]}"
        try:
            found = ast.parse(line[column:]).body
            ast.parse(code)
        except UNPARSABLE:
            continue
        if wanted and [ast.dump(each) for each in found] == wanted:
            return column, code
    return None, "#"


def _move(node: ast.AST, line: int, column: int | None) -> None:
    """Move a node of one line to a column further right in another; None: to where nothing is."""
    if isinstance(node, ast.stmt | ast.expr | ast.excepthandler | ast.arg | ast.keyword | ast.alias):
        node.lineno = node.end_lineno = line
        node.col_offset = 0 if column is None else node.col_offset + column
        node.end_col_offset = 0 if column is None else (node.end_col_offset or 0) + column
