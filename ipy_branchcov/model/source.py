"""A source text and the places in it. Columns are code points here; bytes never leave this module."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from ipy_branchcov.model.span import Span
from ipy_branchcov.model.statements import heads, tries

__all__ = ["PlaceInFile", "Source", "SourceKind", "Span", "cell_text", "shortened", "split_lines"]

SourceKind = Literal["cell", "file"]
#: What identifies a source, in a session and when data merge.
SourceKey = tuple[str, ...]
#: What Python's parser raises for a text that is no Python, has NUL characters, or is too deep in itself.
UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


class PlaceInFile(NamedTuple):
    """Where a text stands that was taken from a file, on the same lines there.

    ``columns``: by how many each line begins further right in the file. ``lines``: those of the file that it decides
    about; ``function``: what they are the body of.
    """

    file: Source
    columns: tuple[int, ...]
    lines: range
    function: str

    def span(self, span: Span) -> Span:
        """A place in the text as one in the file."""
        line, column, end_line, end_column = span
        return Span(line, column + self.columns[line - 1], end_line, end_column + self.columns[end_line - 1])


@dataclass(frozen=True)
class Source:
    """A text that was run or could be run.

    ``text`` is what its author sees. ``compiled`` is what the compiler was given where the two differ
    (IPython turns ``%magic`` and ``!shell`` lines into calls), line for line the same; else None.
    ``known_digest`` is the digest from a data file that left the text out. ``within``: the cell whose end this text
    is, below a cell magic, and the number of lines above it there. ``in_file``: where in a file the text stands, if
    its lines have another indent there.

    >>> Source("In [3]", "x").key == Source("In [4]", "x").key, Source("nb.ipynb#a", "x").key[1:]
    (True, ('nb.ipynb#a',))
    """

    name: str
    text: str
    kind: SourceKind = "cell"
    path: str | None = None
    compiled: str | None = field(default=None, compare=False, repr=False)
    known_digest: str | None = field(default=None, compare=False, repr=False)
    within: tuple[Source, int] | None = field(default=None, compare=False, repr=False)
    in_file: PlaceInFile | None = field(default=None, compare=False, repr=False)

    @cached_property
    def digest(self) -> str:
        """``sha256:`` and the hexadecimal digest of the text in UTF-8."""
        if self.known_digest is not None:
            return self.known_digest
        import hashlib  # OpenSSL takes milliseconds to load

        return "sha256:" + hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def key(self) -> SourceKey:
        """The digest and the name; of a cell outside a notebook file the digest alone: ``In [3]`` is no name."""
        nameless = self.kind == "cell" and "#" not in self.name
        return (self.digest,) if nameless else (self.digest, self.name)

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines as the compiler counts them, without their ends."""
        return split_lines(self.text)

    @cached_property
    def code(self) -> str:
        """The text as Python: ``compiled``, or ``text``; in a cell without its magic and shell lines."""
        if self.compiled is not None:
            return self.compiled
        return self.text if self.kind == "file" else _without_magics(self.text)

    def tree(self) -> ast.Module:
        """The syntax tree of :attr:`code`. Raises one of :data:`UNPARSABLE`.

        As it is written: under ``-OO`` :func:`ast.parse` makes ``pass`` of a docstring from 3.14 on.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the author is warned when the code is compiled to run
            # For an error, Python would open a file of the name.
            tree = compile(self.code, "<unknown>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True, optimize=0)
        assert isinstance(tree, ast.Module)
        return tree

    @cached_property
    def statement_lines(self) -> dict[int, int]:
        """Each line with code, and the line on which its statement, handler or case starts (itself, mostly).

        Empty where the text is not known or does not parse.
        """
        try:
            tree = self.tree()
        except UNPARSABLE:
            return {}
        found = list(heads(tree))
        lines = {line: head.start for head in found for line in head.lines}
        lines.update((head.start, head.start) for head in found)
        lines.update((line, line) for line, _ in tries(tree))
        return lines

    @cached_property
    def _code_lines(self) -> list[str]:
        return self.lines if self.code == self.text else split_lines(self.code)

    def forget_lines(self) -> None:
        """Let go of the text in lines, which are several times as large; they are made again when asked for."""
        for name in ("lines", "_code_lines", "statement_lines"):
            vars(self).pop(name, None)

    @cached_property
    def comments(self) -> dict[int, tuple[int, str]]:
        """The comments of :attr:`code`: each line's column, and its text."""
        import io
        import tokenize

        found = {}
        try:
            text = "\n".join(self._code_lines) + "\n"
            for token in tokenize.generate_tokens(io.StringIO(text).readline):
                if token.type == tokenize.COMMENT:
                    found[token.start[0]] = token.start[1], token.string
        except (tokenize.TokenError, SyntaxError):  # the compiler accepts some texts that this refuses
            pass
        return found

    def code_end(self, line: int) -> int:
        """The column behind the code of a line, before its comment and the white space there.

        >>> Source("a.py", "x = '#'  # one").code_end(1)
        7
        """
        text = self.lines[line - 1]
        if "#" in text and line <= len(self._code_lines) and self._code_lines[line - 1] == text:
            text = text[: self.comments.get(line, (len(text), ""))[0]]
        return len(text.rstrip())

    def column(self, line: int, byte: int) -> int:
        """The column in code points of a UTF-8 byte offset in a line of :attr:`code`."""
        if not 1 <= line <= len(self._code_lines):
            return byte
        text = self._code_lines[line - 1]
        if text.isascii():
            return byte
        return len(text.encode("utf-8", "surrogatepass")[:byte].decode("utf-8", "replace"))

    def holds(self, span: Span) -> bool:
        """Whether a span lies within :attr:`code`."""
        lines = self._code_lines
        if not (span.start <= span.end and span.line >= 1 and span.end_line <= len(lines)):
            return False
        return 0 <= span.column <= len(lines[span.line - 1]) and 0 <= span.end_column <= len(lines[span.end_line - 1])

    def snippet(self, span: Span, longest: int) -> str:
        """The text of a span as one line of at most ``longest`` characters."""
        lines = self.lines[span.line - 1 : span.end_line] or [""]
        lines[-1] = lines[-1][: span.end_column]
        lines[0] = lines[0][span.column :]
        return shortened(" ".join(" ".join(lines).split()), longest)

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
    """A cell's text as IPython compiles it: without blank lines above and newlines below; lines end by newlines."""
    return re.sub(r"\A(?:[ \t]*\n)+", "", re.sub(r"\r\n?", "\n", typed)).rstrip("\n")


def cached_text(compiled: str) -> str:
    """A cell's compiled text as IPython keeps it in ``linecache``: all that ends a line of a ``str`` is a newline."""
    return "".join(f"{line}\n" for line in compiled.splitlines())


def shortened(text: str, longest: int) -> str:
    """A text of at most ``longest`` characters.

    >>> shortened("abcde", 5), shortened("abcdef", 5)
    ('abcde', 'abcd…')
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


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
    except UNPARSABLE:
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
