"""The command line, as a process: what it prints, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

SCRIPT = """\
import sys


def classify(x, y):
    if x > 0 and y > 0:
        return "both"
    return "even" if x % 2 == 0 else "odd"


print(classify(1, 1), classify(2, -1), sys.argv[1:])
"""
SHOWN = """\
branchcov: 4 of 6 arms taken (66.7%)
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


def branchcov(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ipy_branchcov", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def notebook(name: str, *cells: str) -> None:
    made = [nbformat.v4.new_code_cell(cell, id=f"cell-{number}") for number, cell in enumerate(cells, 1)]
    nbformat.write(nbformat.v4.new_notebook(cells=made), name)


def test_a_script_with_arguments() -> None:
    done = branchcov("run", "script.py", "--", "a", "--html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "both even ['a', '--html']\n" + SHOWN


def as_python(text: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    Path("other.py").write_text(text)
    command = [sys.executable, "other.py", *arguments]
    plain = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return plain, branchcov("run", "other.py", "--json", "x.json", *(["--", *arguments] if arguments else []))


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nprint('out')\nsys.exit(3 if sys.argv else 0)",
        "import sys\nsys.exit('a message')",
        "def f(x):\n    return 1 / x\n\nf(2)\nf(0)",
        "print('a'\n",
        "raise KeyboardInterrupt",
        "import __main__, sys\nprint(__name__, __file__, __main__.__file__, sys.path[0], __spec__, __doc__)",
        "import atexit\natexit.register(print, 'at exit')\nx = 1 if __name__ == '__main__' else 2",
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.2), print('thread'))).start()",
        "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))).__module__)",
    ],
)
def test_a_script_behaves_as_without_us(text: str) -> None:
    plain, measured = as_python(text, "argument")
    assert (measured.stdout, measured.stderr) == (plain.stdout, plain.stderr)
    # A process ended by an interrupt shows as the signal; ours tells it as a shell would.
    assert measured.returncode == (130 if plain.returncode == -2 else plain.returncode)


def test_threads_that_outlive_the_script_are_measured() -> None:
    as_python("import threading, time\nthreading.Thread(target=lambda: (time.sleep(.2), 1 if time else 2)).start()")
    assert json.loads(Path("x.json").read_text())["totals"]["taken"] == 1


def test_every_report_and_the_threshold() -> None:
    options = ["--html", "html", "--json", "c.json", "--lcov", "c.info", "--cobertura", "c.xml"]
    done = branchcov("run", "script.py", *options, "--fail-under", "66.8")
    assert (done.returncode, done.stdout) == (2, "both even []\n")
    assert done.stderr == "branchcov: branch coverage 4 of 6 arms taken (66.7%) is below 66.8%\n"
    assert {path.name for path in Path("html").iterdir()} == {"index.html", "script.py.html"}
    assert "BRDA:5,0,0,1" in Path("c.info").read_text() and "condition-coverage" in Path("c.xml").read_text()
    assert branchcov("report", "c.json").stdout == SHOWN.replace("branchcov:", "branchcov: script.py:")
    assert branchcov("report", "c.json", "--fail-under", "66.6").returncode == 0


def test_merge() -> None:
    branchcov("run", "script.py", "--json", "a.json", "--counts")
    assert branchcov("merge", "a.json", "a.json", "-o", "b.json").returncode == 0
    one, two = (json.loads(Path(name).read_text())["sources"][0]["branches"] for name in ("a.json", "b.json"))
    hits = [[arm["hits"] for branch in branches for arm in branch["arms"]] for branches in (one, two)]
    assert hits[1] == [2 * hit for hit in hits[0]] and max(hits[0]) == 2


def test_a_changed_source_is_told() -> None:
    branchcov("run", "script.py", "--json", "a.json")
    Path("script.py").write_text("# new\n" + SCRIPT)
    done = branchcov("report", "a.json")
    assert "script.py: changed since it was measured; run it again to see its lines" in done.stdout
    assert "4 of 6" in done.stdout


def test_notebooks() -> None:
    notebook(
        "a.ipynb",
        SCRIPT.replace("import sys\n\n\n", "").replace(", sys.argv[1:]", ""),
        "await __import__('asyncio').sleep(0)",
    )
    notebook("b.ipynb", "x = 1 if True and 2 > 1 else 0")
    done = branchcov("run", "a.ipynb", "b.ipynb", "--json", "x.json")
    assert (done.returncode, done.stdout) == (0, "")
    found = json.loads(Path("x.json").read_text())
    assert [(each["name"], each["kind"], each["totals"]["arms"]) for each in found["sources"] if each["branches"]] == [
        ("a.ipynb#cell-1", "cell", 6),
        ("b.ipynb#cell-1", "cell", 2),
    ]


def test_a_failing_cell_is_named_and_what_ran_is_kept() -> None:
    notebook("a.ipynb", "x = 1 if 2 > 1 else 0", "def f(x):\n    return 1 / x if x < 1 else 0\n\nf(0)", "never = 1")
    done = branchcov("run", "a.ipynb")
    assert done.returncode == 1
    assert "branchcov: a.ipynb#cell-2: failed; no cell below it ran\n" in done.stderr, done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr and "\x1b" not in done.stderr
    assert "x < 1" in done.stdout and "a.ipynb#cell-1" in done.stdout


def test_a_kernel_that_dies_is_told() -> None:
    notebook("a.ipynb", "x = 1 if 2 > 1 else 0", "import os\nos._exit(1)")
    done = branchcov("run", "a.ipynb")
    assert done.returncode == 1
    assert done.stderr == "branchcov: a.ipynb#cell-2: the kernel died in it, so it was not measured\n"
    assert "2 > 1" in done.stdout


def test_modules_of_a_notebook(folder: Path) -> None:
    (folder / "sizes.py").write_text("def size(n):\n    return 'big' if n > 9 else 'small'\n")
    notebook("a.ipynb", "import sizes\nsizes.size(3)")
    assert "never true" in branchcov("run", "a.ipynb", "--source", "sizes").stdout
    (folder / "pyproject.toml").write_text("[tool.branchcov]\nsource = ['sizes']\n")
    assert "never true" in branchcov("run", "a.ipynb").stdout


def test_paths_of_the_configuration_start_from_its_folder(folder: Path) -> None:
    for name in ("lib/sizes.py", "lib/old/shapes.py", "docs/a.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "lib/sizes.py").write_text("def size(n):\n    return 'big' if n > 9 else 'small'\n")
    (folder / "lib/old/shapes.py").write_text("shape = 'round' if __name__ else 'flat'\n")
    notebook("docs/a.ipynb", "import sys\nsys.path += ['../lib', '../lib/old']\nimport sizes, shapes\nsizes.size(3)")
    (folder / "pyproject.toml").write_text("[tool.branchcov]\nsource = ['lib']\nomit = ['lib/old/*']\n")
    shown = branchcov("run", "docs/a.ipynb").stdout
    assert "lib/sizes.py" in shown and "never true" in shown and "shapes" not in shown


def test_notebooks_at_a_time() -> None:
    names = [f"{letter}.ipynb" for letter in "abcd"]
    for name in names[:-1]:
        notebook(name, "x = 1 if 2 > 1 else 0", "import os\n'posix' if os.name else ''")
    notebook(names[-1], "x = 1 if 2 > 1 else 0", "1 / 0", "x = 2")
    done = branchcov("run", *names, "-j", "3", "--json", "x.json")
    assert done.returncode == 1
    assert done.stderr.startswith("branchcov: d.ipynb#cell-2: failed; no cell below it ran\n")
    found = json.loads(Path("x.json").read_text())["sources"]
    assert [each["name"] for each in found] == [f"{name}#cell-{i}" for name in names for i in (1, 2)]


BAD = {
    "run nowhere.ipynb": (2, "nowhere.ipynb: no such file; check the path"),
    "run data.txt": (2, "data.txt: neither a notebook (.ipynb) nor a Python script (.py)"),
    "run foreign.ipynb": (1, "foreign.ipynb: not a Jupyter notebook; open and save it in Jupyter"),
    "run script.py --source no_such": (
        2,
        "--source no_such: no module, directory or file of that name; check the spelling",
    ),
    "run script.py --tracer psychic": (2, "no tracer 'psychic'"),
    "run script.py --fail-under 101": (2, "--fail-under: must be a number from 0 to 100, not 101.0"),
    "report nowhere.json": (1, "nowhere.json: cannot be read (No such file or directory); check the path"),
    "report cut.json": (1, "cut.json: not a complete data file"),
    "report foreign.ipynb": (1, "foreign.ipynb: not a data file of branchcov"),
    "merge cut.json -o out.json": (1, "cut.json: not a complete data file"),
}


@pytest.mark.parametrize("command", BAD)
def test_bad_input_is_one_line(command: str) -> None:
    branchcov("run", "script.py", "--json", "whole.json")
    Path("cut.json").write_text(Path("whole.json").read_text()[:200])
    Path("foreign.ipynb").write_text('{"cells": 3}')
    Path("data.txt").write_text("")
    status, line = BAD[command]
    done = branchcov(*command.split())
    assert done.returncode == status
    assert done.stderr.startswith(f"branchcov: {line}") and done.stderr.count("\n") == 1
    assert not Path("out.json").exists()
