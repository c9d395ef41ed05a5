"""``branchcov selftest``: it agrees here, and says no where a tracer, the analysis, or another tool is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ipy_branchcov
from ipy_branchcov.cli import main
from ipy_branchcov.model.branch import OUTCOMES
from ipy_branchcov.selftest import program, run
from ipy_branchcov.selftest.crash import CRASHED
from ipy_branchcov.selftest.run import PROGRAM, Way
from ipy_branchcov.tracing.choice import tracers

PACKAGE = Path(ipy_branchcov.__file__).parent


def selftest(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = main(["selftest"])
    return status, capsys.readouterr().out


@pytest.mark.slow
def test_every_way_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = selftest(capsys)
    assert status == 0, out
    assert "DOES NOT AGREE" not in out
    ways = [str(Way(name, counts)) for name in tracers() if name != "settrace" for counts in (False, True)]
    for name in (*ways, "a process that a run starts"):
        assert f"{name}: agrees" in out
    assert "every outcome agrees" in out.splitlines()[-1]


def test_the_program_has_every_kind_of_branch(tmp_path: Path) -> None:
    path = tmp_path / PROGRAM.name
    shutil.copy(PROGRAM, path)
    found = run._measured(path, Way("settrace", counts=True))
    kinds = {branch.kind for source in found.coverage for branch in source.branches}
    assert set(OUTCOMES) - kinds == set()


def test_the_program_ends_as_it_should(capsys: pytest.CaptureFixture[str]) -> None:
    program.main()
    assert capsys.readouterr().out.splitlines()[-2:] == ["one", "two"]


#: Tracers of which the preferred one has other methods, put before ``tracer_names``.
BROKEN = """
class Broken:
    def __init__(self, tracer):
        self.tracer = tracer

    def __getattr__(self, name):
        return getattr(self.tracer, name)
{methods}

def tracers(known=tracers):
    found = known()
    best = next(iter(found))
    return {{**found, best: lambda *given, make=found[best], **named: Broken(make(*given, **named))}}


def tracer_names("""


def broken(methods: str) -> str:
    return BROKEN.format(methods=methods)


#: A fault by its name: the module it is put in, what stands there, what stands there then, what is said to be wrong.
FAULTS = {
    "a tracer that drops edges": (
        "tracing/choice.py",
        "\ndef tracer_names(",
        broken(
            """
    def stop(self):
        found = self.tracer.stop()
        for each in found:
            if each.code.co_name == "operands":
                each.edges.clear()
        return found

"""
        ),
        [", once: DOES NOT AGREE", ", counting: DOES NOT AGREE", "`if a and b:`, and: reference"],
    ),
    "an analysis that exchanges outcomes": (
        "analysis/codemap.py",
        "return self.outcomes.get(exit_taken, ())",
        "return self.outcomes.get((exit_taken[0], not exit_taken[1]), ())",
        ["and what is expected: DOES NOT AGREE", "`if a and b:`: expected TF T-, found TF -F"],
    ),
    "a tracer that raises into the program": (
        "tracing/choice.py",
        "\ndef tracer_names(",
        broken(
            """
    def start(self):
        import asyncio

        self.kept, asyncio.run = asyncio.run, lambda given: given.close() or int('x')
        self.tracer.start()

    def stop(self):
        import asyncio

        asyncio.run = self.kept
        return self.tracer.stop()

"""
        ),
        [
            ", once: DOES NOT AGREE",
            "the program's own output is another than without measurement; it ends with: ValueErr",
        ],
    ),
    "processes that do not begin to measure": (
        "processes/start.py",
        "def begin() -> None:",
        "def begin() -> None:\n    return\n\n\ndef _begin() -> None:",
        ["a process that a run starts: DOES NOT AGREE"],
    ),
}


def of_a_copy(folder: Path, module: str, old: str, new: str) -> subprocess.CompletedProcess[str]:
    """The test of a copy of the package in which a text is another."""
    shutil.copytree(PACKAGE, folder / "ipy_branchcov", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "ipy_branchcov" / module
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")
    command = [sys.executable, "-m", "ipy_branchcov", "selftest"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_copy_is_found(fault: str, tmp_path: Path) -> None:
    module, old, new, said = FAULTS[fault]
    done = of_a_copy(tmp_path, module, old, new)
    assert (done.returncode, done.stderr) == (1, "")
    for each in said:
        assert each in done.stdout
    assert "not agree: do not trust what is measured here" in done.stdout.splitlines()[-1]


#: What ends the process that runs the test, and its status.
ENDS = {
    "a crash": ("__import__('ctypes').string_at(0)", lambda status: status not in (0, 1)),
    "an exit without cleaning up": ("__import__('os')._exit(0)", lambda status: status == 0),
    "an error": ("raise MemoryError", lambda status: status == 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
def test_a_test_that_does_not_reach_its_end_has_a_verdict_too(end: str, tmp_path: Path) -> None:
    statement, is_status = ENDS[end]
    start = f"\n    def start(self):\n        {statement}\n"
    done = of_a_copy(tmp_path, "tracing/choice.py", "\ndef tracer_names(", broken(start))
    assert is_status(done.returncode), done
    *lines, verdict = done.stdout.splitlines()
    assert verdict == CRASHED
    assert lines[-1].startswith("reference (settrace)") and lines[-1].endswith("and what is expected: agrees")


@pytest.mark.slow
def test_a_python_with_the_reference_alone_does_not_pass_for_one_with_a_tracer(tmp_path: Path) -> None:
    only = "def tracers(known=tracers):\n    return {'settrace': known()['settrace']}\n\n\ndef tracer_names("
    done = of_a_copy(tmp_path, "tracing/choice.py", "def tracer_names(", only)
    assert (done.returncode, done.stderr) == (0, "")
    verdict = done.stdout.splitlines()[-1]
    assert "by settrace alone" in verdict and "agrees on this Python" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["-O"], ["-I"], ["-X", "no_debug_ranges"]], ids=" ".join)
def test_flags_of_the_interpreter(flags: list[str]) -> None:
    command = [sys.executable, *flags, "-m", "ipy_branchcov", "selftest"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "no_debug_ranges" in flags:
        assert done.returncode == 1
        assert "not measured: its code has no positions" in done.stdout
    else:
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 15), reason="coverage.py has no wheel for it")
def test_beside_a_trace_function_that_sets_itself_at_each_call(tmp_path: Path) -> None:
    """coverage.py's C tracer does; the reference measures all the same."""
    environment = {**os.environ, "COVERAGE_CORE": "ctrace"}
    command = [sys.executable, "-m", "coverage", "run", "--branch", "-m", "ipy_branchcov", "selftest"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the trace function of coverage" in done.stdout
    assert "DOES NOT AGREE" not in done.stdout and done.stdout.count(": agrees\n") >= 5


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is there from 3.12 on")
def test_tools_that_leave_no_id_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    taken = [each for each in (4, 5) if sys.monitoring.get_tool(each) is None]
    for each in taken:
        sys.monitoring.use_tool_id(each, f"greedy {each}")
    try:
        status, out = selftest(capsys)
    finally:
        for each in taken:
            sys.monitoring.free_tool_id(each)
    assert status == 1
    assert "greedy 4 (sys.monitoring tool 4)" in out
    assert "monitoring, once: DOES NOT AGREE\n    no free tool of sys.monitoring" in out
