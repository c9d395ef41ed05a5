"""An error of ours in the measured program: the program goes on, and the report says what was lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from ipy_branchcov.reports.gates import failures
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.probes.readers import READING

PROGRAM = """\
def pick(a, b=0):
    if a and b:
        return "both"
    return a and b

def each(x):
    return [i for i in x if i]
"""
#: What is broken, by Python, tracer and counting: the class or module, the name. What it costs: "lost", or "slow".
MONITORING = "ipy_branchcov.tracing.py314.tracer:MonitoringTracer" if sys.version_info >= (3, 14) else ""
if (3, 12) <= sys.version_info < (3, 14):
    MONITORING = "ipy_branchcov.tracing.py312.tracer:InstructionTracer"
PROBES = "ipy_branchcov.tracing.py311.tracer"
BROKEN = [
    ("settrace", False, "ipy_branchcov.tracing.settrace:SettraceTracer._recording", "lost"),
    ("settrace", False, "ipy_branchcov.tracing.settrace:SettraceTracer._values_of", "lost"),
    ("settrace", False, "ipy_branchcov.tracing.settrace:SettraceTracer._step", "lost"),
    ("settrace", False, "ipy_branchcov.tracing.stack_values:StackValues.edge", "lost"),
    ("auto", False, "ipy_branchcov.session.analyses:_plan", "lost"),
]
if MONITORING:
    BROKEN += [
        ("auto", counts, f"{MONITORING}.{name}", "lost")
        for name in ("_starts", "_instruction")
        for counts in (False, True)
    ]
    BROKEN += [
        ("auto", True, "ipy_branchcov.tracing.probes.instrument:count_edges", "slow"),
        ("auto", False, "ipy_branchcov.tracing.monitoring_tool:Tool.watch", "lost"),
    ]
    BROKEN += [("auto", False, "ipy_branchcov.session.first_hits:values_of", "")]
    module = MONITORING.partition(":")[0]
    BROKEN += [("auto", False, f"{module}:split", "slow")]
if sys.version_info >= (3, 14):
    BROKEN += [("auto", False, f"{MONITORING}._{name}", "lost") for name in ("look", "right", "record")]
if sys.version_info < (3, 12):
    BROKEN += [
        ("auto", False, f"{PROBES}:probe", "slow"),
        ("auto", True, f"{PROBES}:probe", "slow"),
        ("auto", False, "ipy_branchcov.tracing.py311.one_shot:Once.sweep", "slow"),
    ]


def broken(monkeypatch: pytest.MonkeyPatch, place: str) -> list[str]:
    """Break what is named; returns a list that grows with each call of it."""
    calls: list[str] = []

    def fails(*arguments: Any, **keywords: Any) -> Any:
        calls.append(place)
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(place.replace(":", "."), fails)
    return calls


@pytest.mark.slow
@pytest.mark.parametrize(("tracer", "counts", "place", "cost"), BROKEN)
def test_the_program_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracer: str, counts: bool, place: str, cost: str
) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    session = Session(RunOptions(tracer=tracer, counts=counts, values=True))
    session.add_source(str(path))
    names: dict[str, Any] = {}
    with session.measuring("before"):  # what is imported or made once is, now
        exec(session.instrument(compile(PROGRAM, str(path), "exec")), names)
        names["pick"](0)
    session.reset()
    calls = broken(monkeypatch, place)
    names = {}
    with session.measuring("now") as run:
        exec(session.instrument(compile(PROGRAM, str(path), "exec")), names)
        for _ in range(3):
            assert names["pick"](1, 1) == "both" and names["pick"](0) == 0 and names["each"]([0, 1]) == [1]
        if "sweep" in place:
            import time

            time.sleep(0.1)
    monkeypatch.undo()
    session.close()
    assert calls
    text = "\n".join([*run.coverage.lost, *(each.note for each in run.coverage.sources)])
    if cost:
        assert "ZeroDivisionError('ours')" in text
    gate = failures(run.coverage, 10)
    if cost == "lost":
        assert any("so the gate fails" in line for line in gate), gate
    else:
        assert gate == []
        assert run.coverage.totals.covered == 8, run.coverage


#: Callbacks that need a program, or neighbours, of their own.
ASYNC = """\
async def rows(many):
    for i in range(many):
        yield i
    if many > 1:
        raise ValueError

async def total(many):
    found = 0
    try:
        async for row in rows(many):
            found += row
    except ValueError:
        found = -1
    return found

def run(many):
    try:
        total(many).send(None)
    except StopIteration as ended:
        return ended.value
"""


def check_lost(session: Session, code: CodeType, calls: list[str], check: Callable[[dict[str, Any]], object]) -> None:
    """The program gives what it gives alone, the error was met, is reported, and no gate passes."""
    names: dict[str, Any] = {}
    with session.measuring("now") as run:
        exec(code, names)
        check(names)
    session.close()
    assert calls
    text = "\n".join([*run.coverage.lost, *(each.note for each in run.coverage.sources)])
    assert "ZeroDivisionError('ours')" in text
    assert any("so the gate fails" in line for line in failures(run.coverage, 10))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(RunOptions())
    session.add_source(str(tmp_path))
    yield session
    session.close()


@pytest.mark.skipif(sys.version_info < (3, 14), reason="RERAISE is asked for from 3.14 on")
def test_the_end_of_an_asynchronous_loop(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = broken(monkeypatch, f"{MONITORING}._reraised")
    code = compile(ASYNC, str(tmp_path / "program.py"), "exec")
    (tmp_path / "program.py").write_text(ASYNC)

    def check(names: dict[str, Any]) -> None:
        assert [names["run"](many) for many in (0, 1, 2, 1)] == [0, 0, -1, 0]

    check_lost(session, code, calls, check)


@pytest.mark.skipif(not (3, 12) <= sys.version_info < (3, 14), reason="callbacks of 3.12 and 3.13")
@pytest.mark.parametrize("name", ["_branch", "_line"])
def test_the_callbacks_of_code_that_others_compile(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    calls = broken(monkeypatch, f"{MONITORING}.{name}")
    (tmp_path / "program.py").write_text(PROGRAM)
    monitoring = sys.monitoring
    monitoring.use_tool_id(1, "another")  # beside it lines are asked for
    monitoring.register_callback(1, monitoring.events.LINE, lambda code, line: monitoring.DISABLE)
    monitoring.set_events(1, monitoring.events.LINE)

    def check(names: dict[str, Any]) -> None:
        for _ in range(3):
            assert names["pick"](1, 1) == "both" and names["pick"](0) == 0 and names["each"]([0, 1]) == [1]

    try:
        check_lost(session, compile(PROGRAM, str(tmp_path / "program.py"), "exec"), calls, check)
    finally:
        monitoring.set_events(1, 0)
        monitoring.register_callback(1, monitoring.events.LINE, None)
        monitoring.free_tool_id(1)


READER = "def read(function):\n    return function.__code__\n"
AUDITS = [("ipy_branchcov.tracing.probes.readers:Readers._audit", "cloudpickle.cloudpickle")]
if sys.version_info < (3, 12):
    AUDITS += [
        (f"ipy_branchcov.tracing.py311.arrivals:{name}", "program")
        for name in ("registry.known", "Arrivals._add", "is_swapping")
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "reader"), AUDITS)
def test_an_audit_hook(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, reader: str
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    with session.measuring("before") as run:  # the hooks are there
        READING.imported("cloudpickle")
    session.reset()
    names: dict[str, Any] = {}
    reads: dict[str, Any] = {"__name__": reader}
    exec(READER, reads)
    with session.measuring("now") as run:
        exec(session.instrument(compile(PROGRAM, str(tmp_path / "program.py"), "exec")), names)
        with monkeypatch.context() as patch:
            calls = broken(patch, place)
            made = FunctionType(reads["read"](names["pick"]), {})
            made.__code__ = made.__code__
            exec("x = 1", names)
            ended = made(1, 1), names["pick"](0)
        names["pick"](1, 1)
    session.close()
    assert ended == ("both", 0) and calls
    assert "ZeroDivisionError('ours')" in "\n".join(run.coverage.lost)
    assert any("so the gate fails" in line for line in failures(run.coverage, 10))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "ends"),
    [
        ("ipy_branchcov.session.session.Session.stop", "print('end')"),
        ("ipy_branchcov.session.session.Session.stop", "print('end', flush=True); os._exit(3)"),
        ("ipy_branchcov.session.session.Session.stop", "os.execlp('sh', 'sh', '-c', 'echo end; exit 4')"),
        ("ipy_branchcov.session.session.Session.stop", "print('end', flush=True); os.kill(os.getpid(), 15)"),
        ("ipy_branchcov.session.session.Session.forked", "pid = os.fork()\nif pid: os.waitpid(pid, 0); print('end')"),
    ],
)
def test_a_program_ends_as_it_does(tmp_path: Path, broken: str, ends: str) -> None:
    script, starter = tmp_path / "script.py", tmp_path / "starter.py"
    script.write_text(f"import os\nx = 1 if os else 2\n{ends}\n")
    module, kind, name = broken.rsplit(".", 2)
    starter.write_text(
        f"import sys\nfrom {module} import {kind}\nfrom ipy_branchcov.cli import main\n"
        f"def fails(*each, **others):\n    raise ZeroDivisionError('ours')\n{kind}.{name} = fails\n"
        f"sys.exit(main(['run', '--fail-under', '10', '--json', {os.devnull!r}, {str(script)!r}]))\n"
    )
    plain, measured = (
        subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=60, check=False)
        for path in (script, starter)
    )
    out = "".join(line for line in measured.stdout.splitlines(keepends=True) if "branchcov" not in line)
    assert out == plain.stdout
    assert "Traceback" not in measured.stderr and "lost" in measured.stderr
    assert measured.returncode == plain.returncode or (measured.returncode and not plain.returncode)
