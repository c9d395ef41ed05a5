"""Starts processes of trials, asks them, and ends those that hang, crash, or are done. Nothing of a trial runs here."""

from __future__ import annotations

import importlib.util
import os
import pickle
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.suggest.generated import generating
from ipy_branchcov.suggest.guide import Guide
from ipy_branchcov.suggest.messages import Answer, Request, receive, send
from ipy_branchcov.suggest.target import Arguments, Target
from ipy_branchcov.suggest.trial import CLOCK, Trials
from ipy_branchcov.suggest.witness import Witness

#: Seconds beyond a call's own after which its process is killed: the call let no alarm through.
_GRACE = 0.3
#: After so many calls a new process begins.
_FRESH = 1000
#: Seconds that a run of the engine may need to begin and end.
_ENGINE = 10.0


def _forked() -> tuple[int, Callable[[], object]]:
    """``os.fork``; and in the parent what must be called next: it does what a Ctrl-C during the fork should have done.

    The interpreter ignores what is raised in the callbacks of a fork (``logging`` has one), and a Ctrl-C with it.
    """
    handler = signal.getsignal(signal.SIGINT)
    came: list[int] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the process uses none of the threads that are not in it
        if not callable(handler) or threading.current_thread() is not threading.main_thread():
            return os.fork(), lambda: None
        signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
        try:
            forked = os.fork()
        finally:
            signal.signal(signal.SIGINT, handler)
    return forked, lambda: handler(signal.SIGINT, None) if came else None


class Process:
    """A fork of this process that does one thing, with a pipe to it and one back. ``main`` gets its ends of them."""

    def __init__(self, main: Callable[[int, int], NoReturn]):
        there, self.requests = os.pipe()
        self.answers, back = os.pipe()
        self._number, interrupt = _forked()
        if self._number == 0:
            try:
                os.close(self.requests)
                os.close(self.answers)
                main(there, back)
            finally:
                os._exit(1)
        os.close(there)
        os.close(back)
        try:
            interrupt()
        except BaseException:
            self.close()
            raise

    def interrupt(self) -> None:
        """Let it end as by Ctrl-C."""
        with suppress(OSError):
            os.kill(self._number, signal.SIGINT)

    def close(self) -> None:
        """End the process, whatever it does."""
        os.close(self.requests)
        os.close(self.answers)
        with suppress(OSError):
            os.kill(self._number, signal.SIGKILL)
        deadline = time.monotonic() + 5
        with suppress(OSError):
            while os.waitpid(self._number, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
                time.sleep(0.001)


class Runner:
    """A process of trials, started again where one ends. ``died``: how many calls ended their process."""

    def __init__(self, target: Target, guide: Guide, witness: Witness):
        if not hasattr(os, "fork") or sys.platform == "emscripten":
            raise BranchcovError("suggestions try each call in a process of its own, by os.fork, which is not there")
        self._target, self._guide, self._witness = target, guide, witness
        self._process: Process | None = None
        self._asked = 0
        self.calls = 0
        self.died = 0
        self.late = 0
        #: By effect that was refused: the number of calls.
        self.refused: dict[str, int] = {}

    def ask(self, request: Request) -> Generator[Answer, None, None]:
        """The answers to the calls of a request, in order. A call that ended its process has an empty answer."""
        if request.together:
            yield from self._once(request, 1, request.seconds * len(request.calls))
            return
        rest = request.calls
        while rest:
            for answer in self._once(replace(request, calls=rest), len(rest), request.seconds):
                rest = rest[1:]
                yield answer

    def _once(self, request: Request, count: int, seconds: float) -> Generator[Answer, None, None]:
        """Answers until all are there or the process has ended; the last is that of the call that ended it."""
        process = self._started()
        self._asked += count
        patience = seconds * CLOCK + _GRACE + (_ENGINE if request.exact or request.together else 0)
        try:
            send(process.requests, request)
        except OSError:
            self.close()
            yield self._ended()
            return
        unread = count
        try:
            while unread:
                answer: Answer = receive(process.answers, patience)
                unread -= 1
                self._count(answer)
                if answer.ends:
                    unread = count
                    self.close()
                yield answer
                if answer.ends:
                    return
        except (EOFError, TimeoutError, OSError) as error:
            self.close()
            yield self._ended(late=isinstance(error, TimeoutError))
        finally:
            if unread and self._process is process:  # whoever asked does not want the other answers
                self.close()

    def _count(self, answer: Answer) -> None:
        self.calls += 1
        self.late += answer.late
        for each in answer.refused:
            self.refused[each] = self.refused.get(each, 0) + 1

    def _ended(self, *, late: bool = False) -> Answer:
        self.calls += 1
        self.died += not late
        self.late += late
        return Answer(made=False, late=late, ends=True)

    def _started(self) -> Process:
        if self._asked > _FRESH:  # what calls leave behind is left behind for good, but not for all that follow
            self.close()
        if self._process is None:
            self._asked = 0
            self._process = Process(
                lambda there, back: Trials(self._target, self._guide, self._witness, there, back).run()
            )
        return self._process

    def close(self) -> None:
        """End the process of trials, whatever it does."""
        if self._process is not None:
            process, self._process = self._process, None
            process.close()


class Generating:
    """Hypothesis in a process of its own, beside the search: it is slow to import, and makes objects of the user's."""

    def __init__(self, target: Target, seeds: Sequence[Arguments]):
        self._target, self._seeds = target, tuple(seeds)
        self._process: Process | None = None

    def start(self) -> None:
        """Begin, where Hypothesis is installed."""
        if importlib.util.find_spec("hypothesis") is not None:
            self._process = Process(lambda there, back: generating(self._target, self._seeds, there, back))

    def take(self) -> list[Arguments]:
        """The calls that are ready now; more are made meanwhile. Raises nothing."""
        if self._process is None:
            return []
        found: list[Arguments] = []
        try:
            while select.select([self._process.answers], [], [], 0)[0]:
                found += receive(self._process.answers, 1.0)
        except (EOFError, TimeoutError, OSError, pickle.UnpicklingError):
            self.close()
        return found

    def close(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.close()
