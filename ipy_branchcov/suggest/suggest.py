"""Calls that cover what was missed in a function: from its name to what is shown. The one entry of this room."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.branch import OTHER, Branch
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import UNPARSABLE, Source
from ipy_branchcov.model.span import Span
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.sources import SourceLocator
from ipy_branchcov.suggest.crosshair import CrossHair
from ipy_branchcov.suggest.defaults import defaults
from ipy_branchcov.suggest.describe import PLAIN_TYPES
from ipy_branchcov.suggest.guide import Guide
from ipy_branchcov.suggest.messages import Answer
from ipy_branchcov.suggest.pools import Pool, calls_in, literals
from ipy_branchcov.suggest.record import Place
from ipy_branchcov.suggest.runner import Generating, Runner
from ipy_branchcov.suggest.search import ANALYSIS, Generator, Limits, Search
from ipy_branchcov.suggest.shrink import fewest, shrunk
from ipy_branchcov.suggest.target import Arguments, Target, find
from ipy_branchcov.suggest.witness import Witness

#: Seconds for making what was found simpler, at most: so much of the search's own.
_SHRINKING = 0.5
#: Seconds of a call when it is verified.
_VERIFYING = 3.0


@dataclass(frozen=True)
class Suggestion:
    """A call and what it newly covers. ``error``: the name of the exception that it ended with, or ""."""

    code: str
    imports: tuple[str, ...]
    covers: tuple[tuple[Branch, str], ...]
    error: str = ""
    #: The names of the function's module with which its expressions begin.
    roots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suggestions:
    """What was found for a function. ``left``: missed outcomes for which nothing was found.

    ``refused``: by effect, the number of calls that were not suggested for it.
    """

    name: str
    source: Source
    found: tuple[Suggestion, ...]
    left: tuple[tuple[Branch, str], ...]
    calls: int
    late: int
    died: int
    refused: Mapping[str, int]
    seconds: float
    interrupted: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked. ``namespace``: where the function lies. ``locators``: as a session has them, for cells.

    ``coverage``: what was covered until now. ``seen``: calls that were seen. ``texts``: sources in which it may be
    called. ``only``: the one outcome that is wanted: its branch's place and kind in the source, and its name.
    """

    name: str
    namespace: Mapping[str, Any]
    source: Source
    coverage: Coverage
    options: RunOptions
    locators: tuple[SourceLocator, ...] = ()
    seen: Callable[[Target], Iterable[Arguments]] = lambda target: ()
    texts: tuple[Source, ...] = ()
    only: tuple[Span, str, str] | None = None


def suggest(
    question: Question,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] = lambda calls, found: None,
    *,
    crosshair: bool = False,
) -> Suggestions:
    """Look for calls; KeyboardInterrupt ends the search, and what was found is kept. Raises BranchcovError."""
    limits, began = limits or Limits(), time.monotonic()
    target = find(question.name, question.namespace)
    witness = Witness(question.source, question.locators, question.options)
    analysis = witness.analysis
    if analysis is None:
        raise UsageError(f"{question.name}: its source does not compile any more; run it again")
    search = _search(question, target, analysis, witness, limits, progress, crosshair=crosshair)
    verified, interrupted = _searched(search)
    found, covered = _told(verified, target, analysis)
    runner, branches = search.runner, analysis.decisions.map.branches
    was_other = {place[0] for _, answer in verified.values() for place in answer.covered if _is_other(branches, place)}
    left = sorted(
        (place for place in search.missed - covered if place[0] not in was_other),
        key=lambda place: (branches[place[0]].span.order, place[1]),
    )
    return Suggestions(
        question.name,
        question.source,
        found,
        tuple(_outcome(analysis, place) for place in left),
        runner.calls,
        runner.late,
        runner.died,
        dict(runner.refused),
        time.monotonic() - began,
        interrupted,
    )


def _search(
    question: Question,
    target: Target,
    analysis: Analysis,
    witness: Witness,
    limits: Limits,
    progress: Callable[[int, int], None],
    *,
    crosshair: bool,
) -> Search:
    """A search with all that it begins from."""
    missed, extra = missed_in(target, analysis, question), defaults(target)
    for kind in PLAIN_TYPES:
        target.names.of(kind)
    pool, random = Pool(), Random(0)
    literals(target, analysis.decisions.tree, pool, random)
    seeds = list(dict.fromkeys([*question.seen(target), *calls_in(target, _trees(question, analysis))]))
    runner = Runner(target, Guide(analysis.decisions, target.function.__code__.co_flags), witness)
    generating: list[Generator] = [Generating(target, seeds[:5])]
    if crosshair:
        generating.append(CrossHair(target, question.source, limits.seconds))
    return Search(target, analysis.decisions, missed, runner, generating, seeds, pool, extra, limits, progress, random)


def _searched(search: Search) -> tuple[dict[Arguments, tuple[frozenset[Place], Answer]], bool]:
    """The fewest and simplest calls of a search, each tried alone; and whether Ctrl-C ended it."""
    interrupted = False
    try:
        try:
            if search.missed:
                for each in search.generating:
                    each.start()
                search.run()
        except KeyboardInterrupt:
            interrupted = True
        for each in search.generating:
            each.close()
        chosen = fewest(search.records, search.odd)
        if not interrupted:
            with suppress(KeyboardInterrupt):
                chosen = _simplified(chosen, search, search.limits)
        return _verified(chosen, search), interrupted
    finally:
        for each in search.generating:
            each.close()
        search.runner.close()


def _trees(question: Question, analysis: Analysis) -> Iterable[Any]:
    yield analysis.decisions.tree
    for each in question.texts:
        with suppress(*UNPARSABLE):
            yield each.tree()


def lines_of(target: Target, analysis: Analysis) -> range:
    """The lines of a function in its source."""
    import ast

    first = target.function.__code__.co_firstlineno
    for node in ast.walk(analysis.decisions.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            begins = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
            if begins == first and node.end_lineno:
                return range(begins, node.end_lineno + 1)
    return range(first, max((line for _, _, line in target.function.__code__.co_lines() if line), default=first) + 1)


def missed_in(target: Target, analysis: Analysis, question: Question) -> frozenset[Place]:
    """The outcomes that are missed in the function's lines, by their numbers in the analysis."""
    above = question.source.within[1] if question.source.within else 0
    covered: set[tuple[Any, ...]] = set()
    for each in question.coverage:
        if each.source.digest in (question.source.digest, question.source.within and question.source.within[0].digest):
            for b in each.branches:
                was_other = any(o.covered and o.name == OTHER for o in b.outcomes)
                covered |= {(b.span, b.kind, o.name) for o in b.outcomes if o.covered or was_other}
    lines = lines_of(target, analysis)
    found = set()
    for number, branch in enumerate(analysis.decisions.map.branches):
        if branch.span.line not in lines:
            continue
        span = branch.span.moved(above) if above else branch.span
        for at, outcome in enumerate(branch.outcomes):
            key = (span, branch.kind, outcome.name)
            if outcome.missed and key not in covered and question.only in (None, key):
                found.add((number, at))
    return frozenset(found)


def _simplified(
    chosen: dict[Arguments, frozenset[Place]], search: Search, limits: Limits
) -> dict[Arguments, frozenset[Place]]:
    """The calls made simpler, and then again only those that are needed."""
    until = time.monotonic() + max(0.5, limits.seconds * _SHRINKING)
    for number, (call, wanted) in enumerate(chosen.items()):
        share = (until - time.monotonic()) / (len(chosen) - number)
        simple = shrunk(
            call,
            wanted,
            search.target,
            search.runner,
            search.odd,
            exact=bool(wanted & search.unseen),
            seconds=search.call_seconds + (ANALYSIS if wanted & search.unseen else 0),
            until=time.monotonic() + share,
        )
        if simple != call:
            search.exact(simple)
    return fewest(search.records, search.odd)


def _verified(
    chosen: dict[Arguments, frozenset[Place]], search: Search
) -> dict[Arguments, tuple[frozenset[Place], Answer]]:
    """What each call covers in a process in which no other call ran. What does not hold there is not shown."""
    found: dict[Arguments, tuple[frozenset[Place], Answer]] = {}
    done: frozenset[Place] = frozenset()
    waiting = sorted(chosen, key=search.odd)
    for call in waiting:
        answer = search.alone(call, _VERIFYING)
        new = (answer.covered & search.missed) - done
        if new:
            found[call] = (new, answer)
            done |= new
    wanted = frozenset().union(*search.records.values()) - done if search.records else frozenset()
    for call in sorted(search.records, key=search.odd):
        if call in chosen or not search.records[call] & wanted:
            continue
        answer = search.alone(call, _VERIFYING)
        new = answer.covered & search.missed & wanted
        if new:
            found[call] = (new, answer)
            wanted -= new
    return found


def _told(
    verified: dict[Arguments, tuple[frozenset[Place], Answer]], target: Target, analysis: Analysis
) -> tuple[tuple[Suggestion, ...], frozenset[Place]]:
    found, covered = [], frozenset[Place]()
    for call, (places, answer) in verified.items():
        ordered = sorted(places, key=lambda place: (analysis.decisions.map.branches[place[0]].span.order, place[1]))
        found.append(
            Suggestion(
                target.statement(call, lazy=answer.lazy),
                tuple(target.imports(call)),
                tuple(_outcome(analysis, place) for place in ordered),
                answer.error,
                tuple(sorted(target.roots(call))),
            )
        )
        covered |= places
    found.sort(key=lambda each: (len(each.code), each.code))
    return tuple(found), covered


def _is_other(branches: Sequence[Branch], place: Place) -> bool:
    """Whether a value was no bool: to be one is optional then."""
    return branches[place[0]].outcomes[place[1]].name == OTHER


def _outcome(analysis: Analysis, place: Place) -> tuple[Branch, str]:
    branch = analysis.decisions.map.branches[place[0]]
    return branch, branch.outcomes[place[1]].name
