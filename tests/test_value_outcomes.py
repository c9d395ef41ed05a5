"""Conditions that are values: outcomes by identity, required where the form is Boolean, optional where it was not."""

from __future__ import annotations

from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from ipy_branchcov.analysis.branches import find_branches
from ipy_branchcov.data import json_form
from ipy_branchcov.model.branch import VALUE, Branch
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.reports import lcov
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

LEAP = """\
def leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
"""

every_tracer = pytest.mark.parametrize("tracer", tracers())


def values_of(expression: str) -> dict[str, str]:
    """The conditions of an expression that nothing tests, with their required outcomes."""
    source = Source("x", expression, "file", "/x")
    branches = find_branches(source).decisions.map.branches
    return {
        source.snippet(each.span, 99): "".join(o.name[0] for o in each.outcomes if o.required)
        for each in branches
        if each.value
    }


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a and b < c", {"b < c": "tf"}),
        ("a or not b", {"not b": "tf"}),
        ("a < b in c", {"b in c": "tf"}),
        ("a and b", {"b": ""}),
        ("a or (b if c else d)", {"b if c else d": ""}),
        ("a and (b or c is d)", {"c is d": "tf"}),
        ("not (a or b == c)", {"b == c": "tf"}),
        ("a or 3", {}),
        ("1 and b", {}),
        ("a or True or b", {}),
        ("1 if a and b else 2", {}),
        ("(a and b) or 3", {}),
    ],
)
def test_which_conditions_are_values(expression: str, expected: dict[str, str]) -> None:
    assert values_of(expression) == expected


class Measured:
    """A module's functions, run under a tracer."""

    def __init__(self, folder: Path, text: str, tracer: str):
        self.path = folder / "values_of.py"
        self.path.write_text(text)
        self.names: dict[str, Any] = {}
        self.text = text
        self.session = Session(RunOptions(tracer=tracer))
        self.session.add_source(str(self.path))

    def define(self) -> CodeType:
        code = compile(self.text, str(self.path), "exec")
        exec(code, self.names)
        return code

    def run(self, call: str) -> Coverage:
        with self.session.measuring("test") as run:
            eval(call, self.names)
        return run.coverage


def value(coverage: Coverage) -> Branch:
    (found,) = (each for each in coverage.sources[0].branches if each.value)
    return found


def hits(coverage: Coverage) -> list[int]:
    return [outcome.hits for outcome in value(coverage).outcomes]


@every_tracer
def test_leap_years_need_1900(tmp_path: Path, tracer: str) -> None:
    """The functions existed before the run, and each is called once in it."""
    measured = Measured(tmp_path, LEAP, tracer)
    measured.define()
    runs = [measured.run(f"leap({year})") for year in (2000, 2023, 2024)]
    assert [hits(run) for run in runs] == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    without = merge(runs)
    assert without.totals.missed == 1 and value(without)["false"].missed
    assert not (without + measured.run("leap(1900)")).totals.missed


@every_tracer
def test_functions_have_their_own_code_after_the_run(tmp_path: Path, tracer: str) -> None:
    measured = Measured(tmp_path, LEAP, tracer)
    measured.define()
    before = measured.names["leap"].__code__
    measured.run("[leap(year) for year in (1900, 2000)]")
    assert measured.names["leap"].__code__ is before


@every_tracer
def test_values_are_asked_for_nothing(tmp_path: Path, tracer: str) -> None:
    text = """\
class Refuses:
    def refuse(self, *others):
        raise RuntimeError
    __bool__ = __eq__ = __hash__ = __len__ = __repr__ = __getattr__ = refuse
def f(a, b):
    return a and b
"""
    measured = Measured(tmp_path, text, tracer)
    measured.define()
    assert hits(measured.run("[f(1, Refuses()), f(1, Refuses())] and None")) == [0, 0, 1]


@pytest.mark.slow
@every_tracer
@pytest.mark.parametrize(
    ("package", "made"),
    [
        ("numpy", "numpy.array([1, 2])"),
        ("numpy", "numpy.int64(2)"),  # compares to numpy's own True
        ("pandas", "pandas.Series([1, 2])"),
        ("pandas", "pandas.DataFrame({'a': [1, 2]})"),
        ("pandas", "pandas.NA"),
    ],
)
def test_arrays(tmp_path: Path, tracer: str, package: str, made: str) -> None:
    """Their comparisons are no bools; most refuse to say whether they are true."""
    module = pytest.importorskip(package)
    measured = Measured(tmp_path, "def f(a, b): return a is not None and b > 1\n", tracer)
    measured.define()
    measured.names |= {"array": eval(made, {package: module}), "same": lambda a, b: type(a) is type(b)}
    found = value(measured.run("same(f(array, array), array > 1) and f(array, 2)"))
    assert [(each.hits, each.required) for each in found.outcomes] == [(1, False), (0, False), (1, False)]


def test_being_boolean_is_optional_once_it_was_not(tmp_path: Path) -> None:
    """In whatever order runs are added, and in data that was read."""
    measured = Measured(tmp_path, "def f(a, b): return a and b > 1\n", "auto")
    measured.define()
    measured.names["array"] = type("Array", (), {"__gt__": lambda self, other: self})()
    true, other = measured.run("f(1, 2)"), measured.run("f(1, array)")
    assert value(true)["false"].missed and true.totals.missed
    for total in (true + other, other + true, json_form.loads(json_form.dumps(true + other), "data")):
        assert [each.required for each in value(total).outcomes] == [False] * 3
        assert {each.reason for each in value(total).outcomes} == {VALUE}
        assert [each.hits for each in value(total).outcomes] == [1, 0, 1]
        total.self_check()


def test_reports_count_what_is_required(tmp_path: Path) -> None:
    measured = Measured(tmp_path, "def f(a, b): return a and b > 1\n", "auto")
    measured.define()
    lines = lcov.render(measured.run("f(1, 2)")).splitlines()
    assert [each for each in lines if each.startswith("BRDA")] == [
        "BRDA:1,0,0,1", "BRDA:1,0,1,0", "BRDA:1,1,0,1", "BRDA:1,1,1,0",
    ]  # fmt: skip
