"""What coverage.py and this project say differently about real packages, each run by its own tests.

    python -m tests.beside_coverage [--suites NAME ...] [--folder DIR]

fetches the source distributions, runs each suite under ``coverage run --branch`` and under ``branchcov run``, and
compares the two line by line: statements that never ran, and lines on which an outcome is missed. Each difference is of
a kind, which the syntax tree or the outcomes decide; one that is of none is printed, and the exit status is 1. Needs
pip and some minutes.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import coverage

from ipy_branchcov import load
from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.source_coverage import SourceCoverage
from tests.excluded_programs import HANDLERS, IN_LINE, NEXT_LINE, ONE_EXIT

ASSERTS = "coverage.py has no branches at asserts"
ONE_LINE = "the statement and its body share a line: coverage.py has no branch there"
OPTIONAL = "the outcome is optional in the model"
#: Kinds of branches whose outcomes can all lead to the same line.
_INSIDE = frozenset({"and", "or", "compare", "ifexp", "comp-if", "comp-for", "async-comp-for", "pattern", "guard"})


@dataclass(frozen=True)
class Suite:
    """``package``: the folder that is measured, below the distribution's. ``tests``: what pytest is given."""

    project: str
    package: str
    tests: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.project.partition("==")[0]


SUITES = (
    Suite("h11==0.16.0", "h11", ("h11",)),
    Suite("sqlparse==0.5.3", "sqlparse", ("tests",)),
    Suite("marshmallow==3.26.1", "src/marshmallow", ("tests",), ("simplejson", "packaging")),
)


@dataclass(frozen=True)
class File:
    """What both say of one file: the statements that never ran, and those that have a missed outcome."""

    ours: SourceCoverage
    missing: frozenset[int]
    partial: frozenset[int]

    def differences(self) -> Iterator[tuple[str, str]]:
        """Each difference, and its reason: "" where there is none."""
        starts = self.ours.source.statement_lines
        missed = {starts[line] for line in self.ours.missed_lines}
        at: dict[int, list[Branch]] = {}
        for branch in self.ours.branches:
            at.setdefault(starts[branch.span.line], []).append(branch)
        partial = {
            starts[branch.span.line] for branch in self.ours.missed if branch.span.line not in self.ours.missed_lines
        }
        for line in sorted(missed ^ self.missing):
            yield f"line {line}: missed by {'ours' if line in missed else 'coverage.py'}", ""
        for line in sorted((partial ^ self.partial) - missed - self.missing):
            if line in partial:
                yield f"line {line}: branch missed by ours", self._ours_alone(line, at[line])
            else:
                yield f"line {line}: branch missed by coverage.py", _theirs_alone(at.get(line, []))

    def _ours_alone(self, line: int, branches: Sequence[Branch]) -> str:
        kinds = {branch.kind for branch in branches if branch.missed}
        if kinds <= _INSIDE:
            return f"{IN_LINE} ({', '.join(sorted(kinds))})"
        if kinds <= _INSIDE | {"except", "except*"}:
            return HANDLERS
        if kinds <= _INSIDE | {"assert"}:
            return ASSERTS
        if any(outcome.excluded for branch in branches for outcome in branch.outcomes):
            return f"{ONE_EXIT}, or {NEXT_LINE}"
        return ONE_LINE if line in self._one_liners() else ""

    def _one_liners(self) -> set[int]:
        tree = ast.parse(self.ours.source.text or "")
        heads = (ast.If, ast.For, ast.While)
        return {
            each.lineno for each in ast.walk(tree) if isinstance(each, heads) and each.body[0].lineno == each.lineno
        }


def _theirs_alone(branches: Sequence[Branch]) -> str:
    optional = any(not o.required and not o.hits for branch in branches for o in branch.outcomes)
    return OPTIONAL if optional else ""


def fetch(suites: Sequence[Suite], folder: Path) -> None:
    """Download and unpack distributions, and install what their tests need."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    for suite in suites:
        if not (folder / suite.project.replace("==", "-")).exists():
            command = [*pip, "download", "--no-deps", "--no-binary", suite.name, "-d", str(folder), suite.project]
            subprocess.run(command, check=True)
            with tarfile.open(folder / f"{suite.project.replace('==', '-')}.tar.gz") as archive:
                archive.extractall(folder, filter="data")
    needs = sorted({need for suite in suites for need in suite.needs})
    if needs and not (folder / "needs").exists():
        subprocess.run([*pip, "install", "--target", str(folder / "needs"), *needs], check=True)


def run(suite: Suite, folder: Path, place: Path) -> dict[Path, File]:
    """Run a suite under both."""
    root = folder / suite.project.replace("==", "-")
    path = os.pathsep.join([str((root / suite.package).parent), str(folder / "needs"), str(root)])
    environment = {**os.environ, "PYTHONPATH": path, "COVERAGE_FILE": str(place / "theirs"), "PYTHONHASHSEED": "0"}
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:branchcov", *suite.tests]
    package, data = str(root / suite.package), str(place / "ours.json")
    for command in (
        ["coverage", "run", "--branch", "--rcfile=/dev/null", f"--source={package}", *pytest],
        ["ipy_branchcov", "run", "--source", package, "--json", data, *pytest],
    ):
        ended = subprocess.run(
            [sys.executable, "-m", *command], cwd=root, env=environment, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            failed = [line for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
            print(f"{suite.name}, {command[0]}: exit {ended.returncode}", *failed, ended.stderr[-600:], sep="\n")
    tool = coverage.Coverage(data_file=place / "theirs", config_file=False, branch=True)
    tool.load()
    found = {}
    for ours in load(data):
        file = root / ours.source.name
        if not file.is_relative_to(package):
            continue  # the suite's own configuration names more
        theirs = tool._analyze(str(file))
        missing = frozenset(theirs.missing)
        found[file] = File(ours, missing, frozenset(theirs.missing_branch_arcs()) - missing)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare with coverage.py on the test suites of real packages.")
    names = [suite.name for suite in SUITES]
    parser.add_argument("--suites", nargs="*", default=names, choices=names)
    parser.add_argument("--folder", type=Path, help="where distributions are kept")
    options = parser.parse_args()
    suites = [suite for suite in SUITES if suite.name in options.suites]
    unexplained = 0
    with TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        fetch(suites, folder)
        for suite in suites:
            kinds: Counter[str] = Counter()
            with TemporaryDirectory() as place:
                files = run(suite, folder, Path(place))
            for path, file in files.items():
                for difference, reason in file.differences():
                    kinds[reason] += 1
                    if not reason:
                        lines = path.read_text("utf-8").splitlines()
                        line = int(difference.split()[1].rstrip(":"))
                        print(f"{suite.name} {path.name} {difference}\n    {lines[line - 1].strip()}")
            unexplained += kinds.pop("", 0)
            counts = ", ".join(f"{count} times {reason}" for reason, count in kinds.most_common())
            print(f"Python {platform.python_version()}, {suite.name}: {len(files)} files; {counts or 'no difference'}")
    print(f"without a reason: {unexplained}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
