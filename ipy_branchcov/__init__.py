"""Branch coverage inside the lines, for Jupyter, IPython, pytest and the command line.

PYTEST_DONT_REWRITE: a measured process has this package imported before pytest begins, which pytest would warn about.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_KEY = "_ipy_branchcov_extension"


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext ipy_branchcov``: add the magics to a shell. Twice is once."""
    if getattr(shell, _KEY, None) is None:
        from ipy_branchcov.magics import Extension

        extension = Extension(shell)
        extension.load()
        setattr(shell, _KEY, extension)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext ipy_branchcov``: leave the shell as it was."""
    extension = getattr(shell, _KEY, None)
    if extension is not None:
        delattr(shell, _KEY)
        extension.unload()
