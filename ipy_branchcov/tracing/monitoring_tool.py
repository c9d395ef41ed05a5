"""A tool id of ``sys.monitoring``, held for the time of a run, beside other tools.

Two faults of the interpreter lose events of one tool when another one is there. Both are avoided here:

- When a second tool gets an event in common with the first, a code object begins to note for each instruction which
  tools want its events. The note starts empty, so events that are on already are never sent again
  (``update_instrumentation_data`` in Python/instrumentation.c, 3.12 to 3.15). ``sys.settrace`` and ``sys.setprofile``
  are such tools, too, which call no ``use_tool_id``, and a debugger loses its own events in this way. So a second id is
  held, with an event in common from the beginning: every code object that runs has its note before another tool comes.
- Before 3.14, a LINE event that is answered with DISABLE skips the INSTRUCTION event of the same instruction. So a
  tracer that needs it can ask for LINE, too, where there are other tools (``beside``).
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from ipy_branchcov.bytecode.unseen import unseen
from ipy_branchcov.errors import TracerError
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.gc_control import undisturbed

__builtins__ = BUILTINS

#: Ids that a run can have, the preferred one first. Debuggers (0), coverage.py (1), profilers (2) and Hypothesis (3)
#: ask for theirs by number, often after our start, and would fail or do less. No tool is known that asks for 5.
_IDS = (4, 5)
_ALL = range(6)
_NAME = "branchcov"
FREED = "the measured code freed the tool of sys.monitoring: what ran after that was not measured"
UNSEEN = "another tool of sys.monitoring came unseen: lines whose events it switched off were not measured"
#: The tools of runs that go on: more than one where a measured program measures. One that is alone holds a second id.
_RUNNING: list[Tool] = []


class Tool:
    """``callbacks``: by event number. ``beside``: local events that are added where there are other tools.
    ``see``: called with each callback that another tool registers.

    Raises TracerError if no tool id is free.
    """

    def __init__(
        self,
        callbacks: dict[int, Callable[..., Any]],
        *,
        beside: int = 0,
        see: Callable[[object], None] = lambda callback: None,
    ):
        self._callbacks = callbacks
        self._beside = beside
        self._see = see
        self._events = 0
        #: The watched code objects and their events, by id; and the ids of those that no tool of others was beside.
        self._watched: dict[int, tuple[CodeType, int]] = {}
        self._alone: set[int] = set()
        #: Whether another tool uses its id, and there is no other one.
        self._lost = False
        #: The second id, if one is free.
        self._second: int | None = None
        self._before = sys.monitoring.use_tool_id
        self._register = sys.monitoring.register_callback
        for each in _RUNNING:  # this one is beside them instead
            each._release()
        free = _free()
        if free is None:
            _hold_beside_one()
            holders = " and ".join(f"{sys.monitoring.get_tool(i)} holds {i}" for i in _IDS)
            raise TracerError(f"no free tool of sys.monitoring ({holders}): stop one, or choose the tracer settrace")
        self.id = free
        _RUNNING.append(self)
        _hold_beside_one()
        self._take(free)
        self._patch()
        # Switch on what this id switched off in an earlier run. This acts on all tools: others may get an event twice.
        sys.monitoring.restart_events()

    def set_events(self, events: int) -> None:
        """Set the global events."""
        self._events = events
        sys.monitoring.set_events(self.id, events)

    def watch(self, code: CodeType, events: int) -> None:
        """Set the local events of a code object."""
        self._watched[id(code)] = (code, events)
        if self._another() is None:
            self._alone.add(id(code))
        else:
            events |= self._beside
        sys.monitoring.set_local_events(self.id, code, events)

    def send_again(self, code: CodeType, events: int) -> None:
        """Switch on again what was switched off of these local events of a code object that is watched.

        No other tool notices it, as it would a call of ``restart_events()``.
        """
        if id(code) in self._watched:
            every = sys.monitoring.get_local_events(self.id, code)
            sys.monitoring.set_local_events(self.id, code, every & ~events)
            sys.monitoring.set_local_events(self.id, code, every)

    def give_back(self) -> str:
        """End all events and free the id. Returns a note for the user, or ""."""
        monitoring = sys.monitoring
        if monitoring.use_tool_id is self._use_tool_id:  # else another one wrapped ours, which must stay
            monitoring.use_tool_id = self._before
        if monitoring.register_callback is self._register_callback:
            monitoring.register_callback = self._register
        unseen = bool(self._beside and self._alone) and self._another() is not None
        watched, self._watched, self._alone = self._watched, {}, set()
        self._release()
        _RUNNING.remove(self)
        _hold_beside_one()
        if monitoring.get_tool(self.id) != _NAME:
            return FREED
        self._free(watched)
        return FREED if self._lost else UNSEEN if unseen else ""

    def _take(self, number: int) -> None:
        self.id = number
        self._before(number, _NAME)
        for event, callback in self._callbacks.items():
            self._register(number, event, callback)

    def _free(self, watched: dict[int, tuple[CodeType, int]]) -> None:
        monitoring = sys.monitoring
        monitoring.set_events(self.id, 0)
        for code, _ in watched.values():
            monitoring.set_local_events(self.id, code, 0)
        for event in self._callbacks:
            monitoring.register_callback(self.id, event, None)
        monitoring.free_tool_id(self.id)

    # --- other tools

    def _patch(self) -> None:
        """Learn of tools that arrive during the run, and make way for one that asks for our id."""

        @functools.wraps(self._before)
        def use_tool_id(tool_id: int, name: str, /) -> None:
            if tool_id == self._second:
                self._release()
            free = self._free_for_us() if tool_id == self.id and self in _RUNNING else None
            if free is not None:
                self._move(free)
            try:
                self._before(tool_id, name)
            finally:
                for code, events in list(self._watched.values()) if free is not None else ():
                    self.watch(code, events)
                _hold_beside_one()
            self._arrived()

        self._use_tool_id = use_tool_id
        sys.monitoring.use_tool_id = use_tool_id

        register, see = self._register, self._see

        @functools.wraps(register)
        @unseen  # a profiler that ends still has its own events
        def register_callback(tool_id: int, event: int, func: Any, /) -> Any:
            if func is not None:
                if self in _RUNNING and tool_id in (self.id, self._second):
                    self._lend(tool_id)
                see(func)
            return register(tool_id, event, func)

        self._register_callback = register_callback
        sys.monitoring.register_callback = register_callback

    def _lend(self, number: int) -> None:
        """Let another tool have an id of ours, which it uses without having asked for it: CrossHair uses 4."""
        if number == self.id:
            if (free := self._free_for_us()) is None:
                self._lost = True
                return
            self._move(free)
            for code, events in list(self._watched.values()):
                self.watch(code, events)
        self._release()
        self._before(number, "unknown")
        _hold_beside_one()
        self._arrived()

    def _move(self, number: int) -> None:
        self._free(self._watched)
        self._take(number)
        sys.monitoring.set_events(number, self._events)

    def _free_for_us(self) -> int | None:
        """Another id that this tool can have; the one that it holds is free for it."""
        if self._second in _IDS:
            self._release()
        return _free()

    def look_around(self) -> None:
        """Notice a tool that took its id by a function kept from before the run. Call it when new code starts."""
        if self._alone and self._another() is not None:
            self._arrived()

    def _arrived(self) -> None:
        """Another tool is there."""
        if self._another() is not None:
            alone, self._alone = self._alone, set()
            for each in alone:
                code, events = self._watched[each]
                sys.monitoring.set_local_events(self.id, code, events | self._beside)

    def _another(self) -> int | None:
        """The id of a tool of others."""
        for i in _ALL:
            if i != self.id and i != self._second and sys.monitoring.get_tool(i) is not None:  # noqa: PLR1714
                return i
        return None

    def _hold(self) -> None:
        """Take the second id, if it is not held."""
        if self._second is not None:
            return
        monitoring, event = sys.monitoring, sys.monitoring.events.PY_START
        self._second = next((i for i in reversed(_ALL) if i != self.id and monitoring.get_tool(i) is None), None)
        if self._second is not None:
            self._before(self._second, _NAME)
            self._register(self._second, event, undisturbed(_disable))
            monitoring.set_events(self._second, event)

    def _release(self) -> None:
        """Free the second id."""
        second, self._second = self._second, None
        if second is not None and sys.monitoring.get_tool(second) == _NAME:
            sys.monitoring.set_events(second, 0)
            sys.monitoring.register_callback(second, sys.monitoring.events.PY_START, None)
            sys.monitoring.free_tool_id(second)


def _hold_beside_one() -> None:
    """A tool of ours that is alone holds a second id."""
    if len(_RUNNING) == 1:
        _RUNNING[0]._hold()


def _disable(*arguments: object) -> object:
    return sys.monitoring.DISABLE


def _free() -> int | None:
    return next((i for i in _IDS if sys.monitoring.get_tool(i) is None), None)
