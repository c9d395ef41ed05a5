"""An analysis as plain values, which can be written to a file, and back.

Of a source that was analysed before, nothing is parsed: its branches, its lines and the maps of its code objects are
read. What is missing there (another code object of the same text) is found by analysing the text, as without a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from typing import Any

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.functions import Callee, callee
from ipy_branchcov.analysis.kept_codes import fingerprint, packed
from ipy_branchcov.analysis.lines import NOTHING, HeadLines
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.analysis.rewritten import is_rewritten
from ipy_branchcov.analysis.shared_ends import SharedEnd
from ipy_branchcov.model.branch import Branch, BranchMap, Outcome
from ipy_branchcov.model.regions import Region
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.span import Span
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS


def key_of(source: Source, policy: Policy) -> str:
    """What an analysis depends on, beside the Python and this package."""
    options = [getattr(policy, field.name) for field in fields(policy)]
    return f"{source.digest} {[sorted(each) if isinstance(each, frozenset) else each for each in options]!r}"


# --- to plain values


def to_plain(analysis: Analysis) -> dict[str, Any]:
    """All that is known of a source. Analyses what has not been analysed yet, but for code objects."""
    branch_map = analysis.map
    return {
        "branches": [_branch_to(each) for each in branch_map.branches],
        "code_lines": sorted(branch_map.code_lines),
        "excluded_lines": sorted(branch_map.excluded_lines),
        "wrong": branch_map.wrong,
        "names": analysis.names,
        "regions": _regions_to(analysis.regions),
        "heads": [(each.first, each.last, _below_to(each.below), each.annotated_suite) for each in analysis.heads],
        "tries": analysis.tries,
        "shared_ends": [tuple(each) for each in analysis.shared_ends],
        "beginnings": [(*_key_to(key), outcome, line) for (key, outcome), line in analysis.beginnings],
        "asserted": [_span_to(each) for each in analysis.asserted],
        "coded_lines": None if analysis.coded_lines is None else sorted(analysis.coded_lines),
        "codes": _codes_to(analysis),
    }


def is_news(analysis: Analysis) -> bool:
    """Whether an analysis has more than the file that it was read from."""
    return not analysis.kept or any(code_map.news for _, code_map in analysis.codes.values())


def _codes_to(analysis: Analysis) -> dict[bytes, bytes]:
    """The packed maps of code objects by fingerprint: those that were kept before, and the new ones."""
    found = dict(analysis.kept_codes)
    for code, code_map in analysis.codes.values():
        news = code_map.news and analysis.placed(code) is code and not is_rewritten(analysis, code)
        if news and (key := fingerprint(code)) is not None:
            with suppress(ValueError):  # an integer that is too large to be packed: it is analysed each time
                found[key] = packed(code_map)
    return found


def _span_to(span: Span | None) -> tuple[int, int, int, int] | None:
    return None if span is None else (span.line, span.column, span.end_line, span.end_column)


def _branch_to(branch: Branch) -> tuple[Any, ...]:
    outcomes = tuple((each.name, each.required, each.excluded, each.reason) for each in branch.outcomes)
    return branch.kind, _span_to(branch.span), outcomes, branch.function, _span_to(branch.decision)


def _regions_to(regions: Iterable[Region]) -> list[tuple[Any, ...]]:
    found = []
    for each in regions:
        after = None if each.after is None else (*_key_to(each.after[0]), each.after[1])
        function = None if each.function is None else tuple(callee(each.function))
        found.append((_span_to(each.span), after, function, each.suite))
    return found


def _key_to(key: tuple[Span, str]) -> tuple[Any, str]:
    return _span_to(key[0]), key[1]


def _below_to(below: dict[int, tuple[Span, ...]]) -> dict[int, list[Any]] | None:
    return None if not below else {line: [_span_to(span) for span in spans] for line, spans in below.items()}


# --- and back


def from_plain(source: Source, policy: Policy, plain: dict[str, Any]) -> Analysis:
    """The analysis of the same source by the same policy. Raises what reading wrong values raises."""
    analysis = Analysis(source, policy)
    lines = plain["coded_lines"]
    analysis.kept, analysis.kept_codes = True, plain["codes"]
    vars(analysis).update(
        map=BranchMap(
            source,
            tuple(_branches_from(plain["branches"])),
            frozenset(plain["code_lines"]),
            frozenset(plain["excluded_lines"]),
            tuple(plain["wrong"]),
        ),
        names=plain["names"],
        regions=_regions_from(plain["regions"]),
        heads=[HeadLines(first, last, _below_from(below), suite) for first, last, below, suite in plain["heads"]],
        tries=plain["tries"],
        shared_ends=[SharedEnd(*each) for each in plain["shared_ends"]],
        beginnings=[(((Span(*span), kind), outcome), line) for span, kind, outcome, line in plain["beginnings"]],
        asserted=[Span(*each) for each in plain["asserted"]],
        coded_lines=None if lines is None else frozenset(lines),
    )
    return analysis


def _branches_from(plain: Iterable[tuple[Any, ...]]) -> Iterable[Branch]:
    known: dict[tuple[Any, ...], Outcome] = {}
    for kind, span, outcomes, function, decision in plain:
        made = []
        for each in outcomes:
            if each not in known:
                name, required, excluded, reason = each
                known[each] = Outcome(name, 0, required, excluded, reason)
            made.append(known[each])
        place = Span(*span)
        whole = place if decision == span else None if decision is None else Span(*decision)
        yield Branch(kind, place, tuple(made), function, whole)


def _regions_from(plain: Iterable[tuple[Any, ...]]) -> list[Region]:
    found = []
    for span, after, function, suite in plain:
        leads = None if after is None else ((Span(*after[0]), after[1]), after[2])
        found.append(Region(Span(*span), leads, None if function is None else Callee(*function), suite))
    return found


def _below_from(below: dict[int, list[Any]] | None) -> dict[int, tuple[Span, ...]]:
    return NOTHING if below is None else {line: tuple(Span(*each) for each in spans) for line, spans in below.items()}
