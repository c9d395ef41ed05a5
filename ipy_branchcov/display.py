"""How a result reaches its reader in a shell: a record that lasts, and a widget where a front end is alive.

Reports are imported when the first one is shown: what colours a terminal or draws a widget takes longer to import than
all the rest.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Set
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from IPython.display import publish_display_data

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.coverage import Coverage

if TYPE_CHECKING:
    from ipy_branchcov.disassembly import Disassembly
    from ipy_branchcov.reports.markup import NewArm

VIEWS = ("auto", "widget", "html", "text")


def show(shell: Any, coverage: Coverage, *, view: str, missed: bool, first: str | None) -> None:
    """Show a coverage in a shell, ``first`` naming the cell that stands on top.

    In a notebook the output is the record that lasts (HTML and plain text). Where a front end is there, a widget
    takes the record's place on the page for as long as it lives; ``view="widget"`` displays it as a second
    output, for front ends that know no other way. In a terminal it is coloured text.
    """
    from ipy_branchcov.reports import terminal

    if not hasattr(shell, "kernel"):
        color = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns
        print(terminal.render(coverage, missed=missed, counts=coverage.counted, color=color, width=width, first=first))
        return
    data = {"text/plain": terminal.render(coverage, missed=missed, first=first, durable=True)}
    if view == "text":
        publish_display_data(data)
        return
    from ipy_branchcov.reports import html

    data["text/html"] = html.render(coverage, missed=missed, first=first, durable=True)
    publish_display_data(data)
    if view == "widget" or (view == "auto" and live()):
        from ipy_branchcov.reports import widget

        record = "" if view == "widget" else html.record_name(data["text/html"])
        made = widget.CoverageWidget.of(coverage, first=first, missed=missed, record=record)
        if not record:
            publish_display_data(widget.bundle(made))


def show_opcodes(shell: Any, shown: list[Disassembly], *, counted: bool) -> None:
    """Show the instructions of what ran: folded in a notebook, as text in a terminal."""
    from ipy_branchcov.reports import opcodes

    text = opcodes.render(shown, counted=counted)
    if not hasattr(shell, "kernel"):
        print(text)
    else:
        publish_display_data({"text/plain": text, "text/html": opcodes.render_html(shown, counted=counted)})


def show_graph(shell: Any, shown: Disassembly, *, counted: bool) -> None:
    """Show the control flow of one code object: drawn where the front end knows Mermaid, or its text."""
    from ipy_branchcov.reports import opcodes

    text = opcodes.graph(shown, counted=counted)
    if not hasattr(shell, "kernel"):
        print(text)
    else:
        # Notebook 7 draws Mermaid in Markdown alone, VS Code by its own type.
        markdown = opcodes.render_markdown(shown, counted=counted)
        publish_display_data({"text/plain": text, "text/markdown": markdown, "text/vnd.mermaid": text})


class Followed:
    """A view on the page that changes when told to: its record by the front end, its widget by its model."""

    def __init__(self, shell: Any, coverage: Coverage):
        self._id = uuid4().hex
        self._live = live()
        self._widget: Any = None
        if not hasattr(shell, "kernel"):
            raise UsageError("a view that follows needs a notebook; %branchcov_report shows the same at any time")
        self._publish(coverage, frozenset(), update=False)

    def show(self, coverage: Coverage, new: Set[NewArm]) -> None:
        """Show another coverage. ``new``: arms to be marked as newly taken.

        Without a front end nobody looks, and a record that changed with later cells could not be compared.
        """
        if self._live:
            self._publish(coverage, new, update=True)

    def _publish(self, coverage: Coverage, new: Set[NewArm], *, update: bool) -> None:
        from ipy_branchcov.reports import html, terminal

        data = {"text/plain": terminal.render(coverage, durable=True), "text/html": html.render(coverage, durable=True)}
        if self._live:
            from ipy_branchcov.reports import widget

            record = html.record_name(data["text/html"])
            if self._widget is None:
                self._widget = widget.CoverageWidget(data=widget.view(coverage), record=record)
            else:
                with self._widget.hold_sync():
                    self._widget.data, self._widget.record = widget.view(coverage, new=new), record
        publish_display_data(data, transient={"display_id": self._id}, update=update)


def live() -> bool:
    """Whether a front end is there to draw a widget: a Jupyter server started this kernel for a session of its own.

    Kernels of nbval, nbclient and ipyparallel have no such session; one inherited from a kernel does not count.
    JupyterLite's kernel runs in the page itself.
    """
    if sys.platform == "emscripten":
        return True
    return bool(os.environ.get("JPY_SESSION_NAME")) and os.environ.get("JPY_PARENT_PID") == str(os.getppid())
