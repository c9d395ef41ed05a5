"""Tracers and oracle on the standard library's own tests, and on the modules that these test.

    python -m tests.library [--tests NAME ...] [--tracer NAME ...] [--jobs N]

Each test module runs in processes of its own: plainly, under the oracle, and under each tracer. Every test has to end
as it ends plainly, and each outcome of the test module and of its subjects has to be covered or missed alike. Tests
that the oracle's rewriting changes (they look at their own source, frames or references) and those that end tracing
(they set a trace function, or fill the stack) are left out where outcomes are compared, and counted. Exit status 1
where anything differs.
"""

from __future__ import annotations

import argparse
import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import pkgutil
import platform
import subprocess
import sys
import tempfile
import unittest
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, ClassVar

from ipy_branchcov import analysis, bytecode, model, tracing
from ipy_branchcov.data.source_files import read_source
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from tests.oracle import NAME, Place, Recorder, instrument

#: Test modules of the standard library, and what they test that is written in Python.
TESTS: dict[str, tuple[str, ...]] = {
    "test_argparse": ("argparse",),
    "test_asyncgen": (),
    "test_bisect": ("bisect",),
    "test_collections": (),
    "test_colorsys": ("colorsys",),
    "test_configparser": ("configparser",),
    "test_contextlib": ("contextlib",),
    "test_contextlib_async": ("contextlib",),
    "test_copy": ("copy",),
    "test_coroutines": (),
    "test_csv": ("csv",),
    "test_dataclasses": ("dataclasses",),
    "test_difflib": ("difflib",),
    "test_enumerate": (),
    "test_except_star": (),
    "test_exception_group": (),
    "test_exceptions": (),
    "test_fnmatch": ("fnmatch",),
    "test_fractions": ("fractions",),
    "test_functools": ("functools",),
    "test_generator_stop": (),
    "test_generators": (),
    "test_grammar": (),
    "test_graphlib": ("graphlib",),
    "test_heapq": ("heapq",),
    "test_ipaddress": ("ipaddress",),
    "test_iter": (),
    "test_listcomps": (),
    "test_named_expressions": (),
    "test_patma": (),
    "test_pprint": ("pprint",),
    "test_raise": (),
    "test_setcomps": (),
    "test_shlex": ("shlex",),
    "test_statistics": ("statistics",),
    "test_string": ("string",),
    "test_textwrap": ("textwrap",),
    "test_unpack": (),
    "test_with": (),
    "test_yield_from": (),
}
#: What CI runs: a dozen that differ most in kind and take seconds.
SLICE = (
    "test_contextlib", "test_copy", "test_coroutines", "test_except_star", "test_exception_group", "test_generators",
    "test_grammar", "test_graphlib", "test_listcomps", "test_named_expressions", "test_patma", "test_raise",
    "test_shlex", "test_textwrap", "test_with",
)  # fmt: skip
#: Of these, those that take most of the time: under the preferred tracer alone.
LONG = frozenset(
    {"test_contextlib", "test_coroutines", "test_exception_group", "test_generators", "test_grammar", "test_listcomps"}
    | {"test_patma", "test_shlex"}
)
#: Tests that prove nothing here, and why.
LEFT_OUT = {
    "test_exception_group_subclass_with_bad_split_func": "the test of a handler fails itself, in split()",
    "ModifyUnderlyingIterableTest": "the iterator of a generator expression is exchanged, with it the oracle's",
    "SignalAndYieldFromTest": "a waiting signal is handled where Python code is called next, be it a tracer's",
    "InterruptDuringEnter": "the same",
    "test_mixed_sum": "float and Decimal come in the order of a set of classes, whose hashes are addresses",
    "test_jump_threading": "it reads the code of a function: jumps that were added have no line",
    "TestThreadSafety": "how far threads come depends on their speed",
}
SECONDS = 900


def has_tests() -> bool:
    """Some distributions package ``test`` apart."""
    return importlib.util.find_spec("test.test_grammar") is not None


# --- one run, in a process of its own


_set_trace = sys.settrace


class _Outcomes(unittest.TestResult):
    """How each test ended, by id."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: dict[str, str] = {}
        self.tracing: set[str] = set()
        self._running = ""
        self._trace: Any = None

    def startTest(self, test: Any) -> None:
        self._running = test.id()
        self._trace = sys.gettrace()

    def stopTest(self, test: Any) -> None:
        # The interpreter drops a trace function that has no room left on the stack, or that Ctrl-C hits.
        if sys.gettrace() != self._trace:
            self.set_trace(self._trace)

    def set_trace(self, function: Any) -> None:
        """Stands in for sys.settrace, to learn in which tests it is called."""
        self.tracing.add(self._running)
        _set_trace(function)

    def _end(self, test: Any, how: str) -> None:
        name = test.id() if hasattr(test, "id") else str(test)
        if self.ended.get(name) in (None, "passed"):
            self.ended[name] = how

    def addSuccess(self, test: Any) -> None:
        self._end(test, "passed")

    def addError(self, test: Any, err: Any) -> None:
        self._end(test, f"error {err[0].__name__}")

    def addFailure(self, test: Any, err: Any) -> None:
        self._end(test, "failed")

    def addSkip(self, test: Any, reason: str) -> None:
        self._end(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self._end(test, "expected failure")

    def addUnexpectedSuccess(self, test: Any) -> None:
        self._end(test, "unexpected success")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._end(test, "failed" if issubclass(err[0], test.failureException) else f"error {err[0].__name__}")


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module with the oracle in it."""

    recorders: ClassVar[dict[str, Recorder]] = {}
    names: ClassVar[dict[str, str]] = {}

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = read_source(path, path)
        assert source is not None
        # A module that is imported twice (with and without its C part) goes on with its first recorder.
        if path in self.names:
            return instrument(source.text, path, self.names[path])[0]
        name = f"{NAME[:-2]}{len(self.names)}__"
        code, places = instrument(source.text, path, name)
        self.names[path] = name
        self.recorders[path] = recorder = Recorder(places)
        setattr(builtins, name, recorder)
        return code


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, paths: Iterable[str]):
        self.paths = frozenset(paths)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin not in self.paths:
            return None
        spec.loader = _Loader(name, spec.origin)
        return spec


def child(name: str, way: str, left_out: frozenset[str]) -> dict[str, Any]:
    """Run a test module in this process: ``plain``, ``oracle``, or a tracer's name.

    ``bare``: plainly, without a look at which tests trace.
    """
    modules = [f"test.{name}", *TESTS.get(name, ())]
    paths = [spec.origin for each in modules if (spec := importlib.util.find_spec(each)) and spec.origin]
    session = Session(RunOptions(tracer=way)) if way in tracers() else None
    if way == "oracle":
        use_oracle(paths)
    _import_all_of_ours()
    # What this program itself has imported of the subjects is theirs to import again, in every way alike.
    for each in modules[1:]:
        if (old := sys.modules.pop(each, None)) is not None:
            _set_apart(old)
    if session is not None:
        for path in paths:
            session.add_source(path)
        session.start(name)
    ran = _run(modules[0], left_out, plain=way == "plain")
    outcomes, note = covered_by_oracle(), ""
    if session is not None:
        outcomes, note = covered_by_tracer(session.stop())
    return {"ended": ran.ended, "tracing": sorted(ran.tracing), "outcomes": outcomes, "note": note}


def _import_all_of_ours() -> None:
    """Import what a tracer would import in its first event: by then ``dataclasses`` may be one that is measured."""
    for package in (analysis, bytecode, model, tracing):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part.startswith("py31") for part in each.name.split(".")):  # the tracers of other Pythons
                importlib.import_module(each.name)


def use_oracle(paths: Iterable[str]) -> None:
    """From now on modules of these files are compiled with the oracle in them."""
    sys.meta_path.insert(0, _Finder(paths))


def covered_by_oracle() -> dict[str, list[Any]]:
    """The covered outcomes by path: kind, span, function, name."""
    return {
        path: [
            [place.kind, list(place.span), place.function, outcome]
            for place, hits in recorder.outcomes().items()
            for outcome in hits
            if hits[outcome]
        ]
        for path, recorder in _Loader.recorders.items()
    }


def covered_by_tracer(coverage: Coverage) -> tuple[dict[str, list[Any]], str]:
    """The same, and the notes of what could not be measured."""
    outcomes = {
        str(source.source.path): [
            [branch.kind, list(branch.span), branch.function, o.name]
            for branch in source.branches
            for o in branch.outcomes
            if o.hits
        ]
        for source in coverage
    }
    return outcomes, "; ".join(source.note for source in coverage if source.note)


def _set_apart(module: ModuleType) -> None:
    """Give what this program itself goes on using of a module another file, which is not measured."""
    stack, seen = list(vars(module).values()), set()
    while stack:
        each = stack.pop()
        if id(each) in seen or getattr(each, "__module__", None) != module.__name__:
            continue
        seen.add(id(each))
        if isinstance(each, FunctionType):
            each.__code__ = _elsewhere(each.__code__)
        stack += vars(each).values() if isinstance(each, type) else []
        stack += [getattr(each, name) for name in ("__func__", "__wrapped__", "fget", "fset") if hasattr(each, name)]


def _elsewhere(code: CodeType) -> CodeType:
    constants = tuple(_elsewhere(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_filename="<this program's own>", co_consts=constants)


def _run(module: str, left_out: frozenset[str], *, plain: bool) -> _Outcomes:
    support = importlib.import_module("test.support")
    support.use_resources = ()
    result = _Outcomes()
    suite = unittest.TestSuite(
        test for test in _each(unittest.defaultTestLoader.loadTestsFromName(module)) if test.id() not in left_out
    )
    if plain:
        sys.settrace = result.set_trace
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        suite.run(result)
    return result


def _each(suite: Any) -> Iterator[Any]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _each(test)
        else:
            yield test


# --- the comparison


@dataclass
class Compared:
    """What one test module gave."""

    name: str
    tests: int = 0
    tracing: int = 0
    left_out: int = 0
    outcomes: int = 0
    decisions: int = 0
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def compare(name: str, names: Sequence[str]) -> Compared:
    """A test module under everything."""
    found = Compared(name)
    try:
        plain = process(name, "plain")
        found.tests = len(plain["ended"])
        left_out = {test for test in plain["ended"] if any(name in test for name in LEFT_OUT)}
        whole = {tracer: process(name, tracer, left_out) for tracer in names}
        tracing = {test for each in (plain, *whole.values()) for test in each["tracing"]} - left_out
        if any(changed_tests(plain, each) - left_out - tracing for each in whole.values()):
            # What ends differently when it is run twice shows nothing.
            left_out |= changed_tests(plain, process(name, "plain"))
        for tracer in names:
            ended = whole[tracer]["ended"]
            found.differences += [
                f"{name} {tracer}: {test} ends otherwise: {plain['ended'].get(test)}, {ended.get(test)}"
                for test in sorted(changed_tests(plain, whole[tracer]) - left_out - set(whole[tracer]["tracing"]))
            ]
        left_out, oracle = _settled(name, plain, left_out | tracing, found)
        found.tracing = len(tracing)
        found.left_out = len(left_out - tracing)
        expected = outcomes_of(oracle)
        found.outcomes, found.decisions = len(expected), len({each[:2] for each in expected})
        ran = {test for test in plain["ended"] if not any(name in test for name in LEFT_OUT)}
        varying: set[tuple[str, Place, str]] = set()
        for tracer in names:
            traced = whole[tracer] if not left_out & ran else process(name, tracer, left_out)
            if traced["note"]:
                found.notes.append(f"{name} {tracer}: {traced['note']}")
            differing = (expected ^ outcomes_of(traced)) - varying
            for _ in range(4 if differing else 0):  # sets of types, threads: not every run takes the same outcomes
                varying |= expected ^ outcomes_of(process(name, "oracle", left_out))
            found.differences += described(f"{name} {tracer}", expected, differing - varying)
    except (subprocess.SubprocessError, ValueError) as error:
        found.differences.append(f"{name}: {error}")
    return found


def _settled(name: str, plain: dict[str, Any], left_out: set[str], found: Compared) -> tuple[set[str], dict[str, Any]]:
    """The tests to leave out so that the oracle changes no other one, and what it gave without them."""
    for _ in range(4):
        oracle = process(name, "oracle", left_out)
        changed = changed_tests(plain, oracle) - left_out
        if not changed:
            return left_out, oracle
        left_out = left_out | changed
    found.differences.append(f"{name}: the oracle still changes {sorted(changed)}")
    return left_out, oracle


def process(name: str, way: str, left_out: Iterable[str] = ()) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", "tests.library", "--child", name, way, str(out)]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(Path(__file__).parents[1])}
        ended = subprocess.run(
            command,
            input=json.dumps(sorted(left_out)),
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
            timeout=SECONDS,
            check=False,
        )
        if not out.exists():
            raise ValueError(f"{way}: no result (exit {ended.returncode}): {ended.stderr[-2000:]}")
        return dict(json.loads(out.read_text("utf-8")))


def changed_tests(plain: dict[str, Any], other: dict[str, Any]) -> set[str]:
    one, two = plain["ended"], other["ended"]
    return {test for test in one.keys() | two.keys() if one.get(test) != two.get(test)}


def outcomes_of(run: dict[str, Any]) -> set[tuple[str, Place, str]]:
    """What a process returned: (path without links, place, outcome)."""
    return {
        (os.path.realpath(path), Place(kind, (*span,), function), outcome)
        for path, outcomes in run["outcomes"].items()
        for kind, span, function, outcome in outcomes
    }


def described(name: str, expected: set[tuple[str, Place, str]], differing: set[tuple[str, Place, str]]) -> list[str]:
    """A line a difference, and the source's line."""
    lines = []
    for path, place, outcome in sorted(differing, key=lambda each: (each[0], each[1].span, each[2])):
        source = Path(path).read_text("utf-8").split("\n")[place.span[0] - 1].strip()
        by = "oracle" if (path, place, outcome) in expected else "tracer"
        lines.append(f"{name}: {Path(path).name} {place} {outcome}: only by the {by}\n    {source}")
    return lines


def compare_all(tests: Iterable[str], names: list[str], jobs: int | None = None) -> Iterator[Compared]:
    """Several test modules, on several processors."""
    tests = [name for name in tests if importlib.util.find_spec(f"test.{name}")]
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        yield from pool.map(lambda name: compare(name, names), tests)


def total(results: Iterable[Compared]) -> str:
    """The sums, as one line."""
    sums: Counter[str] = Counter()
    for each in results:
        sums.update(files=1, tests=each.tests, decisions=each.decisions, outcomes=each.outcomes)
        sums["differences"] += len(each.differences)
        sums["tests that the oracle changes"] += each.left_out
        sums["tests that end tracing"] += each.tracing
    return ", ".join(f"{count:,} {name}" for name, count in sums.items())


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare tracers with the oracle on the standard library's tests.")
    parser.add_argument("--tests", nargs="*", default=list(TESTS))
    parser.add_argument("--tracer", action="append", choices=list(tracers()))
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--show", type=int, default=10, metavar="N", help="differences of a test module to print")
    parser.add_argument("--child", nargs=3, metavar=("TEST", "WAY", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, way, out = options.child
        result = child(name, way, frozenset(json.load(sys.stdin)))
        Path(out).write_text(json.dumps(result), "utf-8")
        return 0
    results = []
    for each in compare_all(options.tests, options.tracer or list(tracers()), options.jobs):
        results.append(each)
        print(f"{each.name}: {total([each])}")
        for line in (*each.notes, *each.differences[: options.show]):
            print(line)
    print(f"Python {platform.python_version()}: {total(results)}")
    return 1 if any(each.differences for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
