"""Functions that hang, crash, eat memory or want to change the world: trials contain them, and the rest is found."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from ipy_branchcov.suggest import shown
from ipy_branchcov.suggest.search import Limits
from ipy_branchcov.suggest.suggest import Suggestions
from tests.suggesting import Measured, code, left

pytestmark = pytest.mark.slow

#: What is refused, with the effect that is reported, by the number that a function does it for.
REFUSED = {
    1001: ("open(TRACE, 'w').write('x')", "open for writing"),
    1002: ("os.write(os.open(TRACE, os.O_WRONLY | os.O_CREAT), b'x')", "open for writing"),
    1003: ("pathlib.Path(TRACE).write_text('x')", "open for writing"),
    1004: ("try_to(lambda: open(TRACE, 'w').write('x'))", "open for writing"),
    1005: ("os.remove(VICTIM)", "os.remove"),
    1006: ("os.rename(VICTIM, TRACE)", "os.rename"),
    1007: ("shutil.rmtree(os.path.dirname(VICTIM))", "shutil.rmtree"),
    1008: ("os.mkdir(TRACE)", "os.mkdir"),
    1009: ("os.mkfifo(TRACE)", "os.mkfifo"),
    1010: ("os.truncate(VICTIM, 0)", "os.truncate"),
    1011: ("subprocess.run(['touch', TRACE])", "subprocess.Popen"),
    1012: ("os.system('touch ' + TRACE)", "os.system"),
    1013: ("os.fork() or open(TRACE, 'w')", "os.fork"),
    1014: ("os.kill(os.getppid(), signal.SIGKILL)", "os.kill"),
    1015: ("socket.create_connection(('127.0.0.1', PORT))", "socket.getaddrinfo"),
    1016: ("socket.socket()", "socket.__new__"),
    1017: ("sqlite3.connect(TRACE).execute('create table t (x)')", "sqlite3.connect"),
    1018: ("tempfile.mkstemp(dir=os.path.dirname(TRACE))", "tempfile.mkstemp"),
    1019: ("ctypes.CDLL(None).system(b'touch ' + TRACE.encode())", "ctypes.dlopen"),
    1020: ("os.chmod(VICTIM, 0)", "os.chmod"),
    1021: ("os.symlink(VICTIM, TRACE)", "os.symlink"),
    1022: ("urllib.request.urlopen('http://127.0.0.1:1/')", "urllib.Request"),
    1023: ("resource.setrlimit(resource.RLIMIT_FSIZE, (10**9, 10**9))", "resource.setrlimit"),
}
#: What does no harm, though it may try: the call is suggested.
HARMLESS = {
    2001: "sys.exit(3)",
    2002: "raise KeyboardInterrupt",
    2003: "print('x' * 10**6)",
    2004: "input('your name? ')",
    2005: "WRITTEN.write('x'); WRITTEN.flush()",
    2006: "os.write(WRITTEN.fileno(), b'x')",
    2007: "f(number)",
    2008: "x = bytearray(10**12)",
    2009: "os.environ['TRACE'] = 'x'; os.chdir('/')",
    2010: "raise ValueError(number)",
    2011: "sys.stdout.close()",
}
#: What ends a trial, or its process.
ENDLESS = {
    3001: "while True: pass",
    3002: "forever()",
    3003: "signal.setitimer(signal.ITIMER_REAL, 0); signal.setitimer(signal.ITIMER_PROF, 0); sum(range(10**14))",
    3004: "time.sleep(1000)",
    3005: "sum(range(10**14))",
    3006: "os._exit(3)",
    3007: "os.abort()",
    3008: "faulthandler._sigsegv()",
    3009: "threading.Thread(target=time.sleep, args=(1000,)).start()",
    3010: "x = 9 ** 9 ** 9",
    3011: "grow()",
}

TEXT = """
import ctypes, faulthandler, os, pathlib, resource, shutil, signal, socket, sqlite3, subprocess, sys, tempfile
import threading, time, urllib.request

TRACE, VICTIM, PORT = {trace!r}, {victim!r}, 1
WRITTEN = open({written!r}, "w")


def try_to(act):
    try:
        act()
    except BaseException:
        pass


def forever():
    while True:
        try_to(lambda: sum(1 for _ in iter(int, 1)))


def grow():
    kept = []
    while True:
        kept.append(bytearray(10**7))


def f(number: int):
    if number == 123_456:
        return "found"
{acts}
"""


class Asked(NamedTuple):
    result: Suggestions
    asked: Measured
    folder: Path


def processes() -> set[int]:
    """The children of this process. Other tests may leave some: multiprocessing's tracker of resources."""
    return {each.pid for each in psutil.Process().children(recursive=True)}


def ask(folder: Path, acts: Mapping[int, str], limits: Limits) -> Asked:
    """Look for what is missed in a function that does each act for its number; nothing outside may have changed."""
    (inner := folder / "inner").mkdir()
    trace, victim, written = inner / "trace", inner / "victim", inner / "written"
    victim.write_text("precious")
    lines = [f"    if number == {number}:\n        {act}" for number, act in acts.items()]
    asked = Measured(
        folder, TEXT.format(trace=trace.as_posix(), victim=str(victim), written=str(written), acts="\n".join(lines))
    )
    children = processes()
    threads, handler, here = threading.active_count(), signal.getsignal(signal.SIGALRM), Path.cwd()
    result = asked.suggest("f", "f(1)", limits=limits)
    asked.module.WRITTEN.close()
    assert sorted(each.name for each in inner.iterdir()) == ["victim", "written"]
    assert victim.read_text() == "precious" and written.read_text() == "" and victim.stat().st_mode & 0o400
    assert threading.active_count() == threads and signal.getsignal(signal.SIGALRM) is handler and Path.cwd() == here
    assert "TRACE" not in os.environ
    assert processes() <= children, "a process is left"
    return Asked(result, asked, inner)


def test_effects_are_refused(tmp_path: Path) -> None:
    """No call with an effect is suggested, each effect is reported by its name, and the others are found."""
    result, _, _ = ask(tmp_path, {number: act for number, (act, _) in REFUSED.items()}, Limits(seconds=20, calls=900))
    assert code(result) == ["f(123456)"]
    assert set(result.refused) == {effect for _, effect in REFUSED.values()}
    text = shown.report(result)
    assert "refused: os.remove" in text and f"found none in {result.calls:,} calls" in text


def test_harmless_functions(tmp_path: Path) -> None:
    """What a call prints, raises, or changes in its own process is its own matter."""
    result, _, _ = ask(tmp_path, HARMLESS, Limits(seconds=20))
    wanted = ["f(123456)", *(f"f({number})" for number in HARMLESS)]
    assert sorted(code(result)) == sorted(wanted), left(result)
    assert [len(each) for each in code(result)] == sorted(map(len, wanted)), "the shortest first"
    assert not result.refused and not result.left
    errors = {each.code: each.error for each in result.found}
    assert (
        errors["f(2001)"] == "SystemExit" and errors["f(2004)"] == "EOFError" and errors["f(2007)"] == "RecursionError"
    )
    assert errors["f(2008)"] == "MemoryError" and errors["f(2003)"] == ""


def test_calls_without_end(tmp_path: Path) -> None:
    """What hangs, crashes or starts threads costs its own call alone."""
    begun = time.monotonic()
    result, _, _ = ask(tmp_path, ENDLESS, Limits(seconds=8, calls=400))
    assert time.monotonic() - begun < 60, "the limits in all did not hold"
    assert code(result) == ["f(123456)"], left(result)
    assert {branch.span.line for branch, _ in result.left if branch.kind == "if"} >= {36}
    assert result.late >= 1 and result.died >= 1


def test_limits_in_all(tmp_path: Path) -> None:
    """A function of which every call hangs ends with its time, and with none found."""
    asked = Measured(tmp_path, "def f(number: int):\n    if number == 3:\n        return 1\n    while True: pass\n")
    begun = time.monotonic()
    result = asked.suggest("f", limits=Limits(seconds=1.0))
    assert time.monotonic() - begun < 20
    assert code(result) == ["f(3)"] or not result.found
    assert left(result)


def test_interrupt_keeps_what_was_found(tmp_path: Path) -> None:
    """Ctrl-C ends the search: what was found until then is shown, and no process is left."""
    asked = Measured(
        tmp_path,
        "def f(number: int):\n    if number > 10:\n        return 1\n    if str(number) == 'x':\n        return 2\n",
    )
    children = processes()
    # Where the tests run in the background, Python has no handler: SIGINT is ignored there.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt = threading.Timer(3.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    interrupt.start()
    try:
        result = asked.suggest("f", "f(1)", limits=Limits(seconds=60))
        interrupt.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.interrupted and result.seconds < 30
    assert [branch.span.line for each in result.found for branch, _ in each.covers] == [2]
    assert "interrupted" in shown.report(result)
    assert processes() <= children
