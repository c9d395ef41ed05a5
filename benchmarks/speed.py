"""What measuring costs: every workload under every tool and without any, interleaved, in one run.

    python benchmarks/speed.py [--pairs N] [--only NAME ...] [--tools NAME ...] [--json FILE [--picture FILE.svg]]

prints a table; ``--picture`` draws all JSON files of the folder of the one that is written, one for each Python. It
needs ``pip install pyperformance coverage slipcover tomli --no-binary tomli``. Workloads: pyperformance's pure-Python
ones, whose sources its wheel ships, and the adversarial loops beside this file. Each value is a fresh process that
runs the workload as a script under a tool's own command; the processor's seconds are taken inside, so that neither
start-up nor report counts, nor what else the machine does. As pyperf does, the first pass is taken apart: what tools do once, when code is new to
them, is told in milliseconds, and the ratio is that of the passes after it. A ratio is that of two neighbours: one
value with the tool, one without, in the same round. Printed are medians, and the spread of the middle half.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from picture import draw_folder

HERE = Path(__file__).parent
PYPERFORMANCE = (
    *("richards", "deltablue", "nqueens", "fannkuch", "nbody", "raytrace", "go", "hexiom", "pyflate", "chaos"),
    *("spectral_norm", "generators", "tomli_loads"),
)
ADVERSARIAL = ("one_sided_if", "one_sided_and_or", "tiny_while", "short_calls")
#: The processor's seconds that a value without any tool should take.
WORTH = 0.5


@dataclass(frozen=True)
class Workload:
    """A script that hands one function to a ``pyperf.Runner``; ``package``: what it is about, beside itself."""

    name: str
    script: Path
    package: Path | None = None


@dataclass
class Tool:
    """How a tool runs a script: its command and what it adds to the environment."""

    name: str
    command: Callable[[Workload, Path], list[str]]
    environment: dict[str, str] = field(default_factory=dict)


def workloads(only: Sequence[str]) -> list[Workload]:
    found = [Workload(name, HERE / "adversarial" / f"{name}.py") for name in ADVERSARIAL]
    spec = importlib.util.find_spec("pyperformance")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("pyperformance is missing: pip install pyperformance coverage slipcover tomli --no-binary tomli")
    folder = Path(spec.submodule_search_locations[0]) / "data-files" / "benchmarks"
    for name in PYPERFORMANCE:
        package = importlib.util.find_spec("tomli") if name == "tomli_loads" else None
        if name == "tomli_loads" and (package is None or list(Path(package.origin).parent.glob("*.so"))):
            print("tomli_loads is left out: tomli is not there in pure Python", file=sys.stderr)
            continue
        origin = Path(package.origin).parent if package else None
        found.append(Workload(name, folder / f"bm_{name}" / "run_benchmark.py", origin))
    return [each for each in found if not only or each.name in only]


def _branchcov(*options: str) -> Callable[[Workload, Path], list[str]]:
    def command(workload: Workload, place: Path) -> list[str]:
        sources = ["--source", str(workload.script), *(["--source", str(workload.package)] if workload.package else [])]
        report = ["--json", str(place / "branchcov.json")]
        return ["-m", "ipy_branchcov", "run", str(workload.script), *sources, *report, *options]

    return command


def _coverage(workload: Workload, place: Path) -> list[str]:
    include = ",".join([str(workload.script), *([f"{workload.package}/*"] if workload.package else [])])
    data = f"--data-file={place / 'coverage'}"
    options = ["--branch", "--rcfile=/dev/null", data, f"--include={include}"]
    return ["-m", "coverage", "run", *options, str(workload.script)]


def _slipcover(workload: Workload, place: Path) -> list[str]:
    source = str(workload.package or workload.script.parent)
    return ["-m", "slipcover", "--branch", "--source", source, "--out", str(place / "slipcover"), str(workload.script)]


def tools(names: Sequence[str]) -> list[Tool]:
    found = [Tool("branchcov", _branchcov()), Tool("branchcov --counts", _branchcov("--counts"))]
    found.append(Tool("coverage.py (C tracer)", _coverage, {"COVERAGE_CORE": "ctrace"}))
    if sys.version_info >= (3, 14):
        found.append(Tool("coverage.py (sys.monitoring)", _coverage, {"COVERAGE_CORE": "sysmon"}))
    if importlib.util.find_spec("slipcover"):
        found.append(Tool("SlipCover", _slipcover))
    else:
        print("SlipCover is left out: it is not there (it has no release for every Python)", file=sys.stderr)
    return [each for each in found if not names or each.name in names]


def seconds(command: list[str], environment: dict[str, str], loops: int, place: Path) -> tuple[float, float]:
    """One value: the workload's own seconds in a fresh process, its first pass and those after it."""
    result = place / "seconds"
    result.unlink(missing_ok=True)
    given = os.environ | {"PYTHONPATH": str(HERE / "stub"), "LOOPS": str(loops), "SECONDS_FILE": str(result)}
    done = subprocess.run(
        [sys.executable, *command], env=given | environment, cwd=place, capture_output=True, text=True, check=False
    )
    if not result.exists():
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    first, others = result.read_text().split()
    return float(first), float(others)


#: By workload and tool, one value a pair.
Results = dict[str, dict[str, list[float]]]


def compare(workload: Workload, every: Sequence[Tool], pairs: int, place: Path, ratios: Results, once: Results) -> None:
    """Ratios to the run without any tool, and the milliseconds that the first pass takes more."""
    plain = [str(workload.script)]
    loops = max(1, math.ceil(WORTH / seconds(plain, {}, 1, place)[1]))
    for results in (ratios, once):
        results[workload.name] = {tool.name: [] for tool in every}
    for _ in range(pairs):
        for tool in every:
            first, others = seconds(plain, {}, loops, place)
            under = seconds(tool.command(workload, place), tool.environment, loops, place)
            ratios[workload.name][tool.name].append(under[1] / others)
            once[workload.name][tool.name].append(1000 * (under[0] - first))


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, and the quartiles around it."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return median, low, high


def table(results: Results, once: Results) -> str:
    names = list(next(iter(results.values())))
    lines = ["| workload | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for workload, ratios in results.items():
        cells = ["{:.2f} ({:.2f}–{:.2f})".format(*middle(ratios[name])) for name in names]
        lines.append(f"| {workload} | " + " | ".join(cells) + " |")
    groups = (("pyperformance's", PYPERFORMANCE), ("adversarial", ADVERSARIAL), ("all", (*PYPERFORMANCE, *ADVERSARIAL)))
    for label, group in groups:
        members = [workload for workload in results if workload in group]
        if members:
            means = [statistics.geometric_mean(middle(results[w][name])[0] for w in members) for name in names]
            lines.append(f"| **geometric mean, {label}** | " + " | ".join(f"**{mean:.3f}**" for mean in means) + " |")
    worst = [max(middle(ratios[name])[0] for ratios in results.values()) for name in names]
    lines.append("| **worst** | " + " | ".join(f"**{each:.2f}**" for each in worst) + " |")
    added = [statistics.median(middle(values[name])[0] for values in once.values()) for name in names]
    lines.append("| first pass, ms more (median) | " + " | ".join(f"{each:.0f}" for each in added) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="What measuring costs, beside its peers.")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], metavar="WORKLOAD")
    parser.add_argument("--tools", nargs="*", default=[], metavar="TOOL")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    if options.picture and not options.json:
        parser.error("--picture draws JSON files: say where with --json")
    ratios: Results = {}
    once: Results = {}
    with TemporaryDirectory() as place:
        for workload in workloads(options.only):
            compare(workload, tools(options.tools), options.pairs, Path(place), ratios, once)
            found = {name: round(middle(each)[0], 2) for name, each in ratios[workload.name].items()}
            print(workload.name, found, file=sys.stderr)
    print(f"Python {platform.python_version()}, {options.pairs} pairs\n\n{table(ratios, once)}")
    if options.json:
        told = {"python": platform.python_version(), "pairs": options.pairs, "ratios": ratios, "first_pass_ms": once}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(told, indent=1) + "\n")
        if options.picture:
            draw_folder(options.json.parent, options.picture)


if __name__ == "__main__":
    main()
