"""Branches and their outcomes: what a program could do (no hits), and what it did (hits)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.totals import Totals

#: The outcomes of each kind of branch, in order.
OUTCOMES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("if", "while", "ifexp", "assert", "comp-if", "guard"), ("true", "false")),
    **dict.fromkeys(("and", "or", "compare"), ("true", "false")),
    **dict.fromkeys(("for", "async-for", "comp-for", "async-comp-for"), ("body", "exhausted")),
    **dict.fromkeys(("except", "except*", "pattern"), ("match", "nomatch")),
    **dict.fromkeys(("with", "async-with"), ("suppressed", "propagated")),
}

#: The third outcome of a condition that is a value rather than a test: it is neither True nor False.
OTHER = "other"

#: Why the outcomes of such a condition are optional: it need not be Boolean, or it was not.
VALUE = "a value, not a test"

#: Kinds whose branch is one Boolean operand.
CONDITIONS = frozenset({"and", "or", "compare"})

#: The reason why the outcomes of a decision are optional where its conditions are counted.
COMPOSITE = "counted by its operands"


@dataclass(frozen=True, slots=True)
class FirstHit:
    """The cell or test that covered an outcome first, and the values of names at that time, as short texts."""

    by: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def order(self) -> tuple[object, ...]:
        return (natural(self.by), sorted(self.values.items()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One labelled result of a branch, with its hits: exact where the coverage is counted, else 0 or 1.

    ``reason`` says why an outcome is optional or excluded; it is empty for those that count. An excluded outcome is
    not counted, whether it is required elsewhere or not. ``contexts``: all tests and cells that covered it, where that
    was asked for.
    """

    name: str
    hits: int = 0
    required: bool = True
    excluded: bool = False
    reason: str = ""
    first: FirstHit | None = None
    contexts: frozenset[str] = frozenset()

    @property
    def covered(self) -> bool:
        return self.hits > 0

    @property
    def missed(self) -> bool:
        """Required and not covered; optional and excluded outcomes are never missed."""
        return self.required and not self.excluded and not self.hits

    @property
    def _rank(self) -> int:
        """In a sum, an outcome has the duty of the part with the greatest rank: required, optional, excluded."""
        return 0 if self.excluded else 2 if self.required else 1

    def __add__(self, other: Outcome) -> Outcome:
        deciding = [each for each in (self, other) if each._rank == max(self._rank, other._rank)]
        return Outcome(
            self.name,
            self.hits + other.hits,
            any(each.required for each in deciding),
            deciding[0].excluded,
            min(each.reason for each in deciding),
            _earlier(self.first, other.first),
            self.contexts | other.contexts,
        )


def _earlier(one: FirstHit | None, other: FirstHit | None) -> FirstHit | None:
    if one is None or other is None or one == other:
        return one or other
    return min(one, other, key=lambda first: first.order)


def outcome_names(kind: str, *, value: bool = False) -> tuple[str, ...]:
    """The outcomes of a branch, in order. ``value``: of a condition that is a value rather than a test."""
    return (*OUTCOMES[kind], OTHER) if value and kind in CONDITIONS else OUTCOMES[kind]


@dataclass(frozen=True, slots=True)
class Branch:
    """A place in a source with two or more outcomes.

    ``function`` is the qualified name of the innermost function or class, "" at top level; ``decision`` the span of the
    whole test that a condition belongs to (None where it is not known, as in data that was read).

    Where a value was neither True nor False, being True and being False are optional too. That follows from the hits,
    so that a sum does not depend on the order of its parts.
    """

    kind: str
    span: Span
    outcomes: tuple[Outcome, ...]
    function: str = ""
    decision: Span | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.value and self.outcomes[-1].hits:
            optional = tuple(
                replace(each, required=False, reason=VALUE) if each.required else each for each in self.outcomes
            )
            object.__setattr__(self, "outcomes", optional)

    @property
    def value(self) -> bool:
        """Whether it is a condition whose value is used, and not its truth."""
        return len(self.outcomes) > 2 and self.outcomes[-1].name == OTHER

    @property
    def key(self) -> tuple[Span, str]:
        """What identifies a branch within its source."""
        return (self.span, self.kind)

    @property
    def missed(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.missed)

    @property
    def covered(self) -> bool:
        """Whether any outcome was covered."""
        return any(outcome.hits for outcome in self.outcomes)

    @property
    def composite(self) -> bool:
        """Whether it is a decision whose conditions are counted instead of it."""
        return all(outcome.reason == COMPOSITE for outcome in self.outcomes)

    @property
    def totals(self) -> Totals:
        counted = [o for o in self.outcomes if o.required and not o.excluded]
        return Totals(len(counted), sum(o.covered for o in counted))

    def self_check(self) -> None:
        """Raise ValueError where the outcomes are not those of the kind, or their numbers make no sense."""
        names = tuple(outcome.name for outcome in self.outcomes)
        expected = outcome_names(self.kind, value=self.value) if self.kind in OUTCOMES else None
        if names != expected:
            raise ValueError(f"{self.kind} at {self.span}: its outcomes are {names}, not {expected}")
        for outcome in self.outcomes:
            if outcome.hits < 0:
                raise ValueError(f"{self.kind} at {self.span}: {outcome.name} has {outcome.hits} hits")
            if outcome.required and not outcome.excluded and outcome.reason:
                raise ValueError(f"{self.kind} at {self.span}: {outcome.name} is required and has a reason why not")
            if outcome.first is not None and not outcome.covered:
                raise ValueError(f"{self.kind} at {self.span}: {outcome.name} has a first hit and no hits")
            if outcome.contexts and not outcome.covered:
                raise ValueError(f"{self.kind} at {self.span}: {outcome.name} has contexts and no hits")

    def __getitem__(self, name: str) -> Outcome:
        """The outcome of that name. Raises KeyError."""
        for outcome in self.outcomes:
            if outcome.name == name:
                return outcome
        raise KeyError(name)

    def __add__(self, other: Branch) -> Branch:
        ours = {outcome.name: outcome for outcome in self.outcomes}
        for outcome in other.outcomes:
            ours[outcome.name] = ours[outcome.name] + outcome if outcome.name in ours else outcome
        function = min(self.function, other.function)
        return Branch(self.kind, self.span, tuple(ours.values()), function, self.decision)


@dataclass(frozen=True, slots=True)
class BranchMap:
    """The branches of a source in source order, and its lines that hold code and are not excluded.

    ``excluded_lines``: those that are, and those without code in this run. ``wrong``: comments that exclude nothing, by
    line, with what is wrong.
    """

    source: Source
    branches: tuple[Branch, ...]
    code_lines: frozenset[int]
    excluded_lines: frozenset[int] = frozenset()
    wrong: tuple[tuple[int, str], ...] = ()


def uncounted(outcomes: Iterable[Outcome]) -> str:
    """Why none of some outcomes counts."""
    return f"all of it {'excluded' if any(outcome.excluded for outcome in outcomes) else 'optional'}"


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key in which ``In [9]`` comes before ``In [10]``; a number may have any number of digits."""
    parts = ((part, part.lstrip("0")) for part in re.split(r"(\d+)", text) if part)
    return tuple((0, len(digits), digits) if part.isdecimal() else (1, 0, part) for part, digits in parts)
