"""Every kind of process through every door: what came back, as a table in Markdown.

``python -m tests.processes [DOOR ...]`` runs it on this Python, in some minutes; without joblib where that is missing.
Each kind calls a function of its own in other processes, a known number of times, with one of two outcomes. A mark says
that exactly these calls came back, through the door of the column; numbers are what came back instead. Below stands
what was reported as lost.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat

KINDS = Path(__file__).with_name("process_kinds.py")
#: The kinds, and how often each calls its function.
CALLS = {name: int(count) for name, count in re.findall(r"^def (\w+)\(\).*# calls: (\d)$", KINDS.read_text(), re.M)}
if importlib.util.find_spec("joblib") is None:
    del CALLS["joblib_loky"]

Hits = dict[str, list[int]]
MEASURED = ("--branchcov=ways.py", "--branchcov-counts", "--branchcov-report=json:found.json", "-p", "no:cacheprovider")


def python(folder: Path, *arguments: str) -> str:
    """What a program printed that ended as it should."""
    with tempfile.TemporaryDirectory(prefix="b") as temporary:  # a short path: a fork server has a socket there
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder), "TMPDIR": temporary, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


def prepare(folder: Path) -> None:
    folder.joinpath("kinds.py").write_text(KINDS.read_text())
    folder.joinpath("ways.py").write_text("\n".join(f"def {name}(x):\n    return 1 if x else 2\n" for name in CALLS))
    every = f"import kinds\nfor name in {list(CALLS)}:\n    getattr(kinds, name)()\n"
    main = "if __name__ == '__main__':\n"
    indented = "".join(f"    {line}\n" for line in every.splitlines())
    folder.joinpath("script.py").write_text(main + indented)
    block = "import ipy_branchcov\nwith ipy_branchcov.measure('ways', counts=True) as run:\n"
    block += indented + "run.coverage.write(json='found.json')\n"
    folder.joinpath("block.py").write_text(main + "".join(f"    {line}\n" for line in block.splitlines()))
    folder.joinpath("test_kinds.py").write_text("".join(f"from kinds import {name} as test_{name}\n" for name in CALLS))
    folder.joinpath("pytest.ini").write_text("[pytest]\n")
    cells = [nbformat.v4.new_code_cell(f"import kinds\nkinds.{name}()", id=name[:60]) for name in CALLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "guide.ipynb")


def by_run(folder: Path, target: str = "script.py") -> str:
    options = ("--source", "ways.py", "--counts", "--json", "found.json")
    return python(folder, "-m", "ipy_branchcov", "run", *options, target)


def by_cells(folder: Path) -> str:
    """A live kernel that begins to measure at each cell."""
    from tests.kernel import kernel

    with kernel(PYTHONPATH=str(folder), PYTHONWARNINGS="ignore") as live:
        live.run(f"%cd -q {folder}\n%load_ext ipy_branchcov")
        printed = []
        for name in CALLS:
            shown = live.run(f"%%branchcov -q --counts --source ways\nimport kinds\nkinds.{name}()")
            printed.append(shown.stderr + shown.traceback)
        printed.append(live.run("%branchcov_report -q --json found.json").stderr)
    return "\n".join(printed)


DOORS: dict[str, Callable[[Path], str]] = {
    "branchcov run": by_run,
    "measure()": lambda folder: python(folder, "block.py"),
    "pytest": lambda folder: python(folder, "-m", "pytest", "-q", *MEASURED, "test_kinds.py"),
    "pytest -n 2": lambda folder: python(folder, "-m", "pytest", "-q", "-n", "2", *MEASURED, "test_kinds.py"),
    "nbval": lambda folder: python(folder, "-m", "pytest", "-q", "--nbval-lax", *MEASURED, "guide.ipynb"),
    "branchcov run x.ipynb": lambda folder: by_run(folder, "guide.ipynb"),
    "%%branchcov": by_cells,
}


def came_back(door: str) -> tuple[Hits, list[str]]:
    """The hits of each function through a door, and the lines about what was lost."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder)
        printed = DOORS[door](folder)
        data = json.loads(folder.joinpath("found.json").read_text())
    branches = next((each["branches"] for each in data["sources"] if each["name"].endswith("ways.py")), [])
    hits = {each["function"]: [outcome["hits"] for outcome in each["outcomes"]] for each in branches}
    return hits, [line for line in printed.splitlines() if "lost:" in line.lower() or "LOST" in line]


def main(doors: list[str]) -> int:
    """Print the table; return whether something is missing."""
    columns, lost = {}, []
    for door in doors:
        columns[door], lines = came_back(door)
        lost += [f"- {door}: {line}" for line in lines]
    print(f"| Python {sys.version.split()[0]} | {' | '.join(doors)} |\n|---{'|---' * len(doors)}|")
    wrong = 0
    for name, count in CALLS.items():
        row = ["✓" if hits.get(name) == [count, 0] else str(hits.get(name)) for hits in columns.values()]
        wrong += len(row) - row.count("✓")
        print(f"| {name.replace('_', ' ')} | {' | '.join(row)} |")
    print("\n".join(["", *lost]) if lost else "\nNothing was lost.")
    return 1 if wrong or lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(DOORS)))
