"""A verdict for a test that crashes: another process waits for its end, and prints the line where the test did not.

Instrumented code that is wrong for an interpreter can end it without a word, and whoever reads the lines above would
take their "agrees" for the answer.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

CRASHED = (
    "branchcov: the test ended before its verdict, in the check after the last line above: this interpreter crashed, "
    "or was stopped. Do not trust what is measured here; report these lines"
)
#: Ctrl-C reaches this process, too. What it reads ends with the test, and has a word where there is a verdict.
_WAITS = "import signal, sys\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nsys.stdin.read() or print(sys.argv[1])"


@contextmanager
def watched(stdout: TextIO) -> Iterator[None]:
    """Within it, the end of this process prints :data:`CRASHED`; so does an error that leaves it.

    Not where ``stdout`` is no file: no other process can print there.
    """
    try:
        stdout.flush()
        place = stdout.fileno()
    except (OSError, ValueError):
        yield
        return
    command = [sys.executable, "-I", "-S", "-c", _WAITS, CRASHED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=place, text=True) as watcher:
        assert watcher.stdin is not None
        yield
        stdout.flush()
        watcher.stdin.write("verdict")
