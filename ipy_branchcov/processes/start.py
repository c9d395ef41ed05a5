"""The entry point in ``branchcov.start``: Python 3.15 and later call it when the interpreter starts.

Older ones execute the line in ``branchcov.pth``. Both do nothing where a run does not ask for it.
"""

from __future__ import annotations

import os


def begin() -> None:
    """Measure this process if a run asks for it. What fails here never stops the program."""
    if os.environ.get("BRANCHCOV_PROCESSES"):
        try:
            from ipy_branchcov.processes.children import begin as begin_measuring
        except Exception:
            return
        begin_measuring()
