"""What a constant keeps from running is excluded, whole; every other outcome that is required can be covered."""

from __future__ import annotations

import ast
import builtins
import contextlib
import itertools
import random
import warnings

import pytest

from ipy_branchcov.analysis.decisions import decide
from ipy_branchcov.analysis.excluded import DEAD
from ipy_branchcov.model.branch import COMPOSITE
from ipy_branchcov.model.source import Source
from tests.oracle import NAME, Recorder, instrument

DEAD_PARTS = {
    "x = 1 or (a and b)": ["a", "b"],
    "x = 0 and a and None": ["a"],
    "x = a and 0 and (b or c)": ["b", "c"],
    "x = (a and None) and b": [],  # no branch: it follows what is false in any case
    "x = (a and 0 and b) and c and 1": ["b", "c"],
    "x = a if 1 else b and c": ["b", "c"],
    "x = (1 if a else b) if 0 else c": ["a"],
    "x = (1 or a) and (b or c)": ["a"],
    "x = (a or 1) and b": [],
    "if a and (b or 1): x": [],
    "if a or (1 or f(b and c)): x": ["b", "c"],
    "while a and b if 1 else c and d: x": ["c", "d"],
    "if a if 1 else b or c: x": ["b", "c"],
    "x = 0 and [b or c for c in a if b]": ["b", "b", "c", "c in a"],
    "x = [b or c for c in a if 0]": ["b", "c"],
    "x = [c for c in a if 0 if b for d in e]": ["b", "d in e"],
    "x = {b or 1: c and d for c in a if 0}": ["b", "c", "d"],
    "x = 1 or (lambda: a and b)": ["a", "b"],
    "x = 1 or (a < b < c)": ["a < b", "b < c"],
    "x = 0 or (a and b)": [],
}


@pytest.mark.parametrize("text", DEAD_PARTS)
def test_what_a_constant_keeps_from_running(text: str) -> None:
    branches = decide(Source("a.py", text, "file")).map.branches
    dead = [
        text[branch.span.column : branch.span.end_column]
        for branch in branches
        if not branch.composite and any(outcome.excluded for outcome in branch.outcomes)
    ]
    assert sorted(dead) == sorted(DEAD_PARTS[text])
    reasons = {(o.excluded, o.reason) for branch in branches for o in branch.outcomes if o.excluded}
    assert reasons <= {(True, DEAD), (True, COMPOSITE)}


FORMS = (
    "if {}: x = 1", "x = {}", "x = 1 if {} else 2", "while {}: break", "assert {}", "x = [1 for _ in (1,) if {}]",
    "x = not {}", "x = [{} for _ in (1,) if {}]",
)  # fmt: skip


def expression(chance: random.Random, depth: int, names: list[str]) -> str:
    """A random one of operators, conditional expressions and constants, in which each name stands once."""
    if not depth or chance.random() < 0.2:
        if chance.random() < 0.35:
            return chance.choice(("0", "1", "None", "(1, 2)"))
        names.append(f"v{len(names)}")
        return names[-1]
    one, two, three = (expression(chance, depth - 1, names) for _ in range(3))
    return chance.choice(
        (
            f"({one} and {two} and {three})", f"({one} or {two} or {three})", f"({one} and {two} or {three})",
            f"({one} if {two} else {three})", f"(not ({one} or {two} and {three}))",
        )
    )  # fmt: skip


def random_text(seed: int) -> tuple[str, list[str]]:
    chance, names = random.Random(seed), list[str]()
    form = chance.choice(FORMS)
    parts = [expression(chance, chance.choice((1, 1, 2)), names) for _ in range(form.count("{}"))]
    return form.format(*parts) + "\n", names


def possible(text: str, names: list[str]) -> set[tuple[str, tuple[int, ...], str]]:
    """The outcomes that some combination of values covers, by the oracle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code, places = instrument(text, "program.py", NAME)
    recorder = Recorder(places)
    setattr(builtins, NAME, recorder)
    wanted = [
        name for name in names if name in {each.id for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Name)}
    ]
    try:
        for values in itertools.product((False, True), repeat=len(wanted)):
            with contextlib.suppress(AssertionError):
                exec(code, dict(zip(wanted, values, strict=True)))
    finally:
        delattr(builtins, NAME)
    return {
        (place.kind, place.span, name) for place, hits in recorder.outcomes().items() for name in hits if hits[name]
    }


def test_required_outcomes_can_be_covered_and_excluded_ones_cannot() -> None:
    judged = excluded = 0
    for seed in range(250):
        text, names = random_text(seed)
        if len(names) > 8:
            continue
        can = possible(text, names)
        for branch in decide(Source("program.py", text, "file")).map.branches:
            for outcome in branch.outcomes:
                here = (branch.kind, tuple(branch.span), outcome.name) in can
                if outcome.excluded:
                    assert not here, f"excluded, and can be covered: {outcome.name} at {branch.span} of {text}"
                elif outcome.required:
                    assert here, f"required, and cannot be covered: {outcome.name} at {branch.span} of {text}"
                judged, excluded = judged + 1, excluded + outcome.excluded
    assert judged > 1000 and excluded > 50
