"""Probes that vanish on 3.11: after the first hit, a jump skips the probe.

The jump is written into the code object in memory. Only added instructions and the arguments of jumps are changed.
"""

from __future__ import annotations

import _thread
import os
import time
import weakref
from collections import deque
from dataclasses import dataclass, field
from io import BytesIO
from types import CodeType
from typing import Any

from ipy_branchcov.bytecode.memory import READABLE, unit, units

#: Seconds between two sweeps: the shortest pause; the pause as a multiple of the last sweep's time; and the longest
#: pause, when sweeps find nothing. Each sweep makes the program wait for the interpreter's lock.
_PAUSE, _SHARE, _LONGEST = 0.005, 30, 0.5

#: (index of the instruction in memory, opcode or None to keep it, argument)
Write = tuple[int, "int | None", int]


@dataclass
class Once:
    """The probes of one code object: which were hit, and what makes each vanish.

    A probe iterates over a BytesIO of one line. It is exhausted after its first item, can be rewound, and runs no
    Python code: a callback would need room on the stack, and Ctrl-C could interrupt it.
    """

    probes: dict[int, BytesIO] = field(default_factory=dict)
    _code: Any = None
    _writes: dict[int, list[Write]] = field(default_factory=dict)
    _pending: set[int] = field(default_factory=set)
    _undo: dict[int, int] = field(default_factory=dict)

    def attach(self, code: CodeType, writes: dict[int, list[Write]]) -> None:
        """Set the code object that contains the probes."""
        self._code, self._writes = weakref.ref(code), writes
        self.begin()

    def passed(self) -> list[int]:
        """The numbers of the probes that were hit."""
        return [number for number, probe in self.probes.items() if probe.tell()]

    def begin(self) -> None:
        """Restore all probes, for another run."""
        code = self._code()
        if code is not None and self._undo:
            memory = units(code)
            for place, before in self._undo.items():
                memory[place] = before
        self._undo.clear()
        for probe in self.probes.values():
            probe.seek(0)
        self._pending = set(self.probes) if READABLE else set()  # else they stay, and cost time

    @property
    def pending(self) -> bool:
        """Whether some probes are not hit yet, in code that still exists."""
        return bool(self._pending) and self._code() is not None

    def sweep(self) -> int:
        """Make the probes vanish that were hit; return how many."""
        code = self._code()
        if code is None:
            return 0
        passed = [number for number in self._pending if self.probes[number].tell()]
        if passed:
            self._pending.difference_update(passed)
            memory = units(code)
            raw = memory.cast("B")
            for number in passed:
                for place, opcode, argument in self._writes[number]:
                    self._undo.setdefault(place, memory[place])
                    memory[place] = unit(raw[2 * place] if opcode is None else opcode, argument)
        return len(passed)


class Sweeper:
    """A thread that makes probes vanish, between :meth:`start` and :meth:`stop`. It uses a small part of the time."""

    def __init__(self) -> None:
        self._new: deque[Once] = deque()
        self._stopped = _thread.allocate_lock()
        self._stopped.acquire()
        self._ended = _thread.allocate_lock()
        self._process = -1

    def add(self, once: Once) -> None:
        """Sweep these probes too."""
        self._new.append(once)

    def start(self) -> None:
        if READABLE:
            self._process = os.getpid()
            self._ended.acquire()
            # A thread of _thread: threading.enumerate() does not show it to the measured program.
            _thread.start_new_thread(self._run, ())

    def stop(self) -> None:
        """End the thread and wait for it; a forked process does not have it."""
        self._stopped.release()
        if self._process == os.getpid():
            self._ended.acquire()

    def _run(self) -> None:
        watched: list[Once] = []
        pause = _PAUSE
        while not self._stopped.acquire(timeout=pause):
            began = time.perf_counter()
            while self._new:
                watched.append(self._new.popleft())
            found = sum(once.sweep() for once in watched)
            watched = [once for once in watched if once.pending]
            pause = min(2 * pause, _LONGEST) if not found else _PAUSE
            pause = max(pause, _SHARE * (time.perf_counter() - began))
        self._ended.release()
