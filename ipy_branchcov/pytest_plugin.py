"""``pytest --branchcov``: the tests' own process and, with nbval, the kernels of notebooks, measured in one run."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ipy_branchcov.measured_run import MeasuredRun

#: The name under which the run is registered, and the key of a worker's data.
_NAME = "_branchcov"
REPORTS = ("term", "term-missing", "html", "json", "lcov", "cobertura")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; nothing else of the package is imported before one of them is used."""
    group = parser.getgroup("branchcov", "branch coverage inside the lines")
    group.addoption(
        "--branchcov",
        action="append",
        nargs="?",
        const="",
        default=[],
        metavar="SOURCE",
        dest="branchcov_source",
        help="Measure the tests and the notebooks of --nbval: a module or folder behind '=' (repeatable), or all below "
        "the current folder.",
    )
    group.addoption(
        "--branchcov-report",
        action="append",
        type=_report,
        default=[],
        metavar="TYPE",
        help=f"Kind of report (repeatable): {', '.join(REPORTS)}; the last four with ':PLACE' go there.",
    )
    group.addoption(
        "--branchcov-fail-under",
        type=_percent,
        metavar="PERCENT",
        help="Fail when the total is below, or data is lost.",
    )
    group.addoption(
        "--branchcov-baseline",
        metavar="FILE",
        help="Fail when an arm that this JSON report took, in unchanged source, is not taken any more.",
    )
    group.addoption(
        "--branchcov-subprocess", action="store_true", help="Measure the Python processes that tests start, too."
    )
    group.addoption("--branchcov-counts", action="store_true", help="Exact hit counts.")
    group.addoption("--branchcov-tracer", default="auto", metavar="NAME", help="The tracing mechanism.")
    group.addoption("--no-branchcov", action="store_true", help="Do not measure, whatever else is said.")


def _report(value: str) -> tuple[str, str]:
    """Kind and place of a report."""
    kind, _, place = value.partition(":")
    if kind not in REPORTS:
        raise argparse.ArgumentTypeError(f"no report is called {kind!r}; there are {', '.join(REPORTS)}")
    if place and kind.startswith("term"):
        raise argparse.ArgumentTypeError(f"{kind} goes to the terminal, not to {place!r}")
    return kind, place


def _percent(value: str) -> float:
    from ipy_branchcov.config import check_percent
    from ipy_branchcov.errors import UsageError

    try:
        return check_percent(float(value), "--branchcov-fail-under")
    except (ValueError, UsageError):
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 100, not {value!r}") from None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, Any, Any]:
    """Begin before anything of the project is imported: conftest files import it."""
    _give_back(early_config, parser, args)
    _begin(early_config, early_config.known_args_namespace)
    result = yield
    if (run := _run(early_config)) is not None:
        _or_usage_error(run.add_late_sources)
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Begin where a conftest file brought this plugin: too late for what that imported."""
    if _run(config) is None:
        _begin(config, config.option)
        if (run := _run(config)) is not None:
            _or_usage_error(run.add_late_sources)


def _give_back(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """``--branchcov PATH``: a source stands behind ``=``, so the path is pytest's own."""
    if "--branchcov" not in args:
        return
    args[:] = ["--branchcov=" if each == "--branchcov" else each for each in args]
    known = parser.parse_known_args(args, namespace=copy.copy(config.option))
    vars(config.known_args_namespace).update(vars(known))


def _begin(config: pytest.Config, options: argparse.Namespace) -> None:
    if not options.branchcov_source or options.no_branchcov or _run(config) is not None:
        return
    from ipy_branchcov.measured_run import MeasuredRun

    run = _or_usage_error(lambda: MeasuredRun(config, options))
    config.pluginmanager.register(run, _NAME)


def _run(config: pytest.Config) -> MeasuredRun | None:
    run: MeasuredRun | None = config.pluginmanager.get_plugin(_NAME)
    return run


def _or_usage_error(call: Any) -> Any:
    from ipy_branchcov.errors import BranchcovError

    try:
        return call()
    except BranchcovError as error:
        raise pytest.UsageError(f"branchcov: {error}") from None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The cells of a notebook need one kernel, so they go to one worker; other tests as xdist would send them."""
    option = config.option
    if not (getattr(option, "nbval", False) or getattr(option, "nbval_lax", False)) or _run(config) is None:
        return None
    from xdist.scheduler import LoadGroupScheduling, LoadScopeScheduling

    if option.dist not in ("load", "worksteal", "loadgroup"):
        return None
    base = LoadGroupScheduling if option.dist == "loadgroup" else LoadScopeScheduling

    class WholeNotebooks(base):  # type: ignore[misc,valid-type]
        def _split_scope(self, nodeid: str) -> str:
            if ".ipynb::" in nodeid:
                return nodeid.split("::", 1)[0]
            return super()._split_scope(nodeid) if option.dist == "loadgroup" else nodeid

    return WholeNotebooks(config, log)
