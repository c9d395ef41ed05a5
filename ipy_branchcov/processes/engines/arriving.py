"""Functions that are sent to a worker get their probes when they arrive: before they run for the first time.

Picklers make them by a function that they find by its name; in a run it is ours, around theirs. Where this is not done,
3.12 and later measure such functions by events, with the same result, and 3.11 not at all.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

#: What a pickler calls with the code of a function, or to make the code: module and name.
_MAKERS = (
    ("cloudpickle.cloudpickle", "_make_function"),
    ("ray.cloudpickle.cloudpickle", "_make_function"),
    ("ipyparallel.serialize.codeutil", "code_ctor"),
)


class Arriving:
    """Puts ``instrument`` into the picklers that this process has imported, until :meth:`close`."""

    def __init__(self, instrument: Callable[[CodeType], CodeType]):
        self._changed: list[tuple[ModuleType, str, Any, Any]] = []
        for module_name, name in _MAKERS:
            module = sys.modules.get(module_name)
            theirs = getattr(module, name, None)
            if module is not None and theirs is not None:
                ours = _instrumenting(theirs, instrument)
                setattr(module, name, ours)
                self._changed.append((module, name, theirs, ours))

    def close(self) -> None:
        """Give the picklers back what is still ours."""
        for module, name, theirs, ours in self._changed:
            if getattr(module, name, None) is ours:
                setattr(module, name, theirs)


def _instrumenting(theirs: Callable[..., Any], instrument: Callable[[CodeType], CodeType]) -> Callable[..., Any]:
    """A maker that instruments the code that it is given, or that it makes."""

    @functools.wraps(theirs)
    def ours(*arguments: Any, **keywords: Any) -> Any:
        first, *rest = arguments or (None,)
        if isinstance(first, CodeType):
            return theirs(instrument(first), *rest, **keywords)
        made = theirs(*arguments, **keywords)
        return instrument(made) if isinstance(made, CodeType) else made

    return ours
