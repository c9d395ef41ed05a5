"""Tracers and oracle on real packages from PyPI, put to work by the programs in :mod:`tests.package_drivers`.

    python -m tests.packages [--packages NAME ...] [--tracer NAME ...] [--jobs N]

installs them into a folder of its own, without what is compiled, and runs each program in processes of its own:
plainly, under the oracle and under each tracer, every file of the package measured. What the program prints has to be
the same, and each outcome covered or missed alike. Exit status 1 where anything differs. Needs pip, and some minutes a
package.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from tests import package_drivers
from tests.library import Compared, covered_by_oracle, covered_by_tracer, described, outcomes_of, total, use_oracle

#: What is installed. Their own dependencies come with them.
PACKAGES = ("tomli", "mistune", "markdown", "jinja2", "sqlparse", "pyparsing", "lark", "docutils", "networkx", "sympy")
#: Wheels of these have compiled modules, which nothing can measure.
FROM_SOURCE = ("tomli",)
SECONDS = 3600


def install(names: Iterable[str], folder: Path) -> None:
    """Put packages into a folder, without what is compiled."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--target",
        str(folder),
        "--no-binary",
        ",".join(FROM_SOURCE),
    ]
    subprocess.run([*command, *names], check=True)


def child(name: str, way: str) -> dict[str, Any]:
    """Run a program in this process: ``plain``, ``oracle``, or under a tracer by its name."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None, f"{name} is not installed"
    paths = sorted(str(path) for path in Path(spec.origin).parent.rglob("*.py"))
    session = Session(RunOptions(tracer=way)) if way in tracers() else None
    if way == "oracle":
        use_oracle(paths)
    if session is not None:
        for path in paths:
            session.add_source(path)
        session.start(name)
    out = io.StringIO()
    with redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package_drivers.run(name)
    if session is not None:
        outcomes, note = covered_by_tracer(session.stop())
    else:
        outcomes, note = covered_by_oracle(), ""
    return {"printed": out.getvalue(), "outcomes": outcomes, "note": note}


def compare(name: str, names: Sequence[str], folder: Path) -> Compared:
    """One package under everything."""
    found = Compared(name)
    try:
        plain, oracle = process(name, "plain", folder), process(name, "oracle", folder)
        if plain["printed"] != oracle["printed"]:
            found.differences.append(f"{name}: the oracle changes what is printed")
        expected = outcomes_of(oracle)
        found.outcomes, found.decisions = len(expected), len({each[:2] for each in expected})
        for tracer in names:
            traced = process(name, tracer, folder)
            if traced["printed"] != plain["printed"]:
                found.differences.append(f"{name} {tracer}: what is printed is changed")
            if traced["note"]:
                found.notes.append(f"{name} {tracer}: {traced['note']}")
            found_here = outcomes_of(traced)
            found.differences += described(f"{name} {tracer}", expected, expected ^ found_here)
    except (subprocess.SubprocessError, ValueError) as error:
        found.differences.append(f"{name}: {error}")
    return found


def process(name: str, way: str, folder: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out.json"
        ended = subprocess.run(
            [sys.executable, "-m", "tests.packages", "--child", name, way, str(out)],
            capture_output=True,
            text=True,
            cwd=place,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": f"{Path(__file__).parents[1]}{os.pathsep}{folder}"},
            timeout=SECONDS,
            check=False,
        )
        if not out.exists():
            raise ValueError(f"{way}: no result (exit {ended.returncode}): {ended.stderr[-2000:]}")
        return dict(json.loads(out.read_text("utf-8")))


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare tracers with the oracle on real packages.")
    parser.add_argument("--packages", nargs="*", default=list(PACKAGES), choices=PACKAGES)
    parser.add_argument("--tracer", action="append", choices=list(tracers()))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--show", type=int, default=10, metavar="N", help="differences of a package to print")
    parser.add_argument("--child", nargs=3, metavar=("PACKAGE", "WAY", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, way, out = options.child
        Path(out).write_text(json.dumps(child(name, way)), "utf-8")
        return 0
    results = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        install(options.packages, Path(folder))
        names = options.tracer or list(tracers())
        for each in pool.map(lambda name: compare(name, names, Path(folder)), options.packages):
            results.append(each)
            print(f"{each.name}: {total([each])}", flush=True)
            for line in (*each.notes, *each.differences[: options.show]):
                print(line, flush=True)
    print(f"Python {platform.python_version()}: {total(results)}")
    return 1 if any(each.differences for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
