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
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.decision_sites import decisions
from ipy_branchcov.model.decisions import RAISING, Decision
from ipy_branchcov.tracing.choice import tracers
from tests import oracle_command
from tests.agreement import Plain, differing, found_in, sessions, ways
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


Span = tuple[int, int, int, int]
Evaluations = dict[Span, dict[str, bool]]
Found = dict[Span, Decision]


class Expected:
    """A program under the oracle: hits, evaluations by the span of their decision, and the conditions they show."""

    def __init__(self, plain: Plain):
        code, recorder = watch(plain.text, plain.path)
        self.differences = list(plain.watched(partial(with_recorder, recorder, code)))
        self.hits = recorder.outcomes()
        self.count = recorder.count
        numbered = list(enumerate(recorder.decisions))
        self.evaluations: Evaluations = {
            each.span: recorder.evaluations[number] for number, each in numbered if recorder.whole[number]
        }
        self.proofs = {
            each.span: shown(each, recorder.evaluations[number]) if len(each.texts) <= MOST else None
            for number, each in numbered
        }


def compare(name: str, text: str, path: str) -> Result:
    """One program under everything."""
    result = Result(name)
    plain = Plain(name, text, path)
    expected = Expected(plain)
    gc.collect()
    result.differences += expected.differences
    result.decisions = sum(map(bool, expected.evaluations.values()))
    result.evaluations = expected.count
    for way, session in sessions(plain, list(ways(tracers(), None))):
        where = f"{name} {way.name}"
        coverage, changed = plain.measured(session, way, mcdc=True)
        result.differences += changed
        result.differences += differing(where, text, expected.hits, found_in(coverage), counts=way.counts)
        found = evaluated(coverage)
        result.not_trees = sum(not each.logic.tree and bool(each.evaluations) for each in found.values())
        result.compared += sum(len(each.evaluations) for each in found.values())
        result.differences += wrong_evaluations(where, text, expected, found)
    coverage, _ = plain.measured(plain.session(), next(ways(tracers(), False)))
    result.differences += wrong_proofs(name, expected, coverage)
    return result


def evaluated(coverage: Coverage) -> Found:
    """The decisions of a run that followed them."""
    found = {tuple(each.span): each for source in coverage for each in source.decisions or ()}
    for each in found.values():
        each.self_check()
    return found


def wrong_evaluations(where: str, text: str, oracle: Expected, found: Found) -> Iterator[str]:
    """Where evaluations, or the conditions that they show, are others than the oracle's."""
    lines = text.split("\n")
    expected, proofs = oracle.evaluations, oracle.proofs
    for span in sorted(expected.keys() | found.keys()):
        ours = {each.vector: each.outcome for each in found[span].evaluations} if span in found else {}
        theirs = expected.get(span, {})
        line = lines[span[0] - 1].strip()
        if ours != theirs and not (ours.items() < theirs.items() and found[span].unproven == RAISING):
            yield f"{where}: {span}\n    {line}\n    oracle {theirs}\n    traced {ours}"
        elif theirs and ours == theirs and proofs[span] is not None and list(found[span].shown) != proofs[span]:
            yield f"{where}: {span}\n    {line}\n    {ours}\n    oracle {proofs[span]}\n    shown {found[span].shown}"
        elif span in found and found[span].unproven not in ("", RAISING):
            yield f"{where}: {span}\n    {line}\n    unproven: {found[span].unproven}"


def wrong_proofs(where: str, oracle: Expected, coverage: Coverage) -> Iterator[str]:
    """What outcomes alone do not prove: for trees all evaluations, else nothing that was not there."""
    for each in _derived(coverage):
        ours = {one.vector: one.outcome for one in each.evaluations}
        theirs = oracle.evaluations.get(tuple(each.span), {})
        if not ours.items() <= theirs.items() or (ours != theirs and not each.unproven):
            yield f"{where} without --mcdc: {each.span} {each.logic}\n    oracle {theirs}\n    derived {ours}"


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
