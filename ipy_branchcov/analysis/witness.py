"""Arms that the bytecode cannot show being taken, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType
from typing import NamedTuple

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.codemap import ArmNumber
from ipy_branchcov.bytecode import code_objects
from ipy_branchcov.model.branch import Arm, Branch

NO_CODE = "the compiler left no code: unreachable, or a folded constant"
DECIDED = "a constant decides the test"


class Unwitnessed(NamedTuple):
    """``reason`` is "" where none is known, which is a fault of ours."""

    branch: Branch
    arm: Arm
    reason: str


def unwitnessed(analysis: Analysis, codes: Iterable[CodeType]) -> Iterator[Unwitnessed]:
    """The arms that no edge of all code objects of a source takes."""
    every = [code for outer in codes for code in code_objects(outer)]
    witnessed: set[ArmNumber] = set()
    for code in every:
        code_map = analysis.of(code)
        for arms in code_map.arms.values():
            witnessed.update(arms)
        for arrivals in code_map.joint.values():
            for arms in arrivals.values():
                witnessed.update(arms)
    starts: frozenset[tuple[int, int]] | None = None
    for number, branch in enumerate(analysis.decisions.map.branches):
        missing = [i for i in range(len(branch.arms)) if (number, i) not in witnessed]
        if missing and starts is None:
            starts = frozenset(_starts(analysis, every))
        for i in missing:
            if len(missing) < len(branch.arms):
                reason = DECIDED if branch.arms[i].name in ("true", "false", "match", "nomatch") else ""
            else:
                reason = "" if any(branch.span.start <= start < branch.span.end for start in starts or ()) else NO_CODE
            yield Unwitnessed(branch, branch.arms[i], reason)


#: What may remain of a folded expression.
_INERT = ("NOP", "LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT", "RETURN_CONST", "JUMP_FORWARD", "POP_TOP")


def _starts(analysis: Analysis, codes: Iterable[CodeType]) -> Iterator[tuple[int, int]]:
    """Where instructions that do something stand in the source: line and column of their first character."""
    column = analysis.decisions.map.source.column
    for code in codes:
        for instruction in analysis.of(code).bytecode.instructions:
            line, _, start, _ = instruction.position
            if line is not None and start is not None and instruction.name not in _INERT:
                yield line, column(line, start)
