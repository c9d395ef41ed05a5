"""Values that nobody wants: the compiler leaves them out, and what they would have been is known all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_branchcov.tracing.choice import tracers
from tests.agreement import compare

#: From 3.14 on calls of all() and any() over generator expressions are loops, at whose ends a constant is loaded.
LOOPS = """\
class Refusing:
    def __bool__(self):
        raise ValueError


def no():
    return 0


def dropped(b):
    no() or all(a is None for a in b)
    b and any((no() if no() else sorted([] is None for z in [b, 1] if b)) is None for z in b if (lambda p=0: b)())
    no() or not all(a is None for a in b)
    no() or tuple(a for a in b)
    1 and b and all(a for a in b) and any(a for a in b)


def last(b):
    no() or (1 if b else any(a for a in b))


def returned(b):
    return no() or all(([] if no() else a) is None for a in b)


def named(b):
    x = no() or any(a is None for a in b if b)
    b and (y := all(a for a in b))
    return x


def looped(b):
    for c in b:
        1 and c and all(a for a in b)


def protected(b):
    try:
        b and any(a for a in b)
    finally:
        b or all(a for a in b)
    with open(__file__):
        b or any(a for a in b)


def chosen(b):
    (b and all(a for a in b)) if no() else (b or any(a for a in b))
    b and (all(a for a in b) if len(b) > 1 else any(a for a in b))
    b and (not all(a for a in b) or any(a for a in b))


def inside(b):
    b and all(a for a in b) is True
    b and f"{all(a for a in b)}"
    b and all(all(a for a in b) for c in b)
    b and any(any(a for a in b) or no() for c in b)
    return [b or all(a for a in b), b and any(not a for a in b), (lambda: b or all(a for a in b))()]


def another(b):
    def all(values):
        return list(values)

    b and all(a for a in b)


for function in (dropped, last, returned, named, looped, protected, chosen, inside, another):
    for values in ([], [1], [None], [0, 1], [1, 1], [0, 0], [None, None], [Refusing()]):
        try:
            function(values)
        except ValueError:
            print(function.__name__, len(values))
"""


@pytest.mark.slow
def test_inlined_calls_whose_value_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(LOOPS)
    result = compare("loops", LOOPS, str(path), list(tracers()))
    assert result.differences == []
    assert result.decisions > 40
