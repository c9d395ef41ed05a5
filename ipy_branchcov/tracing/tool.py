"""A tool of ``sys.monitoring``, taken for a run and given back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

from ipy_branchcov.errors import TracerError

#: Ids that no kind of tool is meant to have (debuggers 0, coverage 1, profilers 2, optimisers 5).
_IDS = (3, 4)
_NAME = "branchcov"
FREED = "the measured code freed the tool of sys.monitoring: what ran after that was not measured"


class Tool:
    """``callbacks``: by the number of their event. Raises TracerError where no tool is free."""

    def __init__(self, callbacks: dict[int, Callable[..., Any]]):
        monitoring = sys.monitoring
        self.id = next((i for i in _IDS if monitoring.get_tool(i) is None), -1)
        if self.id < 0:
            holders = " and ".join(str(monitoring.get_tool(i)) for i in _IDS)
            raise TracerError(
                f"no free tool of sys.monitoring ({holders} hold 3 and 4): stop one, or use --tracer settrace"
            )
        monitoring.use_tool_id(self.id, _NAME)
        self._callbacks = callbacks
        for event, callback in callbacks.items():
            monitoring.register_callback(self.id, event, callback)
        # What this tool switched off in an earlier run is on again (and so is other tools': a repeated event).
        monitoring.restart_events()

    def give_back(self, codes: Iterable[CodeType]) -> str:
        """End all events, those of these code objects too; return what is to be told of it."""
        monitoring = sys.monitoring
        if monitoring.get_tool(self.id) != _NAME:
            return FREED
        monitoring.set_events(self.id, 0)
        for code in codes:
            monitoring.set_local_events(self.id, code, 0)
        for event in self._callbacks:
            monitoring.register_callback(self.id, event, None)
        monitoring.free_tool_id(self.id)
        return ""
