"""A JSON object read member by member, from text that comes in pieces: a large list is never whole in memory.

What is wrong with the text is raised as ``json.loads`` raises it, with the same words and the same place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
#: What no value ends with where more of it may follow.
_CLOSED = frozenset('}]"')


class Stream:
    """A text, of which what is not read yet is held. ``more`` returns its next piece, "" at its end.

    ``decoder``: how values are read. Its hooks may raise ValueError.
    """

    def __init__(self, more: Callable[[], str], decoder: json.JSONDecoder):
        self._more = more
        self._decoder = decoder
        self._text = ""
        self._at = 0
        self._ended = False
        #: The characters and line ends before the text that is held, and the characters behind the last of those.
        self._before, self._lines, self._column = 0, 0, 0

    def members(self, listed: str) -> Iterator[tuple[str, Any]]:
        """The names and values of the object that is the text; a list of the name ``listed`` as an iterator.

        That must be exhausted before the next member. A text that is another value is one member without a name.
        Raises ValueError.
        """
        if self._next() != "{":
            if self._text.startswith("\ufeff"):
                raise self._error("Unexpected UTF-8 BOM (decode using utf-8-sig)")
            yield "", self._value()
        else:
            yield from self._of_object(listed)
        if self._next():
            raise self._error("Extra data")

    def _of_object(self, listed: str) -> Iterator[tuple[str, Any]]:
        self._at += 1
        if self._next() == "}":
            self._at += 1
            return
        while True:
            if self._next() != '"':
                raise self._error("Expecting property name enclosed in double quotes")
            name = self._value()
            self._past(":")
            if name == listed and self._next() == "[":
                yield name, self._of_list()
            else:
                yield name, self._value()
            if self._past(",}") == "}":
                return

    def _of_list(self) -> Iterator[Any]:
        self._at += 1
        if self._next() == "]":
            self._at += 1
            return
        while True:
            yield self._value()
            if self._past(",]") == "]":
                return

    def _value(self) -> Any:
        self._next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                behind = error.pos - self._at
                if not self._read():
                    raise self._error(error.msg, behind) from None
                continue
            if end < len(self._text) or self._text[end - 1] in _CLOSED or not self._read():
                self._at = end
                return value

    def _past(self, signs: str) -> str:
        """The next character that is no space, which must be one of these: it is read."""
        found = self._next()
        if not found or found not in signs:
            raise self._error(f"Expecting '{signs[0]}' delimiter")
        self._at += 1
        return found

    def _next(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read():
                return ""

    def _read(self) -> bool:
        """Read on, at least as much as is held: a value is begun again with twice its text. False at the end."""
        done, rest = self._text[: self._at], self._text[self._at :]
        self._before += len(done)
        self._lines += done.count("\n")
        self._column = len(done) - done.rindex("\n") - 1 if "\n" in done else self._column + len(done)
        pieces, size = [rest], 0
        while not self._ended and size <= len(rest):
            pieces.append(self._more())
            size += len(pieces[-1])
            self._ended = not pieces[-1]
        self._text, self._at = "".join(pieces), 0
        return size > 0

    def _error(self, reason: str, behind: int = 0) -> ValueError:
        read = self._text[: self._at + behind]
        column = len(read) - read.rindex("\n") if "\n" in read else self._column + len(read) + 1
        place = f"line {self._lines + read.count(chr(10)) + 1} column {column}"
        return ValueError(f"{reason}: {place} (char {self._before + len(read)})")
