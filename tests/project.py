"""A project with a package, its tests and a notebook, on which pytest runs as its users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

SHAPES = """\
def area(w, h, unit=None):
    if w <= 0 or h <= 0:
        raise ValueError("no area")
    a = w * h
    return f"{a} {unit}" if unit else a


def never(x):
    return x if x else None
"""
TESTS = """\
import pytest
from pkg.shapes import area

def helper(x):
    return 1 if x else 2

def test_area():
    assert area(2, 3) == 6 and 0 < helper(1) < 3, "asserts are rewritten"
    assert helper(0) or helper(1)

@pytest.mark.parametrize("w", [0, -1])
def test_bad(w):
    with pytest.raises(ValueError):
        area(w, 1)
"""
CELLS = {
    "imports": "from pkg.shapes import area\nx = 3",
    "use": "area(x, 2, 'm') if x else 0",
    "items": "[i for i in range(3) if i > 1]",
}
OUTPUTS = {"use": "'6 m'", "items": "[2]"}


@dataclass
class Ended:
    """A pytest run that has ended."""

    status: int
    text: str
    errors: str

    @property
    def table(self) -> dict[str, list[str]]:
        """The rows of the summary's table by their names."""
        rows = [line.split(maxsplit=4) for line in self.text.splitlines() if line]
        return {row[0]: row[1:] for row in rows if len(row) >= 4 and row[1].isdecimal()}

    @property
    def failures(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.startswith(("FAIL ", "LOST "))]


class Project:
    """A folder with a package, its tests, and a notebook with stored outputs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.write("pyproject.toml", '[tool.pytest.ini_options]\npythonpath = ["."]\n')
        self.write("pkg/__init__.py", "")
        self.write("pkg/shapes.py", SHAPES)
        self.write("tests/test_shapes.py", TESTS)
        self.notebook("docs/guide.ipynb", CELLS, OUTPUTS)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def notebook(self, name: str, cells: dict[str, str], outputs: dict[str, str]) -> None:
        made = [nbformat.v4.new_code_cell(source, id=key, execution_count=1) for key, source in cells.items()]
        for cell in made:
            if cell["id"] in outputs:
                data = {"text/plain": outputs[cell["id"]]}
                cell.outputs = [nbformat.v4.new_output("execute_result", data=data, execution_count=1)]
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        self.write(name, nbformat.writes(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": spec})))

    def run(self, *arguments: str, **more: str) -> Ended:
        """Run pytest here; ``more`` goes into its environment."""
        # Most of what starting pytest takes is importing nbval and Hypothesis.
        if not any(each.startswith("--nbval") for each in arguments):
            arguments = ("-p", "no:nbval", *arguments)
        arguments = ("-p", "no:hypothesispytest", *arguments)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", *arguments],
            cwd=self.folder,
            env=environment | {"PYTHONPATH": str(self.folder)} | more,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


def branchcov(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in the current folder, as its users run it."""
    command = [sys.executable, "-m", "ipy_branchcov", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
