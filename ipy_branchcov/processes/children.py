"""The Python processes that a measured run starts: each measures itself and writes its data into the run's folder.

As coverage.py does it: ``branchcov.pth`` and ``branchcov.start`` stand in site-packages and do nothing
where the variable is not set. Until measured code runs, :mod:`.watch` is all that a process has of us.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.printable import printable
from ipy_branchcov.processes import watch
from ipy_branchcov.processes.asked import CONTEXT, VARIABLE, asked
from ipy_branchcov.processes.cells import PublishedCells
from ipy_branchcov.processes.folder import DataFolder, Member, Part, read_settings
from ipy_branchcov.processes.forks import Forks
from ipy_branchcov.processes.forks import hand_over as hand_over_fork
from ipy_branchcov.processes.watch import Measured, Watch
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.session.session import Session

#: Who runs in a process that was started, where nothing names it.
_CONTEXT = "a process that was started"

# --- in a process that was started


class _Process:
    """This process in one run, from the first code that is measured to its end, and its forks.

    It leaves data once it has run measured code: it may have begun in vain. multiprocessing's fork server imports the
    main module; what it covered there comes with its forks.
    """

    def __init__(self, folder: Path, begun: Watch):
        # What writes the data is imported now. At the end the program may have no files to open any more, and until
        # 3.13 the interpreter forgets that a KeyboardInterrupt ends it where a string is executed then: its exit status
        # would be another one. A dataclass is made by such strings.
        from ipy_branchcov.data import json_form  # noqa: F401

        given = RunOptions.unpack(read_settings(folder), lambda row: f"the run that started this process: {row.name}")
        self.folder = folder
        self._member: Member | None = None
        #: Where a worker of an engine leaves what it has until now, and how much that was.
        self._until_now: Part | None = None
        self._noted = 0
        self._fork_server = begun.is_fork_server
        self.session = Session(RunOptions().overridden(**given), root=Path(begun.root) if begun.root else None)
        self.session.add_locator(PublishedCells(folder))
        self._start(begun.context or _CONTEXT)
        self._forks = Forks(self.session, folder, watched=True)
        self._forks.begin()

    def _start(self, context: str) -> None:
        self.session.when_found(self._begun)
        self.session.start(context)
        self._noted = self.session.noted()
        atexit.unregister(self.session.close)  # functions that the program has registered before are measured, too

    def _begun(self) -> None:
        if not self._fork_server:
            self._mark(printable(watch.command()))

    def _mark(self, description: str) -> None:
        """From now on the end of this process without its data is a loss."""
        if self._member is None or self._member.pid != os.getpid():  # a fork's parent has its own
            with suppress(OSError, BranchcovError):
                self._member = Member(self.folder, description)

    def task_begins(self, description: str) -> None:
        """What a task covers is lost where the worker is killed in it."""
        self._reset_if_taken()
        self._mark(description)

    def task_ended(self, idle: bool) -> None:
        """Leave what there is until now. ``idle``: no task goes on, so nothing can get lost."""
        self._reset_if_taken()
        noted = self.session.noted()
        if self.session.running and noted != self._noted:
            if self._until_now is None:
                self._until_now = Part(self.folder)
            self._until_now.save(self.session.so_far())
            self._noted = noted
        if idle and self._member is not None:
            self._member.leave()
            self._member = None

    def _reset_if_taken(self) -> None:
        """The run has taken what was left, so that is not left again."""
        if self._until_now is not None and self._until_now.taken():
            self._until_now = None
            self.session.stop()
            self.go_on()

    def leave_data(self) -> None:
        """What was covered until now. Only the first call counts."""
        if self._forks.child:
            self._forks.save()
            return
        if self._until_now is not None:
            with suppress(OSError, BranchcovError):  # what has begun stays, so the run reports a loss
                self.task_ended(idle=True)
        self.session.stop()
        member, self._member = self._member, None
        if member is not None:
            with suppress(OSError, BranchcovError):  # where the data should be, the run reports a loss
                member.save(self.session.coverage())

    def go_on(self) -> None:
        """Begin another measurement, whose data is added: an exec failed, or an engine's run has ended."""
        self._forks.child = False
        self.session.reset()  # what was left is not left again
        self._start(_CONTEXT)

    def after_engine(self) -> None:
        """The run on an engine's worker has ended. A block has ended with it, and waits for no more."""
        if any(folder == str(self.folder) for folder, _ in asked()):
            self.go_on()

    def leave(self) -> None:
        self._forks.close()
        self.session.close()
        if self._member is not None:
            self._member.leave()


class _Processes(Measured):
    """This process in all runs that ask for it."""

    def ends(self, abrupt: bool) -> None:
        failed: Exception | None = None
        for each in reversed(_this):
            try:
                each.leave_data()
            except Exception as error:  # the other runs have their data all the same
                failed = error
        if failed is not None:
            raise failed

    def go_on(self) -> None:
        for each in _this:
            each.go_on()


#: How this process is measured: once for each run that asked for it.
_this: list[_Process] = []
#: Whether forks of this fork server ask again.
_serving: list[bool] = []
#: Our module for such an engine, by the module of theirs that its workers have loaded.
_WORKERS = {"ray._private.worker": "ray_worker", "pyspark.worker": "spark_worker"}
#: Whether the tasks of this process are watched.
_by_tasks: list[bool] = []


def measure(begun: Watch) -> Measured:
    """Measure this process, which is about to run what a run measures."""
    for folder, _ in begun.asked:
        try:
            _this.append(_Process(Path(folder), begun))
        except Exception as error:
            watch.lost(folder, error)
    if not _by_tasks:
        _watch_tasks()
    if begun.is_fork_server and not _serving:
        _serving.append(True)
        os.register_at_fork(after_in_child=_served)
    return _Processes()


def _watch_tasks() -> None:
    """Leave data after each task where this process is a worker of an engine that ends its workers without notice."""
    for theirs, ours in _WORKERS.items():
        if theirs in sys.modules:
            module = import_module(f"{__package__}.{ours}")
            if module.is_worker():
                _by_tasks.append(True)
                module.watch(_task_begins, _task_ended)


def _task_begins(title: str) -> None:
    """A task begins in this process, a worker of Ray or Spark. Other runs may be on now than at the last one."""
    each = watch.watching()
    if each is None or asked() != each.asked:
        leave()
        watch.watch(measure, late=True)
    _for_all(lambda process: process.task_begins(f"worker {os.getpid()} in {title}"))


def _task_ended(idle: bool) -> None:
    _for_all(lambda process: process.task_ended(idle))


def _for_all(call: Callable[[_Process], None]) -> None:
    for each in _this:
        try:
            call(each)
        except Exception as error:  # the task goes on
            watch.lost(str(each.folder), error)


def _served() -> None:
    """This is a fork of a fork server that was measured already: another run may ask for it."""
    each = watch.watching()
    if each is not None and asked() != each.asked:
        leave()
        watch.watch(each.measure, late=True)


def hand_over(folder: Path) -> Callable[[], None] | None:
    """Leave what this process has covered for the run of a folder: an engine measures it for that run from now on.

    Returns what is to be called when the engine's run has ended; None where this process is not measured for that run.
    """
    watched = watch.watching()
    if watched is not None:
        watched.begin()
        for each in _this:
            if each.folder == folder:
                watched.endings.uninterrupted(each.leave_data)
                return each.after_engine
    return hand_over_fork(folder)


def leave() -> None:
    """Stop: this process is measured in another way, as a kernel or a worker."""
    while _this:
        _this.pop().leave()
    watched = watch.watching()
    if watched is not None:
        watched.stop()


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
