"""What is kept of a source from run to run, in a file beside its byte code.

The file is trusted as the ``.pyc`` beside it is: who can write one can write the other. It is written where the
interpreter writes byte code (not with ``-B`` or ``PYTHONDONTWRITEBYTECODE``; ``PYTHONPYCACHEPREFIX`` moves it), and can
be removed at any time. One that was damaged, or that another version of this package or of Python wrote, is ignored.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from functools import cache
from marshal import dumps, loads  # as they are outside of runs, in which ``marshal`` searches values for code
from pathlib import Path
from typing import Any

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

_SUFFIX = ".branchcov"
_MAGIC = b"branchcov 1\n"
_CHECK = 8
#: What our own code reads and writes here depends on these rooms.
_ROOMS = ("analysis", "bytecode", "data", "model", "session", "tracing", "tracing/probes", "tracing/py311")


def load(path: str, key: str) -> Any:
    """What is kept of the source at a path; None where nothing is, or not under this key."""
    place = _place(path)
    if place is None:
        return None
    try:
        data, start = Path(place).read_bytes(), _MAGIC + _head(key)
    except (OSError, ValueError):
        return None
    payload = data[len(start) + _CHECK :]
    if not data.startswith(start) or data[len(start) : len(start) + _CHECK] != importlib.util.source_hash(payload):
        return None
    try:
        return loads(payload)
    except (ValueError, EOFError, TypeError):
        return None


def packed(plain: Any) -> bytes | None:
    """Plain values as :func:`save` takes them. None: an integer or a nesting is too large for that."""
    try:
        return dumps(plain)
    except ValueError:
        return None


def save(path: str, key: str, payload: bytes) -> None:
    """Keep packed values of the source at a path. Does nothing where the interpreter would write no byte code."""
    place = None if sys.dont_write_bytecode else _place(path)
    if place is None:
        return
    # Other processes may write the same file now: each writes one of its own, and the last one to be renamed stays.
    new = f"{place}.{os.getpid()}-{threading.get_ident()}"
    try:
        data = _MAGIC + _head(key) + importlib.util.source_hash(payload) + payload
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(new).write_bytes(data)
        Path(new).replace(place)
    except OSError:  # a folder that cannot be written, a full disk
        try:  # noqa: SIM105 (contextlib is not needed otherwise)
            Path(new).unlink()
        except OSError:
            pass


def _place(path: str) -> str | None:
    try:
        return importlib.util.cache_from_source(path)[: -len(".pyc")] + _SUFFIX
    except (NotImplementedError, ValueError):
        return None


def _head(key: str) -> bytes:
    return f"{_writer()}\n{key}\n".encode("utf-8", "surrogatepass")


@cache
def _writer() -> str:
    """Which Python and which text of this package writes here. The package may be an editable installation."""
    home = Path(__file__).parents[1]
    files = sorted(each for room in _ROOMS for each in (home / room).glob("*.py"))
    stamp = importlib.util.source_hash(b"\0".join(each.read_bytes() for each in files)).hex()
    return f"{sys.version!r} {sys.flags.optimize} {stamp}"
