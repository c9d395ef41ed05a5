"""The Python processes that a measured run starts: each measures itself, and tells in a folder at its end.

As coverage.py does it: ``branchcov.pth`` stands in site-packages and does nothing where the variable is not set.
"""

from __future__ import annotations

import atexit
import json
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

from ipy_branchcov.config import Config, read_config
from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session import Session
from ipy_branchcov.sources import named_from_here
from ipy_branchcov.storage import load, save, write_whole

#: The environment variable that names the folder.
VARIABLE = "BRANCHCOV_PROCESSES"
_SETTINGS = "settings.json"


# --- in a process that was started


class _Process:
    """This process: a file says that it has begun; at the end the data stand in its place."""

    def __init__(self, folder: Path):
        settings = json.loads((folder / _SETTINGS).read_text("utf-8"))
        name = f"{os.getpid()}-{uuid4().hex[:8]}"
        self._begun, self._data = folder / f"{name}.begun", folder / f"{name}.json"
        self._pid = os.getpid()
        write_whole(self._begun, shlex.join(sys.orig_argv))
        config = read_config(settings["config"], "the run that started this process")
        self.session = Session(config=config, counts=settings["counts"], tracer=settings["tracer"], values=False)
        self.session.start("a process that was started")
        atexit.register(self.end)

    def end(self) -> None:
        coverage = self.session.stop()
        if os.getpid() != self._pid:
            return  # a fork of the process: what it did until then, its parent tells
        save(coverage, self._data, texts=True)
        self._begun.unlink(missing_ok=True)

    def leave(self) -> None:
        atexit.unregister(self.end)
        self.session.close()
        self._begun.unlink(missing_ok=True)


_this: list[_Process] = []


def begin() -> None:
    """Measure this process. Called as the interpreter starts; what fails here is not the program's business."""
    if _this:
        return  # the line stands in more than one folder of site-packages
    with suppress(OSError, ValueError, KeyError, BranchcovError):  # where it had begun, the run that started it knows
        _this.append(_Process(Path(os.environ[VARIABLE])))


def leave() -> None:
    """This process is measured in another way: as a kernel, as a worker."""
    while _this:
        _this.pop().leave()


# --- in the process that starts others


class Processes:
    """Has the processes measured that are started from now on, until :meth:`collect`."""

    def __init__(self, places: Sequence[str], config: Config, *, counts: bool, tracer: str):
        self._folder = Path(mkdtemp(prefix="branchcov-"))
        values = {each.name: getattr(config, each.name) for each in fields(config)}
        table = {key: sorted(v) if isinstance(v, frozenset) else v for key, v in values.items() if v is not None}
        table["source"] = list(places)
        write_whole(self._folder / _SETTINGS, json.dumps({"config": table, "counts": counts, "tracer": tracer}))
        self._before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(self._folder)

    def collect(self) -> tuple[list[Coverage], list[str]]:
        """What the processes told, and a line for each that did not."""
        found, lost = [], []
        for path in sorted(self._folder.glob("*.json")):
            if path.name != _SETTINGS:
                try:
                    found.append(named_from_here(load(path)))
                except BranchcovError as error:
                    lost.append(f"a process: {error}")
        for path in sorted(self._folder.glob("*.begun")):
            lost.append(f"a process was killed, or has not ended: {path.read_text('utf-8')}")
        return found, lost

    def close(self) -> None:
        """Let processes be as they were."""
        from shutil import rmtree

        if os.environ.get(VARIABLE) == str(self._folder):
            del os.environ[VARIABLE]
            if self._before is not None:
                os.environ[VARIABLE] = self._before
        rmtree(self._folder, ignore_errors=True)
