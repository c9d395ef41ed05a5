"""Scripts that send work to an engine: run measured, and what they covered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(folder: Path, *words: str, **environment: str) -> tuple[str, Any]:
    """What ``branchcov run`` prints in a folder whose modules can be imported there, and its report as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "ipy_branchcov", "run", "--json=found.json", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((folder / "found.json").read_text())


def hits(report: Any) -> dict[str, int]:
    """Of each outcome that was covered, by its function and name."""
    return {
        f"{branch['function']} {outcome['name']}": outcome["hits"]
        for source in report["sources"]
        for branch in source["branches"]
        for outcome in branch["outcomes"]
        if outcome["hits"]
    }
