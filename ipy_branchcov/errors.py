"""Every error of ours: one line that says what is wrong and what to do."""

from __future__ import annotations

from ipy_branchcov.printable import printable


class BranchcovError(Exception):
    """Base of all errors this package raises on purpose. The message is one line, also where it quotes foreign text."""

    def __init__(self, message: str = ""):
        super().__init__(printable(message))

    def _render_traceback_(self) -> list[str]:
        """One line in IPython: a traceback would show our own code."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(BranchcovError):
    """What was asked for cannot be done; the message says what to ask for instead."""


class DataError(BranchcovError):
    """A data file, notebook or source that cannot be read as what it should be."""


class NoSuchFileError(DataError, UsageError):
    """A data file that was named and is not there: the command is wrong."""


class TracerError(BranchcovError):
    """The interpreter's tracing facility is not to be had (held by another tool, or missing)."""


class BelowThreshold(BranchcovError):
    """The measured total is below ``--fail-under``."""
