"""Dask's workers: a plugin begins on all of them, and on those that join later; what leaves hands over its data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from time import monotonic, sleep

from distributed import Client

from ipy_branchcov.errors import DataError, UsageError
from ipy_branchcov.processes.engines import on_worker
from ipy_branchcov.processes.engines.dask_worker import Call, Plugin
from ipy_branchcov.processes.engines.protocol import Engine, Reply

#: How long a worker that leaves is waited for.
_SECONDS = 3


def engine(client: Client) -> Engine:
    """The engine of a client. Raises UsageError where it cannot be used."""
    if not isinstance(client, Client):
        raise UsageError(f"engines: {type(client).__name__} is no client; make one of it: Client(cluster)")
    if client.asynchronous:
        raise UsageError("engines: an asynchronous client cannot be waited for; use Client(client.scheduler.address)")
    if client.status != "running":
        raise UsageError(f"engines: the client is {client.status}; make another one")
    return DaskEngine(client)


class DaskEngine(Engine):
    """All workers of a client's scheduler."""

    def __init__(self, client: Client):
        self._client = client
        self._plugin: Plugin | None = None
        #: The workers that began with the run.
        self._begun: set[str] = set()

    def run(self, function: Callable[..., bytes], *arguments: bytes | str) -> Iterator[Reply]:
        found = self._client.run(Call(function.__module__, function.__name__, arguments), on_error="return")
        for address, answer in found.items():
            if isinstance(answer, BaseException):  # of Dask; those of the function are answers
                yield Reply(f"worker {address}", answer)
            else:
                yield Reply(*answer)

    def begin(self, settings: bytes) -> Iterable[Reply]:
        replies = list(super().begin(settings))
        self._begun = {each.worker for each in replies if isinstance(each.content, bytes)}
        if any(isinstance(each.content, bytes) for each in replies) or not replies:
            plugin = Plugin(on_worker.__name__, json.loads(settings)["run"], settings)
            self._client.register_plugin(plugin)
            self._plugin = plugin
        return replies

    def collect(self, run: str) -> Iterable[Reply]:
        if self._plugin is not None:
            with suppress(Exception):  # a worker has begun and ended since
                self._client.unregister_worker_plugin(self._plugin.name)
        answers = list(super().collect(run))
        yield from answers
        if self._plugin is not None:
            yield from self._events(self._plugin.name, {each.worker for each in answers})

    def _events(self, topic: str, answered: set[str]) -> list[Reply]:
        """What workers reported that came or left without the client, those included that are leaving now."""
        until = monotonic() + _SECONDS
        while True:
            found = [
                Reply(worker, DataError(error) if error else text.encode()) for worker, text, error in self._log(topic)
            ]
            begun = self._begun | {each.worker for each in found}
            left = {
                each.worker for each in found if isinstance(each.content, bytes) and each.content.startswith(b"ended")
            }
            if begun <= answered | left or monotonic() > until:
                return found
            sleep(0.05)

    def _log(self, topic: str) -> list[tuple[str, str, str]]:
        return [event for _, event in self._client.get_events(topic)]
