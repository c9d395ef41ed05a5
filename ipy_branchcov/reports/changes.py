"""Two runs of one cell -> what changed: outcomes that are newly covered, and those that are not any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports.live_view import View
from ipy_branchcov.reports.view import NewOutcome

#: What an outcome is known by where the text around it may be another one: its source (None: the cell that ran), its
#: function, the kind and text of its branch, which of several alike it is, and its name.
_Identity = tuple[object, ...]
#: Characters of a branch's text.
_LONGEST = 500


@dataclass(frozen=True)
class Changes:
    """``new``: the outcomes that are newly covered. ``words``: ``+2, −0 since the last run``."""

    words: str
    new: Set[NewOutcome]


def since(before: View | None, now: Coverage, first: str | None) -> Changes:
    """What changed since the last run. ``first``: the name of the cell that ran now.

    Only outcomes that both runs know count, so an edit of the cell adds none and loses none. Without an earlier run
    there are no words.
    """
    if before is None:
        return Changes("", frozenset())
    former = {identity: covered for identity, covered, _ in _outcomes(before.coverage, before.first)}
    known = [(covered, former[identity], key) for identity, covered, key in _outcomes(now, first) if identity in former]
    gained = {key for covered, was, key in known if covered and not was}
    lost = sum(was and not covered for covered, was, _ in known)
    if not gained and not lost:
        return Changes("no change since the last run", frozenset())
    return Changes(f"+{len(gained)}, −{lost} since the last run", gained)


def _outcomes(coverage: Coverage, first: str | None) -> Iterator[tuple[_Identity, bool, NewOutcome]]:
    for source in coverage:
        name = None if source.source.name == first else source.key
        yield from _outcomes_of(source, name)


def _outcomes_of(source: SourceCoverage, name: object) -> Iterator[tuple[_Identity, bool, NewOutcome]]:
    seen: Counter[_Identity] = Counter()
    for branch in source.branches:
        place: _Identity = (name, branch.function, branch.kind, source.source.snippet(branch.span, _LONGEST))
        seen[place] += 1
        for each in branch.outcomes:
            if each.required and not each.excluded:
                identity = (*place, seen[place], each.name)
                yield identity, each.covered, (source.source.digest, branch.key, each.name)
