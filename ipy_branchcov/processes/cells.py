"""Cells of a kernel in the processes that it starts: functions of cells are sent there, and their texts are not.

So a kernel leaves the texts of its cells in the folder of the run, a line of JSON each.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Any

from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.model.source import UNPARSABLE, Source
from ipy_branchcov.processes.asked import CELLS
from ipy_branchcov.processes.awaited import SENT


class PublishedCells:
    """Locates the code of a kernel's cells in another process: a ``SourceLocator``. ``folder``: that of the run.

    The name of a cell's file says which cell it is. cloudpickle does not send it (3.1.2 and later); then the
    instructions and positions of a code object say it.
    """

    def __init__(self, folder: Path):
        self._path = folder / CELLS
        self._read = 0
        self._named: dict[str, Source] = {}
        self._by_code: dict[tuple[object, ...], Source] = {}
        #: Cells that no code that was sent has been looked for in.
        self._unsearched: list[Source] = []

    def __call__(self, code: CodeType) -> Source | None:
        name = code.co_filename
        if name not in self._named:
            with suppress(OSError, ValueError, TypeError, KeyError):  # no such cells: then nothing is known of them
                self._read_on()
        return self._sent(code) if name == SENT else self._named.get(name)

    def _sent(self, code: CodeType) -> Source | None:
        while self._unsearched:
            cell = self._unsearched.pop(0)
            with suppress(*UNPARSABLE):
                module = compile(cell.tree(), SENT, "exec", dont_inherit=True)
                self._by_code.update((_key(each), cell) for each in code_objects(module))
        return self._by_code.get(_key(code))

    def _read_on(self) -> None:
        """Read what was added since; cells run while this process lives."""
        if self._path.stat().st_size == self._read:
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines(keepends=True)
        for line in lines:
            if line.endswith(b"\n"):  # else it is being written
                self._read += len(line)
                cell = json.loads(line.decode("utf-8", "surrogatepass"))
                self._named[cell["name"]] = source = unpacked(cell["source"])
                self._unsearched.append(source)


def _key(code: CodeType) -> tuple[object, ...]:
    return code.co_qualname, code.co_firstlineno, code.co_code, code.co_linetable


def packed(source: Source) -> dict[str, object]:
    """A cell as JSON has it."""
    form: dict[str, object] = {"name": source.name, "text": source.text, "compiled": source.compiled}
    if source.within is not None:
        form["within"] = [packed(source.within[0]), source.within[1]]
    return form


def unpacked(form: dict[str, Any]) -> Source:
    """The cell that :func:`packed` has packed."""
    within = form.get("within")
    whole = None if within is None else (unpacked(within[0]), int(within[1]))
    return Source(form["name"], form["text"], "cell", compiled=form["compiled"], within=whole)
