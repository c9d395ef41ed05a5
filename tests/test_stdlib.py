"""Files of this Python's standard library, analysed without running them: neither list has a silent rest.

Each conditional instruction is an outcome of the model or ignored for a named reason; each branch is found in the
code or reported why not. The test takes every fifth file; ``python -m tests.test_stdlib`` takes all, and exits with
status 1 where it finds a fault.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ipy_branchcov.analysis.branches import find_branches
from ipy_branchcov.analysis.unobservable import unobservable
from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.data.source_files import read_source
from tests.conftest import SUMMARY


def files() -> list[str]:
    """The files that compile; tests of the compiler's errors do not, and packages installed later are not its own."""
    root = Path(sysconfig.get_path("stdlib"))
    return sorted(
        str(path)
        for path in root.rglob("*.py")
        if path.is_file() and not {"site-packages", "dist-packages"} & set(path.parts)
    )


def walk(paths: list[str]) -> tuple[Counter[str], list[str]]:
    """Counts, and the faults: places in a file with what nobody explains."""
    counts: Counter[str] = Counter()
    faults: list[str] = []
    warnings.simplefilter("ignore")
    for path in paths:
        source = read_source(path, path)
        if source is None:
            counts["files that are no text"] += 1
            continue
        try:
            code = compile(source.text, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            counts["files that do not compile"] += 1
            continue
        analysis = find_branches(source, [code])
        counts["files"] += 1
        counts["branches"] += len(analysis.decisions.map.branches)
        for each in code_objects(code):
            code_map = analysis.of(each)
            counts["code objects"] += 1
            counts["conditional instructions"] += sum(one.conditional for one in code_map.bytecode.instructions)
            counts.update(f"ignored: {reason}" for reason in code_map.ignored.values())
            faults += [f"{path}: {each.co_qualname}: offset {offset}: unknown" for offset in code_map.unknown]
        for left in unobservable(analysis, [code]):
            counts[f"not found: {left.reason or 'unknown'}"] += 1
            if not left.reason:
                faults.append(f"{path}:{left.branch.span}: {left.branch.kind} {left.outcome.name}: not found")
    return counts, faults


def walk_all(every: list[str]) -> tuple[Counter[str], list[str]]:
    """The same on all processors."""
    size = 40
    parts = [every[i : i + size] for i in range(0, len(every), size)]
    counts: Counter[str] = Counter()
    faults: list[str] = []
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        for found, wrong in pool.map(walk, parts):
            counts += found
            faults += wrong
    return counts, faults


def described(counts: Counter[str]) -> Iterator[str]:
    yield from (f"{count:8,} {name}" for name, count in sorted(counts.items(), key=lambda item: (":" in item[0], item)))


@pytest.mark.slow
def test_the_standard_library_has_no_silent_rest(record_property: Callable[[str, object], None]) -> None:
    counts, faults = walk_all(files()[sys.version_info[1] % 5 :: 5])
    record_property(
        SUMMARY, ["every fifth file of the standard library:", *(f"  {line}" for line in described(counts))]
    )
    assert faults == []
    assert counts["files"] > 300 and counts["branches"] > 10_000


if __name__ == "__main__":
    found, wrong = walk_all(files())
    print(*described(found), *wrong, sep="\n")
    sys.exit(bool(wrong))
