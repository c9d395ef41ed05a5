"""Workers of Ray leave their data after each task: they end without a chance to.

When a cluster is shut down, its workers are killed or leave by themselves, before Python ends. What a task returns is
serialised by the worker before anyone can see it, so what the task covered is written then.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

#: What serialises in a worker, and what says that this process is one (Ray 2).
_SERIALIZATION, _WORKER = "ray._private.serialization", "ray._private.worker"
_LOCK = threading.Lock()


def is_worker() -> bool:
    """Whether this process runs tasks of Ray."""
    module = sys.modules.get(_WORKER)
    worker = getattr(module, "global_worker", None)
    return worker is not None and getattr(worker, "mode", None) == getattr(module, "WORKER_MODE", 1)


def around_tasks(begins: Callable[[], None], leave: Callable[[], None]) -> None:
    """Call ``begins`` when a task begins, and ``leave`` whenever something is serialised. They must not raise."""
    worker, kind = sys.modules[_WORKER], getattr(sys.modules.get(_SERIALIZATION), "SerializationContext", None)
    titled, serialize = getattr(worker, "_changeproctitle", None), getattr(kind, "serialize", None)
    if kind is None or titled is None or serialize is None:
        return

    @functools.wraps(titled)
    def titled_task(*arguments: Any, **options: Any) -> Any:
        begins()
        return titled(*arguments, **options)

    @functools.wraps(serialize)
    def serialize_after(context: Any, value: Any) -> Any:
        if _LOCK.acquire(blocking=False):
            try:
                leave()
            finally:
                _LOCK.release()
        return serialize(context, value)

    worker._changeproctitle = titled_task  # type: ignore[attr-defined]
    kind.serialize = serialize_after
