"""``measure()`` and ``measured`` measure the processes that their block starts, alone and inside a measured run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ipy_branchcov.data.files import load

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")]

WAYS = """\
def f(x):
    return 1 if x else 2
"""
#: Each block covers `true` twice and `false` once, in processes alone.
PROGRAM = """\
import multiprocessing, os, signal, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
import ipy_branchcov as branchcov, ways

def show(coverage):
    hits = [[outcome.hits for outcome in branch.outcomes] for source in coverage.sources for branch in source.branches]
    print(hits, sorted(coverage.lost))

def waited(pid):
    os.waitpid(pid, 0)

def of(kind):
    context = multiprocessing.get_context(kind)
    with context.Pool(1) as pool:
        pool.map(ways.f, [0])
    with ProcessPoolExecutor(1, context) as pool:
        list(pool.map(ways.f, [1]))
    process = context.Process(target=ways.f, args=(1,))
    process.start()
    process.join()

def by_hand():
    subprocess.run([sys.executable, "-c", "import ways; ways.f(1)"])
    if not (pid := os.fork()):
        ways.f(0)
        os._exit(0)
    waited(pid)
    if not (pid := os.fork()):
        ways.f(1)
        os.kill(os.getpid(), signal.SIGTERM)
    waited(pid)

def main():
    for kind in ("fork", "spawn", "forkserver"):
        with branchcov.measure("ways", counts=True) as run:
            of(kind)
        show(run.coverage)
    with branchcov.measure("ways", counts=False) as run:  # a fork server has begun in an earlier block
        of("forkserver")
    show(run.coverage)
    with branchcov.measure("ways", counts=True) as run:
        by_hand()
    show(run.coverage)
    again = branchcov.measured("ways", counts=True)(by_hand)
    again()
    again()
    show(again.coverage)
    with branchcov.measure("ways", counts=True) as run:
        if not (pid := os.fork()):
            ways.f(0)
            os.kill(os.getpid(), signal.SIGKILL)
        waited(pid)
    print(run.coverage.sources, [each.partition(":")[0] for each in run.coverage.lost])
    assert "BRANCHCOV_PROCESSES" not in os.environ or len(sys.argv) > 1

if __name__ == "__main__":
    main()
"""
EXPECTED = [
    *["[[2, 1]] []"] * 3,
    "[[1, 1]] []",
    "[[2, 1]] []",
    "[[4, 2]] []",
    "() ['a process was killed, or has not ended']",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ways.py").write_text(WAYS)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, *command)
    with tempfile.TemporaryDirectory() as temporary:  # a short path: a fork server has a socket there
        environment = os.environ | {"PYTHONPATH": str(folder), "TMPDIR": temporary}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
        assert not list(Path(temporary).iterdir())
    return done


def test_of_a_script(folder: Path) -> None:
    done = run(folder, "program.py")
    assert (done.stdout.splitlines(), done.stderr) == (EXPECTED, "")


def test_inside_a_measured_run_both_have_them(folder: Path) -> None:
    options = ("--source", "ways.py", "--counts", "--data", "all.json")
    done = run(folder, "-m", "ipy_branchcov", "run", "program.py", *options, "--", "measured")
    assert done.stdout.splitlines()[: len(EXPECTED)] == EXPECTED, done.stderr
    (source,) = load(folder / "all.json").sources
    assert [outcome.hits for outcome in source.branches[0].outcomes] == [14, 7]
