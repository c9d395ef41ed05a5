"""What the kernel of JupyterLite leaves out when it runs a cell, done for it.

Pyodide's kernel is IPython in the page itself. It runs most cells as IPython does, and two things its own way.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ipy_branchcov.cells import Hooks, body_of


class LiteKernel:
    """Pyodide's kernel of a shell, helped out; without such a kernel nothing is done."""

    def __init__(self, shell: Any, hooks: Hooks):
        self._shell, self._hooks = shell, hooks
        self._transforms = getattr(getattr(shell, "kernel", None), "lite_transform_manager", None)

    def load(self) -> None:
        if self._transforms is not None:
            self._shell.run_cell_async = self._run_cell_async
            self._transforms.line_transforms.append(self._load_imports)

    def unload(self) -> None:
        if self._transforms is not None:
            del self._shell.run_cell_async
            self._transforms.line_transforms.remove(self._load_imports)

    def _run_cell_async(self, *arguments: Any, **keywords: Any) -> Awaitable[Any]:
        """Run a cell and tell its end: who awaits this has to (ipykernel does), and this kernel does not."""
        cell: Awaitable[Any] = type(self._shell).run_cell_async(self._shell, *arguments, **keywords)
        # IPython's own run_cell comes by here, too, and tells the end itself: after what else belongs to the cell.
        tells_itself = sys._getframe(1).f_code is InteractiveShell._run_cell.__code__
        return cell if tells_itself else self._ended(cell)

    async def _ended(self, cell: Awaitable[Any]) -> Any:
        result = await cell
        self._hooks.post_run_cell(result)
        return result

    async def _load_imports(self, lines: list[str]) -> list[str]:
        """Load what a measured cell imports: the kernel looks for that in Python alone, which the magic is not."""
        from pyodide_js import loadPackagesFromImports

        body = body_of("".join(lines))
        if body is not None:
            await loadPackagesFromImports(body)
        return lines
