"""The command line: run notebooks and scripts and measure them; report and merge what was measured."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from ipy_branchcov.bytecode.unseen import unseen
from ipy_branchcov.command_line import parsers
from ipy_branchcov.data.diff import compare
from ipy_branchcov.data.files import load, save, write_whole
from ipy_branchcov.errors import BranchcovError, UsageError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.selection import covered_by, is_below, is_chosen
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.processes.bottom import at_bottom
from ipy_branchcov.processes.modules import run_module
from ipy_branchcov.processes.program import Report, run_script
from ipy_branchcov.processes.targets import Asked, Program, split
from ipy_branchcov.reports import differences
from ipy_branchcov.reports.files import with_texts
from ipy_branchcov.reports.printed import print_text, show
from ipy_branchcov.session.config import check_sources, is_source, load_config, separate, with_absolute_globs
from ipy_branchcov.session.options import ReportOptions, RunOptions, SuggestOptions
from ipy_branchcov.session.paths import in_canonical_places
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.session.session import Session
from ipy_branchcov.session.table import Door
from ipy_branchcov.session.total import appended


def start() -> int:
    """The command ``branchcov``: :func:`main`, where this process is there for nothing else."""
    return main(process=True)


def main(argv: Sequence[str] | None = None, stdout: TextIO | None = None, *, process: bool = False) -> int:
    """Run a command; return its exit status: 0, 1 for a failure, 2 below the threshold or for bad usage.

    ``process``: it is the exit status of this process, and nothing follows; a script may begin when we have left.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        parser, run = parsers()
        asked = split(arguments[1:], run.values) if arguments[:1] == ["run"] else None
        parsed = parser.parse_args(arguments if asked is None else ["run", *asked.ours])
        return _command(parsed, asked, stdout or sys.stdout, at_bottom if process else _here)
    except BranchcovError as error:
        return _failed(error)


def _failed(error: BranchcovError) -> int:
    print(f"branchcov: {error}", file=sys.stderr)
    return 2 if isinstance(error, UsageError) else 1


def _here(run: Callable[[], int]) -> int:
    return run()


def _command(
    parsed: argparse.Namespace, asked: Asked | None, stdout: TextIO | None, call: Callable[[Callable[[], int]], int]
) -> int:
    """Make the options from what was parsed, and run the command.

    ``asked``: what ``run`` is to run. ``call``: calls what runs a program.
    """
    if parsed.command == "selftest":
        from ipy_branchcov.selftest.run import selftest

        return selftest(stdout or sys.stdout)
    if parsed.command == "diff":
        return _diff(parsed.inputs, parsed.json, stdout)
    sourced = asked is None or bool(parsed.source)  # what is in data was chosen when it was measured
    settings = load_config(Path.cwd(), parsed.config and Path(parsed.config), say=_say, sourced=sourced)
    if parsed.command == "merge":
        save(_summed(parsed.inputs, settings), parsed.out, values=bool(parsed.values))
        return 0
    if parsed.command == "suggest":
        return _suggest(parsed, settings, stdout or sys.stdout)
    door = Door.REPORT if asked is None else Door.RUN
    if asked is not None:
        parsed.source = separate(parsed.source or ())
    options, report = _options(parsed, door, settings)
    if asked is None:
        coverage = _selected(_summed(parsed.inputs, options), options, report)
        return show(with_texts(coverage), options, report, stdout)
    former = _former(report)
    if asked.program is not None:
        session = _session(asked.program, options, settings.source)
        return call(partial(_run, asked.program, session, partial(_ended, options, report, stdout, former)))
    # asyncio and ssl come with it: a program that runs in this process has no use for them, and its collector would
    # walk through their ten thousand objects.
    from ipy_branchcov.processes.notebook_runs import run_notebooks

    paths = _checked(asked)
    # A notebook's kernel runs in the notebook's folder, so that folder's configuration holds.
    parsed.source = _absolute(parsed.source)
    runs = [(path, _options(parsed, door, _notebook_config(path, report.config, sourced=sourced))[0]) for path in paths]
    coverage, status = run_notebooks(runs, options.jobs)
    coverage = merge([coverage, *(_never_imported(coverage, options) for options in dict.fromkeys(o for _, o in runs))])
    coverage = with_texts(appended(former, coverage))  # a kernel does not send the texts of files
    if report.data:
        save(coverage, report.data, values=report.values)
    gate = show(coverage, options, report, stdout, run=[path.resolve() for path in paths])
    return status or gate


# --- run


@unseen
def _run(program: Program, session: Session, report: Report) -> int:
    try:
        if program.by_import:
            return run_module(program, session, report)
        return run_script(Path(program.name), program.arguments, session, report)
    except BranchcovError as error:
        return _failed(error)


def _say(line: str) -> None:
    print(f"branchcov: {line}", file=sys.stderr)


def _notebook_config(path: Path, file: Path | None, *, sourced: bool) -> RunOptions:
    """The configuration of a notebook's folder; that of the current one was announced already. Raises UsageError."""
    here = path.resolve().parent == Path.cwd()
    return load_config(path.parent, file, say=(lambda line: None) if here or file else _say, sourced=sourced)


def _options(parsed: argparse.Namespace, door: Door, settings: RunOptions) -> tuple[RunOptions, ReportOptions]:
    """The options of the command line, over the settings. Raises UsageError."""
    report = ReportOptions().overridden(**ReportOptions.read(door, vars(parsed)))
    options = settings.overridden(**RunOptions.read(door, vars(parsed)))
    return with_absolute_globs(replace(options, values=report.values), Path.cwd()), report  # only files would have them


def _former(report: ReportOptions) -> Coverage:
    """What a run is added to. Raises UsageError, DataError."""
    if report.append and report.data is None:
        raise UsageError("--append: adds to a data file; name it with --data")
    return load(report.data) if report.append and report.data and report.data.exists() else Coverage()


def _checked(asked: Asked) -> list[Path]:
    """The notebooks that are to run. Raises UsageError."""
    if not asked.notebooks:
        raise UsageError("error: the following arguments are required: TARGET; try branchcov run --help")
    for name in asked.notebooks:
        if not os.path.isfile(name):  # noqa: PTH113 False for a path that is too long, too
            raise UsageError(f"{name}: no such file; check the path")
    if asked.passed:
        raise UsageError("a notebook takes no arguments; remove what follows --")
    return [Path(name) for name in asked.notebooks]


def _never_imported(coverage: Coverage, options: RunOptions) -> Coverage:
    """The files of the sources that no kernel imported, all missed, but for modules that only kernels find."""
    return Session(replace(options, source=tuple(filter(is_source, options.source)))).never_imported(coverage)


def _ended(
    options: RunOptions,
    report: ReportOptions,
    stdout: TextIO | None,
    former: Coverage,
    coverage: Coverage,
    abrupt: bool,
) -> int:
    """Report a program's coverage when it has ended; return the exit status of the gates.

    ``former``: what it is added to. ``abrupt``: what the script left in its buffers is not to be written.
    """
    try:
        if report.append:
            coverage = with_texts(appended(former, coverage))
        if report.data:
            save(coverage, report.data, values=report.values)
        with _beside(stdout) if abrupt else nullcontext(_flushed(stdout)) as stream:
            return show(coverage, options, report, stream, named=False)
    except BranchcovError as error:
        print(f"branchcov: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("branchcov: interrupted before everything was written", file=sys.stderr)
        return 130


def _flushed(stdout: TextIO | None) -> TextIO | None:
    """The stream after the script's own output; None where that fails: the interpreter reports it at its end."""
    try:
        if stdout is not None and not stdout.closed:
            stdout.flush()
    except (OSError, ValueError):  # it may have been detached
        return None
    return stdout


@contextmanager
def _beside(stdout: TextIO | None) -> Iterator[TextIO | None]:
    """A stream into the same file, beside the buffer of the given one."""
    try:
        number = -1 if stdout is None else stdout.fileno()
    except (OSError, ValueError):
        number = -1
    if number < 0:
        yield None
        return
    with open(number, "w", encoding=getattr(stdout, "encoding", None), closefd=False) as stream:
        yield stream


def _absolute(sources: Iterable[str]) -> list[str]:
    """Absolute paths, for a kernel that runs in its notebook's folder; modules as they are."""
    return [os.path.realpath(source) if os.path.exists(source) else source for source in sources]  # noqa: PTH110


def _session(program: Program, options: RunOptions, configured: tuple[str, ...]) -> Session:
    """The session that measures a program. ``configured``: the sources that pyproject.toml names. Raises UsageError."""
    if not sys.flags.safe_path and program.module:  # modules and sources are found from there
        sys.path[0] = program.search_path()
    program.check()
    if not sys.flags.safe_path and not program.module:
        sys.path[0] = program.search_path()
    for spec in options.source:
        check_sources([spec], "[tool.branchcov] source" if spec in configured else "--source")
    # Patterns of files that are to be measured say more than the program's own place.
    session = Session(options)
    if not options.source:  # nobody named it, so its files that are never imported do not count
        session.add_source("." if options.include else program.own_source())
    return session


# --- report, merge, diff


def _diff(files: Sequence[Path], place: Path | None, stdout: TextIO | None) -> int:
    """Print what changed; return 2 where an outcome was lost, or was not measured, else 0. Raises DataError."""
    old, new = (with_texts(load(path)) for path in files)
    diff = compare(old, new, _still_there)
    if place is not None:
        write_whole(place, differences.to_json(diff))
    print_text(differences.render(diff), stdout)
    return 2 if diff.lost or diff.unmeasured else 0


def _still_there(name: str) -> bool:
    return os.path.isfile(name.partition("#")[0])  # noqa: PTH113 False for a name that is too long, too


def _summed(files: list[Path], options: RunOptions) -> Coverage:
    """The sum of data files, its sources where ``paths`` in the configuration says. Raises DataError."""
    return in_canonical_places(merge(load(path) for path in files), options.paths, Scope())


def _selected(coverage: Coverage, options: RunOptions, report: ReportOptions) -> Coverage:
    """The sources that ``omit`` and ``include`` leave; of these and these contexts, where some are named.

    Raises UsageError.
    """
    only, context = separate(report.only), report.context
    measured, coverage = coverage, coverage.select(lambda each: _is_chosen(each, options))
    if measured.sources and not coverage.sources:
        raise UsageError("omit and include leave nothing of what was measured; check their patterns")
    if only:
        coverage = coverage.select(lambda each: any(is_below(each.source, spec) for spec in only))
        if not coverage.sources:
            raise UsageError(f"--source {' '.join(only)}: the data has nothing of it")
    if context:
        if not any(o.contexts for source in coverage for branch in source.branches for o in branch.outcomes):
            raise UsageError("--context: the data has no contexts; measure with pytest --branchcov-contexts")
        coverage = covered_by(coverage, lambda name: any(re.search(each, name) for each in context))
    return coverage


def _is_chosen(coverage: SourceCoverage, options: RunOptions) -> bool:
    """Whether a source is to be reported. A cell can be omitted by its notebook; as in a run, all others stay."""
    source = coverage.source
    name = source.name.rpartition("#")[0] if source.kind == "cell" else source.name
    # Globs start in the folder of their settings. Data may come from another one, where its files have other paths.
    names = {name, os.path.abspath(name), source.path or name}  # noqa: PTH100 no link is followed that data names
    return is_chosen(sorted(names), options.omit, () if source.kind == "cell" else options.include)


# --- suggest


def _suggest(parsed: argparse.Namespace, settings: RunOptions, stdout: TextIO) -> int:
    """Show calls for each function; return 1 where nothing was found for something that is missed."""
    from ipy_branchcov.suggest import shown
    from ipy_branchcov.suggest.of_file import suggest_for
    from ipy_branchcov.suggest.search import Limits

    asked = SuggestOptions().overridden(**SuggestOptions.read(Door.SUGGEST, vars(parsed)))
    coverage = _summed(parsed.data, settings)
    left = 0
    for spec in parsed.targets:
        limits = Limits(asked.seconds, asked.calls)
        with _counting(spec) as progress:
            result, module = suggest_for(spec, coverage, settings, limits, progress, crosshair=asked.crosshair)
        print(shown.tests(result, module) if asked.as_tests else shown.report(result), file=stdout)
        left += len(result.left)
        if result.interrupted:
            return 130
    return 1 if left else 0


@contextmanager
def _counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show in a terminal how many calls were tried, and how many outcomes they covered."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda calls, found: None
        return
    with console.status(f"{what}: …") as status:
        yield lambda calls, found: status.update(f"{what}: {calls:,} calls tried, {found} outcomes covered")
