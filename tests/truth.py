"""Everything that has an oracle, compared on random programs: each runs once under each oracle, and under each tracer.

    python -m tests.truth [--programs N] [--seed FIRST] [--jobs N] [--minutes M] [--show N]

Compared are how a program ends with its output and tracebacks, the outcomes of its branches with exact counts, the
outcomes of values, the lines and the parts of lines that never ran, the evaluations of decisions, and what leads only
to excluded code or only a failing assert has. By its seed a program has suites on the lines of heads and line breaks
anywhere, and another tracer comes first, which analyses the text; the next ones read what that has kept. One in four is
measured with ``--mcdc``, and as many programs dense with compound decisions besides.

One line a kind says how much was compared. With ``--minutes`` it ends after that time and names the seed to go on with.
Exit status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.tracing.choice import tracers
from tests import excluded, lines, mcdc, mcdc_programs, parts, programs
from tests.agreement import Hits, Plain, differing, found_in, sessions, ways
from tests.line_oracle import Lines, spread
from tests.part_oracle import Parts, joined

#: Of each kind what is counted.
KINDS = {
    "runs": "runs with the same output, end and tracebacks, measured by the right mechanism",
    "outcomes": "outcomes, with counts",
    "values": "outcomes of values",
    "lines": "lines that never ran",
    "parts": "parts of lines, run or never",
    "evaluations": "vectors of decisions",
    "exclusions": "outcomes that lead only to excluded code, or that only a failing assert has",
}
#: One program in so many is measured with ``--mcdc``, and so many are followed by one of compound decisions.
_FOLLOWED = 4


@dataclass
class Compared:
    """What some programs gave: of each kind how much was compared, and the differences."""

    programs: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    differences: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def add(self, kind: str, count: int, differences: Iterable[str]) -> None:
        self.counts[kind] += count
        self.differences[kind] += differences

    def __iadd__(self, other: Compared) -> Compared:
        self.programs += other.programs
        for kind in KINDS:
            self.add(kind, other.counts[kind], other.differences[kind])
        return self

    @property
    def differ(self) -> int:
        return sum(map(len, self.differences.values()))


class Oracles:
    """A program under all oracles."""

    def __init__(self, plain: Plain):
        self.plain = plain
        self.mcdc = mcdc.Expected(plain)
        self.lines: Lines
        self.parts: Parts
        self.lines, by_lines = lines.watched(plain)
        self.parts, by_parts = parts.watched(plain)
        self.changed = [*self.mcdc.differences, *by_lines, *by_parts]

    def compare(self, into: Compared, where: str, coverage: Coverage, *, counts: bool, followed: bool) -> None:
        """Compare one run with them. ``followed``: its decisions were."""
        text = self.plain.text
        (source,) = coverage.sources
        found = found_in(coverage)
        for kind, value in (("outcomes", False), ("values", True)):
            theirs = _of_kind(self.mcdc.hits, value=value)
            wrong = differing(where, text, theirs, _of_kind(found, value=value), counts=counts)
            into.add(kind, sum(map(len, theirs.values())), wrong)
        into.add("lines", len(self.lines.missed()), lines.wrong_lines(where, text, self.lines, source))
        wrong = list(parts.wrong_parts(where, text, self.parts, source, self.lines.missed() | self.lines.unknown))
        into.add("parts", len(self.parts.ran) - len(self.parts.unknown), wrong)
        if followed:
            decisions = mcdc.evaluated(coverage)
            vectors = sum(len(each.evaluations) for each in decisions.values())
            into.add("evaluations", vectors, mcdc.wrong_evaluations(where, text, self.mcdc, decisions))

    def compare_derived(self, into: Compared, where: str, coverage: Coverage) -> None:
        """Compare what follows from outcomes, the same in all runs: what they prove, and the lines of LCOV."""
        into.add("lines", 0, lines.wrong_hits(where, coverage.sources[0]))
        vectors = sum(map(len, self.mcdc.evaluations.values()))
        into.add("evaluations", vectors, mcdc.wrong_proofs(where, self.mcdc, coverage))


def _of_kind(hits: Hits, *, value: bool) -> Hits:
    return {place: outcomes for place, outcomes in hits.items() if place.value is value}


def compare(name: str, text: str, path: str, *, seed: int = 0, followed: bool = True) -> Compared:
    """One program under everything. ``seed``: decides which tracer comes first. ``followed``: decisions are."""
    found = Compared(1)
    plain = Plain(name, text, path)
    oracles = Oracles(plain)
    found.add("runs", 3, oracles.changed)
    found.add("exclusions", *excluded.compare(excluded.with_pragmas(text, seed), name))
    found.add("exclusions", *excluded.compare_asserts(text, name))
    gc.collect()  # what the oracles kept of the program is no part of what is measured
    every = list(ways(tracers(), None))
    first = seed % len(every)
    for way, session in sessions(plain, every[first:] + every[:first]):
        coverage, changed = plain.measured(session, way, mcdc=followed)
        found.add("runs", 1, changed)
        oracles.compare(found, f"{name} {way.name}", coverage, counts=way.counts, followed=followed)
        gc.collect()  # functions that are still there would be instrumented again
    oracles.compare_derived(found, name, coverage)
    return found


def random_text(seed: int) -> str:
    """The random program of a seed: every second one with suites on the lines of heads, or with line breaks."""
    text = programs.program(seed)
    text = joined(text, seed) if seed % 2 else text
    return spread(text, seed) if seed // 2 % 2 else text


def of_seed(seed: int) -> Compared:
    """The random program of a seed; with every fourth also one of compound decisions, whose decisions are followed."""
    found = Compared()
    for text, followed in _texts(seed):
        name = f"program {seed}{' (compound decisions)' if followed else ''}"
        try:
            with TemporaryDirectory() as folder:
                path = Path(folder).resolve() / f"program_{seed}.py"
                path.write_text(text, "utf-8")
                found += compare(name, text, str(path), seed=seed, followed=followed)
        except Exception as error:
            found.add("runs", 1, [f"{name}: {type(error).__name__}: {error}"])
    return found


def _texts(seed: int) -> Iterator[tuple[str, bool]]:
    yield random_text(seed), seed % _FOLLOWED == 1
    if seed % _FOLLOWED == 0:
        yield mcdc_programs.program(seed // _FOLLOWED), True


# --- many programs


def _prepare() -> None:
    """In a process for many programs: analyses are kept beside programs, and collections see nothing but these."""
    warnings.simplefilter("ignore")
    sys.dont_write_bytecode, sys.pycache_prefix = False, None
    gc.collect()
    gc.freeze()


def of_seeds(seeds: Iterable[int], jobs: int | None = None, until: float = float("inf")) -> Iterator[Compared]:
    """Random programs on several processors, in the order of their seeds. Begins none after a time (monotonic)."""
    jobs = jobs or os.cpu_count() or 1
    waiting: deque[tuple[int, Future[Compared]]] = deque()
    with ProcessPoolExecutor(jobs, get_context("spawn"), _prepare) as pool:
        rest = iter(seeds)
        while True:
            while len(waiting) < 2 * jobs and time.monotonic() < until and (seed := next(rest, None)) is not None:
                waiting.append((seed, pool.submit(of_seed, seed)))
            if not waiting:
                return
            seed, future = waiting.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:
                lost = Compared(1)
                lost.add("runs", 1, [f"program {seed}, or one of the next {2 * jobs}: the process died"])
                yield lost
                return


def report(total: Compared) -> Iterator[str]:
    """One line a kind."""
    for kind, words in KINDS.items():
        yield f"{kind:12} {total.counts[kind]:12,} compared, {len(total.differences[kind]):3,} differences ({words})"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare everything with its oracle, on random programs.")
    parser.add_argument("--programs", type=int, default=60, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="FIRST")
    parser.add_argument("--jobs", type=int, metavar="N")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="begin no program after that")
    parser.add_argument("--show", type=int, default=3, metavar="N", help="differences to print of each program")
    options = parser.parse_args()
    total, done, began = Compared(), 0, time.monotonic()
    seeds = range(options.seed, options.seed + options.programs)
    for each in of_seeds(seeds, options.jobs, began + 60 * options.minutes):
        total += each
        done += 1
        for differences in each.differences.values():
            print(*differences[: options.show], sep="\n", end="\n" if differences else "", flush=True)
    print(*report(total), sep="\n")
    version, seconds = platform.python_version(), time.monotonic() - began
    last = f"seeds {options.seed} to {options.seed + done - 1}" if done else "no seeds"
    rest = f"; go on with --seed {options.seed + done}" if done < options.programs else ""
    print(f"Python {version}: {total.programs:,} programs, {last}, {total.differ:,} differences, {seconds:.0f} s{rest}")
    return 1 if total.differ else 0


if __name__ == "__main__":
    sys.exit(main())
