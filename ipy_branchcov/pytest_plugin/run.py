"""One measured run of pytest: its process, the kernels of its notebooks, its workers, and its reports."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.data.baseline import regressions
from ipy_branchcov.data.files import load, save
from ipy_branchcov.errors import BranchcovError, UsageError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.totals import decimals
from ipy_branchcov.processes.children import Processes, elsewhere
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.processes.forks import Forks
from ipy_branchcov.processes.kernels import KernelSession, cell_label
from ipy_branchcov.processes.workers import end_workers
from ipy_branchcov.pytest_plugin import terminal
from ipy_branchcov.pytest_plugin.elsewhere import Elsewhere, send, with_the_same_texts
from ipy_branchcov.pytest_plugin.rewritten import RewrittenModules
from ipy_branchcov.pytest_plugin.terminal import Ending
from ipy_branchcov.pytest_plugin.workers import Workers
from ipy_branchcov.reports import summary
from ipy_branchcov.reports.by_line import place_cells
from ipy_branchcov.reports.files import closing, with_texts, write_reports
from ipy_branchcov.reports.gates import asked_for, failures
from ipy_branchcov.reports.patch import changed_lines, select, sentence
from ipy_branchcov.session.config import check_sources
from ipy_branchcov.session.options import ReportOptions, RunOptions
from ipy_branchcov.session.scope import Places
from ipy_branchcov.session.session import Session
from ipy_branchcov.session.total import appended


class MeasuredRun:
    """A plugin that is registered while a run is measured. Raises BranchcovError for wrong options.

    ``notes``: lines for people, shown at the end. ``elsewhere``: this is a worker of xdist that does not stand where
    its run stands.
    """

    def __init__(
        self,
        config: pytest.Config,
        options: RunOptions,
        report: ReportOptions,
        notes: list[str],
        elsewhere: Elsewhere | None = None,
    ):
        self._config = config
        self._options = options
        self._report = report
        self._named = bool(options.source)
        self._sources = options.source or (".",)
        self._late: list[str] = []
        #: Where each source lies.
        self._places: dict[str, Places] = {}
        self._elsewhere = elsewhere
        self._found: list[Coverage] = []
        #: One line for each piece of data that was lost.
        self._lost: list[str] = []
        self._notes = notes
        self._workers = Workers(self._take, self._lost, self._notes)
        #: The session of each notebook's kernel, by the kernel's client; None: not measured, or not any more.
        self._kernels: dict[Any, KernelSession | None] = {}
        #: Every session that began, until its notebook has ended.
        self._sessions: dict[Any, KernelSession] = {}
        self._summary: list[str] = []
        self._annotations = ""
        self._failures: list[str] = []
        self._former = Coverage()
        self._baseline: Coverage | None = None
        self._folder_at_start = Path.cwd()  # a conftest file may change it
        self.session = Session(replace(options, source=()), root=None if elsewhere is None else elsewhere.root)
        root = Path(self.session.scope.root)
        self._changed = changed_lines(report.patch, root) if report.patch and not _is_worker(config) else {}
        for spec in self._sources:
            try:
                self._add_source(spec)
            except UsageError:
                self._late.append(spec)
        self._processes: Processes | None = None
        self._folder = DataFolder()
        config.add_cleanup(self._folder.remove)
        self._forks = Forks(self.session, self._folder.path if options.subprocesses else None)
        self.session.start("pytest")
        self._forks.begin()
        rewritten = RewrittenModules(self.session.instrument)
        rewritten.begin()
        config.add_cleanup(rewritten.end)
        config.add_cleanup(self._forks.close)
        config.add_cleanup(self.session.close)

    def load_former(self) -> None:
        """Load what this run is compared with, and added to. Raises DataError.

        A worker reports nothing, and may stand in another folder, to which these paths do not belong; it is known to be
        one when pytest is configured.
        """
        if _is_worker(self._config):
            return
        report, folder = self._report, self._folder_at_start
        if report.append_to is not None and (folder / report.append_to).exists():
            self._former = load(folder / report.append_to)
        self._baseline = None if report.baseline is None else load(folder / report.baseline)

    def _add_source(self, spec: str) -> None:
        """Measure a source. Raises UsageError where there is none of that name."""
        for place in [spec] if self._elsewhere is None else self._elsewhere.places(spec):
            self._places[spec] = self.session.add_source(place)
            if self._elsewhere is not None and place == spec:
                self._elsewhere.found(spec, self._places[spec])

    def add_late_sources(self, option: str) -> None:
        """Add sources that a conftest file made importable. ``option``: how they were given. Raises UsageError."""
        check_sources(self._late, option)
        for spec in self._late:
            self._add_source(spec)
        self._late.clear()
        if self._options.subprocesses:
            self._processes = Processes(self._folder, elsewhere(self._options, self.session.scope))
            self._config.add_cleanup(self._processes.close)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Attribute first hits to the test, where the tracer records when they happen; or all hits."""
        self._set_context(item.nodeid)
        try:
            return (yield)
        finally:
            self._set_context("pytest")

    def _set_context(self, name: str) -> None:
        self.session.set_context(name)
        if self._options.contexts and self._processes is not None:
            self._processes.set_context(name)

    # --- notebooks

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        result = yield
        if _is_cell(item):
            self._before_cell(item)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        try:
            return (yield)
        finally:
            if _is_cell(item):
                self._after_cell(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
        """Behind a notebook's last cell nbval kills the kernel: end what its cells have started before."""
        notebook = item.parent if _is_cell(item) else None
        last = notebook is not None and (nextitem is None or nextitem.parent is not notebook)
        if not last:
            return (yield)
        session = self._end_workers(item)
        try:
            return (yield)
        finally:
            if session is not None:
                self._found.append(session.end())

    def _end_workers(self, item: Any) -> KernelSession | None:
        """End the pools of a notebook's kernel; return its session, where the notebook was measured."""
        kernel = item.parent.kernel
        session = None if kernel is None else self._sessions.pop(kernel.kc, None)
        if session is not None and kernel.is_alive():
            try:
                session.end_workers()
            except BranchcovError as error:
                self._lost.append(f"{self._notebook(item)}: its processes: {error}")
        return session

    def _before_cell(self, item: Any) -> None:
        """Measure a kernel from its first cell on, and name the cell."""
        kernel = item.parent.kernel
        if kernel is None or not kernel.is_alive():
            return
        name = self._notebook(item)
        try:
            if kernel.kc not in self._kernels:
                self._kernels[kernel.kc] = self._begin_kernel(kernel, name)
            session = self._kernels[kernel.kc]
            if session is not None:
                session.name_cell(self._label(item))
        except BranchcovError as error:
            self._kernels[kernel.kc] = None
            self._lost.append(f"{name}: not measured: {error}")

    def _begin_kernel(self, kernel: Any, name: str) -> KernelSession | None:
        if kernel.language != "python":
            self._notes.append(f"{name}: its kernel runs {kernel.language}, which is not measured")
            return None
        session = self._sessions[kernel.kc] = KernelSession(kernel.kc, self.session.scope)
        self._config.add_cleanup(session.folder.remove)
        session.start(elsewhere(self._options, self.session.scope))
        return session

    def _notebook(self, item: Any) -> str:
        """The name of a cell's notebook."""
        return self.session.scope.name(os.path.realpath(item.path))

    def _label(self, item: Any) -> str:
        number = next(i for i, cell in enumerate(item.parent.nb.cells, 1) if cell is item.cell)
        return cell_label(self._notebook(item), item.cell, number)

    def _after_cell(self, item: Any) -> None:
        """Collect the coverage of a cell at once: nbval kills its kernels, and so can cells."""
        kernel = item.parent.kernel
        session = None if kernel is None else self._kernels.get(kernel.kc)
        if session is None:
            return
        if not kernel.is_alive():
            self._kernels[kernel.kc] = None
            self._lost.append(f"{self._label(item)}: its kernel died, so the cell was not measured")
            return
        try:
            self._found.append(session.collect(self._label(item)))
        except BranchcovError as error:
            self._lost.append(f"{self._label(item)}: lost: {error}")

    # --- workers of xdist

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self) -> None:
        """Stop watching for processes here: tests run in workers, and each worker collects its own processes."""
        if self._processes is not None:
            self._processes.close()
            self._processes = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_newgateway(self, gateway: Any) -> None:
        """Send a worker that stands elsewhere what is measured, before it begins."""
        send(gateway, self._config, self.session.scope.root, self._places, self._options)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self) -> None:
        self._workers.ready()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self._workers.down(node, error)

    def _take(self, coverage: Coverage, gateway: Any) -> None:
        # A worker stands in another folder where a conftest file changes it.
        coverage = self.session.scope.renamed(coverage)
        self._found.append(with_the_same_texts(coverage, self.session.scope, gateway, self._lost))

    # --- the end

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._forks.child:  # its parent reports
            self._forks.save()
            return
        if self._folder.running():
            end_workers()
        found, lost = self._folder.collect(self.session.scope)
        self._found += found
        self._lost[:] = list(dict.fromkeys((*self._lost, *lost, *(line for each in self._found for line in each.lost))))
        coverage = merge([self.session.stop(), *self._found])
        worker = getattr(self._config, "workeroutput", None)
        if worker is not None:
            from ipy_branchcov.data import json_form  # not imported where there are no workers

            if self._elsewhere is not None:
                coverage = self._elsewhere.returned(coverage)
            worker["branchcov"] = json.dumps(
                {"coverage": json_form.dumps(coverage, values=True), "lost": self._lost, "notes": self._notes}
            )
            return
        if self._config.option.collectonly:
            return
        if self._named:
            coverage = merge([coverage, self.session.never_imported(coverage)])
        coverage = replace(coverage, lost=coverage.lost | frozenset(self._lost))
        try:
            with decimals(self._options.precision):
                self._report_all(with_texts(self._appended(coverage)))
        except BranchcovError as error:
            self._failures.append(str(error))
        if self._failures and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if not terminal.is_there(self._config):
            terminal.show_failures(self._ending)
        self.session.reset()  # pytest collects garbage at its end, and what is known of sources is many objects

    def _appended(self, coverage: Coverage) -> Coverage:
        """The sum with what was measured before, where that was asked for; it is kept. Raises DataError."""
        if self._report.append_to is None:
            return coverage
        coverage = appended(self._former, coverage)
        save(coverage, self._report.append_to, values=self._report.values)
        return coverage

    def _report_all(self, coverage: Coverage) -> None:
        coverage = asked_for(coverage, follow=self._options.follow)
        if not self._report.quiet:
            width = terminal.width(self._config)
            missing, skip = self._report.missed, self._options.skip_covered
            self._summary = summary.render(coverage, missing=missing, skip_covered=skip, width=width).splitlines()
        if self._baseline is not None:
            self._failures += regressions(self._baseline, coverage, Path(self.session.scope.root))
        self._failures += failures(
            coverage,
            self._options.fail_under,
            compared=self._baseline is not None,
            mcdc=self._options.fail_under_mcdc,
        )
        places = self._report.places
        github, root = self._report.github, self.session.scope.root
        changed, values = self._changed, self._report.values
        written = write_reports(coverage, places, values=values, github=github, changed=changed, root=root)
        if self._report.patch:
            self._summary.append(sentence(select(coverage, changed, place_cells(coverage, Path(root)))))
        self._annotations = written.annotations
        self._notes += written.notes
        if places or self._report.quiet or self._report.append_to:
            self._summary.append(closing(coverage, [*places.values(), self._report.append_to]))

    @property
    def _ending(self) -> Ending:
        return Ending(self._summary, self._annotations, self._notes, self._lost, self._failures)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminal.show(terminalreporter, self._ending)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _is_cell(item: pytest.Item) -> bool:
    return type(item).__module__.startswith("nbval.")
