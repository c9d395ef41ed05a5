"""Calls that cover what was missed: by kind of condition and of argument, at each door, in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.cli import main
from ipy_branchcov.errors import UsageError
from ipy_branchcov.suggest import shown
from ipy_branchcov.suggest.search import Limits
from tests.suggesting import Measured, code, left

PREFACE = """
import datetime, enum, re
from dataclasses import dataclass
class Colour(enum.Enum):
    RED = 1
    BLUE = 2
@dataclass
class Point:
    x: int
    y: int
class Account:
    def __init__(self, balance: int):
        self.balance = balance
    def draw(self, amount: int):
        if amount > self.balance:
            return False
        return True
    @property
    def rich(self):
        if self.balance > 1000:
            return True
        return False
    @classmethod
    def of(cls, text: str):
        if text == "none":
            return cls(0)
        return cls(int(text))
class Inputs:
    @staticmethod
    def twice(n: int):
        if n * 2 == 84:
            return 1
"""
#: A function, its name and a call that was seen; all that is missed can be covered.
FUNCTIONS = {
    "equation": ("def f(n: int):\n    if n * 3 + 7 == 370_381: return 1", "f", "f(5)"),
    "loop": ("def f(n):\n    s = 0\n    while s * s < n: s += 1\n    if s == 37: return 1", "f", "f(4)"),
    "chain": ("def f(a: int):\n    if 70 <= a < 80: return 1", "f", "f(1)"),
    "method of text": ("def f(s: str):\n    if s.strip().lower() == 'help': return 1", "f", "f('x')"),
    "regular expression": ("def f(s: str):\n    if re.fullmatch(r'v(\\d+)-[a-f]{3}', s): return 1", "f", "f('x')"),
    "enumeration": ("def f(c: Colour):\n    if c is Colour.BLUE: return 1", "f", "f(Colour.RED)"),
    "dataclass": ("def f(p: Point):\n    if p.x == p.y == 7: return 1", "f", "f(Point(1, 2))"),
    "date": (
        "def f(d: datetime.date):\n    if d.month == 2 and d.day == 29: return 1",
        "f",
        "f(datetime.date(2026, 1, 1))",
    ),
    "pattern": (
        "def f(m):\n    match m:\n        case {'kind': 'circle', 'r': r} if r > 0: return 1\n"
        "        case [x, Point(x=3)]: return 2\n        case str(): return 3",
        "f",
        "f(1)",
    ),
    "dictionary": ("def f(d: dict):\n    if d.get('mode') == 'slow' and 'x' in d: return 1", "f", "f({'a': 1})"),
    "text with JSON": (
        "import json\ndef f(s: str):\n    d = json.loads(s)\n    if 'v' in d and d['v'] > 41: return 1",
        "f",
        "f('{}')",
    ),
    "named tuple": (
        "from typing import NamedTuple\nclass V(NamedTuple):\n    n: int\n    label: str = ''\n"
        "def f(v: V):\n    if v.label: return 1",
        "f",
        "f(V(1))",
    ),
    "like the default": (
        "def f(n, ends=(True, True)):\n    if ends[0]: return 1\n    if ends[1]: return 2",
        "f",
        "f(1)",
    ),
    "handlers": (
        "def f(s):\n    try: return int(s)\n    except ValueError: return 1\n    except TypeError: return 2",
        "f",
        "f('1')",
    ),
    "method": ("", "Account.draw", "Account(10).draw(3)"),
    "property": ("", "Account.rich", "Account(10).rich"),
    "class method": ("", "Account.of", "Account.of('3')"),
    "static method": ("", "Inputs.twice", "Inputs.twice(3)"),
    "construction": ("class C:\n    def __init__(self, n: int):\n        if n == 4711: self.n = 1", "C", "C(3)"),
    "generator": ("def f(n: int):\n    if n == 4711: yield 1", "f", "list(f(2))"),
    "coroutine": ("async def f(n: int):\n    if n == 4711: return 1", "f", ""),
    "callee": ("def g(n): return n == 4711\ndef f(n: int):\n    if g(n): return 1", "f", "f(1)"),
    "cache": ("import functools\n@functools.lru_cache\ndef f(n: int):\n    if n == 4711: return 1", "f", "f(1)"),
    "keyword alone": ("def f(a, *, strict: bool = False):\n    if strict: return 1", "f", "f(1)"),
    "state": (
        "def f(text: str):\n    section = None\n    for line in text.splitlines():\n"
        "        if line[:1] == '[' and line[-1] == ']': section = line\n"
        "        elif '=' in line:\n            if section is None: return 1",
        "f",
        "f('')",
    ),
    "context manager": (
        "import contextlib\n@contextlib.contextmanager\ndef f(n: int):\n    if n == 4711: yield 1\n    else: yield 2",
        "f",
        "",
    ),
    "asynchronous context manager": (
        "import contextlib\nclass C:\n    @contextlib.asynccontextmanager\n    async def f(self, n: int):\n"
        "        if n == 4711: yield 1\n        else: yield 2",
        "C.f",
        "",
    ),
    "what a receiver holds": (
        "class C:\n    def __init__(self, items=(), more=None):\n        self.items, self.more = list(items), more\n"
        "    def f(self):\n        if self.items: return 1 if self.items[-1] == 'x' else 2\n"
        "        if self.more: return 3",
        "C.f",
        "C().f()",
    ),
    "function": ("def f(g, x):\n    if callable(g) and g(x) > 4711: return 1", "f", "f(1, 2)"),
    "open file": ("def f(file):\n    if file.readline().startswith('x'): return 1", "f", ""),
    "array": (
        "import numpy\ndef f(a: numpy.ndarray):\n    if a.ndim == 2 and a.shape[0] == 3: return numpy.isnan(a).any()",
        "f",
        "f(numpy.zeros(2))",
    ),
    "abstract class": (
        "import abc\nclass Shape(abc.ABC):\n    @abc.abstractmethod\n    def area(self): ...\n"
        "class Square(Shape):\n    def __init__(self, side: int): self.side = side\n"
        "    def area(self): return self.side ** 2\n"
        "def f(shape: Shape):\n    if shape.area() > 4711: return 1",
        "f",
        "",
    ),
    "another of its class": (
        "class C:\n    def __init__(self, n: int): self.n = n\n"
        "    def __eq__(self, other):\n        if isinstance(other, C): return 1 if self.n > other.n else 2",
        "C.__eq__",
        "C(1) == 2",
    ),
    "member of JSON": (
        "import json\ndef f(s: str):\n    if json.loads(s).get('type') == 'user': return 1",
        "f",
        "f('{}')",
    ),
    "binary format": (
        "import struct\ndef f(b: bytes):\n    if len(b) > 3 and struct.unpack('>HH', b[:4])[0] == 0xCAFE: return 1",
        "f",
        "f(b'')",
    ),
    "zone": ("def f(t: datetime.datetime):\n    if t.tzinfo and t.hour > 22: return 1", "f", ""),
    "identifier": ("import uuid\ndef f(u: uuid.UUID):\n    if u.version == 4: return 1", "f", ""),
    "many": ("def f(*names: str):\n    if 'root' in names: return 1", "f", "f('a')"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_finds(tmp_path: Path, name: str) -> None:
    text, function, call = FUNCTIONS[name]
    asked = Measured(tmp_path, PREFACE + text + "\n")
    result = asked.suggest(function, *filter(None, [call]), limits=Limits(seconds=20))
    assert result.found and not left(result)
    if not name.startswith(("coroutine", "asynchronous")):
        asked.check(result)


def test_says_what_was_not_found(tmp_path: Path) -> None:
    asked = Measured(tmp_path, "def f(n: int):\n    if n != n: return 1\n    if n > 3: return 2\n")
    result = asked.suggest("f", "f(1)", limits=Limits(seconds=20, calls=300))
    assert left(result) == [(2, "if", "true")] and code(result) == ["f(4)"]
    text = shown.report(result)
    assert f"found none in {result.calls:,} calls:\n    line 2: n != n: true" in text and "impossible" not in text


@pytest.mark.slow
@pytest.mark.parametrize("call", ["", "f(1)"])
def test_being_boolean_is_not_looked_for_once_a_value_was_none(tmp_path: Path, call: str) -> None:
    text = "class N:\n    def __lt__(self, other): return [other]\ndef f(b): return b and N() < 3\n"
    asked = Measured(tmp_path, text)
    result = asked.suggest("f", *filter(None, [call]), limits=Limits(seconds=20, calls=100))
    assert result.found and not left(result)


def test_shrinks(tmp_path: Path) -> None:
    """Arguments that nothing depends on are left out or plain, and texts are short."""
    asked = Measured(tmp_path, "def f(s: str, n: int = 3, *, x=None):\n    if 'needle' in s: return 1\n")
    result = asked.suggest("f", "f('some text with much in it', 12345, x=[1, 2, 3])")
    assert code(result) == ["f('needle')"]


def test_nothing_is_missed(tmp_path: Path) -> None:
    asked = Measured(tmp_path, "def f(n):\n    if n: return 1\n")
    result = asked.suggest("f", "f(0)", "f(1)")
    assert not result.found and not result.calls
    assert shown.report(result) == "branchcov: nothing is missed in f"


def test_excluded_outcomes_are_not_looked_for(tmp_path: Path) -> None:
    asked = Measured(tmp_path, "def f(n):\n    if n == 3:  # pragma: no cover\n        return 1\n    assert n\n")
    assert not asked.suggest("f", "f(1)").calls


def test_state_of_other_trials_does_not_count(tmp_path: Path) -> None:
    """What only a call after other calls covers is not shown: whoever types it sees something else."""
    text = "calls = []\ndef f(n: int):\n    calls.append(n)\n    if len(calls) > 60: return 1\n    if n > 3: return 2\n"
    result = Measured(tmp_path, text).suggest("f", "f(1)", limits=Limits(seconds=3, calls=200))
    assert code(result) == ["f(4)"] and left(result) == [(4, "if", "true")]


@pytest.mark.parametrize(
    ("name", "words"),
    [("g", "no function called g"), ("f.x", "there is no x"), ("n", "no function"), ("int", "no function called int")],
)
def test_wrong_names(tmp_path: Path, name: str, words: str) -> None:
    asked = Measured(tmp_path, "n = 3\ndef f(n):\n    if n: return 1\n")
    with pytest.raises(UsageError, match=words):
        asked.suggest(name)


@pytest.mark.slow
def test_command(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """A file's function, with data that has a part of it; the text of tests is Python that claims nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("shop_a.py").write_text("def price(n: int):\n    if n > 100: return 1\n    if n == 7: raise KeyError(n)\n")
    Path("use.py").write_text("import shop_a\nshop_a.price(200)\n")
    run = [sys.executable, "-m", "ipy_branchcov", "run", "--source", "shop_a.py", "--data", "d.json", "use.py"]
    subprocess.run(run, check=True, capture_output=True, cwd=tmp_path)
    assert main(["suggest", "shop_a.py::price", "--data", "d.json"]) == 0
    printed = capsys.readouterr().out
    assert "3 of 3 missed outcomes of price, by 2 calls" in printed
    assert "price(0)" in printed and "price(7)    # ends with KeyError" in printed
    assert main(["suggest", "shop_a.py::price", "--as-tests"]) == 0
    tests = capsys.readouterr().out
    compile(tests, "tests", "exec")
    assert "from shop_a import price" in tests and "def test_price_1():" in tests and "assert" not in tests
    assert tests.count("    ...") == tests.count("def test_") == 3


@pytest.mark.parametrize(
    ("target", "words"),
    [("nothing.py::f", "no such file"), ("shop_b.py", "FILE.py::FUNCTION"), ("shop_b.py::g", "no function called g")],
)
def test_command_errors(tmp_path: Path, monkeypatch: Any, capsys: Any, target: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop_b.py").write_text("def f(n):\n    if n: return 1\n")
    assert main(["suggest", target]) == 2
    printed = capsys.readouterr().err
    assert words in printed and printed.count("\n") == 1
