"""Processes that measured tests start: they tell what they did, or it is told that they did not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.project import Project

TOOL = """\
import os, sys

def main(word, *more):
    if word == "double" and not more:
        print(2 * word)
    elif word == "die":
        os.kill(os.getpid(), 9)
    return 3 if word == "fail" else 0

if __name__ == "__main__":
    os.chdir("/")
    sys.exit(main(*sys.argv[1:]))
"""
TESTS = """\
import subprocess, sys
from pathlib import Path
import pytest

def run(*command):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True)

def test_module():
    done = run("-m", "pkg.tool", "double")
    assert (done.returncode, done.stdout, done.stderr) == (0, "doubledouble\\n", "")

def test_script(tmp_path):
    done = run(str(Path(__file__).parents[1] / "pkg/tool.py"), "fail")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")

def test_import():
    assert run("-c", "from pkg.tool import main; main('double', 1)").returncode == 0

def test_pytest(tmp_path):
    assert "arning" not in run("-m", "pytest", "--color=no", str(tmp_path)).stdout
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write("pkg/tool.py", TOOL)
    made.write("tests/test_shapes.py", TESTS)
    return made


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_they_are_measured(project: Project, workers: tuple[str, ...]) -> None:
    options = ["--branchcov=pkg/tool.py", "--branchcov-subprocess", "--branchcov-report=term-missing", *workers]
    ended = project.run(*options, "--branchcov-fail-under=50", "tests")
    assert ended.status == 0, ended.text + ended.errors
    row = ended.table["pkg/tool.py"]
    assert (row[:2], row[3]) == (["10", "1"], "6:10 never true, 7"), ended.text
    assert "Warning" not in ended.text


def test_only_where_they_are_asked_for(project: Project) -> None:
    assert project.run("--branchcov=pkg/tool.py", "tests").table["pkg/tool.py"][:2] == ["10", "10"]


def test_one_that_is_killed_is_told(project: Project) -> None:
    project.write("tests/test_shapes.py", TESTS + '\n\ndef test_killed():\n    run("-m", "pkg.tool", "die")\n')
    ended = project.run("--branchcov=pkg/tool.py", "--branchcov-subprocess", "--branchcov-fail-under=50", "tests")
    assert ended.status == 1
    lost, fail = ended.failures
    assert re.fullmatch(r"LOST a process was killed, or has not ended: \S+ -m pkg.tool die", lost)
    assert fail == "FAIL 1 lost: what is not known cannot pass"


def test_kernels_and_their_own_processes(project: Project) -> None:
    cells = {"run": "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pkg.tool', 'double']).returncode"}
    project.notebook("docs/guide.ipynb", cells, {"run": "0"})
    ended = project.run("--branchcov=pkg/tool.py", "--branchcov-subprocess", "--nbval-lax", "docs")
    assert ended.status == 0 and not ended.failures, ended.text + ended.errors
    assert ended.table["pkg/tool.py"][:2] == ["10", "6"], ended.text


def test_the_plugin_of_a_conftest_file(project: Project) -> None:
    project.write("conftest.py", "pytest_plugins = ['ipy_branchcov.pytest_plugin']\n")
    options = ("--branchcov=pkg/tool.py", "--branchcov-subprocess")
    ended = project.run(*options, "tests", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert ended.table["pkg/tool.py"][:2] == ["10", "1"], ended.text + ended.errors
