"""Code that IPython's magics compile of the cell below them, as code of that cell; of their own line, as a source."""

from __future__ import annotations

import ast
import re
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType
from typing import NamedTuple

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


class LineStatement(NamedTuple):
    """A statement that a line magic can run: ``%timeit STATEMENT``. ``line``: the magic's in its cell."""

    magic: str
    line: int
    text: str

    def tree(self, transform: Callable[[str], str]) -> list[ast.stmt]:
        """Its syntax tree; empty where it is no Python."""
        try:
            return ast.parse(transform(self.text)).body
        except UNPARSABLE:
            return []


def line_statements(compiled: str) -> Iterator[LineStatement]:
    """What the line magics of a cell can run: each end of their lines, since options come first.

    Some magics join the words of their line by single spaces.
    """
    try:
        tree = ast.parse(compiled)
    except UNPARSABLE:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic"),
                args=[ast.Constant(value=str() as magic), ast.Constant(value=str() as line)],
            ):
                for begin in re.finditer(r"(?<!\S)\S", line):
                    end = line[begin.start() :]
                    for text in dict.fromkeys((end, " ".join(end.split()))):
                        yield LineStatement(magic, node.lineno, text)


def statements_of(tree: ast.AST) -> list[ast.stmt]:
    """The statements that a magic compiles of its line: of IPython's function of ``%timeit`` the body of its loop."""
    match tree:
        case ast.Expression(body=expression):
            return [ast.Expr(expression, lineno=0, col_offset=0)]
        case ast.Module(body=[ast.FunctionDef(name="inner", body=[ast.Pass(), _, ast.For(body=statements), _, _])]):
            return statements
        case ast.Module(body=statements):
            return statements
    return []


def same_places(some: list[ast.stmt], of: list[ast.stmt]) -> bool:
    """Whether statements are among others, at the same places."""
    known = {_dumped(each) for each in of}
    return bool(some) and all(_dumped(each) in known for each in some)


def _dumped(node: ast.stmt) -> str:
    # The value of a statement is compiled without it.
    return ast.dump(node.value if isinstance(node, ast.Expr) else node, include_attributes=True)


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
