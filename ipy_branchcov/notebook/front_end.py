"""After a measured run in a shell: bind the result to a name, write files, show it, and check the threshold."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ipy_branchcov.errors import BelowThreshold, BranchcovError, UsageError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.selection import is_below
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.notebook.arguments import Request
from ipy_branchcov.notebook.display import show, show_graph, show_opcodes
from ipy_branchcov.notebook.live_widgets import LiveWidgets
from ipy_branchcov.printable import printable
from ipy_branchcov.reports import presented
from ipy_branchcov.reports.files import write_reports
from ipy_branchcov.reports.gates import asked_for, failures
from ipy_branchcov.session.session import Session

if TYPE_CHECKING:
    from ipy_branchcov.reports.widget import Finder


def stopped_by(error: BaseException, line: int | None = None) -> str:
    """What ended a run before its end: ``stopped by KeyboardInterrupt``."""
    name = printable(str(type.__dict__["__name__"].__get__(type(error))))  # its metaclass is not asked
    return f"stopped in line {line} by {name}" if line else f"stopped by {name}"


def _nothing_of(coverage: Coverage, sources: Iterable[str]) -> list[str]:
    """Where no branches ran, a line for each of the sources named of which nothing did."""
    if coverage.totals.outcomes:
        return []
    notes = []
    for spec in sources:
        if not any(is_below(each.source, spec) for each in coverage):
            notes.append(f"nothing of {spec} ran")
    return notes


def _that_ran(coverage: Coverage, cell: str | None) -> Coverage:
    """The coverage of a cell; one in which nothing is Python (a comment, another language) has no branches."""
    if cell is None or coverage.sources:
        return coverage
    return replace(coverage, sources=(SourceCoverage(Source(cell, "")),))


class FrontEnd:
    """Shows and writes coverage in a shell as a request asks."""

    def __init__(self, shell: Any, session: Session):
        self._shell, self._session = shell, session
        self._widgets = LiveWidgets(shell)
        #: Looks for inputs of what was missed, where that can be done.
        self.finder: Finder | None = None

    def show_cell(self, coverage: Coverage, request: Request, result: Any, label: str) -> None:
        """Show the coverage of a ``%%branchcov`` cell; let the cell fail where the total is below the threshold."""
        if result.error_before_exec is not None:
            return  # it did not compile: nothing ran
        below = self.show(coverage, request, label, self._stopped(result.error_in_exec))
        if below is not None and result.success:
            result.error_in_exec = below
            self._shell.showtraceback((type(below), below, None))

    def _stopped(self, error: BaseException | None) -> str:
        """What stopped a cell, and in which of its lines: ``stopped in line 6 by ZeroDivisionError``; else ""."""
        if error is None:
            return ""
        known = self._shell.compile.format_code_name
        frames = ((frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__))
        lines = [line for code, line in frames if code.co_name == "<module>" and known(code.co_filename)]
        return stopped_by(error, lines[0] if lines else None)

    def show(
        self, coverage: Coverage, request: Request, first: str | None = None, stopped: str = ""
    ) -> BelowThreshold | None:
        """Show a coverage, the cell ``first`` on top; return an error where the total is below the threshold.

        ``stopped``: what stopped the cell.
        """
        if self._session.in_fork:
            return None  # nobody looks at a fork, and its parent shows what it did
        report = request.report
        options = request.options(self._session.options)
        lost, coverage = coverage.lost, asked_for(self._incomplete(coverage), follow=options.follow)
        if report.out:
            self._shell.push({report.out: presented.Coverage.of(coverage)})
        try:
            written = write_reports(coverage, report.places, values=report.values)
            for note in written.notes:
                print(f"branchcov: {note}", file=sys.stderr)
            if not report.quiet:
                show(
                    self._shell,
                    _that_ran(coverage, first),
                    view=report.view,
                    missed=report.missed,
                    first=first,
                    stopped=stopped,
                    widgets=self._widgets,
                    total=self._session.coverage,
                    finder=self.finder,
                )
            self._show_instructions(request, counted=coverage.counted)
        except BranchcovError as error:
            print(f"branchcov: {error}", file=sys.stderr)
        notes = [f"lost: {each}" for each in sorted(lost)] + sorted(coverage.lost - lost) + self._notes()
        for line in notes + _nothing_of(coverage, options.source):
            print(f"branchcov: {line}", file=sys.stderr)
        lines = failures(_that_ran(coverage, first), options.fail_under, mcdc=options.fail_under_mcdc)
        return BelowThreshold("; ".join(lines)) if lines else None

    def _incomplete(self, coverage: Coverage) -> Coverage:
        """The same without the processes that go on: no gate passes on it."""
        others = self._session.others
        return coverage if others is None else replace(coverage, lost=coverage.lost | set(others.pending()))

    def _notes(self) -> list[str]:
        return [] if self._session.others is None else self._session.others.notes()

    def _show_instructions(self, request: Request, *, counted: bool) -> None:
        every = self._session.disassemblies
        if request.shows_opcodes:
            show_opcodes(self._shell, every, counted=counted)
        for name in request.report.graph:
            found = [each for each in every if name in (each.name, each.name.rpartition(".")[2])]
            if not found:
                known = ", ".join(sorted({each.name for each in every})) or "nothing"
                raise UsageError(f"--graph {name}: no function of that name ran; there is {known}")
            for each in found:
                show_graph(self._shell, each, counted=counted)
