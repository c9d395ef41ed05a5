"""A measured program measures a part of itself, by a session of its own: both results are right."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

pytestmark = pytest.mark.slow  # each case measures a program anew

TEXT = """\
def f(x):
    if x > 0 and x < 9:
        return 1 if x == 5 else 2
    return 3

def g(x):
    return [i for i in range(x) if i % 2]

def steps(n):
    while n:
        yield n
        n -= 1

def k(a, b, c):
    return 1 if (a or b) and c else 0
"""
LATER = """\
def h(x):
    return 1 if x else 2
"""
#: Line, column and kind of each branch.
Found = tuple[dict[tuple[int, int, str], list[int]], list[int]]


def found(coverage: Coverage, name: str = "nested.py") -> Found:
    (source,) = (each for each in coverage.sources if Path(each.source.name).name == name)
    hits = {(b.span.line, b.span.column, b.kind): [o.hits for o in b.outcomes] for b in source.branches}
    return hits, sorted(source.missed_lines)


def before(module: Any) -> Any:
    module.f(0), module.f(5), module.k(1, 0, 1)
    begun = module.steps(3)
    next(begun)
    return begun


def within(module: Any, begun: Any) -> None:
    module.f(5), module.f(10), module.g(3), module.k(0, 1, 0), next(begun)
    sys.modules.pop("later", None)
    __import__("later").h(1)


def after(module: Any, begun: Any) -> None:
    module.f(3), module.k(0, 0, 1), list(begun)
    sys.modules["later"].h(0)


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ModuleType]:
    """Imports the module again."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "nested.py").write_text(TEXT)
    (tmp_path / "later.py").write_text(LATER)
    monkeypatch.setitem(sys.modules, "nested", ModuleType("nested"))

    def load() -> ModuleType:
        del sys.modules["nested"]
        return __import__("nested")

    return load


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("follow", ["", "outer", "inner"])
@pytest.mark.parametrize("tracer", tracers())
def test_both_are_right(
    tracer: str, outer: bool, inner: bool, follow: str, fresh: Callable[[], ModuleType], tmp_path: Path
) -> None:
    def session(counts: bool, who: str = "outer") -> Session:
        source = (str(tmp_path),)
        return Session(RunOptions(source=source, counts=counts, tracer=tracer, values=False, mcdc=follow == who))

    with session(outer).measuring() as alone:
        module = fresh()
        begun = before(module)
        within(module, begun)
        after(module, begun)
    part = session(inner, "inner")
    with session(outer).measuring() as whole:
        module = fresh()
        begun = before(module)
        with part.measuring() as run:
            within(module, begun)
        after(module, begun)
    assert found(whole.coverage) == found(alone.coverage)
    assert found(whole.coverage, "later.py") == found(alone.coverage, "later.py") == ({(2, 16, "ifexp"): [1, 1]}, [])
    assert found(run.coverage, "later.py") == ({(2, 16, "ifexp"): [1, 0]}, [])
    hits, missed = found(run.coverage)
    counted = {
        (2, 7, "if"): [1, 1],
        (2, 7, "and"): [2, 0],
        (2, 17, "and"): [1, 1],
        (3, 20, "ifexp"): [1, 0],
        (7, 18, "comp-for"): [3, 1],
        (7, 35, "comp-if"): [1, 2],
        (10, 10, "while"): [1, 0],
        (15, 16, "ifexp"): [0, 1],
        (15, 17, "and"): [1, 0],
        (15, 17, "or"): [0, 1],
        (15, 22, "or"): [1, 0],
        (15, 29, "and"): [0, 1],
    }
    assert hits == (counted if inner else {place: [min(1, each) for each in row] for place, row in counted.items()})
    assert missed == [1, 6, 9, 14]


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("tracer", tracers())
def test_a_generator_that_another_run_began(
    tracer: str, counts: bool, fresh: Callable[[], ModuleType], tmp_path: Path
) -> None:
    source = (str(tmp_path / "nested.py"),)
    session = Session(RunOptions(source=source, counts=counts, tracer=tracer, values=False))
    with session.measuring():
        module = fresh()
        begun = before(module)
    with session.measuring() as run:
        next(begun)
    hits, missed = found(run.coverage)
    assert hits[10, 10, "while"] == [1, 0]
    assert missed == [1, 2, 3, 4, 6, 7, 9, 14, 15]  # line 10 and 11 ran again
