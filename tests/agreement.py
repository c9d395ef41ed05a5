"""Tracers and oracle on the same programs: every outcome of every branch has the same hits, and nothing else changes.

    python -m tests.agreement [--programs N] [--odd] [--seed FIRST] [--tracer NAME] [--files FILE ...] [--jobs N]

runs N random programs (``--odd``: with odd truths and comparisons) or files plainly, under the oracle, and under each
tracer, and compares output, end, and hits. Exit status 1 where anything differs; each difference is printed with the
line it is about.
"""

from __future__ import annotations

import argparse
import gc
import io
import marshal
import os
import platform
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType
from typing import Any, NamedTuple

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from tests.mechanisms import unexpected
from tests.odd_programs import odd_program
from tests.oracle import Place, Recorder, instrument, with_recorder
from tests.programs import program

Hits = dict[Place, dict[str, int]]


@dataclass
class Result:
    """What one program gave. ``decisions``: branches of which an outcome was covered.

    ``reference``: the hits are those of settrace, as the oracle changes the program.
    """

    name: str
    decisions: int = 0
    outcomes: int = 0
    differences: list[str] = field(default_factory=list)
    reference: bool = False


class Way(NamedTuple):
    """One way to measure a program. ``instrumented``: its code is given to the tracer before it runs."""

    name: str
    tracer: str
    counts: bool
    instrumented: bool


class Plain:
    """A program and how it ends by itself: its output, its end, the places in its tracebacks."""

    def __init__(self, name: str, text: str, path: str):
        warnings.simplefilter("ignore")
        self.name, self.text, self.path = name, text, path
        # The compiler may use a constant in the syntax tree again; what was written and read is like an import.
        self._code = marshal.dumps(compile(text, path, "exec", dont_inherit=True))
        self.end, self.places = _ended(partial(exec, self.code()), path)

    def code(self) -> CodeType:
        """Code that has never run: that of another run may have been specialised."""
        code: CodeType = marshal.loads(self._code)
        return code

    def watched(self, run: Callable[[dict[str, Any]], None]) -> Iterator[str]:
        """Run it under an oracle; yields the difference if it ends otherwise."""
        end, _ = _ended(run, self.path)
        if end != self.end:
            yield f"{self.name}: the oracle changes the program\n{_first(self.end, end)}"

    def session(self) -> Session:
        """A session that measures it."""
        return Session(RunOptions(source=(self.path,)))

    def measured(self, session: Session, way: Way, *, mcdc: bool = False) -> tuple[Coverage, list[str]]:
        """Run it so; its coverage, and what is not as it was."""
        where = f"{self.name} {way.name}"
        session.start("agreement", RunOptions(source=(self.path,), counts=way.counts, tracer=way.tracer, mcdc=mcdc))
        try:
            code = self.code()
            if way.instrumented:
                code = session.instrument(code)
            end, places = _ended(partial(exec, code), self.path)
        finally:
            coverage = session.stop()
        differences = []
        if end != self.end:
            differences.append(f"{where}: the program is changed\n{_first(self.end, end)}")
        elif places != self.places:
            first = _first("\n".join(self.places), "\n".join(places))
            differences.append(f"{where}: a traceback is changed\n{first}")
        wrong = unexpected(session.mechanisms, way.tracer, counts=way.counts, late=not way.instrumented, follows=mcdc)
        return coverage, [*differences, *(f"{where}: {each}" for each in wrong)]


def compare(
    name: str, text: str, path: str, names: Iterable[str], *, counts: bool | None = None, odd: bool = False
) -> Result:
    """One program under everything.

    ``odd``: it counts its tests of truth. The compiler tests a value of two operators once or twice, differently by
    version, and the oracle once: where the two differ, tracers are compared with the plain program and with settrace.
    """
    result = Result(name)
    plain = Plain(name, text, path)
    expected, changed = watched(plain)
    gc.collect()  # what the oracle kept of the program is no part of what is measured
    if changed and odd:
        result.reference = True
        expected = found_in(plain.measured(plain.session(), Way("settrace", "settrace", True, False))[0])
    else:
        result.differences += changed
    result.decisions = sum(any(outcomes.values()) for outcomes in expected.values())
    result.outcomes = sum(bool(hits) for outcomes in expected.values() for hits in outcomes.values())
    for way, session in sessions(plain, list(ways(names, counts))):
        coverage, changed = plain.measured(session, way)
        result.differences += changed
        result.differences += differing(f"{name} {way.name}", text, expected, found_in(coverage), counts=way.counts)
    return result


def watched(plain: Plain) -> tuple[Hits, list[str]]:
    """A program under the oracle: its hits, and what that changed."""
    rewritten, places = instrument(plain.text, plain.path)
    recorder = Recorder(places)
    changed = list(plain.watched(partial(with_recorder, recorder, rewritten)))
    return recorder.outcomes(), changed


def ways(names: Iterable[str], counts: bool | None) -> Iterator[Way]:
    """Each tracer, with counts and without, on code that was given to it and on code that was not."""
    for name in names:
        if name == "settrace":
            yield Way(name, name, counts is not False, False)
            continue
        for exact in (True, False) if counts is None else (counts,):
            yield Way(f"{name} {'counting' if exact else 'once'}", name, exact, True)
        yield Way(f"{name} late", name, counts is not False, False)


def sessions(plain: Plain, every: list[Way]) -> Iterator[tuple[Way, Session]]:
    """The first way in a session of its own, which analyses the text; the others in one that reads what that has kept.

    (Where the interpreter writes no byte code, nothing is kept, and it analyses the text again.)
    """
    for i, way in enumerate(every):
        if i < 2:
            session = plain.session()
        yield way, session


def _ended(run: Callable[[dict[str, Any]], None], path: str) -> tuple[str, list[str]]:
    """Output and end of a program, and the places in its tracebacks.

    What it leaves to the garbage collector goes to the other stream.
    """
    out = io.StringIO()
    places: list[str] = []
    with redirect_stdout(out), redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names: dict[str, Any] = {"__name__": "__main__", "__file__": path, "where": partial(_where, path, places)}
        try:
            run(names)
            end = ""
        except BaseException as caught:
            end = f"{type(caught).__name__}: {caught}"
            _where(path, places, caught)
    # Random programs count what they draw, and the tests of odd truths, in their order.
    return f"{out.getvalue()}{end}\n{names.get('STATE')} {names.get('ASKED')} {names.get('ORDER')}", places


def _where(path: str, places: list[str], error: BaseException) -> None:
    """Note the line and columns of each frame of a program in a traceback, those of its contexts included."""
    raised: BaseException | None = error
    while raised is not None:
        places += [
            f"{type(raised).__name__} {each.name} {each.lineno} {each.end_lineno} {each.colno} {each.end_colno}"
            for each in traceback.TracebackException.from_exception(raised).stack
            if each.filename == path
        ]
        raised = raised.__context__


def _first(one: str, other: str) -> str:
    for a, b in zip(one.split("\n"), other.split("\n"), strict=False):
        if a != b:
            return f"    {a!r}\n    {b!r}"
    return f"    {len(one)} and {len(other)} characters"


def found_in(coverage: Coverage) -> Hits:
    """The hits of every outcome that was measured."""
    return {
        Place(branch.kind, tuple(branch.span), branch.function, branch.value): {o.name: o.hits for o in branch.outcomes}
        for source in coverage
        for branch in source.branches
    }


def differing(name: str, text: str, expected: Hits, found: Hits, *, counts: bool) -> list[str]:
    """The places with other outcomes than the oracle's."""
    lines = text.split("\n")
    differences = []
    for place in sorted(expected.keys() | found.keys(), key=lambda place: (place.span, place.kind)):
        ours, theirs = expected.get(place), found.get(place)
        if ours is not None and not counts:
            ours = {outcome: min(hits, 1) for outcome, hits in ours.items()}
        if ours != theirs:
            line = lines[place.span[0] - 1]
            differences.append(f"{name}: {place}\n    {line.strip()}\n    oracle {ours}\n    traced {theirs}")
    return differences


def _random(seed: int, names: list[str], write: Callable[[int], str]) -> Result:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"program_{seed}.py"
        path.write_text(write(seed), "utf-8")
        try:
            name, odd = f"program {seed}", write is odd_program
            return compare(name, path.read_text("utf-8"), str(path.resolve()), names, odd=odd)
        except Exception as error:
            return Result(f"program {seed}", differences=[f"program {seed}: {type(error).__name__}: {error}"])


def agree(
    seeds: Iterable[int], names: list[str], jobs: int | None = None, write: Callable[[int], str] = program
) -> Iterable[Result]:
    """Random programs, on several processors."""
    with ProcessPoolExecutor(jobs or os.cpu_count(), get_context("spawn")) as pool:
        yield from pool.map(partial(_random, names=names, write=write), seeds, chunksize=4)


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare tracers with the oracle.")
    parser.add_argument("--programs", type=int, default=60, metavar="N")
    parser.add_argument("--odd", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tracer", action="append", choices=list(tracers()))
    parser.add_argument("--files", nargs="*", type=Path, default=[])
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--show", type=int, default=10, metavar="N", help="differences to print")
    options = parser.parse_args()
    names = options.tracer or list(tracers())
    if options.files:
        results: Iterable[Result] = (
            compare(str(file), file.read_text("utf-8"), str(file.resolve()), names) for file in options.files
        )
    else:
        seeds = range(options.seed, options.seed + options.programs)
        results = agree(seeds, names, options.jobs, odd_program if options.odd else program)
    totals: Counter[str] = Counter()
    for result in results:
        totals.update(
            programs=1, decisions=result.decisions, outcomes=result.outcomes, differences=len(result.differences)
        )
        totals["programs that differ"] += bool(result.differences)
        totals["programs compared with settrace alone"] += result.reference
        for difference in result.differences[: max(0, options.show)]:
            print(difference)
            options.show -= 1
    differing = totals["programs that differ"]
    alone = ["programs compared with settrace alone"] if options.odd else []
    counts = ", ".join(
        f"{totals[name]:,} {name}" for name in ("programs", *alone, "decisions", "outcomes", "differences")
    )
    print(f"Python {platform.python_version()}, {', '.join(names)}: {counts} in {differing:,} programs")
    return 1 if totals["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
