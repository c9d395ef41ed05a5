"""What a session asks of those that measure other processes during its runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session.options import RunOptions

#: Begins to measure elsewhere when a run begins, by its options. What it returns ends that: it is called with the
#: run's context, and returns the coverage. None: there is nothing to measure elsewhere. Neither raises anything.
Companion = Callable[[RunOptions], Callable[[str], Coverage] | None]


class Others(Protocol):
    """Measures other processes during a session's runs."""

    def begin(self, options: RunOptions) -> None:
        """A run has begun. Raises nothing."""

    def end(self) -> None:
        """The run ends. Raises nothing."""

    def take(self) -> Coverage:
        """What processes have left since the last call. Raises nothing."""

    def pending(self) -> list[str]:
        """A line for people on what is still to come."""

    def notes(self) -> list[str]:
        """Lines for people on what is not measured; each once."""
