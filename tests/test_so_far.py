"""What a run has covered until now, while it goes on."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

TEXT = """\
def size(n):
    return "big" if n > 9 else "small"


def sizes(ns):
    for n in ns:
        yield size(n)


def both(a, b):
    return a and b


def never():
    return 1
"""


def loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("so_far_of", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hits(coverage: Coverage) -> dict[str, int]:
    """Of each outcome, by its line, kind and name."""
    (source,) = coverage.sources
    source.self_check()
    return {
        f"{each.span.line} {each.kind} {outcome.name}": outcome.hits or 0
        for each in source.branches
        for outcome in each.outcomes
        if outcome.hits
    }


@pytest.mark.parametrize("contexts", [False, True], ids=["first", "contexts"])
@pytest.mark.parametrize("counts", [False, True], ids=["one-shot", "counts"])
@pytest.mark.parametrize("tracer", tracers())
def test_what_there_is_until_now(tracer: str, counts: bool, contexts: bool, tmp_path: Path) -> None:
    path = tmp_path / "so_far_of.py"
    path.write_text(TEXT)
    options = RunOptions(tracer=tracer, counts=counts, contexts=contexts, source=(str(path),))
    session = Session(options, root=tmp_path)
    session.start("first")
    module = loaded(path)
    assert hits(session.so_far()) == {}
    module.size(3)
    module.size(4)
    expected = {"2 ifexp false": 2 if counts else 1}
    assert hits(session.so_far()) == hits(session.so_far()) == expected
    session.set_context("second")
    noted = session.noted()
    assert session.noted() == noted
    module.size(30)
    assert session.noted() != noted
    expected["2 ifexp true"] = 1
    assert hits(session.so_far()) == expected
    running = module.sizes([1])
    next(running)
    assert module.both(True, False) is False
    expected |= {"6 for body": 1, "11 and true": 1, "11 and false": 1}
    expected["2 ifexp false"] += counts
    found = session.so_far()
    assert hits(found) == expected
    missed = set(found.sources[0].missed_lines)
    coverage = session.stop()
    assert hits(coverage) == hits(found)
    assert set(coverage.sources[0].missed_lines) == missed == {15}
    if contexts:
        (branch,) = [each for each in found.sources[0].branches if each.span.line == 2]
        assert {outcome.name: set(outcome.contexts) for outcome in branch.outcomes} == {
            "true": {"second"},
            "false": {"first", "second"},
        }
    del running


def test_nothing_runs() -> None:
    session = Session()
    assert session.so_far() == Coverage()
    assert session.noted() == 0


@pytest.mark.parametrize("tracer", tracers())
def test_nothing_new_costs_no_look(tracer: str, tmp_path: Path) -> None:
    """Without counts the number stays where nothing is covered that was not covered before."""
    path = tmp_path / "so_far_of.py"
    path.write_text(TEXT)
    session = Session(RunOptions(tracer=tracer, source=(str(path),)), root=tmp_path)
    session.start("all")
    module = loaded(path)
    for _ in range(2):
        module.size(3)
        noted = session.noted()
        session.so_far()
    if tracer != "settrace":  # it counts always
        assert session.noted() == noted
        module.size(4)
        assert session.noted() == noted
    session.stop()
