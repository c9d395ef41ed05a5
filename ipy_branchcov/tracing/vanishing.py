"""Marks that vanish: passed once, they are jumped over from there on. For 3.11, where nothing else takes events away.

Only added instructions and the arguments of jumps are written in memory.
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

from ipy_branchcov.tracing.memory import READABLE, unit, units

#: Seconds between two sweeps, at least; how many times as long as the sweep before; and at most, when sweep after
#: sweep finds nothing, for each makes the program wait for the interpreter's lock.
_PAUSE, _SHARE, _LONGEST = 0.005, 30, 0.5

#: (number of the instruction's place, opcode or None to leave it, argument)
Write = tuple[int, "int | None", int]


@dataclass
class Once:
    """The marks of one code object that are passed or not, and what makes each vanish.

    A BytesIO of one line is an iterator that is exhausted at its second pass, can be set back, and runs no Python: a
    callback would need room on the stack, and be a chance for Ctrl-C.
    """

    marks: dict[int, BytesIO] = field(default_factory=dict)
    _code: Any = None
    _writes: dict[int, list[Write]] = field(default_factory=dict)
    _pending: set[int] = field(default_factory=set)
    _undo: dict[int, int] = field(default_factory=dict)

    def attach(self, code: CodeType, writes: dict[int, list[Write]]) -> None:
        """Take the code object in which the marks stand."""
        self._code, self._writes = weakref.ref(code), writes
        self.begin()

    def passed(self) -> list[int]:
        """The numbers of the marks that were passed."""
        return [number for number, mark in self.marks.items() if mark.tell()]

    def begin(self) -> None:
        """Let all marks be passed again."""
        code = self._code()
        if code is not None and self._undo:
            memory = units(code)
            for place, before in self._undo.items():
                memory[place] = before
        self._undo.clear()
        for mark in self.marks.values():
            mark.seek(0)
        self._pending = set(self.marks) if READABLE else set()  # elsewhere they stay, and cost

    @property
    def pending(self) -> bool:
        """Whether some marks were not passed yet, in code that is still there."""
        return bool(self._pending) and self._code() is not None

    def sweep(self) -> int:
        """Let marks vanish that were passed; how many."""
        code = self._code()
        if code is None:
            return 0
        passed = [number for number in self._pending if self.marks[number].tell()]
        if passed:
            self._pending.difference_update(passed)
            memory = units(code)
            raw = memoryview(memory).cast("B")
            for number in passed:
                for place, opcode, argument in self._writes[number]:
                    self._undo.setdefault(place, memory[place])
                    memory[place] = unit(raw[2 * place] if opcode is None else opcode, argument)
        return len(passed)


class Sweeper:
    """A thread that lets marks vanish, from :meth:`start` to :meth:`stop`, in a small part of the time."""

    def __init__(self) -> None:
        self._new: deque[Once] = deque()
        self._stopped = _thread.allocate_lock()
        self._stopped.acquire()
        self._ended = _thread.allocate_lock()
        self._process = -1

    def add(self, once: Once) -> None:
        """Look after these marks too."""
        self._new.append(once)

    def start(self) -> None:
        if READABLE:
            self._process = os.getpid()
            self._ended.acquire()
            # A thread of the lowest kind: threading.enumerate() does not show it to the measured program.
            _thread.start_new_thread(self._run, ())

    def stop(self) -> None:
        """End it, and wait for its end; a process that was forked has no such thread."""
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
