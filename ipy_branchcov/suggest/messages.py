"""What goes to a process of trials and what comes back, over two pipes: pickles with their length before them."""

from __future__ import annotations

import os
import pickle
import select
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from ipy_branchcov.suggest.record import Place
from ipy_branchcov.suggest.target import Arguments
from ipy_branchcov.suggest.values import Value

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Request:
    """Calls to try. ``watch``: the places whose distances are wanted. ``seconds``: of each call.

    ``exact``: run the function's own code under the engine, each call by itself; ``together``: all of them in one run.
    """

    calls: tuple[Arguments, ...]
    watch: frozenset[Place] = frozenset()
    seconds: float = 0.2
    exact: bool = False
    together: bool = False


@dataclass(frozen=True)
class Answer:
    """What one call did. ``covered``: by the engine where it was asked, else by the guided code.

    ``pairs``: what was compared with what. ``error``: the name of the exception that left it, or ""; ``made``: whether
    the arguments could be made at all. ``lazy``: what it returned was iterated. ``refused``: effects that the wall
    refused. ``ends``: the process must not be used again.
    """

    covered: frozenset[Place] = frozenset()
    distances: dict[Place, float] = field(default_factory=dict)
    pairs: tuple[tuple[str, Value, Value], ...] = ()
    error: str = ""
    made: bool = True
    late: bool = False
    lazy: bool = False
    refused: tuple[str, ...] = ()
    ends: bool = False
    seconds: float = 0.0


def send(number: int, message: Any) -> None:
    """Write a message into a pipe. Raises OSError where nobody reads it."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    data = _LENGTH.pack(len(data)) + data
    while data:
        data = data[os.write(number, data) :]


def receive(number: int, seconds: float | None = None) -> Any:
    """The next message of a pipe. Raises EOFError where there will be none, TimeoutError after so many seconds."""
    deadline = None if seconds is None else time.monotonic() + seconds
    size = _LENGTH.unpack(_read(number, _LENGTH.size, deadline))[0]
    return pickle.loads(_read(number, size, deadline))


def _read(number: int, size: int, deadline: float | None) -> bytes:
    data = b""
    while len(data) < size:
        if deadline is not None:
            ready = select.select([number], [], [], max(0.0, deadline - time.monotonic()))[0]
            if not ready:
                raise TimeoutError
        part = os.read(number, min(size - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return data
