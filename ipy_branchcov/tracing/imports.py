"""Modules that are imported during a run are prepared before their first line runs."""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import CodeType


class Imports:
    """Gives the code of modules to ``prepare``, between :meth:`begin` and :meth:`end`.

    Cached bytecode stays as the compiler made it: what a loader reads is rewritten each time.
    """

    def __init__(self, prepare: Callable[[CodeType], CodeType]):
        self._prepare = prepare
        self._before: object = None

    def begin(self) -> None:
        prepare, original = self._prepare, SourceFileLoader.get_code
        self._before = SourceFileLoader.__dict__.get("get_code")

        def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
            code = original(loader, fullname)
            return None if code is None else prepare(code)

        self._ours = get_code
        SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]

    def end(self) -> None:
        if SourceFileLoader.__dict__.get("get_code") is not self._ours:
            return  # another tool has put itself above; ours goes on handing code through
        if self._before is None:
            del SourceFileLoader.get_code
        else:
            SourceFileLoader.get_code = self._before  # type: ignore[method-assign,assignment]
