"""Run notebooks, several at a time, and show how far they are; what stops them stops them all."""

from __future__ import annotations

import signal
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.processes.notebooks import Interrupt, NotebookFailed, NotebookInterrupted, run_notebook
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope


def run_notebooks(runs: list[tuple[Path, RunOptions]], jobs: int) -> tuple[Coverage, int]:
    """Run notebooks with their options, ``jobs`` at a time; return what was measured and the exit status."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("cells"))
    console = Console(stderr=True)
    scope, interrupt = Scope(), Interrupt()
    interrupted: list[NotebookInterrupted] = []
    progress = Progress(*columns, console=console, transient=True)
    with progress if console.is_terminal else nullcontext():  # rich < 14.2 ends a disabled one with an empty line

        def run(one: tuple[Path, RunOptions]) -> tuple[Coverage, int]:
            path, options = one
            task = progress.add_task(str(path), total=None)
            try:
                return run_notebook(path, scope, options, partial(_advance, progress, task), interrupt), 0
            except NotebookInterrupted as error:
                interrupted.append(error)
                return error.coverage, 0
            except NotebookFailed as error:
                if str(error) not in error.coverage.lost:  # else it is reported at the end
                    text = f"branchcov: {error}\n{error.traceback}".rstrip("\n")
                    console.print(Text.from_ansi(text), soft_wrap=True)
                return error.coverage, 1

        with ThreadPoolExecutor(jobs) as pool:  # each thread only waits for a kernel
            futures = [pool.submit(run, one) for one in runs]
            signalled = _wait(futures, interrupt)
    ended = [future.result() for future in futures]
    if interrupted:
        console.print(f"branchcov: {_where(interrupted)}", soft_wrap=True, markup=False, highlight=False)
    status = max(status for _, status in ended)
    return merge(coverage for coverage, _ in ended), 128 + signalled if signalled else status


def _wait(futures: list[Future[tuple[Coverage, int]]], interrupt: Interrupt) -> int:
    """Wait for notebooks; return the signal that stopped them, 0 for none.

    Ctrl-C or SIGTERM interrupts the cells that run; the second one kills their kernels.
    """

    signalled = 0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal signalled
        signalled = number
        interrupt.ask()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        wait(futures)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return signalled


def _where(interrupted: list[NotebookInterrupted]) -> str:
    """What Ctrl-C stopped, in one line."""
    begun = ", ".join(str(each) for each in interrupted if each.begun)
    waiting = ", ".join(str(each) for each in interrupted if not each.begun)
    parts = (begun and f"interrupted in {begun}; no cell below ran", waiting and f"not run: {waiting}")
    return "; ".join(filter(None, parts))


def _advance(progress: Progress, task: TaskID, done: int, cells: int) -> None:
    progress.update(task, completed=done, total=cells)
