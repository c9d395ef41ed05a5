"""Two coverages -> the outcomes that the later one gained and lost, each followed by its place in the syntax tree.

A place is a source, the qualified name of a function, and the order of what stands there. So code that moved up, down
or to another indent is the same; what was renamed is removed and added.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage

#: Characters of a branch's text that distinguish it from others.
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Change:
    """An outcome and where it stands, in the later coverage; ``before`` where it stood, if it did.

    Of an outcome that was removed ``branch`` is the earlier one.
    """

    source: Source
    branch: Branch
    outcome: Outcome
    before: Branch | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """``gained``: missed before, covered now; ``lost``: covered before, missed now. ``added`` and ``removed``: outcomes
    of branches that the other coverage does not have. ``unmeasured``: lines for people about what the later coverage
    should have and has not; nothing is known of it.
    """

    old: Coverage
    new: Coverage
    gained: list[Change] = field(default_factory=list)
    lost: list[Change] = field(default_factory=list)
    added: list[Change] = field(default_factory=list)
    removed: list[Change] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)


def compare(old: Coverage, new: Coverage, exists: Callable[[str], bool] = lambda name: False) -> Diff:
    """What changed between two coverages. ``exists``: whether the file of a source, by its name, is still there."""
    found = Diff(old, new)
    found.unmeasured.extend(f"lost: {line}" for line in sorted(new.lost))
    found.unmeasured.extend(note for source in new for note in source.unmeasured)
    for before, now in _pairs(old, new):
        if now is None and before is not None and exists(before.source.name):
            found.unmeasured.append(f"{before.source.name}: was measured before, and is not any more")
        for one, other in _matched(before, now):
            _add(found, before, one, now, other)
    return found


def _pairs(old: Coverage, new: Coverage) -> Iterator[tuple[SourceCoverage | None, SourceCoverage | None]]:
    """Each source in both coverages: of one name, or of one text where the name is not in the other."""
    by_name = {each.source.name: each for each in old}
    names = {each.source.name for each in new}
    by_text = {each.source.digest: each for each in old if each.source.name not in names}
    used: set[int] = set()
    for now in new:
        before = by_name.get(now.source.name) or by_text.get(now.source.digest)
        before = None if id(before) in used else before
        used.add(id(before))
        yield before, now
    yield from ((before, None) for before in old if id(before) not in used)


def _matched(
    before: SourceCoverage | None, now: SourceCoverage | None
) -> Iterator[tuple[Branch | None, Branch | None]]:
    """The branches of a source, earlier and later; function by function, in the order of the later text."""
    olds, news = _by_function(before), _by_function(now)
    texts = all(each is None or each.source.text for each in (before, now))
    for function in dict.fromkeys((*news, *olds)):
        one, other = olds.get(function, []), news.get(function, [])
        yield from _aligned(one, other, _keys(before, one, texts), _keys(now, other, texts))


def _by_function(coverage: SourceCoverage | None) -> dict[str, list[Branch]]:
    found: dict[str, list[Branch]] = {}
    for branch in coverage.branches if coverage is not None else ():
        found.setdefault(branch.function, []).append(branch)
    return found


def _keys(coverage: SourceCoverage | None, branches: Sequence[Branch], texts: bool) -> list[Hashable]:
    """What distinguishes the branches of a function: their text; where that is not known on both sides, their size."""
    if coverage is None:
        return []
    if texts:
        return [(each.kind, coverage.source.snippet(each.span, _LONGEST)) for each in branches]
    sizes = ((each.kind, each.span.end_line - each.span.line, each.span) for each in branches)
    return [(kind, lines, 0 if lines else span.end_column - span.column) for kind, lines, span in sizes]


def _aligned(
    old: Sequence[Branch], new: Sequence[Branch], olds: Sequence[Hashable], news: Sequence[Hashable]
) -> Iterator[tuple[Branch | None, Branch | None]]:
    for tag, first, last, start, stop in SequenceMatcher(None, olds, news, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from zip(old[first:last], new[start:stop], strict=True)
        else:
            yield from ((each, None) for each in old[first:last])
            yield from ((None, each) for each in new[start:stop])


def _add(
    found: Diff,
    before: SourceCoverage | None,
    one: Branch | None,
    now: SourceCoverage | None,
    other: Branch | None,
) -> None:
    """Sort the outcomes of a branch into a diff; those that count, then or now."""
    if other is None or now is None:
        if one is not None and before is not None:
            found.removed.extend(Change(before.source, one, each) for each in one.outcomes if _counts(each))
        return
    for outcome in filter(_counts, other.outcomes):
        former = None if one is None else next((each for each in one.outcomes if each.name == outcome.name), None)
        change = Change(now.source, other, outcome, one)
        if former is None or not _counts(former):
            found.added.append(change)
        elif former.covered != outcome.covered:
            (found.gained if outcome.covered else found.lost).append(change)


def _counts(outcome: Outcome) -> bool:
    return outcome.required and not outcome.excluded
