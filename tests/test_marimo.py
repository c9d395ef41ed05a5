"""marimo apps: cells are measured in the file where their author wrote them, however the app is run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_branchcov.model.source import Source
from ipy_branchcov.session.marimo import AppCells
from tests.test_pages import headings

pytest.importorskip("marimo")
pytestmark = pytest.mark.slow

APP = '''\
import marimo

__generated_with = "0.25.2"
app = marimo.App()

with app.setup:
    import sys
    START = 1 if sys else 2


@app.function
def doubled(x):
    return 2 * x if x else None


@app.cell
def _():
    text = """
one
    two""" if START else ""

    class Shape:
        def area(self, w, h):
            return w * h if w > 0 and h > 0 else None

    def f(x):
        """A function of a cell."""
        if x % 2 == 0 and x > 0:
            return "even"
        return [n for n in range(x) if n]
    return Shape, f


@app.cell(hide_code=True)
def classify(Shape, f):
    # A comment first.
    for _w in (1, 2):
        if _w > 1:
            y = f(_w)
        else: y = doubled(_w)
    (lambda: 1 if y else 2)()
    Shape().area(1, 1) if y else None
    return (y,)


@app.cell
async def _(y):
    import asyncio
    await asyncio.sleep(0)
    if y == "never":
        unreached = 1
    return


@app.cell
def _():
    1 / 0 if START > 1 else "last value"
    return


@app.cell(disabled=True)
def never():
    z = 1 if START else 2
    return (z,)


if __name__ == "__main__":
    app.run()
'''
#: What was missed: by line, in the order of columns.
MISSED = {
    8: ["false"],
    13: ["false"],
    20: ["false"],
    24: ["false", "false"],
    28: ["false", "false"],
    30: ["body", "exhausted", "true", "false"],
    41: ["false"],
    42: ["false"],
    50: ["true"],
    57: ["true"],
    63: ["true", "false"],
    67: ["false"],
}


def run(folder: Path, *command: str) -> str:
    """Run a command in a folder; return what it printed."""
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "HOME": str(folder), "MARIMO_SKIP_UPDATE_CHECK": "1"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def missed(source: dict) -> dict[int, list[str]]:
    """The missed outcomes of a source of JSON, by line."""
    found: dict[int, list[str]] = {}
    for branch in source["branches"]:
        names = [each["name"] for each in branch["outcomes"] if each["required"] and not each["hits"]]
        found.setdefault(branch["span"][0], []).extend(names)
    return {line: names for line, names in found.items() if names}


def test_run_measures_cells_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    files = ["--json", "c.json", "--html", "h"]
    text = run(tmp_path, "-m", "ipy_branchcov", "run", "--counts", *files, "app.py")
    assert "not measured" not in text
    (source,) = json.loads((tmp_path / "c.json").read_text())["sources"]
    assert (source["name"], source["kind"]) == ("app.py", "file")
    # On 3.11, what follows a top-level await in code that nobody instrumented before is not recorded.
    lost = {50: ["true", "false"]} if sys.version_info < (3, 12) else {}
    assert missed(source) == MISSED | lost
    assert source["missed_lines"] == [[30, 30], [50 if lost else 51, 51], [63, 64]]
    functions = {branch["span"][0]: branch["function"] for branch in source["branches"]}
    assert (functions[28], functions[38], functions[24]) == ("_.<locals>.f", "classify", "_.<locals>.Shape.area")
    hits = {(each["span"][0], each["kind"]): [o["hits"] for o in each["outcomes"]] for each in source["branches"]}
    assert (hits[37, "for"], hits[38, "if"], hits[57, "ifexp"]) == ([2, 1], [1, 1], [0, 1])
    page = (tmp_path / "h" / "app.py.html").read_text()
    assert headings(page) == [] and '<a href="#L28">28 never false' in page


USE = APP.replace("    # A comment first.\n", "    import ipy_branchcov as b\n").replace(
    "    for _w in (1, 2):\n        if _w > 1:\n            y = f(_w)\n        else: y = doubled(_w)\n",
    "    with b.measure() as run:\n        y = f(2)\n    print(run.coverage)\n",
)


def test_the_python_door_in_a_script(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(USE)
    text = run(tmp_path, "use.py")
    assert "not measured" not in text
    assert re.search(r"28 \|         if x % 2 == 0 and x > 0:\n +\| +\^{10} never false\n +\| +\^{5} never false", text)


def test_the_python_door_in_marimo(tmp_path: Path) -> None:
    """``marimo export`` runs the app as ``marimo run`` and ``marimo edit`` do; the page has what a cell shows."""
    (tmp_path / "use.py").write_text(USE.replace("    return (y,)", "    run.coverage\n    return (y,)"))
    run(tmp_path, "-m", "marimo", "-y", "export", "html", "use.py", "-o", "page.html", "--no-include-code")
    page = (tmp_path / "page.html").read_text()
    assert "branchcov-record" in page and page.count("never false") >= 2


def test_what_is_no_cell_is_left_to_the_file() -> None:
    for text in (
        "import marimo\nclass app:\n    @staticmethod\n    def cell(f): return f\n@app.cell\ndef g():\n    x = 1\n",
        "app = marimo.App()\n@app.cell\ndef g():\n    return 1\n",
        "app = marimo.App()\n@other.cell\n@app.function\ndef g():\n    x = 1\n",
        "marimo (",
    ):
        find = AppCells(Source("a.py", text, "file"))
        assert find(compile("\n\n\n\n\n\nx = 1", "a.py", "exec")) is None
    find = AppCells(Source("a.py", "app = marimo.App()\n@app.cell\ndef g():\n    x = 1\n\n    y = 2\n", "file"))
    found = find(compile("\n\n\nx = 1", "a.py", "exec"))
    assert found is not None and found.text == "\n\n\nx = 1\n\ny = 2"
