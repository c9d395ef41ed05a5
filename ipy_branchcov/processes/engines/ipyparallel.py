"""ipyparallel's engines: those of a client, or of a view of some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ipyparallel import Client, DirectView, LoadBalancedView

from ipy_branchcov.errors import UsageError
from ipy_branchcov.processes.engines.protocol import Engine, Reply

#: Seconds to wait for an engine, which answers when it has done what it was asked for before.
_PATIENCE = 60


def engine(client: Any) -> Engine:
    """The engine of a client or a view. Raises UsageError for anything else of ipyparallel."""
    if isinstance(client, Client):
        return IPyParallelEngine(client)
    if isinstance(client, DirectView | LoadBalancedView):
        targets = client.targets
        return IPyParallelEngine(client.client, [targets] if isinstance(targets, int) else targets)
    raise UsageError(f"engines: {type(client).__name__} is no client and no view; connect one: ipyparallel.Client()")


class IPyParallelEngine(Engine):
    """The engines of a client; ``targets``: some of them, by their numbers. All other values: every engine."""

    def __init__(self, client: Client, targets: object = None):
        self._client = client
        self._targets = set(targets) if isinstance(targets, list | tuple) and targets else None

    def run(self, function: Callable[..., bytes], *arguments: bytes | str) -> Iterator[Reply]:
        numbers = [each for each in self._client.ids if self._targets is None or each in self._targets]
        asked = [(number, self._client[number].apply_async(function, *arguments)) for number in numbers]
        for number, result in asked:
            content: bytes | BaseException
            try:
                content = result.get(timeout=_PATIENCE)
            except TimeoutError:
                content = TimeoutError(f"no answer within {_PATIENCE} seconds; it may be busy")
            except Exception as error:
                content = error
            yield Reply(f"engine {number}", content)
            with suppress(Exception):  # still waiting
                self._client.purge_local_results(result)
