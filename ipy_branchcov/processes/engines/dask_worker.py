"""What runs on Dask's workers. It travels as this module's text and is made there.

A worker can lack this package, or have another version. A pickled reference to it would end Dask's calls in errors,
keep such a worker from joining a cluster where the plugin is registered, and leave the client waiting for it. So
nothing here imports the package before a method can answer with the reason.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from distributed import Status, WorkerPlugin

#: What a pickle calls to make an instance from the text: ``exec`` returns None.
_MAKE = "exec(text, module) or module[kind](*arguments)"


class _Sent:
    """Something that is pickled as the text of this module, and what it was made of."""

    def __init__(self, *arguments: Any):
        self._arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        from inspect import getsource

        text, kind = getsource(import_module(type(self).__module__)), type(self).__name__
        names = {"text": text, "kind": kind, "arguments": self._arguments, "module": {"__name__": "sent"}}
        return eval, (_MAKE, names)


class Call(_Sent):
    """Calls a function of the package on a worker, as ``client.run`` does: its name, and what came of it."""

    def __init__(self, module: str, function: str, arguments: tuple[bytes | str, ...]):
        super().__init__(module, function, arguments)

    def __call__(self, *, dask_worker: Any) -> tuple[str, bytes | Exception]:
        module, function, arguments = self._arguments
        return _name(dask_worker), _answer(module, function, *arguments)


class Plugin(_Sent, WorkerPlugin):
    """Begins on each worker. What happens without the client goes to a topic of the scheduler's events.

    An error in a plugin would keep a new worker from starting.
    """

    def __init__(self, module: str, run: str, settings: bytes):
        super().__init__(module, run, settings)
        self._module = module
        self._run = run
        self._settings = settings
        self.name = f"branchcov-{run}"

    def setup(self, worker: Any) -> None:
        with suppress(Exception):
            worker.log_event(self.name, self._event(worker, "begin", self._settings))

    async def teardown(self, worker: Any) -> None:
        """Hand over the data of a worker that leaves: it waits for the scheduler, which events do not."""
        if worker.status is Status.closing or worker.status is Status.closing_gracefully:
            event = self._event(worker, "collect", self._run)
            with suppress(Exception):
                await worker.scheduler.log_event(topic=self.name, msg=event)

    def _event(self, worker: Any, function: str, argument: bytes | str) -> list[str]:
        """The worker's name, what a function returned, and what it raised, in words."""
        answer = _answer(self._module, function, argument)
        if isinstance(answer, bytes):
            return [_name(worker), answer.decode(), ""]
        try:
            words: str = import_module(self._module).failure(answer)
        except ImportError:
            words = "ipy-branchcov is not installed there; install the version that is here"
        return [_name(worker), "", words]


def _answer(module: str, function: str, *arguments: bytes | str) -> bytes | Exception:
    """What a function of the package returned or raised; or why it is not there."""
    try:
        answer: bytes = getattr(import_module(module), function)(*arguments)
        return answer
    except Exception as error:
        return error


def _name(worker: Any) -> str:
    """What Dask and its user call a worker: its name in a cluster, or its address."""
    return f"worker {worker.name}"
