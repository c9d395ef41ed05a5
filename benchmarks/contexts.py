"""What ``--branchcov-contexts`` adds to a test suite: CPU time of the whole process, as a multiple of the plain run.

    python benchmarks/contexts.py --rounds 5 FOLDER PACKAGE [pytest's arguments]

The runs are interleaved. Printed: the median ratio of each way to the plain run of the same round, and the range.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

WAYS = {"plain": [], "branchcov": ["--branchcov={}"], "contexts": ["--branchcov={}", "--branchcov-contexts"]}


def seconds(folder: Path, words: list[str]) -> float:
    """The CPU time of one run, with what its processes used."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *words]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": "."})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit status {process.returncode}")
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("folder", type=Path)
    parser.add_argument("package")
    parser.add_argument("words", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    ratios: dict[str, list[float]] = {name: [] for name in WAYS}
    plain: list[float] = []
    for _ in range(given.rounds):
        found = {
            name: seconds(given.folder, [*(each.format(given.package) for each in words), *given.words])
            for name, words in WAYS.items()
        }
        plain.append(found["plain"])
        for name, each in found.items():
            ratios[name].append(each / found["plain"])
        ratios.setdefault("contexts / branchcov", []).append(found["contexts"] / found["branchcov"])
    print(f"plain: {statistics.median(plain):.2f} s ({min(plain):.2f} to {max(plain):.2f})")
    for name, each in ratios.items():
        if name != "plain":
            print(f"{name}: {statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})")


if __name__ == "__main__":
    main()
