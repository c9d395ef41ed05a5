"""Each tracer uses the mechanism that it is there for, and its recordings say where it could not."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from ipy_branchcov.tracing.tracer import Edge, Mechanism, Plan, Recording
from tests.kernel import kernel
from tests.mechanisms import intended

TEXT = """\
def f(x):
    return 1 if x else 2
def g(xs):
    return [f(x) for x in xs if x or 1]
"""

every_tracer = pytest.mark.parametrize("tracer", tracers())
counted = pytest.mark.parametrize("counts", [False, True], ids=["once", "counting"])
#: Tracers that rewrite code, with counts and without.
REWRITING = [
    (tracer, counts)
    for tracer in tracers()
    for counts in (False, True)
    if intended(tracer, counts=counts) not in (Mechanism.SETTRACE, Mechanism.BRANCH_EVENTS)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "mechanisms_of.py"
    path.write_text(TEXT)
    return path


def session_of(path: Path, tracer: str, counts: bool) -> Session:
    session = Session(RunOptions(tracer=tracer, counts=counts))
    session.add_source(str(path))
    return session


@every_tracer
@counted
def test_code_that_was_given_before_it_ran(path: Path, tracer: str, counts: bool) -> None:
    session, names = session_of(path, tracer, counts), dict[str, Any]()
    for _ in range(2):
        with session.measuring("test"):
            exec(session.instrument(compile(TEXT, str(path), "exec")), names)
            names["g"]([0, 1])
        assert {mechanism for _, mechanism in session.mechanisms} == {intended(tracer, counts=counts)}
        assert {"<module>", "f", "g"} <= {name for name, _ in session.mechanisms}


@every_tracer
@counted
def test_a_module_that_is_imported(path: Path, tracer: str, counts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(path.parent)
    session = session_of(path, tracer, counts)
    with session.measuring("test"):
        import mechanisms_of

        mechanisms_of.g([0, 1])
    del sys.modules["mechanisms_of"]
    assert {mechanism for _, mechanism in session.mechanisms} == {intended(tracer, counts=counts)}


@every_tracer
@counted
def test_functions_from_before_are_swapped(path: Path, tracer: str, counts: bool) -> None:
    """At the start of the run on 3.11; later, when their first call begins, which is measured late."""
    names: dict[str, Any] = {}
    exec(compile(TEXT, str(path), "exec"), names)
    session = session_of(path, tracer, counts)
    with session.measuring("test"):
        names["f"](1)
        names["f"](0)
    first = {Mechanism.LATE} if tracer == "monitoring" and (tracer, counts) in REWRITING else set()
    assert {mechanism for _, mechanism in session.mechanisms} == {intended(tracer, counts=counts)} | first
    with session.measuring("test"):
        names["f"](1)
    assert session.mechanisms == [("f", intended(tracer, counts=counts))]


@pytest.mark.slow
@counted
def test_cells(counts: bool) -> None:
    """Cells, and functions that cells define, are given to the tracer before they run."""
    found = "getattr(get_ipython(), __import__('ipy_branchcov')._KEY).session.mechanisms"
    with kernel() as running:
        running.run("%load_ext ipy_branchcov")
        for tracer in tracers():
            cell = f"%%branchcov --tracer {tracer} {'--counts' if counts else ''}\n{TEXT}g([0, 1])"
            assert running.run(cell).status == "ok"
            assert running.ask(f"sorted({{str(each) for _, each in {found}}})") == repr(
                [str(intended(tracer, counts=counts))]
            )


@pytest.mark.parametrize(("tracer", "counts"), REWRITING)
def test_code_that_cannot_be_rewritten_says_so(
    path: Path, tracer: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measurement is the same; the recording names the fallback."""
    refuse_all(monkeypatch)
    session, names = session_of(path, tracer, counts), dict[str, Any]()
    with session.measuring("test") as run:
        exec(session.instrument(compile(TEXT, str(path), "exec")), names)
        names["f"](0)
    assert {mechanism for _, mechanism in session.mechanisms} == {Mechanism.UNINSTRUMENTED}
    assert [outcome.hits for outcome in run.coverage.sources[0].branches[0].outcomes] == [0, 1]


def refuse_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to assemble any instrumented code, wherever the function was imported to."""

    def refuse(*arguments: object, **keywords: object) -> CodeType:
        raise Unencodable("on purpose")

    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("ipy_branchcov.") and hasattr(module, "assemble"):
            monkeypatch.setattr(module, "assemble", refuse)


def test_fallbacks() -> None:
    code = compile("", "a", "exec")
    fallbacks = {each for each in Mechanism if Recording(code, each).fell_back}
    assert fallbacks == {Mechanism.LATE, Mechanism.UNINSTRUMENTED}


# --- probes that vanish (3.11)

only_311 = pytest.mark.skipif(sys.version_info >= (3, 12), reason="later Pythons switch events off")


def plan(code: CodeType) -> Plan:
    bytecode = Bytecode(code)
    tests = [each.offset for each in bytecode.instructions if each.conditional]
    return Plan(exits=frozenset((test, jumped) for test in tests for jumped in (True, False)), bytecode=bytecode)


@only_311
def test_what_vanished_is_there_again_when_the_next_run_begins() -> None:
    def choose(x: int) -> int:
        return 1 if x else 2

    from ipy_branchcov.tracing.py311.instrument import probe

    code = choose.__code__
    choose.__code__, probed = probe(code, plan(code), code.co_consts, Mechanism.PROBES)

    def found() -> tuple[dict[Edge, int], set[int]]:
        return probed.edges(), probed.lines()

    choose(1)
    first = found()
    assert len(first[0]) == 1 and first[1] == {code.co_firstlineno + 1}
    assert probed.sweep() > 0 and probed.sweep() == 0
    assert choose(1) == 1 and found() == first
    probed.begin()
    assert found() == ({}, set())
    assert choose(1) == 1 and found() == first
    assert choose(0) == 2 and len(found()[0]) == 2


HOT = """\
import time
def f(x):
    return 1 if x else 2
def loop(end):
    while time.time() < end:
        f(1)
"""


@pytest.mark.parametrize("tracer", [each for each in tracers() if each != "settrace"])
def test_a_second_run_finds_hot_edges_again(tracer: str, tmp_path: Path) -> None:
    """The first run is long enough for everything that was passed to vanish."""
    path = tmp_path / "hot.py"
    path.write_text(HOT)
    session, hot = session_of(path, tracer, False), ModuleType("hot")
    found = []
    for first in (True, False):
        with session.measuring("test") as run:
            if first:
                exec(session.instrument(compile(HOT, str(path), "exec")), vars(hot))
            hot.loop(time.time() + 0.3)
        found.append([[each.hits for each in branch.outcomes] for branch in run.coverage.sources[0].branches])
    assert found == [[[1, 0], [1, 1]]] * 2
