"""The processes that the runs of one session start: those of a kernel's cells, of a shell.

A script has one run, and its processes end before it does. A session has many runs, and a pool of processes that one
cell starts works for the next ones. So each run that ends takes over what has been left since, and the last data comes
when the kernel has ended.
"""

from __future__ import annotations

import atexit
import sys
from pathlib import Path
from typing import Protocol

from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.processes.alive import is_alive
from ipy_branchcov.processes.children import Processes, elsewhere
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.processes.forks import Forks
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

_PENDING = "{}, so what {} is not in here; it is added when {} (%branchcov_report shows it)"


class Cells(Protocol):
    """The cells of a shell."""

    @property
    def running_label(self) -> str:
        """What the running cell is called."""

    def names(self, behind: str = "") -> list[str]:
        """The file names of the cells that were compiled: of all, or of those that came behind one of these names."""

    def source_of(self, name: str) -> Source | None:
        """The source of a cell by the file name in its code."""


class Descendants:
    """Measures the processes that are started during the runs of ``session``, whose ``others`` this is.

    Functions of ``cells`` are sent to them, so their texts are left for them, too.
    """

    def __init__(self, session: Session, cells: Cells):
        self._session = session
        self._cells = cells
        self._folder: DataFolder | None = None
        #: Whether another process waits for the data of all processes, so that none is missing in the end.
        self._awaited = False
        self._forks: Forks | None = None
        self._processes: Processes | None = None
        #: The cells that processes can ask for, by the name in their code: their names and digests.
        self._published: dict[str, tuple[str, str]] = {}
        #: The last cell that was compiled when a run began: only those behind it are new to the next one.
        self._last = ""
        self._lost: set[str] = set()
        #: The processes of multiprocessing that were there when the first run began, or between runs.
        self._before: set[int] = set()
        self._known: set[int] = set()
        self._told: set[int] = set()
        #: How many processes had begun and not ended when data was taken last.
        self._running = 0

    def use(self, folder: Path) -> None:
        """Leave the data of processes in a folder that another process made, if it can be reached from here."""
        if self._folder is None and folder.is_dir():
            self._folder = DataFolder(folder)
            self._awaited = True

    def begin(self, options: RunOptions) -> None:
        """A run begins. What fails here is a loss, not an error."""
        if not options.subprocesses or self._session.in_fork or sys.platform == "emscripten":
            return
        try:
            if self._folder is None:
                self._folder = DataFolder()
                atexit.register(self._folder.remove)
            if self._forks is None:
                self._forks = Forks(self._session, self._folder.path, context=self._label)
            self._processes = Processes(self._folder, elsewhere(options, self._session.scope))
        except (OSError, BranchcovError) as error:
            self._lost.add(f"processes that were started: not measured: {error}")
            return
        for name in self._cells.names(behind=self._last):
            self._last = name
            if name not in self._published:
                self.publish(name)
        self._before = _workers() - self._known
        if options.engines:  # the workers of a cluster are, by its client
            self._told |= self._before
        self._forks.begin()

    @property
    def folder(self) -> Path | None:
        """Where the processes of the running cell leave their data. None: they leave none."""
        return None if self._processes is None or self._folder is None else self._folder.path

    def _label(self) -> str:
        return self._cells.running_label

    def end(self) -> None:
        """The run ends."""
        if self._session.in_fork:  # its parent's run goes on: another program that it executes is measured
            return
        if self._processes is not None:
            self._processes.close()
            self._processes = None
            self._known |= _workers() - self._before
        if self._forks is not None:
            self._forks.close()

    def take(self) -> Coverage:
        """What processes have left since the last call, and what of theirs was lost."""
        if self._session.in_fork:
            return Coverage()
        found: list[Coverage] = []
        if self._folder is not None:
            # First: one that ends meanwhile has left nothing yet, and is announced.
            self._running = len(self._folder.running())
            found, lost = self._folder.collect(self._session.scope, ended=False)
            self._lost.update(lost)
        lines, self._lost = self._lost, set()
        return merge([*found, Coverage(lost=frozenset(lines))])

    def pending(self) -> list[str]:
        """A line for people where processes had not ended when data was taken last: theirs is still to come.

        An engine's workers go on as such processes when its run has ended: what they covered in it is here.
        """
        count = self._running
        if not count or self._session.in_fork or self._awaited:
            return []
        one = count == 1
        subject = "a process goes on" if one else f"{count} processes go on"
        return [_PENDING.format(subject, "it covers" if one else "they cover", "it ends" if one else "they end")]

    def notes(self) -> list[str]:
        """A line, once, where a pool of processes that was started outside of any run could have worked for one."""
        new = {number for number in self._before - self._told if is_alive(number)}
        self._told |= new
        if not new:
            return []
        return ["processes that were started before are not measured; start them again in a measured cell"]

    def publish(self, name: str) -> None:
        """Let the processes of a run know a cell, by the file name in its code."""
        if self._processes is None or self._folder is None:
            return
        source = self._cells.source_of(name)
        if source is None or (source.name, source.digest) == self._published.get(name):
            return
        self._published[name] = source.name, source.digest
        try:
            self._folder.add_cell(name, source)
        except OSError as error:
            self._lost.add(f"{source.name}: what it did in other processes was not measured: {error.strerror}")

    def close(self) -> None:
        """Measure no more processes."""
        if self._processes is not None:
            self._processes.close()
        if self._forks is not None:
            self._forks.close()
        if self._folder is not None and not self._session.in_fork:
            atexit.unregister(self._folder.remove)
            self._folder.remove()


def _workers() -> set[int]:
    """The ids of the processes that multiprocessing, or a library on top of it, has started and not joined."""
    process = sys.modules.get("multiprocessing.process")
    children = set(getattr(process, "_children", ()))
    return {each.pid for each in children if each.pid is not None}
