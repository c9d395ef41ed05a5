"""The command line, as a process: what it prints, and its exit status."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from ipy_branchcov.cli import main
from tests.project import branchcov

SCRIPT = """\
import sys


def classify(x, y):
    if x > 0 and y > 0:
        return "both"
    return "even" if x % 2 == 0 else "odd"


print(classify(1, 1), classify(2, -1), sys.argv[1:])
"""
SHOWN = """\
branchcov: 4 of 6 outcomes covered (66.7%)
  5 |     if x > 0 and y > 0:
    |        ^^^^^ never false
  7 |     return "even" if x % 2 == 0 else "odd"
    |                      ^^^^^^^^^^ never false
    |                                      ^^^^^ never ran
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def notebook(name: str, *cells: str) -> None:
    made = [nbformat.v4.new_code_cell(cell, id=f"cell-{number}") for number, cell in enumerate(cells, 1)]
    nbformat.write(nbformat.v4.new_notebook(cells=made), name)


def test_a_script_with_arguments() -> None:
    done = branchcov("run", "script.py", "a", "--html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "both even ['a', '--html']\n" + SHOWN


def as_python(text: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    Path("other.py").write_text(text)
    command = [sys.executable, "other.py", *arguments]
    plain = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    measured = branchcov("run", "--json", "x.json", "other.py", *arguments)
    own, closing, rest = measured.stdout.rpartition("branchcov: ")
    assert closing and rest.endswith("; written to x.json\n"), measured.stdout
    measured.stdout = own
    return plain, measured


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "import sys\nprint('out')\nsys.exit(3 if sys.argv else 0)",
        "import sys\nsys.exit('a message')",
        "def f(x):\n    return 1 / x\n\nf(2)\nf(0)",
        "print('a'\n",
        "raise KeyboardInterrupt",
        "import __main__, sys\nprint(__name__, __file__, __main__.__file__, sys.path[0], __spec__, __doc__)",
        "print({name: repr(value) for name, value in vars(__import__('__main__')).items() if name != '__loader__'})",
        "import atexit\natexit.register(print, 'at exit')\nx = 1 if __name__ == '__main__' else 2",
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.2), print('thread'))).start()",
        "import pathlib\npathlib.Path('bad.py').write_text('def f(:')\nimport bad",
        "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))).__module__)",
    ],
)
def test_a_script_behaves_as_under_plain_python(text: str) -> None:
    plain, measured = as_python(text, "argument")
    assert (measured.stdout, measured.stderr) == (plain.stdout, plain.stderr)
    assert measured.returncode == plain.returncode


def test_threads_that_outlive_the_script_are_measured() -> None:
    as_python("import threading, time\nthreading.Thread(target=lambda: (time.sleep(.2), 1 if time else 2)).start()")
    assert json.loads(Path("x.json").read_text())["totals"]["covered"] == 1


def test_every_report_is_written_and_the_threshold_checked() -> None:
    options = ["--html", "html", "--json", "c.json", "--lcov", "c.info", "--cobertura", "c.xml"]
    done = branchcov("run", *options, "--fail-under", "66.8", "script.py")
    closing = "branchcov: 4 of 6 outcomes covered (66.7%); written to html, c.json, c.info, c.xml\n"
    assert (done.returncode, done.stdout) == (2, "both even []\n" + closing)
    assert done.stderr == "branchcov: branch coverage 4 of 6 outcomes covered (66.7%) is below 66.8%\n"
    assert {path.name for path in Path("html").iterdir()} == {
        *("index.html", "functions.html", "script.py.html", "branchcov-report.css", "branchcov-report.js")
    }
    assert "BRDA:5,0,0,1" in Path("c.info").read_text() and "condition-coverage" in Path("c.xml").read_text()
    assert branchcov("report", "c.json").stdout == SHOWN.replace("branchcov:", "branchcov: script.py:")
    assert branchcov("report", "c.json", "--fail-under", "66.6").returncode == 0


def test_merge() -> None:
    branchcov("run", "--json", "a.json", "--counts", "script.py")
    assert branchcov("merge", "a.json", "a.json", "-o", "b.json").returncode == 0
    one, two = (json.loads(Path(name).read_text())["sources"][0]["branches"] for name in ("a.json", "b.json"))
    hits = [[outcome["hits"] for branch in branches for outcome in branch["outcomes"]] for branches in (one, two)]
    assert hits[1] == [2 * hit for hit in hits[0]] and max(hits[0]) == 2


def test_a_changed_source_is_reported() -> None:
    branchcov("run", "--json", "a.json", "script.py")
    Path("script.py").write_text("# new\n" + SCRIPT)
    done = branchcov("report", "a.json")
    assert "script.py: changed since it was measured; run it again to see its lines" in done.stdout
    assert "4 of 6" in done.stdout


@pytest.mark.slow
def test_notebooks() -> None:
    notebook(
        "a.ipynb",
        SCRIPT.replace("import sys\n\n\n", "").replace(", sys.argv[1:]", ""),
        "await __import__('asyncio').sleep(0)",
    )
    notebook("b.ipynb", "x = 1 if True and [2] else 0")
    done = branchcov("run", "a.ipynb", "b.ipynb", "--json", "x.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "branchcov: 5 of 8 outcomes covered (62.5%); written to x.json\n"
    found = json.loads(Path("x.json").read_text())
    assert [
        (each["name"], each["kind"], each["totals"]["outcomes"]) for each in found["sources"] if each["branches"]
    ] == [
        ("a.ipynb#cell-1", "cell", 6),
        ("b.ipynb#cell-1", "cell", 2),
    ]


@pytest.mark.slow
def test_a_failing_cell_is_named_and_what_ran_is_kept() -> None:
    notebook("a.ipynb", "x = 1 if [2] else 0", "def f(x):\n    return 1 / x if x < 1 else 0\n\nf(0)", "never = 1")
    done = branchcov("run", "a.ipynb")
    assert done.returncode == 1
    assert "branchcov: a.ipynb#cell-2: failed; no cell below it ran\n" in done.stderr, done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr and "\x1b" not in done.stderr
    assert "x < 1" in done.stdout and "a.ipynb#cell-1" in done.stdout


@pytest.mark.slow
def test_a_dead_kernel_is_reported() -> None:
    notebook("a.ipynb", "x = 1 if [2] else 0", "import os\nos._exit(1)")
    done = branchcov("run", "a.ipynb")
    assert done.returncode == 1
    assert done.stderr == "branchcov: lost: a.ipynb#cell-2: the kernel died in it, so it was not measured\n"
    assert "if [2] else" in done.stdout


@pytest.mark.slow
def test_modules_of_a_notebook(folder: Path) -> None:
    (folder / "sizes.py").write_text("def size(n):\n    return 'big' if n > 9 else 'small'\n")
    notebook("a.ipynb", "import sizes\nsizes.size(3)")
    assert "never true" in branchcov("run", "a.ipynb", "--source", "sizes").stdout
    (folder / "pyproject.toml").write_text("[tool.branchcov]\nsource = ['sizes']\n")
    assert "never true" in branchcov("run", "a.ipynb").stdout


@pytest.mark.slow
def test_files_that_nobody_imported_are_missed(folder: Path) -> None:
    for name in ("lib/__init__.py", "lib/one.py", "lib/never.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("def pick(x):\n    return 1 if x else 2\n" if "_" not in name else "")
    (folder / "go.py").write_text("from lib.one import pick\npick(1), pick(0)\n")
    notebook("a.ipynb", (folder / "go.py").read_text())
    for target in ("go.py", "a.ipynb"):
        branchcov("run", "--source", "lib", "--json", "x.json", target)
        found = json.loads((folder / "x.json").read_text())["sources"]
        assert {each["name"]: each["totals"]["covered"] for each in found if each["branches"]} == {
            "lib/never.py": 0,
            "lib/one.py": 2,
        }, target


@pytest.mark.slow
def test_paths_of_the_configuration_start_from_its_folder(folder: Path) -> None:
    for name in ("lib/sizes.py", "lib/old/shapes.py", "docs/a.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "lib/sizes.py").write_text("def size(n):\n    return 'big' if n > 9 else 'small'\n")
    (folder / "lib/old/shapes.py").write_text("shape = 'round' if __name__ else 'flat'\n")
    notebook("docs/a.ipynb", "import sys\nsys.path += ['../lib', '../lib/old']\nimport sizes, shapes\nsizes.size(3)")
    (folder / "pyproject.toml").write_text("[tool.branchcov]\nsource = ['lib']\nomit = ['lib/old/*']\n")
    shown = branchcov("run", "docs/a.ipynb").stdout
    assert "lib/sizes.py" in shown and "never true" in shown and "shapes" not in shown


@pytest.mark.slow
def test_notebooks_run_in_parallel() -> None:
    names = [f"{letter}.ipynb" for letter in "abcd"]
    for name in names[:-1]:
        notebook(name, "x = 1 if [2] else 0", "import os\n'posix' if os.name else ''")
    notebook(names[-1], "x = 1 if [2] else 0", "1 / 0", "x = 2")
    done = branchcov("run", *names, "-j", "3", "--json", "x.json")
    assert done.returncode == 1
    assert done.stderr.startswith("branchcov: d.ipynb#cell-2: failed; no cell below it ran\n")
    found = json.loads(Path("x.json").read_text())["sources"]
    assert [each["name"] for each in found] == [f"{name}#cell-{i}" for name in names for i in (1, 2)]


BAD = {
    "run nowhere.ipynb": (2, "nowhere.ipynb: no such file; check the path"),
    "run data.bin": (2, "data.bin: cannot be read as Python source"),
    "run -m no_such": (2, "-m no_such: no module of that name; check the spelling"),
    "run empty": (2, "empty: a folder without __main__.py; name a file in it, or -m and a package"),
    "run a.ipynb script.py": (2, "script.py: a script runs alone; run a.ipynb by itself"),
    "run foreign.ipynb": (1, "foreign.ipynb: not a Jupyter notebook; open and save it in Jupyter"),
    "run --source no_such script.py": (
        2,
        "--source no_such: no module, directory or file of that name; check the spelling",
    ),
    "run --tracer psychic script.py": (2, "no tracer 'psychic'"),
    "run --fail-under 101 script.py": (2, "--fail-under: must be a number from 0 to 100, not 101"),
    "diff nowhere.json cut.json": (2, "nowhere.json: cannot be read (No such file or directory); check the path"),
    "diff whole.json empty": (2, "empty: cannot be read (Is a directory); check the path"),
    "report nowhere.json": (2, "nowhere.json: cannot be read (No such file or directory); check the path"),
    "report cut.json": (1, "cut.json: not a complete data file"),
    "report foreign.ipynb": (1, "foreign.ipynb: not a data file of branchcov"),
    "merge cut.json -o out.json": (1, "cut.json: not a complete data file"),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", BAD)
def test_bad_input_is_one_line(command: str) -> None:
    branchcov("run", "--json", "whole.json", "script.py")
    Path("cut.json").write_text(Path("whole.json").read_text()[:200])
    Path("foreign.ipynb").write_text('{"cells": 3}')
    Path("data.bin").write_bytes(b"\xff\xfe")
    Path("empty").mkdir()
    status, line = BAD[command]
    done = branchcov(*command.split())
    assert done.returncode == status
    assert done.stderr.startswith(f"branchcov: {line}") and done.stderr.count("\n") == 1
    assert not Path("out.json").exists()


@pytest.mark.slow
def test_report_shows_the_package_that_is_named(folder: Path) -> None:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "m.py").write_text("def f(x):\n    return 1 if x else 2\n")
    (folder / "main.py").write_text("from pkg.m import f\nprint(f(1) if f else 0)\n")
    done = branchcov("run", "--source", "pkg", "--source", "main.py", "--data", "data.json", "main.py")
    assert done.returncode == 0, done.stderr
    for spec in ("pkg", "pkg.m", "pkg/m.py", "pkg/", "./pkg"):
        shown = branchcov("report", "data.json", "--source", spec).stdout
        assert shown.startswith("branchcov: pkg/m.py: 1 of 2 outcomes covered (50.0%)"), (spec, shown)
    unknown = branchcov("report", "data.json", "--source", "pk")
    assert unknown.returncode == 2 and "the data has nothing of it" in unknown.stderr
    for patterns in (["--omit", "*"], ["--include", "elsewhere/*"], ["--omit", "pkg/*", "--omit", "*.py"]):
        nothing = branchcov("report", "data.json", *patterns)
        assert nothing.returncode == 2 and nothing.stdout == ""
        assert "omit and include leave nothing of what was measured" in nothing.stderr


def interrupted(number: int, *arguments: str, again: bool = False) -> tuple[int, str, str]:
    """Run, send a signal when a cell has begun (it writes a file), and return status and output."""
    command = [sys.executable, "-m", "ipy_branchcov", "run", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(1 + again):
            for _ in range(1200):
                if Path("begun").exists():
                    break
                time.sleep(0.05)
            Path("begun").unlink()
            process.send_signal(number)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out, errors


# The file is written inside the loop: a signal that comes sooner would leave the condition's outcome missed.
WAITS = "import time\nwhile x and True:\n    open('begun', 'w').close()\n    time.sleep(.01)"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_notebook_and_what_ran_is_written(number: int) -> None:
    notebook("a.ipynb", "x = 1 if len('a') else 2", WAITS, "never = 1 if x else 2")
    notebook("b.ipynb", "x = 1 if len('a') else 2")
    status, out, errors = interrupted(number, "a.ipynb", "b.ipynb", "--json", "x.json")
    assert status == 128 + number
    assert errors == "branchcov: interrupted in a.ipynb#cell-2; no cell below ran; not run: b.ipynb\n"
    found = {each["name"]: each["totals"]["covered"] for each in json.loads(Path("x.json").read_text())["sources"]}
    assert found == {"a.ipynb#cell-1": 1, "a.ipynb#cell-2": 1} and out.endswith("; written to x.json\n")


@pytest.mark.slow
def test_a_cell_that_ignores_ctrl_c_is_ended_by_the_second_one() -> None:
    ignores = "import time\nwhile True:\n    try:\n        open('begun', 'w').close()\n        time.sleep(60)\n"
    notebook("a.ipynb", "x = 1 if len('a') else 2", f"{ignores}    except KeyboardInterrupt:\n        pass")
    status, _, errors = interrupted(signal.SIGINT, "a.ipynb", "--json", "x.json", again=True)
    assert status == 130
    line = "branchcov: lost: a.ipynb#cell-2: the kernel died in it, so it was not measured\n"
    assert errors == "branchcov: interrupted in a.ipynb#cell-2; no cell below ran\n" + line
    assert [each["name"] for each in json.loads(Path("x.json").read_text())["sources"]] == ["a.ipynb#cell-1"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "the following arguments are required: COMMAND; try branchcov --help"),
        ("run", "the following arguments are required: TARGET; try branchcov run --help"),
        ("run --conts x.py", "unrecognized arguments: --conts; did you mean --counts; try branchcov run --help"),
        ("report d.json --jsn=x", "unrecognized arguments: --jsn=x; did you mean --json; try branchcov report --help"),
        ("merge d.json -o x --zzz", "unrecognized arguments: --zzz; try branchcov merge --help"),
        ("report d.json --html", "argument --html: expected one argument; try branchcov report --help"),
        ("run --zzz\x1b x.py", "unrecognized arguments: --zzz\\x1b; try branchcov run --help"),
    ],
)
def test_a_wrong_line_is_one_line_of_error(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split(" ") if line else []) == 2
    assert capsys.readouterr() == ("", f"branchcov: error: {message}\n")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("a folder", "cannot be read (Is a directory); make it a file that can be read"),
        ("not UTF-8", "not UTF-8 (invalid start byte at byte 3); save it as UTF-8"),
        ("without an end", "not valid TOML ("),
        ("a failing disk", "cannot be read (Input/output error); make it a file that can be read"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_one_line(
    kind: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "pyproject.toml"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a failing disk":
        if not Path("/proc/self/mem").exists():
            pytest.skip("Linux")
        path.symlink_to("/proc/self/mem")
    else:
        path.write_bytes(b'x="\xff"' if kind == "not UTF-8" else b"x = " + b"[" * 100_000)
    assert main(["run", "script.py"]) == 2
    out, error = capsys.readouterr()
    assert error.startswith(f"branchcov: {path}: {message}") and error.count("\n") == 1 and not out


def test_a_script_imports_nothing_for_notebooks(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text(
        "import sys\nprint([m for m in ('asyncio', 'ssl', 'rich.progress') if m in sys.modules])\n"
    )
    assert branchcov("run", str(tmp_path / "p.py")).stdout.startswith("[]\n")
