"""Source files: read as Python reads them."""

from __future__ import annotations

import importlib.util
import os
import stat

from ipy_branchcov.model.source import Source

#: Bytes of a file that is read as a source.
LARGEST = 1 << 26


def read_source(path: str, name: str) -> Source | None:
    """The source in a file, decoded as Python does, under the name that its scope gives it. None: it cannot be read.

    The path can come from a data file. So only a regular file is opened, and never one that would block.
    """
    try:
        data = read_regular(path)
        text = None if data is None else importlib.util.decode_source(data)
    except (OSError, SyntaxError, ValueError, LookupError):  # LookupError: an encoding that is not of texts
        return None
    return None if text is None else Source(name, text.removeprefix("\ufeff"), "file", path)


def read_regular(path: str) -> bytes | None:
    """The bytes of a regular file that is not too large; None for anything else. Raises OSError, ValueError."""
    if not _is_source(os.stat(path)):  # noqa: PTH116 called once a file that runs
        return None
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123
        # What stands there can be another file since it was looked at; and some of /proc have no end.
        return file.read(LARGEST) if _is_source(os.fstat(file.fileno())) else None


def _is_source(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST
