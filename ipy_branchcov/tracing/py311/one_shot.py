"""Probes that vanish on 3.11: after the first hit, a jump skips the probe.

The jump is written into the code object in memory. Only added instructions and the arguments of jumps are changed.
"""

from __future__ import annotations

import _thread
import operator
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, compress
from operator import attrgetter
from types import CodeType
from typing import Any

from ipy_branchcov.bytecode.memory import READABLE, unit, units
from ipy_branchcov.bytecode.unseen import unseen
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes.instrument import Counted, Counter
from ipy_branchcov.tracing.tracer import Mechanism

__builtins__ = BUILTINS

#: Seconds between two sweeps: the shortest pause; the pause as a multiple of the last sweep's time; and the longest
#: pause, when sweeps find nothing. Each sweep makes the program wait for the interpreter's lock.
_PAUSE, _SHARE, _LONGEST = 0.005, 30, 0.5

_NONE: frozenset[int] = frozenset()
#: (index of the instruction in memory, opcode or None to keep it, argument)
Write = tuple[int, "int | None", int]


class Notes(set[int]):
    """What a code object with probes notes of itself: ``~number`` of each probe that was hit, and indexes of
    instructions that raised. It is a constant of the code: code objects must stay hashable.
    """

    __slots__ = ()
    # A traceback of IPython hashes the code of each frame (IPython before 9.14, through stack_data).
    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__
    __ne__ = object.__ne__

    def __reduce__(self) -> tuple[object, ...]:
        return operator.call, (_Elsewhere(),)


class _Elsewhere:
    """What the type of :class:`Notes` is pickled as: where such code is loaded, this package need not be."""

    def __reduce__(self) -> tuple[object, ...]:
        return type, ("Notes", (set,), {"__hash__": object.__hash__, "__eq__": object.__eq__})


class Once(Counted):
    """The probes of one code object: which were hit, and what makes each vanish.

    A probe adds its number to the notes, by SET_ADD: this runs no Python code, needs no room for a call where the stack
    is full, and Ctrl-C cannot interrupt it. So one look at the notes shows whether code ran at all; a session has
    thousands that did not.
    """

    __slots__ = ("_seen", "_undo", "_vanishing", "before", "notes")
    #: Whether there was a turn: else nothing was noted before one, and nobody need look.
    turned = False

    def __init__(
        self,
        code: CodeType,
        notes: Notes,
        writes: tuple[tuple[Write, ...], ...],
        idle: tuple[tuple[tuple[int, ...], Write], ...],
        original: CodeType,
        kind: Mechanism,
        proofs: tuple[tuple[Any, ...] | None, ...],
        counters: Mapping[int, Counter],
        *more: Any,
    ):
        """``writes``: by the number of the probe; those that count have none, and stay.

        ``idle``: writes that wait until all of some probes have vanished, in order.
        """
        super().__init__(code, original, kind, proofs, counters, writes, idle, *more)
        self.notes = notes
        self._vanishing = len(writes) - len(counters)
        #: The probes that vanished, as bits, which the collector need not look at; and the memory as it was before.
        self._seen = 0
        self._undo: dict[int, int] | None = None
        #: What was noted before the last turn.
        self.before = _NONE

    @property
    def writes(self) -> tuple[tuple[Write, ...], ...]:
        writes: tuple[tuple[Write, ...], ...] = self.plain[1]
        return writes

    @property
    def idle(self) -> list[Write]:
        """The writes that leave out what can show nothing more, now."""
        seen = self._seen
        return [write for numbers, write in self.plain[2] if all(seen >> number & 1 for number in numbers)]

    def passed(self) -> list[int]:
        """The numbers of the probes that were hit."""
        return [~each for each in self.notes.copy() if each < 0]

    def ever_passed(self) -> list[int]:
        """The same, and those that were hit before the last turn."""
        return [~each for each in self.before | self.notes.copy() if each < 0]

    def left(self) -> list[int]:
        """The indexes of instructions that raised."""
        return [each for each in self.before | self.notes.copy() if each >= 0]

    def turn(self) -> None:
        """Restore all probes, to note edges again; what they noted and counted stays noted as of before, for lines."""
        before = self.before.union(self.notes, (~number for number in Counted.hits(self)))
        self.begin()
        self.before, Once.turned = before, True

    def begin(self) -> None:
        """Restore all probes, for another run."""
        super().begin()
        code = self()
        if code is not None and self._undo:
            memory = units(code)
            for place, before in self._undo.items():
                memory[place] = before
        self._undo = None
        self._seen = 0
        self.notes.clear()
        self.before = _NONE

    @property
    def pending(self) -> bool:
        """Whether some probes have not vanished yet, in code that still exists."""
        return self._seen.bit_count() < self._vanishing and self() is not None

    def sweep(self) -> int:
        """Make the probes vanish that were hit; return how many."""
        code = self()
        if code is None:
            return 0
        passed = [each for each in self.notes.copy() if each < 0 and not self._seen >> ~each & 1]
        if passed:
            for each in passed:
                self._seen |= 1 << ~each
            undo = self._undo = self._undo or {}
            memory, writes = units(code), self.writes
            raw = memory.cast("B")
            for place, opcode, argument in chain(*(writes[~each] for each in passed), self.idle):
                undo.setdefault(place, memory[place])
                memory[place] = unit(raw[2 * place] if opcode is None else opcode, argument)
        return len(passed)


_NOTES: Callable[[Once], object] = attrgetter("notes")


def noted(entries: Iterable[Once], *, ever: bool) -> Iterable[object]:
    """What each of them noted since the last turn, or ``ever`` in the run."""
    if ever and Once.turned:
        return [each.notes or each.before for each in entries]
    return map(_NOTES, entries)


class Sweeper:
    """A thread that makes probes vanish, between :meth:`start` and :meth:`stop`. It uses a small part of the time."""

    def __init__(self) -> None:
        self._new: deque[Once] = deque()
        self._watched: Iterable[Once] = ()
        self._stopped = _thread.allocate_lock()
        self._stopped.acquire()
        self._ended = _thread.allocate_lock()
        self._process = -1
        #: What ended the thread before its time.
        self.failed: Exception | None = None
        #: Held while probes vanish.
        self._busy = _thread.allocate_lock()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within the block, no probe vanishes."""
        with self._busy:
            yield

    def forked(self) -> None:
        """The thread does not exist in this process; it may have held the lock."""
        self._busy = _thread.allocate_lock()

    def add(self, once: Once) -> None:
        """Sweep these probes too."""
        self._new.append(once)

    def start(self, watched: Iterable[Once] = ()) -> None:
        """Begin, with these probes and those added before."""
        if READABLE:
            self._watched = watched
            self._process = os.getpid()
            self._ended.acquire()
            # A thread of _thread: threading.enumerate() does not show it to the measured program.
            _thread.start_new_thread(self._run, ())

    def stop(self) -> None:
        """End the thread and wait for it; a forked process does not have it."""
        self._stopped.release()
        if self._process == os.getpid():
            self._ended.acquire()

    @unseen  # sys._current_frames() does not show this thread either
    def _run(self) -> None:
        try:
            self._sweep()
        except Exception as error:  # the probes stay, and the program is slower
            self.failed = error
        finally:
            self._ended.release()

    @unseen
    def _sweep(self) -> None:
        given, self._watched, watched = self._watched, (), dict[Once, None]()
        pause = _PAUSE
        while not self._stopped.acquire(timeout=pause):
            began = time.perf_counter()
            if given:  # not before: most cells have ended by now
                watched, given = dict.fromkeys(given), ()
            with self._busy:
                while self._new:
                    watched[self._new.popleft()] = None
                ran = list(compress(watched, [once.notes for once in watched]))
                if found := sum(once.sweep() for once in ran):
                    watched = {once: None for once in watched if once.pending}
            pause = min(2 * pause, _LONGEST) if not found else _PAUSE
            pause = max(pause, _SHARE * (time.perf_counter() - began))
