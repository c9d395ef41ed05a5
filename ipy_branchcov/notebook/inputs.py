"""An input for one missed outcome: what the button of a view asks for.

The search runs in a fork of the kernel, with the definitions as they are now. So the kernel goes on working, and the
search can be stopped. What its process says is read by the kernel's event loop.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from ipy_branchcov.errors import BranchcovError, UsageError
from ipy_branchcov.model.source import Source
from ipy_branchcov.notebook.suggestions import Progress, Suggesting, now_and_then
from ipy_branchcov.printable import printable
from ipy_branchcov.session.session import Session

if TYPE_CHECKING:
    from ipy_branchcov.reports.live_view import Wanted
    from ipy_branchcov.reports.widget import Answer
    from ipy_branchcov.suggest.runner import Process
    from ipy_branchcov.suggest.suggest import Question, Suggestions

#: Seconds that a search may take to end when it is stopped.
_PATIENCE = 10.0

#: What a search says of itself: words, whether it has ended, the call, and the code of a cell.
_Said = tuple[str, bool, str, str]


def possible() -> bool:
    """Whether processes can be forked here: not on Windows, and not in a page."""
    return hasattr(os, "fork") and sys.platform != "emscripten"


class Inputs:
    """The searches that views of a shell have asked for, by their names."""

    def __init__(self, shell: Any, session: Session, suggesting: Suggesting):
        self._shell, self._session, self._suggesting = shell, session, suggesting
        self._searches: dict[str, _Search] = {}
        #: Those that were stopped, perhaps before they began.
        self._unwanted: set[str] = set()

    def begin(self, name: str, wanted: Wanted, answer: Answer) -> None:
        """Begin a search when the running cell has ended: messages of widgets can come to threads of their own."""
        answer("waiting for the running cell …", ended=False)
        self._shell.kernel.io_loop.add_callback(self._begin, name, wanted, answer)

    def stop(self, name: str) -> None:
        """Stop a search, also one that has not begun."""
        self._unwanted.add(name)
        self._shell.kernel.io_loop.add_callback(self._stop, name)

    def close(self) -> None:
        """End all searches."""
        for search in list(self._searches.values()):
            search.close()

    def _begin(self, name: str, wanted: Wanted, answer: Answer) -> None:
        if name in self._searches:
            return
        if name in self._unwanted:
            answer("stopped", ended=True)
            return
        if (by := self._covered_by(wanted)) is not None:
            answer(f"covered since, first by {by}" if by else "covered since", ended=True)
            return
        try:
            question, module = self._question(wanted)
        except BranchcovError as error:
            answer(str(error), ended=True)
            return
        answer("looking for an input …", ended=False)
        loop = self._shell.kernel.io_loop
        try:
            search = _Search(loop, question, module, answer, ended=lambda: self._searches.pop(name, None))
        except OSError as error:
            answer(f"no process can be started: {error.strerror}", ended=True)
        else:
            self._searches[name] = search

    def _stop(self, name: str) -> None:
        self._unwanted.discard(name)
        if name in self._searches:
            self._searches[name].stop()

    def _question(self, wanted: Wanted) -> tuple[Question, str]:
        """What to search, and the module from which a cell must import its function, or "". Raises BranchcovError."""
        if self._session.running:
            raise UsageError("a measured cell is running; ask again when it has ended")
        namespace, module = self._home(wanted)
        branch = wanted.branch
        question = self._suggesting.question(wanted.caller, namespace, (branch.span, branch.kind, wanted.outcome))
        source = question.source
        if wanted.source.digest not in (source.digest, source.within and source.within[0].digest):
            raise UsageError(f"{wanted.caller} is defined otherwise now; run the cell again, and ask its new view")
        return question, module

    def _covered_by(self, wanted: Wanted) -> str | None:
        """Who covered the outcome in a later run, "" where that is not known; None: nobody did."""
        for each in self._session.coverage():
            for branch in each.branches if each.source.digest == wanted.source.digest else ():
                for outcome in branch.outcomes if branch.key == wanted.branch.key else ():
                    if outcome.name == wanted.outcome and outcome.covered:
                        return outcome.first.by if outcome.first else ""
        return None

    def _home(self, wanted: Wanted) -> tuple[Mapping[str, Any], str]:
        """The namespace in which a function lies, and the module from which a cell must import it, or ""."""
        namespace: Mapping[str, Any] = self._shell.user_ns
        if wanted.source.kind == "cell":
            return namespace, ""
        module = _module_of(wanted.source)
        root = wanted.caller.partition(".")[0]
        there = root in namespace and namespace[root] is vars(module).get(root)
        return vars(module), "" if there else module.__name__


def _module_of(source: Source) -> ModuleType:
    """The module that was imported from a file. Raises UsageError."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) if isinstance(module, ModuleType) else None
        if isinstance(file, str) and source.path and os.path.realpath(file) == source.path:
            return module
    raise UsageError(f"{Path(source.name).name} is not imported here; import it, and ask again")


class _Search:
    """A process that looks for one input. ``ended``: called when it is over."""

    def __init__(self, loop: Any, question: Question, module: str, answer: Answer, ended: Callable[[], object]):
        from ipy_branchcov.suggest.runner import Process

        self._loop, self._answer, self._ended = loop, answer, ended
        self._process: Process | None = Process(lambda _, back: _main(question, module, back))
        loop.add_handler(self._process.answers, self._read, loop.READ)

    def stop(self) -> None:
        """End it as by Ctrl-C; it says what was found until then."""
        if self._process is not None:
            self._process.interrupt()
            self._loop.call_later(_PATIENCE, self._give_up)

    def close(self) -> None:
        """End it, and say nothing."""
        if self._process is not None:
            process, self._process = self._process, None
            self._loop.remove_handler(process.answers)
            process.close()
            self._ended()

    def _give_up(self) -> None:
        if self._process is not None:
            self.close()
            self._answer("stopped", ended=True)

    def _read(self, number: int, _events: int) -> None:
        from ipy_branchcov.suggest.messages import receive

        try:
            words, ended, call, cell = receive(number, _PATIENCE)
        except (EOFError, TimeoutError, OSError):
            words, ended, call, cell = "the search ended without a result; ask again", True, "", ""
        if ended:
            self.close()
        self._answer(words, ended=ended, call=call, cell=cell)


def _main(question: Question, module: str, back: int) -> NoReturn:
    """The process of a search. Its streams are the kernel's, which only the kernel may use."""
    from ipy_branchcov.suggest.messages import send

    signal.signal(signal.SIGINT, signal.default_int_handler)
    progress = now_and_then(lambda calls, found: send(back, (f"{calls:,} calls tried …", False, "", "")))
    try:
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        said = _searched(question, module, progress)
    except KeyboardInterrupt:
        said = "stopped", True, "", ""
    with suppress(OSError):  # the kernel has ended
        send(back, said)
    os._exit(0)


def _searched(question: Question, module: str, progress: Progress) -> _Said:
    """Search, and say what was found; Ctrl-C ends it."""
    from ipy_branchcov.suggest.suggest import suggest

    try:
        return _said(suggest(question, None, progress), module)
    except BranchcovError as error:
        return str(error), True, "", ""


def _said(result: Suggestions, module: str) -> _Said:
    from ipy_branchcov.suggest import shown

    if result.found:
        best = result.found[0]
        words = f"ends with {best.error}" if best.error else ""
        return words, True, printable(best.code), shown.cell(result, module)
    if not result.left:
        return f"no call of {result.name} leads here: it runs with the cell itself", True, "", ""
    calls = f"{result.calls:,} call{'' if result.calls == 1 else 's'}"
    words = f"stopped; found none in {calls}" if result.interrupted else f"found none in {calls}"
    return "; ".join([words, *shown.notes(result)]), True, "", ""
