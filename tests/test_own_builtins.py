"""A measured program that replaces built-in functions replaces its own, not ours."""

from __future__ import annotations

import builtins
from pathlib import Path
from types import BuiltinFunctionType

import pytest

from ipy_branchcov import own_builtins
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

#: The functions and classes of ``builtins`` that no syntax needs.
NAMES = sorted(
    name
    for name, value in vars(builtins).items()
    if (isinstance(value, BuiltinFunctionType) or (isinstance(value, type) and not issubclass(value, BaseException)))
    and not name.startswith("_")
)
PROGRAM = """\
def pick(x, y):
    if x and y:
        return "both"
    found = [each for each in (x, y) if each]
    while found:
        found.pop()
    return "one" if x or y else "none"

def steps(x):
    while x:
        yield x
        x -= 1

def boom(*arguments, **keywords):
    calls.append(arguments)
    raise SystemError("a function of the measured program")

def replaced(go):
    if not go:
        return
    pick(1, 1), pick(0, 0), pick(1, 0)
    for each in steps(2):
        pass

pick(0, 1)
for each in steps(1):
    pass
replaced(False)
home.update(dict.fromkeys(NAMES, boom))
replaced(True)
"""


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("tracer", tracers())
def test_callbacks_call_no_function_of_the_program(tmp_path: Path, tracer: str, counts: bool) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    session = Session(RunOptions(source=(str(path),), counts=counts, tracer=tracer, values=False))
    calls: list[object] = []
    home = vars(builtins)
    before = dict(home)
    with session.measuring("test") as run:
        code = session.instrument(compile(PROGRAM, str(path), "exec", dont_inherit=True))
        try:
            exec(code, {"home": home, "NAMES": NAMES, "calls": calls})
        finally:
            home.update(before)
    assert not calls and own_builtins.BUILTINS["len"] is len
    (source,) = run.coverage.sources
    assert not source.note and len(source.branches) > 5
    missed = [(branch.span.line, branch.missed) for branch in source.branches if branch.missed]
    assert not missed
