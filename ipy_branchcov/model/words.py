"""One vocabulary for texts, pages and the widget: kinds of branches, what became of outcomes, names of cells."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from ipy_branchcov.model.branch import OTHER, Branch, Outcome
from ipy_branchcov.model.source import shortened

#: What the kinds of branches are called; words of the language stand between backticks.
KINDS: Mapping[str, str] = {
    "if": "test of `if`",
    "while": "test of `while`",
    "ifexp": "test of a conditional expression",
    "assert": "test of `assert`",
    "comp-if": "filter of a comprehension",
    "guard": "guard of a `case`",
    "and": "operand of `and`",
    "or": "operand of `or`",
    "compare": "link of a chained comparison",
    "for": "`for` loop",
    "async-for": "`async for` loop",
    "comp-for": "loop of a comprehension",
    "async-comp-for": "async loop of a comprehension",
    "except": "handler",
    "except*": "handler of `except*`",
    "pattern": "pattern of a `case`",
    "with": "`with` block",
    "async-with": "`async with` block",
}
NEVER_RAN = "never ran"
NEVER_CALLED = "never called"
ALL_COVERED = "all outcomes covered"
#: The beginning of a comment that exempts one outcome, and of the reason why it is excluded.
EXEMPTED = "# branchcov: no"
#: Why the clause of ``if TYPE_CHECKING:`` is excluded.
TYPING = "TYPE_CHECKING is false when it runs"
#: So many places are named in a line, each with so many characters of its reason.
_MOST, _LONGEST = 5, 80

_NEVER = {
    "body": "never entered",
    "exhausted": "never exhausted",
    "match": "never matched",
    "nomatch": "never failed to match",
}


def never(outcomes: Iterable[Outcome]) -> str:
    """The label of missed outcomes: ``never true``, ``never entered, never exhausted``."""
    return ", ".join(_NEVER.get(outcome.name, f"never {outcome.name}") for outcome in outcomes)


def state(outcome: Outcome) -> Literal["covered", "missed", "optional", "excluded"]:
    """The state of an outcome in one word."""
    if outcome.covered:
        return "covered"
    if outcome.missed:
        return "missed"
    return "excluded" if outcome.excluded else "optional"


def fate(outcome: Outcome, *, counted: bool) -> str:
    """Whether an outcome was covered: ``covered``, ``covered 3 times``, ``never covered``."""
    return times("covered", outcome.hits, counted=counted)


def times(word: str, hits: int, *, counted: bool) -> str:
    """How often something happened.

    >>> [times("jumped", hits, counted=True) for hits in (0, 1, 3)], times("jumped", 3, counted=False)
    (['never jumped', 'jumped once', 'jumped 3 times'], 'jumped')
    """
    if not hits:
        return f"never {word}"
    if not counted:
        return word
    return f"{word} once" if hits == 1 else f"{word} {hits} times"


def counts(branch: Branch) -> str:
    """How often each outcome of a branch was covered: ``4× / 0``."""
    shown = [each for each in branch.outcomes if each.covered or each.name != OTHER]
    return " / ".join(f"{each.hits:,}×" if each.hits else "0" for each in shown)


def duty(outcome: Outcome) -> str:
    """Whether an outcome counts: ``required``, ``optional: why``, ``excluded: why``."""
    if outcome.excluded:
        return f"excluded: {outcome.reason}" if outcome.reason else "excluded"
    if outcome.required:
        return "required"
    return f"optional: {outcome.reason}" if outcome.reason else "optional"


def sentence(
    branch: Branch,
    *,
    counted: bool = False,
    firsts: bool = False,
    values: bool = True,
    new: Collection[str] = (),
) -> str:
    """A branch in words: ``if: true covered; false never covered, optional: why``.

    ``firsts``: with who covered an outcome first, and where ``values`` are wanted, with those.
    ``new``: names of outcomes that are newly covered.
    """
    parts = []
    for outcome in branch.outcomes:
        words = [f"{outcome.name} {fate(outcome, counted=counted)}"]
        if firsts and outcome.covered and outcome.first is not None:
            known = ", ".join(f"{name}={value}" for name, value in outcome.first.values.items()) if values else ""
            words.append(f"first by {outcome.first.by}" + (f" with {known}" if known else ""))
        if outcome.name in new:
            words.append("new")
        if outcome.excluded or not outcome.required:
            words.append(duty(outcome))
        parts.append(", ".join(words))
    return f"{branch.kind}: " + "; ".join(parts)


def exclusions(branches: Iterable[Branch]) -> list[str]:
    """Lines for people: the outcomes that comments exempted, and those that were excluded and covered all the same."""
    exempted: dict[str, None] = {}
    needless: dict[str, None] = {}
    covered: dict[str, None] = {}
    for branch in branches:
        for outcome in branch.outcomes:
            place = f"line {branch.span.line}: {shortened(outcome.reason, _LONGEST)}"
            if not outcome.excluded or branch.composite:
                continue
            if outcome.reason.startswith(EXEMPTED):
                (needless if outcome.covered else exempted)[place] = None
            elif outcome.covered and outcome.reason != TYPING:
                covered[f"line {branch.span.line}"] = None
    lines = (
        ("exempted", [place for place in exempted if place not in needless]),
        ("no longer needed, for it was covered", list(needless)),
        ("excluded and covered all the same", list(covered)),
    )
    return [f"{what}: {_some(places)}" for what, places in lines if places]


def _some(places: list[str]) -> str:
    more = f" and {len(places) - _MOST} more" if len(places) > _MOST else ""
    return ", ".join(places[:_MOST]) + more


def line_range(first: int, last: int, dash: str = "-") -> str:
    """``7``, or ``7-9``."""
    return str(first) if first == last else f"{first}{dash}{last}"


def cell_name(number: int) -> str:
    """The name of the cell with an execution count: ``In [3]``."""
    return f"In [{number}]"


def cell_number(name: str) -> int | None:
    """The execution count in a cell's name, which people and IPython also write without the space; else None.

    >>> cell_number("In [3]"), cell_number("In[3]"), cell_number("cell 3")
    (3, 3, None)
    """
    found = re.fullmatch(r"In ?\[(\d{1,18})\]", name)
    return int(found[1]) if found else None
