"""The folder in which the processes of one run leave their data.

A process writes a ``.begun`` file when it begins; at its end its data replaces it. A ``.begun`` file that stays is data
that was lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ipy_branchcov.data.files import load, save, write_whole
from ipy_branchcov.errors import BranchcovError, DataError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.printable import printable
from ipy_branchcov.processes import cells, leftovers
from ipy_branchcov.processes.alive import is_alive
from ipy_branchcov.processes.asked import CELLS, RUNS, SETTINGS, packed, read
from ipy_branchcov.session.scope import Scope


def read_settings(folder: Path) -> dict[str, object]:
    """The options of the run to which a folder belongs. Raises DataError where it is no such folder."""
    settings = read(str(folder))
    try:
        options = None if settings is None else json.loads(settings[0])
    except (ValueError, RecursionError):
        options = None
    if not isinstance(options, dict):
        raise DataError(f"{folder}: not the folder of a measured run")
    return options


class Member:
    """This process in the folder of a run. ``description``: what the user knows it by. Raises DataError."""

    def __init__(self, folder: Path, description: str):
        name = _new_name()
        self._begun, self._data = folder / f"{name}.begun", folder / f"{name}.json"
        #: A fork of this process is not this process.
        self.pid = os.getpid()
        write_whole(self._begun, description)

    def save(self, coverage: Coverage) -> None:
        """Leave the data. Where the run has ended before, nobody waits for it. Raises DataError."""
        if self._begun.is_file():
            save(coverage, self._data, texts=True, values=True)
            self.leave()

    def leave(self) -> None:
        """Leave nothing, and nothing is missing."""
        with suppress(OSError):
            self._begun.unlink(missing_ok=True)


class Part:
    """What this process has covered until now, in the folder of a run: data that is written again with more."""

    def __init__(self, folder: Path):
        self._data = folder / f"{_new_name()}.json"

    def save(self, coverage: Coverage) -> None:
        """Raises DataError."""
        save(coverage, self._data, texts=True, values=True)

    def taken(self) -> bool:
        """Whether the run has taken it."""
        return not self._data.exists()


class DataFolder:
    """A folder, and what processes left in it. ``path``: one that another process made and will remove."""

    def __init__(self, path: Path | None = None) -> None:
        self._owned = path is None
        self.path, self._lock = leftovers.make() if path is None else (path, -1)
        self._settings = ""

    def write_settings(self, options: Mapping[str, object]) -> None:
        """Leave the options for processes that begin with nothing else. Raises DataError."""
        source = options.get("source", ())
        settings = packed(json.dumps(options), list(map(str, source if isinstance(source, list | tuple) else ())))
        if settings != self._settings:
            write_whole(self.path / SETTINGS, settings)
            self._settings = settings

    def add_cell(self, name: str, source: Source) -> None:
        """Leave a cell for processes that are sent code from it. ``name``: its file name there. Raises OSError."""
        with (self.path / CELLS).open("a", encoding="utf-8", errors="surrogatepass") as file:
            file.write(json.dumps({"name": name, "source": cells.packed(source)}) + "\n")

    def running(self) -> list[str]:
        """What the processes that have begun and not ended are known by."""
        return [_description(path) for path in sorted(self.path.glob("*.begun")) if is_alive(_number(path))]

    def collect(self, scope: Scope, *, ended: bool = True) -> tuple[list[Coverage], list[str]]:
        """Take the coverage of the processes, under the names of ``scope``; and a line for each whose data is missing.

        ``ended``: nobody waits for a process that goes on, so its data is missing, too. What was taken is not in the
        folder any more.
        """
        found, lost, came = [], [], set()
        missing = [each for each in sorted(self.path.glob("*.begun")) if ended or not is_alive(_number(each))]
        for path in sorted(self.path.glob("*.json")):
            came.add(path.stem)
            try:
                found.append(scope.renamed(load(path)))
            except BranchcovError as error:
                lost.append(f"a process: {error}")
            path.unlink(missing_ok=True)
        for path in sorted(self.path.glob("*.failed")):
            lost.append(f"a process was not measured: {printable(_description(path))}")
            path.unlink(missing_ok=True)
        for path in missing:
            if path.stem not in came and path.is_file():
                lost.append(f"a process was killed, or has not ended: {_description(path)}")
                path.unlink(missing_ok=True)
        return found, lost

    def finish(self, scope: Scope) -> Coverage:
        """The sum of :meth:`collect` when the run has ended. Removes the folder."""
        found, lost = self.collect(scope)
        self.remove()
        return merge([*found, Coverage(lost=frozenset(lost))])

    def remove(self) -> None:
        """Remove the folder, where this process made it."""
        if self._owned:
            from shutil import rmtree

            rmtree(self.path, ignore_errors=True)
            number, self._lock = self._lock, -1
            if number >= 0:
                with suppress(OSError):  # a program can close what is open
                    os.close(number)


class RunsFolder:
    """A folder that names the folders of the runs that are on, for processes that outlive one run: a fork server.

    A file a run: a function that is measured begins one at each call.
    """

    def __init__(self) -> None:
        self._folder = DataFolder()
        self.path = self._folder.path
        self._runs = self.path / RUNS
        self._runs.mkdir()
        self._count = 0

    def add(self, run: Path) -> None:
        """Raises OSError."""
        (self._runs / run.name).write_text(str(run), "utf-8")
        self._count += 1

    def discard(self, run: Path) -> None:
        self._count -= 1
        (self._runs / run.name).unlink(missing_ok=True)

    @property
    def empty(self) -> bool:
        return not self._count

    def remove(self) -> None:
        self._folder.remove()


def _new_name() -> str:
    """A name for what this process leaves, which begins with its id."""
    return f"{os.getpid()}-{uuid4().hex[:8]}"


def _number(begun: Path) -> int:
    """The id of the process that wrote a ``.begun`` file."""
    return int(begun.stem.partition("-")[0])


def _description(begun: Path) -> str:
    try:
        return begun.read_text("utf-8")
    except OSError:
        return begun.stem  # it has just ended
