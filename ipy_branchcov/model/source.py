"""A source text and the places in it. Columns are code points here; bytes never leave this module."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

SourceKind = Literal["cell", "file"]


class Span(NamedTuple):
    """A place in a source: lines from 1, columns from 0 in code points, end exclusive.

    >>> Span(2, 7, 2, 22).contains(Span(2, 7, 2, 12))
    True
    """

    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def start(self) -> tuple[int, int]:
        return (self.line, self.column)

    @property
    def end(self) -> tuple[int, int]:
        return (self.end_line, self.end_column)

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Source order: by start, the wider first."""
        return (self.line, self.column, -self.end_line, -self.end_column)

    def contains(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True)
class Source:
    """A text that was or could be run.

    ``text`` is what its author sees. ``compiled`` is what the compiler was given where the two differ
    (IPython turns ``%magic`` and ``!shell`` lines into calls), line for line the same; else None.
    ``known_digest`` stands in for the text's own where a data file left the text out.
    """

    name: str
    text: str
    kind: SourceKind = "cell"
    path: str | None = None
    compiled: str | None = field(default=None, compare=False, repr=False)
    known_digest: str | None = field(default=None, compare=False, repr=False)

    @cached_property
    def digest(self) -> str:
        """``sha256:`` and the hexadecimal digest of the text in UTF-8."""
        if self.known_digest is not None:
            return self.known_digest
        import hashlib  # OpenSSL takes milliseconds to load

        return "sha256:" + hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines as the compiler counts them, without their ends."""
        return split_lines(self.text)

    @cached_property
    def code(self) -> str:
        """The text as Python: ``compiled``, or ``text``; in a cell with magic and shell lines neutralised."""
        if self.compiled is not None:
            return self.compiled
        return self.text if self.kind == "file" else _without_magics(self.text)

    def tree(self) -> ast.Module:
        """The syntax tree of :attr:`code`. Raises SyntaxError (ValueError for NUL characters)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the author is warned when the code is compiled to run
            return ast.parse(self.code, self.name)

    @cached_property
    def statement_lines(self) -> frozenset[int]:
        """The first lines of statements that do something. Empty where the text is not known or does not parse."""
        try:
            tree = self.tree()
        except (SyntaxError, ValueError):
            return frozenset()
        silent = (ast.Global, ast.Nonlocal)
        return frozenset(
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.stmt)
            and not isinstance(node, silent)
            and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        )

    @cached_property
    def _code_lines(self) -> list[str]:
        return split_lines(self.code)

    def column(self, line: int, byte: int) -> int:
        """The column in code points of a UTF-8 byte offset in a line of :attr:`code`."""
        if not 1 <= line <= len(self._code_lines):
            return byte
        text = self._code_lines[line - 1]
        if text.isascii():
            return byte
        return len(text.encode("utf-8", "surrogatepass")[:byte].decode("utf-8", "replace"))

    def span(self, first: ast.AST, last: ast.AST | None = None) -> Span:
        """From the start of a located node to the end of another (or of itself)."""
        last = first if last is None else last
        line, end_line = first.lineno, last.end_lineno  # type: ignore[attr-defined]
        return Span(
            line,
            self.column(line, first.col_offset),  # type: ignore[attr-defined]
            end_line,
            self.column(end_line, last.end_col_offset),  # type: ignore[attr-defined]
        )


def cell_text(typed: str) -> str:
    """A cell's text as IPython compiles it: without leading blank lines and newlines at its end."""
    return re.sub(r"\A(?:[ \t]*\n)+", "", typed).rstrip("\n")


def split_lines(text: str) -> list[str]:
    r"""Lines as the compiler counts them: ended by \n, \r\n or \r alone, by nothing else.

    >>> split_lines("a\x0cb\r\nc")
    ['a\x0cb', 'c']
    """
    return re.split(r"\r\n|\n|\r", text)


_MAGIC = re.compile(r"^(\s*)(?:%|!|\?)")
_ASSIGNED_MAGIC = re.compile(r"^(\s*[A-Za-z_][\w.\[\], ]*=\s*)[%!]")


def _without_magics(text: str) -> str:
    """Make cell text parse without IPython: magic lines become ``pass``, cell magics a comment."""
    try:
        ast.parse(text)
        return text
    except (SyntaxError, ValueError):
        pass
    lines = split_lines(text)
    for i, line in enumerate(lines):
        if line.startswith("%%"):
            lines[i] = "#" + line
        elif match := _MAGIC.match(line):
            lines[i] = match[1] + "pass"
        elif match := _ASSIGNED_MAGIC.match(line):
            lines[i] = match[1] + "None"
        elif line.rstrip().endswith("?"):
            lines[i] = line[: len(line) - len(line.lstrip())] + "pass"
    return "\n".join(lines)
