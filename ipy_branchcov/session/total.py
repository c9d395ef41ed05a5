"""The sum of many runs, kept small: packed by source, so that a long session costs the garbage collector nothing."""

from __future__ import annotations

import pickle
from dataclasses import replace

from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import SourceKey
from ipy_branchcov.model.source_coverage import SourceCoverage

#: So many runs are packed together.
_WAITING = 16
CHANGED = "{}: its text changed; what ran before that is left out"


class Total:
    """Coverages that are summed. Their objects would be scanned by each full collection; bytes are not."""

    def __init__(self) -> None:
        self._packed: dict[SourceKey, bytes] = {}
        #: The newest text of each file, by path.
        self._files: dict[str, SourceKey] = {}
        self._python: frozenset[str] = frozenset()
        self._counted = True
        self._lost: frozenset[str] = frozenset()
        self._waiting: list[Coverage] = []

    def add(self, coverage: Coverage) -> None:
        self._waiting.append(coverage)
        if len(self._waiting) >= _WAITING:
            self._pack()

    def coverage(self) -> Coverage | None:
        """The sum; None where nothing was added."""
        self._pack()
        if not (self._packed or self._python or self._lost) and self._counted:
            return None
        parts = tuple(pickle.loads(each) for each in self._packed.values())
        return merge([Coverage(parts, self._python, self._counted, self._lost)])

    def _pack(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        waiting = self._newest(waiting)
        keys = {each.key for coverage in waiting for each in coverage}
        known = tuple(pickle.loads(self._packed[key]) for key in keys & self._packed.keys())
        total = merge([Coverage(known, self._python, self._counted, self._lost), *waiting])
        self._packed.update((each.key, _packed(each)) for each in total)
        self._python, self._counted, self._lost = total.python, total.counted, total.lost

    def _newest(self, waiting: list[Coverage]) -> list[Coverage]:
        """The coverages without former texts of files, which are dropped from what is packed, too."""
        former: set[SourceKey] = set()
        noted: set[SourceKey] = set()
        for each in (source for coverage in waiting for source in coverage):
            if each.source.kind == "file" and each.source.path is not None:
                before = self._files.get(each.source.path, each.key)
                self._files[each.source.path] = each.key
                former.discard(each.key)
                if before != each.key:
                    former.add(before)
                    noted.add(each.key)
        if not former:
            return waiting
        for key in former:
            self._packed.pop(key, None)
        kept = [coverage.select(lambda each: each.key not in former) for coverage in waiting]
        return [
            replace(each, sources=tuple(changed(s) if s.key in noted else s for s in each.sources)) for each in kept
        ]


def appended(former: Coverage, coverage: Coverage) -> Coverage:
    """The sum of an earlier coverage and a later one; of a file that changed between them, the later one alone."""
    total = Total()
    for each in (former, coverage):
        total.add(each)
    return total.coverage() or coverage


def changed(coverage: SourceCoverage) -> SourceCoverage:
    """The same with a note that the file had another text before."""
    note = CHANGED.format(coverage.source.name)
    return coverage if note in coverage.notes else replace(coverage, note="\n".join((*coverage.notes, note)))


def _packed(coverage: SourceCoverage) -> bytes:
    """Without what was computed from the fields."""
    bare = replace(coverage, source=replace(coverage.source))
    return pickle.dumps(bare, pickle.HIGHEST_PROTOCOL)
