"""A run on the workers of engines, as the client sees it: what they return is checked, named and merged here."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from ipy_branchcov.data import json_form
from ipy_branchcov.errors import BranchcovError, DataError
from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, shortened
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.printable import printable
from ipy_branchcov.processes.engines.on_worker import failure, this_process
from ipy_branchcov.processes.engines.protocol import Engine, Reply
from ipy_branchcov.processes.engines.texts import pack
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope, resolve

_STATE = re.compile(rb"(here|unknown|(begun|ended) ([0-9a-f]{32}))\n")


class Gathering:
    """One run on the workers. Its methods raise nothing: what was lost is a line in the coverage.

    ``texts``: sources whose functions may be sent to the workers. ``flags``: those that a shell compiled them with.
    ``processes``: where the processes leave their data that this one starts. Workers can be such processes, too.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        scope: Scope,
        options: RunOptions,
        texts: Iterable[Source],
        flags: int = 0,
        processes: Path | None = None,
    ):
        self._engines = engines
        self._run = uuid4().hex
        self._scope = copy(scope)  # the session's can change when the run ends
        sources = [*texts, *_sent_by_value(scope)]
        #: What a worker may say that it ran of cells, as it stands here.
        self._cells = {each.key: each for source in sources for each in (source, *(source.within or ())[:1])}
        self._settings = json.dumps(
            {
                "run": self._run,
                "client": this_process(),
                "root": scope.root,
                "options": {k: v for k, v in options.changes().items() if k not in ("source", "engines", "fail_under")},
                "sources": list(_sources(scope, options)),
                "texts": [pack(each) for each in sources],
                "flags": flags,
                "processes": None if processes is None else str(processes),
            }
        ).encode()
        #: The workers that began, by what identifies their processes, and what those returned.
        self._begun: dict[str, str] = {}
        self._parts: dict[str, Coverage] = {}
        self._failed: dict[str, str] = {}
        self._lost: set[str] = set()

    def begin(self) -> Callable[[str], Coverage]:
        """Begin on every worker; return :meth:`end`, as a companion of a session's run does."""
        for engine in self._engines:
            self._call(engine.begin, self._settings)
        return self.end

    def end(self, context: str) -> Coverage:
        """Return what all workers covered. First hits name the worker behind ``context``, which says who ran."""
        for engine in self._engines:
            self._call(engine.collect, self._run)
            try:
                list(engine.end(self._run))
            except Exception:
                continue  # nothing is missing
        for process, worker in self._begun.items():
            if process not in self._parts and worker not in self._failed:
                self._failed[worker] = "ended before its data could be collected; what it ran is lost"
        lost = self._lost | {f"{worker}: {why}" for worker, why in self._failed.items()}
        parts = []
        for process, part in self._parts.items():
            by = " · ".join(filter(None, (context, self._begun[process])))
            parts.append(replace(part, sources=tuple(_first_hits_by(each, by) for each in part.sources)))
        return replace(merge(parts), lost=frozenset(map(printable, lost)))

    def _call(self, ask: Callable[..., Iterable[Reply]], argument: bytes | str) -> None:
        try:
            for reply in ask(argument):
                self._take(reply)
        except (Exception, KeyboardInterrupt) as error:
            self._lost.add(f"engine: its workers could not be measured ({shortened(failure(error), 300)})")

    def _take(self, reply: Reply) -> None:
        try:
            if isinstance(reply.content, BaseException):
                raise reply.content
            state = _STATE.match(reply.content)
            if state is None:
                raise DataError("its answer is none of branchcov; install the version that is here")
            if state[1] == b"unknown":
                raise DataError("it joined after the run had begun, so what it ran is not measured")
            if state[3] is not None:
                process = state[3].decode()
                self._begun[process] = reply.worker
                if state[2] == b"ended" and process not in self._parts:
                    data = reply.content[state.end() :].decode("utf-8", "replace")
                    self._parts[process] = self._checked(json_form.loads(data, "its data"), reply.worker)
        except BaseException as error:  # one of theirs can be any
            self._failed[reply.worker] = shortened(failure(error), 300)

    def _checked(self, coverage: Coverage, worker: str) -> Coverage:
        """What a worker returned, with our own sources in place of theirs."""
        found = []
        for each in self._scope.renamed(coverage).sources:
            ours = self._ours(each)
            if ours is not None:
                found.append(replace(each, source=ours))
            else:
                name = each.source.name
                self._lost.add(f"{worker}: {name} is not what it is here, so it is left out; install the same there")
        lost = frozenset(f"{worker}: {line}" for line in coverage.lost)
        return replace(coverage, sources=tuple(found), lost=lost)

    def _ours(self, coverage: SourceCoverage) -> Source | None:
        """The source as it stands here; None where it is another one, or was not asked for."""
        source = coverage.source
        if source.kind == "cell":
            return self._cells.get(source.key)
        if source.path is None or not self._scope.covers(source.path):
            return None
        if coverage.unmeasured and not coverage.branches:
            return source
        ours = self._scope.read(source.path)
        return ours if ours is not None and ours.digest == source.digest else None


def _sources(scope: Scope, options: RunOptions) -> Iterable[tuple[str, list[str], list[str]]]:
    """What is measured, as (module or "", folders, files): a module can lie elsewhere on a worker."""
    rest = scope.places
    for spec in options.source:
        if os.path.exists(spec):  # noqa: PTH110 False for a path that is too long, too
            continue
        try:
            places = resolve(spec)
        except BranchcovError:
            continue
        rest = replace(
            rest, folders=tuple(f for f in rest.folders if f not in places.folders), files=rest.files - places.files
        )
        yield spec, list(places.folders), sorted(places.files)
    yield "", list(rest.folders), sorted(rest.files)


def _sent_by_value(scope: Scope) -> Iterable[Source]:
    """The measured files whose functions are sent as code: the script, and modules that cloudpickle was told of."""
    cloudpickle = sys.modules.get("cloudpickle")
    names = sorted(cloudpickle.list_registry_pickle_by_value()) if cloudpickle is not None else []
    for name in ("__main__", *names):
        path = os.path.realpath(getattr(sys.modules.get(name), "__file__", None) or "")
        source = scope.read(path) if scope.covers(path) else None
        if source is not None:
            yield source


def _first_hits_by(coverage: SourceCoverage, by: str) -> SourceCoverage:
    return replace(coverage, branches=tuple(_first_hit_by(branch, by) for branch in coverage.branches))


def _first_hit_by(branch: Branch, by: str) -> Branch:
    outcomes = (
        replace(each, first=replace(each.first, by=by)) if each.first is not None else each for each in branch.outcomes
    )
    return replace(branch, outcomes=tuple(outcomes))
