"""What measuring a whole test suite costs: the processor's seconds of all of a run, from its start to its end.

    python benchmarks/suites.py [--rounds N] [--only SUITE ...] [--tools TOOL ...] [--folder DIR] [--json FILE]

fetches the source distributions of some projects, makes an environment for this Python, runs each project's own tests
plain and under every tool, in turn, and prints the ratios to the plain run of the same round: medians, the spread of
the middle half, and peak memory. All that is fetched stays in ``--folder``; a second run begins at once.

"cold" is a run that finds nothing kept from an earlier run, as in CI; the other one finds what such a run has kept.
Every run has the interpreter's own byte code, and each tool writes its report to the terminal.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
TOOLS = ("branchcov cold", "branchcov", "coverage.py", "SlipCover")
#: Where one of these fails in a suite, the others are compared.
PEERS = ("coverage.py", "SlipCover")
NEEDED = ("pytest>=8", "pytest-cov", "pytest-xdist", "nbval", "coverage")


@dataclass(frozen=True)
class Suite:
    """Tests and what they test. ``project``: a source distribution, "" for this project's own notebooks.

    ``package``: the folder that is measured, below ``path``, which is where it is imported from.
    """

    name: str
    project: str
    package: str
    tests: tuple[str, ...]
    path: str = "."
    needs: tuple[str, ...] = ()
    peers: bool = True

    @property
    def folder(self) -> str:
        return self.project.replace("==", "-")


SUITES = (
    Suite("h11", "h11==0.16.0", "h11", ("h11",)),
    Suite("h11 -n 2", "h11==0.16.0", "h11", ("h11", "-n", "2")),
    Suite("marshmallow", "marshmallow==4.4.0", "marshmallow", ("tests",), "src", ("simplejson",)),
    Suite("jinja2", "jinja2==3.1.6", "jinja2", ("tests",), "src", ("markupsafe", "trio")),
    Suite("tomlkit", "tomlkit==0.15.2", "tomlkit", ("tests",), ".", ("pyyaml",)),
    Suite(
        "httpx",
        "httpx==0.28.1",
        "httpx",
        ("tests/client", "tests/models", "tests/test_multipart.py", "-W", "ignore"),
        ".",
        ("httpcore==1.*", "certifi", "anyio", "idna", "trio", "trustme", "uvicorn", "chardet", "click", "rich"),
    ),
    Suite("click", "click==8.5.1", "click", ("tests",), "src"),
    Suite(
        "sympy (2 files)",
        "sympy==1.14.0",
        "sympy",
        ("sympy/core/tests/test_expr.py", "sympy/core/tests/test_arit.py"),
        ".",
        ("mpmath", "hypothesis"),
    ),
    Suite("notebooks", "", "durations", ("--nbval", "durations.ipynb"), ".", ("ipykernel",)),
)
ALWAYS = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly")


@dataclass(frozen=True)
class Place:
    """Where distributions and environments are kept."""

    folder: Path

    def root(self, suite: Suite) -> Path:
        return self.folder / suite.folder if suite.project else HERE / "notebooks"

    @property
    def python(self) -> Path:
        return self.folder / f"python-{platform.python_version()}" / "bin" / "python"

    def prepare(self, suites: Sequence[Suite]) -> None:
        """Fetch what is missing."""
        for suite in suites:
            if not self.root(suite).exists():
                command = ["download", "-q", "--no-deps", "--no-binary", suite.project.split("==")[0]]
                _pip(*command, "-d", str(self.folder), suite.project)
                with tarfile.open(next(self.folder.glob(f"{suite.folder}*.tar.gz"))) as archive:
                    archive.extractall(self.folder, filter="data")
        if not self.python.exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.python.parents[1]], check=True)
        needs = sorted({need for suite in suites for need in suite.needs})
        _pip("--python", str(self.python), "install", "-q", *NEEDED, *needs, "-e", f"{HERE}[run,pytest]")
        try:
            _pip("--python", str(self.python), "install", "-q", "slipcover")
        except subprocess.CalledProcessError:
            print("SlipCover is left out: it has no release for this Python", file=sys.stderr)

    def clear(self, suite: Suite) -> None:
        """Remove what our earlier runs have kept, and what pytest has of our own modules: not in a new environment."""
        kept = (self.root(suite) / suite.path).rglob("__pycache__/*.branchcov")
        rewritten = (HERE / "ipy_branchcov").rglob("__pycache__/*-pytest-*.pyc")
        for each in (*kept, *rewritten):
            each.unlink()


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], check=True)


def command(suite: Suite, tool: str, place: Place) -> list[str] | None:
    """The command that runs a suite under a tool; None where the tool cannot."""
    python, package = str(place.python), suite.package
    pytest = ["-m", "pytest", *ALWAYS, *suite.tests]
    if tool.startswith("branchcov"):
        return [python, *pytest, f"--branchcov={package}"]
    if tool == "coverage.py":
        return [python, *pytest, f"--cov={package}", "--cov-branch"]
    if tool == "SlipCover":
        missing = not list(place.python.parents[1].glob("lib/*/site-packages/slipcover"))
        if missing or "-n" in suite.tests or "--nbval" in suite.tests:
            return None  # it measures one process
        return [python, "-m", "slipcover", "--branch", "--source", str(Path(suite.path, package)), *pytest]
    return [python, *pytest]


def run(suite: Suite, tool: str, place: Place) -> tuple[float, float] | None:
    """Seconds of the processor, of all processes of a run, and the megabytes of the largest."""
    if (given := command(suite, tool, place)) is None:
        return None
    if tool == "branchcov cold":
        place.clear(suite)
    root = place.root(suite)
    plain = {key: each for key, each in os.environ.items() if not key.startswith(("PYTHON", "COV", "BRANCHCOV"))}
    environment = plain | {"PYTHONPATH": str(root / suite.path), "COVERAGE_FILE": str(place.folder / "coverage.data")}
    output = place.folder / "output.txt"
    with output.open("w") as stream:
        process = subprocess.Popen(given, cwd=root, env=environment, stdout=stream, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    text = output.read_text(errors="replace")
    if process.returncode not in (0, 1) or " passed" not in text:
        if tool in PEERS:
            print(f"{tool} cannot run {suite.name}: {text.strip().splitlines()[-1]}", file=sys.stderr)
            return None
        sys.exit(f"{' '.join(given)}\n{text[-3000:]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


#: By suite and tool: the seconds and the megabytes of each round.
Figures = dict[str, dict[str, list[tuple[float, float]]]]


def middle(values: Sequence[float]) -> str:
    """The median and the quartiles around it."""
    if len(values) < 2:
        return f"{values[0]:.2f}"
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{median:.2f} ({low:.2f}-{high:.2f})"


def table(figures: Figures, tools: Sequence[str]) -> str:
    lines = ["| suite | plain, s | " + " | ".join(tools) + " |", "|---" * (len(tools) + 2) + "|"]
    for suite, found in figures.items():
        plain = found["plain"]
        cells = []
        for tool in tools:
            ratios = [mine[0] / base[0] for mine, base in zip(found[tool], plain, strict=False)]
            larger = [mine[1] / base[1] for mine, base in zip(found[tool], plain, strict=False)]
            cells.append(f"{middle(ratios)}, {statistics.median(larger):.2f}x MB" if ratios else "-")
        seconds, memory = (statistics.median(each[i] for each in plain) for i in (0, 1))
        lines.append(f"| {suite} | {seconds:.2f}, {memory:.0f} MB | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="What measuring a whole test suite costs.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], metavar="SUITE")
    parser.add_argument("--tools", nargs="*", default=[], metavar="TOOL", help=", ".join(TOOLS))
    parser.add_argument("--folder", type=Path, default=HERE / ".cache" / "suites")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    suites = [each for each in SUITES if not options.only or each.name in options.only]
    tools = [each for each in TOOLS if not options.tools or each in options.tools]
    options.folder.mkdir(parents=True, exist_ok=True)
    place = Place(options.folder.resolve())
    place.prepare(suites)
    figures: Figures = {}
    for suite in suites:
        found = figures[suite.name] = {tool: [] for tool in ("plain", *tools)}
        run(suite, "plain", place)  # byte code, and the disk's cache
        if "branchcov" in tools and "branchcov cold" not in tools:
            run(suite, "branchcov", place)
        for _ in range(options.rounds):
            for tool, figures_of_tool in found.items():
                if (figure := run(suite, tool, place)) is not None:
                    figures_of_tool.append(figure)
        print(table({suite.name: found}, tools).splitlines()[-1], file=sys.stderr)
    when = time.strftime("%Y-%m-%d")
    print(f"Python {platform.python_version()}, {options.rounds} rounds, {when}\n\n{table(figures, tools)}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"python": platform.python_version(), "suites": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
