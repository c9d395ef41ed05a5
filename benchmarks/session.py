"""What a long session costs: memory and time a cell after 100, 1,000 and 2,000 measured cells, and 5,000 redefinitions.

``python benchmarks/session.py`` prints for cells of three kinds, each measured and plain (in a process each): the
memory of the process, the growth a cell, the CPU time a cell, and how long ``gc.collect()`` takes; and the memory after
``%branchcov_reset``.

``python benchmarks/session.py pairs`` runs new functions in two processes in turn, one measured and one plain, and
prints at each mark the ratio of the CPU times of ``gc.collect()``, and how many objects the collector looks at.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

MARKS = (100, 1_000, 2_000)
#: Source texts of the n-th cell.
KINDS: dict[str, Callable[[int], str]] = {
    "new functions": lambda n: f"def f{n}(x):\n    return 1 if x and x > {n} else 0\nf{n}({n}); f{n}(0)\n",
    "one function redefined": lambda n: f"def f(x):\n    return 1 if x and x > {n} else 0\nf({n}); f(0)\n",
    "one text": lambda n: "def f(x):\n    return 1 if x and x > 5 else 0\nf(7); f(0)\n",
}
#: One function is defined again so often.
REDEFINED = 5_000
_TIMED = 50


def resident() -> float:
    """Memory of this process in MB, after a collection."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def collection() -> float:
    """Milliseconds of one full collection: the best of five."""
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        gc.collect()
        times.append(time.perf_counter() - begun)
    return 1e3 * min(times)


def run(kind: str, first_line: str) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "ipy_branchcov")
    warnings.simplefilter("ignore")  # IPython keeps 1,000 values, and says so
    text, done, last, before = KINDS[kind], 0, 0, 0.0
    for mark in (20, *MARKS, *((REDEFINED,) if "redefined" in kind else ())):
        spent = 0.0
        while done < mark:
            begun = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):
                shell.run_cell(first_line + text(done), store_history=True)
            done += 1
            if done > mark - _TIMED:
                spent += time.process_time() - begun
        now = resident()
        if mark > 20:
            growth = 1e3 * (now - before) / (mark - last)
            print(
                f"{kind:<23} {'measured' if first_line else 'plain':<9} {mark:>6} {now:>7.1f} MB",
                f"{growth:>6.1f} kB {1e3 * spent / _TIMED:>7.2f} ms a cell   gc.collect() {collection():>6.1f} ms",
                flush=True,
            )
        before, last = now, mark
    if first_line:
        shell.run_cell("%branchcov_reset")
        print(f"{kind:<23} {'reset':<16} {resident():>7.1f} MB", flush=True)


def cells(first_line: str) -> None:
    """Run new functions up to each number that is read, and print the time of a cell; 0: the time of a collection."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "ipy_branchcov")
    warnings.simplefilter("ignore")
    done, text = 0, KINDS["new functions"]
    for mark in map(int, sys.stdin):
        begun = time.process_time()
        if not mark:
            gc.collect()
            print(1e3 * (time.process_time() - begun), flush=True)
            continue
        count = mark - done
        while done < mark:
            with contextlib.redirect_stdout(io.StringIO()):
                shell.run_cell(first_line + text(done), store_history=True)
            done += 1
        spent = 1e3 * (time.process_time() - begun) / count
        gc.collect(), gc.collect()
        print(spent, len(gc.get_objects()), flush=True)


def pairs() -> None:
    def ask(process: subprocess.Popen[str], number: int) -> list[float]:
        assert process.stdin is not None and process.stdout is not None
        print(number, file=process.stdin, flush=True)
        return [float(each) for each in process.stdout.readline().split()]

    with TemporaryDirectory() as folder:
        both = [
            subprocess.Popen(
                [sys.executable, __file__, "cells", first_line],
                env=os.environ | {"IPYTHONDIR": folder},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for first_line in ("", "%%branchcov -q\n")
        ]
        for mark in MARKS:
            for each in both:
                ask(each, mark - _TIMED)
            (plain, objects), (measured, more) = (ask(each, mark) for each in both)
            times = [[ask(each, 0)[0] for each in both] for _ in range(31)]
            ratio = statistics.median(ours / own for own, ours in times)
            own, ours = (min(each) for each in zip(*times, strict=True))
            print(
                f"{sys.version.split()[0]} {mark:>5} cells: {measured:.2f} ms a cell, plain {plain:.2f};",
                f"{more:.0f} objects, plain {objects:.0f} ({more / objects:.2f});",
                f"gc.collect() {ours:.1f} ms, plain {own:.1f}, ratio {ratio:.2f} (median of {len(times)} pairs)",
                flush=True,
            )
        for each in both:
            each.communicate()


def main() -> None:
    print(sys.version.split()[0], flush=True)
    for kind in KINDS:
        for first_line in ("", "%%branchcov -q\n"):
            with TemporaryDirectory() as folder:
                environment = os.environ | {"IPYTHONDIR": folder}
                subprocess.run([sys.executable, __file__, kind, first_line], env=environment, check=True)


if __name__ == "__main__":
    asked, *rest = sys.argv[1:] or ["all"]
    {"all": main, "pairs": pairs, "cells": cells}.get(asked, partial(run, asked))(*rest)
