"""Lines folded to a width, with their notes below the right columns."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.text import Text

from ipy_branchcov.reports.folding import Note, fold

#: Line, cells there are, (marked text, words), rows; a row that goes on with code begins with a colon.
CASES: dict[str, tuple[str, int | None, list[tuple[str, str]], list[str]]] = {
    "as long as it takes": (
        "if aaaaaaaa and bbbbbbbb:",
        None,
        [("bbbbbbbb", "never false")],
        [
            "|if aaaaaaaa and bbbbbbbb:",
            "|                ^^^^^^^^ never false",
        ],
    ),
    "words to the right just fit": (
        "if a and b:",
        22,
        [("b", "never false")],
        [
            "|if a and b:",
            "|         ^ never false",
        ],
    ),
    "words go below, and to the left": (
        "if a and b:",
        21,
        [("b", "never false")],
        [
            "|if a and b:",
            "|         ^",
            "|         never false",
        ],
    ),
    "as far to the left as they need": (
        "if aaaaaaaaaa and b:",
        20,
        [("b", "never false")],
        [
            "|if aaaaaaaaaa and b:",
            "|                  ^",
            "|         never false",
        ],
    ),
    "long words go on": (
        "if aaaaaaaaaa and b:",
        20,
        [("b", "never false; and: true covered")],
        [
            "|if aaaaaaaaaa and b:",
            "|                  ^",
            "|      never false;",
            "|      and: true",
            "|      covered",
        ],
    ),
    "a long line is cut behind a space and keeps its indent": (
        "    if first > 1 and second > 2:",
        26,
        [("first > 1", "never false"), ("second > 2", "never true")],
        [
            "|    if first > 1 and ",
            "|       ^^^^^^^^^",
            "|       never false",
            ":        second > 2:",
            "|        ^^^^^^^^^^",
            "|        never true",
        ],
    ),
    "a mark over a cut has its words at its end": (
        "x = aaaaaaa.bbbbbbb(ccccccc, ddddddd) or e",
        30,
        [("aaaaaaa.bbbbbbb(ccccccc, ddddddd)", "never true"), ("e", "never ran")],
        [
            "|x = aaaaaaa.bbbbbbb(ccccccc, ",
            "|    ^^^^^^^^^^^^^^^^^^^^^^^^",
            ":    ddddddd) or e",
            "|    ^^^^^^^^ never true",
            "|                ^ never ran",
        ],
    ),
    "without a space it is cut where the room ends": (
        "x" * 50,
        20,
        [("x" * 50, "never ran")],
        [
            "|" + "x" * 20,
            "|" + "^" * 20,
            ":    " + "x" * 16,
            "|    " + "^" * 16,
            ":    " + "x" * 14,
            "|    " + "^" * 14,
            "|    never ran",
        ],
    ),
    "wide characters take two cells": (
        "x = '名前名前名前' if yyy else '名前名前名前名前'",
        26,
        [("yyy", "never true"), ("'名前名前名前名前'", "never ran")],
        [
            "|x = '名前名前名前' if yyy ",
            "|                      ^^^",
            "|                never true",
            ":    else ",
            ":    '名前名前名前名前'",
            "|    ^^^^^^^^^^^^^^^^^^",
            "|    never ran",
        ],
    ),
    "a deep indent leaves half of the room": (
        " " * 30 + "if aaaaaaaaaa:",
        40,
        [("aaaaaaaaaa", "never true")],
        [
            "|" + " " * 30 + "if ",
            ":" + " " * 20 + "aaaaaaaaaa:",
            "|" + " " * 20 + "^^^^^^^^^^",
            "|" + " " * 20 + "never true",
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rows(name: str) -> None:
    line, room, marked, expected = CASES[name]
    notes = [Note(line.index(text), line.index(text) + len(text), words, "") for text, words in marked]
    rows = [(":" if kind == "more" else "|") + row.plain for kind, row in fold(Text(line), notes, room)]
    assert rows == expected
    assert room is None or all(cell_len(row.rstrip()) <= room + 1 for row in rows)


def test_rows_contain_the_whole_line() -> None:
    line = "    total = sum(x * 名前 for x in values if x % 2 and x % 3) or default"
    for room in range(20, 80):
        pieces = [(kind, row.plain) for kind, row in fold(Text(line), [], room)]
        hang = min(8, room // 2)
        assert "".join(text[hang if kind == "more" else 0 :] for kind, text in pieces) == line


def test_each_of_several_notes_stands_below_its_own_column() -> None:
    """Also behind wide characters, in whatever order the notes come."""
    line = "x = '字字' or y and z"
    notes = [Note(line.index(name), line.index(name) + 1, name, "") for name in ("z", "y", "x")]
    rows = [text.plain for _, text in fold(Text(line), notes, None)]
    assert rows == [line, " " * 20 + "^ z", " " * 14 + "^ y", "^ x"]
