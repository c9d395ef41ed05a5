"""Instrument the modules whose asserts pytest rewrites, before their first line runs.

pytest compiles and executes them itself, so no import hook sees them. They would be measured as code that others
execute: exactly, and slowly (on 3.11 by an event for each instruction, which was a fifth of what a small suite cost).
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from _pytest.assertion import rewrite

_NAMES: dict[str, Any] = vars(rewrite)


class RewrittenModules:
    """Between :meth:`begin` and :meth:`end` pytest passes code to ``instrument`` before it executes it.

    What pytest keeps in its ``.pyc`` files is the code as it made it.
    """

    def __init__(self, instrument: Callable[[CodeType], CodeType]):
        self._instrument = instrument
        self._before: Any = None
        self._ours: Any = None

    def begin(self) -> None:
        before = self._before = _NAMES.get("exec", builtins.exec)
        instrument, kind = self._instrument, CodeType

        def execute(code: Any, *names: Any, **options: Any) -> None:
            before(instrument(code) if isinstance(code, kind) else code, *names, **options)

        # As part of pytest's own file it is left out of the tracebacks of modules that cannot be imported.
        named = execute.__code__.replace(co_filename=rewrite.__file__, co_name="exec_module", co_qualname="exec_module")
        home = {"__name__": rewrite.__name__, "__builtins__": builtins}
        self._ours = _NAMES["exec"] = FunctionType(named, home, "exec_module", None, execute.__closure__)

    def end(self) -> None:
        if _NAMES.get("exec") is not self._ours:
            return  # another tool wrapped ours, which must stay; it now passes code on unchanged
        if self._before is builtins.exec:
            del _NAMES["exec"]
        else:
            _NAMES["exec"] = self._before
