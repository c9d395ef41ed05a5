"""Run a Python program in this process, measured, to its very end; it behaves and ends as under ``python``."""

from __future__ import annotations

import atexit
import importlib.machinery
import os
import sys
import threading
import traceback
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.processes.children import Processes, elsewhere
from ipy_branchcov.processes.endings import Endings
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.processes.forks import Forks
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.imports import is_ours

#: Writes what was measured; returns the exit status of the gates. Arguments: the coverage; whether the program left in
#: a way that loses what stands in the buffers of its streams.
Report = Callable[[Coverage, bool], int]


def run_script(path: Path, arguments: Sequence[str], session: Session, report: Report) -> int:
    """Run a script as ``python path`` does, with the same output, exit status and traceback; return the exit status.

    ``report`` is called once, when the program has ended. A program that ends by a signal or by ``os._exit`` does not
    return from here; nor does one that Ctrl-C ended: KeyboardInterrupt ends the interpreter as it should.
    """
    filename = os.path.abspath(path)  # noqa: PTH100 links stay, as the interpreter leaves them
    module = types.ModuleType("__main__")
    # In the order in which the interpreter gives them.
    module.__dict__.update(
        __loader__=importlib.machinery.SourceFileLoader("__main__", filename),
        **({"__annotations__": {}} if sys.version_info < (3, 14) else {}),
        __builtins__=sys.modules["builtins"],
        __file__=filename,
        **({"__cached__": None} if sys.version_info < (3, 15) else {}),
    )
    if not sys.flags.safe_path:
        sys.path[0] = str(path.resolve().parent)
    sys.argv = [str(path), *arguments]
    sys.modules["__main__"] = module
    session.start(str(path))

    def launch() -> None:
        exec(session.instrument(compile(path.read_bytes(), filename, "exec", dont_inherit=True)), module.__dict__)

    return run_to_end(launch, session, report)


def run_to_end(launch: Callable[[], object], session: Session, report: Report) -> int:
    """Launch a program in a session that has begun, and end as the interpreter does; return the exit status."""
    run = _Run(session, report)
    status, interrupted = 0, False
    try:
        launch()
    except SystemExit as error:
        status = _exit_status(error)
    except BaseException as error:
        status, interrupted = _uncaught(error), isinstance(error, KeyboardInterrupt)
    _shut_down()
    gate = run.end()
    if interrupted:
        sys.excepthook = _quiet  # it was shown
        raise KeyboardInterrupt
    return status or gate


class _Run:
    """The measurement of a program in this process and its forks."""

    def __init__(self, session: Session, report: Report):
        self._session = session
        self._report = report
        self._lost: list[str] = []
        self._endings = Endings(self._end, self._go_on)
        self._begin()

    def _begin(self) -> None:
        self._ended = False
        self._folder = DataFolder()
        options = self._session.options
        self._processes = None
        if options.subprocesses:
            self._processes = Processes(self._folder, elsewhere(options, self._session.scope))
        self._forks = Forks(self._session, self._folder.path if options.subprocesses else None, watched=True)
        self._forks.begin()
        self._endings.begin()

    def end(self) -> int:
        """End where the program has come back; return the exit status of the gates."""
        gate = self._endings.end(abrupt=False)
        self._endings.close()
        return gate

    def _end(self, abrupt: bool) -> int:
        """End the measurement, and report it; in a fork, leave the data for its parent. Only the first call counts."""
        if self._ended:
            return 0
        self._ended = True
        if self._forks.child:
            self._forks.save()
            return 0
        self._session.stop()
        found, lost = self._folder.collect(self._session.scope)
        self._forks.close()
        if self._processes is not None:
            self._processes.close()
        self._folder.remove()
        coverage = merge([self._session.coverage(), *found])
        if self._session.options.source:
            coverage = merge([coverage, self._session.never_imported(coverage)])
        return self._report(replace(coverage, lost=frozenset(self._lost + lost)), abrupt)

    def _go_on(self) -> None:
        """The program goes on, though it should have been replaced by another one."""
        self._begin()
        self._lost.append("an exec failed after the data had been written; functions that ran then were not measured")
        self._session.start("after a failed exec")


def _shut_down() -> None:
    """End as the interpreter does: thread pools, threads, then what is registered with atexit. All is measured."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
    except BaseException as error:
        print(f"Exception ignored in: {threading!r}", file=sys.stderr)
        traceback.print_exception(error)
    atexit._run_exitfuncs()


def _their_frames(frames: types.TracebackType | None) -> types.TracebackType | None:
    """A traceback without the frames of ours that launched the program, and those of our part of importlib."""
    while frames is not None and frames.tb_frame.f_globals.get("__package__") == __package__:
        frames = frames.tb_next
    each = frames
    while each is not None:
        while each.tb_next is not None and is_ours(each.tb_next.tb_frame.f_code):
            each.tb_next = each.tb_next.tb_next
        each = each.tb_next
    return frames


def _uncaught(error: BaseException) -> int:
    """Show an exception as the interpreter does, without our own frames; return the exit status."""
    theirs = _their_frames(error.__traceback__)
    error = error.with_traceback(theirs)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, theirs
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(type(error), error, theirs)
    except SystemExit as left:
        return _exit_status(left)
    except BaseException as failed:
        print("Error in sys.excepthook:", file=sys.stderr)
        traceback.print_exception(failed)
        print("\nOriginal exception was:", file=sys.stderr)
        traceback.print_exception(error)
    return 1


def _exit_status(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF if os.name == "posix" else error.code
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    print(error.code, file=sys.stderr)
    return 1


def _quiet(*_: object) -> None:
    """An excepthook that shows nothing."""
