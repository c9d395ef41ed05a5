"""Evaluations and shown conditions agree with an oracle's, under every tracer.

    python -m tests.mcdc [--programs N] [--seed FIRST] [--files FILE ...]

runs random programs, dense with compound decisions, under the oracle and under each tracer with ``--mcdc``: one-shot,
counting, and late code. Compared are output and end, the hits of each outcome, the evaluations of each decision, the
conditions that they show; and what data of the same programs proves that was measured without ``--mcdc``: nothing that
never happened, and everything where the decision is a tree.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.decision_sites import decisions
from ipy_branchcov.model.decisions import Decision
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from tests import oracle_command
from tests.agreement import _differences, _ended, _first, _hits, ways
from tests.mcdc_oracle import MOST, shown, watch
from tests.mcdc_programs import program
from tests.oracle import with_recorder


@dataclass
class Result:
    """What one program gave. ``evaluations``: how many there were under the oracle; ``compared``: vectors compared."""

    name: str
    decisions: int = 0
    not_trees: int = 0
    evaluations: int = 0
    compared: int = 0
    differences: list[str] = field(default_factory=list)


Evaluations = dict[tuple[int, int, int, int], dict[str, bool]]


def compare(name: str, text: str, path: str) -> Result:
    """One program under everything."""
    warnings.simplefilter("ignore")
    result = Result(name)
    plain, _ = _ended(partial(exec, compile(text, path, "exec", dont_inherit=True)), path)
    code, recorder = watch(text, path)
    watched, _ = _ended(partial(with_recorder, recorder, code), path)
    gc.collect()
    if watched != plain:
        result.differences.append(f"{name}: the oracle changes the program\n{_first(plain, watched)}")
    expected = {
        each.span: recorder.evaluations[number]
        for number, each in enumerate(recorder.decisions)
        if recorder.whole[number]
    }
    proofs = {
        each.span: shown(each, recorder.evaluations[number]) if len(each.texts) <= MOST else None
        for number, each in enumerate(recorder.decisions)
    }
    result.decisions = sum(bool(found) for found in expected.values())
    result.evaluations = recorder.count
    hits = recorder.outcomes()
    for tracer, exact, instrumented in ways(tracers(), None):
        session = Session(RunOptions(counts=exact, mcdc=True, tracer=tracer.partition(" ")[0]))
        session.add_source(path)
        with session.measuring("mcdc") as measured:
            code = compile(text, path, "exec", dont_inherit=True)
            if instrumented:
                code = session.instrument(code)
            ended, _ = _ended(partial(exec, code), path)
        where = f"{name} {tracer}"
        if ended != plain:
            result.differences.append(f"{where}: the program is changed\n{_first(plain, ended)}")
        result.differences += _differences(where, text, hits, _hits(measured.coverage), counts=exact)
        found = {tuple(each.span): each for source in measured.coverage for each in source.decisions or ()}
        result.not_trees = sum(not each.logic.tree and bool(each.evaluations) for each in found.values())
        result.differences += _compared(where, text, expected, proofs, found)
        result.compared += sum(len(each.evaluations) for each in found.values())
        for source in measured.coverage:
            for each in source.decisions or ():
                each.self_check()
    result.differences += _old_data(name, text, path, expected)
    return result


def _compared(
    where: str, text: str, expected: Evaluations, proofs: dict[object, list[bool] | None], found: dict[object, Decision]
) -> Iterator[str]:
    lines = text.split("\n")
    for span in sorted(expected.keys() | found.keys()):
        ours = {each.vector: each.outcome for each in found[span].evaluations} if span in found else {}
        theirs = expected.get(span, {})
        line = lines[span[0] - 1].strip()
        if ours != theirs:
            yield f"{where}: {span}\n    {line}\n    oracle {theirs}\n    traced {ours}"
        elif theirs and proofs[span] is not None and list(found[span].shown) != proofs[span]:
            yield f"{where}: {span}\n    {line}\n    {ours}\n    oracle {proofs[span]}\n    shown {found[span].shown}"
        elif span in found and found[span].unproven:
            yield f"{where}: {span}\n    {line}\n    unproven: {found[span].unproven}"


def _old_data(name: str, text: str, path: str, expected: Evaluations) -> Iterator[str]:
    """What outcomes alone prove: for trees all, else nothing that was not there."""
    session = Session(RunOptions())
    session.add_source(path)
    with session.measuring("old") as measured:
        _ended(partial(exec, session.instrument(compile(text, path, "exec", dont_inherit=True))), path)
    for each in _derived(measured.coverage):
        ours = {one.vector: one.outcome for one in each.evaluations}
        theirs = expected.get(tuple(each.span), {})
        if not ours.items() <= theirs.items() or (ours != theirs and not each.unproven):
            yield f"{name} without --mcdc: {each.span} {each.logic}\n    oracle {theirs}\n    derived {ours}"


def _derived(coverage: Coverage) -> Iterator[Decision]:
    for source in coverage:
        branches = {branch.key: branch for branch in source.branches}
        for each in decisions(source.source, source.source.tree(), source.branches):
            yield each.observed(branches)


def _one(seed: int) -> Result:
    try:
        (result,) = oracle_command.random_programs([seed], program, compare)
    except Exception as error:
        return Result(f"program {seed}", differences=[f"program {seed}: {type(error).__name__}: {error}"])
    return result


def agree(seeds: Iterable[int], jobs: int | None = None) -> Iterable[Result]:
    """Random programs, on several processors."""
    with ProcessPoolExecutor(jobs or os.cpu_count(), get_context("spawn")) as pool:
        yield from pool.map(_one, seeds, chunksize=4)


def main() -> int:
    counts = {
        "decisions": "decisions",
        "not_trees": "of them no trees",
        "evaluations": "evaluations",
        "compared": "vectors compared",
    }
    return oracle_command.run("Compare MC/DC with the oracle.", agree, compare, counts)


if __name__ == "__main__":
    sys.exit(main())
