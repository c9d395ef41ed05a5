"""Keep the garbage collector from scanning the objects made here, and from running inside callbacks."""

from __future__ import annotations

import dis
import functools
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import CodeType
from typing import Any, TypeVar, cast

from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS


def trim() -> None:
    """Return memory that is free to the system. glibc keeps it: each piece lies between others that are in use."""
    with suppress(ImportError, OSError, AttributeError, TypeError):  # another system, another C library
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)


F = TypeVar("F", bound=Callable[..., Any])


@contextmanager
def paused() -> Iterator[None]:
    """No collections inside: an analysis makes many objects and no garbage. Collections took 30 % of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


#: From 3.12 on a collection is scheduled, and runs at a call or jump that follows; before, where an object is made.
_SCHEDULED = sys.version_info >= (3, 12)
#: 3.12 runs a scheduled collection even when the collector is off, but not below its thresholds.
_BY_THRESHOLD = sys.version_info[:2] == (3, 12)
_pause = functools.partial(gc.set_threshold, 2**31 - 1) if _BY_THRESHOLD else gc.disable
#: What to restore, as items of an endless iterator: FOR_ITER, unlike a call, does not run a scheduled collection.
_STATE: Iterator[Any] = iter(gc.get_threshold if _BY_THRESHOLD else gc.isenabled, None)
_NOTHING = object()


def undisturbed(
    callback: F,
    swallowed: tuple[type[BaseException], ...] = (RecursionError,),
    failed: Callable[[Any, Exception], object] | None = None,
) -> F:
    """A callback of ``sys.monitoring`` or ``sys.settrace`` in which no collection runs; its caller is two frames up.

    No events are sent while a callback runs, so what a collection calls there (``__del__``, callbacks of weak
    references, ends of generators) would not be measured. A collection that is due runs right after the callback.

    ``swallowed``: exceptions that make it return None. A callback of ``sys.monitoring`` that has no room left on the
    stack leaves its event on so. ``failed``: called with the first argument and any other error, which would be raised
    in the program; what it returns is returned.
    """

    def guarded(one: Any, two: Any, three: Any = _NOTHING) -> Any:
        for state in _STATE:  # noqa: B007
            break
        try:
            _pause()
            return callback(one, two) if three is _NOTHING else callback(one, two, three)
        except swallowed:
            return None
        except Exception as error:
            if failed is None:
                raise
            return failed(one, error)
        finally:
            if _BY_THRESHOLD:
                gc.set_threshold(*state)
            elif state:
                gc.enable()
            if _SCHEDULED:
                {_NOTHING}  # noqa: B018 (the collector counts this object, and schedules again a collection that is due)

    guarded.__code__ = _unchecked(guarded.__code__)
    return cast("F", guarded)


@functools.cache
def _unchecked(code: CodeType) -> CodeType:
    """The same code, which runs no scheduled collection at its start: its RESUME is that after an ``await``."""
    raw = bytearray(code.co_code)
    raw[2 * raw[::2].index(dis.opmap["RESUME"]) + 1] = 3
    return code.replace(co_code=bytes(raw))
