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
from typing import Any

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Run, Session
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


def compare(
    name: str, text: str, path: str, names: Iterable[str], *, counts: bool | None = None, odd: bool = False
) -> Result:
    """One program under everything.

    ``odd``: it counts its tests of truth. The compiler tests a value of two operators once or twice, differently by
    version, and the oracle once: where the two differ, tracers are compared with the plain program and with settrace.
    """
    warnings.simplefilter("ignore")
    result = Result(name)
    code = compile(text, path, "exec", dont_inherit=True)
    plain, plain_places = _ended(partial(exec, code), path)
    watched, expected = _watched(text, path)
    gc.collect()  # what the oracle kept of the program is no part of what is measured
    if watched != plain and odd:
        result.reference = True
        expected = _hits(_measured(text, path, "settrace", counts=True, instrumented=False)[0].coverage)
    elif watched != plain:
        result.differences.append(f"{name}: the oracle changes the program\n{_first(plain, watched)}")
    result.decisions = sum(any(outcomes.values()) for outcomes in expected.values())
    result.outcomes = sum(bool(hits) for outcomes in expected.values() for hits in outcomes.values())
    for tracer, exact, instrumented in ways(names, counts):
        run, session, (measured, measured_places) = _measured(
            text, path, tracer.partition(" ")[0], counts=exact, instrumented=instrumented
        )
        if measured != plain:
            result.differences.append(f"{name} {tracer}: the program is changed\n{_first(plain, measured)}")
        elif measured_places != plain_places:
            first = _first("\n".join(plain_places), "\n".join(measured_places))
            result.differences.append(f"{name} {tracer}: a traceback is changed\n{first}")
        wrong = unexpected(session.mechanisms, session.options.tracer, counts=exact, late=not instrumented)
        result.differences += [f"{name} {tracer}: {each}" for each in wrong]
        result.differences += _differences(f"{name} {tracer}", text, expected, _hits(run.coverage), counts=exact)
    return result


def _measured(
    text: str, path: str, tracer: str, *, counts: bool, instrumented: bool
) -> tuple[Run, Session, tuple[str, list[str]]]:
    """One program under a tracer: the run, and the program's end as :func:`_ended` returns it."""
    session = Session(RunOptions(counts=counts, tracer=tracer))
    session.add_source(path)
    with session.measuring("agreement") as run:
        # Compiled again: code that ran under another tracer may have been specialised.
        code = compile(text, path, "exec", dont_inherit=True)
        if instrumented:
            code = session.instrument(code)
        ended = _ended(partial(exec, code), path)
    return run, session, ended


def ways(names: Iterable[str], counts: bool | None) -> Iterator[tuple[str, bool, bool]]:
    """Each tracer, with counts and without, on code that was given to it and on code that was not."""
    for name in names:
        if name == "settrace":
            yield name, counts is not False, False
            continue
        for exact in (True, False) if counts is None else (counts,):
            kind = "counting" if exact else "once"
            yield f"{name} {kind}", exact, True
        yield f"{name} late", counts is not False, False


def _watched(text: str, path: str) -> tuple[str, Hits]:
    """Output and end of a program under the oracle, and what it saw."""
    rewritten, places = instrument(text, path)
    recorder = Recorder(places)
    ended, _ = _ended(partial(with_recorder, recorder, rewritten), path)
    return ended, recorder.outcomes()


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


def _hits(coverage: Coverage) -> Hits:
    return {
        Place(branch.kind, tuple(branch.span), branch.function, branch.value): {o.name: o.hits for o in branch.outcomes}
        for source in coverage
        for branch in source.branches
    }


def _differences(name: str, text: str, expected: Hits, found: Hits, *, counts: bool) -> list[str]:
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
