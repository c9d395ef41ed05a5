"""Outcomes that the bytecode cannot show to be covered, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType
from typing import NamedTuple

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.codemap import OutcomeNumber
from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.model.branch import Branch, Outcome

NO_CODE = "the compiler left no code: unreachable, or a folded constant"
DECIDED = "a constant decides the test"


class Unobservable(NamedTuple):
    """``reason`` is "" where none is known, which is a fault of ours."""

    branch: Branch
    outcome: Outcome
    reason: str


def unobservable(analysis: Analysis, codes: Iterable[CodeType]) -> Iterator[Unobservable]:
    """The outcomes that no edge of a source's code objects covers."""
    every = [code for outer in codes for code in code_objects(outer)]
    observable: set[OutcomeNumber] = set()
    for code in every:
        code_map = analysis.of(code)
        for outcomes in code_map.outcomes.values():
            observable.update(outcomes)
        for numbers in code_map.observed.values():
            observable.update((number, what) for number in numbers for what in range(3))
        for arrivals in code_map.shared_jumps.values():
            for outcomes in arrivals.values():
                observable.update(outcomes)
    starts: frozenset[tuple[int, int]] | None = None
    for number, branch in enumerate(analysis.decisions.map.branches):
        missing = [i for i in range(len(branch.outcomes)) if (number, i) not in observable]
        if missing and starts is None:
            starts = frozenset(_starts(analysis, every))
        for i in missing:
            if len(missing) < len(branch.outcomes):
                reason = DECIDED if branch.outcomes[i].name in ("true", "false", "match", "nomatch") else ""
            else:
                reason = "" if any(branch.span.start <= start < branch.span.end for start in starts or ()) else NO_CODE
            yield Unobservable(branch, branch.outcomes[i], reason)


#: Instructions that may remain of a folded expression.
_INERT = ("NOP", "LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT", "RETURN_CONST", "JUMP_FORWARD", "POP_TOP")


def _starts(analysis: Analysis, codes: Iterable[CodeType]) -> Iterator[tuple[int, int]]:
    """Where instructions that do something stand in the source: line and column of their first character."""
    column = analysis.decisions.map.source.column
    for code in codes:
        for instruction in analysis.of(code).bytecode.instructions:
            line, _, start, _ = instruction.position
            if line is not None and start is not None and instruction.name not in _INERT:
                yield line, column(line, start)
