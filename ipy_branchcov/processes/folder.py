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
from tempfile import mkdtemp
from uuid import uuid4

from ipy_branchcov.data.files import load, save, write_whole
from ipy_branchcov.errors import BranchcovError, DataError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session.scope import Scope

_SETTINGS = "settings.json"
#: What only our own settings have.
_SCHEMA = "ipy_branchcov/processes/1"


def read_settings(folder: Path) -> dict[str, object]:
    """The options of the run to which a folder belongs. Raises DataError where it is no such folder."""
    try:
        path = folder / _SETTINGS
        data = json.loads(path.read_text("utf-8")) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or data.get("schema") != _SCHEMA or not isinstance(data.get("options"), dict):
        raise DataError(f"{folder}: not the folder of a measured run")
    return dict(data["options"])


class Member:
    """This process in the folder of a run. ``description``: what the user knows it by. Raises DataError."""

    def __init__(self, folder: Path, description: str):
        name = f"{os.getpid()}-{uuid4().hex[:8]}"
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


class DataFolder:
    """A new folder, and what processes left in it."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="branchcov-"))

    def write_settings(self, options: Mapping[str, object]) -> None:
        """Leave the options for processes that begin with nothing else. Raises DataError."""
        write_whole(self.path / _SETTINGS, json.dumps({"schema": _SCHEMA, "options": options}))

    def collect(self, scope: Scope) -> tuple[list[Coverage], list[str]]:
        """The coverage of the processes, under the names of ``scope``; and a line for each whose data is missing."""
        found, lost = [], []
        for path in sorted(self.path.glob("*.json")):
            if path.name != _SETTINGS:
                try:
                    found.append(scope.renamed(load(path)))
                except BranchcovError as error:
                    lost.append(f"a process: {error}")
        for path in sorted(self.path.glob("*.begun")):
            lost.append(f"a process was killed, or has not ended: {path.read_text('utf-8')}")
        return found, lost

    def remove(self) -> None:
        from shutil import rmtree

        rmtree(self.path, ignore_errors=True)
