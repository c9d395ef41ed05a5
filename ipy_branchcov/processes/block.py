"""The processes that a measured block of code starts: those of ``measure()`` and ``measured``.

Each session has its own folder. The environment names one folder of this process, in which the runs that are on
are named: multiprocessing's fork server keeps the environment in which it was started, and serves later blocks, too.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.processes.asked import VARIABLE
from ipy_branchcov.processes.children import elsewhere
from ipy_branchcov.processes.folder import DataFolder, RunsFolder
from ipy_branchcov.processes.forks import Forks
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

#: Returns the texts that were typed, by the file names in their code: functions of theirs are sent to processes.
Typed = Callable[[], dict[str, Source]]


class BlockProcesses:
    """A companion of a session's runs that measures their processes.

    A process that has not ended when its run does is a loss: the block has its result then.
    """

    def __init__(self, session: Session, typed: Typed = dict):
        self._session = session
        self._typed = typed
        self._folder: DataFolder | None = None

    @property
    def folder(self) -> Path | None:
        """Where the processes leave their data. None: they are not measured."""
        return None if self._folder is None else self._folder.path

    def __call__(self, options: RunOptions) -> Callable[[str], Coverage] | None:
        """A run begins."""
        session = self._session
        if not options.subprocesses or session.in_fork or sys.platform == "emscripten":
            return None
        try:
            if self._folder is None:
                self._folder = DataFolder()
                weakref.finalize(session, _remove, self._folder, os.getpid())
            return _Block(session, options, self._typed(), self._folder).end
        except (OSError, BranchcovError) as error:
            lost = Coverage(lost=frozenset([f"processes that were started: not measured: {error}"]))
            return lambda context: lost


def _remove(folder: DataFolder, process: int) -> None:
    """Remove a session's folder, in the process that made it. A function that is measured has one for all its calls."""
    if os.getpid() == process:
        folder.remove()


class _Block:
    """The processes of one run."""

    def __init__(self, session: Session, options: RunOptions, typed: dict[str, Source], folder: DataFolder):
        self._scope = session.scope
        self._folder = folder
        self._folder.write_settings(elsewhere(options, session.scope).changes())
        for name, source in typed.items():
            self._folder.add_cell(name, source)
        self._home = _home()
        self._home.add(self._folder)
        self._forks = Forks(session, self._folder.path)
        self._forks.begin()

    def end(self, context: str) -> Coverage:
        self._forks.close()
        with suppress(OSError, BranchcovError):  # another run's processes then measure for this one, in vain
            self._home.discard(self._folder)
        found, lost = self._folder.collect(self._scope)
        return merge([*found, Coverage(lost=frozenset(lost))])


class _Home:
    """The folder of this process, named in the environment while a run is on.

    Where another run measures this process, it measures what this process starts, too.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self._runs = RunsFolder()
        self._before: str | None = None
        self._value = ""
        atexit.register(self._remove)

    def add(self, folder: DataFolder) -> None:
        if self._runs.empty:
            self._before = os.environ.get(VARIABLE)
            self._value = "\n".join([*filter(None, [self._before]), str(self._runs.path)])
            os.environ[VARIABLE] = self._value
        self._runs.add(folder.path)

    def discard(self, folder: DataFolder) -> None:
        self._runs.discard(folder.path)
        if self._runs.empty and os.environ.get(VARIABLE) == self._value:
            del os.environ[VARIABLE]
            if self._before is not None:
                os.environ[VARIABLE] = self._before

    def _remove(self) -> None:
        if os.getpid() == self.process:
            self._runs.remove()


_homes: list[_Home] = []


def _home() -> _Home:
    """This process's own: a fork has its parent's, too."""
    if not _homes or _homes[-1].process != os.getpid():
        _homes.append(_Home())
    return _homes[-1]
