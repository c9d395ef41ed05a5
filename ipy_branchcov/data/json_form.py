"""Coverage <-> the JSON form. The report and the data file are one form, ``ipy_branchcov/1``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from itertools import chain
from pathlib import Path
from typing import Any

from ipy_branchcov.data.contexts import Names, Numbers, numbers
from ipy_branchcov.data.decision_form import (
    MOST_DECISIONS,
    RawDecision,
    decision_data,
    decision_form,
    mcdc_data,
    read_decisions,
)
from ipy_branchcov.data.fields import (
    Choice,
    Flag,
    Listed,
    Named,
    OrNull,
    Percent,
    Record,
    Text,
    Whole,
    WrongField,
    shown,
)
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import OUTCOMES, Branch, FirstHit, Outcome, outcome_names
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, SourceKind, Span, shortened
from ipy_branchcov.model.source_coverage import SourceCoverage, ranges
from ipy_branchcov.model.totals import Totals

SCHEMA = "ipy_branchcov/1"
PUBLISHED = Path(__file__).with_name("branchcov-1.schema.json")
# What a field may hold at most: far more than any program has, and little enough to read and draw.
#: Characters of names and paths, of a value, and of a source's text.
NAME, VALUE, TEXT = 40_000, 1_000, 1 << 24
#: Items of a list, and hits, which add up when data merge.
MOST, MOST_HITS = 1_000_000, 10**18
#: The last line of a source and its last column, and all lines of a file that never ran.
LAST_LINE, MOST_LINES = 1_000_000, 4_000_000
#: Branches that lie in each other. Python's parser refuses more than 200 parentheses.
DEEPEST = 256


def dumps(coverage: Coverage, *, texts: bool = False, values: bool = False) -> str:
    """The JSON text of a coverage, ending in a newline. ``texts``: also the text of files, not of cells alone.

    ``values``: also the values of first hits. They may be secrets, so only who was asked for them writes them.
    """
    known = numbers(coverage)
    form = _around_sources(coverage, known)
    # One at a time: the form of them all takes several times the memory of the text.
    sources = [_text(_source(each, texts, values, known)).replace("\n", "\n  ") for each in coverage.sources]
    inside = ",\n  ".join(sources)
    sources.clear()
    before, _, behind = _text(form).partition('\n "sources": []')
    return f'{before}\n "sources": [\n  {inside}\n ]{behind}\n' if inside else f"{_text(form)}\n"


def _text(form: dict[str, Any]) -> str:
    text = json.dumps(form, ensure_ascii=False, indent=1)
    # UTF-8 has no half of a pair of surrogates, which names and texts can have. Python's escape of it is JSON's, too.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def loads(text: str, name: str) -> Coverage:
    """Read :func:`dumps`' form. ``name`` stands in the messages. Raises DataError, one line that names the field."""
    try:
        data = json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_number)
    except RecursionError:
        raise DataError(f"{name}: not a data file of branchcov (lists in lists without end)") from None
    except ValueError as error:
        raise DataError(f"{name}: not a complete data file ({error}); measure again to write a new one") from None
    del text  # it can be the largest part of what is in memory
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, str) or not schema.startswith("ipy_branchcov/"):
        raise DataError(f'{name}: not a data file of branchcov (no "schema": "{SCHEMA}")')
    if schema != SCHEMA:
        raise DataError(f"{name}: written as {shown(schema)}, this version reads {SCHEMA}; upgrade ipy-branchcov")
    try:
        coverage: Coverage = _form().read(data)
        return coverage
    except WrongField as error:
        place = shortened(error.name, 200) or "the file"
        raise DataError(
            f"{name}: damaged data file ({place}: {error.reason}); measure again to write a new one"
        ) from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{shown(twice)} stands twice in one object")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def to_dict(coverage: Coverage, *, texts: bool = False, values: bool = False) -> dict[str, Any]:
    """The JSON form; ``texts`` and ``values`` as in :func:`dumps`."""
    known = numbers(coverage)
    data = _around_sources(coverage, known)
    data["sources"] = [_source(source, texts, values, known) for source in coverage.sources]
    return data


def _around_sources(coverage: Coverage, known: Mapping[str, int]) -> dict[str, Any]:
    """The form without the sources. ``known``: the numbers of contexts."""
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "python": sorted(coverage.python),
        "counted": coverage.counted,
        "totals": _totals(coverage.totals) | ({} if coverage.mcdc is None else {"mcdc": mcdc_data(coverage.mcdc)}),
    }
    if known:
        data["contexts"] = list(known)
    data["sources"] = []
    if coverage.lost:
        data["lost"] = sorted(coverage.lost)
    return data


def _totals(totals: Totals) -> dict[str, Any]:
    return {"outcomes": totals.outcomes, "covered": totals.covered, "percent": totals.percent}


def _source(coverage: SourceCoverage, texts: bool, values: bool, contexts: Mapping[str, int]) -> dict[str, Any]:
    source = coverage.source
    data = {
        "name": source.name,
        "kind": source.kind,
        "path": source.path,
        "digest": source.digest,
        "text": source.text if source.kind == "cell" or texts else None,
        "totals": _totals(coverage.totals),
        "missed_lines": [list(lines) for lines in coverage.missed_ranges],
        "missed_spans": [list(span) for span in coverage.missed_parts],
        "branches": [_branch(branch, values, contexts) for branch in coverage.branches],
    }
    if coverage.decisions is not None:
        numbers = {branch.key: number for number, branch in enumerate(coverage.branches)}
        data["decisions"] = [decision_data(each, numbers, values=values) for each in coverage.decisions]
    if coverage.excluded_lines:
        data["excluded_lines"] = [list(lines) for lines in ranges(coverage.excluded_lines)]
    if coverage.note:
        data["note"] = coverage.note
    return data


def _branch(branch: Branch, values: bool, contexts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "kind": branch.kind,
        "span": list(branch.span),
        "function": branch.function,
        "outcomes": [_outcome(outcome, values, contexts) for outcome in branch.outcomes],
    }


def _outcome(outcome: Outcome, values: bool, contexts: Mapping[str, int]) -> dict[str, Any]:
    first = outcome.first
    data: dict[str, Any] = {
        "name": outcome.name,
        "hits": min(outcome.hits, MOST_HITS),
        "required": outcome.required,
        "excluded": outcome.excluded,
        "first": None if first is None else {"by": first.by, "values": dict(first.values) if values else {}},
    }
    if outcome.contexts:
        data["contexts"] = sorted(contexts[name] for name in outcome.contexts)
    if outcome.reason:
        data["reason"] = outcome.reason
    return data


# --- reading: a data file is untrusted input, so every field has its type and its size here


def _form() -> Record:
    """The form ``ipy_branchcov/1``. Of one file, because it counts the lines that the whole file may miss."""
    lines_left = MOST_LINES

    def source(**found: Any) -> SourceCoverage:
        nonlocal lines_left
        for name in ("missed_lines", "excluded_lines"):
            lines_left -= sum(last - first + 1 for first, last in found[name])
            if lines_left < 0:
                raise _wrong(f"there are more than {MOST_LINES} {name.replace('_', ' ')} in this file", name)
        return _read_source(**found)

    contexts = Names(Listed(Text(NAME), MOST))
    span = Listed(Whole(0, LAST_LINE), 4, 4)
    lines = Listed(Listed(Whole(1, LAST_LINE), 2, 2), LAST_LINE)
    first = Record({"by": Text(NAME), "values": Named(Text(NAME), Text(VALUE), 100)}, FirstHit)
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
        Outcome,
        {"reason": "", "contexts": frozenset()},
    )
    branch = Record(
        {"kind": Choice(tuple(OUTCOMES)), "span": span, "function": Text(NAME), "outcomes": Listed(outcome, 3, 2)},
        _read_branch,
    )
    totals = Record({"outcomes": Whole(0, MOST), "covered": Whole(0, MOST), "percent": OrNull(Percent())})
    a_source = Record(
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
            "branches": Listed(branch, MOST),
            "note": Text(TEXT, lines=True),
            "decisions": OrNull(Listed(decision_form(span, first), MOST_DECISIONS)),
        },
        source,
        {"totals": None, "missed_spans": [], "excluded_lines": [], "note": "", "decisions": None},
    )
    return Record(
        {
            "schema": Choice((SCHEMA,)),
            "python": Listed(Text(100), 1000),
            "counted": Flag(),
            "totals": totals,
            "contexts": contexts,  # before the sources, which have numbers of them
            "sources": Listed(a_source, MOST, drained=True),
            "lost": Listed(Text(NAME), MOST),
        },
        _read_coverage,
        {"totals": None, "contexts": [], "lost": []},
    )


def schema() -> dict[str, Any]:
    """The form in the words of JSON's own schema; :data:`PUBLISHED` has it as a file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Branch coverage inside lines: the report and the data file of ipy-branchcov",
        "description": "Made from the code that reads it. Names that are not here may be added.",
        **_form().schema(),
    }


def from_dict(data: object) -> Coverage:
    """The inverse of :func:`to_dict`. Raises WrongField, which names the field, for all that is not of the form."""
    if isinstance(data, dict) and isinstance(data.get("sources"), list):
        data = data | {"sources": data["sources"].copy()}
    coverage: Coverage = _form().read(data)
    return coverage


def _wrong(reason: str, *way: str | int) -> WrongField:
    """An error in a field within the one that is read."""
    error = WrongField(reason)
    error.way += reversed(way)
    return error


def _read_coverage(
    schema: str,
    python: list[str],
    counted: bool,
    totals: None,
    contexts: list[str],
    sources: list[Any],
    lost: list[str],
) -> Coverage:
    # Totals follow from the outcomes. Sources may stand in any order here.
    return merge([Coverage(tuple(sources), frozenset(python), counted, frozenset(lost))])


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
