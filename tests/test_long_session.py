"""A long session does not grow: what is kept, and what is done at each run, with many functions and many texts."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_branchcov.bytecode.memory import UNCOLLECTS
from ipy_branchcov.notebook.cells import Cells
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from ipy_branchcov.tracing.probes import registry, swapped
from tests.calls import calls_of

pytestmark = pytest.mark.slow  # hundreds of functions are measured and defined again

#: A function, and one that it makes; a class, whose method is found by another way.
FUNCTION = """\
def f{n}(x):
    return [each for each in x if each and each > {n}]
class C{n}:
    def of(self, x):
        return 1 if x and x > {n} else 0
"""
#: Measures many texts, with something that stays between them, and prints the memory before and after a reset.
RESET = """\
import os
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.session.session import Session

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

session, kept, before = Session(), [], resident()
for number in range(6000):
    session.add(Coverage((SourceCoverage(Source(f"n{number}", f"# {number}" + "x" * 4000, "file")),)))
    kept.append(bytes(600))
session.coverage()
full = resident()
session.reset()
print(before, full, resident())
"""
every_mechanism = pytest.mark.parametrize("tracer", [name for name in tracers() if name != "settrace"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def session(path: Path, tracer: str, counts: bool) -> Iterator[Session]:
    session = Session(RunOptions(tracer=tracer, counts=counts))
    session.add_source(str(path))
    yield session
    session.close()


def defined(session: Session, path: Path, numbers: range) -> dict[str, Any]:
    """The names that a run has defined: each number in a file of its own, as in a cell."""
    names: dict[str, Any] = {"__name__": "__main__"}
    with session.measuring("define"):
        for n in numbers:
            file = path / f"m{n}.py"
            file.write_text(FUNCTION.format(n=n))
            exec(session.instrument(compile(file.read_text(), str(file), "exec")), names)
            names[f"f{n}"]([n, n + 1]), names[f"C{n}"]().of(n)
    return names


def calls_of_a_run(session: Session, names: dict[str, Any]) -> int:
    """How many functions are called, of Python or C, to measure a call of one function."""

    def run() -> None:
        session.start("again")
        names["f0"]([0, 1])
        (source,) = session.stop()
        assert source.totals.covered == 5

    return calls_of(run)


@every_mechanism
@pytest.mark.parametrize("counts", [False])
def test_what_a_run_does_does_not_grow_with_the_functions_there_are(session: Session, path: Path, tracer: str) -> None:
    """Each function gets its instrumented code and gives it back: few calls or none are made for it."""
    found = []
    for many in (10, 110):
        names = defined(session, path, range(many))
        # The first run after a change looks at everything, and each fourth lets go of analyses.
        found.append(min(calls_of_a_run(session, names) for _ in range(3)))
    # None; some where another test left a run on. 650 a function were made once.
    assert found[1] - found[0] < 20 * 100, found


@pytest.mark.skipif(not UNCOLLECTS, reason="no ctypes")
@every_mechanism
@pytest.mark.parametrize("counts", [True, False])
def test_the_users_collections_pass_over_what_is_kept_of_code(session: Session, path: Path, counts: bool) -> None:
    names = defined(session, path, range(3))
    gc.collect()
    entries = [registry.known(entry.instrumented) for entry in swapped.all_swapped()]
    assert names and (len(entries) >= 6 or (not counts and sys.version_info >= (3, 14)))
    assert not any(map(gc.is_tracked, entries))
    assert not any(map(gc.is_tracked, swapped.all_swapped()))
    assert not any(map(gc.is_tracked, (swapped._SWAPPED, swapped.OF_INNER, *registry._TABLES)))


@pytest.mark.skipif(not UNCOLLECTS, reason="no ctypes")
@every_mechanism
@pytest.mark.parametrize("counts", [True, False])
def test_functions_in_cycles_are_collected(session: Session, path: Path, tracer: str) -> None:
    """The collector clears weak references to what it collects, and ours are not in its list."""
    names = defined(session, path, range(20))
    gone = [weakref.ref(names[f"C{n}"].of) for n in range(20)]  # a class is a cycle
    names.clear()
    gc.collect()
    assert [each() for each in gone] == [None] * 20
    assert not {entry() for entry in swapped.all_swapped()} & {None}
    names |= defined(session, path, range(20))
    assert calls_of_a_run(session, names)


@every_mechanism
@pytest.mark.parametrize("counts", [True, False])
def test_code_that_the_user_gives_to_a_function_stays(session: Session, path: Path, tracer: str) -> None:
    """Where such changes are reported, a run does not look at the code that functions have."""
    names = defined(session, path, range(3))
    given, own = compile("lambda x: 'given'", "<test>", "eval").co_consts[0], names["f1"].__code__
    for runs in range(4):
        for _ in range(runs):
            with session.measuring("again"):
                names["f1"]([2])
        names["f1"].__code__ = given
        for _ in range(4):
            with session.measuring("again") as run:
                assert (names["f1"]([2]), names["f2"]([3])) == ("given", [3])
            assert names["f1"].__code__ is given
            assert run.coverage.totals.covered
        names["f1"].__code__ = own
        with session.measuring("again") as run:
            names["f1"]([2])
        assert run.coverage.totals.covered
        assert names["f1"].__code__ is own


@every_mechanism
@pytest.mark.parametrize("counts", [True, False])
def test_functions_that_are_defined_again_leave_nothing(session: Session, path: Path, tracer: str) -> None:
    sizes = []
    names: dict[str, Any] = {}
    for number in range(64):  # analyses are let go after 4 or 8 runs
        names |= defined(session, path, range(1))
        if number % 16 == 15:
            gc.collect()
            swapped.forget_gone()  # as each run does
            tables = registry._BY_INSTRUMENTED, registry._BY_ORIGINAL, registry._INNER, registry.HOLDERS
            sizes.append([len(each) for each in (*tables, swapped._SWAPPED, swapped.OF_INNER, gc.get_objects())])
    *tables, objects = zip(*sizes, strict=True)
    assert all(max(each) == min(each) for each in tables), sizes
    # What earlier tests left goes in the first collections.
    assert max(objects[1:]) - min(objects[1:]) < 100, objects


@every_mechanism
@pytest.mark.parametrize("counts", [True, False])
def test_known_references_are_those_there_are(session: Session, path: Path, tracer: str) -> None:
    """Else each run would search all objects for functions."""
    from ipy_branchcov.tracing.probes import functions

    names = defined(session, path, range(5))
    names["kept"] = list(map(names.get, ("f1", "f2")))
    del names["f1"], names["f3"], names["C4"]
    gc.collect()
    with session.measuring("again"):
        names["f0"]([1])
    assert functions._unexplained() == {}
    assert sys.version_info >= (3, 12) or functions.grown() == []


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="memory is kept, and measured, otherwise")
def test_a_reset_gives_memory_back() -> None:
    done = subprocess.run([sys.executable, "-c", RESET], capture_output=True, text=True, check=True, timeout=60)
    before, full, after = map(int, done.stdout.split())
    assert full - before > 20e6
    assert after - before < (full - before) / 2, done.stdout


def left_to_the_collector(define: Callable[[range], object]) -> float:
    """How many objects there are more, for the collector to look at, for each of 40 new files."""
    kept, sizes = [], []
    for numbers in (range(20), range(20, 60)):
        kept.append(define(numbers))
        gc.collect(), gc.collect()
        sizes.append(len(gc.get_objects()))
    return (sizes[1] - sizes[0]) / 40


@every_mechanism
@pytest.mark.parametrize("counts", [False])
def test_functions_leave_little_to_the_collector(session: Session, path: Path, tracer: str) -> None:
    """Each object that it looks at makes every collection of the user's slower."""

    def plain(numbers: range) -> object:
        names: dict[str, Any] = {"__name__": "__main__"}
        for n in numbers:
            exec(compile(FUNCTION.format(n=n), str(path / f"m{n}.py"), "exec"), names)
            names[f"f{n}"]([n, n + 1]), names[f"C{n}"]().of(n)
        return names

    def measured(numbers: range) -> object:
        names = defined(session, path, numbers)
        for _ in range(9):  # analyses are let go
            session.start("again")
            session.stop()
        session.reset()
        return names

    # A file leaves two functions and, before 3.12, the code of a comprehension: one object each for the function and
    # for its code. They were ten and more.
    more = left_to_the_collector(measured) - left_to_the_collector(plain)
    assert more < 6.5, more


def test_a_run_asks_only_for_the_cells_that_are_new() -> None:
    """Processes that cells start are given the texts of cells; each run once looked at all that there are."""
    shell = InteractiveShell()
    cells, names = Cells(shell), [shell.compile.cache(f"kept = {n}", n) for n in range(50)]
    assert cells.names()[-50:] == names
    new = [shell.compile.cache(f"new = {n}", n) for n in (50, 51)]
    assert cells.names(behind=names[-1]) == new
    assert cells.names(behind=new[-1]) == []
    assert set(names) < set(cells.names(behind="<gone>"))
    assert calls_of(lambda: cells.names(behind=names[-1])) < 20
