"""A measured program that replaces built-in functions replaces its own, not ours."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from pathlib import Path
from types import BuiltinFunctionType

import pytest

from ipy_branchcov import own_builtins
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


#: In a process of its own: while the names are replaced, a collection in the tests' process could end an object of
#: another test, whose finalizer would call what the program put there.
MEASURE = """\
import builtins
import json
import sys
from ipy_branchcov import own_builtins
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

path, tracer, counts, names = json.loads(sys.argv[1])
session = Session(RunOptions(source=(path,), counts=counts, tracer=tracer, values=False))
calls = []
home = vars(builtins)
before = dict(home)
with session.measuring("test") as run:
    with open(path) as file:
        code = session.instrument(compile(file.read(), path, "exec", dont_inherit=True))
    try:
        exec(code, {"home": home, "NAMES": names, "calls": calls})
    finally:
        home.update(before)
(source,) = run.coverage.sources
missed = [[branch.span.line, list(branch.missed)] for branch in source.branches if branch.missed]
calls = [repr(each) for each in calls]
kept = own_builtins.BUILTINS["len"] is len
print(json.dumps([calls, kept, source.note, len(source.branches) > 5, repr(missed)]))
"""


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("tracer", tracers())
def test_callbacks_call_no_function_of_the_program(tmp_path: Path, tracer: str, counts: bool) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    arguments = json.dumps([str(path), tracer, counts, NAMES])
    ended = subprocess.run([sys.executable, "-c", MEASURE, arguments], capture_output=True, text=True, timeout=60)
    assert not ended.returncode and not ended.stderr, ended.stderr
    assert json.loads(ended.stdout) == [[], True, "", True, "[]"]


def test_a_name_that_is_replaced_later_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    before = builtins.breakpoint  # which no other thread of this process calls
    monkeypatch.setattr(builtins, "breakpoint", lambda: None)
    assert own_builtins.BUILTINS["breakpoint"] is before
