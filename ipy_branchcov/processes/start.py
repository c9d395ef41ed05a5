"""The entry point in ``branchcov.start``: Python 3.15 and later call it when the interpreter starts.

Older ones call it by the line in ``branchcov.pth``. It does nothing where a run does not ask for it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipy_branchcov.processes.watch import Measured, Watch


def begin() -> None:
    """Measure this process if a run asks for it, and once it runs what that measures.

    What fails here never stops the program.
    """
    if os.environ.get("BRANCHCOV_PROCESSES"):
        try:
            from ipy_branchcov.processes.watch import is_fork_server, watch

            if is_fork_server():  # its forks have then what they need to measure
                from ipy_branchcov.processes import children  # noqa: F401

            watch(_measure)
        except Exception:
            return


def _measure(watch: Watch) -> Measured:
    from ipy_branchcov.processes.children import measure

    return measure(watch)
