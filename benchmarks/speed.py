"""What measuring costs: every workload under every tool and without any, at the same time, in one run.

    python benchmarks/speed.py [--rounds N] [--only NAME ...] [--tools NAME ...] [--json FILE [--picture FILE.svg]]

prints a table; ``--picture`` draws all JSON files of the folder of the one that is written, one for each Python. It
needs ``pip install pyperformance coverage slipcover tomli --no-binary tomli``. Workloads: pyperformance's pure-Python
ones, whose sources its wheel ships, the adversarial loops beside this file, and others' code at work in a measured
script (numpy's and pandas', where they are there), which the means leave out.

Each value is a fresh process that runs the workload as a script under a tool's own command; the processor's seconds
are covered inside, so that neither start-up nor report counts. As pyperf does, the first pass is taken apart: what
tools do once, when code is new to them, is reported in milliseconds, and the ratio is that of the passes after it.

The processes of a round, one for each tool and one without, share one processor and start those passes together: the
scheduler runs them in turn, some milliseconds each. So what slows the machine down meets all of them alike, which
neighbours in time do not promise: where other people's work comes and goes, those differed by 30 %. A ratio is that of
a tool and the run without any in the same round. Printed are medians, and the spread of the middle half.
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
ADVERSARIAL = (
    "one_sided_if",
    "one_sided_and_or",
    "tiny_while",
    "short_calls",
    "returned_conditions",
    "returned_values",
    "mixed_decisions",
)
#: What runs in a measured script without being measured itself, and the package that it needs.
UNMEASURED = {"standard_library": "", "numpy_calls": "numpy", "pandas_groups": "pandas"}
#: The processor's seconds that a value without any tool should take.
WORTH = 0.25


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
    for name, needed in UNMEASURED.items():
        if needed and importlib.util.find_spec(needed) is None:
            print(f"{name} is left out: {needed} is not there", file=sys.stderr)
        else:
            found.append(Workload(name, HERE / "unmeasured" / f"{name}.py"))
    return [each for each in found if not only or each.name in only]


def _branchcov(*options: str) -> Callable[[Workload, Path], list[str]]:
    def command(workload: Workload, place: Path) -> list[str]:
        sources = ["--source", str(workload.script), *(["--source", str(workload.package)] if workload.package else [])]
        report = ["--json", str(place / "branchcov.json")]
        return ["-m", "ipy_branchcov", "run", *sources, *report, *options, str(workload.script)]

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
    found.append(Tool("branchcov --mcdc", _branchcov("--mcdc")))
    found.append(Tool("coverage.py (C tracer)", _coverage, {"COVERAGE_CORE": "ctrace"}))
    if sys.version_info >= (3, 14):
        found.append(Tool("coverage.py (sys.monitoring)", _coverage, {"COVERAGE_CORE": "sysmon"}))
    if importlib.util.find_spec("slipcover"):
        found.append(Tool("SlipCover", _slipcover))
    else:
        print("SlipCover is left out: it is not there (it has no release for every Python)", file=sys.stderr)
    return [each for each in found if not names or each.name in names]


@dataclass
class Process:
    """A workload's process, and the two ends of its pipes that are ours."""

    popen: subprocess.Popen[str]
    results: int
    go: int

    @classmethod
    def start(cls, command: list[str], environment: dict[str, str], loops: int, place: Path) -> Process:
        results, answers = os.pipe()
        waits, go = os.pipe()
        given = {"PYTHONPATH": str(HERE / "stub"), "LOOPS": str(loops), "RESULTS": str(answers), "GO": str(waits)}
        popen = subprocess.Popen(
            [sys.executable, *command],
            env=os.environ | given | environment,
            cwd=place,
            pass_fds=(answers, waits),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(answers)
        os.close(waits)
        return cls(popen, results, go)

    def hear(self) -> float:
        """The next seconds that it reports."""
        if line := os.read(self.results, 100):
            return float(line)
        raise RuntimeError(f"{' '.join(self.popen.args)}\n{self.popen.communicate()[1][-2000:]}")

    def end(self) -> None:
        os.close(self.go)
        self.popen.communicate()
        os.close(self.results)


def round_of(
    commands: Sequence[tuple[list[str], dict[str, str]]], loops: int, place: Path
) -> list[tuple[float, float]]:
    """The seconds of each first pass, one command after the other, and of the passes after it, all at once."""
    processes: list[Process] = []
    try:
        first = []
        for number, (command, environment) in enumerate(commands):
            folder = place / str(number)
            folder.mkdir(exist_ok=True)
            processes.append(Process.start(command, environment, loops, folder))
            first.append(processes[-1].hear())
        for process in processes:
            os.write(process.go, b"!")
        return list(zip(first, [process.hear() for process in processes], strict=True))
    finally:
        for process in processes:
            process.end()


#: By workload and tool, one value a round.
Results = dict[str, dict[str, list[float]]]


def compare(
    workload: Workload, every: Sequence[Tool], rounds: int, place: Path, ratios: Results, once: Results
) -> None:
    """Ratios to the run without any tool, and the milliseconds that the first pass takes more."""
    plain: tuple[list[str], dict[str, str]] = ([str(workload.script)], {})
    loops = max(1, math.ceil(WORTH / round_of([plain], 1, place)[0][1]))
    for results in (ratios, once):
        results[workload.name] = {tool.name: [] for tool in every}
    commands = [(tool.command(workload, place), tool.environment) for tool in every]
    for _ in range(rounds):
        (first, others), *under = round_of([plain, *commands], loops, place)
        for tool, (tools_first, tools_others) in zip(every, under, strict=True):
            ratios[workload.name][tool.name].append(tools_others / others)
            once[workload.name][tool.name].append(1000 * (tools_first - first))


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
    worst = [max((middle(results[w][name])[0] for w in results if w not in UNMEASURED), default=1) for name in names]
    lines.append("| **worst** | " + " | ".join(f"**{each:.2f}**" for each in worst) + " |")
    added = [statistics.median(middle(values[name])[0] for values in once.values()) for name in names]
    lines.append("| first pass, ms more (median) | " + " | ".join(f"{each:.0f}" for each in added) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="What measuring costs, beside its peers.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], metavar="WORKLOAD")
    parser.add_argument("--tools", nargs="*", default=[], metavar="TOOL")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    if options.picture and not options.json:
        parser.error("--picture draws JSON files: say where with --json")
    if hasattr(os, "sched_setaffinity"):  # one processor, which the processes inherit
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    ratios: Results = {}
    once: Results = {}
    with TemporaryDirectory() as place:
        for workload in workloads(options.only):
            compare(workload, tools(options.tools), options.rounds, Path(place), ratios, once)
            found = {name: round(middle(each)[0], 2) for name, each in ratios[workload.name].items()}
            print(workload.name, found, file=sys.stderr)
    print(f"Python {platform.python_version()}, {options.rounds} rounds\n\n{table(ratios, once)}")
    if options.json:
        measured = {name: values for name, values in ratios.items() if name not in UNMEASURED}
        unmeasured = {name: values for name, values in ratios.items() if name in UNMEASURED}
        figures = {"python": platform.python_version(), "rounds": options.rounds, "ratios": measured}
        figures |= {"unmeasured": unmeasured, "first_pass_ms": once}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
        if options.picture:
            draw_folder(options.json.parent, options.picture)


if __name__ == "__main__":
    main()
