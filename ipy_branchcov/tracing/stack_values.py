"""Observe values in code that is not instrumented: look at the stack of its frame when an exit has been taken.

An event precedes each instruction, so the value of an exit is there when the event of the instruction behind the exit
is sent. The instruction that came before distinguishes the exit from others that lead to the same place.
"""

from __future__ import annotations

import dis
import re
import sys
from types import CodeType, FrameType

from ipy_branchcov.bytecode.decode import Bytecode, Instruction, code_objects
from ipy_branchcov.bytecode.frames import READABLE, kind_at, variables
from ipy_branchcov.bytecode.values import value_edge
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.tracer import Edge, Plan, Planner

__builtins__ = BUILTINS

#: A note for the user where stacks cannot be read, else "".
UNREADABLE = (
    ""
    if READABLE
    else (
        "not measured: values of and, or and chained comparisons in code that ran uninstrumented, as there is no ctypes"
    )
)


#: An operand that may be the value is copied, and tested.
_KEEPS = (
    re.compile(
        re.escape(bytes((dis.opmap["COPY"], 1)))
        + b"(?:"
        + re.escape(bytes((dis.opmap["TO_BOOL"], 0)))
        + b".{6})?["
        + re.escape(bytes(dis.opmap[name] for name in ("POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE", "EXTENDED_ARG")))
        + b"]",
        re.DOTALL,
    )
    if sys.version_info >= (3, 14)
    else re.compile(b"")
)


def may_keep_value(code: CodeType) -> bool:
    """Whether code may have operators that are values: fast, and never wrong where it says no (3.14)."""
    return any(match.start() % 2 == 0 for match in _KEEPS.finditer(code.co_code))


def needs_instructions(code: CodeType, planner: Planner, *, follow: bool) -> bool:
    """Whether values are observed in code, or in code in it: events do not show them (3.14).

    The same where decisions are followed (``follow``), which needs copies of conditions.
    """
    if follow and any(planner(each).histories is not None for each in code_objects(code)):
        return True
    return any(may_keep_value(each) and planner(each).values for each in code_objects(code))


def _loops_past(bytecode: Bytecode, each: Instruction) -> list[Instruction]:
    """The loops that go on behind an instruction when they are exhausted: it belongs to END_FOR, and has no event."""
    end = bytecode.preceding(each) if each.name == "POP_TOP" else each
    if end is None or end.name != "END_FOR":
        return []
    return [source for source, _ in bytecode.sources(end) if source.name == "FOR_ITER"]


class StackValues:
    """The values of one code object. ``watched``: the instructions whose events are needed, each time."""

    def __init__(self, code: CodeType, plan: Plan):
        self._steps: dict[tuple[int, int], tuple[tuple[int, bool], int]] = {}
        self._constants: dict[int, Edge] = {}
        self._last: dict[int, int] = {}
        watched: set[int] = set()
        bytecode = plan.bytecode or Bytecode(code)
        places = variables(code)
        for exit_edge, value in plan.values.items():
            each = bytecode.at[exit_edge[0]]
            if value.constant is not None:
                self._constants[each.offset] = Edge(*value_edge(exit_edge, value.constant))
                watched.add(each.offset)
                continue
            after = bytecode.at.get(each.target or 0) if exit_edge[1] else bytecode.following(each)
            if after is None or not READABLE:
                continue
            before = [source for source, _ in bytecode.sources(after)]
            sources = [each]
            if loops := _loops_past(bytecode, each):
                before += loops
                sources += loops
            if each.name == "RESUME" and (pause := bytecode.preceding(each)) is not None:
                before.append(pause)
                sources.append(pause)  # a frame that goes on may send no event for its RESUME
            for src in (offset for source in sources for offset in source.offsets):
                for dst in after.offsets:
                    self._steps[src, dst] = exit_edge, places + value.depth
            watched.update(after.offsets, *(source.offsets for source in before))
        bytecode.forget_sources()
        self.watched = frozenset(watched)

    def edge(self, last: int, offset: int, frame: FrameType) -> Edge | None:
        """What the step from one instruction to the next shows, before the next one runs."""
        if (constant := self._constants.get(offset)) is not None:
            return constant
        if (step := self._steps.get((last, offset))) is None:
            return None
        exit_edge, place = step
        return Edge(*value_edge(exit_edge, kind_at(frame, place)))

    def arrive(self, offset: int, frame: FrameType) -> Edge | None:
        """The same, where only the watched instructions have events."""
        last = self._last.get(id(frame), -1)
        self._last[id(frame)] = offset
        return self.edge(last, offset, frame)
