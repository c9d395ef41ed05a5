"""Instrument modules that are imported during a run, before their first line runs."""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType

from ipy_branchcov.bytecode import thread_state
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS


#: The name of importlib's own file in tracebacks.
_FILE = "<frozen importlib._bootstrap_external>"
#: Called with the name of each module that is about to be imported during a run. They stay.
before_import: list[Callable[[str], None]] = []


def is_ours(code: CodeType) -> bool:
    """Whether code is that of the function of ours that stands among importlib's own: theirs is no closure."""
    return code.co_name == "get_code" and code.co_filename == _FILE and bool(code.co_freevars)


class Imports:
    """Passes the code of modules to ``instrument``, between :meth:`begin` and :meth:`end`, and names to ``imported``.

    Cached bytecode stays as the compiler made it: the code is instrumented each time that a loader has read it.
    """

    def __init__(self, instrument: Callable[[CodeType], CodeType], imported: Callable[[str], None] = lambda name: None):
        self._instrument = instrument
        self._imported = imported
        self._before: object = None

    def begin(self) -> None:
        instrument, original, imported = self._instrument, SourceFileLoader.get_code, self._imported
        callers = before_import
        get, enter, leave = thread_state.get, thread_state.enter, thread_state.leave
        self._before = SourceFileLoader.__dict__.get("get_code")

        # What is ours inside it is no event for a trace or profile function that the program has left on.
        def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
            enter(get())
            try:
                imported(fullname)
                for each in callers:
                    each(fullname)
            finally:
                leave(get())
            code = original(loader, fullname)
            if code is None:
                return None
            enter(get())
            try:
                return instrument(code)
            finally:
                leave(get())

        # As part of importlib's own file it is left out of the tracebacks of modules that cannot be imported, and
        # debuggers step over it.
        code = get_code.__code__.replace(co_filename=_FILE)
        home = {"__name__": "importlib._bootstrap_external", "__builtins__": __builtins__}
        get_code = FunctionType(code, home, "get_code", None, get_code.__closure__)
        self._ours = get_code
        SourceFileLoader.get_code = get_code  # type: ignore[method-assign]

    def end(self) -> None:
        if SourceFileLoader.__dict__.get("get_code") is not self._ours:
            return  # another tool wrapped ours, which must stay; it now returns code unchanged
        if self._before is None:
            del SourceFileLoader.get_code
        else:
            SourceFileLoader.get_code = self._before  # type: ignore[method-assign,assignment]
