"""Decisions <-> their part of the JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ipy_branchcov.data.fields import Choice, Field, Flag, Listed, OrNull, Record, Text, Whole, WrongField
from ipy_branchcov.model.branch import Branch, FirstHit
from ipy_branchcov.model.decisions import BranchKey, Condition, Decision, Evaluation, Proofs
from ipy_branchcov.model.logic import MOST_VECTORS, Logic
from ipy_branchcov.model.span import Span

#: Decisions of a source, and conditions of a decision.
MOST_DECISIONS, MOST_CONDITIONS = 100_000, 1_000
#: Characters of the operators of a decision, and of a text beside it.
_LOGIC, _WORDS = 20_000, 1_000
_OUTCOMES = ("true", "false")


@dataclass(frozen=True, slots=True)
class RawDecision:
    """A decision as it stands in a file; its conditions are numbers of branches."""

    span: list[int]
    conditions: list[int]
    logic: str
    texts: list[str]
    reasons: list[str]
    evaluations: list[tuple[str, str, FirstHit | None]]
    shown: list[bool]
    unproven: str
    uncertain: list[tuple[int, bool]]


def mcdc_data(proofs: Proofs) -> dict[str, Any]:
    """The totals of MC/DC."""
    return {"conditions": proofs.conditions, "shown": proofs.shown, "percent": proofs.percent}


def decision_data(decision: Decision, numbers: Mapping[BranchKey, int], *, values: bool) -> dict[str, Any]:
    """The JSON form of a decision. ``numbers``: of the source's branches. ``values``: those of first hits, too."""
    data: dict[str, Any] = {
        "span": list(decision.span),
        "conditions": [numbers[each.branch] for each in decision.conditions],
        "logic": str(decision.logic),
        "texts": [each.text for each in decision.conditions],
        "reasons": [each.reason for each in decision.conditions],
        "evaluations": [_evaluation(each, values) for each in decision.evaluations],
        "shown": list(decision.shown),
    }
    if decision.unproven:
        data["unproven"] = decision.unproven
    if decision.uncertain:
        data["uncertain"] = [
            {"condition": number, "outcome": _OUTCOMES[0 if truth else 1]}
            for number, truth in sorted(decision.uncertain, key=lambda each: (each[0], not each[1]))
        ]
    return data


def _evaluation(each: Evaluation, values: bool) -> dict[str, Any]:
    first = each.first
    return {
        "vector": each.vector,
        "outcome": _OUTCOMES[0 if each.outcome else 1],
        "first": None if first is None else {"by": first.by, "values": dict(first.values) if values else {}},
    }


def decision_form(span: Field, first: Field) -> Record:
    """The fields of a decision."""
    words = Listed(Text(_WORDS), MOST_CONDITIONS)
    evaluation = Record(
        {"vector": Text(MOST_CONDITIONS), "outcome": Choice(_OUTCOMES), "first": OrNull(first)},
        lambda vector, outcome, first: (vector, outcome, first),
    )
    uncertain = Record(
        {"condition": Whole(0, MOST_CONDITIONS - 1), "outcome": Choice(_OUTCOMES)},
        lambda condition, outcome: (condition, outcome == "true"),
    )
    return Record(
        {
            "span": span,
            "conditions": Listed(Whole(0, 1_000_000), MOST_CONDITIONS, 2),
            "logic": Text(_LOGIC),
            "texts": words,
            "reasons": words,
            "evaluations": Listed(evaluation, MOST_VECTORS),
            "shown": Listed(Flag(), MOST_CONDITIONS),
            "unproven": Text(_WORDS),
            "uncertain": Listed(uncertain, 2 * MOST_CONDITIONS),
        },
        RawDecision,
        {"texts": [], "reasons": [], "shown": [], "unproven": "", "uncertain": []},
    )


def read_decisions(found: list[RawDecision], branches: list[Branch]) -> tuple[Decision, ...]:
    """The decisions; what is shown follows from the evaluations. Raises WrongField."""
    made: list[Decision] = []
    for number, raw in enumerate(found):
        try:
            decision = _read(raw, branches)
        except WrongField as error:
            error.way += [number, "decisions"]
            raise
        if made and decision.span.order <= made[-1].span.order:
            raise _wrong("does not stand in source order, or stands there twice", "decisions", number)
        made.append(decision)
    return tuple(made)


def _read(raw: RawDecision, branches: list[Branch]) -> Decision:
    count = len(raw.conditions)
    for number, branch in enumerate(raw.conditions):
        if branch >= len(branches) or branches[branch].kind not in ("and", "or", "compare"):
            raise _wrong("must be the number of a branch that is a condition", "conditions", number)
    for name, given in (("texts", raw.texts), ("reasons", raw.reasons)):
        if given and len(given) != count:
            raise _wrong(f"must have {count} items, not {len(given)}", name)
    try:
        logic = Logic.read(raw.logic)
    except ValueError as error:
        raise _wrong(str(error), "logic") from None
    if logic.size != count:
        raise _wrong(f"must have {count} conditions, not {logic.size}", "logic")
    evaluations: dict[str, Evaluation] = {}
    for number, (vector, outcome, first) in enumerate(raw.evaluations):
        right = len(vector) == count and set(vector) <= set("TF-") and logic.outcome(vector)
        if right is not (outcome == "true") or vector in evaluations:
            raise _wrong("must be an evaluation that the decision can have, once", "evaluations", number)
        evaluations[vector] = Evaluation(vector, outcome == "true", first)
    conditions = [
        Condition(branches[branch].key, raw.texts[i] if raw.texts else "", raw.reasons[i] if raw.reasons else "")
        for i, branch in enumerate(raw.conditions)
    ]
    if any(condition >= count for condition, _ in raw.uncertain):
        raise _wrong(f"must name conditions below {count}", "uncertain")
    function, uncertain = branches[raw.conditions[0]].function, frozenset(raw.uncertain)
    decision = Decision(Span(*raw.span), tuple(conditions), logic, (), raw.unproven, function, uncertain)
    for number, condition in enumerate(conditions):
        if not decision.span.contains(condition.branch[0]):
            raise _wrong("must lie within the decision", "conditions", number)
    return decision.with_evaluations(evaluations.values())


def _wrong(reason: str, *way: str | int) -> WrongField:
    error = WrongField(reason)
    error.way += reversed(way)
    return error
