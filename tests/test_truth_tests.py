"""No value is asked more often whether it is true, compared more often, or in another order than without measuring."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

#: Values that write down each question that is put to them, and the statements that ask them.
VALUES = """\
ASKED = []

class Value:
    def __init__(self, name, truth):
        self.name, self.truth = name, truth
    def __bool__(self):
        ASKED.append(("bool", self.name))
        return self.truth
    def __lt__(self, other):
        ASKED.append(("lt", self.name, other.name))
        return Value(f"({self.name}<{other.name})", self.truth)
    def __eq__(self, other):
        ASKED.append(("eq", self.name, getattr(other, "name", other)))
        return Value(f"({self.name}==)", self.truth)
    def __contains__(self, other):
        ASKED.append(("in", self.name, other.name))
        return self
    def __len__(self):
        raise AssertionError("there is __bool__")
    def __hash__(self):
        raise AssertionError("nobody asks for it")

def shown(value):
    return getattr(value, "name", value)
"""
STATEMENTS = (
    "return shown({0})",
    "x = {0}\n    return shown(x)",
    "if {0}: return 1\n    return 2",
    "if not ({0}): return 1\n    return 2",
    "while {0}: return 1\n    return 2",
    "while not ({0}): return 1\n    return 2",
    "x = 1 if {0} else 2\n    return x",
    "return [1 for _ in (1, 2) if {0}]",
    "return list(1 for _ in (1, 2) if {0} if {1})",
    "assert {0}, shown({1})",
    "return not ({0})",
    "return shown(({0}) or {1})",
    "return shown(({0}) and 3)",
    "if x := {0}: return shown(x)\n    return shown(x)",
    "return [shown({0}), shown({1})]",
    "return f'{{shown({0})}}'",
    "return (lambda: shown({0}))()",
    "return {{'k': shown({0}), **{{'l': shown({1})}}}}",
    "match {0}:\n        case x if {1}: return 1\n    return 2",
    "return list((lambda: (yield shown({0})))())",
    "try: return shown({0})\n    finally:\n        if {1}: x = 1",
    "for _ in (1, 2):\n        if {0}: continue\n        if {1}: break\n    else: return 3",
    "return shown({0} if {1} else None)",
    "return (shown({0}), shown(x) if (x := {1}) else 0)",
    "x = y = {0}\n    return shown(x)",
    "return (1, 2)[({0}) is None]",
)
NAMES = "abcd"


def expression(chance: random.Random, depth: int) -> str:
    """A random one of values, operators, chains and constants."""
    if not depth or chance.random() < 0.15:
        return chance.choice((*NAMES, *NAMES, "True", "0", "None"))
    one, two, three = (expression(chance, depth - 1) for _ in range(3))
    name, other, another = (chance.choice(NAMES) for _ in range(3))
    return chance.choice(
        (
            f"({one} and {two})", f"({one} or {two})", f"({one} and {two} or {three})", f"(not {one})",
            f"({one} if {two} else {three})", f"({name} < {other} < {another})", f"({name} < {other})",
            f"({name} in {other} == {another})", f"({one} and {name} < {other})", f"({name} is {other})",
            f"({one} or not {two})",
        )
    )  # fmt: skip


def program() -> str:
    chance = random.Random(19)
    functions = []
    for i, statement in enumerate(STATEMENTS * 2):
        text = statement.format(expression(chance, 3), expression(chance, 2))
        functions.append(f"def f{i}({', '.join(NAMES)}):\n    {text}\n")
    return VALUES + "".join(functions)


def asked(names: dict[str, Any]) -> list[object]:
    """What was asked, and what came out, of each function with each combination of truths."""
    found: list[object] = []
    for i, truths in itertools.product(range(len(STATEMENTS) * 2), itertools.product((False, True), repeat=len(NAMES))):
        names["ASKED"].clear()
        try:
            result = names[f"f{i}"](*map(names["Value"], NAMES, truths))
        except AssertionError as error:
            result = repr(error)
        found.append((i, truths, result, list(names["ASKED"])))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("tracer", tracers())
@pytest.mark.parametrize("counts", [False, True], ids=["once, defined before the run", "counts, defined in it"])
def test_values_are_asked_as_often_as_without_measuring(tmp_path: Path, tracer: str, counts: bool) -> None:
    text, path, names = program(), tmp_path / "asks.py", dict[str, Any]()
    path.write_text(text)
    exec(text, names)
    expected = asked(names)
    code, names = compile(text, str(path), "exec"), {}
    session = Session(RunOptions(tracer=tracer, counts=counts))
    session.add_source(str(path))
    if not counts:
        exec(code, names)
    with session.measuring("test") as run:
        if counts:
            exec(code, names)
        found = asked(names)
    assert [one for one, other in zip(found, expected, strict=True) if one != other] == []
    (measured,) = run.coverage.sources
    assert any(outcome.hits for branch in measured.branches if branch.value for outcome in branch.outcomes)


ARRAYS = """\
import {0}
ASKED = []
class Array({0}.{1}):
    def __bool__(self):
        ASKED.append("bool")
        return True
    def __array_wrap__(self, *given):
        return self
    _constructor = property(lambda self: Array)
def f(a, b):
    c = a and b
    d = a is not None and b > a
    if a and b > a or not b:
        return (a < b < a, [a or b, b and a], not (a and b), c is d)
def several():
    for _ in range(4):  # the first call is not always that of instrumented code
        f(Array({2}), Array({2}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("tracer", tracers())
@pytest.mark.parametrize("counts", [False, True], ids=["once", "counts"])
@pytest.mark.parametrize(
    ("package", "kind", "made"), [("numpy", "ndarray", "(2,)"), ("pandas", "Series", "[1, 2]")], ids=["numpy", "pandas"]
)
def test_arrays_are_asked_as_often(
    tmp_path: Path, tracer: str, counts: bool, package: str, kind: str, made: str
) -> None:
    pytest.importorskip(package)
    text, path = ARRAYS.format(package, kind, made), tmp_path / "arrays.py"
    path.write_text(text)
    plain, names = dict[str, Any](), dict[str, Any]()
    exec(text, plain)
    plain["several"]()
    session = Session(RunOptions(tracer=tracer, counts=counts))
    session.add_source(str(path))
    with session.measuring("test") as run:
        exec(compile(text, str(path), "exec"), names)
        names["several"]()
    assert names["ASKED"] == plain["ASKED"] != []
    (measured,) = run.coverage.sources
    assert any(outcome.hits for branch in measured.branches if branch.value for outcome in branch.outcomes)
