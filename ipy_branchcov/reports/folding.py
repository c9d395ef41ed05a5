"""Fold lines, and the notes under their columns, to the width of a terminal."""

from __future__ import annotations

import textwrap
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Literal

from rich.cells import cell_len, chop_cells
from rich.text import Text

#: Kinds of rows: the beginning of a line, more of it, or a note under it.
Row = Literal["code", "more", "under"]


@dataclass(frozen=True)
class Note:
    """Carets under the characters of a line from ``start`` up to ``end``, and words."""

    start: int
    end: int
    words: str
    style: str


def fold(code: Text, notes: Sequence[Note], room: int | None) -> Iterator[tuple[Row, Text]]:
    """The rows of a line and its notes, at most ``room`` cells wide (None: without limit).

    Each piece of a long line has its own carets below it; the words stand where a note ends, below the carets
    where the room to the right of them is too small.
    """
    plain = code.plain
    cuts = [0, len(plain)] if room is None or cell_len(plain) <= room else _cuts(plain, room)
    pieces = code.divide(cuts[1:-1])
    waiting = deque(sorted(enumerate(notes), key=lambda each: each[1].start))
    open_: list[tuple[int, Note]] = []
    for number, (first, last) in enumerate(pairwise(cuts)):
        hang = _hang(plain, room) if number and room else 0
        yield ("more" if number else "code"), Text(" " * hang) + pieces[number]
        behind = last + (last == len(plain))
        while waiting and waiting[0][1].start < behind:
            open_.append(waiting.popleft())
        open_ = [(at, each) for at, each in open_ if max(each.end, each.start + 1) > first]
        here = [each for _, each in sorted(open_, key=itemgetter(0))]
        columns = _columns(plain, first, (max(each.start, first) for each in here))
        for note in here:
            start, stop = max(note.start, first), max(note.end, note.start + 1)
            under = cell_len(plain[start : min(stop, last)].rstrip())
            words = note.words if stop <= behind else ""
            found = _under(hang + columns[start], max(1, under), words, room)
            yield from (("under", Text(row, note.style)) for row in found)


def _columns(text: str, first: int, places: Iterable[int]) -> dict[int, int]:
    """How many cells from ``first`` on lie before each place: in one pass, for a line of data has thousands of them."""
    found: dict[int, int] = {}
    at, cells = first, 0
    for place in sorted(set(places)):
        cells, at = cells + cell_len(text[at:place]), place
        found[place] = cells
    return found


def _hang(text: str, room: int) -> int:
    """The indent of a line's second and further rows: more than its own, and at most half of the room."""
    return min(len(text) - len(text.lstrip(" ")) + 4, room // 2)


def _cuts(text: str, room: int) -> list[int]:
    """Where a line is cut: behind the last space that fits, unless that leaves less than a third of the room."""
    cuts = [0]
    while cuts[-1] < len(text):
        first = cuts[-1]
        width = room - _hang(text, room) if first else room
        last = first + max(1, len(chop_cells(text[first : first + 4 * width], width)[0]))
        if last < len(text):
            space = text.rfind(" ", first + (last - first) // 3, last)
            last = last if space < 0 else space + 1
        cuts.append(last)
    return cuts


def _under(before: int, under: int, words: str, room: int | None) -> Iterator[str]:
    carets = " " * before + "^" * under
    if not words or room is None or before + under + 1 + cell_len(words) <= room:
        yield f"{carets} {words}".rstrip()
        return
    yield carets
    column = min(before, max(room - cell_len(words), room // 3))
    for line in textwrap.wrap(words, room - column):
        yield " " * column + line
