"""The program's trace and profile functions see what the program calls, and no frame around it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ipy_branchcov.processes import untraced

PROGRAM = """
import sys
from ipy_branchcov.processes import untraced

seen = []
def program():
    %s
sys.set%s(lambda frame, event, argument: seen.append(frame.f_code.co_name))
untraced.begin()
error = untraced.call(program)
untraced.end()
sys.set%s(None)
print(sorted(set(seen)), repr(error))
"""


@pytest.mark.parametrize("kind", ["trace", "profile"])
@pytest.mark.parametrize(("body", "error"), [("pass", "None"), ("raise ValueError(1)", "ValueError(1)")])
def test_only_what_is_called_is_seen(kind: str, body: str, error: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(PROGRAM % (body, kind, kind))
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    names, _, shown = ended.stdout.strip().rpartition("] ")
    assert "'program'" in names and "call" not in names and "begin" not in names, ended.stdout
    assert shown == error


def test_what_is_raised_is_returned() -> None:
    assert untraced.call(lambda: None) is None
    assert isinstance(untraced.call(lambda: 1 / 0), ZeroDivisionError)
