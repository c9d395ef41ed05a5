"""``pytest --branchcov`` as its users run it: real projects, nbval's kernels, xdist's workers."""

from __future__ import annotations

import json
import marshal
import os
import re
import subprocess
import sys
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import pytest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.pytest_plugin import rewritten
from ipy_branchcov.pytest_plugin.terminal import Ending, show_failures
from ipy_branchcov.pytest_plugin.workers import Workers
from tests.project import CELLS, TESTS, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


EVERYTHING = {
    "docs/guide.ipynb#items": ["4", "0", "100.0%"],
    "docs/guide.ipynb#use": ["2", "1", "50.0%"],
    "pkg/shapes.py": ["8", "3", "62.5%"],
    "tests/test_shapes.py": ["2", "0", "100.0%"],
    "TOTAL": ["16", "4", "75.0%"],
}


@pytest.mark.slow
def test_tests_and_notebooks_in_one_table(project: Project) -> None:
    ended = project.run("--branchcov", "--nbval")
    assert (ended.status, ended.table) == (0, EVERYTHING), ended


@pytest.mark.slow
def test_a_path_after_the_option_belongs_to_pytest(project: Project) -> None:
    ended = project.run("--nbval", "--branchcov", "docs")
    assert list(ended.table) == ["docs/guide.ipynb#items", "docs/guide.ipynb#use", "pkg/shapes.py", "TOTAL"]


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 12), reason="nothing of ours runs when an outcome is covered")
def test_outcomes_are_first_covered_by_tests_and_cells(project: Project) -> None:
    project.run("--branchcov=pkg", "--nbval", "--branchcov-report=json", "tests", "docs")
    data = json.loads((project.folder / "branchcov.json").read_text())
    (shapes,) = (each for each in data["sources"] if each["name"] == "pkg/shapes.py")
    found = {
        f"{branch['span'][:2]} {outcome['name']}": outcome["first"]
        for branch in shapes["branches"]
        for outcome in branch["outcomes"]
        if outcome["first"]
    }
    assert found["[2, 7] true"] == {"by": "tests/test_shapes.py::test_bad[0]", "values": {}}
    assert found["[5, 28] false"] == {"by": "tests/test_shapes.py::test_area", "values": {}}
    assert found["[5, 28] true"] == {"by": "docs/guide.ipynb#use", "values": {}}


def test_only_the_named_source_is_measured_with_files_never_imported(project: Project) -> None:
    project.write("pkg/lonely.py", "def lonely(x):\n    return 1 if x else 2\n")
    ended = project.run("--branchcov=pkg", "--branchcov-report=term-missing", COLUMNS="200")
    assert ended.table == {
        "pkg/lonely.py": ["2", "2", "0.0%", "1-2"],
        "pkg/shapes.py": ["8", "4", "50.0%", "area: 2:18 never true, 5:12 never ran, 5:29 never true"],
        "TOTAL": ["10", "6", "40.0%"],
    }


@pytest.mark.slow
def test_workers_measure_the_same_as_one_process(project: Project) -> None:
    ended = project.run("--branchcov", "--nbval", "-n", "3")
    assert (ended.status, ended.table) == (0, EVERYTHING), ended


@pytest.mark.slow
def test_a_notebook_stays_in_one_worker(project: Project) -> None:
    dist = ("worksteal", "loadgroup", "loadscope")[sys.version_info[1] % 3]  # each is tried on some Python
    ended = project.run("--branchcov", "--nbval", "-n", "2", "--dist", dist)
    assert (ended.status, ended.table) == (0, EVERYTHING), ended


@pytest.mark.slow
def test_without_the_option_nothing_happens(project: Project) -> None:
    for arguments in ((), ("--branchcov", "--no-branchcov"), ("--branchcov", "--collect-only")):
        assert "branch coverage" not in project.run(*arguments).text


@pytest.mark.slow
def test_the_gate(project: Project) -> None:
    passed = project.run("--branchcov", "--branchcov-fail-under=60")
    failed = project.run("--branchcov", "--branchcov-fail-under=61")
    assert (passed.status, passed.failures) == (0, [])
    assert (failed.status, failed.failures) == (
        1,
        ["FAIL branch coverage 6 of 10 outcomes covered (60.0%) is below 61%"],
    )
    project.write(
        "pyproject.toml", '[tool.pytest.ini_options]\npythonpath = ["."]\n[tool.branchcov]\nfail_under = 61\n'
    )
    assert project.run("--branchcov").failures == failed.failures


@pytest.mark.slow
def test_without_a_terminal_the_gate_says_why_on_the_error_stream(project: Project) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:terminal",
        "-p",
        "no:nbval",
        "-p",
        "no:hypothesispytest",
        "tests",
    ]

    def run(*options: str) -> tuple[int, str, str]:
        words = [*command, "--branchcov", *options]
        done = subprocess.run(words, cwd=project.folder, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr

    assert run("--branchcov-report=json:c.json", "--branchcov-fail-under=50") == (0, "", "")
    assert (project.folder / "c.json").exists()
    line = "branchcov: branch coverage 6 of 10 outcomes covered (60.0%) is below 61%\n"
    assert run("--branchcov-fail-under=61") == (1, "", line)


def test_what_the_error_stream_shows_then(capsys: pytest.CaptureFixture[str]) -> None:
    show_failures(Ending(["a table"], "", ["a note"], ["a worker"], ["a gate"]))
    assert capsys.readouterr() == ("", "branchcov: a worker\nbranchcov: a gate\n")


@pytest.mark.slow
def test_the_gate_fails_without_outcomes(project: Project) -> None:
    project.write("tests/test_shapes.py", "def test_nothing():\n    pass\n")
    ended = project.run("--branchcov", "tests", "--branchcov-fail-under=0")
    line = "FAIL no branches in what ran: there is nothing that a gate could check, so it fails"
    assert (ended.status, ended.failures) == (1, [line])


@pytest.mark.slow
@pytest.mark.parametrize("gate", ["fail-under=50", "fail-under-mcdc=50", "baseline=a.json"])
def test_a_gate_without_a_measurement_is_refused(project: Project, gate: str) -> None:
    done = project.run(f"--branchcov-{gate}", "tests")
    refused = f"branchcov: --branchcov-{gate.partition('=')[0]}: nothing is measured without --branchcov; add it"
    assert (done.status, refused in done.errors) == (4, True)
    assert project.run(f"--branchcov-{gate}", "--no-branchcov", "tests").status == 0


@pytest.mark.slow
def test_a_dead_kernel_is_reported_as_lost_and_fails_the_gate(project: Project) -> None:
    cells = {"one": "x = 3\n1 if x else 2", "two": "import os\nz = 1 if x else 2\nos._exit(3)"}
    project.notebook("docs/dies.ipynb", cells, {})
    arguments = ("--branchcov", "--nbval-lax", "docs/dies.ipynb", "--nbval-cell-timeout=3")
    ended = project.run(*arguments, "--branchcov-fail-under=0")
    assert ended.table["docs/dies.ipynb#one"] == ["2", "1", "50.0%"]  # what was collected before stays
    assert ended.failures[:2] == [
        "LOST docs/dies.ipynb#two: its kernel died, so the cell was not measured",
        "FAIL 1 lost: coverage is incomplete, so the gate fails",
    ]


@pytest.mark.slow
def test_a_crashed_worker_is_reported_as_lost_and_fails_the_gate(project: Project) -> None:
    project.write("tests/test_crash.py", "import os\n\ndef test_crash():\n    os._exit(3)\n")
    ended = project.run("--branchcov", "-n", "2", "--branchcov-fail-under=0")
    assert ended.status != 0
    assert any(line.startswith("LOST worker gw") and "crashed" in line for line in ended.failures), ended
    assert "FAIL 1 lost: coverage is incomplete, so the gate fails" in ended.failures


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("\x1b[31m", "Expecting value: line 1 column 1 (char 0)"),
        ('{"lost": [], "notes": 3, "coverage": "{}"}', "'int' object is not iterable"),
        ('{"lost": [], "notes": []}', "'coverage'"),
        (
            '{"lost": [], "notes": [], "coverage": "{}"}',
            'data: not a data file of branchcov (no "schema": "ipy_branchcov/1")',
        ),
    ],
)
def test_the_data_of_a_worker_of_another_version(sent: str, why: str) -> None:
    found: list[Coverage] = []
    lost: list[str] = []
    notes: list[str] = []
    node = SimpleNamespace(gateway=SimpleNamespace(id="gw0"), workeroutput={"branchcov": sent})
    Workers(found.append, lost, notes).down(node, None)
    assert (found, notes) == ([], [])
    assert lost == [f"worker gw0: its data cannot be read ({why}); install the same version"]


@pytest.mark.slow
def test_workers_that_cannot_start_end_the_run(project: Project) -> None:
    """xdist replaces a worker of ``--tx`` without end."""
    project.write("conftest.py", "import os\nif 'PYTEST_XDIST_WORKER' in os.environ:\n    raise KeyError('not here')\n")
    ended = project.run("--branchcov", "--tx", "popen", "--dist", "load", "tests")
    (lost,) = ended.failures
    assert re.fullmatch(r"LOST worker .*popen: could not start: .*KeyError: 'not here'.*", lost)
    assert ended.status == 4
    assert "xdist: no worker can start; the last one: " in ended.errors


@pytest.mark.slow
def test_a_kernel_without_the_package_is_reported_once(project: Project, tmp_path: Path) -> None:
    project.write("hide/ipy_branchcov/__init__.py", "raise ModuleNotFoundError(\"No module named 'ipy_branchcov'\")\n")
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "bare",
        "language": "python",
        "env": {"PYTHONPATH": f"{project.folder / 'hide'}:{project.folder}"},
    }
    project.write("share/jupyter/kernels/bare/kernel.json", json.dumps(spec))
    os.environ["JUPYTER_PATH"] = str(project.folder / "share/jupyter")
    try:
        ended = project.run("--branchcov", "--nbval", "docs", "--nbval-kernel-name=bare")
    finally:
        del os.environ["JUPYTER_PATH"]
    assert ended.status == 0  # there is no gate
    assert ended.failures == [
        "LOST docs/guide.ipynb: not measured: the kernel cannot measure: No module named 'ipy_branchcov'; "
        "install ipy-branchcov in its environment"
    ]


@pytest.mark.slow
def test_a_baseline_names_outcomes_that_are_no_longer_covered(project: Project) -> None:
    assert project.run("--branchcov", "--nbval", "--branchcov-report=json:base.json").status == 0
    assert project.run("--branchcov", "--nbval", "--branchcov-baseline=base.json").failures == []
    project.notebook("docs/guide.ipynb", CELLS | {"imports": "from pkg.shapes import area\nx = 0"}, {})
    project.write("tests/test_shapes.py", TESTS.replace("[0, -1]", "[1]").replace("area(w, 1)", "area(w, -1)"))
    ended = project.run("--branchcov", "--nbval-lax", "--branchcov-baseline=base.json")
    assert ended.failures == [
        "FAIL docs/guide.ipynb#use:1:20: ifexp true: covered in the baseline, not any more",
        "FAIL pkg/shapes.py:2:8: or true: covered in the baseline, not any more",
        "FAIL pkg/shapes.py:5:29: ifexp true: covered in the baseline, not any more",
    ]
    assert ended.status == 1
    # An unchanged notebook that does not run loses its outcomes; a changed one has no baseline.
    ended = project.run("--branchcov", "tests", "--branchcov-baseline=base.json")
    assert sum("guide.ipynb#items" in line for line in ended.failures) == 4
    assert not any("guide.ipynb#imports" in line for line in ended.failures)


@pytest.mark.slow
def test_reports_are_written_where_they_are_asked_for(project: Project) -> None:
    kinds = ("html:site", "json", "lcov:out/cov.lcov", "cobertura")
    ended = project.run("--branchcov", "--nbval", *(f"--branchcov-report={kind}" for kind in kinds))
    assert "TOTAL" not in ended.text
    assert (project.folder / "site/index.html").is_file()
    assert "BRDA:2,0,0," in (project.folder / "out/cov.lcov").read_text()
    assert "condition-coverage" in (project.folder / "branchcov.xml").read_text()
    data: dict[str, Any] = json.loads((project.folder / "branchcov.json").read_text())
    assert data["totals"] == {"outcomes": 16, "covered": 12, "percent": 75.0}


def test_counts(project: Project) -> None:
    project.run("--branchcov", "tests", "--branchcov-counts", "--branchcov-report=json")
    data = json.loads((project.folder / "branchcov.json").read_text())
    shapes = next(source for source in data["sources"] if source["name"] == "pkg/shapes.py")
    hits = {
        (branch["kind"], *branch["span"][:2]): [outcome["hits"] for outcome in branch["outcomes"]]
        for branch in shapes["branches"]
    }
    assert data["counted"]
    assert hits["or", 2, 7] == [2, 1]


@pytest.mark.slow
def test_a_wrong_option_is_one_line(project: Project) -> None:
    wrong = {
        "--branchcov=nosuch": "no module, directory or file of that name",
        "--branchcov-report=pdf": "no report is called 'pdf'",
        "--branchcov-report=term:here": "goes to the terminal",
        "--branchcov-fail-under=much": "must be a number from 0 to 100",
        "--branchcov-tracer=magic": "no tracer 'magic'",
        "--branchcov-baseline=nofile": "nofile: cannot be read",
    }
    for argument, words in wrong.items():
        ended = project.run("--branchcov", argument)
        assert ended.status == 4, argument
        assert words in ended.errors, ended.errors
        assert "Traceback" not in ended.errors, ended.errors


@pytest.mark.slow
def test_a_notebooks_namespace_stays_clean(project: Project) -> None:
    names = "sorted(name for name in globals() if 'branchcov' in name or name == 'kernels'), len(In)"
    project.notebook("docs/clean.ipynb", {"names": names}, {"names": "([], 1)"})
    assert project.run("--branchcov", "--nbval", "docs/clean.ipynb").status == 0


def test_conftest_files_are_measured_from_their_first_line(project: Project) -> None:
    project.write("conftest.py", "from pkg.shapes import never\nnever(1)\nTRUE = 1 if never else 2\n")
    ended = project.run("--branchcov", "tests", "--branchcov-report=term-missing", COLUMNS="200")
    assert ended.table["conftest.py"] == ["2", "1", "50.0%", "3:13 never false, 3:24 never ran"]
    assert "never: 9:17 never false, 9:24 never ran\n" in ended.text


REWRITTEN = """
import sys
import pytest

def pytest_terminal_summary(terminalreporter):
    loaders = {name: type(each.__loader__).__name__ for name, each in sys.modules.items() if "ipy_branchcov" in name}
    found = [name for name, loader in loaders.items() if loader == "AssertionRewritingHook"]
    terminalreporter.line(f"rewritten: {' '.join(found)}")

@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    print("finders:", *(type(each).__name__ for each in sys.meta_path), file=sys.stderr)
"""


def test_our_modules_are_imported_without_the_rewriting_of_asserts(project: Project) -> None:
    """In a new environment, as CI has, it takes longer than to measure a small suite."""
    project.write("conftest.py", REWRITTEN)
    ended = project.run("--branchcov=pkg", "tests")
    (line,) = (each for each in ended.text.splitlines() if each.startswith("rewritten: "))
    # Found before any line of ours has run, where pytest marks a package for rewriting.
    first = {"ipy_branchcov", "ipy_branchcov.pytest_plugin"}
    assert set(line.split()[1:]) <= first, ended
    assert "AssertionRewritingHook" in ended.errors and "OwnModules" not in ended.errors, ended


def test_a_run_that_is_not_measured_has_no_finder_of_ours(project: Project) -> None:
    project.write(
        "conftest.py", "import sys\ndef pytest_collection():\n    print('finders:', *sys.meta_path, file=sys.stderr)\n"
    )
    for options, there in ((("--branchcov=pkg",), True), ((), False)):
        ended = project.run(*options, "tests")
        assert "AssertionRewritingHook" in ended.errors and ("OwnModules" in ended.errors) is there, ended


MEASURED_TESTS = """
import sys
from ipy_branchcov.tracing.probes import registry

SLOW = sys.gettrace() is not None
KNOWN = registry.known(sys._getframe().f_code) is not None
BRANCH = 1 if sys.version_info < (3, 14) else 0

def test_it():
    assert not SLOW
    assert sys.version_info >= (3, 14) or KNOWN
"""


def test_modules_whose_asserts_are_rewritten_are_instrumented(project: Project) -> None:
    """On 3.11 they were traced instruction by instruction. What pytest keeps of them is the code as it made it."""
    for name, text in (("tests/test_shapes.py", MEASURED_TESTS), ("tests/test_none.py", "import pkg.missing\n")):
        project.write(name, text)
    plain = project.run("tests/test_none.py")
    kept = {}
    for options in ((), ("--branchcov",)):
        for each in project.folder.rglob("*-pytest-*.pyc"):
            each.unlink()
        ended = project.run(*options, "tests/test_shapes.py", PYTHONDONTWRITEBYTECODE="")
        (file,) = project.folder.rglob("test_shapes.*-pytest-*.pyc")
        kept[options] = marshal.loads(file.read_bytes()[16:])
    assert ended.status == 0, ended
    assert kept[()] == kept["--branchcov",]
    assert ended.table["tests/test_shapes.py"] == ["2", "1", "50.0%"]

    def errors(text: str) -> list[str]:
        return text[: text.index("ModuleNotFoundError")].splitlines()[1:]

    assert errors(project.run("--branchcov", "tests/test_none.py").text) == errors(plain.text)


def test_what_pytest_executes_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tool's function in its place stays, and so does one that came after ours."""
    seen = list[CodeType]()
    code = compile("x = 1", "<test>", "exec")

    def instrument(code: CodeType) -> CodeType:
        seen.append(code)
        return compile("x = 2", "<test>", "exec")

    for first in (None, lambda code, names: exec(code, names)):
        names: dict[str, Any] = {} if first is None else {"exec": first}
        monkeypatch.setattr(rewritten, "_NAMES", names)
        modules = rewritten.RewrittenModules(instrument)
        modules.begin()
        found: dict[str, object] = {}
        names["exec"](code, found)
        assert found["x"] == 2 and seen.pop() is code
        ours = names["exec"]
        names["exec"] = print
        modules.end()
        assert names["exec"] is print
        names["exec"] = ours
        modules.end()
        assert names.get("exec") is first
