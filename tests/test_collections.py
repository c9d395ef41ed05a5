"""Collections of the garbage collector: what they run is measured, and the collector is as the program left it."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_branchcov.bytecode.memory import READABLE, units
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

#: Collections become due while callbacks run. Each kind of what they call has a branch of its own.
PROGRAM = """\
import gc, weakref
seen = []
class Node:
    def __init__(self):
        self.me = self
class Ended(Node):
    def __del__(self):
        seen.append(1 if self.me else 2)
def dead(reference):
    seen.append(1 if seen is not None else 2)
def numbers():
    try:
        yield gc
    finally:
        seen.append(1 if seen is not None else 2)
def a(x): return x if x else 0
def b(x): return x if x else 0
def c(x): return x if x else 0
gc.collect()
made = KIND
gc.set_threshold(1)
for each in (a, b, c):
    each(1)
    each(0)
gc.set_threshold(700)
state = gc.isenabled(), gc.get_threshold()[0], len(seen)
"""
KINDS = {
    "finalizer": "Ended() and None",
    "weak reference": "(lambda node: weakref.ref(node, dead))(Node())",
    "generator": "(lambda each: (next(each), setattr(node := Node(), 'each', each)) and None)(numbers())",
}


@pytest.mark.slow
@pytest.mark.parametrize("tracer", tracers())
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_collection_calls_is_measured(tmp_path: Path, kind: str, tracer: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.replace("KIND", KINDS[kind]))
    session = Session(RunOptions(source=(str(path),), tracer=tracer))
    names: dict[str, object] = {}
    with session.measuring("test") as run:
        exec(session.instrument(compile(path.read_text(), str(path), "exec", dont_inherit=True)), names)
    assert names["state"] == (True, 700, 1)
    function = {"finalizer": "Ended.__del__", "weak reference": "dead", "generator": "numbers"}[kind]
    (source,) = run.coverage.sources
    hits = [[outcome.hits for outcome in branch.outcomes] for branch in source.branches if branch.function == function]
    assert [1, 0] in hits, source


@pytest.mark.slow
def test_a_script_finds_the_collector_as_without_us(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(
        "import gc, sys\n"
        "class A: pass\n"
        "x = A()\n"
        "print(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() < 1000, len(gc.get_referrers(x)))\n"
        "print(A in gc.get_objects(), sys.getrefcount(x), gc.get_debug(), len(gc.callbacks))\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, *more, str(path)], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        for more in ([], ["-m", "ipy_branchcov", "run"])
    ]
    assert outputs[0] == "".join(outputs[1].splitlines(keepends=True)[:2])


@pytest.mark.skipif(not READABLE, reason="3.11 and 3.12 alone write in memory")
def test_reading_code_in_memory_leaves_nothing_to_collect() -> None:
    code = compile("x = 1\n" * 1234, "x.py", "exec")  # a length that nothing else has
    gc.collect()
    assert units(code)[0]
    assert gc.collect() == 0
