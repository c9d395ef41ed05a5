"""The text of a cell in which magic and shell lines that go on behind ``\\`` are one line, as IPython compiles them."""

from __future__ import annotations

import re
from typing import NamedTuple

_BEGINS = re.compile(r"\s*(?:[A-Za-z_][\w.\[\], ]*=\s*)?[%!](?!%)")


class Joined(NamedTuple):
    """``places``: for each line of the text, where its pieces begin: the column, and the line (from 1) as typed."""

    text: str
    places: list[list[tuple[int, int]]]

    def typed_line(self, line: int) -> int:
        """The line as it was typed on which a line of the text begins."""
        return self.places[line - 1][0][1]

    def line_of(self, typed: int) -> int:
        """The line of the text on which a line that was typed stands."""
        return next((number for number, each in enumerate(self.places, 1) if each[-1][1] >= typed), len(self.places))


def joined(typed: str) -> Joined:
    r"""Put the pieces of such lines on one line, with a space between them.

    >>> joined("%time f(1) or \\\n  f(2)\nx").text.split("\n")
    ['%time f(1) or    f(2)', 'x']
    """
    lines, texts, places = re.split(r"(?<=\n)|(?<=\r)(?!\n)", typed), [], []
    at = 0
    while at < len(lines):
        text, begins = lines[at], [(0, at + 1)]
        if _BEGINS.match(text):
            while at + 1 < len(lines) and (bare := text.rstrip("\r\n")).endswith("\\"):
                at += 1
                text = bare[:-1] + " "
                begins.append((len(text), at + 1))
                text += lines[at]
        texts.append(text)
        places.append(begins)
        at += 1
    return Joined("".join(texts), places)
