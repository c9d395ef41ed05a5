"""Errors of ours in the measured program: the program goes on, and the report says what they cost."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, ParamSpec, TypeVar

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

P = ParamSpec("P")
R = TypeVar("R")
_MOST = 100


class Failures:
    """The errors of one run: for each code object the first one; and where no code object is known."""

    def __init__(self) -> None:
        self._of_code: dict[int, tuple[CodeType, BaseException]] = {}
        self._others: list[BaseException] = []
        self._callbacks: dict[int, tuple[CodeType, bool]] = {}

    def add(self, code: CodeType | None, error: BaseException) -> None:
        """What ``code`` does is not all recorded. An error keeps no frame of the program alive."""
        error.__traceback__ = error.__context__ = error.__cause__ = None
        if code is not None:
            self._of_code.setdefault(id(code), (code, error))
        elif len(self._others) < _MOST:
            self._others.append(error)

    def ending(self, code: CodeType, error: BaseException) -> object:
        """The same, as the answer to an event that can be switched off."""
        self.add(code, error)
        return sys.monitoring.DISABLE

    def add_callback(self, code: CodeType, *, itself: bool) -> None:
        """``code`` is a callback of another tool ``itself``, or one can call it: events do not show what it does."""
        self._callbacks.setdefault(id(code), (code, itself))

    def lines(self, name: Callable[[CodeType], str]) -> Iterator[str]:
        """A line for people for each. ``name``: what the source of a code object is called."""

        def place(code: CodeType) -> str:
            return f"{name(code)}: {code.co_qualname} (line {code.co_firstlineno})"

        for code, error in self._of_code.values():
            yield f"{place(code)}: not all that it did was measured: branchcov failed: {error!r}"
        for code, itself in self._callbacks.values():
            if itself:
                yield f"{place(code)}: not measured as a callback of a tool: Python sends no events there"
            else:
                yield f"{place(code)}: not measured where a callback of a tool calls it: Python sends no events there"
        for error in self._others:
            yield f"code that others made was not measured: branchcov failed: {error!r}"


def guarded(failures: Failures, hook: Callable[P, R]) -> Callable[P, R | None]:
    """A hook that raises nothing of ours into the program: an audit hook, or a function that ours stands before."""

    @functools.wraps(hook)
    def call(*arguments: P.args, **keywords: P.kwargs) -> R | None:
        try:
            return hook(*arguments, **keywords)
        except RecursionError:
            raise
        except Exception as error:
            failures.add(None, error)
            return None

    return call


def encodable(make: Callable[[], R], code: CodeType, say: Callable[[str], Any]) -> R:
    """Instrument code by ``make``. What fails there costs the code its probes; it is measured by events, slowly.

    Raises Unencodable. A full stack is the program's matter.
    """
    try:
        return make()
    except (Unencodable, RecursionError):
        raise
    except Exception as error:
        say(f"{code.co_qualname} was measured slowly, because it could not be instrumented: {error!r}")
        raise Unencodable(str(error)) from None
