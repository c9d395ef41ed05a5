"""Whether a process runs."""

from __future__ import annotations

import os
from pathlib import Path


def is_alive(number: int) -> bool:
    """Whether a process runs. One that has ended and waits for its parent does not."""
    if os.name != "posix":
        return True  # not to be found out without signals
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:
        stat = Path(f"/proc/{number}/stat").read_text("utf-8", "replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[:1] != ["Z"]
