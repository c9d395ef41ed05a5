"""The vocabulary of texts, pages and the widget."""

from __future__ import annotations

import pytest

from ipy_branchcov.model import words
from ipy_branchcov.model.branch import OUTCOMES, Branch, FirstHit, Outcome
from ipy_branchcov.model.source import Span

REASON = "asserts are not expected to fail"
#: An outcome, its state, what became of it (counted or not), and whether it counts.
STATES = [
    (Outcome("true", 3), "covered", "covered 3 times", "covered", "required"),
    (Outcome("true", 1), "covered", "covered once", "covered", "required"),
    (Outcome("true", 0), "missed", "never covered", "never covered", "required"),
    (Outcome("true", 0, required=False, reason="why"), "optional", "never covered", "never covered", "optional: why"),
    (Outcome("true", 0, required=False), "optional", "never covered", "never covered", "optional"),
    (Outcome("true", 2, required=False, reason="why"), "covered", "covered 2 times", "covered", "optional: why"),
    (Outcome("true", 0, excluded=True), "excluded", "never covered", "never covered", "excluded"),
    (Outcome("true", 0, excluded=True, reason="why"), "excluded", *["never covered"] * 2, "excluded: why"),
]


@pytest.mark.parametrize(("outcome", "state", "counted", "plain", "duty"), STATES)
def test_an_outcome(outcome: Outcome, state: str, counted: str, plain: str, duty: str) -> None:
    assert words.state(outcome) == state
    assert (words.fate(outcome, counted=True), words.fate(outcome, counted=False)) == (counted, plain)
    assert words.duty(outcome) == duty


def test_each_kind_of_branch_has_words() -> None:
    assert words.KINDS.keys() == OUTCOMES.keys()
    assert all(text.count("`") in (0, 2) for text in words.KINDS.values())


def test_labels_of_missed_outcomes() -> None:
    labels = {name: words.never([Outcome(name)]) for names in OUTCOMES.values() for name in names}
    assert labels == {
        "true": "never true",
        "false": "never false",
        "body": "never entered",
        "exhausted": "never exhausted",
        "match": "never matched",
        "nomatch": "never failed to match",
        "suppressed": "never suppressed",
        "propagated": "never propagated",
    }
    assert words.never([Outcome("body"), Outcome("exhausted")]) == "never entered, never exhausted"


def test_a_branch_in_a_sentence() -> None:
    first = FirstHit("In [7]", {"x": "5", "n": "10"})
    outcomes = (Outcome("true", 3, first=first), Outcome("false", 0, required=False, reason=REASON))
    branch = Branch("assert", Span(1, 7, 1, 8), outcomes)
    assert words.sentence(branch) == f"assert: true covered; false never covered, optional: {REASON}"
    assert words.sentence(branch, counted=True, firsts=True, new={"true"}) == (
        f"assert: true covered 3 times, first by In [7] with x=5, n=10, new; false never covered, optional: {REASON}"
    )
    excluded = Branch(
        "if", Span(1, 3, 1, 4), (Outcome("true", 1, excluded=True, first=FirstHit("t")), Outcome("false"))
    )
    assert words.sentence(excluded, firsts=True) == "if: true covered, first by t, excluded; false never covered"


@pytest.mark.parametrize(
    ("name", "number"),
    [("In [3]", 3), ("In[30]", 30), ("cell 3", None), ("In [x]", None), ("In  [3]", None), ("nb.ipynb#In [3]", None)],
)
def test_names_of_cells(name: str, number: int | None) -> None:
    assert words.cell_number(name) == number
    assert number is None or words.cell_name(number) == name.replace("In[", "In [")


def test_ranges_of_lines() -> None:
    assert (words.line_range(7, 7), words.line_range(7, 9), words.line_range(7, 9, "–")) == ("7", "7-9", "7–9")
