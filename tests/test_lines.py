"""Lines that never ran: by the syntax tree, the same on every Python, in every report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports import cobertura, lcov
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from tests.lines import compare

PROGRAMS = {
    "annotations over several lines": (
        """\
import typing


def f(
    a: int,
    b: typing.Optional[str] = None,
) -> typing.Optional[
    int
]:
    return 1


class C:
    x: int
    y: dict[
        str,
        int,
    ] = {}


f(1)
""",
        [],
    ),
    "pass behind finally, after an exception": (
        """\
def f(n):
    try:
        int("x")
    finally:
        "text"
        pass
        pass


def g(n):
    try: int("x")
    finally:
        if n: n = 0
        pass


def never(n):
    try:
        int("x")
    finally:
        pass


for each in (f, g):
    try: each(1)
    except ValueError: pass
""",
        [18, 19, 21],
    ),
    "bodies behind annotations over several lines": (
        """\
def f(
    a: int,
) -> int: return 1


def g(
    a: dict[
        str,
        int]): a = 1


async def h(
    a=1,
): return a


class C:
    @property
    def never(
        self
    ) -> int: return 1
""",
        [14],
    ),
    "asserts over several lines": (
        """\
def f(a, b, c):
    assert (
        a
        != b
        != c
    ), "must differ"
    assert isinstance(
        a, int
    ), str(
        a
    )


f(1, 2, 3)
""",
        [],
    ),
    "a lambda that was never made, as its default raised": (
        """\
def f(a):
    try:
        return [
            a,
            lambda b=(
                a[0]
            ), c=a:
                a,
            a
        ]
    except TypeError:
        return None


f(1)
""",
        [5, 7, 8, 9],
    ),
    "a lambda that is called where it stands, and was never made": (
        """\
def f(a):
    try:
        return (
            lambda
            b=a[0]:
            b
        )()
    except TypeError:
        return None


f(1)
""",
        [4, 6],
    ),
    "a statement that never began, with all its lines": (
        """\
def never(
    a: int,
):
    try:
        x: int
        return [
            1,
            a,
        ]
    except (
        KeyError,
        ValueError,
    ):
        pass


f = (
    lambda:
    never
)
""",
        [4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 19],
    ),
    "parts of a statement behind an exception": (
        """\
def fail(*args):
    raise KeyError


try:
    x = [
        fail(
            1,
        ),
        fail
        .name,
        2,
        x,
    ]
except KeyError:
    pass
""",
        [10, 11, 13],
    ),
    "a part that ends with a call that raises": (
        """\
def fail():
    raise KeyError


f = (lambda:
    fail(
    )
)
try:
    f()
except KeyError:
    pass
""",
        [],
    ),
    "a suite on the line of its head": (
        """\
def f(a): return (
    1
)
if f: f = f, (
    1
)
else: f = (
    2
)
for f in []: f(
)
""",
        [2, 3, 7, 8, 9, 11],
    ),
    "an exception out of a finally": (
        """\
def f(a):
    try:
        raise KeyError
    finally:
        if a:
            a = 1


def g(a):
    try:
        raise KeyError
    finally:
        f(0)
        if a:
            a = 1


try:
    g(1)
except KeyError:
    pass
""",
        [6, 14, 15],
    ),
    "pass in a finally that an exception goes through": (
        """\
def f(a, b):
    try:
        b[0]
    finally:
        if (
            a
        ): pass
        if a:
            pass
        for _ in [a]:
            pass
        if b:
            a = 1
        elif None:
            a = 2


try:
    f(1, [])
except IndexError:
    pass
""",
        [13],
    ),
    "behind a loop whose break cannot be reached": (
        """\
def f(a):
    for x in a:
        if x:
            return 1
        else:
            return 2
        break
    else:
        return 3
    return 4 if a else 5


f([1])
""",
        [6, 9],
    ),
    "elements that never ran": (
        """\
c = []
x = [
    c
    for a in [1, 2]
    for b in c
]
x = [
    c
    for a in [1, 2]
    if c
], c and {
    c:
    0, a
    .x: 1
}
""",
        [3, 8, 12, 13, 14],
    ),
    "a guard that raises": (
        """\
def f(a):
    match a:
        case 1 if a.b:
            return 1
        case 2:
            return 2
        case _:
            return 3


try:
    f(1)
except AttributeError:
    pass
""",
        [4, 5, 6, 7, 8],
    ),
    "a match that nothing leaves": (
        """\
def f(a):
    match a:
        case 1:
            return 1
        case 2 if 0:
            a = 2
        case _:
            for a in []:
                return 2
                break
            else:
                return 3
    return a
f(3)
""",
        [4, 9],
    ),
    "a loop on a line of its own, over no items": (
        """\
def f(a):
    return [
        b
        for b in ()
        if b
    ], [
        b for b in a if b
    ]


class C(*[
    b for b in ()
    if b
]): 'doc'
f([])
f(())
""",
        [3, 5, 13],
    ),
    "functions on one line, below decorators": (
        """\
@property
def never(a): return a and 1
@staticmethod
async def later(): return 1
class C: pass
def raises(a): return a[0] and 1
try: raises([])
except (
    TypeError
): never = 1
except IndexError: pass
""",
        [10],
    ),
    "a decorator that raises": (
        """\
try:
    @missing
    def never(p=len([])):
        return p
except NameError: ran = 1
""",
        [3, 4],
    ),
    "a default that is not evaluated, on the line of a definition below its decorators": (
        """\
def same(made): return made
@same
def never(p=(len([])
        if (lambda: 0)() else 1)):
    return p
@same
class C(*[len([])
        if (lambda: 0)() else object]):
    x = 1
""",
        [5],
    ),
    "a pattern that raises": (
        """\
class Odd:
    def __eq__(self, other): raise KeyError
try:
    match Odd():
        case 1: first = 1
        case 2: second = 1
except KeyError: ran = 1
""",
        [6],
    ),
    "lines that ran, and no outcome of their branches": (
        """\
def f(a): return a or 1
def g(a):
    if a[0]: a = 1
    assert a, [
        1
        for _ in a
        if _
    ]
try: g([])
except* (
    KeyError,
    ValueError
) as e: a = 1
except* IndexError: a = 2
if f: ...
h = lambda a: [b for b in a if b]
g([1])
""",
        [13],
    ),
    "statements without code of their own that end a finally, where an exception passes through it": (
        """\
def f(a, b):
    try:
        try:
            a.x
        finally:
            len(a)
            if 0 and b:
                a = 1
    except AttributeError: pass
def g(a, b):
    try:
        try:
            a.x
        finally:
            while True:
                if b or len(a):
                    break
    except AttributeError: pass
def h(a, b):
    try:
        try:
            a.x
        finally:
            if b:
                a = 1
                pass
    except AttributeError: pass
for each in f, g, h: each([1], 0)
""",
        [25, 26],
    ),
    "statements without code of their own behind a branch that ends a finally": (
        """\
def f(a, b):
    try:
        a.x
    finally:
        if b:
            a = 1
        if 0:
            a = 2
def g(a, b):
    try:
        a.x
    finally:
        for each in b:
            a = 1
        while 0:
            a = 2
        else:
            pass
def h(a, b):
    try:
        a.x
    finally:
        if a:
            for each in b: a = 2
        elif b == [3]:
            for each in b: a = 1
            if __debug__:
                pass
def i(a, b):
    try:
        a.x
    finally:
        if __debug__: pass
for b in [], [1]:
    for each in f, g, h, i:
        try: each(1, b)
        except AttributeError: pass
""",
        [25, 26, 27, 28],
    ),
    "a function that ends with the clean-up of a handler that no exception reached": (
        """\
def f(a):
    try:
        len(a)
    finally:
        try:
            for each in a:
                continue
            else:
                b = 1
            if a:
                b = 2
            else:
                a()
        except ValueError:
            if a:
                1
            else:
                b: int
                a()
        finally:
            b: int
f([1])
""",
        [13, 14, 15, 19],
    ),
    "code that cannot be reached": (
        """\
def f(a):
    while True:
        if a:
            return 1
        else:
            raise ValueError
        a = 2
    return 3


if 24 * 60 > 2:
    f(1)
else:
    f(0)
""",
        [6],
    ),
}


def measured(text: str, tmp_path: Path) -> SourceCoverage:
    path = tmp_path / "program.py"
    path.write_text(text, "utf-8")
    session = Session(RunOptions(source=(str(path),)))
    with session.measuring("lines") as run:
        exec(session.instrument(compile(text, str(path), "exec", dont_inherit=True)), {"__name__": "program"})
    (source,) = run.coverage.sources
    return source


@pytest.mark.parametrize("name", PROGRAMS)
def test_lines_that_never_ran(name: str, tmp_path: Path) -> None:
    text, expected = PROGRAMS[name]
    source = measured(text, tmp_path)
    assert sorted(source.missed_lines) == expected
    assert compare(name, text, str(tmp_path / "program.py")).differences == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_line_hits_agree_with_the_lines_that_never_ran(name: str, tmp_path: Path) -> None:
    """In LCOV a statement stands on its first line; its others only where they alone are missed."""
    text, expected = PROGRAMS[name]
    source = measured(text, tmp_path)
    zeros = [line for line, hits in source.line_hits.items() if not hits]
    assert set(zeros) <= set(expected)
    starts = source.source.statement_lines
    assert {starts.get(line, line) for line in expected} >= {starts.get(line, line) for line in zeros}
    assert bool(zeros) is bool(expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_lcov_and_cobertura_have_the_same_lines(name: str, tmp_path: Path) -> None:
    source = measured(PROGRAMS[name][0], tmp_path)
    of_lcov = re.findall(r"^DA:(\d+),(\d)$", lcov.render(Coverage((source,))), re.MULTILINE)
    lines = list(ET.fromstring(cobertura.render(Coverage((source,)))).iter("line"))
    assert of_lcov == [(line.get("number"), line.get("hits")) for line in lines]
    assert {int(line) for line, hits in of_lcov if hits == "0"} <= source.missed_lines
    assert not {int(line) for line, hits in of_lcov if hits == "1"} & source.missed_lines


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are of Python 3.12")
def test_type_parameters_have_no_branches(tmp_path: Path) -> None:
    """Their bounds are evaluated when somebody asks for them, as annotations are; so are values of aliases."""
    text = """\
a = 1
type A[T: (int if a else str)] = list[T] if a else T
def f[
    T: (int if a
        else str)
](b: T) -> T: return b and 1
class C[T: (lambda: a and 1)]: pass
A.__value__
f(1)
"""
    source = measured(text, tmp_path)
    assert [(branch.kind, branch.span.line) for branch in source.branches] == [("and", 6)]
    assert not source.missed_lines and not source.note
    assert compare("type parameters", text, str(tmp_path / "program.py")).differences == []


def test_docstrings_are_no_lines_with_code_without_docstrings(tmp_path: Path) -> None:
    """``-OO``: from 3.14 on a tree that is parsed there has ``pass`` in their place."""
    Path(tmp_path / "doc.py").write_text('def f():\n    "doc"\nclass C:\n    """doc\n    more"""\ndef g(): "doc"\n')
    command = [sys.executable, "-OO", "-m", "ipy_branchcov", "run", "--json", "doc.json", "doc.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    (source,) = json.loads((tmp_path / "doc.json").read_text())["sources"]
    assert (source["missed_lines"], source["missed_spans"]) == ([], [])


def test_unreachable_code_is_in_no_report(tmp_path: Path) -> None:
    source = measured(PROGRAMS["code that cannot be reached"][0], tmp_path)
    assert not {7, 8, 14} & source.line_hits.keys()
