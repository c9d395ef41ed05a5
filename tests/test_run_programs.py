"""What ``branchcov run`` runs as ``python`` does: modules, folders, archives, scripts; and which words are theirs."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ipy_branchcov.errors import UsageError
from ipy_branchcov.processes import modules, notebook_runs, program
from ipy_branchcov.processes.targets import Asked, Program, split

SAYS = """\
import sys, __main__
names = {name: repr(value) for name, value in vars(__main__).items() if name not in ('__loader__', '__spec__')}
print(__name__, sys.argv, sys.path[0], names, sorted(vars(__spec__ or sys.flags.__class__))[:3], sep='\\n')
x = 'many' if len(sys.argv) > 2 else 'few'
"""
#: Outcomes of that text that are missed.
RAN, NEVER_RAN = 2, 8
ENDS = {"an error": "1 / (len(sys.argv) - 3)\n", "a status": "sys.exit(len(sys.argv))\n", "a message": "sys.exit(x)\n"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "pkg" / "sub").mkdir(parents=True)
    (tmp_path / "pkg" / "__init__.py").write_text("import sys\nprint('imported with', sys.argv, sys.path[0])\n")
    (tmp_path / "pkg" / "sub" / "__init__.py").write_text("")
    for name in ("pkg/__main__.py", "pkg/sub/mod.py", "tool", "tool.txt"):
        (tmp_path / name).write_text(SAYS)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "other.py").write_text("def pick(x):\n    return 1 if x else 2\n")
    return tmp_path


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, check=False)


def both(*words: str, ours: tuple[str, ...] = ()) -> dict[str, int]:
    """Run as ``python`` and measured, and compare; return the numbers of missed outcomes of the sources."""
    plain = run(*words)
    measured = run("-m", "ipy_branchcov", "run", "--json", "x.json", *ours, *words)
    own, closing, _ = measured.stdout.rpartition("branchcov: ")
    assert closing and (own, measured.stderr, measured.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    sources = json.loads(Path("x.json").read_text())["sources"]
    totals = {each["name"]: each["totals"] for each in sources if each["branches"]}
    return {name: each["outcomes"] - each["covered"] for name, each in totals.items()}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
def test_a_module_runs_as_under_python(end: str) -> None:
    for name in ("pkg/__main__.py", "pkg/sub/mod.py"):
        Path(name).write_text(SAYS + ENDS[end])
    assert both("-m", "pkg", "a", "--json") == {"pkg/__main__.py": RAN}
    found = both("-m", "pkg.sub.mod", "-m", "pkg", ours=("--source", "pkg"))
    assert found == {"pkg/__main__.py": NEVER_RAN, "pkg/sub/mod.py": RAN}


@pytest.mark.slow
def test_a_folder_and_an_archive_run_as_under_python(folder: Path) -> None:
    (folder / "app" / "__main__.py").write_text(f"{SAYS}from other import pick\npick(0)\n1 / 0\n")
    found = both("app", "a", "--", "b")
    assert found == {"app/__main__.py": RAN, "app/other.py": 1}
    assert set(both("./app/", "-c")) == {"app/__main__.py", "app/other.py"}
    with zipfile.ZipFile("app.zip", "w") as archive:
        archive.writestr("__main__.py", f"{SAYS}sys.path.append('.')\nfrom pkg.sub.mod import x\n")
    assert both("app.zip", "a", "b", ours=("--source", "pkg/sub")) == {"pkg/sub/mod.py": RAN}


@pytest.mark.slow
def test_a_script_needs_no_suffix_and_its_words_are_its_own() -> None:
    for name in ("tool", "tool.txt"):
        assert both(name, "--counts", "--json", "y.json") == {name: RAN}
    assert not Path("y.json").exists()


@pytest.mark.slow
def test_what_python_refuses_is_refused_in_its_words() -> None:
    assert both("-m", "pkg.nowhere", ours=("--source", "pkg"))["pkg/__main__.py"] == NEVER_RAN
    Path("pkg/__main__.py").write_text("print('a'\n")
    both("-m", "pkg")


@pytest.mark.slow
def test_tests_run_by_a_module(folder: Path) -> None:
    (folder / "test_app.py").write_text("from app.other import pick\n\ndef test_pick():\n    assert pick(1) == 1\n")
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:nbval", "-p", "no:hypothesispytest")
    done = run("-m", "ipy_branchcov", "run", "--source", "app", "--fail-under", "60", *words, "-k", "pick")
    assert "1 passed" in done.stdout and "else 2\n" in done.stdout and done.returncode == 2
    assert done.stderr == "branchcov: branch coverage 1 of 2 outcomes covered (50.0%) is below 60%\n"


@pytest.mark.slow
def test_the_code_of_a_module_is_instrumented_before_it_runs() -> None:
    program = (
        "import sys; sys.path[0] = '.'\n"
        "from ipy_branchcov.processes.modules import run_module\n"
        "from ipy_branchcov.processes.targets import Program\n"
        "from ipy_branchcov.session.options import RunOptions\n"
        "from ipy_branchcov.session.session import Session\n"
        "session = Session(RunOptions(source=('pkg',)))\n"
        "run_module(Program('pkg', (), module=True), session, lambda coverage, abrupt: 0)\n"
        "print([name for name, mechanism in session.mechanisms if mechanism.fell_back], len(session.mechanisms))\n"
    )
    assert run("-c", program).stdout.splitlines()[-1] in ("[] 2", "[] 3")


@pytest.mark.slow
def test_processes_that_a_module_spawns_find_it_again(folder: Path) -> None:
    (folder / "pkg" / "sub" / "mod.py").write_text(
        "import multiprocessing\n\n\ndef pick(x):\n    return 1 if x else 2\n\n\nif __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        print(pool.map(pick, [0, 1]))\n"
        "        pool.close()\n        pool.join()\n"
    )
    assert both("-m", "pkg.sub.mod")["pkg/sub/mod.py"] == 0


VALUES = {"--json": 1, "--counts": 0, "--fail-under": 1, "-j": 1}
SPLIT = {
    "a.ipynb --json x b.ipynb": Asked(("--json", "x"), ("a.ipynb", "b.ipynb")),
    "a.ipynb -- x": Asked((), ("a.ipynb",), passed=("x",)),
    "--json x s.py --json y": Asked(("--json", "x"), program=Program("s.py", ("--json", "y"))),
    "s.py --json x -- a -- b": Asked(("--json", "x"), program=Program("s.py", ("a", "--", "b"))),
    "s.py a --json x -- b": Asked((), program=Program("s.py", ("a", "--json", "x", "--", "b"))),
    "s.py --other -- b": Asked((), program=Program("s.py", ("--other", "--", "b"))),
    "-- s.py -- a": Asked((), program=Program("s.py", ("a",))),
    "--counts -m pkg.m -m x": Asked(("--counts",), program=Program("pkg.m", ("-m", "x"), module=True)),
    "-mpkg --": Asked((), program=Program("pkg", ("--",), module=True)),
    "--unknown s.py": Asked(("--unknown",), program=Program("s.py")),
    "": Asked(()),
    "--json": Asked(("--json",)),
}


@pytest.mark.parametrize("line", SPLIT)
def test_words_are_told_apart(line: str) -> None:
    assert split(line.split(), VALUES.get) == SPLIT[line]


@pytest.mark.parametrize("line", ["-m", "a.ipynb -m x", "a.ipynb s.py"])
def test_what_cannot_be_told_apart_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        split(line.split(), VALUES.get)


def test_both_ways_to_run_a_program_take_a_session_and_a_report() -> None:
    ends = [list(inspect.signature(run).parameters)[-2:] for run in (modules.run_module, program.run_script)]
    assert ends == [["session", "report"]] * 2


def test_what_stopped_notebooks_is_one_line() -> None:
    class Stopped(Exception):
        def __init__(self, name: str, begun: bool):
            super().__init__(name)
            self.begun = begun

    stopped = [Stopped("a.ipynb#1", True), Stopped("b.ipynb", False)]
    line = "interrupted in a.ipynb#1; no cell below ran; not run: b.ipynb"
    assert notebook_runs._where(stopped) == line  # type: ignore[arg-type]
