"""Tracers by themselves: threads, and what a run leaves behind."""

from __future__ import annotations

import gc
import marshal
import queue
import sys
import threading
import time
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from ipy_branchcov.analysis.codemap import CodeMap
from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from ipy_branchcov.tracing.tracer import Plan


@pytest.mark.parametrize("name", tracers())
def test_threads_that_come_first_together(name: str) -> None:
    """While one thread has a code object analysed, another begins to run it."""

    names: dict[str, Any] = {}
    exec(compile('def choose(value):\n    return "one" if value else "other"\n', "choose.py", "exec"), names)
    choose = names["choose"]

    def planner(code: CodeType) -> Plan:
        time.sleep(0.05)
        bytecode = Bytecode(code)
        tests = [each.offset for each in bytecode.instructions if each.conditional]
        exits = frozenset((test, jumped) for test in tests for jumped in (True, False))
        return Plan(exits=exits, steps=CodeMap(bytecode).steps)

    def wanted(code: CodeType) -> bool:
        return code.co_filename == "choose.py"

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
    exits = [len({edge.dst for edge in recording.edges if edge.src == src}) for src in conditional]
    assert max(exits) == 2


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="later tracers have events for it")
def test_code_that_cannot_be_rewritten_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ipy_branchcov.tracing.py311 import tracer as probes

    def refuse(*arguments: object, **keywords: object) -> None:
        raise Unencodable("on purpose")

    monkeypatch.setattr(probes, "probe", refuse)
    path = tmp_path / "program.py"
    path.write_text("def f(x):\n    return 1 if x else 2\nf(0)\n")
    for _ in range(2):  # and again, in a second run
        session = Session(RunOptions(tracer="probes"))
        session.add_source(str(path))
        with session.measuring("test") as run:
            exec(session.instrument(compile(path.read_text(), str(path), "exec")), {})
        (branch,) = run.coverage.sources[0].branches
        assert [outcome.hits for outcome in branch.outcomes] == [0, 1]


@pytest.mark.parametrize("table", [b"", b"\xf8\xf8"])
@pytest.mark.parametrize("name", tracers())
def test_a_line_table_that_is_not_the_compilers(name: str, table: bytes, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text("def f(x):\n    return 1 if x else 2\nx = 1 if f else 2\n")
    session = Session(RunOptions(tracer=name))
    session.add_source(str(path))
    names: dict[str, FunctionType] = {}
    with session.measuring("test") as run:
        exec(session.instrument(compile(path.read_text(), str(path), "exec")), names)
        function = names["f"]
        function.__code__ = function.__code__.replace(co_linetable=table)
        assert (function(1), function(0)) == (1, 2)
    (source,) = run.coverage.sources
    covered = [[outcome.hits for outcome in branch.outcomes] for branch in source.branches]
    # It has the instructions of the text's own code, which has the positions.
    assert (source.note, covered) == ("", [[1, 1], [1, 0]])


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("name", tracers())
def test_code_can_be_hashed_while_it_runs(name: str, counts: bool, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(
        "import sys\ndef f(x):\n    y = str(x)\n    seen.add(sys._getframe().f_code)\n    return 1 if x else 2\nf(1)\n"
    )
    session = Session(RunOptions(tracer=name, counts=counts))
    session.add_source(str(path))
    seen: set[CodeType] = set()
    with session.measuring("test") as run:
        exec(session.instrument(compile(path.read_text(), str(path), "exec")), {"seen": seen})
    assert [code.co_name for code in seen] == ["f"]
    assert [outcome.hits for outcome in run.coverage.sources[0].branches[0].outcomes] == [1, 0]


LEFT = """\
def stopped(stop):
    a = str(1)
    b = str(a)
    stop()
    c = str(b)
    return c
def raised(x):
    a = str(x)
    b = int(a)
    c = str(b)
    return c
def suspended():
    a = str(1)
    yield a
    b = str(a)
    yield b
try:
    raised("no")
except ValueError:
    pass
waiting = suspended()
next(waiting)
stopped(stop)
"""


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("name", tracers())
def test_lines_that_frames_have_not_come_to(name: str, counts: bool, tmp_path: Path) -> None:
    """Left by an exception, suspended for good, and still running when the run ends."""
    path = tmp_path / "program.py"
    path.write_text(LEFT)
    session = Session(RunOptions(tracer=name, counts=counts))
    session.add_source(str(path))
    found = []
    session.start("test")
    exec(session.instrument(compile(LEFT, str(path), "exec")), {"stop": lambda: found.append(session.stop())})
    (source,) = found[0].sources
    assert source.missed_lines == {5, 6, 10, 11, 15, 16}


LOOP = """\
def total(a, b, c):
    found = 0
    for i in a:
        if b and i or c:
            found, d = found + i, b
            e = d
    return found
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="nothing of ours is called")
def test_a_stack_that_is_nearly_full(tmp_path: Path) -> None:
    """Our callbacks need room on it, and their want of it is not the program's."""
    path = tmp_path / "loop.py"
    path.write_text(LOOP)
    session = Session()
    session.add_source(str(path))
    limit = sys.getrecursionlimit()
    runs = []
    ended: dict[int, list[object]] = {}
    for room in range(3, 16):
        for measured in (False, True):
            names: dict[str, Any] = {}
            if measured:
                session.start("a full stack")
            exec(session.instrument(compile(LOOP, str(path), "exec")), names)
            call, arguments = names["total"], ([1, 2], 1, 0)
            depth = 0
            frame: Any = sys._getframe()
            while frame is not None:
                depth, frame = depth + 1, frame.f_back
            gc.disable()  # finalizers of other tests would have no room either
            try:
                sys.setrecursionlimit(depth + room)
                found: object = call(*arguments)
            except RecursionError as error:
                found = repr(error)
            finally:
                sys.setrecursionlimit(limit)
                gc.enable()
                runs.append(session.stop())
            ended.setdefault(room, []).append(found)
    assert ended == {room: [3, 3] for room in range(3, 16)}
    (source,) = runs[-1]
    hits = [each.hits for each in source.branches[0].outcomes]
    assert hits == [1, 1] or "RecursionError" in source.note  # to look at new code takes more room than that


COPIES = """\
from types import FunctionType
def replaced(x):
    return 1 if x else 2
def twice(x):
    if x:
        y = [each for each in x if each]
        return y
    return 0
def make():
    def inner(x):
        return 1 if x else 2
    return inner
def unused(x):
    return 1 if x else 2
"""
#: Of each branch by its line, what one call of ``use`` covers.
COPIED = {3: [2, 1], 5: [2, 2], 6: [1, 2], 11: [3, 2], 14: [0, 0]}


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("name", tracers())
def test_copies_of_code_count_once(name: str, counts: bool, tmp_path: Path) -> None:
    """``code.replace()`` copies the probes too, whose counters both then share; in later runs as well."""
    path = tmp_path / "program.py"
    path.write_text(COPIES)
    session = Session(RunOptions(tracer=name, counts=counts))
    session.add_source(str(path))
    names: dict[str, Any] = {}

    def copy(function: FunctionType, **fields: Any) -> FunctionType:
        return FunctionType(function.__code__.replace(**fields), names, closure=function.__closure__)

    def use(*, again: bool) -> None:
        if not again:
            names["replaced"](1)
            names["replaced"].__code__ = names["replaced"].__code__.replace(co_name="other")
            names["copied"] = copy(names["twice"], co_name="copied")
        else:
            names["replaced"](1)
        names["replaced"](0)
        names["replaced"](1)
        names["copied"]([0, 1])
        names["copied"]([])
        names["twice"]([0])
        copy(names["copied"])([])
        inner = names["make"]()
        for function in (copy(inner), inner, copy(copy(inner))):
            function(1)
        copy(inner)(0)
        copy(inner, co_name="more")(0)

    for again in (False, True):
        with session.measuring("test") as run:
            if not again:
                exec(session.instrument(compile(COPIES, str(path), "exec")), names)
            use(again=again)
        (source,) = run.coverage.sources
        found = {each.span.line: [outcome.hits for outcome in each.outcomes] for each in source.branches}
        assert found == (COPIED if counts else {line: [int(hit > 0) for hit in hits] for line, hits in COPIED.items()})


@pytest.mark.parametrize("counts", [False, True])
def test_functions_that_are_sent_to_threads_that_waited_for_them(counts: bool, tmp_path: Path) -> None:
    """As to those of Dask or of a pool, which began before the run: code arrives, and a function of it is made."""
    path = tmp_path / "program.py"
    path.write_text("def f(x):\n    return 1 if x else 2\n")
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    traced = []

    def work() -> None:
        while (task := waiting.get()) is not None:
            task()
            traced.append(sys.gettrace())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        session = Session(RunOptions(counts=counts))
        session.add_source(str(path))
        for _ in range(2):
            ended = threading.Event()
            with session.measuring("test") as run:
                code = marshal.loads(marshal.dumps(compile(path.read_text(), str(path), "exec").co_consts[0]))
                sent = FunctionType(code, {})
                waiting.put(lambda: ([sent(x) for x in (1, 0, 1)], ended.set()))  # noqa: B023 (it is done by then)
                assert ended.wait(20)
            waiting.put(lambda: None)
            (branch,) = run.coverage.sources[0].branches
            assert [outcome.hits for outcome in branch.outcomes] == ([2, 1] if counts else [1, 1])
    finally:
        waiting.put(None)
        thread.join()
    assert traced[-1] is None


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="later Pythons have threading.settrace_all_threads")
def test_trace_functions_of_other_threads() -> None:
    from ipy_branchcov.tracing.py311.threads import trace_others, untrace_others

    def trace(frame: Any, event: str, arg: object) -> None:
        seen.append((threading.get_ident(), frame.f_code.co_name, event))

    def work() -> None:
        while (task := waiting.get()) is not None:
            task()

    def other(frame: Any, event: str, arg: object) -> None:
        pass

    seen: list[tuple[int, str, str]] = []
    found: list[object] = []
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    thread = threading.Thread(target=work)
    thread.start()
    before = sys.gettrace()
    try:
        assert not trace_others(trace)  # it is not this thread's
        sys.settrace(trace)
        assert trace_others(trace)
        sys.settrace(before)
        waiting.put(lambda: found.append(sys.gettrace()))
        while not found:
            time.sleep(0.001)
        assert found == [trace] and (thread.ident, "<lambda>", "call") in seen
        untrace_others(trace)
        waiting.put(lambda: sys.settrace(other))
        waiting.put(lambda: found.append(sys.gettrace()))
        while len(found) < 2:
            time.sleep(0.001)
        sys.settrace(trace)
        assert trace_others(trace)  # one that has its own keeps it
        sys.settrace(before)
        waiting.put(lambda: found.append(sys.gettrace()))
    finally:
        sys.settrace(before)
        waiting.put(None)
        thread.join()
        untrace_others(trace)
    assert found == [trace, other, other]
