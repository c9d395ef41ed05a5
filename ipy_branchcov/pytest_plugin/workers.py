"""What xdist's workers return, and what is said of those that return nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ipy_branchcov.errors import DataError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import shortened
from ipy_branchcov.printable import printable

#: How often a worker may fail to start before the run ends, for each worker: xdist's own limit under ``-n``.
_STARTS = 4


class Workers:
    """The workers of one run.

    ``take``: called with what each returned, and its gateway. ``lost``, ``notes``: the run's lists, which this adds to.
    """

    def __init__(self, take: Callable[[Coverage, Any], None], lost: list[str], notes: list[str]):
        self._take = take
        self._lost = lost
        self._notes = notes
        #: How many workers ended before they were ready, since one was.
        self._unready = 0

    def ready(self) -> None:
        self._unready = 0

    def down(self, node: Any, error: object) -> None:
        """Take what a worker that has ended returned. Raises pytest.UsageError where none can start.

        xdist replaces a worker without end that was given by ``--tx`` and cannot start.
        """
        worker = node.gateway.id
        output = getattr(node, "workeroutput", None)
        if output is None and not hasattr(node, "workerinfo"):
            self._unready += 1
            why = _reason(error)
            self._lost.append(f"worker {node.gateway.spec}: could not start: {why}")
            config = node.config.option
            limited = config.maxworkerrestart is not None or config.numprocesses
            if not limited and self._unready > _STARTS * node.workerinput["workercount"]:
                raise pytest.UsageError(f"xdist: no worker can start; the last one: {why}")
        elif output is None:
            self._lost.append(f"worker {worker}: crashed, so its coverage is lost")
        elif "branchcov" not in output:
            self._lost.append(f"worker {worker}: not measured: its run has no --branchcov; install the same version")
        else:
            self._read(node.gateway, output["branchcov"])

    def _read(self, gateway: Any, data: str) -> None:
        from ipy_branchcov.data import json_form  # not imported where there are no workers

        try:
            sent = json.loads(data)
            lost, notes = list(map(str, sent["lost"])), list(map(str, sent["notes"]))
            coverage = json_form.loads(sent["coverage"], "data")
        except (ValueError, KeyError, TypeError, DataError) as error:
            why = shortened(printable(str(error)), 300)
            self._lost.append(f"worker {gateway.id}: its data cannot be read ({why}); install the same version")
            return
        self._lost += lost
        self._notes += notes
        self._take(coverage, gateway)


def _reason(error: object) -> str:
    """The last line of a worker's traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return shortened(printable(lines[-1]), 300) if lines else "it ended"
