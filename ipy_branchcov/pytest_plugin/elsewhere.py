"""Workers of xdist that stand elsewhere than the run, where what it measures has other paths.

xdist copies folders into the folder of such a worker (``--rsyncdir``); or another checkout is there, or a Python in
which the same module is installed. So the run sends each such worker what it measures and its options, with its own
paths; the worker measures that where it finds it, and returns it under the paths of the run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.config import is_source
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Places, Scope

#: In the environment of a worker, until its run begins: before pytest knows that it is one, and loads conftest files.
VARIABLE = "BRANCHCOV_WORKER"
#: Run in the worker, which has nothing of ours yet.
_RECEIVE = f"""
import json, os
sent = json.loads(channel.receive())
os.environ[{VARIABLE!r}] = json.dumps({{**sent, "here": os.getcwd()}})
"""


def _stands_elsewhere(gateway: Any) -> bool:
    """Whether a worker begins in a folder of its own, or on another host."""
    return not gateway.spec.popen or bool(gateway.spec.chdir)


def send(gateway: Any, config: pytest.Config, root: str, sources: Mapping[str, Places], options: RunOptions) -> None:
    """Send a worker that stands elsewhere what the run measures, before it begins."""
    if not _stands_elsewhere(gateway):
        return
    # The folders and files that xdist copies to it.
    copied = getattr(getattr(config.pluginmanager.get_plugin("dsession"), "nodemanager", None), "roots", ())
    channel = gateway.remote_exec(_RECEIVE)
    named = {spec: [*places.folders, *sorted(places.files)] for spec, places in sources.items()}
    sent = {"root": root, "copied": [*map(str, copied)], "sources": named, "options": options.changes()}
    channel.send(json.dumps(sent))
    channel.waitclose()


def received() -> Elsewhere | None:
    """What the run sent to this worker; None where it sent nothing."""
    text = os.environ.pop(VARIABLE, None)
    return None if text is None else Elsewhere(**json.loads(text))


def with_the_same_texts(coverage: Coverage, scope: Scope, gateway: Any, lost: list[str]) -> Coverage:
    """What a worker returned, without files of which it has another text; ``lost`` gets a line for each."""
    if not _stands_elsewhere(gateway):
        return coverage

    def same(each: SourceCoverage) -> bool:
        path = each.source.path
        here = scope.read(path) if each.source.kind == "file" and path is not None else None
        if here is None or here.digest == each.source.digest:
            return True
        lost.append(f"worker {gateway.id}: {here.name} has another text there, so it is left out; give it the same one")
        return False

    return coverage.select(same)


class Elsewhere:
    """This worker beside its run: paths of the run as paths here, and the other way round. All are without links."""

    def __init__(
        self, root: str, copied: list[str], sources: dict[str, list[str]], options: dict[str, object], here: str
    ):
        here = os.path.realpath(here)
        self._sources = sources
        self._options = options
        #: Paths of the run, and the same here; those of folders end with a separator.
        self._pairs: list[tuple[str, str]] = []
        for each in copied:
            copy = os.path.join(here, os.path.basename(each))  # noqa: PTH118, PTH119
            self._pairs += [(each, copy), (_folder(each), _folder(copy))]
        #: Where names of files start here.
        self.root = Path((self._here(_folder(root)) or [here])[0])
        self._pairs.append((_folder(root), _folder(str(self.root))))
        #: What can be on this host under the run's own path.
        self._same = [_folder(root), *copied, *(path for paths in sources.values() for path in paths)]

    def options(self) -> RunOptions:
        """The run's, for this worker. Raises UsageError."""
        given = RunOptions.unpack(self._options, lambda row: f"the run that started this worker: {row.name}")
        options = RunOptions().overridden(**given)
        return replace(options, omit=self._globs(options.omit), include=self._globs(options.include))

    def _globs(self, globs: tuple[str, ...]) -> tuple[str, ...]:
        pairs = [(escape(run), escape(here)) for run, here in self._pairs]
        return tuple(dict.fromkeys(each for glob in globs for each in (glob, *_moved(glob, pairs))))

    def _here(self, path: str) -> list[str]:
        """Where a path of the run can lie here: a folder can be copied alone, and with one around it."""
        return _moved(path, self._pairs)

    def places(self, spec: str) -> list[str]:
        """Where to measure a source of the run: its copies, what has the run's own path here, and what has its name."""
        paths = dict.fromkeys(each for path in self._sources.get(spec, ()) for each in (*self._here(path), path))
        found = [path for path in paths if os.path.exists(path)]  # noqa: PTH110
        named = all(map(str.isidentifier, spec.split("."))) and is_source(spec)
        return [*found, spec] if named or not found else found

    def found(self, spec: str, places: Places) -> None:
        """A source of the run was found here by its name: what lies there is what lies where the run found it."""
        run = self._sources.get(spec, ())
        folders, files = [each for each in run if each.endswith(os.sep)], [e for e in run if not e.endswith(os.sep)]
        self._pairs[:0] = [*zip(folders, places.folders, strict=False), *zip(files, sorted(places.files), strict=False)]

    def returned(self, coverage: Coverage) -> Coverage:
        """A coverage with the paths of the run."""
        pairs = [*((here, run) for run, here in self._pairs), *((path, path) for path in self._same)]

        def placed(each: SourceCoverage) -> SourceCoverage:
            path = each.source.path
            new = [] if path is None else _moved(path, pairs)
            return replace(each, source=replace(each.source, path=new[0])) if new else each

        return replace(coverage, sources=tuple(map(placed, coverage.sources)))


def _moved(path: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """A path by each pair whose first one it is or lies below, the nearest first."""
    known = [(old, new) for old, new in pairs if path == old or (old.endswith(os.sep) and path.startswith(old))]
    known.sort(key=lambda pair: -len(pair[0]))
    return [new + path[len(old) :] for old, new in known]


def _folder(path: str) -> str:
    return path.rstrip(os.sep) + os.sep
