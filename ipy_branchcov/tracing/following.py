"""Follow decisions in code that is not instrumented: the histories of frames that are in the midst of evaluations."""

from __future__ import annotations

from types import FrameType

from ipy_branchcov.model.decisions import History
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.tracer import Edge, Plan

__builtins__ = BUILTINS


class OpenEvaluations:
    """By the id of a frame, its history. What a frame that is gone left behind does no harm.

    An evaluation begins with its first condition, so a history that an exception ended is never gone on with.
    """

    def __init__(self) -> None:
        self._histories: dict[int, History] = {}

    def follow(self, plan: Plan, edge: Edge, frame: FrameType) -> Edge:
        """The edge with the history before it; the frame's history is then the one behind it."""
        histories = plan.histories
        if histories is None:
            return edge
        key = id(frame)
        before = self._histories.get(key, ())
        edge = edge._replace(history=before)
        after = histories.along(before, edge)
        if after:
            self._histories[key] = after
        elif before:
            self._histories.pop(key, None)
        return edge
