"""Tracers by themselves: threads, and what a run leaves behind."""

from __future__ import annotations

import threading
import time
from types import CodeType

import pytest

from ipy_branchcov.bytecode import Bytecode
from ipy_branchcov.tracing.tracer import Plan, tracers


@pytest.mark.parametrize("name", tracers())
def test_threads_that_come_first_together(name: str) -> None:
    """While one thread has a code object analysed, another begins to run it."""

    def choose(value: int) -> str:
        return "one" if value else "other"

    original = choose.__code__

    def planner(code: CodeType) -> Plan:
        time.sleep(0.05)
        tests = [each.offset for each in Bytecode(code).instructions if each.conditional]
        return Plan(ways=frozenset((test, jumped) for test in tests for jumped in (True, False)))

    def wanted(code: CodeType) -> bool:
        return code is original

    tracer = tracers()[name](wanted, planner, counts=False)
    threads = [threading.Thread(target=choose, args=(value,)) for value in (0, 1)]
    tracer.start()
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    (recording,) = tracer.stop()
    conditional = {edge.src for edge in recording.edges if edge.src >= 0}
    ways = [len({edge.dst for edge in recording.edges if edge.src == src}) for src in conditional]
    assert max(ways) == 2
