"""Processes that measured tests start: they report what they did, or it is reported that they did not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name

import pytest

import ipy_branchcov
from ipy_branchcov.processes import start
from ipy_branchcov.processes.asked import packed
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.session.scope import Scope
from tests.project import Project

pytestmark = pytest.mark.slow

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
    options = ["--branchcov=pkg/tool.py", "--branchcov-report=term-missing", *workers]
    ended = project.run(*options, "--branchcov-fail-under=50", "tests")
    assert ended.status == 0, ended.text + ended.errors
    row = ended.table["pkg/tool.py"]
    assert (row[:2], row[3]) == (["10", "1"], "main: 6:10 never true, 7"), ended.text
    assert "Warning" not in ended.text


def test_not_where_they_are_switched_off(project: Project) -> None:
    killed = (
        "\n\ndef test_killed():\n    run('-m', 'pkg.tool', 'die')\n"
        "    if not (pid := os.fork()):\n        os.kill(os.getpid(), 9)\n"
    )
    project.write("tests/test_shapes.py", "import os\n" + TESTS + killed)
    ended = project.run("--branchcov=pkg/tool.py", "--branchcov-no-subprocesses", "tests")
    assert ended.table["pkg/tool.py"][:2] == ["10", "10"] and not ended.failures, ended.text


def test_one_that_is_killed_is_told(project: Project) -> None:
    project.write("tests/test_shapes.py", TESTS + '\n\ndef test_killed():\n    run("-m", "pkg.tool", "die")\n')
    ended = project.run("--branchcov=pkg/tool.py", "--branchcov-fail-under=50", "tests")
    assert ended.status == 1
    lost, fail = ended.failures
    assert re.fullmatch(r"LOST a process was killed, or has not ended: \S+ -m pkg.tool die", lost)
    assert fail == "FAIL 1 lost: coverage is incomplete, so the gate fails"


def test_kernels_and_their_own_processes(project: Project) -> None:
    cells = {"run": "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pkg.tool', 'double']).returncode"}
    project.notebook("docs/guide.ipynb", cells, {"run": "0"})
    ended = project.run("--branchcov=pkg/tool.py", "--nbval-lax", "docs")
    assert ended.status == 0 and not ended.failures, ended.text + ended.errors
    assert ended.table["pkg/tool.py"][:2] == ["10", "6"], ended.text


def test_the_plugin_of_a_conftest_file(project: Project) -> None:
    project.write("conftest.py", "pytest_plugins = ['ipy_branchcov.pytest_plugin.plugin']\n")
    ended = project.run("--branchcov=pkg/tool.py", "tests", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert ended.table["pkg/tool.py"][:2] == ["10", "1"], ended.text + ended.errors


def python(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | more, timeout=60, check=False)


#: What the variable can name, made in a folder; nothing is measured then, and nothing is written.
FOREIGN: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: folder.rmdir(),
    "a file": lambda folder: (folder.rmdir(), folder.write_text("x")),
    "an empty folder": lambda folder: None,
    "an editor's settings": lambda folder: (folder / "settings").write_text('{"source": ["."], "counts": true}'),
    "settings that nobody writes": lambda folder: os.mkfifo(folder / "settings"),
    "settings that are no text": lambda folder: (folder / "settings").write_bytes(packed("{}", []).encode() + b"\xff"),
    "settings without a source": lambda folder: (folder / "settings").write_text(packed("[" * 100_000, [])),
    "runs that are no folders": lambda folder: (folder / "runs").mkdir() or (folder / "runs/a").write_bytes(b"\xff\0"),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_variable_that_names_another_folder_does_nothing(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    FOREIGN[kind](folder)
    before = sorted(tmp_path.rglob("*"))
    done = python("-c", "print('as ever')", BRANCHCOV_PROCESSES=str(folder))
    assert (done.returncode, done.stdout, done.stderr) == (0, "as ever\n", "")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("value", ["relative/nowhere", "/dev/null", "/dev", "/proc", "x" * 5000, "\n", "~"])
def test_a_variable_that_names_no_folder_does_nothing(value: str) -> None:
    done = python("-c", "print('as ever')", BRANCHCOV_PROCESSES=value)
    assert (done.returncode, done.stdout, done.stderr) == (0, "as ever\n", "")


def test_data_that_cannot_be_written_is_lost_and_the_program_ends_as_ever(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("x = 1 if __name__ else 2\n")
    folder = DataFolder()
    folder.write_settings({"source": [str(tmp_path / "m.py")]})
    text = "import os, shutil, sys; shutil.rmtree(os.environ['BRANCHCOV_PROCESSES']); print('as ever'); sys.exit(3)"
    done = python("-c", text, BRANCHCOV_PROCESSES=str(folder.path))
    assert (done.returncode, done.stdout, done.stderr) == (3, "as ever\n", "")
    assert not folder.path.exists()


@pytest.mark.skipif(sys.version_info < (3, 15), reason="PEP 829")
def test_the_start_file_measures_a_process(tmp_path: Path) -> None:
    package = Path(ipy_branchcov.__file__).parent
    (tmp_path / "branchcov.start").write_text((package / "branchcov.start").read_text())
    (tmp_path / "m.py").write_text("x = 1 if __name__ else 2\n")
    folder = DataFolder()
    folder.write_settings({"source": [str(tmp_path / "m.py")]})
    paths = [str(package.parent), *sys.path]
    text = f"import sys; sys.path[:0] = {paths!r}; import site; site.addsitedir({str(tmp_path)!r})"
    # -S: what this Python has installed is not started.
    done = python("-S", "-c", f"{text}; import m", BRANCHCOV_PROCESSES=str(folder.path))
    assert (done.returncode, done.stderr) == (0, "")
    found, lost = folder.collect(Scope(tmp_path))
    folder.remove()
    assert not lost and [str(each.totals) for each in found] == ["1 of 2 outcomes covered (50.0%)"]


def test_both_files_of_the_wheel_lead_to_one_function() -> None:
    package = Path(ipy_branchcov.__file__).parent
    lines = [line for line in (package / "branchcov.start").read_text().splitlines() if not line.startswith("#")]
    assert [resolve_name(line) for line in lines] == [start.begin]
    project = tomllib.loads((package.parent / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {f"ipy_branchcov/branchcov.{kind}": f"branchcov.{kind}" for kind in ("pth", "start")}
    assert "BRANCHCOV_PROCESSES" in (package / "branchcov.pth").read_text()


def test_forks_of_tests_are_measured_without_an_option(project: Project) -> None:
    forks = (
        "import multiprocessing, os, sys\nfrom pkg.tool import main\n\n"
        "def test_fork():\n    fork = multiprocessing.get_context('fork')\n"
        "    child = fork.Process(target=main, args=('double',))\n    child.start()\n    child.join()\n"
        "    assert child.exitcode == 0\n\n"
        "def test_killed():\n    if not (pid := os.fork()):\n        main('die')\n    os.waitpid(pid, 0)\n\n"
        "def test_another_program():\n    assert not os.spawnv(os.P_WAIT, sys.executable, [sys.executable, '-c', ''])\n"
    )
    project.write("tests/test_shapes.py", forks)
    ended = project.run("--branchcov=pkg/tool.py", "--branchcov-fail-under=10", "tests")
    assert ended.table["pkg/tool.py"][:2] == ["10", "6"], ended.text + ended.errors
    lost = "LOST a process was killed, or has not ended: forked in test_shapes.py:12"
    assert ended.status == 1 and ended.failures[:-1] == [lost]
