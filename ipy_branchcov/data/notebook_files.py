"""Where the cells of a notebook stand in its file: the line and column of JSON for each place in a cell's source."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, takewhile
from pathlib import Path
from typing import NamedTuple

from ipy_branchcov.data.source_files import read_regular
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.continued import Joined, joined
from ipy_branchcov.model.source import Source, cell_text
from ipy_branchcov.model.span import Span

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
#: What one character of a string is written as in JSON; one beyond U+FFFF can be a pair of escapes.
_CHARACTER = re.compile(r"\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\u\w{4}|\\.|.", re.DOTALL)


class _Piece(NamedTuple):
    """One string of a cell's source: its line in the file (from 1), the column of its first character, its JSON."""

    line: int
    column: int
    written: str


@dataclass(frozen=True)
class CellInFile:
    """A code cell in a notebook's file. ``texts`` are the strings of its source, ``pieces`` where they stand."""

    texts: tuple[str, ...]
    pieces: tuple[_Piece, ...]

    @cached_property
    def typed(self) -> str:
        """Its text without the blank lines above."""
        return cell_text("".join(self.texts))

    @cached_property
    def source(self) -> Source:
        """The cell as it is measured."""
        return Source("", self.text.text)

    @cached_property
    def text(self) -> Joined:
        """Its text, with magics that go on behind ``\\`` on one line."""
        return joined(self.typed)

    @cached_property
    def _starts(self) -> list[int]:
        """For each line of :attr:`typed`, its offset in the whole text of the cell."""
        lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", "".join(self.texts))
        above = sum(1 for _ in takewhile(re.compile(r"[ \t]*[\r\n]").match, lines))
        return list(accumulate(map(len, lines[:-1]), initial=0))[above:]

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(map(len, self.texts)))

    def place(self, line: int, column: int) -> tuple[int, int]:
        """The line (from 1) and column (from 0) in the file of a place in :attr:`source`."""
        begins, typed = next(each for each in reversed(self.text.places[line - 1]) if each[0] <= column)
        offset = self._starts[typed - 1] + column - begins
        number = min(bisect_right(self._ends, offset), len(self.texts) - 1)
        piece, within = self.pieces[number], offset - (self._ends[number] - len(self.texts[number]))
        written = _CHARACTER.findall(piece.written)[:within]
        return piece.line, piece.column + sum(map(len, written))

    @cached_property
    def lines(self) -> list[int]:
        """The line in the file of each line of :attr:`source`."""
        return [self.place(line, 0)[0] for line in range(1, len(self.text.places) + 1)]


@dataclass(frozen=True)
class StatementInFile:
    """The statement of a line magic, as ``%timeit f(x)``, in a notebook's file: a piece of one line of a cell.

    ``line``: that of the cell. ``columns``: where in it each character of the statement stands, and its end.
    """

    cell: CellInFile
    line: int
    columns: tuple[int, ...]

    def span(self, span: Span) -> Span:
        """A place in the statement as one in the cell."""
        return Span(self.line, self._column(span.column), self.line, self._column(span.end_column))

    def place(self, line: int, column: int) -> tuple[int, int]:
        """As for a cell."""
        return self.cell.place(self.line, self._column(column))

    def _column(self, column: int) -> int:
        return self.columns[min(column, len(self.columns) - 1)]  # data may name any

    @property
    def lines(self) -> list[int]:
        """As for a cell: one."""
        return [self.cell.lines[self.line - 1]]


def statement_in(cell: CellInFile, line: int, magic: str, text: str) -> StatementInFile | None:
    """The statement of a line magic in its cell; None where the cell has none such in that line, as it was typed.

    Some magics join the words of their line by single spaces.
    """
    lines, line = cell.source.lines, cell.text.line_of(line)
    words = r"\s+".join(f"({re.escape(word)})" for word in text.split())
    found = re.search(rf"%{re.escape(magic)}\s(?:.*\s)?{words}\s*$", lines[line - 1]) if line <= len(lines) else None
    if found is None or not text.strip():
        return None
    columns = [0] * (len(text) + 1)
    for number, word in enumerate(re.finditer(r"\S+", text), 1):
        for offset in range(len(word[0]) + 1):  # what stands between words has the place of the end of the one before
            columns[word.start() + offset] = found.start(number) + offset
    return StatementInFile(cell, line, tuple(columns))


def read_cells(path: Path) -> dict[str, CellInFile]:
    """The code cells in a notebook's file, by their ids, and by their numbers where they have none.

    Raises DataError for what is no notebook, and for one whose source lines do not have lines of their own.
    """
    try:
        text = (read_regular(str(path)) or b"").decode("utf-8-sig")
        cells = _cells(text)
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise DataError("cannot be read as a notebook") from None
    lines = [line for cell in cells.values() for line in cell.lines]
    if len(set(lines)) < len(lines):
        raise DataError("several lines of its cells stand on one line of the file")
    return cells


def _cells(text: str) -> dict[str, CellInFile]:
    """Raises ValueError, KeyError, TypeError or IndexError for what is no notebook."""
    found: dict[str, CellInFile] = {}
    newlines = [match.start() for match in re.finditer("\n", text)]
    top = dict(_members(text, _SPACE.match(text).end()))  # type: ignore[union-attr]  # it matches everywhere
    for number, start in enumerate(_items(text, top["cells"]), 1):
        members = dict(_members(text, start))
        if _value(text, members["cell_type"]) != "code":
            continue
        at = members["source"]
        starts = list(_items(text, at)) if text[at] == "[" else [at]
        if not starts:
            continue
        texts, pieces = [], []
        for begin in starts:
            value, end = _DECODER.raw_decode(text, begin)
            line = bisect_right(newlines, begin)
            column = begin - (newlines[line - 1] if line else -1)  # of the character behind the quote
            texts.append("" + value)
            pieces.append(_Piece(line + 1, column, text[begin + 1 : end - 1]))
        key = _value(text, members["id"]) if "id" in members else str(number)
        found.setdefault(str(key), CellInFile(tuple(texts), tuple(pieces)))
    return found


def _value(text: str, start: int) -> object:
    value: object = _DECODER.raw_decode(text, start)[0]
    return value


def _members(text: str, start: int) -> Iterator[tuple[str, int]]:
    """The keys of the JSON object that begins at an offset, each with the offset of its value."""
    if text[start] != "{":
        raise ValueError("not an object")
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # behind the colon
        yield key, at
        at = _behind(text, at)


def _items(text: str, start: int) -> Iterator[int]:
    """The offsets of the items of the JSON array that begins at an offset."""
    if text[start] != "[":
        raise ValueError("not an array")
    at = _skip(text, start + 1)
    while text[at] != "]":
        yield at
        at = _behind(text, at)


def _behind(text: str, at: int) -> int:
    """The offset behind a value and the comma that may follow it."""
    at = _skip(text, _DECODER.raw_decode(text, at)[1])
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere
