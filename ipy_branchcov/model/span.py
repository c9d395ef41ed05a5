"""A place in a source."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
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


def widest(spans: Iterable[Span]) -> Iterator[Span]:
    """The spans that do not lie within another one, in source order.

    >>> [span.column for span in widest([Span(1, 4, 1, 5), Span(1, 2, 1, 9), Span(1, 9, 1, 11)])]
    [2, 9]
    """
    end = (0, 0)
    for span in sorted(set(spans), key=lambda each: each.order):
        if span.end > end:
            yield span
            end = span.end


class Cover:
    """Answers for many spans whether one of some spans contains them."""

    def __init__(self, spans: Iterable[Span]):
        ordered = sorted(spans)
        self._starts = [span.start for span in ordered]
        self._ends = list(accumulate((span.end for span in ordered), max))

    def contains(self, span: Span) -> bool:
        number = bisect_right(self._starts, span.start) - 1
        return number >= 0 and self._ends[number] >= span.end
