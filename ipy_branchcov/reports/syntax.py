"""Syntax colours of Python code, as class names for style sheets, and words that are written from right to left."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter

from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Literal, Name, Operator, _TokenType

_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Keyword, "keyword"),
    (Operator.Word, "keyword"),
    (Comment, "comment"),
    (Literal.String, "string"),
    (Literal.Number, "number"),
    (Name.Builtin, "builtin"),
    (Name.Function, "def"),
    (Name.Class, "def"),
    (Name.Decorator, "meta"),
    (Operator, "operator"),
)
#: Words that are written from right to left: each of them alone, for of two with signs between them the second one
#: would stand first.
_TO_THE_LEFT = re.compile("\\w*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]\\w*")


@dataclass(frozen=True)
class Colours:
    """For each line its coloured parts in order: (first column, column behind the last, class)."""

    lines: tuple[tuple[tuple[int, int, str], ...], ...]

    def cut(self, line: int, column: int, text: str) -> Iterator[tuple[str, str]]:
        """The text that begins at a column of a line (from 1 on), cut into (piece, class or "")."""
        done, end = column, column + len(text)
        parts = self.lines[line - 1]
        number = max(0, bisect_right(parts, column, key=itemgetter(0)) - 1)
        for start, stop, name in islice(parts, number, None):
            if start >= end:
                break
            first, last = max(start, done), min(stop, end)
            if first < last:
                if done < first:
                    yield text[done - column : first - column], ""
                yield text[first - column : last - column], name
                done = last
        if done < end:
            yield text[done - column :], ""


def colours(lines: Sequence[str]) -> Colours:
    """The colours of a source's lines."""
    found: list[list[tuple[int, int, str]]] = [[] for _ in lines]
    line = column = 0
    for token, value in PythonLexer(ensurenl=False, stripnl=False).get_tokens("\n".join(lines)):
        name = next((name for kind, name in _CLASSES if token in kind), "")
        for number, part in enumerate(value.split("\n")):
            if number:
                line, column = line + 1, 0
            if name and part:
                found[line].append((column, column + len(part), name))
            column += len(part)
    return Colours(tuple(map(tuple, found)))


def isolated(shown: str) -> str:
    """The HTML of a piece of code, no string or comment, in which signs between names have the order of the text."""
    return _TO_THE_LEFT.sub(r"<bdi>\g<0></bdi>", shown)


def is_to_the_left(text: str) -> bool:
    """Whether something in a text is written from right to left."""
    return not text.isascii() and _TO_THE_LEFT.search(text) is not None
