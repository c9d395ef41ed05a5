"""The ways in which a program ends and never comes back: ``os._exit``, ``os.abort``, ``exec``, a signal."""

from __future__ import annotations

import functools
import os
import signal
import stat
import sys
import warnings
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from ipy_branchcov.bytecode.unseen import unseen

#: Signals that end a process unless it handles them, and that are sent for that.
_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGVTALRM", "SIGPROF")
    if hasattr(signal, name)
)
#: Python's own functions: a program calls ours in their places.
_set_handler, _get_handler = signal.signal, signal.getsignal


class Endings:
    """Calls ``end`` before this process, or a fork of it, leaves in such a way; or when :meth:`end` is called.

    ``end`` returns the exit status that a gate asks for, 0 for none; its argument: whether the process leaves so.
    Where a gate fails before an ``exec``, the other program runs as a child: its exit status must not hide the gate's.
    A signal that comes meanwhile waits until ``end`` has returned. ``failed`` is called where an ``exec`` failed after
    all: the program goes on.
    """

    def __init__(self, end: Callable[[bool], int], failed: Callable[[], None]):
        self._end = end
        self._failed = failed
        self._given: dict[str, tuple[ModuleType, Any, Any]] = {}
        self._ending = False
        self._waiting = 0

    def begin(self) -> None:
        _open.append(self)
        self._replace(os, "_exit", self._exit(os._exit))
        self._replace(os, "abort", self._abort(os.abort))
        for name in ("execv", "execve"):  # the other functions of os call one of these
            self._replace(os, name, self._exec(getattr(os, name)))
        for number in _SIGNALS:
            if _get_handler(number) is signal.SIG_DFL:
                _handle(number, self._on_signal)
        self._replace(signal, "signal", self._signal(signal.signal))
        self._replace(signal, "getsignal", _getsignal(signal.getsignal))

    def close(self) -> None:
        """Give back what is still ours."""
        for name, (module, ours, theirs) in self._given.items():
            if getattr(module, name) is ours:
                setattr(module, name, theirs)
        self._given.clear()
        for number in (*_SIGNALS, signal.SIGINT):
            if _get_handler(number) == self._on_signal:
                _handle(number, signal.SIG_DFL)
        if self in _open:
            _open.remove(self)

    def end(self, *, abrupt: bool) -> int:
        if self._ending:
            return 0
        self._ending = True
        try:
            gate = self._end(abrupt)
        except Exception as error:  # the program ends all the same
            print(f"branchcov: lost: what was measured: branchcov failed: {error!r}", file=sys.stderr, flush=True)
            gate = 1
        finally:
            self._ending = False
        if number := self._waiting:
            self._waiting = 0
            _end_all(number)
        return gate

    def _replace(self, module: ModuleType, name: str, ours: Any) -> None:
        self._given[name] = module, ours, getattr(module, name)
        setattr(module, name, ours)

    def _exit(self, original: Callable[[int], Any]) -> Any:
        @functools.wraps(original)
        def _exit(status: int) -> None:
            if isinstance(status, int):  # else it is an error
                gate = self.end(abrupt=True)
                status = status or gate
            original(status)

        return _exit

    def _abort(self, original: Callable[[], Any]) -> Any:
        @functools.wraps(original)
        def abort() -> None:
            self.end(abrupt=True)
            original()

        return abort

    def _signal(self, original: Callable[[int, Any], Any]) -> Any:
        """``signal.signal``: where a program wants a signal to end it, as many handlers do, that stays our matter."""

        @unseen  # another signal's handler can run inside it
        @functools.wraps(original)
        def signal_(signalnum: int, handler: Any) -> Any:
            before = original(signalnum, handler)
            if handler == signal.SIG_DFL and signalnum in (*_SIGNALS, signal.SIGINT):
                _set_handler(signalnum, self._on_signal)
            return signal.SIG_DFL if _is_ours(before) else before

        return signal_

    def _exec(self, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def execute(path: Any, *arguments: Any, **keywords: Any) -> None:
            ends = _executable(path)
            gate = self.end(abrupt=True) if ends else 0
            try:
                if gate and hasattr(os, "fork") and (child := _fork()):
                    self._given["_exit"][2](_outlive(child) or gate)
                original(path, *arguments, **keywords)
            finally:
                if ends:
                    self._failed()

        return execute

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        for each in _open:
            if each._ending:
                each._waiting = number
                return
        _end_all(number)


def _getsignal(original: Callable[[int], Any]) -> Any:
    @functools.wraps(original)
    def getsignal(signalnum: int) -> Any:
        handler = original(signalnum)
        return signal.SIG_DFL if _is_ours(handler) else handler

    return getsignal


def _is_ours(handler: object) -> bool:
    return isinstance(getattr(handler, "__self__", None), Endings)


#: Those that have begun: more than one where several runs measure this process.
_open: list[Endings] = []


def _end_all(number: int) -> None:
    """A signal ends this process: all that measure it leave their data."""
    for each in reversed(_open):
        each.end(abrupt=True)
    _die(number)


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other threads: exec ends them at once
        return os.fork()


def _outlive(child: int) -> int:
    """Wait for a child that stands for this process; return its exit status, or end by its signal."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # a pipe that this process had open would never end
    for number in _SIGNALS:
        _handle(number, lambda number, frame: os.kill(child, number))
    _handle(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the child, too
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        _die(-status)
    return status


def _die(number: int) -> None:
    _handle(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _handle(number: int, handler: Any) -> bool:
    """Set a signal's handler; return whether it was: only the main thread can, and SIGKILL has none."""
    try:
        _set_handler(number, handler)
    except (ValueError, OSError):
        return False
    return True


def _executable(path: Any) -> bool:
    """Whether the system can execute a file: ``execvp`` tries many names."""
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 it can be a number
        return regular and (isinstance(path, int) or os.access(path, os.X_OK))
    except (OSError, TypeError, ValueError):
        return False
