"""Runs on a worker: begin to measure this process, hand over what was measured, forget it.

Each function returns bytes: a line that says how this process stands, and behind it the data form where there is data.
Standard library and this package alone, for engines call these functions by their names.
"""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from ipy_branchcov.data import json_form
from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.processes.children import hand_over
from ipy_branchcov.processes.engines.arriving import Arriving
from ipy_branchcov.processes.engines.texts import Texts, unpack
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Places, resolve
from ipy_branchcov.session.session import Session

_TOKEN = uuid4().hex


def this_process() -> str:
    """What identifies this process among all processes. A fork has another pid."""
    return f"{_TOKEN}-{os.getpid()}"


class _Run:
    """A run that is on in this process. Raises UsageError, TracerError."""

    def __init__(self, settings: dict[str, Any]):
        options = RunOptions.unpack(settings["options"], lambda row: f"the run's {row.name}")
        self._moved: list[tuple[str, str]] = []
        places = Places()
        for spec, folders, files in settings["sources"]:
            places |= self._places(spec, Places(tuple(folders), frozenset(files)))
        options["source"] = (*places.folders, *sorted(places.files))
        #: A worker can be started again under its name, so that does not identify it.
        self.process = uuid4().hex
        self._coverage: Coverage | None = None
        self._session = Session(RunOptions(**options), root=Path(settings["root"]))  # type: ignore[arg-type]
        self._session.add_locator(Texts(map(unpack, settings["texts"]), settings["flags"]))
        # A process that the client started: what it covers now is not left there a second time.
        processes = settings["processes"]
        self._go_on = None if processes is None else hand_over(Path(processes))
        self._session.start()
        self._arriving = Arriving(self._session.instrument)

    def _places(self, spec: str, theirs: Places) -> Places:
        """Where a source of the client lies here: what it names by a path lies there, a module where it is imported."""
        if not spec or not _importable(spec):
            existing = [each for each in (*theirs.folders, *theirs.files) if Path(each).exists()]
            return Places(tuple(f for f in theirs.folders if f in existing), theirs.files & set(existing))
        ours = resolve(spec)
        pairs = [*zip(ours.folders, theirs.folders, strict=False)]
        pairs += zip(sorted(ours.files), sorted(theirs.files), strict=False)
        self._moved += [pair for pair in pairs if pair[0] != pair[1]]
        return ours

    def collect(self) -> Coverage:
        """Stop, and return what was measured, its files at the client's places."""
        if self._coverage is None:
            self._arriving.close()
            self._coverage = self._placed(self._session.stop())
            if self._go_on is not None:
                self._go_on()
        return self._coverage

    def so_far(self) -> Coverage:
        """The same, and go on."""
        return self._placed(self._session.so_far())

    def noted(self) -> int:
        """A number that is another one as soon as there is more."""
        return self._session.noted()

    def _placed(self, found: Coverage) -> Coverage:
        return replace(found, sources=tuple(map(self._at_client, found.sources)))

    def _at_client(self, coverage: SourceCoverage) -> SourceCoverage:
        source = coverage.source
        for here, there in self._moved:
            if source.path is not None and source.path.startswith(here):
                return replace(coverage, source=replace(source, path=there + source.path.removeprefix(here)))
        return coverage


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False


#: By the name of the run; None: this process is the client's, which measures itself.
_runs: dict[str, _Run | None] = {}


def begin(settings: bytes) -> bytes:
    """Measure this process from now on. A second time does nothing. Raises UsageError, TracerError.

    Workers that live in the client's own process are measured there.
    """
    given = json.loads(settings)
    name = given["run"]
    if name not in _runs:
        _runs[name] = None if given["client"] == this_process() else _Run(given)
    run = _runs[name]
    return b"here\n" if run is None else f"begun {run.process}\n".encode()


def collect(name: str) -> bytes:
    """Stop measuring and return the data; the same again until :func:`end`."""
    if name not in _runs:
        return b"unknown\n"
    run = _runs[name]
    if run is None:
        return b"here\n"
    return f"ended {run.process}\n{json_form.dumps(run.collect(), values=True)}".encode()


def so_far(name: str) -> bytes:
    """Return what :func:`collect` would return now, and go on: for workers that can be killed when they are idle."""
    run = _runs.get(name)
    if run is None:
        return b"unknown\n"
    return f"ended {run.process}\n{json_form.dumps(run.so_far(), values=True)}".encode()


def noted(name: str) -> int:
    """Return a number that is another one as soon as :func:`so_far` returns more. Costs much less."""
    run = _runs.get(name)
    return 0 if run is None else run.noted()


def end(name: str) -> bytes:
    """Stop measuring if that is on, and forget the run."""
    run = _runs.pop(name, None)
    if run is not None:
        run.collect()
    return b"unknown\n"


def failure(error: BaseException) -> str:
    """Why a worker could not do what it was asked for, in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "ipy_branchcov":
        return "ipy-branchcov is not installed there; install the version that is here"
    return text if isinstance(error, BranchcovError) else f"{type(error).__name__}: {text}".removesuffix(": ")
