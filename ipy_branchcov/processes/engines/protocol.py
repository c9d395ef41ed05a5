"""What an engine must be able to do: call a function on each of its workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ipy_branchcov.processes.engines import on_worker


class Reply(NamedTuple):
    """What one worker answered: bytes, or why there are none. ``worker`` is what the user knows it by."""

    worker: str
    content: bytes | BaseException


class Engine(ABC):
    """Reaches the workers of one engine. Only :meth:`run` must be written; docs/engines.md has an example.

    A run on the workers is :meth:`begin`, :meth:`collect`, :meth:`end`, each called once. A subclass overrides
    :meth:`begin` and :meth:`collect` where workers can join or leave in between.
    """

    @abstractmethod
    def run(self, function: Callable[..., bytes], *arguments: bytes | str) -> Iterable[Reply]:
        """Call a function on every worker and return what each answered.

        The function stands in a module that workers import (``function.__module__``, ``function.__name__``). A worker
        that does not answer has its exception in its reply, so that the others are heard.
        """

    def begin(self, settings: bytes) -> Iterable[Reply]:
        """Begin to measure on every worker."""
        return self.run(on_worker.begin, settings)

    def collect(self, run: str) -> Iterable[Reply]:
        """Stop measuring, and return what was measured. ``run`` is the name of the run in the settings."""
        return self.run(on_worker.collect, run)

    def end(self, run: str) -> Iterable[Reply]:
        """Let the workers forget the run."""
        return self.run(on_worker.end, run)
