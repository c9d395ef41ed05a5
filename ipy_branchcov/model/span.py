"""A place in a source."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """Lines from 1, columns from 0 in code points, end exclusive.

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

    def moved(self, lines: int) -> Span:
        """The same place, so many lines further down."""
        return Span(self.line + lines, self.column, self.end_line + lines, self.end_column)
