"""Every error of ours: one line that says what is wrong and what to do."""


class BranchcovError(Exception):
    """Base of all errors this package raises on purpose."""


class UsageError(BranchcovError):
    """What was asked for cannot be done; the message says what to ask for instead."""


class DataError(BranchcovError):
    """A data file, notebook or source that cannot be read as what it should be."""


class TracerError(BranchcovError):
    """The interpreter's tracing facility is not to be had (held by another tool, or missing)."""


class BelowThreshold(BranchcovError):
    """The measured total is below ``--fail-under``."""

    def _render_traceback_(self) -> list[str]:
        """One line in IPython, where a traceback would tell nothing."""
        return [f"BelowThreshold: {self}"]
