"""Decisions: which evaluations of the conditions of one test were observed, and which conditions they show (MC/DC).

The form is :data:`FORM`. A condition is *shown* by two observed evaluations in which its values differ, the outcomes
differ, and no other condition that both evaluated differs. Of a condition whose text stands twice in the decision
(coupled), others may differ where they are masked. Nothing is made up: a vector is here because a run produced it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, product

from ipy_branchcov.model.branch import Branch, FirstHit, Outcome
from ipy_branchcov.model.logic import UNKNOWN, Logic
from ipy_branchcov.model.span import Span
from ipy_branchcov.model.totals import percent_of, percentage

#: The form of MC/DC that is measured; stands wherever a figure of it does.
FORM = "unique-cause MC/DC for short-circuit operators, masking for repeated conditions"
ASSERTED = "asserts are not expected to fail"
NOT_BOOLEAN = "a value, not a test"
EXCLUDED = "excluded"
IMPOSSIBLE = "no two evaluations can show it"
UNFOLLOWED = "some runs were measured without --mcdc, so evaluations may be missing"
RAISING = "an operand that is always true or always false may have raised at the end of an evaluation"

#: What the open evaluations of a frame have come to: (number of the decision, vector), by number.
History = tuple[tuple[int, str], ...]
#: A branch within its source.
BranchKey = tuple[Span, str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One vector of conditions that was observed, with the decision's outcome, and who produced it first."""

    vector: str
    outcome: bool
    first: FirstHit | None = None

    def __add__(self, other: Evaluation) -> Evaluation:
        firsts = [each.first for each in (self, other) if each.first is not None]
        return replace(self, first=min(firsts, key=lambda first: first.order, default=None))


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a decision: its branch, its text as it is shown, and why it does not count ("": it does)."""

    branch: BranchKey
    text: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Proofs:
    """Conditions that count, and how many of them are shown."""

    conditions: int = 0
    shown: int = 0

    @property
    def percent(self) -> float | None:
        """As that of outcomes."""
        return percent_of(self.shown, self.conditions)

    def __add__(self, other: Proofs) -> Proofs:
        return Proofs(self.conditions + other.conditions, self.shown + other.shown)

    def __str__(self) -> str:
        if self.percent is None:
            return "MC/DC: no decision with two or more conditions that count"
        conditions = "condition" if self.conditions == 1 else "conditions"
        return f"MC/DC: {self.shown} of {self.conditions} {conditions} shown ({percentage(self.percent)})"


@dataclass(frozen=True)
class Decision:
    """A test, or a value, of two or more conditions, and the evaluations that were observed, true values first.

    ``unproven``: why evaluations may be missing that a run did produce; "" where all are here. ``uncertain``: the
    outcomes of conditions, behind which an operand that is constant may raise, so that they prove no evaluation.
    """

    span: Span
    conditions: tuple[Condition, ...]
    logic: Logic
    evaluations: tuple[Evaluation, ...] = ()
    unproven: str = ""
    function: str = field(default="", compare=False)
    uncertain: frozenset[tuple[int, bool]] = field(default=frozenset(), compare=False)

    @cached_property
    def coupled(self) -> frozenset[int]:
        """The conditions whose text stands elsewhere in the decision, too."""
        texts = Counter(each.text for each in self.conditions if each.text)
        return frozenset(i for i, each in enumerate(self.conditions) if texts[each.text] > 1)

    def shows(self, condition: int, one: Evaluation, other: Evaluation) -> bool:
        """Whether two evaluations show a condition."""
        mine, yours = one.vector[condition], other.vector[condition]
        if mine == yours or UNKNOWN in (mine, yours) or one.outcome is other.outcome:
            return False
        letters = zip(one.vector, other.vector, strict=True)
        if all(i == condition or a == b or UNKNOWN in (a, b) for i, (a, b) in enumerate(letters)):
            return True
        return condition in self.coupled and self.logic.masks(condition, one.vector, other.vector)

    @cached_property
    def pairs(self) -> tuple[tuple[int, int] | None, ...]:
        """For each condition the numbers of two evaluations that show it: where it is true, where it is false."""
        return tuple(self._pair(number, self.evaluations) for number in range(len(self.conditions)))

    @property
    def shown(self) -> tuple[bool, ...]:
        return tuple(pair is not None for pair in self.pairs)

    def _pair(self, condition: int, evaluations: tuple[Evaluation, ...]) -> tuple[int, int] | None:
        masked = condition in self.coupled
        groups: dict[tuple[str, str], list[int]] = {}
        for i, each in enumerate(evaluations):
            # Where nothing is masked, two evaluations go the same way until they come to the condition.
            prefix = "" if masked else each.vector[:condition]
            groups.setdefault((prefix, each.vector[condition]), []).append(i)
        for prefix, letter in groups:
            if letter == "T":
                both = product(groups[prefix, "T"], groups.get((prefix, "F"), ()))
                for one, other in islice(both, _MOST_PAIRS):
                    if self.shows(condition, evaluations[one], evaluations[other]):
                        return one, other
        return None

    @cached_property
    def totals(self) -> Proofs:
        counted = [i for i, each in enumerate(self.conditions) if not each.reason]
        return Proofs(len(counted), sum(self.shown[i] for i in counted))

    @cached_property
    def open(self) -> tuple[Evaluation, ...]:
        """The evaluations that the operators allow and that were not observed; () where there are too many to list."""
        seen = {each.vector for each in self.evaluations}
        return tuple(each for each in self._possible if each.vector not in seen)

    @cached_property
    def _possible(self) -> tuple[Evaluation, ...]:
        """All evaluations in which conditions of one text have one value."""
        every = ((vector, self.logic.outcome(vector)) for vector in self.logic.few or ())
        return tuple(Evaluation(vector, bool(outcome)) for vector, outcome in every if self._consistent(vector))

    def _consistent(self, vector: str) -> bool:
        values: dict[str, str] = {}
        return all(
            values.setdefault(self.conditions[i].text, vector[i]) == vector[i]
            for i in self.coupled
            if vector[i] != UNKNOWN
        )

    def missing(self, condition: int) -> tuple[Evaluation, ...]:
        """The fewest evaluations that have to be run to show a condition, those that need least first; () for none."""
        if self.shown[condition]:
            return ()
        by_need = sorted(self.open, key=lambda each: (len(each.vector) - each.vector.count(UNKNOWN), each.outcome))
        for each in by_need:
            if any(self.shows(condition, each, other) for other in self.evaluations):
                return (each,)
        for i, each in enumerate(by_need[:_MOST_TRIED]):
            for other in by_need[i + 1 : _MOST_TRIED]:
                if self.shows(condition, each, other):
                    return tuple(sorted((each, other), key=lambda one: one.vector[condition] != "T"))
        return ()

    def observed(self, branches: Mapping[BranchKey, Branch]) -> Decision:
        """The same with the evaluations that the outcomes of its conditions alone prove.

        An outcome that ends an evaluation proves it where one history leads to that outcome, or where all others
        have an outcome that never was. Where several remain, what is known is incomplete.
        """
        hit = self._hit(branches)
        found: list[Evaluation] = []
        unproven = self.doubt(branches)
        for (condition, truth), outcome in hit.items():
            ending = () if (condition, truth) in self.uncertain else self.logic.ending(condition, truth)
            fitting = [v for v in ending if _possible(v, hit)]
            if len(fitting) == 1:
                found.append(Evaluation(fitting[0], bool(self.logic.outcome(fitting[0])), outcome.first))
            elif fitting:
                unproven = UNFOLLOWED
        if self.logic.few is None and hit:
            unproven = UNFOLLOWED
        return replace(self, evaluations=_united(found), unproven=unproven)

    def doubt(self, branches: Mapping[BranchKey, Branch]) -> str:
        """Why an evaluation may be missing that other outcomes end than those that prove it; "" where none may."""
        return RAISING if self.uncertain & self._hit(branches).keys() else ""

    def _hit(self, branches: Mapping[BranchKey, Branch]) -> dict[tuple[int, bool], Outcome]:
        """The outcomes of the conditions that were covered."""
        own = [branches.get(each.branch) for each in self.conditions]
        return {
            (i, truth): branch[name]
            for i, branch in enumerate(own)
            if branch is not None
            for truth, name in ((True, "true"), (False, "false"))
            if branch[name].covered
        }

    def __add__(self, other: Decision) -> Decision:
        """Both's evaluations. The conditions are those of a text, so they are the same but for what excludes them."""
        if self.form != other.form:  # no data of ours
            return min(self, other, key=lambda each: each.form)
        conditions = tuple(
            replace(a, text=max(a.text, b.text), reason="" if "" in (a.reason, b.reason) else min(a.reason, b.reason))
            for a, b in zip(self.conditions, other.conditions, strict=True)
        )
        return replace(
            self,
            conditions=conditions,
            evaluations=_united([*self.evaluations, *other.evaluations]),
            unproven=max(self.unproven, other.unproven),
            function=min(self.function, other.function),
            uncertain=self.uncertain | other.uncertain,
        )

    @property
    def form(self) -> tuple[object, ...]:
        """What all data of one text have in common."""
        return (str(self.logic), *(each.branch for each in self.conditions))

    def moved(self, lines: int) -> Decision:
        """The same, so many lines further down."""
        conditions = (replace(each, branch=(each.branch[0].moved(lines), each.branch[1])) for each in self.conditions)
        return replace(self, span=self.span.moved(lines), conditions=tuple(conditions))

    def with_evaluations(self, found: Iterable[Evaluation]) -> Decision:
        """The same with these evaluations, each once and in order."""
        return replace(self, evaluations=_united(found))

    def self_check(self) -> None:
        """Raise ValueError where an evaluation is none of the decision's, or stands twice."""
        if self.logic.size != len(self.conditions):
            raise ValueError(f"decision at {self.span}: {len(self.conditions)} conditions, and the logic of others")
        for each in self.evaluations:
            if self.logic.outcome(each.vector) is not each.outcome:
                raise ValueError(f"decision at {self.span}: no evaluation has the vector {each.vector}")
        if len({each.vector for each in self.evaluations}) < len(self.evaluations):
            raise ValueError(f"decision at {self.span}: an evaluation stands twice")


#: Pairs of evaluations that are tried for a condition.
_MOST_PAIRS = 100_000
#: Evaluations that were not observed, of which pairs are tried.
_MOST_TRIED = 200


def _possible(vector: str, hit: Mapping[tuple[int, bool], object]) -> bool:
    """Whether each value in a vector was observed at some time."""
    return all((i, letter == "T") in hit for i, letter in enumerate(vector) if letter != UNKNOWN)


def _united(found: Iterable[Evaluation]) -> tuple[Evaluation, ...]:
    """Each vector once, in the order of a truth table: true before false, evaluated before not."""
    sums: dict[str, Evaluation] = {}
    for each in found:
        sums[each.vector] = sums[each.vector] + each if each.vector in sums else each
    return tuple(sorted(sums.values(), key=lambda each: ["TF-".index(letter) for letter in each.vector]))
