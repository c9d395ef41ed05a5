"""The outcomes that lead only to excluded code, and those that only a failing assert has, beside the oracle's.

On programs with pragmas at random lines.
"""

from __future__ import annotations

import random

from ipy_branchcov.analysis.decisions import decide
from ipy_branchcov.analysis.excluded import LEADS, UNREACHABLE
from ipy_branchcov.analysis.obligations import ASSERTED
from ipy_branchcov.analysis.pragmas import Policy, exclusions
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.model.branch import COMPOSITE
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.span import Span
from tests import excluded_oracle
from tests.oracle import OUTCOMES, TRUTH, VALUES, in_messages


def by_leads(decisions: Decisions) -> set[tuple[str, Span, str]]:
    """What is excluded, and stands neither on an excluded line nor in code that cannot be reached."""
    found = decisions.map
    dead = [each.span for each in found.branches if any(one.reason == UNREACHABLE for one in each.outcomes)]
    return {
        (branch.kind, branch.span, outcome.name)
        for branch, node in zip(found.branches, decisions.nodes, strict=True)
        for outcome in branch.outcomes
        if branch.span.line not in found.excluded_lines
        and decisions.runs(node)
        and outcome.excluded
        and outcome.reason in (LEADS, COMPOSITE)
        and not any(branch.span.contains(span) for span in dead)
    }


def with_pragmas(text: str, seed: int) -> str:
    """A program with pragmas at some of its lines."""
    chance = random.Random(seed)
    rate = chance.choice((0.05, 0.2, 0.4, 0.6))
    lines = [
        f"{line}  # pragma: no cover" if line.strip() and chance.random() < rate else line for line in text.split("\n")
    ]
    return "\n".join(lines)


def compare_asserts(text: str, name: str = "a.py") -> tuple[int, list[str]]:
    """The number of outcomes that only a failing assert has, and those that only we or the oracle have.

    Those that are optional for another reason, wherever they stand, are not compared.
    """
    source = Source(name, text, "file")
    found = decide(source).map
    failing, unknown = excluded_oracle.only_failing(text)
    theirs = {(kind, _span(source, place), outcome) for kind, place, outcome in failing}
    for place in in_messages(text):
        names = VALUES if place.value else OUTCOMES.get(place.kind, TRUTH)
        theirs.update((place.kind, Span(*place.span), outcome) for outcome in names)
    every = {(each.kind, each.span, one.name): one.reason for each in found.branches for one in each.outcomes}
    not_judged = [_span(source, place) for place in unknown]
    ours = {each for each, reason in every.items() if reason == ASSERTED}
    theirs = {each for each in theirs if every.get(each, ASSERTED) in ("", ASSERTED)}
    wrong = (each for each in sorted(ours ^ theirs) if not any(span.contains(each[1]) for span in not_judged))
    return len(ours | theirs), [
        f"{name}: only a failing assert has {each} by {'the tool' if each in ours else 'the oracle'} alone"
        for each in wrong
    ]


def _span(source: Source, place: tuple[int, int, int, int]) -> Span:
    line, column, end, end_column = place
    return Span(line, source.column(line, column), end, source.column(end, end_column))


def compare(text: str, name: str = "a.py") -> tuple[int, list[str]]:
    """The number of outcomes that lead only to excluded code, and those that only we or the oracle have."""
    source = Source(name, text, "file")
    decisions = decide(source)
    lines = exclusions(source, decisions.tree, Policy()).lines
    found, unknown = excluded_oracle.excluded(text, lines)

    not_judged = [_span(source, place) for place in unknown]

    def judged(each: tuple[str, Span, str]) -> bool:
        return not any(whole.contains(each[1]) for whole in not_judged)

    excluded_lines = decisions.map.excluded_lines
    theirs = {(kind, _span(source, place), name) for kind, place, name in found if place[0] not in excluded_lines}
    ours, theirs = set(filter(judged, by_leads(decisions))), set(filter(judged, theirs))
    return len(ours | theirs), [
        f"{name}: {each} leads only to excluded code by {'the tool' if each in ours else 'the oracle'} alone"
        for each in sorted(ours ^ theirs)
    ]
