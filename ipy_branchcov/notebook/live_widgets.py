"""The widgets of a shell that are alive, and the end of those whose output is gone.

A widget that was made stays in the kernel, with its coverage, until it is closed; the front end says nothing when it
clears an output. A widget that draws in the place of a static record can be closed at any time: its front end shows the
record again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: So many widgets in the place of a record stay alive; the oldest ones are closed first.
MOST = 50


class _Live(NamedTuple):
    """A widget, the cell that showed it ("" where the front end names none), and the message that ran the cell."""

    widget: Any
    cell: str
    message: str


class LiveWidgets:
    """Closes the widgets of a cell that runs again, and the oldest of many."""

    def __init__(self, shell: Any):
        self._shell = shell
        self._live: list[_Live] = []

    def place(self) -> tuple[str, Any]:
        """What the next widget of the running cell is known by in each run, and the view that stood there before.

        ("", None) where the front end names no cells.
        """
        cell, message = self._running()
        if not cell:
            return "", None
        number = sum(each.cell == cell and each.message == message for each in self._live)
        name = f"{cell}#{number}"
        before = [each.widget.shown for each in self._live if each.widget.cell == name and each.message != message]
        return name, before[-1] if before else None

    def add(self, widget: Any) -> None:
        """A widget is shown by the running cell. It exists already, so a view of the same record passes on to it."""
        new = _Live(widget, *self._running())
        again = [each for each in self._live if new.cell and each.cell == new.cell and each.message != new.message]
        kept = [each for each in self._live if each not in again] + [new]
        # One that is displayed itself could not be found any more when its output is drawn again.
        beyond = [each for each in kept if each.widget.record][:-MOST]
        self._live = [each for each in kept if each not in beyond]
        for each in (*again, *beyond):
            each.widget.layout.close()
            each.widget.close()

    def _running(self) -> tuple[str, str]:
        """The ids of the running cell and of the message that runs it."""
        parent = self._shell.get_parent() if hasattr(self._shell, "get_parent") else {}
        cell = parent.get("metadata", {}).get("cellId")
        return (cell if isinstance(cell, str) else ""), str(parent.get("header", {}).get("msg_id", ""))
