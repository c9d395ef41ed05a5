"""Ends of loops on 3.14: where a test leads, and asynchronous loops, whose end is reported before it is certain."""

from __future__ import annotations

import dis
from types import CodeType

from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.tracer import Edge, Plan, Recording

__builtins__ = BUILTINS

END_ASYNC_FOR = dis.opmap["END_ASYNC_FOR"]
FOR_ITER = dis.opmap["FOR_ITER"]
#: The opcodes of conditional jumps.
TESTS = frozenset(number for name, number in dis.opmap.items() if name.startswith("POP_JUMP_IF"))


def has_async_loop(raw: bytes) -> bool:
    """Whether there is an asynchronous loop in these instructions (``co_code``)."""
    return END_ASYNC_FOR in raw[::2]


def ways_on(plan: Plan) -> tuple[dict[int, Edge], dict[int, Edge]]:
    """The edges on which each test leads on, and the ends of loops, by the offset of the test."""
    on: dict[int, Edge] = {}
    ends: dict[int, Edge] = {}
    for src, dst in sorted(plan.steps.values()):
        # Of a loop the edge into its body comes first.
        (ends if on.get(src, Edge(src, dst)).dst != dst else on)[src] = Edge(src, dst)
    return on, ends


class LoopEnds:
    """END_ASYNC_FOR reports the end of its loop before it checks the exception; it raises any other one again.

    :meth:`raised_again` takes such an end back. So an end is certain when the next one is reported.
    """

    def __init__(self) -> None:
        #: Ends that are certain, whose event is off: the code's id, the offset.
        self._certain: set[tuple[int, int]] = set()

    def certain(self, recording: Recording, code: CodeType, edge: Edge) -> bool:
        """Whether this end was reported before; then its event can be off."""
        if edge in recording.edges:
            self._certain.add((id(code), edge.src))
            return True
        return False

    def raised_again(self, recording: Recording, code: CodeType, offset: int) -> None:
        """Take an end back: the instruction at this offset raised the exception again."""
        if (id(code), offset) in self._certain:
            return
        edge = next((edge for edge in recording.edges if edge.src == offset), None)
        if edge is not None:
            recording.edges[edge] -= 1
            if not recording.edges[edge]:
                del recording.edges[edge]

    def forget(self, code: CodeType) -> None:
        """No end in this code is certain any more: its events are sent again."""
        self._certain = {each for each in self._certain if each[0] != id(code)}
