"""What runs in Ray's workers: each task looks which runs are on, and leaves what it covered before its result.

Ray has no call that reaches each worker: it starts them when it needs them. What it has is a hook that runs when a
worker starts, and a store that all of a cluster can read.
"""

from __future__ import annotations

import os

import ray
from ray.experimental import internal_kv

from ipy_branchcov.processes.engines import on_worker
from ipy_branchcov.processes.ray_worker import watch

_NAMESPACE = b"ipy_branchcov"


class Store:
    """The store of a cluster, of one job: its runs with their settings; and by run and worker what the worker says.

    ``state``: "busy" or "idle", and behind a line its name. ``data``: what it covered. ``failed``: why it could not
    begin. Each call takes 0.2 ms.
    """

    def __init__(self) -> None:
        self._job = ray.get_runtime_context().get_job_id()

    def _key(self, *parts: str) -> bytes:
        return "/".join((self._job, *parts)).encode()

    def put(self, content: bytes, *key: str) -> None:
        internal_kv._internal_kv_put(self._key(*key), content, overwrite=True, namespace=_NAMESPACE)

    def get(self, *key: str) -> bytes | None:
        found: bytes | None = internal_kv._internal_kv_get(self._key(*key), namespace=_NAMESPACE)
        return found

    def remove(self, *key: str) -> None:
        internal_kv._internal_kv_del(self._key(*key), namespace=_NAMESPACE)

    def names(self, *key: str) -> list[str]:
        """The names of what stands under a key, sorted."""
        begin = self._key(*key, "")
        found = internal_kv._internal_kv_list(begin, namespace=_NAMESPACE)
        return sorted(each.removeprefix(begin).decode() for each in found)


class _Worker:
    """This process in the runs that are on."""

    def __init__(self) -> None:
        self._store = Store()
        self._name = f"worker {os.getpid()} on {ray.util.get_node_ip_address()}"
        #: By the name of the run: what identifies this process in it, and how much it has left.
        self._runs: dict[str, tuple[str, int]] = {}

    def task_begins(self, title: str) -> None:
        on = self._store.names("runs")
        for run in [each for each in self._runs if each not in on]:
            del self._runs[run]
            on_worker.end(run)
        for run in [each for each in on if each not in self._runs]:
            settings = self._store.get("runs", run)
            if settings is not None:
                self._begin(run, settings)
        self._say("busy")

    def _begin(self, run: str, settings: bytes) -> None:
        try:
            state = on_worker.begin(settings).decode().split()
            self._runs[run] = state[-1], on_worker.noted(run)
        except Exception as error:
            self._store.put(on_worker.failure(error).encode(), "failed", run, self._name)

    def task_ended(self, idle: bool) -> None:
        for run, (process, before) in self._runs.items():
            noted = on_worker.noted(run)
            if noted != before:
                self._store.put(on_worker.so_far(run), "data", run, process)
                self._runs[run] = process, noted
        if idle:
            self._say("idle")

    def _say(self, state: str) -> None:
        for run, (process, _) in self._runs.items():
            self._store.put(f"{state}\n{self._name}".encode(), "state", run, process)


_workers: list[_Worker] = []


def ray_worker() -> None:
    """Measure the tasks of this worker for each run that asks for them."""
    if not _workers:
        here = _Worker()
        _workers.append(here)
        watch(here.task_begins, here.task_ended)
