"""Workers of Spark leave their data after each task: they are killed when the session stops.

A task's data is written before the worker reports that the task has ended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

_WORKER = "pyspark.worker"
#: What a worker calls when the code of a task has ended (Spark 3.5 to 4), and where it has failed.
_ENDS = ("report_times", "handle_worker_exception")


def is_worker() -> bool:
    """Whether this process is a worker that runs tasks."""
    return _WORKER in sys.modules and "pyspark.daemon" in sys.orig_argv


def watch(begins: Callable[[str], None], ended: Callable[[bool], None]) -> None:
    """Call ``begins`` when a task begins, ``ended`` when its code has ended. They must not raise.

    The task that runs now has begun. Nothing is done where this Spark has other workers: the run reports their loss.
    """
    module, process = sys.modules[_WORKER], os.getpid()
    kind = getattr(module, "TaskContext", None)
    ends = [getattr(module, name, None) for name in _ENDS]
    set_context = getattr(kind, "_setTaskContext", None)
    if kind is None or set_context is None or not all(isinstance(each, FunctionType) for each in ends):
        return

    def context_is_set(context: Any) -> None:
        if context is not None and os.getpid() == process:
            begins("a task")
        set_context(context)

    kind._setTaskContext = staticmethod(context_is_set)
    for name, end in zip(_ENDS, ends, strict=True):
        setattr(module, name, _preceded(end, lambda: ended(True) if os.getpid() == process else None))


def _preceded(function: Any, before: Callable[[], None]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        before()
        return function(*arguments, **options)

    return call
