"""Hot code that the JIT compiles while it is measured: outcomes that come late are recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """\
def late(n):
    s = 0
    for i in range(n):  # outcomes: BE
        if i == n - 1:  # outcomes: TF
            s += 1
        s += 3 if i > n - 2 else 1  # outcomes: TF
        if i > n:  # outcomes: -F
            s = 0
    return s
def nested(n):
    t = 0
    for i in range(n):  # outcomes: BE
        for j in range(3):  # outcomes: BE
            t += i if j < 2 else -i  # outcomes: TF
        while t > 10**6:  # outcomes: TF
            t -= 10**6
    return t
def numbers(n):
    for i in range(n):  # outcomes: B-
        if i > n - 2:  # outcomes: TF
            return
        yield i
def first(xs):
    for x in xs:  # outcomes: BE
        if x > 7000:  # outcomes: TF
            break
    else:
        return None
    return x
for i in range(20):  # outcomes: BE
    a = i
try:
    for k in range(20000):  # outcomes: B-
        if k == 19999:  # outcomes: TF
            raise ValueError
except KeyError:  # outcomes: -N
    pass
except ValueError:  # outcomes: M-
    pass
late(20000), nested(20000), sum(numbers(20000)), first(range(20000)), first(range(100))
"""
CHILD = """\
import sys
from pathlib import Path
from tests import target_programs
assert sys._jit.is_enabled()
for path in (Path(sys.argv[1]), *target_programs.targets()):
    found = target_programs.found(target_programs.run(path, "monitoring", counts=sys.argv[2] == "True"))
    assert found == target_programs.expected(path.read_text("utf-8")), (path, found)
"""
_JIT = getattr(sys, "_jit", None)


@pytest.mark.slow
@pytest.mark.skipif(_JIT is None or not _JIT.is_available(), reason="this Python was built without a JIT")
@pytest.mark.parametrize("counts", [False, True])
def test_late_outcomes_of_hot_code_and_the_targets(tmp_path: Path, counts: bool) -> None:
    path = tmp_path / "hot.py"
    path.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(counts)],
        env={**os.environ, "PYTHON_JIT": "1", "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
