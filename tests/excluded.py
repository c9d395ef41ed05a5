"""The outcomes that lead only to excluded code, beside the oracle's, on programs with pragmas at random lines."""

from __future__ import annotations

import random

from ipy_branchcov.analysis.decisions import decide
from ipy_branchcov.analysis.excluded import DEAD, LEADS, UNREACHABLE
from ipy_branchcov.analysis.pragmas import Policy, exclusions
from ipy_branchcov.model.branch import COMPOSITE, BranchMap
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.span import Span
from tests import excluded_oracle


def by_leads(found: BranchMap) -> set[tuple[str, Span, str]]:
    """What is excluded, and stands neither on an excluded line nor in code that cannot be reached."""
    dead = [each.span for each in found.branches if any(one.reason in (UNREACHABLE, DEAD) for one in each.outcomes)]
    return {
        (branch.kind, branch.span, outcome.name)
        for branch in found.branches
        for outcome in branch.outcomes
        if branch.span.line not in found.excluded_lines
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


def compare(text: str, name: str = "a.py") -> tuple[int, list[str]]:
    """The number of outcomes that lead only to excluded code, and those that only we or the oracle have."""
    source = Source(name, text, "file")
    decisions = decide(source)
    lines = exclusions(source, decisions.tree, Policy()).lines
    found, unknown = excluded_oracle.excluded(text, lines)

    def span(place: tuple[int, int, int, int]) -> Span:
        line, column, end, end_column = place
        return Span(line, source.column(line, column), end, source.column(end, end_column))

    not_judged = [span(place) for place in unknown]

    def judged(each: tuple[str, Span, str]) -> bool:
        return not any(whole.contains(each[1]) for whole in not_judged)

    excluded_lines = decisions.map.excluded_lines
    theirs = {(kind, span(place), name) for kind, place, name in found if place[0] not in excluded_lines}
    ours, theirs = set(filter(judged, by_leads(decisions.map))), set(filter(judged, theirs))
    return len(ours | theirs), [
        f"{name}: {each} leads only to excluded code by {'the tool' if each in ours else 'the oracle'} alone"
        for each in sorted(ours ^ theirs)
    ]
