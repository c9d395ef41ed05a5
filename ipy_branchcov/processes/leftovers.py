"""Folders that a killed process left behind: the next one that makes a folder removes them.

A folder is in use while its maker lives, and as long as a process holds the lock in it: a fork does, and a process of
another container that shares the place of temporary files. Nothing else of that place is touched.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from ipy_branchcov.processes.alive import is_alive

_PREFIX = "branchcov-"
_LOCK = "in-use"
#: Descriptors below this one are the program's, whose numbers must not change.
_HIGH = 500


def make() -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock, -1 where there are none. Removes what was left behind."""
    with suppress(OSError):
        _remove_left(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    return folder, _hold(folder / _LOCK)


def _hold(path: Path) -> int:
    """Hold a lock until this process and its forks have ended; it is there only once it is held."""
    held = -1
    with suppress(ImportError, OSError):
        import fcntl

        new = path.with_suffix(".new")
        number = os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = number
        with suppress(OSError):  # few descriptors are allowed here
            held = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _HIGH)
            os.close(number)
        new.rename(path)
    return held


def _remove_left(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*-*"):
        maker = folder.name.removeprefix(_PREFIX).partition("-")[0]
        lock = folder / _LOCK
        if not maker.isdecimal() or len(maker) > 9 or is_alive(int(maker)) or folder.is_symlink() or not lock.is_file():
            continue
        if folder.stat().st_uid == os.getuid() and _is_free(lock):
            shutil.rmtree(folder, ignore_errors=True)


def _is_free(lock: Path) -> bool:
    import fcntl

    with lock.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
