"""The Python processes that a measured run starts: each measures itself and writes its data into the run's folder.

As coverage.py does it: ``branchcov.pth`` and ``branchcov.start`` stand in site-packages and do nothing
where the variable is not set.
"""

from __future__ import annotations

import atexit
import os
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ipy_branchcov.errors import BranchcovError, DataError
from ipy_branchcov.printable import printable
from ipy_branchcov.processes.cells import PublishedCells
from ipy_branchcov.processes.endings import Endings
from ipy_branchcov.processes.folder import DataFolder, Member, read_settings, runs_of
from ipy_branchcov.processes.forks import Forks
from ipy_branchcov.processes.forks import hand_over as hand_over_fork
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.session.session import Session

#: The environment variable that names the folder: one a line, where several runs measure.
VARIABLE = "BRANCHCOV_PROCESSES"
#: The one that names the test that runs, where all tests are recorded that cover an outcome.
CONTEXT = "BRANCHCOV_CONTEXT"

#: Who runs in a process that was started, where nothing names it.
_CONTEXT = "a process that was started"
_FORK_SERVER = "from multiprocessing.forkserver import main"

# --- in a process that was started


class _Process:
    """This process, from the start of its interpreter to its end, and its forks.

    It leaves data once it has run measured code: multiprocessing's resource tracker lives as long as the run, and runs
    none. Its fork server imports the main module; what it covered there comes with its forks.
    """

    def __init__(self, folder: Path):
        given = RunOptions.unpack(read_settings(folder), lambda row: f"the run that started this process: {row.name}")
        self.folder = folder
        self._member: Member | None = None
        self._fork_server = _is_fork_server()
        self.session = Session(RunOptions().overridden(**given))
        self.session.add_locator(PublishedCells(folder))
        self.session.when_found(self._begun)
        self.session.start(os.environ.get(CONTEXT) or _CONTEXT)
        self._forks = Forks(self.session, folder, watched=True)
        self._forks.begin()
        self._endings = Endings(self._ends, self.go_on)
        self._endings.begin()
        atexit.register(self.end)

    def _begun(self) -> None:
        if self._fork_server and not _asked_again:
            return
        name = "forked by multiprocessing's fork server" if self._fork_server else shlex.join(sys.orig_argv)
        with suppress(OSError, BranchcovError):
            self._member = Member(self.folder, printable(name))

    def end(self) -> None:
        self._endings.end(abrupt=False)  # a signal waits for it

    def _leave_data(self) -> None:
        if self._forks.child:
            self._forks.save()
            return
        self.session.stop()
        member, self._member = self._member, None
        if member is not None:
            with suppress(OSError, BranchcovError):  # where the data should be, the run reports a loss
                member.save(self.session.coverage())

    def _ends(self, abrupt: bool) -> int:
        self._leave_data()
        return 0

    def go_on(self) -> None:
        """Begin another measurement, whose data is added: an exec failed, or an engine's run has ended."""
        self._forks.child = False
        self.session.reset()  # what was left is not left again
        self.session.when_found(self._begun)
        self.session.start(_CONTEXT)

    def after_engine(self) -> None:
        """The run on an engine's worker has ended. A block has ended with it, and waits for no more."""
        if any(folder == self.folder for folder, _ in _asked()):
            self.go_on()

    def leave(self) -> None:
        atexit.unregister(self.end)
        self._endings.close()
        self._forks.close()
        self.session.close()
        if self._member is not None:
            self._member.leave()


#: How this process is measured: once for each run that asked for it, and what these runs were when it began.
_this: list[_Process] = []
_began: list[tuple[Path, dict[str, object]]] = []
#: Whether forks of this fork server ask again.
_serving: list[bool] = []
#: Whether this is such a fork, and has begun again.
_asked_again: list[bool] = []


def begin() -> None:
    """Measure this process. Called when the interpreter starts; what fails here never stops the program."""
    if _this:
        return  # the line stands in more than one folder of site-packages
    _began[:] = _asked()
    for folder, _ in _began:
        # The variable can name any folder. Where a .begun file was written, the run reports a loss.
        with suppress(Exception):
            _this.append(_Process(folder))
    if _this and not _serving and _is_fork_server():
        _serving.append(True)
        os.register_at_fork(after_in_child=_served)


def _asked() -> list[tuple[Path, dict[str, object]]]:
    """The folders of the runs that ask for this process now, with their options."""
    found = []
    for folder in map(Path, os.environ[VARIABLE].split("\n")):
        for each in runs_of(folder):
            with suppress(DataError):
                found.append((each, read_settings(each)))
    return found


def _is_fork_server() -> bool:
    return any(_FORK_SERVER in argument for argument in sys.orig_argv)


def _served() -> None:
    """This is a fork of a fork server, which may be older than the runs that ask for its forks now."""
    if _asked() != _began:
        leave()
        _asked_again.append(True)
        begin()


def hand_over(folder: Path) -> Callable[[], None] | None:
    """Leave what this process has covered for the run of a folder: an engine measures it for that run from now on.

    Returns what is to be called when the engine's run has ended; None where this process is not measured for that run.
    """
    for each in _this:
        if each.folder == folder:
            each.end()
            return each.after_engine
    return hand_over_fork(folder)


def leave() -> None:
    """Stop: this process is measured in another way, as a kernel or a worker."""
    while _this:
        _this.pop().leave()


# --- in the process that starts others


def elsewhere(options: RunOptions, scope: Scope) -> RunOptions:
    """The options for a kernel or another process. Sources are paths: a module may not be importable there."""
    return replace(options, source=(*scope.places.folders, *sorted(scope.places.files)))


class Processes:
    """Measures the processes that are started from now on, until :meth:`close`.

    ``folder``: where they leave their data.
    """

    def __init__(self, folder: DataFolder, options: RunOptions):
        self._folder = folder
        folder.write_settings(options.changes())
        self._before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(folder.path)

    def set_context(self, name: str) -> None:
        """Attribute what processes cover that are started from now on to this test."""
        os.environ[CONTEXT] = printable(name)

    def close(self) -> None:
        """Measure no more processes."""
        os.environ.pop(CONTEXT, None)
        if os.environ.get(VARIABLE) == str(self._folder.path):
            del os.environ[VARIABLE]
            if self._before is not None:
                os.environ[VARIABLE] = self._before
