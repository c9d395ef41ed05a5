"""Run a Python program in this process, measured, to its very end; it behaves and ends as under ``python``.

What calls code of the program is :func:`unseen`, so that the program's own frame is the outermost one.
"""

from __future__ import annotations

import atexit
import importlib.machinery
import os
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from ipy_branchcov.bytecode.unseen import unseen
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.processes import untraced
from ipy_branchcov.processes.children import Processes, elsewhere
from ipy_branchcov.processes.endings import Endings
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.processes.forks import Forks
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.gc_control import undisturbed
from ipy_branchcov.tracing.imports import is_ours

#: Writes what was measured; returns the exit status of the gates. Arguments: the coverage; whether the program left in
#: a way that loses what stands in the buffers of its streams.
Report = Callable[[Coverage, bool], int]
#: In the place of an exit status: Ctrl-C ended the program.
_INTERRUPTED = -1
#: The main module of the interpreter, which uses its dictionary after the end without owning it.
_replaced: list[types.ModuleType] = []


@unseen
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
    replace_main(module, [str(path), *arguments])
    sys.argv = [str(path), *arguments]
    session.start(str(path))
    return run_to_end(partial(_compiled, path, filename, session, vars(module)), session, report)


def replace_main(module: types.ModuleType, words: Sequence[str]) -> None:
    """Let a module be the main one, and the interpreter's command line be with these words in the place of ours."""
    sys.orig_argv = [*_interpreter(sys.orig_argv, len(sys.argv)), *words]
    _replaced.append(sys.modules["__main__"])
    sys.modules["__main__"] = module


@unseen
def run_to_end(launch: Callable[[], Callable[[], object]], session: Session, report: Report) -> int:
    """Run what ``launch`` returns in a session that has begun, and end as the interpreter does; return the exit status.

    An error of ``launch`` is one of the program.
    """
    run = _Run(session, report)
    atexit.unregister(session.close)  # the program's own functions are the last that run
    # No exception is being handled while a function of the program runs that the interpreter would call at the end.
    untraced.begin()
    left = _launched(launch)
    for stream in (sys.stderr, sys.stdout):
        if stream is not None:
            untraced.call(stream.flush)  # what fails here fails again, and is reported, when the interpreter ends
    status = 0 if left is None else _status(left)
    left = None
    _shut_down()
    sys.setprofile(None)
    if getattr(sys.gettrace(), "__module__", "") != undisturbed.__module__:
        sys.settrace(None)
    untraced.end()
    gate = run.end()
    if status == _INTERRUPTED:
        raise KeyboardInterrupt
    return status or gate


@unseen
def _compiled(path: Path, filename: str, session: Session, names: dict[str, object]) -> Callable[[], object]:
    return partial(exec, session.instrument(compile(path.read_bytes(), filename, "exec", dont_inherit=True)), names)


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
        with _untraced():
            return self._report_all(abrupt)

    def _report_all(self, abrupt: bool) -> int:
        self._session.stop()
        found, lost = self._folder.collect(self._session.scope)
        self._forks.close()
        if self._processes is not None:
            self._processes.close()
        self._folder.remove()
        coverage = merge([self._session.coverage(), *found])
        if self._session.options.source:
            coverage = merge([coverage, self._session.never_imported(coverage)])
        return self._report(replace(coverage, lost=coverage.lost.union(self._lost, lost)), abrupt)

    def _go_on(self) -> None:
        """The program goes on, though it should have been replaced by another one."""
        self._begin()
        self._lost.append("an exec failed after the data had been written; functions that ran then were not measured")
        self._session.start("after a failed exec")


def _interpreter(typed: list[str], ours: int) -> list[str]:
    """The command of the interpreter with its options, as typed. ``ours``: how many words follow: our name and ours."""
    words = typed[: len(typed) - ours]
    if len(words) > 1 and words[-1].startswith("-") and words[-1].endswith(("m", "c")):
        words[-1] = words[-1][:-1]  # -m, or -Im
    return [word for word in words if word != "-"] or typed[:1]


@unseen
def _launched(launch: Callable[[], Callable[[], object]]) -> BaseException | None:
    """Run a program; return the exception that ended it."""
    try:
        program = launch()
    except BaseException as error:
        return error
    return untraced.call(program)


@unseen
def _shut_down() -> None:
    """End as the interpreter does: thread pools, threads, then what is registered with atexit. All is measured."""
    error = untraced.call(threading._shutdown)  # type: ignore[attr-defined]
    if error is not None:
        print(f"Exception ignored in: {threading!r}", file=sys.stderr)
        untraced.call(partial(traceback.print_exception, error))
    untraced.call(atexit._run_exitfuncs)


def _their_frames(frames: types.TracebackType | None) -> types.TracebackType | None:
    """A traceback without the frames of our part of importlib."""
    each = frames
    while each is not None:
        while each.tb_next is not None and is_ours(each.tb_next.tb_frame.f_code):
            each.tb_next = each.tb_next.tb_next
        each = each.tb_next
    return frames


@unseen
def _status(error: BaseException) -> int:
    """Show what ended the main module as the interpreter does; return the exit status, or :data:`_INTERRUPTED`."""
    if isinstance(error, SystemExit):
        return _exit_status(error)
    theirs = _their_frames(error.__traceback__)
    error = error.with_traceback(theirs)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, theirs
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    failed = untraced.call(partial(sys.excepthook, type(error), error, theirs))
    if isinstance(failed, SystemExit):
        return _exit_status(failed)
    if failed is not None:
        untraced.call(partial(_show_both, failed, error))
    by = (error, failed) if sys.version_info >= (3, 14) else (error,)
    return _INTERRUPTED if any(isinstance(each, KeyboardInterrupt) for each in by) else 1


def _show_both(failed: BaseException, error: BaseException) -> None:
    print("Error in sys.excepthook:", file=sys.stderr)
    traceback.print_exception(failed)
    print("\nOriginal exception was:", file=sys.stderr)
    traceback.print_exception(error)


@unseen
def _exit_status(error: SystemExit) -> int:
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if os.name == "posix" else code
    untraced.call(partial(print, code, file=sys.stderr))
    return 1


@contextmanager
def _untraced() -> Iterator[None]:
    """No trace or profile function of the program's sees what is done here."""
    trace, profile = sys.gettrace(), sys.getprofile()
    ours = getattr(trace, "__module__", "") == undisturbed.__module__
    sys.setprofile(None)
    if not ours:
        sys.settrace(None)
    try:
        yield
    finally:
        sys.setprofile(profile)
        if not ours:
            sys.settrace(trace)
