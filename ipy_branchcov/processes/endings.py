"""The ways in which a program ends and never comes back: ``os._exit``, ``os.abort``, ``exec``, a signal.

They are watched from an interpreter's start, so this needs nothing that is not loaded then: ``_signal`` has the
functions that ``signal`` calls, without its enumerations.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import stat
import sys
from _thread import get_ident

from ipy_branchcov.processes import wake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, ModuleType
    from typing import Any

#: Signals that end a process unless it handles them, and that are sent for that.
_SIGNALS = tuple(
    getattr(_signal, f"SIG{name}")
    for name in ["TERM", "HUP", "PIPE", "ALRM", "USR1", "USR2", "XCPU", "VTALRM", "PROF"]
    if hasattr(_signal, f"SIG{name}")
)
#: Python's own functions: a program calls ours in their places.
_set_handler, _get_handler = _signal.signal, _signal.getsignal


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
        if not _at_fork and hasattr(os, "register_at_fork"):
            _at_fork.append(True)
            os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)
        wake.begin()
        if wake.SIGNAL is not None and _get_handler(wake.SIGNAL) == _signal.SIG_DFL:
            _handle(wake.SIGNAL, self._on_interruption)
        self._replace(os, "_exit", self._exit(os._exit))
        self._replace(os, "abort", self._abort(os.abort))
        for name in ("execv", "execve"):  # the other functions of os call one of these
            self._replace(os, name, self._exec(getattr(os, name)))
        for number in _SIGNALS:
            if _get_handler(number) == _signal.SIG_DFL:
                _handle(number, self._on_signal)
        self._replace(_signal, "signal", self._signal(_signal.signal))
        self._replace(_signal, "getsignal", _getsignal(_signal.getsignal))

    def close(self) -> None:
        """Give back what is still ours."""
        for name, (module, ours, theirs) in self._given.items():
            if getattr(module, name) is ours:
                setattr(module, name, theirs)
        self._given.clear()
        for number in (*_SIGNALS, _signal.SIGINT, wake.SIGNAL):
            if number is not None and _get_handler(number) in (self._on_signal, self._on_interruption):
                _handle(number, _signal.SIG_DFL)
        if self in _open:
            _open.remove(self)

    def end(self, *, abrupt: bool) -> int:
        if self._ending:
            return 0
        return self.uninterrupted(lambda: self._end(abrupt))

    def uninterrupted(self, call: Callable[[], int | None]) -> int:
        """Call what leaves data; a signal waits for it."""
        self._ending = True
        try:
            gate = call() or 0
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
        def _exit(status: int) -> None:
            if isinstance(status, int):  # else it is an error
                gate = self.end(abrupt=True)
                status = status or gate
            original(status)

        return _like(original, _exit)

    def _abort(self, original: Callable[[], Any]) -> Any:
        def abort() -> None:
            self.end(abrupt=True)
            original()

        return _like(original, abort)

    def _signal(self, original: Callable[[int, Any], Any]) -> Any:
        """What ``signal.signal`` calls: where a program wants a signal to end it, that stays our matter."""

        def signal(signalnum: int, handler: Any) -> Any:
            before = original(signalnum, handler)
            if _is_default(handler) and signalnum in (*_SIGNALS, _signal.SIGINT):
                _set_handler(signalnum, self._on_signal)
            return _signal.SIG_DFL if _is_ours(before) else before

        # Another signal's handler can run inside it. A process that only waits has not loaded this.
        if loaded := sys.modules.get("ipy_branchcov.bytecode.unseen"):
            loaded.unseen(signal)
        return _like(original, signal)

    def _exec(self, original: Callable[..., Any]) -> Any:
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

        return _like(original, execute)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        for each in _open:
            if each._ending:
                each._waiting = number
                return
        _end_all(number)

    def _on_interruption(self, number: int, frame: FrameType | None) -> None:
        """A system call was interrupted, by :mod:`.wake`: now the interpreter calls the handlers that had to wait."""


def _getsignal(original: Callable[[int], Any]) -> Any:
    def getsignal(signalnum: int) -> Any:
        handler = original(signalnum)
        return _signal.SIG_DFL if _is_ours(handler) else handler

    return _like(original, getsignal)


def _is_default(handler: object) -> bool:
    return type(handler) is int and handler == _signal.SIG_DFL


def _is_ours(handler: object) -> bool:
    return isinstance(getattr(handler, "__self__", None), Endings)


#: Those that have begun: more than one where several runs measure this process.
_open: list[Endings] = []
#: Whether forks are watched, and the signals that each thread had blocked before it forked.
_at_fork: list[bool] = []
_blocked: dict[int, Any] = {}


def _hold() -> None:
    """Let signals wait while a process forks.

    In a fork the interpreter forgets those that came before it is ready (``_PySignal_AfterFork``). One that ends a
    process at once without us would not end it then: a pool would wait forever for a worker that it has terminated.
    """
    if _open:
        _blocked[get_ident()] = _signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)


def _release() -> None:
    before = _blocked.pop(get_ident(), None)
    if before is not None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


def _like(original: Any, ours: Any) -> Any:
    """Our function in the place of another one, as ``functools.wraps`` does it."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(ours, name, getattr(original, name))
    ours.__wrapped__ = original
    return ours


def _end_all(number: int) -> None:
    """A signal ends this process: all that measure it leave their data."""
    for each in reversed(_open):
        each.end(abrupt=True)
    _die(number)


def _fork() -> int:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other threads: exec ends them at once
        return os.fork()


def _outlive(child: int) -> int:
    """Wait for a child that stands for this process; return its exit status, or end by its signal."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # a pipe that this process had open would never end
    for number in _SIGNALS:
        _handle(number, lambda number, frame: os.kill(child, number))
    _handle(_signal.SIGINT, _signal.SIG_IGN)  # Ctrl-C reaches the child, too
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        _die(-status)
    return status


def _die(number: int) -> None:
    _handle(number, _signal.SIG_DFL)
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
