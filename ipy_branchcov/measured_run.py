"""One measured pytest run: the process it lives in, the kernels of its notebooks, its workers; and what it tells."""

from __future__ import annotations

import argparse
import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.baseline import regressions
from ipy_branchcov.config import load_config, shortfall
from ipy_branchcov.errors import BranchcovError, UsageError
from ipy_branchcov.files import with_texts, write_reports
from ipy_branchcov.kernels import KernelSession, cell_label
from ipy_branchcov.model import schema
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.reports import summary
from ipy_branchcov.session import Session
from ipy_branchcov.sources import display_name, resolve
from ipy_branchcov.storage import load
from ipy_branchcov.subprocesses import Processes

_PLACES = {"html": "htmlbranchcov", "json": "branchcov.json", "lcov": "branchcov.lcov", "cobertura": "branchcov.xml"}


class MeasuredRun:
    """A plugin of pytest, registered while a run is measured. Raises BranchcovError for what cannot be measured."""

    def __init__(self, config: pytest.Config, options: argparse.Namespace):
        self._config = config
        self._options = options
        self._settings = load_config(Path.cwd())
        named = [spec for spec in options.branchcov_source if spec] or list(self._settings.source)
        self._named = bool(named)
        self._sources = named or ["."]
        self._late: list[str] = []
        self._found: list[Coverage] = []
        #: One line for each piece of data that is missing.
        self._lost: list[str] = []
        self._notes: list[str] = []
        #: The kernels of notebooks by their clients; None: not measured (any more).
        self._kernels: dict[Any, KernelSession | None] = {}
        self._told: list[str] = []
        self._failures: list[str] = []
        self._baseline = None if options.branchcov_baseline is None else load(Path(options.branchcov_baseline))
        self.session = Session(
            config=replace(self._settings, source=()),
            counts=options.branchcov_counts,
            tracer=options.branchcov_tracer,
            values=False,  # reports of CI are no place for what tests' variables hold
        )
        for spec in self._sources:
            try:
                self.session.add_source(spec)
            except UsageError:
                self._late.append(spec)
        self._processes: Processes | None = None
        self.session.start("pytest")
        config.add_cleanup(self.session.close)

    def add_late_sources(self) -> None:
        """Sources that only a conftest file made importable. Raises UsageError."""
        for spec in self._late:
            self.session.add_source(spec)
        self._late.clear()
        if self._options.branchcov_subprocess:
            self._processes = Processes(
                self._places(), self._settings, counts=self.session.counts, tracer=self._options.branchcov_tracer
            )
            self._config.add_cleanup(self._processes.close)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Arms are taken first by tests, where the tracer can tell when."""
        self.session.called(item.nodeid)
        try:
            return (yield)
        finally:
            self.session.called("pytest")

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

    def _before_cell(self, item: Any) -> None:
        """Measure the kernel from its first cell on, and name the cell."""
        kernel = item.parent.kernel
        if kernel is None or not kernel.is_alive():
            return
        name = display_name(str(item.path))
        try:
            if kernel.kc not in self._kernels:
                self._kernels[kernel.kc] = self._begin_kernel(kernel, name)
            session = self._kernels[kernel.kc]
            if session is not None:
                session.name_cell(_label(item))
        except BranchcovError as error:
            self._kernels[kernel.kc] = None
            self._lost.append(f"{name}: not measured: {error}")

    def _begin_kernel(self, kernel: Any, name: str) -> KernelSession | None:
        if kernel.language != "python":
            self._notes.append(f"{name}: its kernel runs {kernel.language}, which is not measured")
            return None
        session = KernelSession(kernel.kc)
        session.start(self._places(), self.session.counts, self._options.branchcov_tracer, values=False)
        return session

    def _places(self) -> list[str]:
        """The sources as paths: a kernel runs in another folder, and may not find a module by its name."""
        return [place for spec in self._sources for places in resolve(spec) for place in places]

    def _after_cell(self, item: Any) -> None:
        """Bring what the cell did at once: nbval kills its kernels, and cells can."""
        kernel = item.parent.kernel
        session = None if kernel is None else self._kernels.get(kernel.kc)
        if session is None:
            return
        if not kernel.is_alive():
            self._kernels[kernel.kc] = None
            self._lost.append(f"{_label(item)}: its kernel died, so what it did was not measured")
            return
        try:
            self._found.append(session.collect(_label(item)))
        except BranchcovError as error:
            self._lost.append(f"{_label(item)}: lost: {error}")

    # --- workers of xdist

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self) -> None:
        """Tests run in workers, and each of those looks after the processes that it starts."""
        if self._processes is not None:
            self._processes.close()
            self._processes = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        data = getattr(node, "workeroutput", {}).get("branchcov")
        if data is None:
            self._lost.append(f"worker {node.gateway.id}: crashed, and what it measured is lost")
            return
        told = json.loads(data)
        self._lost += told["lost"]
        self._notes += told["notes"]
        self._found.append(schema.loads(told["coverage"], f"worker {node.gateway.id}"))

    # --- the end

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._processes is not None:
            found, lost = self._processes.collect()
            self._found += found
            self._lost += lost
        coverage = merge([self.session.stop(), *self._found])
        worker = getattr(self._config, "workeroutput", None)
        if worker is not None:
            worker["branchcov"] = json.dumps(
                {"coverage": schema.dumps(coverage), "lost": self._lost, "notes": self._notes}
            )
            return
        if self._config.option.collectonly:
            return
        if self._named:
            coverage = merge([coverage, self.session.never_imported(coverage)])
        try:
            self._tell(with_texts(coverage))
        except BranchcovError as error:
            self._failures.append(str(error))
        if self._failures and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _tell(self, coverage: Coverage) -> None:
        reports = self._options.branchcov_report or [("term", "")]
        places = {kind: place or _PLACES[kind] for kind, place in reports if kind in _PLACES}
        missing = any(kind == "term-missing" for kind, _ in reports)
        if missing or any(kind == "term" for kind, _ in reports):
            self._told = summary.render(coverage, missing=missing).splitlines()
        threshold = self._options.branchcov_fail_under
        threshold = self._settings.fail_under if threshold is None else threshold
        if (line := shortfall(coverage.totals, threshold)) is not None:
            self._failures.append(line)
        if self._baseline is not None:
            self._failures += regressions(self._baseline, coverage)
        if self._lost and (threshold is not None or self._baseline is not None):
            self._failures.append(f"{len(self._lost)} lost: what is not known cannot pass")
        write_reports(coverage, **{f"{kind}_to": place for kind, place in places.items()})
        self._told += [f"{kind} report written to {place}" for kind, place in places.items()]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not (self._told or self._notes or self._lost or self._failures):
            return
        terminalreporter.section("branch coverage")
        for line in self._told:
            terminalreporter.line(line)
        for line in self._notes:
            terminalreporter.line(f"note: {line}")
        for line in self._lost:
            terminalreporter.line(f"LOST {line}", yellow=True)
        for line in self._failures:
            terminalreporter.line(f"FAIL {line}", red=True, bold=True)


def _is_cell(item: pytest.Item) -> bool:
    return type(item).__module__.startswith("nbval.")


def _label(item: Any) -> str:
    number = next(i for i, cell in enumerate(item.parent.nb.cells, 1) if cell is item.cell)
    return cell_label(Path(display_name(str(item.path))), item.cell, number)
