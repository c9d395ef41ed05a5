"""Ray's workers: they read from the cluster's store which runs are on, and leave there what each task covered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

import ray

from ipy_branchcov.errors import DataError, UsageError
from ipy_branchcov.processes.engines.protocol import Engine, Reply
from ipy_branchcov.processes.engines.ray_tasks import Store
from ipy_branchcov.processes.ray_worker import possible

#: What Ray calls in each worker that it starts.
HOOK = "ipy_branchcov.engines.ray_worker"
_LEFT = "ended in a task or goes on with it; what it ran since its last result is not measured"


def engine(client: object) -> Engine:
    """The engine of the cluster that this process is connected to. Raises UsageError where it cannot be used."""
    how = f'ray.init(runtime_env={{"worker_process_setup_hook": "{HOOK}"}})'
    if not ray.is_initialized():
        raise UsageError(f"engines: Ray is not started; start it: {how}")
    if ray.get_runtime_context().runtime_env.get("worker_process_setup_hook") != HOOK:
        raise UsageError(f"engines: Ray's workers were started without branchcov; start them so: {how}")
    if not possible():
        raise UsageError(f"engines: the workers of Ray {ray.__version__} cannot be measured; install Ray 2.60")
    return RayEngine()


class RayEngine(Engine):
    """The workers of this job, also those that start later."""

    def __init__(self) -> None:
        self._store = Store()

    def run(self, function: Callable[..., bytes], *arguments: bytes | str) -> Iterable[Reply]:
        raise NotImplementedError("Ray has no call that reaches each worker")

    def begin(self, settings: bytes) -> Iterable[Reply]:
        self._store.put(settings, "runs", json.loads(settings)["run"])
        return ()

    def collect(self, run: str) -> Iterator[Reply]:
        self._store.remove("runs", run)
        here = f" on {ray.util.get_node_ip_address()}"
        for process in self._store.names("state", run):
            state, name = (self._store.get("state", run, process) or b"\n").decode().split("\n")
            worker = name.removesuffix(here)
            data = self._store.get("data", run, process)
            if data is not None:
                yield Reply(worker, data)
            if state == "busy":
                yield Reply(worker, DataError(_LEFT))
        for worker in self._store.names("failed", run):
            yield Reply(worker, DataError((self._store.get("failed", run, worker) or b"").decode()))

    def end(self, run: str) -> Iterable[Reply]:
        for kind in ("state", "data", "failed"):
            for each in self._store.names(kind, run):
                self._store.remove(kind, run, each)
        return ()
