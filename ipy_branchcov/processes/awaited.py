"""Which code a process that a measured run starts waits for: that of the run's sources, and cells that it is sent.

It is there from the interpreter's start, so it needs nothing that is not loaded then.
"""

from __future__ import annotations

import os
import sys

from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.processes.asked import CELLS

__builtins__ = BUILTINS

#: The name that cloudpickle gives to the files of all code that it sends.
SENT = "<dynamic-code>"
STANDARD_LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120
_OURS = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120


class Places:
    """The sources of runs, as :class:`~ipy_branchcov.session.scope.Scope` has them, without what it leaves out.

    That is found out by the session, so it may begin in vain; it never begins too late.
    """

    def __init__(self, sources: list[str]):
        self._folders: tuple[str, ...] = ()
        self._files: set[str] = set()
        #: Whether we cannot wait: what a source is cannot be seen, or we would import it when we begin.
        self.unknown = False
        for source in sources:
            path = os.path.realpath(source)
            if os.path.isdir(path):  # noqa: PTH112
                self._folders += (path + os.sep,)
            else:
                self._files.add(path)
                self.unknown |= not os.path.isfile(path)  # noqa: PTH113
        everything = (*self._folders, *self._files)
        library = os.path.realpath(STANDARD_LIBRARY) + os.sep
        installed = f"{sys.prefix}{STANDARD_LIBRARY.removeprefix(sys.base_prefix)}{os.sep}site-packages"
        installed = os.path.realpath(installed) + os.sep
        #: What is installed is measured where it is named, not because a folder around it is.
        self._left_out = tuple(each for each in (installed,) if not any(path.startswith(each) for path in everything))
        ours = os.path.realpath(_OURS) + os.sep
        self.unknown |= any(
            path.startswith((library, ours)) and not path.startswith(installed) for path in everything
        ) or (ours.startswith(self._folders) and not ours.startswith(self._left_out or "\0"))
        self._known: dict[str, bool] = {}
        #: Absolute folders without links: each is looked at once, not for each of its files.
        self._real: dict[str, str] = {}

    def covers(self, filename: str) -> bool:
        """Whether code of a file may be measured."""
        known = self._known.get(filename)
        if known is None:
            known = self._covers(filename)
            if os.path.isabs(filename):  # noqa: PTH117 else it depends on the current folder
                self._known[filename] = known
        return known

    def _covers(self, filename: str) -> bool:
        if not filename or filename.startswith("<"):
            return False
        try:
            path = self._realpath(filename)
        except (OSError, ValueError):
            return False
        if path in self._files:
            return True
        return path.endswith(".py") and path.startswith(self._folders) and not path.startswith(self._left_out)

    def _realpath(self, filename: str) -> str:
        """The path of a file without links. Raises OSError, ValueError."""
        folder, name = os.path.split(filename)
        if os.name == "nt" or not filename.startswith("/") or name in ("", ".", ".."):
            return os.path.realpath(filename)
        real = self._real.get(folder)
        if real is None:
            real = self._real[folder] = os.path.realpath(folder)
        path = f"{real.rstrip('/')}/{name}"
        return os.path.realpath(path) if os.path.islink(path) else path  # noqa: PTH114


class Cells:
    """The names of the cells that a kernel has left in a folder, for functions that it sends."""

    def __init__(self, folder: str):
        self._path = os.path.join(folder, CELLS)  # noqa: PTH118
        self._size = 0
        self._names: set[bytes] = set()

    def has(self, filename: str) -> bool:
        """Whether code of this name may be a cell's."""
        try:
            size = os.stat(self._path).st_size  # noqa: PTH116
            if size != self._size:
                with open(self._path, "rb") as file:  # noqa: PTH123
                    lines = file.read().splitlines(keepends=True)
                self._size = sum(map(len, lines))
                self._names = {_name(line) for line in lines}
        except OSError:
            return False
        return filename == SENT or b"" in self._names or filename.encode("utf-8", "replace") in self._names


def _name(line: bytes) -> bytes:
    """The name in a line of cells; empty where it is not to be read without a reader of JSON."""
    begin, middle, _ = line.partition(b'", "source": ')
    name = begin.removeprefix(b'{"name": "')
    return b"" if not middle or b"\\" in name or b'"' in name else name
