"""Show a result in a shell: as static output, and as a widget where a front end is connected.

Reports are imported when the first one is shown: the packages that colour a terminal or draw a widget take longer to
import than all the rest.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Set
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from IPython.display import publish_display_data

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.coverage import Coverage

if TYPE_CHECKING:
    from ipy_branchcov.notebook.live_widgets import LiveWidgets
    from ipy_branchcov.reports.live_view import View
    from ipy_branchcov.reports.view import NewOutcome
    from ipy_branchcov.reports.widget import Finder
    from ipy_branchcov.session.disassembly import Disassembly


def show(
    shell: Any,
    coverage: Coverage,
    *,
    view: str,
    missed: bool,
    first: str | None,
    widgets: LiveWidgets,
    stopped: str = "",
    total: Callable[[], Coverage] = Coverage,
    finder: Finder | None = None,
) -> None:
    """Show a coverage in a shell. ``first``: the cell to show on top. ``widgets``: takes the widget.

    ``stopped``: what stopped the cell. ``total``: all that was measured so far; the front end keeps its marks of cells
    for which the output has no room. ``finder``: looks for inputs of what was missed.

    In a notebook this is static output (HTML and plain text). Where a front end is connected, a widget replaces the
    static output on the page while the kernel lives; with ``view="widget"`` the widget is a second output, for front
    ends that cannot replace the first. In a terminal it is coloured text.
    """
    if not hasattr(shell, "kernel"):
        _print(coverage, missed=missed, first=first, stopped=stopped)
        return
    from ipy_branchcov.reports.record import record

    made = record(coverage, first=first, missed=missed, stopped=stopped)
    if view == "text":
        publish_display_data({"text/plain": made.text})
        return
    publish_display_data(made.bundle)
    if live():
        send_marks(coverage, first=first)
        if made.without:
            send_marks(total().select(lambda each: each.key in made.without), keep=True)
    if view == "widget" or (view == "auto" and live()):
        from ipy_branchcov.reports import widget

        cell, before = widgets.place()
        seen = _seen(before, coverage, first=first, missed=missed, stopped=stopped, inputs=finder is not None)
        shown = widget.CoverageWidget(seen, record="" if view == "widget" else made.name, cell=cell, finder=finder)
        widgets.add(shown)
        if view == "widget":
            publish_display_data(widget.bundle(shown))


def _seen(
    before: View | None, coverage: Coverage, *, first: str | None, missed: bool, stopped: str, inputs: bool
) -> View:
    """What the widget draws. ``before``: what it drew of the cell's last run."""
    from ipy_branchcov.reports.changes import since
    from ipy_branchcov.reports.live_view import View

    changed = since(before, coverage, first)
    return View(
        coverage,
        first=first,
        missed=missed,
        new=changed.new,
        changes=changed.words,
        stopped=stopped,
        inputs=inputs,
    )


def _print(coverage: Coverage, *, missed: bool, first: str | None, stopped: str) -> None:
    """Print it into a terminal."""
    from ipy_branchcov.reports import terminal

    color = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns
    print(terminal.render(coverage, missed=missed, counts=coverage.counted, color=color, width=width, first=first))
    if stopped:
        print(f"  {stopped}")


def show_opcodes(shell: Any, shown: list[Disassembly], *, counted: bool) -> None:
    """Show the instructions of what ran: folded in a notebook, as text in a terminal."""
    from ipy_branchcov.reports import opcodes

    text = opcodes.render(shown, counted=counted)
    if not hasattr(shell, "kernel"):
        print(text)
    else:
        publish_display_data({"text/plain": text, "text/html": opcodes.render_html(shown, counted=counted)})


def show_graph(shell: Any, shown: Disassembly, *, counted: bool) -> None:
    """Show the control flow of one code object: a drawing where the front end has Mermaid, otherwise its text."""
    from ipy_branchcov.reports import opcodes

    text = opcodes.graph(shown, counted=counted)
    if not hasattr(shell, "kernel"):
        print(text)
    else:
        # Notebook 7 draws Mermaid only in Markdown, VS Code only by Mermaid's own type.
        markdown = opcodes.render_markdown(shown, counted=counted)
        publish_display_data({"text/plain": text, "text/markdown": markdown, "text/vnd.mermaid": text})


def send_marks(coverage: Coverage, *, first: str | None = None, keep: bool = False, forget: bool = False) -> None:
    """Send the marks of cells, with their first hits, to a live front end, without an output.

    The message updates a display that does not exist, so it changes nothing where nobody listens. ``keep``: no output
    will have the marks; the front end keeps them with the notebook. ``forget``: what it kept is void.
    """
    from ipy_branchcov.reports import cell_marks

    message: cell_marks.LiveMarks = {
        "lines": cell_marks.render(coverage, first),
        "details": cell_marks.render(coverage, first, details=True),
        "keep": keep,
        "forget": forget,
    }
    publish_display_data({cell_marks.LIVE_MIME: message}, transient={"display_id": "branchcov"}, update=True)


class Followed:
    """A view on the page that can be updated: the output by its display id, the widget by its model.

    ``finder``: looks for inputs of what was missed.
    """

    def __init__(self, shell: Any, coverage: Coverage, finder: Finder | None = None):
        self._id = uuid4().hex
        self._live = live()
        self._widget: Any = None
        self._finder = finder
        if not hasattr(shell, "kernel"):
            raise UsageError("%branchcov_watch needs a notebook; %branchcov_report shows the same in a terminal")
        self._publish(coverage, frozenset(), update=False)

    def show(self, coverage: Coverage, new: Set[NewOutcome]) -> None:
        """Show another coverage. ``new``: outcomes to mark as newly covered.

        Without a front end nothing changes: nobody looks, and output that later cells change could not be compared.
        """
        if self._live:
            self._publish(coverage, new, update=True)

    def _publish(self, coverage: Coverage, new: Set[NewOutcome], *, update: bool) -> None:
        from ipy_branchcov.reports.record import record

        made = record(coverage)
        if self._live:
            from ipy_branchcov.reports import live_view, widget

            seen = live_view.View(coverage, new=new, inputs=self._finder is not None)
            if self._widget is None:
                self._widget = widget.CoverageWidget(seen, record=made.name, finder=self._finder)
            else:
                self._widget.show(seen, record=made.name)
        publish_display_data(made.bundle, transient={"display_id": self._id}, update=update)


def live() -> bool:
    """Whether a front end can draw a widget: a Jupyter server started this kernel for a session.

    Kernels of nbval, nbclient and ipyparallel have no session; a session inherited from a parent kernel does not
    count. JupyterLite's kernel runs in the page itself.
    """
    if sys.platform == "emscripten":
        return True
    return bool(os.environ.get("JPY_SESSION_NAME")) and os.environ.get("JPY_PARENT_PID") == str(os.getppid())
