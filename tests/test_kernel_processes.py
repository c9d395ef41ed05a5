"""Processes that cells start: what they cover of cells and modules is united with what the kernel covers."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_branchcov.model.source import Source
from ipy_branchcov.notebook.cells import Cells
from ipy_branchcov.processes.cells import PublishedCells
from ipy_branchcov.processes.descendants import Descendants
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.processes.workers import end_workers
from ipy_branchcov.session.elsewhere import Others
from ipy_branchcov.session.session import Session
from tests.kernel import Kernel, kernel
from tests.project import Project

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")

WAYS = ("forked", "spawned", "served", "executed", "pooled")
MODULE = "".join(f"def {way}(x):\n    return 1 if x else 2\n" for way in WAYS)
#: Each cell covers one outcome or both of a function in other processes.
CELLS = {
    "imports": "import multiprocessing, os, subprocess, sys\nfrom pkg import ways\n"
    "def here(x):\n    return 1 if x else 2\ndef sent(x):\n    return 1 if x else 2",
    "fork": "if not (pid := os.fork()):\n    here(0), ways.forked(0)\n    os._exit(0)\nos.waitpid(pid, 0)\n"
    "here(1), ways.forked(1);",
    "pools": "for way, function in (('spawn', ways.spawned), ('forkserver', ways.served)):\n"
    "    with multiprocessing.get_context(way).Pool(1) as pool:\n        pool.map(function, [0, 1])",
    "subprocess": "subprocess.run([sys.executable, '-c', 'from pkg.ways import executed as e; e(0), e(1)']).returncode",
    "executor": "from concurrent.futures import ProcessPoolExecutor\npool = ProcessPoolExecutor(1)\n"
    "list(pool.map(ways.pooled, [0, 1]))",
    "joblib": "from joblib import Parallel, delayed\nParallel(2)(delayed(sent)(x) for x in (0, 1, 0, 1))",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write("pkg/ways.py", MODULE)
    made.notebook("nb.ipynb", CELLS, {"subprocess": "0"})
    return made


def branchcov(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ipy_branchcov", "run", "nb.ipynb", "--source", "pkg/ways.py", *arguments],
        cwd=project.folder,
        env=os.environ | {"PYTHONPATH": str(project.folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("counts", [(), ("--counts",)])
def test_under_branchcov_run(project: Project, counts: tuple[str, ...]) -> None:
    done = branchcov(project, "--json", "out.json", "--fail-under", "100", *counts)
    assert done.returncode == 0 and "lost" not in done.stderr, done.stdout + done.stderr
    found = {each["name"]: each for each in json.loads((project.folder / "out.json").read_text())["sources"]}
    hits = [[o["hits"] for o in branch["outcomes"]] for branch in found["pkg/ways.py"]["branches"]]
    assert hits == [[1, 1]] * len(WAYS)  # nothing is counted twice
    assert [[o["hits"] for o in branch["outcomes"]] for branch in found["nb.ipynb#imports"]["branches"]] == [
        [1, 1],
        [2, 2] if counts else [1, 1],
    ]


@pytest.mark.slow
def test_under_nbval(project: Project) -> None:
    ended = project.run("--branchcov=pkg/ways.py", "--branchcov-fail-under=100", "--nbval-lax", "nb.ipynb")
    assert ended.status == 0 and not ended.failures, ended.text + ended.errors
    assert ended.table["pkg/ways.py"][:2] == [str(2 * len(WAYS)), "0"]
    assert ended.table["nb.ipynb#imports"][:2] == ["4", "0"]


@pytest.mark.slow
def test_neither_measured_nor_missed_where_they_are_switched_off(project: Project) -> None:
    cells = {"k": "import os\nfrom pkg import ways\nif not os.fork():\n    os.kill(os.getpid(), 9)"}
    project.notebook(
        "nb.ipynb", cells | {"s": CELLS["subprocess"].replace("sub", "import sys, subprocess\nsub", 1)}, {}
    )
    done = branchcov(project, "--json", "out.json", "--fail-under", "0", "--no-subprocesses")
    # ipykernel can end with a word on a task of its own.
    assert done.returncode == 0 and "branchcov" not in done.stderr, done.stderr
    ways = json.loads((project.folder / "out.json").read_text())["sources"][-1]
    assert ways["name"] == "pkg/ways.py" and ways["totals"]["covered"] == 0


@pytest.mark.slow
def test_one_that_is_killed_is_reported_and_fails_the_gate(project: Project) -> None:
    fork = (
        "import os\nfrom pkg import ways\nif not (pid := os.fork()):\n    os.kill(os.getpid(), 9)\nos.waitpid(pid, 0);"
    )
    cells = {"fork": fork}
    project.notebook("nb.ipynb", cells, {})
    done = branchcov(project, "--fail-under", "0")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("branchcov: lost: a process was killed, or has not ended: forked in ")
    ended = project.run("--branchcov=pkg/ways.py", "--branchcov-fail-under=0", "--nbval-lax", "nb.ipynb")
    assert ended.status == 1 and ended.failures[0].startswith("LOST a process was killed"), ended.text


@pytest.fixture
def live(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setenv("PYTHONPATH", str(project.folder))
    with kernel() as running:
        running.run(f"%load_ext ipy_branchcov\n{CELLS['imports']}")
        yield running


def test_a_cell_shows_what_its_processes_did_and_the_fork_shows_nothing(live: Kernel) -> None:
    shown = live.run(f"%%branchcov --source pkg.ways --view text\n{CELLS['fork']}\nprint(1)")
    assert "pkg/ways.py" in shown.text and len(shown.displays) == 1
    assert "branchcov" not in shown.stderr and shown.stdout == "1\n"
    shown = live.run(f"%%branchcov --source pkg.ways -o found --view text\n{CELLS['pools']}")
    assert live.ask("[str(each.totals) for each in found if each.source.kind == 'file']").count("4 of 10") == 1
    assert live.ask("'BRANCHCOV_PROCESSES' in os.environ") == "False"


def test_a_fork_of_a_cell_executes_a_program_that_is_measured(live: Kernel) -> None:
    program = "import pkg.ways; pkg.ways.forked(0)"
    live.run(
        "%%branchcov -q --counts --source pkg.ways -o found\n"
        "import os, sys, pkg.ways\n"
        "if not (pid := os.fork()):\n"
        "    try:\n"
        "        pkg.ways.forked(1)\n"
        f"        os.execv(sys.executable, [sys.executable, '-c', {program!r}])\n"
        "    finally:\n"
        "        os._exit(1)\n"
        "os.waitpid(pid, 0);"
    )
    branches = "(b for s in found if s.source.kind == 'file' for b in s.branches if b.function == 'forked')"
    assert live.ask(f"[o.hits for b in {branches} for o in b.outcomes]") == "[1, 1]"


def test_a_pool_that_goes_on_is_announced_and_its_data_comes_when_it_ends(live: Kernel) -> None:
    shown = live.run(f"%%branchcov --fail-under 0\n{CELLS['joblib']}")
    assert "so what" in shown.stderr and "not in here" in shown.stderr and shown.error == "BelowThreshold"
    live.run("from joblib.externals.loky import get_reusable_executor\nget_reusable_executor().shutdown(wait=True)")
    shown = live.run("%branchcov_report sent")
    total = "2 of 2 outcomes covered (100.0%)"
    assert (shown.text, shown.stderr) == (f"branchcov: {total}\nanother cell · here, sent: {total}", "")


def test_a_pool_from_an_unmeasured_cell_is_announced_once(live: Kernel) -> None:
    live.run("pool = multiprocessing.get_context('fork').Pool(1)")
    line = "branchcov: processes that were started before are not measured; start them again in a measured cell\n"
    assert live.run("%%branchcov\npool.map(here, [0, 1])").stderr == line
    assert live.run("%%branchcov\npool.map(here, [0, 1])").stderr == ""


def test_a_folder_that_cannot_be_made_is_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    session = Session()
    others: Others = Descendants(session, Cells(InteractiveShell()))
    session.others = others
    with session.measuring("test") as run:
        pass
    (line,) = run.coverage.lost
    assert line.startswith("processes that were started: not measured: ")
    assert not session.others.pending() and not session.coverage().sources


def test_pools_that_are_open_are_ended() -> None:
    pool = multiprocessing.get_context("fork").Pool(1)
    (worker,) = multiprocessing.active_children()
    end_workers()
    assert worker.exitcode is not None and not multiprocessing.active_children()
    pool.join()


@pytest.mark.slow
def test_pools_that_tests_leave_open_are_measured(project: Project) -> None:
    project.write(
        "tests/test_shapes.py",
        "from concurrent.futures import ProcessPoolExecutor\nimport multiprocessing\nfrom pkg import ways\n"
        "executor = ProcessPoolExecutor(1)\npools = []\n\n"
        "def test_executor():\n    assert list(executor.map(ways.pooled, [0, 1])) == [2, 1]\n\n"
        "def test_pool():\n    pools.append(multiprocessing.get_context('fork').Pool(1))\n"
        "    assert pools[0].map(ways.forked, [0, 1]) == [2, 1]\n",
    )
    ended = project.run("--branchcov=pkg/ways.py", "--branchcov-fail-under=40", "tests")
    assert ended.status == 0 and not ended.failures, ended.text + ended.errors
    assert ended.table["pkg/ways.py"][:2] == ["10", "6"]


def test_a_cell_is_known_by_its_file_or_by_its_code() -> None:
    folder = DataFolder()
    locate = PublishedCells(folder.path)
    texts = {"/tmp/a.py": "def f(x):\n    return x", "/tmp/b.py": "\ndef f(x):\n    return x"}
    codes = {}
    for name, text in texts.items():
        exec(compile(text, name, "exec"), space := {})
        codes[name] = space["f"].__code__
        assert locate(codes[name]) is None
        folder.add_cell(name, Source("In [1]", text, within=(Source("In [1]", f"%%time\n{text}"), 1)))
    for name, text in texts.items():
        for code in (codes[name], codes[name].replace(co_filename="<dynamic-code>")):
            found = locate(code)
            assert found is not None and found.text == text and found.within is not None
            assert (found.within[0].text, found.within[1]) == (f"%%time\n{text}", 1)
    assert locate(compile("", "<dynamic-code>", "exec")) is None
    folder.remove()
