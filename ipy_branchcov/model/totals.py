"""How many outcomes count, and how many of them are covered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

#: Decimals of percentages, while reports are made.
_DECIMALS = ContextVar("decimals of percentages", default=1)


@contextmanager
def decimals(number: int) -> Iterator[None]:
    """Within the block, percentages have so many decimals, and gates compare them so."""
    token = _DECIMALS.set(number)
    try:
        yield
    finally:
        _DECIMALS.reset(token)


def percent_of(part: int, whole: int) -> float | None:
    """One decimal, or as :func:`decimals` says. None for nothing; 0 and 100 are never reached by rounding."""
    if not whole:
        return None
    digits = _DECIMALS.get()
    step = 10.0**-digits
    percent = round(100 * part / whole, digits)
    if percent >= 100 and part < whole:
        return round(100 - step, digits)
    return step if percent <= 0 and part else percent


def percentage(percent: float | None) -> str:
    """The same as a text; "-" for None."""
    return "-" if percent is None else f"{percent:.{_DECIMALS.get()}f}%"


@dataclass(frozen=True, slots=True)
class Totals:
    """Required outcomes, and how many of them were covered. Totals add up, so that ``sum()`` works."""

    outcomes: int = 0
    covered: int = 0

    @property
    def missed(self) -> int:
        return self.outcomes - self.covered

    @property
    def percent(self) -> float | None:
        """The percentage, by :func:`percent_of`; None for no outcomes.

        >>> Totals(3000, 2999).percent, Totals(3000, 1).percent, Totals().percent
        (99.9, 0.1, None)
        >>> with decimals(2):
        ...     Totals(3, 2).percent, Totals(100_000, 99_999).percent
        (66.67, 99.99)
        """
        return percent_of(self.covered, self.outcomes)

    @property
    def percentage(self) -> str:
        """The percentage as a text; "-" for no outcomes."""
        return percentage(self.percent)

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.outcomes + other.outcomes, self.covered + other.covered)

    def __str__(self) -> str:
        if self.percent is None:
            return "no branches"
        outcomes = "outcome" if self.outcomes == 1 else "outcomes"
        return f"{self.covered} of {self.outcomes} {outcomes} covered ({self.percentage})"
