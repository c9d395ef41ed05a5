"""``pytest --branchcov``: measure the tests' own process and, with nbval, the kernels of notebooks, in one run."""

from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from ipy_branchcov.pytest_plugin import OWN_MODULES
from ipy_branchcov.session.options import ReportOptions, RunOptions
from ipy_branchcov.session.table import Door, Option

if TYPE_CHECKING:
    from ipy_branchcov.pytest_plugin.elsewhere import Elsewhere
    from ipy_branchcov.pytest_plugin.run import MeasuredRun

T = TypeVar("T")
#: The option that names a source also switches the measurement on.
_SWITCH: dict[str, Any] = {
    "nargs": "?",
    "const": "",
    "help": "Measure the tests, and with --nbval the notebooks: the module, folder or file after '=' (repeatable), or "
    "all code below the current folder.",
}
#: The options that can make a run fail.
_GATES = frozenset({"fail_under", "fail_under_mcdc", "baseline"})
#: The name under which the run is registered, and the key of a worker's data.
_NAME = "_branchcov"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options. Until one of them is used, only their table is imported from the package."""
    group = parser.getgroup("branchcov", "branch coverage inside the lines")
    for row in (*RunOptions.rows(Door.PYTEST), *ReportOptions.rows(Door.PYTEST)):
        if not row.is_report:
            flags, keywords = row.argument(Door.PYTEST)
            group.addoption(*flags, **keywords | (_SWITCH if row.name == "source" else {}))
    group.addoption(
        "--branchcov-report",
        action="append",
        type=_report,
        default=[],
        metavar="KIND[:PLACE]",
        help="Kind of report, and where a file goes; term and term-missing take :skip-covered (repeatable): "
        f"{', '.join(_kinds())}.",
    )
    group.addoption("--no-branchcov", action="store_true", help="Do not measure, also where other options ask for it.")


#: What may follow the kinds for the terminal.
_SKIP = "skip-covered"


def _kinds() -> tuple[str, ...]:
    """The kinds of reports: two for the terminal, and every kind that is a file or is printed, with its other names."""
    rows = [row for row in ReportOptions.rows(Door.PYTEST) if row.is_report]
    return "term", "term-missing", *(name for row in rows for name in (row.name, row.alias) if name)


def _report(value: str) -> tuple[str, str]:
    """The kind and the place of a report."""
    kind, _, place = value.partition(":")
    if kind not in _kinds():
        raise argparse.ArgumentTypeError(f"no report is called {kind!r}; there are {', '.join(_kinds())}")
    if place and (kind == "github" or (kind.startswith("term") and place != _SKIP)):
        raise argparse.ArgumentTypeError(f"{kind} goes to the terminal, not to {place!r}")
    return next((row.name for row in ReportOptions.rows(Door.PYTEST) if row.alias == kind), kind), place


def _options(
    given: argparse.Namespace, say: Callable[[str], None] = lambda line: None
) -> tuple[RunOptions, ReportOptions]:
    """The options of the command line, over those of pyproject.toml; sources replace the configured ones.

    ``say`` is called with a line for people about the configuration. Raises BranchcovError.
    """
    from ipy_branchcov.session.config import load_config, separate, with_absolute_globs

    values = vars(given)
    config = values["branchcov_config"]
    source = tuple(separate(spec for spec in values["branchcov_source"] if spec))
    settings = load_config(Path.cwd(), config and Path(config), say=say, sourced=bool(source))
    run = RunOptions.read(Door.PYTEST, values)
    reports = values["branchcov_report"] or [("term", "")]
    rows = [row for row in ReportOptions.rows(Door.PYTEST) if row.is_report]
    asked = {row.dest(Door.PYTEST): _asked(row, reports) for row in rows}
    report = ReportOptions().overridden(**ReportOptions.read(Door.PYTEST, values | asked))
    kinds = {kind for kind, _ in reports}
    skip_covered = settings.skip_covered or any(place == _SKIP for kind, place in reports if kind.startswith("term"))
    # The values of variables may be secrets, and reports of CI are often public.
    options = replace(settings.overridden(**run), source=source or settings.source, values=report.values)
    report = replace(report, missed="term-missing" in kinds, quiet=not kinds & {"term", "term-missing"})
    return with_absolute_globs(replace(options, skip_covered=skip_covered), Path.cwd()), report


def _asked(row: Option, reports: list[tuple[str, str]]) -> str | bool | None:
    """Where to write a report, or that it is to be printed; None where it was not asked for."""
    return next((row.printed or place or row.place for kind, place in reversed(reports) if kind == row.name), None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, Any, Any]:
    """Begin before conftest files import the project."""
    _give_back(early_config, parser, args)
    _begin(early_config, early_config.known_args_namespace)
    result = yield
    _add_late_sources(early_config, early_config.known_args_namespace)
    return result


def pytest_configure(config: pytest.Config) -> None:
    """Begin now where a conftest file loaded this plugin; what that file imported before is not measured."""
    if _run(config) is None:
        _begin(config, config.option)
        _add_late_sources(config, config.option)
    run = _run(config)
    if run is not None:
        _or_usage_error(run.load_former)
    else:  # nothing of ours is imported any more
        OWN_MODULES.end()


def pytest_unconfigure() -> None:
    """Find modules as pytest does again."""
    OWN_MODULES.end()


def _give_back(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Leave the path in ``--branchcov PATH`` to pytest: a source follows ``=``.

    argparse would take the path as the option's value. So ``--branchcov`` becomes ``--branchcov=`` in the list of
    arguments, which pytest parses again after this hook. The list is not restored, because pytest takes its options
    from it; ``config.invocation_params`` keeps what the user typed.
    """
    if "--branchcov" not in args:
        return
    args[:] = ["--branchcov=" if each == "--branchcov" else each for each in args]
    known = parser.parse_known_args(args, namespace=copy.copy(config.option))
    vars(config.known_args_namespace).update(vars(known))


def _begin(config: pytest.Config, options: argparse.Namespace) -> None:
    if options.no_branchcov or _run(config) is not None:
        return
    if not options.branchcov_source:
        _refuse_gates(options)
        return
    from ipy_branchcov.pytest_plugin.run import MeasuredRun

    notes: list[str] = []
    elsewhere = _received()
    if elsewhere is None:
        found = _or_usage_error(lambda: _options(options, notes.append))
    else:  # configuration files may lie where the run stands, and nowhere else
        found = _or_usage_error(elsewhere.options), ReportOptions()
    if hasattr(config, "workerinput"):
        notes.clear()  # the run that started this worker has them
    run = _or_usage_error(lambda: MeasuredRun(config, *found, notes, elsewhere))
    config.pluginmanager.register(run, _NAME)


def _received() -> Elsewhere | None:
    """What the run sent to this process, where that is a worker of xdist that stands elsewhere."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return None
    from ipy_branchcov.pytest_plugin.elsewhere import received

    return received()


def _refuse_gates(options: argparse.Namespace) -> None:
    """Nothing is to be measured. A gate that is asked for all the same would pass on nothing."""
    rows = [*RunOptions.rows(Door.PYTEST), *ReportOptions.rows(Door.PYTEST)]
    for row in rows:
        if row.name in _GATES and getattr(options, row.dest(Door.PYTEST)) is not None:
            spelled = row.argument(Door.PYTEST)[0][0]
            raise pytest.UsageError(f"branchcov: {spelled}: nothing is measured without --branchcov; add it")


def _add_late_sources(config: pytest.Config, options: argparse.Namespace) -> None:
    run = _run(config)
    if run is not None:
        spelled = "--branchcov" if any(options.branchcov_source) else "[tool.branchcov] source"
        _or_usage_error(lambda: run.add_late_sources(spelled))


def _run(config: pytest.Config) -> MeasuredRun | None:
    run: MeasuredRun | None = config.pluginmanager.get_plugin(_NAME)
    return run


def _or_usage_error(call: Callable[[], T]) -> T:
    from ipy_branchcov.errors import BranchcovError

    try:
        return call()
    except BranchcovError as error:
        raise pytest.UsageError(f"branchcov: {error}") from None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send all cells of a notebook to one worker, because they need one kernel; leave other tests to xdist."""
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
