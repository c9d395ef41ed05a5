"""Wake children that this process has terminated, as long as it waits for them.

A handler that is written in Python runs when the interpreter next looks for signals. One that comes between that look
and a system call that blocks is handled when the call returns, which may be never. By default SIGTERM needs no
handler; in a measured process it has ours, or its data would be lost. And a pool terminates its workers when the last
result has come: just then they begin to wait for the next task.

So whoever waits for a child that it has terminated interrupts the child's system call from time to time. SIGURG does
that: a process without a handler never notices it, which is why Go's scheduler uses it, too
(https://go.googlesource.com/proposal/+/master/design/24543-non-cooperative-preemption.md).

What is changed stays changed when a measurement ends: children that it has measured may be terminated later.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Where multiprocessing waits for a child, however it was started.
_WAITS = "multiprocessing.popen_fork"
#: Modules that import that one, before they start a child without a fork of this process.
_WITHOUT_FORK = frozenset({"multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver"})
#: Seconds between two interruptions.
_INTERVAL = 0.1
#: What interrupts a system call; None where the system has no such signal.
SIGNAL: int | None = getattr(_signal, "SIGURG", None)
_kill = os.kill
#: Whether forks are watched: each is a sign that multiprocessing may be loaded now.
_at_fork: list[bool] = []
#: The classes whose instances are watched. Other tools may wrap their methods, too.
_patched: list[type] = []


def begin() -> None:
    """Wake the children that multiprocessing terminates, from now on."""
    if not _at_fork and hasattr(os, "register_at_fork"):
        _at_fork.append(True)
        os.register_at_fork(before=_patch)
    _patch()


def _patch() -> None:
    module = sys.modules.get(_WAITS)
    popen = getattr(module, "Popen", None)  # it has none while it is being imported
    if popen is not None and SIGNAL is not None and popen not in _patched:
        _patched.append(popen)
        popen._send_signal = _sends(popen._send_signal)


def imported(name: str) -> None:
    """A module is about to be imported: the only sign that children are started without a fork."""
    if name in _WITHOUT_FORK:
        __import__(_WAITS)
        _patch()


def _sends(original: Callable[[Any, int], None]) -> Callable[[Any, int], None]:
    def _send_signal(self: Any, sig: int) -> None:
        original(self, sig)
        if sig != _signal.SIGKILL and "wait" not in vars(self):
            self.wait = _waits(self, self.wait)

    return _send_signal


def _waits(child: Any, original: Callable[[float | None], int | None]) -> Callable[[float | None], int | None]:
    """How this process waits for a child that it has terminated."""

    def wait(timeout: float | None = None) -> int | None:
        if timeout is not None and timeout <= _INTERVAL:
            return original(timeout)
        rest = timeout
        while rest is None or rest > 0:
            status = original(_INTERVAL if rest is None else min(rest, _INTERVAL))
            # That returns nothing where a grandchild keeps the child's end of a pipe open.
            if status is None:
                status = child.poll()
            if status is not None:
                return status
            _interrupt(child.pid)
            if rest is not None:
                rest -= _INTERVAL
        return original(0)

    return wait


def _interrupt(process: int) -> None:
    try:
        _kill(process, SIGNAL)  # type: ignore[arg-type]
    except OSError:
        return  # it has ended
