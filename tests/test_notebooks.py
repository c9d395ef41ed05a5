"""The notebooks that ship: their stored outputs are what they do on this Python, and they exercise what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


def test_the_notebooks_that_ship(tmp_path: Path) -> None:
    report = tmp_path / "branchcov.json"
    options = ["--nbval", "--branchcov=notebooks/durations.py", f"--branchcov-report=json:{report}"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    command += [*options, "notebooks"]
    if find_spec("distributed") is None:
        command.append("--ignore=notebooks/dask-workers.ipynb")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {each["name"]: each["totals"] for each in json.loads(report.read_text())["sources"]}
    assert {name.partition("#")[0] for name in found} >= {
        "notebooks/cheapest-way.ipynb",
        "notebooks/durations.ipynb",
        "notebooks/durations.py",
        "notebooks/tour.ipynb",
    }
    assert found["notebooks/durations.py"]["covered"] == found["notebooks/durations.py"]["outcomes"] > 30
    for name in ("binary-search.ipynb#search", "grades.ipynb#given", "roman.ipynb#code"):
        assert found[f"notebooks/{name}"]["covered"] == found[f"notebooks/{name}"]["outcomes"] >= 10
    way = found["notebooks/cheapest-way.ipynb#way"]
    assert (way["covered"], way["outcomes"]) == (14, 16)
    if find_spec("distributed") is not None:
        assert found["notebooks/dask-workers.ipynb#shipping"]["covered"] == 12
