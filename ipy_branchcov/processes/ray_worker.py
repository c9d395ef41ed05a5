"""Workers of Ray leave their data after each task: they are killed, or leave by themselves before Python ends.

What a task covered is written before anyone can see what it returned. A worker that dies in a task is reported.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

#: What runs tasks in a worker, and what serialises their results (Ray 2).
_WORKER, _SERIALIZATION = "ray._private.worker", "ray._private.serialization"


def is_worker() -> bool:
    """Whether this process is a worker that runs tasks."""
    module = sys.modules.get(_WORKER)
    found = getattr(module, "global_worker", None)
    return found is not None and found.mode == getattr(module, "WORKER_MODE", None)


def possible() -> bool:
    """Whether this Ray, which is imported, has what :func:`watch` needs."""
    return _hooks() is not None


def watch(begins: Callable[[str], None], ended: Callable[[bool], None]) -> None:
    """Call ``begins`` with the title of each task before it runs, and ``ended`` after what may have run its code.

    They must not raise. The argument of ``ended`` says that no task is left that goes on. Nothing is done where this
    Ray has other workers: the run reports their loss.
    """
    found = _hooks()
    if found is not None:
        tasks = _Tasks(begins, ended)
        module, kind, titled, logged, serialized = found
        module._changeproctitle = lambda title, *more: _Titled(tasks, titled(title, *more), title)
        module.Worker.record_task_log_end = _followed(logged, tasks.code_ended)
        kind.serialize = _followed(serialized, tasks.returned)


def _hooks() -> tuple[Any, Any, Callable[..., Any], FunctionType, FunctionType] | None:
    """What Ray calls around a task, when its code has ended, and for each thing that it returns.

    As (module, type of serialisers, context manager, method of the module's Worker, method of that type).
    """
    module, kind = sys.modules[_WORKER], getattr(sys.modules.get(_SERIALIZATION), "SerializationContext", None)
    titled = getattr(module, "_changeproctitle", None)
    logged = getattr(getattr(module, "Worker", None), "record_task_log_end", None)
    serialized = getattr(kind, "serialize", None)
    if not (isinstance(logged, FunctionType) and isinstance(serialized, FunctionType) and callable(titled)):
        return None
    return module, kind, titled, logged, serialized


class _Tasks:
    """The tasks that run in this process: what is called for each is described at :func:`watch`."""

    def __init__(self, begins: Callable[[str], None], ended: Callable[[bool], None]):
        self._begins = begins
        self._ended = ended
        self._process = os.getpid()
        self._lock = threading.Lock()
        #: Tasks whose code runs; and those whose code has ended and which are not over yet.
        self._running = self._ending = 0

    def begin(self, title: str) -> None:
        """A task begins."""
        if os.getpid() == self._process:
            with self._lock:
                self._running += 1
                self._begins(title)

    def code_ended(self) -> None:
        """The code of a task has ended; what it returned is serialised next, which can run code of the user, too."""
        with self._lock:
            if self._running:  # else it began before we looked
                self._running -= 1
                self._ending += 1

    def returned(self) -> None:
        """Something that a task returns was serialised."""
        if os.getpid() == self._process:
            with self._lock:
                self._ended(not self._running)

    def over(self) -> None:
        """A task is over, also one that Ray ended in another way."""
        with self._lock:
            if self._ending:
                self._ending -= 1
            elif self._running:
                self._running -= 1
        self.returned()


class _Titled:
    """Ray's context manager around a task, in which we see its beginning and end."""

    def __init__(self, tasks: _Tasks, inner: Any, title: str):
        self._tasks, self._inner, self._title = tasks, inner, title

    def __enter__(self) -> Any:
        self._tasks.begin(self._title)
        return self._inner.__enter__()

    def __exit__(self, *raised: Any) -> Any:
        try:
            return self._inner.__exit__(*raised)
        finally:
            self._tasks.over()


def _followed(function: FunctionType, after: Callable[[], None]) -> FunctionType:
    """The same method, with a call after it that stands in no traceback but as the method itself."""

    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        finally:
            after()

    code, known = call.__code__, function.__code__
    call.__code__ = code.replace(co_filename=known.co_filename, co_name=known.co_name, co_qualname=known.co_qualname)
    call.__name__, call.__qualname__, call.__doc__ = function.__name__, function.__qualname__, function.__doc__
    return call  # type: ignore[return-value]
