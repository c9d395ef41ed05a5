"""How many outcomes count, and how many of them are covered."""

from __future__ import annotations

from dataclasses import dataclass


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
        """One decimal. None for no outcomes; 0 and 100 are never reached by rounding.

        >>> Totals(3000, 2999).percent, Totals(3000, 1).percent, Totals().percent
        (99.9, 0.1, None)
        """
        if not self.outcomes:
            return None
        percent = round(100 * self.covered / self.outcomes, 1)
        if percent >= 100 and self.covered < self.outcomes:
            return 99.9
        return 0.1 if percent <= 0 and self.covered else percent

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.outcomes + other.outcomes, self.covered + other.covered)

    def __str__(self) -> str:
        if self.percent is None:
            return "no branches"
        outcomes = "outcome" if self.outcomes == 1 else "outcomes"
        return f"{self.covered} of {self.outcomes} {outcomes} covered ({self.percent:.1f}%)"
