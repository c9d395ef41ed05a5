"""Run a notebook in a fresh kernel, every cell measured."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from pathlib import Path
from typing import Any

from ipy_branchcov.errors import BranchcovError, DataError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.processes import kernels
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope


class NotebookFailed(BranchcovError):
    """A cell failed; what was measured before is in ``coverage``. ``traceback``: the kernel's, coloured, or ""."""

    def __init__(self, message: str, coverage: Coverage, traceback: str = ""):
        super().__init__(message)
        self.coverage = coverage
        self.traceback = traceback


class NotebookInterrupted(BranchcovError):
    """Somebody stopped the run. The message is where: a cell, or a notebook; ``coverage``: what was measured before."""

    def __init__(self, label: str, coverage: Coverage, *, begun: bool):
        super().__init__(label)
        self.coverage = coverage
        #: Whether the notebook had begun.
        self.begun = begun


class Interrupt:
    """Stops the notebooks that run in other threads, and those that have not begun."""

    def __init__(self) -> None:
        self.asked = False
        self._running: dict[object, tuple[asyncio.AbstractEventLoop, Any]] = {}

    @contextmanager
    def cell(self, kernel_manager: Any) -> Iterator[None]:
        """A cell runs inside, in this thread's event loop: what comes meanwhile interrupts its kernel."""
        key = object()
        self._running[key] = asyncio.get_running_loop(), kernel_manager
        try:
            yield
        finally:
            del self._running[key]

    def ask(self) -> None:
        """Interrupt the running cells, so that their notebooks end; kill the kernels where that was asked before."""
        again, self.asked = self.asked, True
        for loop, kernel_manager in list(self._running.values()):
            with suppress(RuntimeError):  # it has just ended
                asyncio.run_coroutine_threadsafe(_stop(kernel_manager, again), loop)


async def _stop(kernel_manager: Any, again: bool) -> None:
    stopping = kernel_manager.shutdown_kernel(now=True) if again else kernel_manager.interrupt_kernel()
    if isawaitable(stopping):
        await stopping


def run_notebook(
    path: Path,
    scope: Scope,
    options: RunOptions,
    progress: Callable[[int, int], None] = lambda done, cells: None,
    interrupt: Interrupt | None = None,
) -> Coverage:
    """Run a notebook in a fresh kernel, every cell measured; cells are called ``path#CELL-ID``.

    ``progress`` is called with the number of cells done and of all. Raises DataError for what is no notebook,
    NotebookFailed when a cell fails, NotebookInterrupted where ``interrupt`` stopped it.
    """
    interrupt = interrupt or Interrupt()
    try:
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import CellExecutionError, DeadKernelError
    except ImportError as error:
        raise DataError(f"running notebooks needs {error.name}: pip install 'ipy-branchcov[run]'") from None
    notebook, name = _read(path), scope.name(str(path.resolve()))
    client = _client(notebook, path)
    if interrupt.asked:
        raise NotebookInterrupted(name, Coverage(), begun=False)
    data = DataFolder()
    running = _Running(notebook, client, name, scope, interrupt, progress)
    found = running.found
    try:
        with _finishing(data, scope, found):
            asyncio.run(running.whole(options, data))
    except CellExecutionError as error:
        raise _ended(
            f"{running.label}: failed; no cell below it ran", running.label, merge(found), interrupt, error.traceback
        ) from None
    except DeadKernelError:
        line = f"{running.label}: the kernel died in it, so it was not measured"
        lost = Coverage(lost=frozenset({line}))
        raise _ended(line, running.label, merge([*found, lost]), interrupt) from None
    except NoSuchKernel as error:
        raise DataError(f"{path}: no kernel {error.name!r} here; python -m ipykernel install installs one") from None
    if interrupt.asked:
        raise NotebookInterrupted(running.label, merge(found), begun=True)
    return merge(found)


@dataclass
class _Running:
    """A notebook whose cells run. ``label``: of the cell that runs; ``found``: what each has found."""

    notebook: Any
    client: Any
    name: str
    scope: Scope
    interrupt: Interrupt
    progress: Callable[[int, int], None]
    found: list[Coverage] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.label = self.name

    async def whole(self, options: RunOptions, data: DataFolder) -> None:
        async with self.client.async_setup_kernel(env=_environment()):
            await _evaluate(self.client, kernels.start_expression(options, data.path))
            try:
                await self._cells()
            finally:
                await _end_workers(self.client, data, self.interrupt)

    async def _cells(self) -> None:
        cells = _code_cells(self.notebook)
        for done, i in enumerate(cells):
            if self.interrupt.asked:
                return
            self.progress(done, len(cells))
            cell = self.notebook.cells[i]
            self.label = kernels.cell_label(self.name, cell, i + 1)
            await _evaluate(self.client, kernels.name_expression(self.label))
            try:
                with self.interrupt.cell(self.client.km):
                    await self.client.async_execute_cell(cell, i)
            finally:
                if await self.client.km.is_alive():
                    answer = await _evaluate(self.client, kernels.COLLECT)
                    self.found.append(kernels.collected(answer, self.name, self.scope))
        self.progress(len(cells), len(cells))


def _code_cells(notebook: Any) -> list[int]:
    """The places of the cells that have code."""
    return [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]


def _client(notebook: Any, path: Path) -> Any:
    """What runs a notebook's kernel in the notebook's folder."""
    from nbclient import NotebookClient

    # That its port is not encrypted, that it was interrupted when it ended: not what the reader wants to know.
    quiet = ["--log-level=CRITICAL"]
    resources = {"metadata": {"path": str(path.resolve().parent)}}
    return NotebookClient(notebook, timeout=None, extra_arguments=quiet, resources=resources)


def _ended(message: str, label: str, coverage: Coverage, interrupt: Interrupt, traceback: str = "") -> BranchcovError:
    """The error for a notebook that ended before its last cell."""
    if interrupt.asked:
        return NotebookInterrupted(label, coverage, begun=True)
    return NotebookFailed(message, coverage, traceback)


def _read(path: Path) -> Any:
    """The notebook in a file. Raises DataError."""
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except Exception:  # nbformat raises its own, json's, and AttributeError for other JSON
        raise DataError(f"{path}: not a Jupyter notebook; open and save it in Jupyter") from None


def _environment() -> dict[str, str]:
    """Ours, without what would make the kernel believe in a live front end."""
    return {key: value for key, value in os.environ.items() if key != "JPY_SESSION_NAME"}


@contextmanager
def _finishing(data: DataFolder, scope: Scope, found: list[Coverage]) -> Iterator[None]:
    """A kernel lives inside. Behind it, its processes have ended, too: add what they left."""
    try:
        yield
    finally:
        found.append(data.finish(scope))


async def _end_workers(client: Any, data: DataFolder, interrupt: Interrupt) -> None:
    """End the kernel's pools of processes: where it ends too slowly, they are killed with it."""
    if data.running() and not interrupt.asked and await client.km.is_alive():
        with suppress(Exception):  # what they covered is then lost, and reported
            await _evaluate(client, kernels.END_WORKERS)


async def _evaluate(client: Any, expression: str) -> str:
    """The value of an expression in the kernel. Raises DataError where it fails."""
    return kernels.read_reply(await client.kc.execute(**kernels.request(expression), reply=True, timeout=60))
