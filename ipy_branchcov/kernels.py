"""A session in another kernel: begun there, its coverage brought here after every cell.

What runs in the kernel are single expressions, executed silently: no name in the user's namespace, no history.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ipy_branchcov.errors import BranchcovError, DataError
from ipy_branchcov.model import schema
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.sources import named_from_here

_HERE = "__import__('ipy_branchcov.kernels', fromlist=['kernels'])"
_collected: list[Coverage] = []


# --- in the kernel


def start(source: Sequence[str], counts: bool, tracer: str, values: bool) -> None:
    """Measure every cell from now on, through the extension (which a notebook may load and use as well)."""
    from IPython.core.getipython import get_ipython

    import ipy_branchcov
    from ipy_branchcov.subprocesses import leave

    leave()
    shell = get_ipython()
    ipy_branchcov.load_ipython_extension(shell)
    magics = getattr(shell, ipy_branchcov._KEY).magics
    magics.session.observers.append(_collected.append)
    magics.hooks.automatic = argparse.Namespace(source=list(source), counts=counts, tracer=tracer, no_values=not values)


def name_cell(label: str) -> None:
    """The next cell to run is called so."""
    from IPython.core.getipython import get_ipython

    import ipy_branchcov

    getattr(get_ipython(), ipy_branchcov._KEY).magics.hooks.cells.next_label = label


def collect() -> str:
    """What was measured since the last call, as JSON."""
    text = schema.dumps(merge(_collected))
    _collected.clear()
    return text


# --- here


def _start_expression(source: Sequence[str], counts: bool, tracer: str, values: bool) -> str:
    return f"{_HERE}.start({list(source)!r}, {counts!r}, {tracer!r}, {values!r})"


def _brought(text: str, name: str) -> Coverage:
    """What a kernel collected; files are named from here, not from the kernel's folder. Raises DataError."""
    return named_from_here(schema.loads(text, name))


def cell_label(path: Path, cell: Any, number: int) -> str:
    """What a notebook's cell is called: its id, or its number where it has none (before nbformat 4.5)."""
    return f"{path.as_posix()}#{cell.get('id') or number}"


class KernelSession:
    """A session in a kernel that somebody else runs, through a blocking client of theirs.

    Every method raises DataError where the kernel does not answer as it should.
    """

    def __init__(self, client: Any):
        self._client = client

    def start(self, source: Sequence[str], counts: bool, tracer: str, *, values: bool) -> None:
        self._value(_start_expression(source, counts, tracer, values))

    def name_cell(self, label: str) -> None:
        """The next cell to run is called so."""
        self._value(f"{_HERE}.name_cell({label!r})")

    def collect(self, name: str) -> Coverage:
        """What was measured since the last call. ``name`` stands in messages."""
        return _brought(self._value(f"{_HERE}.collect()"), name)

    def _value(self, expression: str) -> str:
        from queue import Empty

        try:
            return _read_reply(self._client.execute(**_request(expression), reply=True, timeout=60))
        except (Empty, TimeoutError, RuntimeError) as error:
            raise DataError(f"the kernel gives no answer ({type(error).__name__})") from None


class NotebookFailed(BranchcovError):
    """A cell failed; what was measured before is in ``coverage``."""

    def __init__(self, message: str, coverage: Coverage):
        super().__init__(message)
        self.coverage = coverage


def run_notebook(
    path: Path,
    *,
    source: Sequence[str] = (),
    counts: bool = False,
    tracer: str = "auto",
    values: bool = True,
    progress: Callable[[int, int], None] = lambda done, cells: None,
) -> Coverage:
    """Run a notebook in a fresh kernel, every cell measured; cells are called ``path#CELL-ID``.

    ``progress`` is told the cells done and their number. Raises DataError for what is no notebook, NotebookFailed
    when a cell fails.
    """
    try:
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, DeadKernelError
    except ImportError as error:
        raise DataError(f"running notebooks needs {error.name}: pip install 'ipy-branchcov[run]'") from None
    notebook = _read(path)
    cells = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    folder = str(path.resolve().parent)
    # That its port is not encrypted, that it was interrupted when it ended: not what the reader wants to know.
    quiet = ["--log-level=CRITICAL"]
    client = NotebookClient(notebook, timeout=None, extra_arguments=quiet, resources={"metadata": {"path": folder}})
    found: list[Coverage] = []
    label = str(path)

    async def run() -> None:
        nonlocal label
        async with client.async_setup_kernel(env=_environment()):
            kernel_manager: Any = client.km
            await _evaluate(client, _start_expression(source, counts, tracer, values))
            for done, i in enumerate(cells):
                progress(done, len(cells))
                label = cell_label(path, notebook.cells[i], i + 1)
                await _evaluate(client, f"{_HERE}.name_cell({label!r})")
                try:
                    await client.async_execute_cell(notebook.cells[i], i)
                finally:
                    if await kernel_manager.is_alive():
                        found.append(_brought(await _evaluate(client, f"{_HERE}.collect()"), str(path)))
            progress(len(cells), len(cells))

    try:
        asyncio.run(run())
    except CellExecutionError as error:
        raise NotebookFailed(f"{label}: failed; no cell below it ran\n{error.traceback}", merge(found)) from None
    except DeadKernelError:
        raise NotebookFailed(f"{label}: the kernel died in it, so it was not measured", merge(found)) from None
    except NoSuchKernel as error:
        raise DataError(f"{path}: no kernel {error.name!r} here; python -m ipykernel install installs one") from None
    return merge(found)


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


async def _evaluate(client: Any, expression: str) -> str:
    """The value of an expression in the kernel. Raises DataError where it fails."""
    return _read_reply(await client.kc.execute(**_request(expression), reply=True, timeout=60))


def _request(expression: str) -> dict[str, Any]:
    return {"code": "", "silent": True, "user_expressions": {"x": expression}}


def _read_reply(reply: Any) -> str:
    from ast import literal_eval

    result = reply["content"].get("user_expressions", {}).get("x", {"status": "error", "evalue": "not IPython"})
    if result["status"] != "ok":
        missing = result.get("ename") == "ModuleNotFoundError"
        hint = "; install ipy-branchcov in its environment" if missing else ""
        raise DataError(f"the kernel cannot measure: {result['evalue']}{hint}")
    return str(literal_eval(result["data"]["text/plain"]))
