"""A session in another kernel: it is started there, and its coverage is fetched after every cell.

What runs in the kernel are single expressions, executed silently: no name in the user's namespace, no history.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ipy_branchcov.errors import DataError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope

_IN_KERNEL = "__import__('ipy_branchcov.processes.in_kernel', fromlist=['in_kernel'])"
#: The expression that returns what was measured since the last time.
COLLECT = f"{_IN_KERNEL}.collect()"
#: The expression that ends the pools of processes.
END_WORKERS = f"{_IN_KERNEL}.end_workers()"


def start_expression(options: RunOptions, folder: Path) -> str:
    """The expression that begins a session. What stands at its default is left to the kernel's own configuration.

    ``folder``: where the processes that cells start leave their data.
    """
    return f"{_IN_KERNEL}.start({options.changes()!r}, {str(folder)!r})"


def name_expression(label: str) -> str:
    """The expression that names the next cell."""
    return f"{_IN_KERNEL}.name_cell({label!r})"


def cell_label(notebook: str, cell: Any, number: int) -> str:
    """The name of a notebook's cell: its id, or its number where it has none (before nbformat 4.5)."""
    return f"{notebook}#{cell.get('id') or number}"


class KernelSession:
    """A session in a kernel that somebody else runs, through a blocking client of theirs.

    ``scope`` names the files. Every method raises DataError where the kernel does not answer as it should, but for
    :meth:`end`.
    """

    def __init__(self, client: Any, scope: Scope):
        self._client = client
        self._scope = scope
        #: Where the processes that cells start leave their data.
        self.folder = DataFolder()

    def start(self, options: RunOptions) -> None:
        """Measure every cell from now on."""
        self._value(start_expression(options, self.folder.path))

    def end_workers(self) -> None:
        """End the pools of processes as an interpreter that ends does, before the kernel is killed."""
        if self.folder.running():
            self._value(END_WORKERS)

    def end(self) -> Coverage:
        """What processes have left, and what of theirs was lost, when the kernel has ended."""
        return self.folder.finish(self._scope)

    def name_cell(self, label: str) -> None:
        """Name the next cell that runs."""
        self._value(name_expression(label))

    def collect(self, name: str) -> Coverage:
        """What was measured since the last call. ``name`` stands in messages."""
        return collected(self._value(COLLECT), name, self._scope)

    def _value(self, expression: str) -> str:
        from queue import Empty

        try:
            return read_reply(self._client.execute(**request(expression), reply=True, timeout=60))
        except (Empty, TimeoutError, RuntimeError) as error:
            raise DataError(f"the kernel gives no answer ({type(error).__name__})") from None


def collected(text: str, name: str, scope: Scope) -> Coverage:
    """What a kernel handed over, its files under the names of ``scope``. Raises DataError."""
    from ipy_branchcov.data import json_form  # not imported where there are no notebooks

    return scope.renamed(json_form.loads(text, name))


def request(expression: str) -> dict[str, Any]:
    """The arguments of a client's ``execute`` that evaluates an expression and leaves no trace."""
    return {"code": "", "silent": True, "user_expressions": {"x": expression}}


def read_reply(reply: Any) -> str:
    """The value in a kernel's reply. Raises DataError where the expression failed."""
    from ast import literal_eval

    result = reply["content"].get("user_expressions", {}).get("x", {"status": "error", "evalue": "not IPython"})
    if result["status"] != "ok":
        missing = result.get("ename") == "ModuleNotFoundError"
        hint = "; install ipy-branchcov in its environment" if missing else ""
        raise DataError(f"the kernel cannot measure: {result['evalue']}{hint}")
    return str(literal_eval(result["data"]["text/plain"]))
