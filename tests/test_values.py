"""Values are shown short, and no code of the user's runs for it."""

from __future__ import annotations

import sys
import weakref
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.session.values import LONGEST, MOST, NOTHING, attribute, short, values
from ipy_branchcov.tracing.choice import tracers

#: Tracers that report values. Marks run nothing of ours; before 3.13 a trace function must not look.
reporting = pytest.mark.parametrize(
    "tracer", [name for name in tracers() if name != "probes" and (name != "settrace" or sys.version_info >= (3, 13))]
)


class Loud:
    """Whatever is asked of it, it raises."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"asked for {name}")

    def __repr__(self) -> str:
        raise RuntimeError("asked for its repr")

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __lt__(self, other: object) -> bool:
        raise RuntimeError("compared")


class LoudList(list):  # type: ignore[type-arg]
    def __repr__(self) -> str:
        raise RuntimeError("asked for its repr")

    __iter__ = __len__ = __repr__  # type: ignore[assignment]


class LoudMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(f"asked for {name}")


def test_short() -> None:
    endless: list[Any] = []
    endless.append(endless)
    values = {
        "5": 5,
        "'a'": "a",
        "[1, 2, 3, 4, ...]": [1, 2, 3, 4, 5],
        "{1: (2,)}": {1: (2,)},
        "{1, 2}": {2, 1},
        "<int of 100001 bits>": 1 << 100_000,
        "<Loud>": Loud(),
        "[<Loud>]": [Loud()],
        "{1: <Loud>}": {1: Loud()},
        "<set of 2>": {Loud(), Loud()},
        "<dict of 1>": {Loud(): 1},
        "<dict of 99>": dict.fromkeys(range(99)),
        f"b'{'x' * 20}'...": b"x" * 10**7,
        "<LoudList>": LoudList([1]),
        "<Made>": LoudMeta("Made", (), {})(),
        "<LoudMeta>": LoudMeta("Made", (), {}),
        "<function>": test_short,
    }
    assert {text: short(value) for text, value in values.items()} == {text: text for text in values}
    for value in ("x" * 10**6, [["x" * 99] * 99] * 99, endless, {str(i): "y" * 50 for i in range(99)}, 10**150):
        assert len(short(value)) <= LONGEST


def test_arrays_by_type_and_shape() -> None:
    numpy = pytest.importorskip("numpy")
    assert short(numpy.zeros((2, 3))) == "<ndarray 2 × 3>"


def test_frames() -> None:
    space: dict[str, Any] = {f"name{i}": i for i in range(20)} | {"getframe": sys._getframe, "Loud": Loud}
    exec("def f(here, other): return getframe()\nframe = f(1, 2)", space)
    frame = space["frame"]
    assert values(frame, ["here", "Loud", "nothing", "here", "other"]) == {"here": "1", "other": "2"}
    assert values(frame, ["getframe", "f", "here.real"]) == {}
    assert len(values(frame, list(space))) == MOST


class Cell:
    limit = 9
    energy: float = 5.0

    def __init__(self) -> None:
        self.energy, self.age = 11.0, 3
        self.inner = Inner()

    @property
    def size(self) -> int:
        raise RuntimeError("asked")


class Inner:
    def __init__(self) -> None:
        self.x = (1, 2)


class Slotted:
    __slots__ = ("x",)

    def __init__(self) -> None:
        self.x = 1


class Hidden(Cell):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"asked for {name}")


class Own(Cell):
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("asked")


class Equal(str):
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    __hash__ = str.__hash__


def test_attributes_are_read_from_exact_instance_dictionaries_alone() -> None:
    cell, odd, shadowed, loud = Cell(), Inner(), Cell(), Loud()
    vars(odd)[Equal("age")] = 4
    object.__getattribute__(shadowed, "__dict__")["size"] = 7
    read: list[tuple[Any, str, Any]] = [
        (cell, "age", 3),
        (cell, "energy", 11.0),  # the class has a plain default of that name
        (cell, "inner", cell.inner),
        (cell.inner, "x", (1, 2)),
        (cell, "limit", NOTHING),
        (cell, "size", NOTHING),
        (shadowed, "size", NOTHING),
        (cell, "nothing", NOTHING),
        (odd, "age", NOTHING),
        (Slotted(), "x", NOTHING),
        (object.__new__(Hidden), "age", NOTHING),
        (object.__new__(Own), "age", NOTHING),
        (loud, "x", NOTHING),
        (LoudMeta("Made", (), {})(), "x", NOTHING),
        (5, "real", NOTHING),
        (test_short, "x", NOTHING),
    ]
    for value, name, expected in read:
        assert attribute(value, name) is expected or attribute(value, name) == expected != NOTHING, name


ATTRIBUTES = """\
import random
class Cell:
    def __init__(self, energy):
        self.energy, self.age, self.rng = energy, 3, random.Random(3)
    def old(self, food):
        return self.energy <= 0 or self.age > 2 and self.rng.random() < 2
def most(cell, key=len):
    return 1 if cell.energy > key("abc") else 2
most(Cell(5)), Cell(5).old(1)
"""


@reporting
def test_attributes_and_no_functions(tracer: str, tmp_path: Path) -> None:
    found = first(run(ATTRIBUTES, tmp_path, tracer))
    assert found["6 15 false"][1] == {"self.energy": "5", "food": "1"}
    assert found["6 35 true"][1] == {"self.age": "3", "food": "1"}
    assert found["8 16 true"][1] == {"cell.energy": "5"}


def first(coverage: Coverage) -> dict[str, tuple[str, dict[str, str]]]:
    (source,) = coverage.sources
    return {
        f"{branch.span.line} {branch.span.column} {o.name}": (o.first.by, dict(o.first.values))
        for branch in source.branches
        for o in branch.outcomes
        if o.first is not None
    }


def run(text: str, folder: Path, tracer: str, **options: Any) -> Coverage:
    path = folder / "program.py"
    path.write_text(text)
    session = Session(RunOptions(tracer=tracer, **options))
    session.add_source(str(path))
    with session.measuring("In [7]") as measured:
        exec(
            session.instrument(compile(text, str(path), "exec", dont_inherit=True)), {"Loud": Loud, "weakref": weakref}
        )
    return measured.coverage


PROGRAM = """\
limit = 9
def f(x, *rest, key=None):
    y = x + 1
    if y > limit and rest:
        return [n for n in rest if n]
    return 1
f(1)
f(10)
f(20, 0, 4, key=Loud())
"""


@reporting
def test_first_hits(tracer: str, tmp_path: Path) -> None:
    found = first(run(PROGRAM, tmp_path, tracer))
    assert found["4 7 false"] == ("In [7]", {"y": "2", "limit": "9", "x": "1", "rest": "()", "key": "None"})
    assert found["4 7 true"][1] == {"y": "11", "limit": "9", "x": "10", "rest": "()", "key": "None"}
    assert found["4 21 true"][1] == {"rest": "(0, 4)", "x": "20", "key": "<Loud>"}
    assert found["5 35 false"][1]["n"] == "0" and found["5 35 true"][1]["n"] == "4"


@reporting
def test_values_can_be_kept_out(tracer: str, tmp_path: Path) -> None:
    assert set(map(str, first(run(PROGRAM, tmp_path, tracer, values=False)).values())) == {"('In [7]', {})"}


SEEN = """\
class A: pass
gone = []
def dies(x):
    a = A()
    weakref.finalize(a, gone.append, 1)
    if x:
        pass
    del a
    return len(gone)
def looks(x):
    before = locals()
    y = 1
    if x:
        pass
    return "y" in before
class Mapping(dict):
    def __contains__(self, key):
        raise RuntimeError("asked")
class Meta(type):
    @classmethod
    def __prepare__(cls, *arguments):
        return Mapping()
class B(metaclass=Meta):
    z = 1 if gone else 2
result = (dies(1), looks(1))
"""


@reporting
def test_a_comprehension_that_hides_a_cell(tracer: str, tmp_path: Path) -> None:
    text = "def f():\n    x = 3\n    g = lambda: x\n    return [x for x in range(9) if x % 2 if x % 3], g()\nf()\n"
    found = first(run(text, tmp_path, tracer))
    assert "4 35 true" in found and "4 44 false" in found, found


@reporting
def test_nobody_sees_that_values_were_told(tracer: str, tmp_path: Path) -> None:
    plain: dict[str, Any] = {"weakref": weakref}
    exec(SEEN, plain)
    measured = SEEN + "assert result == (1, False), result\n"
    assert plain["result"] == (1, False)
    assert first(run(measured, tmp_path, tracer))["6 7 true"][1]["x"] == "1"
