"""What ``%%branchcov`` adds to a cell, in live kernels: the same cell with and without its first line, in turn.

    python benchmarks/cells.py [--pairs N]

Each has a kernel of its own, or every measured cell would also prepare what the plain one before it has defined.
Milliseconds from the request to the reply, and of the kernel's processor, medians; the cell's text is new every time,
as when one types.
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


def took(running: Kernel, cell: str) -> tuple[float, float]:
    """Milliseconds until the reply, and of the kernel's processor."""
    before = float(running.ask("__import__('time').process_time()"))
    start = time.perf_counter()
    shown = running.run(cell)
    waited = time.perf_counter() - start
    if shown.status != "ok":
        raise RuntimeError(shown.traceback)
    after = float(running.ask("__import__('time').process_time()"))
    return 1000 * waited, 1000 * (after - before)


def main() -> None:
    parser = argparse.ArgumentParser(description="What %%branchcov adds to a cell.")
    parser.add_argument("--pairs", type=int, default=30)
    pairs = parser.parse_args().pairs
    with kernel() as alone, kernel() as running:
        for each in (alone, running):
            each.run("%load_ext ipy_branchcov")
        for name, body in CELLS.items():
            found = []
            for number in range(pairs + 3):
                plain = took(alone, f"# cell {number}\n{body}")
                measured = took(running, f"%%branchcov\n# cell {number}\n{body}")
                found.append((*plain, *measured))
            waited, spent, waited_more, spent_more = zip(*found[3:], strict=True)
            line = [f"Python {platform.python_version()}, {name}:"]
            for plain, measured, what in ((waited, waited_more, "waited"), (spent, spent_more, "of the processor")):
                more = statistics.median(b - a for a, b in zip(plain, measured, strict=True))
                line.append(f"{statistics.median(plain):.1f} ms {what} plain, {more:.1f} more;")
            print(*line, f"median of {pairs} pairs")


if __name__ == "__main__":
    main()
