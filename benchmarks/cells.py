"""What ``%%branchcov`` adds to a cell, in a live kernel: the same cell with and without its first line, in turn.

    python benchmarks/cells.py [--pairs N]

Milliseconds from the request to the reply, medians; the cell's text is new every time, as when one types.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.kernel import Kernel, kernel

TEN_LINES = """\
def collatz(n):
    steps = 0
    while n != 1 and steps < 1000:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps
longest = max(range(1, 30), key=collatz)
even = [n for n in range(20) if n % 2 == 0]
kind = "big" if longest > 20 or not even else "small"
(longest, kind)"""
CELLS = {"empty": "", "ten lines": TEN_LINES}


def took(running: Kernel, cell: str) -> float:
    start = time.perf_counter()
    shown = running.run(cell)
    if shown.status != "ok":
        raise RuntimeError(shown.traceback)
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description="What %%branchcov adds to a cell.")
    parser.add_argument("--pairs", type=int, default=30)
    pairs = parser.parse_args().pairs
    with kernel() as running:
        running.run("%load_ext ipy_branchcov")
        for name, body in CELLS.items():
            plain, measured = [], []
            for number in range(pairs + 3):
                plain.append(took(running, f"# plain {number}\n{body}"))
                measured.append(took(running, f"%%branchcov\n# measured {number}\n{body}"))
            added = statistics.median(b - a for a, b in zip(plain[3:], measured[3:], strict=True))
            print(
                f"Python {platform.python_version()}, {name}: {statistics.median(plain[3:]):.1f} ms plain, "
                f"{statistics.median(measured[3:]):.1f} ms measured, {added:.1f} ms more (median of {pairs} pairs)"
            )


if __name__ == "__main__":
    main()
