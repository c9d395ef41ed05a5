"""Code that comes between two runs is measured in the second, by every door it comes through."""

from __future__ import annotations

import functools
import gc
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from ipy_branchcov.tracing.tracer import Mechanism

SIGN = """\
def sign(x):
    return "+" if x > 0 else "-"


def signs(xs):
    for x in xs:
        yield sign(x)


class Signs:
    def of(self, x):
        return "+" if x > 0 else "-"


def make():
    def made(x):
        return "+" if x > 0 else "-"
    return made
"""
IFEXPS = [2, 12, 17]
every_tracer = pytest.mark.parametrize("tracer", tracers())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "signs_of.py"
    path.write_text(SIGN)
    return path


@pytest.fixture
def session(path: Path, tracer: str) -> Iterator[Session]:
    """One that has measured a run in which there was nothing yet."""
    session = Session(RunOptions(tracer=tracer))
    session.add_source(str(path))
    with session.measuring("before"):
        pass
    yield session
    session.close()


def come(path: Path) -> dict[str, Any]:
    """The program's names. It runs unmeasured."""
    names: dict[str, Any] = {"__name__": "signs_of"}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names


def positive(session: Session, call: Callable[[], object]) -> list[int]:
    """Lines of the conditional expressions of which a run takes the first outcome, and no other."""
    with session.measuring("test") as run:
        call()
    (source,) = run.coverage
    branches = [branch for branch in source.branches if branch.kind == "ifexp"]
    assert [branch.span.line for branch in branches] == IFEXPS
    assert not any(branch["false"].hits for branch in branches)
    return [branch.span.line for branch in branches if branch["true"].hits]


@every_tracer
@pytest.mark.parametrize("collected", [False, True])
def test_functions_of_executed_code(path: Path, tracer: str, collected: bool) -> None:
    """``collected``: the collector has moved them to where all other objects are."""
    session = Session(RunOptions(tracer=tracer))
    session.add_source(str(path))
    code = compile(path.read_text() + ("import gc; gc.collect()\n" if collected else ""), str(path), "exec")
    names: dict[str, Any] = {"__name__": "signs_of"}
    with session.measuring() as run:
        exec(code, names)
        names["sign"](1)
        names["make"]()(1)
        next(names["signs"]([1]))
    hits = {
        branch.span.line: branch["true"].hits for branch in run.coverage.sources[0].branches if branch.kind == "ifexp"
    }
    assert hits == {2: 1, 12: 0, 17: 1}
    if tracer == "probes":
        assert ("sign", Mechanism.PROBES) in session.mechanisms
    session.close()


@every_tracer
def test_an_old_function_that_executed_code_gives_its_own(path: Path, tracer: str) -> None:
    def old(x: int) -> str:
        return str(x)

    session = Session(RunOptions(tracer=tracer))
    session.add_source(str(path))
    gc.collect()
    with session.measuring() as run:
        exec(compile(path.read_text() + "old.__code__ = sign.__code__\n", str(path), "exec"), {"old": old})
        assert old(1) == "+"
    (branch, *_) = run.coverage.sources[0].branches
    assert (branch["true"].hits, branch["false"].hits) == (1, 0)
    session.close()


@every_tracer
def test_a_function_that_comes_after_executed_code_has_ended(path: Path, tracer: str) -> None:
    """As picklers make it: no search finds its code before it runs."""
    session = Session(RunOptions(tracer=tracer))
    session.add_source(str(path))
    with session.measuring() as run:
        come(path)
        again = compile(path.read_text(), str(path), "exec")
        sign = next(each for each in again.co_consts if isinstance(each, types.CodeType) and each.co_name == "sign")
        assert types.FunctionType(sign, {})(1) == "+"
    (branch, *_) = run.coverage.sources[0].branches
    assert (branch["true"].hits, branch["false"].hits) == (1, 0)
    session.close()


@every_tracer
def test_functions_methods_and_what_they_make(session: Session, path: Path, tracer: str) -> None:
    names = come(path)
    made = names["make"]()
    assert positive(session, lambda: (names["sign"](1), names["Signs"]().of(1), made(1))) == IFEXPS
    assert positive(session, lambda: names["make"]()(1)) == [17]


@every_tracer
@pytest.mark.parametrize("hidden", [True, False])
def test_in_the_main_module_and_hidden_from_it(
    session: Session, path: Path, tracer: str, hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(compile(path.read_text(), str(path), "exec"), vars(main))
    if hidden:  # one function known by name, and another of the same code that is not
        main.__dict__["kept"] = [functools.lru_cache(each) for each in (main.make(), main.make())]
        main.__dict__["made"] = main.kept[0].__wrapped__
        assert positive(session, lambda: main.kept[1](1)) == [17]
    else:
        assert positive(session, lambda: (main.sign(1), main.Signs().of(1))) == [2, 12]


@every_tracer
def test_suspended(session: Session, path: Path, tracer: str) -> None:
    names = come(path)
    begun = names["signs"]([-1, 1, 2])
    next(begun)
    assert positive(session, lambda: list(begun)) == [2]
    assert positive(session, lambda: list(names["signs"]([1]))) == [2]


@every_tracer
def test_made_of_code_that_was_kept(session: Session, path: Path, tracer: str) -> None:
    names = come(path)
    code = names["sign"].__code__
    assert positive(session, lambda: names["sign"](1)) == [2]
    again = types.FunctionType(code, names)
    assert positive(session, lambda: again(1)) == [2]

    def other(x: int) -> str:
        return ""

    other.__code__ = code
    assert positive(session, lambda: other(1)) == [2]  # type: ignore[arg-type]


@every_tracer
def test_made_by_a_frame_that_ran_when_the_run_began(session: Session, path: Path, tracer: str) -> None:
    path.write_text(
        "def go(between):\n    between()\n    def late(x):\n        return 1 if x else 2\n    return late\n"
    )
    names = come(path)
    late = names["go"](lambda: session.start("in the middle"))
    session.stop()
    with session.measuring("test") as run:
        late(1)
    (branch,) = run.coverage.sources[0].branches
    assert branch["true"].hits and not branch["false"].hits


@every_tracer
def test_much_code(session: Session, path: Path, tracer: str) -> None:
    for number in range(100):
        exec(f"n = {number}")
    names = come(path)
    for number in range(100):
        exec(f"n = {number}")
    assert positive(session, lambda: names["sign"](1)) == [2]


@every_tracer
def test_another_selection_and_counting(session: Session, path: Path, tracer: str, tmp_path: Path) -> None:
    other = tmp_path / "others_of.py"
    other.write_text("def other(x):\n    return 1 if x else 2\n")
    names, others = come(path), come(other)
    assert positive(session, lambda: (names["sign"](1), others["other"](1))) == [2]
    session.add_source(str(other))
    with session.measuring("both") as run:
        others["other"](1)
    assert [source.source.name.rpartition("/")[2] for source in run.coverage] == ["others_of.py"]
    session.start("counting", session.options.overridden(source=(str(path),), counts=True))
    names["sign"](1), names["sign"](1)
    (source,) = session.stop()
    assert source.branches[0]["true"].hits == 2
    assert positive(session, lambda: names["sign"](1)) == [2]
