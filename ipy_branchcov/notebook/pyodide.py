"""Adapts the extension to JupyterLite's kernel, which omits two things that IPython does for a cell.

Pyodide's kernel is IPython in the page itself. It does not announce the end of a cell, and it loads the packages that
a cell imports only where the whole cell is Python.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from functools import partial
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ipy_branchcov.notebook.cells import body_of
from ipy_branchcov.notebook.runs import Hooks


class PyodideKernel:
    """What is added to a shell under Pyodide's kernel; under another kernel it adds nothing."""

    def __init__(self, shell: Any, hooks: Hooks):
        self._shell, self._hooks = shell, hooks
        self._transforms = getattr(getattr(shell, "kernel", None), "lite_transform_manager", None)
        #: What another tool had put into the shell before, or None.
        self._before: Any = None

    def load(self) -> None:
        if self._transforms is not None:
            self._before = vars(self._shell).get("run_cell_async")
            self._shell.run_cell_async = self._run_cell_async
            self._transforms.line_transforms.append(self._load_imports)

    def unload(self) -> None:
        """Remove what was added, unless another tool has replaced it."""
        if self._transforms is None:
            return
        if vars(self._shell).get("run_cell_async") == self._run_cell_async:
            del self._shell.run_cell_async
            if self._before is not None:
                self._shell.run_cell_async = self._before
        if self._load_imports in self._transforms.line_transforms:
            self._transforms.line_transforms.remove(self._load_imports)

    def _run_cell_async(self, *arguments: Any, **keywords: Any) -> Awaitable[Any]:
        """Run a cell and announce its end: the caller has to (ipykernel does), and this kernel does not."""
        run = self._before or partial(type(self._shell).run_cell_async, self._shell)
        cell: Awaitable[Any] = run(*arguments, **keywords)
        # IPython's own run_cell calls this, too, and announces the end itself, later.
        announces = sys._getframe(1).f_code is InteractiveShell._run_cell.__code__
        return cell if announces else self._ended(cell)

    async def _ended(self, cell: Awaitable[Any]) -> Any:
        result = await cell
        self._hooks.post_run_cell(result)
        return result

    async def _load_imports(self, lines: list[str]) -> list[str]:
        """Load the packages that a measured cell imports: the kernel cannot parse a cell with the magic's line."""
        from pyodide_js import loadPackagesFromImports

        body = body_of("".join(lines))
        if body is not None:
            await loadPackagesFromImports(body)
        return lines
