"""The command line: run notebooks and scripts under measurement, report and merge what was measured."""

from __future__ import annotations

import argparse
import importlib.machinery
import io
import os
import shutil
import sys
import threading
import types
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from ipy_branchcov import __version__, collector
from ipy_branchcov.config import check_percent, load_config, shortfall
from ipy_branchcov.errors import BranchcovError, UsageError
from ipy_branchcov.files import with_texts, write_reports
from ipy_branchcov.kernels import NotebookFailed, run_notebook
from ipy_branchcov.model.coverage import Coverage, SourceCoverage, merge
from ipy_branchcov.reports import terminal
from ipy_branchcov.session import Session
from ipy_branchcov.sources import read_source
from ipy_branchcov.storage import load, save
from ipy_branchcov.tracing.tracer import tracer_names


def main(argv: Sequence[str] | None = None, stdout: TextIO | None = None) -> int:
    """Run a command; return its exit status: 0, 1 for a failure, 2 below the threshold or for bad usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    passed: list[str] = []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, passed = arguments[:cut], arguments[cut + 1 :]
    options = _parser().parse_args(arguments)
    try:
        if options.fail_under is not None:
            check_percent(options.fail_under, "--fail-under")
        return int(options.command(options, passed, stdout or sys.stdout))
    except BranchcovError as error:
        print(f"branchcov: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("branchcov", description="Branch coverage inside the lines.")
    parser.add_argument("--version", action="version", version=f"branchcov {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run notebooks (in fresh kernels) or a Python script, measured")
    run.add_argument("targets", nargs="+", metavar="TARGET", help="a notebook, or a script; its arguments go behind --")
    run.add_argument("-j", "--jobs", type=_jobs, default=1, metavar="N", help="run N notebooks at a time")
    run.add_argument("--tracer", default="auto", help=f"the tracing mechanism: {' or '.join(tracer_names())}")
    run.add_argument("--no-values", action="store_true", help="keep the values of variables out of what is written")
    run.add_argument("--data", metavar="FILE", help="keep what was measured in this file")
    _reporting(run)
    run.set_defaults(command=_run)

    report = commands.add_parser("report", help="show what data files hold")
    report.add_argument("data", nargs="+", type=Path, metavar="DATA")
    _reporting(report)
    report.set_defaults(command=_report)

    joined = commands.add_parser("merge", help="sum data files into one")
    joined.add_argument("data", nargs="+", type=Path, metavar="DATA")
    joined.add_argument("-o", "--out", type=Path, required=True, metavar="FILE")
    joined.set_defaults(command=_merge, fail_under=None)
    return parser


def _jobs(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1 on, not {value!r}")
    return int(value)


def _reporting(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("report")
    group.add_argument("--source", action="append", default=[], metavar="MODULE|DIR", help="measure or show these")
    group.add_argument("--counts", action="store_true", help="exact hit counts")
    group.add_argument("--missed", action="store_true", help="only places with missed arms")
    group.add_argument("--html", type=Path, metavar="DIR", help="write an HTML report into this folder")
    group.add_argument("--json", type=Path, metavar="FILE", help="write JSON")
    group.add_argument("--lcov", type=Path, metavar="FILE", help="write an LCOV tracefile")
    group.add_argument("--cobertura", type=Path, metavar="FILE", help="write Cobertura XML")
    group.add_argument("--fail-under", type=float, metavar="PERCENT", help="exit with status 2 when below")


# --- run


def _run(options: argparse.Namespace, passed: list[str], stdout: TextIO) -> int:
    paths = [Path(target) for target in options.targets]
    for path in paths:
        if path.suffix not in (".ipynb", ".py"):
            raise UsageError(f"{path}: neither a notebook (.ipynb) nor a Python script (.py)")
        if not path.is_file():
            raise UsageError(f"{path}: no such file; check the path")
    scripts = [path for path in paths if path.suffix == ".py"]
    if scripts and len(paths) > 1:
        raise UsageError(f"{scripts[0]}: a script runs alone; arguments for it go behind --")
    if passed and not scripts:
        raise UsageError("arguments behind -- are for a script; a notebook takes none")
    if scripts:
        coverage, status = _run_script(scripts[0], passed, options)
    else:
        coverage, status = _run_notebooks(paths, options)
        coverage = with_texts(coverage)  # those of modules stayed where they are
    if options.data:
        save(coverage, Path(options.data))
    threshold = _show(coverage, options, stdout, named=not scripts)
    return status or threshold


def _run_notebooks(paths: list[Path], options: argparse.Namespace) -> tuple[Coverage, int]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("cells"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def run(path: Path) -> tuple[Coverage, int]:
            task = progress.add_task(str(path), total=None)
            try:
                coverage = run_notebook(
                    path,
                    source=[*load_config(path.parent).source, *_absolute(options.source)],
                    counts=options.counts,
                    tracer=options.tracer,
                    values=not options.no_values,
                    progress=partial(_advance, progress, task),
                )
            except NotebookFailed as error:
                console.print(Text.from_ansi(f"branchcov: {error}"), soft_wrap=True)
                return error.coverage, 1
            return coverage, 0

        with ThreadPoolExecutor(options.jobs) as pool:  # each only waits for a kernel
            ended = list(pool.map(run, paths))
    return merge(coverage for coverage, _ in ended), max(status for _, status in ended)


def _advance(progress: Progress, task: TaskID, done: int, cells: int) -> None:
    progress.update(task, completed=done, total=cells)


def _absolute(sources: list[str]) -> list[str]:
    """Paths from here, for a kernel that runs in its notebook's folder; modules as they are."""
    return [str(Path(source).resolve()) if Path(source).exists() else source for source in sources]


def _run_script(path: Path, passed: list[str], options: argparse.Namespace) -> tuple[Coverage, int]:
    """Run a script as ``python path`` does: its output, exit status and traceback are its own."""
    session = Session(
        config=load_config(Path.cwd()), counts=options.counts, tracer=options.tracer, values=not options.no_values
    )
    source = read_source(str(path.resolve()))
    if source is None:
        raise UsageError(f"{path}: cannot be read as Python source")
    if not sys.flags.safe_path:
        sys.path[0] = str(path.resolve().parent)
    for spec in options.source or ([] if session.config.source else [str(path)]):
        session.add_source(spec)
    module = types.ModuleType("__main__")
    filename = os.path.abspath(path)  # noqa: PTH100 links stay, as the interpreter leaves them
    module.__dict__.update(
        __file__=filename,
        __builtins__=sys.modules["builtins"],
        __loader__=importlib.machinery.SourceFileLoader("__main__", filename),
    )
    sys.argv = [str(path), *passed]
    sys.modules["__main__"] = module
    status = 0
    with session.measuring(str(path)) as run:
        try:
            code = compile(path.read_bytes(), filename, "exec", dont_inherit=True)
            prepared = session.prepare(code)
            with collector.frozen():
                exec(prepared, module.__dict__)
        except SystemExit as error:
            status = _exit_status(error)
        except BaseException as error:
            # Without our own frame, as the interpreter would show it.
            theirs = error.__traceback__.tb_next if error.__traceback__ is not None else None
            sys.excepthook(type(error), error.with_traceback(theirs), theirs)
            status = 130 if isinstance(error, KeyboardInterrupt) else 1
        _join_threads()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    return run.coverage, status


def _join_threads() -> None:
    """Wait for the threads that the interpreter waits for at its end, so that they are measured."""
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()


def _exit_status(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF if os.name == "posix" else error.code
    print(error.code, file=sys.stderr)
    return 1


# --- report, merge


def _report(options: argparse.Namespace, _passed: list[str], stdout: TextIO) -> int:
    coverage = merge(load(path) for path in options.data)
    if options.source:
        roots = [str(Path(spec).resolve()) for spec in options.source]
        coverage = coverage.select(lambda each: _below(each, roots, options.source))
        if not coverage.sources:
            raise UsageError(f"--source {' '.join(options.source)}: nothing of it is in the data")
    return _show(with_texts(coverage), options, stdout)


def _below(coverage: SourceCoverage, roots: list[str], names: list[str]) -> bool:
    source = coverage.source
    module = source.name.removesuffix(".py").replace("/", ".")
    return source.name in names or module in names or any(Path(source.path or "").is_relative_to(r) for r in roots)


def _merge(options: argparse.Namespace, _passed: list[str], _stdout: TextIO) -> int:
    save(merge(load(path) for path in options.data), options.out)
    return 0


def _show(coverage: Coverage, options: argparse.Namespace, stdout: TextIO, *, named: bool = True) -> int:
    """Write the reports asked for, or the text; return the exit status for the threshold."""
    wrote = write_reports(
        coverage,
        html_to=options.html,
        json_to=options.json,
        lcov_to=options.lcov,
        cobertura_to=options.cobertura,
    )
    if not wrote:
        color = stdout.isatty() and "NO_COLOR" not in os.environ
        width = shutil.get_terminal_size().columns
        text = terminal.render(
            coverage, missed=options.missed, counts=options.counts, color=color, width=width, named=named
        )
        with suppress(io.UnsupportedOperation):
            print(text, file=stdout, flush=True)
    threshold = options.fail_under if options.fail_under is not None else load_config(Path.cwd()).fail_under
    line = shortfall(coverage.totals, threshold)
    if line:
        print(f"branchcov: {line}", file=sys.stderr)
    return 2 if line else 0
