"""Coverage <-> the JSON form. The report and the data file are one form, ``ipy_branchcov/1``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ipy_branchcov.data.contexts import Names, numbers
from ipy_branchcov.data.decision_form import decision_data, mcdc_data
from ipy_branchcov.data.fields import (
    Begun,
    Choice,
    Flag,
    Listed,
    OrNull,
    Percent,
    Record,
    Text,
    Whole,
    WrongField,
    shown,
)
from ipy_branchcov.data.source_form import MOST, MOST_HITS, NAME, source_form
from ipy_branchcov.data.stream import Stream
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import shortened
from ipy_branchcov.model.source_coverage import SourceCoverage, ranges
from ipy_branchcov.model.totals import Totals

SCHEMA = "ipy_branchcov/1"
#: Of JSON and what is left of it; a byte order mark is another program's.
_BEGINNINGS = frozenset('{["\ufeff-0123456789')
PUBLISHED = Path(__file__).with_name("branchcov-1.schema.json")


def dumps(coverage: Coverage, *, texts: bool = False, values: bool = False) -> str:
    """The JSON text of a coverage, ending in a newline. ``texts``: also the text of files, not of cells alone.

    ``values``: also the values of first hits. They may be secrets, so only who was asked for them writes them.
    """
    return "".join(pieces(coverage, texts=texts, values=values))


def pieces(coverage: Coverage, *, texts: bool = False, values: bool = False) -> Iterator[str]:
    """The same in pieces, a source each: all of a large one together take several times the memory of the coverage."""
    known = numbers(coverage)
    before, _, behind = _text(_around_sources(coverage, known)).partition('\n "sources": []')
    yield f'{before}\n "sources": ['
    for number, each in enumerate(coverage.sources):
        text = _text(_source(each, texts, values, known)).replace("\n", "\n  ")
        yield f",\n  {text}" if number else f"\n  {text}"
    end = "\n ]" if coverage.sources else "]"
    yield f"{end}{behind}\n"


def _text(form: dict[str, Any]) -> str:
    text = json.dumps(form, ensure_ascii=False, indent=1)
    # UTF-8 has no half of a pair of surrogates, which names and texts can have. Python's escape of it is JSON's, too.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def loads(text: str, name: str) -> Coverage:
    """Read :func:`dumps`' form. ``name`` stands in the messages. Raises DataError, one line that names the field."""
    pieces = [text, ""]
    del text  # it can be the largest part of what is in memory
    return read(lambda: pieces.pop(0), name)


def read(more: Callable[[], str], name: str) -> Coverage:
    """As :func:`loads`, of a text in pieces: ``more`` returns the next one, "" at the end, and may raise.

    Sources are read one at a time, so that the form of them all is never in memory.
    """
    form = _form()
    first = more()
    pieces = [first]
    beginning = first.lstrip()[:1]
    del first
    try:
        data = _read_members(Stream(lambda: pieces.pop() if pieces else more(), _DECODER), form)
    except RecursionError:
        raise DataError(f"{name}: not a data file of branchcov (lists in lists without end)") from None
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        if beginning and beginning not in _BEGINNINGS:
            raise DataError(f"{name}: not a data file of branchcov (no JSON)") from None
        raise DataError(f"{name}: not a complete data file ({error}); measure again to write a new one") from None
    schema = data.get("schema")
    if not isinstance(schema, str) or not schema.startswith("ipy_branchcov/"):
        raise DataError(f'{name}: not a data file of branchcov (no "schema": "{SCHEMA}")')
    if schema != SCHEMA:
        raise DataError(f"{name}: written as {shown(schema)}, this version reads {SCHEMA}; upgrade ipy-branchcov")
    try:
        coverage: Coverage = form.read(data)
        return coverage
    except WrongField as error:
        place = shortened(error.name, 200) or "the file"
        raise DataError(
            f"{name}: damaged data file ({place}: {error.reason}); measure again to write a new one"
        ) from None


def _read_members(stream: Stream, form: Record) -> dict[str, Any]:
    """The members of the whole, with sources that are read already, as far as that could be. Raises ValueError.

    Contexts stand before the sources, which have numbers of them. Where they do not, or a source is wrong, the sources
    from there on wait for the rest of the text: only then is it known what is wrong with it.
    """
    data: dict[str, Any] = {}
    for name, value in stream.members("sources"):
        if name in data:
            raise ValueError(f"{shown(name)} stands twice in one object")
        data[name] = _sources(value, form, data) if isinstance(value, Iterator) else value
    return data


def _sources(items: Iterator[Any], form: Record, before: dict[str, Any]) -> Begun:
    """The list of sources, read as far as it can be by the members that stand before it."""
    kind = form.fields["sources"]
    begun = Begun(None)
    try:
        if before.get("schema") == SCHEMA and isinstance(kind, Listed):
            form.fields["contexts"].read(before.get("contexts", []))
            begun = Begun(kind.kind)
    except WrongField:
        pass  # it is raised where the whole is read
    for each in items:
        begun.add(each)
    return begun


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{shown(twice)} stands twice in one object")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_no_number)


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
    contexts = Names(Listed(Text(NAME), MOST))
    totals = Record({"outcomes": Whole(0, MOST), "covered": Whole(0, MOST), "percent": OrNull(Percent())})
    return Record(
        {
            "schema": Choice((SCHEMA,)),
            "python": Listed(Text(100), 1000),
            "counted": Flag(),
            "totals": totals,
            "contexts": contexts,  # before the sources, which have numbers of them
            "sources": Listed(source_form(totals, contexts), MOST),
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
    coverage: Coverage = _form().read(data)
    return coverage


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
