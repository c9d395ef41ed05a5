"""The form of one source in data: each field's type, range and size, and what the fields must be together.

Data files are untrusted input. Whatever is not of this form is refused in words that name the field.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import chain
from typing import Any, TypeVar

from ipy_branchcov.data.contexts import Names, Numbers
from ipy_branchcov.data.decision_form import MOST_DECISIONS, RawDecision, decision_form, read_decisions
from ipy_branchcov.data.fields import Choice, Flag, Listed, Named, OrNull, Record, Text, Whole, WrongField, shown
from ipy_branchcov.model.branch import OUTCOMES, Branch, FirstHit, Outcome, outcome_names
from ipy_branchcov.model.source import Source, SourceKind, Span
from ipy_branchcov.model.source_coverage import SourceCoverage

T = TypeVar("T")
# What a field may hold at most: far more than any program has, and little enough to read and draw.
#: Characters of names and paths, of a value, and of a source's text.
NAME, VALUE, TEXT = 40_000, 1_000, 1 << 24
#: Items of a list, and hits, which add up when data merge.
MOST, MOST_HITS = 1_000_000, 10**18
#: The last line of a source and its last column, and all lines of a file that never ran.
LAST_LINE, MOST_LINES = 1_000_000, 4_000_000
#: Equal values that are one object.
_SHARED = 20_000
#: Branches that lie in each other. Python's parser refuses more than 200 parentheses.
DEEPEST = 256


def source_form(totals: Record, contexts: Names) -> Record:
    """The form of a source. It reads the sources of one file, of which it counts the lines."""
    lines_left = MOST_LINES

    def source(**found: Any) -> SourceCoverage:
        nonlocal lines_left
        for name in ("missed_lines", "excluded_lines"):
            lines_left -= sum(last - first + 1 for first, last in found[name])
            if lines_left < 0:
                raise _wrong(f"there are more than {MOST_LINES} {name.replace('_', ' ')} in this file", name)
        return _read_source(**found)

    span = Listed(Whole(0, LAST_LINE), 4, 4)
    lines = Listed(Listed(Whole(1, LAST_LINE), 2, 2), LAST_LINE)
    shared = _Shared()
    first = Record({"by": Text(NAME), "values": Named(Text(NAME), Text(VALUE), 100)}, shared.first_hit)
    return Record(
        {
            "name": Text(NAME),
            "kind": Choice(("cell", "file")),
            "path": OrNull(Text(NAME, raw=True)),
            "digest": Text(100),
            "text": OrNull(Text(TEXT, raw=True)),
            "totals": totals,
            "missed_lines": lines,
            "excluded_lines": lines,
            "missed_spans": Listed(span, MOST),
            "branches": Listed(_branch_form(span, first, contexts, shared), MOST),
            "note": Text(TEXT, lines=True),
            "decisions": OrNull(Listed(decision_form(span, first), MOST_DECISIONS)),
        },
        source,
        {"totals": None, "missed_spans": [], "excluded_lines": [], "note": "", "decisions": None},
    )


class _Shared:
    """What is equal in one file is one object, without which a large file takes three times the memory.

    Most outcomes have the same name, hits and first hit as many others. Only so many are kept here.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def _one(self, key: Hashable, made: T) -> T:
        known: T = self._known.get(key, made)
        if known is made and len(self._known) < _SHARED:
            self._known[key] = made
        return known

    def function(self, name: str) -> str:
        return self._one(name, name)

    def first_hit(self, by: str, values: Mapping[str, str]) -> FirstHit:
        made = FirstHit(by, values)
        return made if values else self._one((FirstHit, by), made)

    def outcome(self, **found: Any) -> Outcome:
        made = Outcome(**found)
        if made.first is not None and made.first.values:
            return made
        return self._one(
            (*(value for name, value in found.items() if name != "first"), made.first and made.first.by), made
        )


def _branch_form(span: Listed, first: Record, contexts: Names, shared: _Shared) -> Record:
    outcome = Record(
        {
            "name": Text(NAME),
            "hits": Whole(0, MOST_HITS),
            "required": Flag(),
            "excluded": Flag(),
            "first": OrNull(first),
            "reason": Text(NAME),
            "contexts": Numbers(contexts),
        },
        shared.outcome,
        {"reason": "", "contexts": frozenset()},
    )

    def branch(kind: str, span: list[int], function: str, outcomes: list[Outcome]) -> Branch:
        return _read_branch(kind, span, shared.function(function), outcomes)

    return Record(
        {"kind": Choice(tuple(OUTCOMES)), "span": span, "function": Text(NAME), "outcomes": Listed(outcome, 3, 2)},
        branch,
    )


def _wrong(reason: str, *way: str | int) -> WrongField:
    """An error in a field within the one that is read."""
    error = WrongField(reason)
    error.way += reversed(way)
    return error


def _read_source(
    name: str,
    kind: SourceKind,
    path: str | None,
    digest: str,
    text: str | None,
    totals: None,
    missed_lines: list[list[int]],
    missed_spans: list[list[int]],
    excluded_lines: list[list[int]],
    branches: list[Branch],
    note: str,
    decisions: list[RawDecision] | None,
) -> SourceCoverage:
    source = Source(name, text or "", kind, path, known_digest=digest)
    last_line = len(source.lines) if text else LAST_LINE
    missed = _read_lines(missed_lines, last_line, "missed_lines")
    excluded = _read_lines(excluded_lines, last_line, "excluded_lines") - missed
    spans = [_read_span(span, last_line, "missed_spans", number) for number, span in enumerate(missed_spans)]
    before: tuple[Any, ...] = ()
    for number, branch in enumerate(branches):
        _read_span(branch.span, last_line, "branches", number, "span")
        here = (branch.span.order, branch.kind)
        if here <= before:
            raise _wrong("does not stand in source order, or stands there twice", "branches", number)
        before = here
    _check_places([*spans, *(branch.span for branch in branches)])
    made = None if decisions is None else read_decisions(decisions, branches)
    return SourceCoverage(source, tuple(branches), missed, note, frozenset(spans), excluded, made)


def _read_lines(pairs: list[list[int]], last_line: int, name: str) -> frozenset[int]:
    for number, (first, last) in enumerate(pairs):
        if not first <= last <= last_line:
            raise _wrong(f"must be a first and a last line of at most {last_line}", name, number)
    return frozenset(chain.from_iterable(range(first, last + 1) for first, last in pairs))


def _read_span(numbers: Sequence[int], last_line: int, *way: str | int) -> Span:
    span = Span(*numbers)
    if not (span.start < span.end and span.line >= 1 and span.end_line <= last_line):
        raise _wrong(f"must begin before it ends, in lines from 1 to {last_line}", *way)
    return span


def _check_places(spans: list[Span]) -> None:
    """Refuse places that no program has, and that reports would take too long to draw. Raises WrongField."""
    if sum(span.end_line - span.line + 1 for span in spans) > MOST_LINES:
        raise _wrong(f"they have more than {MOST_LINES} lines", "branches")
    ends: list[tuple[int, int]] = []
    for span in sorted(spans):
        while ends and ends[0] <= span.start:
            heappop(ends)
        heappush(ends, span.end)
        if len(ends) > DEEPEST:
            raise _wrong(f"more than {DEEPEST} of them lie in each other at line {span.line}", "branches")


def _read_branch(kind: str, span: list[int], function: str, outcomes: list[Outcome]) -> Branch:
    branch = Branch(kind, Span(*span), tuple(outcomes), function)
    names = outcome_names(kind, value=len(outcomes) > 2)
    if len(outcomes) != len(names):
        raise _wrong(f"must have {len(names)} items, not {len(outcomes)}", "outcomes")
    for number, (outcome, name) in enumerate(zip(outcomes, names, strict=True)):
        if outcome.name != name:
            raise _wrong(f"must be {name}, not {shown(outcome.name)}", "outcomes", number, "name")
        if outcome.first is not None and not outcome.hits:
            raise _wrong("must be null where there are no hits", "outcomes", number, "first")
        if outcome.contexts and not outcome.hits:
            raise _wrong("must be left out where there are no hits", "outcomes", number, "contexts")
        if outcome.required and not outcome.excluded and outcome.reason:
            raise _wrong("must be left out of a required outcome", "outcomes", number, "reason")
    return branch
