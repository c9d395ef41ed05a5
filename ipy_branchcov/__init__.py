"""Branch coverage inside the lines, for Python, Jupyter, IPython, pytest and the command line.

    import ipy_branchcov as branchcov

    with branchcov.measure("mypackage") as run:
        ...
    print(run.coverage)

Nothing is imported before it is used. State is held by a :class:`Session` and a shell's extension; beside them by
``tracing.probes.registry`` (which code has probes), ``tracing.probes.functions`` (which functions had them, which
tracers run), ``tracing.py311.arrivals`` (an audit hook), ``processes.watch`` (whether this process waits for measured
code, and an audit hook), ``processes.children`` (how this process is measured),
``processes.in_kernel`` (what a kernel has not sent yet), ``model.totals`` (decimals of percentages) and
``processes.engines.on_worker`` (a worker's runs).

PYTEST_DONT_REWRITE: a measured process has this package imported before pytest begins, which pytest would warn about.
"""

from __future__ import annotations

#: As that of ``typing``, which takes milliseconds to import: processes that measure nothing get here, too.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ipy_branchcov import engines
    from ipy_branchcov.api import measure, measured
    from ipy_branchcov.errors import BranchcovError
    from ipy_branchcov.reports.presented import Coverage, load
    from ipy_branchcov.session.session import Session

__version__ = "0.1.0"

__all__ = ["BranchcovError", "Coverage", "Session", "__version__", "engines", "load", "measure", "measured"]

#: Where each public name stands.
_HOME = {
    "BranchcovError": "errors",
    "Coverage": "reports.presented",
    "Session": "session.session",
    "engines": "engines",
    "load": "reports.presented",
    "measure": "api",
    "measured": "api",
}
_KEY = "_ipy_branchcov_extension"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(f"{__name__}.{_HOME[name]}")
    return home if name == _HOME[name] else getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext ipy_branchcov``: add the magics to a shell. Twice is once."""
    if getattr(shell, _KEY, None) is None:
        from ipy_branchcov.notebook.extension import Extension

        extension = Extension(shell)
        extension.load()
        setattr(shell, _KEY, extension)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext ipy_branchcov``: leave the shell as it was."""
    extension = getattr(shell, _KEY, None)
    if extension is not None:
        delattr(shell, _KEY)
        extension.unload()
