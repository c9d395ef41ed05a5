"""``%branchcov_suggest``: calls for a function of the notebook, shown as they are found, and put into a cell."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from IPython.display import publish_display_data

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.span import Span
from ipy_branchcov.notebook.cells import Cells
from ipy_branchcov.notebook.display import live
from ipy_branchcov.session.options import SuggestOptions
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.session.session import Session

if TYPE_CHECKING:
    from ipy_branchcov.suggest.suggest import Question

#: Seconds between two messages on how far a search is.
_EVERY = 0.3


#: Takes how many calls a search has tried, and how many outcomes it covered.
Progress = Callable[[int, int], None]


def now_and_then(say: Progress) -> Progress:
    """Say how far a search is, but not more often than people can read."""
    last = time.monotonic()

    def progress(calls: int, found: int) -> None:
        nonlocal last
        if time.monotonic() > last + _EVERY:
            last = time.monotonic()
            say(calls, found)

    return progress


class Suggesting:
    """Looks for calls in a shell. It runs in the shell's process; the trials do not."""

    def __init__(self, shell: Any, session: Session, cells: Cells):
        self._shell, self._session, self._cells = shell, session, cells

    def find(
        self,
        name: str,
        asked: SuggestOptions,
        progress: Callable[[int, int], None] = lambda calls, found: None,
    ) -> Any:
        """The suggestions for a function by its name in the notebook. Raises BranchcovError."""
        from ipy_branchcov.suggest.search import Limits
        from ipy_branchcov.suggest.suggest import suggest

        question = self.question(name, self._shell.user_ns)
        return suggest(question, Limits(asked.seconds, asked.calls), progress, crosshair=asked.crosshair)

    def question(self, name: str, namespace: Mapping[str, Any], only: tuple[Span, str, str] | None = None) -> Question:
        """What to search for a function of a namespace. ``only``: the one outcome wanted. Raises BranchcovError."""
        from ipy_branchcov.suggest.seen import of_first_hits
        from ipy_branchcov.suggest.suggest import Question
        from ipy_branchcov.suggest.target import find

        self._session.release()  # its functions have their own code again
        source = self._source(name, find(name, namespace).function)
        coverage = self._session.coverage()
        return Question(
            name,
            namespace,
            source,
            coverage,
            self._session.options,
            locators=(self._cells,),
            seen=lambda target: of_first_hits(coverage, source, target),
            texts=tuple(self._cells.sources()),
            only=only,
        )

    def _source(self, name: str, function: Any) -> Source:
        source = self._cells(function.__code__)
        if source is None:
            source = Scope().read(os.path.realpath(function.__code__.co_filename))
        if source is None:
            raise UsageError(f"{name}: its source is not known; run the cell that defines it again")
        return source

    def show(self, name: str, asked: SuggestOptions) -> None:
        """Look for calls and show them; in a live notebook with how far the search is."""
        from ipy_branchcov.suggest import shown

        following = _Following(name) if live() and hasattr(self._shell, "kernel") else None
        result = self.find(name, asked, following.progress if following else lambda calls, found: None)
        text = shown.tests(result, "") if asked.as_tests else shown.report(result)
        if following:
            following.show(text)
        else:
            print(text)
        if asked.insert and result.found:
            self._shell.set_next_input(text if asked.as_tests else shown.cell(result))


class _Following:
    """An output that says how far a search is, until it has the result."""

    def __init__(self, name: str):
        self._name, self._id, self._shown = name, uuid4().hex, False
        self.progress = now_and_then(self._say)

    def _say(self, calls: int, found: int) -> None:
        outcomes = f"{found} outcome{'' if found == 1 else 's'}"
        self.show(f"branchcov: {self._name}: {calls:,} calls tried, {outcomes} covered…")

    def show(self, text: str) -> None:
        data = {"text/plain": text}
        with suppress(OSError):
            publish_display_data(data, transient={"display_id": self._id}, update=self._shown)
        self._shown = True
