"""A script sees under ``branchcov run`` what it sees under ``python``: its own frames alone, and Python's names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_branchcov.bytecode.unseen import unseen

#: Prints what can be seen of the stack, from functions that the interpreter calls in many ways.
LOOKS = """\
import atexit, inspect, os, signal, sys, threading, traceback, warnings

def look(*where):
    names = []
    frame = sys._getframe()
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    print(where, names, [each.function for each in inspect.stack()], sys.exc_info()[0], len(sys._current_frames()))
    print(sorted(name for name in vars(sys) if name.startswith('last_')), flush=True)
    traceback.print_stack()
    for level in range(1, 7):
        warnings.warn('a warning', stacklevel=level)

class Looks:
    def __init__(self, name):
        self.name = name
    def __str__(self):
        look('str', self.name)
        return 'why it left'
    def __del__(self):
        look('del', self.name)

def hook(kind, error, trace):
    look('hook')
    print(traceback.format_list(traceback.extract_tb(trace)))
    sys.__excepthook__(kind, error, trace)

def sees(frame, event, argument):
    if frame.f_globals.get('__name__', '').startswith('ipy_branchcov'):
        os.write(2, f'{event} of {frame.f_code.co_name} of ours'.encode())

look('main')
for name, value in list(vars(sys.modules['__main__']).items()):
    if name.startswith('__') and name != '__warningregistry__':  # it counts changes of the filters
        print(name, type(value), value)
print(sys.argv, sys.orig_argv, sys.path[0], sys.flags)
atexit.register(look, 'at exit')
kept = Looks('kept')
print('all was looked at')
"""
#: How the program ends.
ENDS = {
    "comes to its end": "threading.Thread(target=look, args=('thread',)).start()",
    "an error": "sys.excepthook = hook\nraise ValueError(Looks('argument'))",
    "an error in its own excepthook": "sys.excepthook = lambda *each: 1 / 0\nraise ValueError",
    "Ctrl-C in its own excepthook": "def hook(*each):\n    raise KeyboardInterrupt\nsys.excepthook = hook\nlook(1 / 0)",
    "exit": "sys.exit(Looks('reason'))",
    "Ctrl-C": "os.kill(os.getpid(), signal.SIGINT)\nlook('never')",
    # At the interpreter's end such functions find the names of their module gone.
    "trace and profile functions": "del kept\nsys.settrace(sees)\nsys.setprofile(sees)",
    "an error under a trace function": "del kept\nsys.settrace(sees)\nraise ValueError(Looks('argument'))",
    "an error under a profile function": "del kept\nsys.setprofile(sees)\nraise ValueError(Looks('argument'))",
    "exit under both": "del kept\nsys.excepthook = hook\nsys.settrace(sees)\nsys.setprofile(sees)\nsys.exit(3)",
    "a stream of its own": (
        "class Out:\n    busy = False\n    def write(self, text): return sys.stderr.write(text)\n    def flush(self):\n"
        "        if not Out.busy:\n            Out.busy = True\n            look('flush')\n"
        "            Out.busy = False\n"
        "sys.stdout = Out()"
    ),
}
DOORS = {
    "module": ["-m", "ipy_branchcov"],
    "command": ["-c", "import sys; from ipy_branchcov.cli import start; sys.exit(start())"],
}


def run(*arguments: str) -> tuple[str, str, int]:
    command = [sys.executable, "-X", "utf8", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    out, err = (re.sub(" at 0x[0-9a-f]+", "", each) for each in (done.stdout, done.stderr))
    out, err = (
        "".join(line for line in text.splitlines(keepends=True) if mark not in line)
        for text, mark in ((out, "branchcov: "), (err, "branchcov: lost: "))  # what a trace function did, is
    )
    return out, err, done.returncode


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "door"), [*((end, "module") for end in ENDS), ("an error", "command"), ("Ctrl-C", "command")]
)
def test_a_script_sees_its_own_frames_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, door: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("looks.py").write_text(LOOKS + ENDS[end])
    plain = run("looks.py", "a")
    assert "['look', '<module>']" in plain[0] and "all was looked at" in plain[0]
    assert run(*DOORS[door], "run", "looks.py", "--json", "x.json", "--", "a") == plain
    assert Path("x.json").exists()


def test_where_others_call_us_they_go_on(tmp_path: Path) -> None:
    """A program that catches all exceptions: leaving through it would lose ours."""
    script, other = tmp_path / "script.py", tmp_path / "other.py"
    script.write_text("print('ran')\n")
    other.write_text(
        "from ipy_branchcov.cli import start\ndef call():\n    try:\n        print(start())\n"
        "    except BaseException as error:\n        print('caught', repr(error))\ncall()\n"
    )
    out, err, status = run(str(other), "run", str(script))
    assert (out, err, status) == ("ran\n0\n", "", 0)


def test_an_unseen_function_is_otherwise_as_before() -> None:
    def depth() -> int:
        frame, found = sys._getframe(), 0
        while frame.f_back is not None:
            frame, found = frame.f_back, found + 1
        return found

    def seen(argument: int, *, other: int = 0) -> tuple[int, int]:
        try:
            if argument:
                raise ValueError(argument)
        except ValueError:
            other += 1
        return depth(), other

    before = seen(1, other=2)
    assert unseen(seen)(1, other=2) == (before[0] - 1, 3)
    assert seen(0) == (before[0] - 1, 0)


def test_an_exception_comes_through_an_unseen_function_under_a_trace_function() -> None:
    """In a process of its own: without the data of its code 3.15 ends with a segmentation fault."""
    program = (
        "import sys\nfrom ipy_branchcov.bytecode.unseen import unseen\n"
        "@unseen\ndef through():\n    int('x')\n"
        "sys.settrace(lambda *each: None)\n"
        "for _ in range(3):\n    try:\n        through()\n    except ValueError as error:\n        print(error)\n"
    )
    assert run("-c", program) == ("invalid literal for int() with base 10: 'x'\n" * 3, "", 0)
