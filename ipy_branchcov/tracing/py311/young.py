"""What was made since a moment, without a scan of all objects: those take 10 ms in a run of tests, and 25 in a kernel.

The collector keeps new objects apart, and moves those that stay from its first generation to the second, and from there
to the third, where nearly all objects are. As long as the second was not collected, everything new is in the first two.
"""

from __future__ import annotations

import gc
from typing import Any

from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing import gc_control
from ipy_branchcov.tracing.probes import functions
from ipy_branchcov.tracing.py311.arrivals import ARRIVALS

__builtins__ = BUILTINS


class Moment:
    """The moment at which this object was made."""

    def __init__(self) -> None:
        self._collections = _collections()
        self._given = ARRIVALS.given

    @gc_control.paused()
    def objects_since(self, *types: type) -> list[Any]:
        """The objects of exactly these types that were made or given other code since then; perhaps more of them."""
        if (self._collections, self._given) != (_collections(), ARRIVALS.given):
            return functions.objects(*types)
        wanted = frozenset(types)
        return [each for young in (0, 1) for each in gc.get_objects(generation=young) if type(each) in wanted]


def _collections() -> list[int]:
    """How often the second and the third generation were collected."""
    return [each["collections"] for each in gc.get_stats()[1:]]
