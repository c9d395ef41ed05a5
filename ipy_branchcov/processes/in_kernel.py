"""Runs in a kernel: start to measure every cell, name cells, return the coverage. Called through :mod:`.kernels`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ipy_branchcov.data import json_form
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.processes import workers
from ipy_branchcov.processes.children import leave
from ipy_branchcov.session.options import RunOptions

_collected: list[Coverage] = []


def start(changes: Mapping[str, object], folder: str) -> None:
    """Measure every cell from now on, through the extension, which the notebook may load and use as well.

    ``changes``: the options of the run that starts this, where they differ from the defaults; the others are the
    kernel's own. ``folder``: where the processes that cells start leave their data.
    """
    leave()
    extension = _extension()
    extension.leave_data_in(Path(folder))
    extension.session.observers.append(_collected.append)
    extension.measure_cells(RunOptions.unpack(changes, lambda row: row.name))


def name_cell(label: str) -> None:
    """Name the next cell that runs."""
    _extension().name_cell(label)


def _extension() -> Any:
    """The extension of this kernel's shell, loaded where it is not."""
    from IPython.core.getipython import get_ipython

    import ipy_branchcov

    shell = get_ipython()
    ipy_branchcov.load_ipython_extension(shell)
    return getattr(shell, ipy_branchcov._KEY)


def collect() -> str:
    """Return what was measured since the last call, as JSON."""
    text = json_form.dumps(merge(_collected), values=True)
    _collected.clear()
    return text


def end_workers() -> str:
    """End this kernel's pools of processes: a kernel that is killed leaves them behind, with what they covered."""
    workers.end_workers()
    return ""
