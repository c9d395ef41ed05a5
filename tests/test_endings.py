"""How programs end under ``branchcov run``: as under ``python``, once, and what they did is written."""

from __future__ import annotations

import _signal
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipy_branchcov.errors import UsageError
from ipy_branchcov.processes import wake
from ipy_branchcov.processes.endings import Endings
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.processes.forks import Forks
from ipy_branchcov.processes.program import run_script
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

PICK = "import os, signal, sys, threading, time\ndef pick(x):\n    return 'yes' if x else 'no'\n"
#: Programs that cover both outcomes of ``pick``, one in each part.
ENDINGS = {
    "a thread pool that is open": """\
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
print([pool.submit(pick, x).result() for x in (0, 1)])
""",
    "a thread and what is registered with atexit": """\
import atexit
atexit.register(lambda: print(pick(0)))
threading.Thread(target=lambda: (time.sleep(.1), print(pick(1)))).start()
raise SystemExit(3)
""",
    "os._exit": "print(pick(0), pick(1), flush=True)\nprint('in a buffer')\nos._exit(4)\n",
    "os._exit in a thread": """\
def leave():
    pick(0)
    os._exit(5)
pick(1)
threading.Thread(target=leave).start()
time.sleep(60)
""",
    "SIGTERM": "pick(0), pick(1)\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)\n",
    "SIGHUP": "pick(0), pick(1)\nos.kill(os.getpid(), signal.SIGHUP)\ntime.sleep(60)\n",
    "a handler of its own": """\
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
pick(0), pick(1)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
""",
    "a handler that lets the signal end the process": """\
def ends(number, frame):
    print(pick(1), signal.signal(number, signal.SIG_DFL) is ends, signal.getsignal(number), flush=True)
    os.kill(os.getpid(), number)
print(pick(0), signal.getsignal(signal.SIGTERM), signal.signal(signal.SIGTERM, ends), flush=True)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
""",
    "Ctrl-C that ends the process": """print(signal.signal(signal.SIGINT, signal.SIG_DFL), pick(0), pick(1), flush=True)
os.kill(os.getpid(), signal.SIGINT)
time.sleep(60)
""",
    "SIGPIPE where a program wants it to end it": """\
print(signal.signal(signal.SIGPIPE, signal.SIG_DFL), signal.getsignal(signal.SIGPIPE), pick(0), pick(1), flush=True)
read, write = os.pipe()
os.close(read)
os.write(write, b'x')
print('in a buffer')
""",
    "os.abort": "pick(0), pick(1)\nos.abort()\n",
    "Ctrl-C": "pick(0), pick(1)\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n",
    "exec": """\
try:
    os.execvp('no-such-program', ['x'])
except FileNotFoundError as error:
    print(error, flush=True)
pick(0), pick(1)
print('in a buffer')
os.execlp('sh', 'sh', '-c', 'echo next; exit 6')
""",
    "another program beside it": """\
pick(0)
print(os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', 'exit 3'), os.spawnlp(os.P_WAIT, 'no-such-program', 'x'))
pick(1)
""",
    "a fork that returns": """\
pid = os.fork()
if pid:
    os.waitpid(pid, 0)
print(pick(pid), flush=True)
""",
    "a fork that fails": """\
pid = os.fork()
if not pid:
    1 / pick(0)
print(pick(1), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    "a fork that executes another program": """\
pid = os.fork()
if not pid:
    pick(0)
    os.execlp('echo', 'echo', 'other')
print(pick(1), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    "a fork of a fork": """\
for x in (0, 1):
    if pid := os.fork():
        os.waitpid(pid, 0)
    elif x:
        pick(x)
        break
    else:
        if inner := os.fork():
            os.waitpid(inner, 0)
        else:
            print(pick(x), flush=True)
        break
""",
    "multiprocessing by fork": """\
import multiprocessing
def wait():
    pick(0)
    time.sleep(60)
fork = multiprocessing.get_context('fork')
one = fork.Process(target=pick, args=(1,))
two = fork.Process(target=wait)
for each in (one, two):
    each.start()
time.sleep(.3)
two.terminate()
for each in (one, two):
    each.join()
    print(each.exitcode)
""",
    "a pool of processes": """\
import multiprocessing
with multiprocessing.get_context('fork').Pool(2) as pool:
    print(pool.map(pick, [0, 1]))
""",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder. Temporary files go to another one, whose short name leaves room for the name of a socket.

    Signals that are ignored here (under nohup, in the background of a script) are not ignored by the programs.
    """
    monkeypatch.chdir(tmp_path)
    ignored = [each for each in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_IGN]
    for each in ignored:
        signal.signal(each, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="b") as temporary:
        monkeypatch.setenv("TMPDIR", temporary)
        yield tmp_path
    for each in ignored:
        signal.signal(each, signal.SIG_IGN)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def branchcov(*arguments: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "ipy_branchcov", *arguments)


def covered(name: str = "x.json", *, kind: str = "ifexp") -> list[list[int]]:
    """The hits of the outcomes of branches of a kind."""
    branches = json.loads(Path(name).read_text())["sources"][0]["branches"]
    return [[outcome["hits"] for outcome in branch["outcomes"]] for branch in branches if branch["kind"] == kind]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_program_ends_as_under_plain_python(ending: str) -> None:
    Path("x.py").write_text(PICK + ENDINGS[ending])
    plain, measured = python("x.py"), branchcov("run", "--json", "x.json", "x.py")
    assert measured.returncode == plain.returncode
    total = json.loads(Path("x.json").read_text())["totals"]
    words = f"{total['covered']} of {total['outcomes']} outcomes covered ({total['percent']}%)"
    closing = f"branchcov: {words}; written to x.json\n"
    assert closing in measured.stdout
    assert (measured.stdout.replace(closing, ""), measured.stderr) == (plain.stdout, plain.stderr)
    assert covered()[0] == [1, 1]
    assert not list(Path(os.environ["TMPDIR"]).iterdir()), "temporary files are left"


@pytest.mark.slow
@pytest.mark.parametrize("tracer", ["auto", "settrace"])
def test_a_fork_does_not_double_counts(tracer: str) -> None:
    Path("x.py").write_text(
        PICK + "pick(1), pick(1)\nif pid := os.fork():\n    os.waitpid(pid, 0)\nelse:\n    pick(0), pick(1)\n"
    )
    assert branchcov("run", "--json", "x.json", "--counts", "--tracer", tracer, "x.py").returncode == 0
    assert (covered(), covered(kind="if")) == ([[3, 1]], [[1, 1]])


@pytest.mark.slow
def test_a_report_is_written_whole_before_os_exit_and_the_gate_holds() -> None:
    Path("x.py").write_text(PICK + "pick(1)\nprint('in a buffer')\nos._exit(0)\n")
    done = branchcov("run", "--fail-under", "80", "x.py")
    assert done.returncode == 2
    assert done.stdout.startswith("branchcov: 1 of 2 outcomes covered (50.0%)\n  3 | ") and "buffer" not in done.stdout
    assert done.stderr == "branchcov: branch coverage 1 of 2 outcomes covered (50.0%) is below 80%\n"


@pytest.mark.slow
def test_an_exec_that_fails_after_all_is_reported() -> None:
    Path("bad").write_bytes(b"\0\1")
    Path("bad").chmod(0o755)
    Path("x.py").write_text(
        PICK + "try:\n    os.execv('./bad', ['bad'])\nexcept OSError as error:\n    print(error)\npick(0), pick(1)\n"
    )
    done = branchcov("run", "--json", "x.json", "--fail-under", "0", "x.py")
    assert done.returncode == 2 and "an exec failed after the data had been written" in done.stderr
    assert covered() == [[1, 1]]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_process_and_its_fork_go_on_after_an_exec_that_failed() -> None:
    Path("bad").write_bytes(b"\0\1")
    Path("bad").chmod(0o755)
    Path("y.py").write_text(
        """\
import os, x
x.pick(1)
pid = os.fork()
if not pid:
    x.pick(1)
try:
    os.execv('./bad', ['bad'])
except OSError:
    x.pick(0)
if pid:
    os.waitpid(pid, 0)
"""
    )
    Path("x.py").write_text(
        PICK + "if __name__ == '__main__':\n    import subprocess\n    subprocess.run([sys.executable, 'y.py'])\n"
    )
    done = branchcov("run", "--counts", "--json", "x.json", "x.py")
    assert (done.returncode, done.stderr, covered()) == (0, "", [[2, 2]])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.parametrize(("program", "status"), [("echo $2", 2), ("exit 6", 6), ("kill -9 $$", -9)])
def test_an_exec_does_not_hide_that_a_gate_failed(program: str, status: int) -> None:
    Path("x.py").write_text(PICK + f"pick(1)\nos.execlp('sh', 'sh', '-c', {program!r}, 'a', 'b', 'next')\n")
    done = branchcov("run", "--fail-under", "80", "x.py")
    assert done.returncode == status
    assert done.stderr == "branchcov: branch coverage 1 of 2 outcomes covered (50.0%) is below 80%\n"
    assert done.stdout.endswith("next\n") == program.startswith("echo")


@pytest.mark.slow
def test_a_fork_that_is_killed_is_lost_and_fails_the_gate() -> None:
    Path("x.py").write_text(
        PICK + "pid = os.fork()\nif not pid:\n    os.kill(os.getpid(), signal.SIGKILL)\nos.waitpid(pid, 0)\n"
    )
    done = branchcov("run", "--data", "x.json", "--json", "y.json", "x.py")
    line = "branchcov: lost: a process was killed, or has not ended: forked in x.py:4\n"
    assert (done.returncode, done.stderr) == (0, line)
    done = branchcov("report", "x.json", "--fail-under", "0")
    assert done.returncode == 2
    assert done.stderr.endswith("branchcov: 1 lost: coverage is incomplete, so the gate fails\n")


@pytest.mark.slow
def test_a_subprocess_with_a_function_of_its_own_is_no_fork_that_is_lost() -> None:
    Path("x.py").write_text("import subprocess\nsubprocess.run(['true'], preexec_fn=lambda: None)\n")
    done = branchcov("run", "--json", "x.json", "x.py")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_ends_a_process_is_given_back() -> None:
    handler = _signal.getsignal

    def now() -> list[object]:
        functions = [os._exit, os.abort, os.execv, os.execve, _signal.signal, _signal.getsignal]
        return [*functions, *map(handler, (signal.SIGTERM, signal.SIGINT, signal.SIGURG))]

    before, interrupt = now(), signal.getsignal(signal.SIGINT)
    endings = Endings(lambda abrupt: 0, lambda: None)
    endings.begin()
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        assert not [each for each, old in zip(now(), before, strict=True) if each is old]
        assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        endings.close()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, interrupt)
    assert now() == before


@pytest.mark.slow
def test_a_child_that_is_interrupted_and_its_fork_end_by_the_signal() -> None:
    """What executes a string at the end makes the interpreter forget that a KeyboardInterrupt ends it."""
    Path("work.py").write_text(PICK)
    Path("child.py").write_text(
        """\
import os, work
pid = os.fork()
work.pick(pid)
if pid:
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
raise KeyboardInterrupt
"""
    )
    Path("x.py").write_text("import subprocess, sys\nprint(subprocess.run([sys.executable, 'child.py']).returncode)\n")
    done = branchcov("run", "--source", "work.py", "--json", "x.json", "x.py")
    assert done.stdout.splitlines()[:2] == ["-2", "-2"], done
    assert covered() == [[1, 1]]


@pytest.mark.slow
def test_processes_that_a_script_starts_are_measured_and_nothing_else_is_lost() -> None:
    Path("x.py").write_text(
        """\
import multiprocessing, subprocess, sys
def spawned(x):
    return 1 if x else 2
def served(x):
    return 1 if x else 2
def forked(x):
    return 1 if x else 2
if __name__ == '__main__':
    for way, function in (('spawn', spawned), ('forkserver', served), ('fork', forked)):
        with multiprocessing.get_context(way).Pool(1) as pool:
            print(pool.map(function, [0, 1]))
    subprocess.run([sys.executable, '-c', 'import x; x.spawned(1)'])
    subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'], stdin=subprocess.PIPE)
"""
    )
    done = branchcov("run", "--json", "x.json", "--fail-under", "100", "x.py")
    assert covered() == [[1, 1]] * 3 and covered(kind="if") == [[1, 1]]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_processes_are_neither_measured_nor_missed_where_they_are_switched_off() -> None:
    Path("x.py").write_text(
        PICK
        + """\
import subprocess
if __name__ == '__main__':
    pick(1)
    if not (pid := os.fork()):
        pick(0)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    subprocess.run([sys.executable, '-c', 'import x, os; x.pick(0); os.kill(os.getpid(), 9)'])
    if pid := os.fork():
        os.waitpid(pid, 0)
    else:
        pick(0)
"""
    )
    done = branchcov("run", "--json", "x.json", "--no-subprocesses", "--fail-under", "0", "x.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("written to") == 1  # a fork does not report
    assert covered() == [[1, 0]]


def test_a_script_that_cannot_be_measured_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("argv", []), ("path", [""]), ("modules", dict(sys.modules))):
        monkeypatch.setattr(sys, name, value)
    Path("x.py").write_text("raise SystemError")
    session = Session(RunOptions(tracer="psychic", source=("x.py",)))
    with pytest.raises(UsageError, match="no tracer 'psychic'"):
        run_script(Path("x.py"), [], session, lambda coverage, abrupt: 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_fork_leaves_its_data_once() -> None:
    Path("x.py").write_text("x = 1 if going else 2\n")
    session, data = Session(RunOptions(source=("x.py",))), DataFolder()
    forks = Forks(session, data.path, watched=True)
    session.start("test")
    forks.begin()
    pid = os.fork()
    if not pid:
        try:
            exec(compile(Path("x.py").read_text(), str(Path("x.py").resolve()), "exec"), {"going": 1})
            forks.save()
            forks.save()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    forks.close()
    assert not forks.child and not session.stop().sources
    found, lost = data.collect(session.scope)
    data.remove()
    assert not lost and [str(each.totals) for each in found] == ["1 of 2 outcomes covered (50.0%)"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_signals_wait_while_a_process_forks() -> None:
    """The interpreter forgets what comes to a fork before it is ready: a terminated worker would go on."""
    Path("x.py").write_text(
        """\
import os, signal
def held():
    return signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])
found = []
os.register_at_fork(after_in_child=lambda: found.append(held()))
from ipy_branchcov.processes import wake
from ipy_branchcov.processes.endings import Endings
endings = Endings(lambda abrupt: 0, lambda: None)
endings.begin()
pid = os.fork()
if not pid:
    endings.close()
    print(found, held(), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print(held(), flush=True)
"""
    )
    done = python("x.py")
    assert (done.stdout, done.stderr) == ("[True] False\nFalse\n", "")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_a_child_ends_whose_main_thread_has_not_seen_the_signal(way: str) -> None:
    """It waits in a system call that nothing interrupts, as where the signal came just before the call.

    Here another thread gets the signal: the main one has blocked it.
    """
    Path("x.py").write_text(
        f"""\
import multiprocessing, signal, threading, time
def pick(x):
    return 'yes' if x else 'no'
def sees(ready):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    ready.set()
    time.sleep(100)
def child(ready, lock):
    pick(0), pick(1)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    threading.Thread(target=sees, args=(ready,), daemon=True).start()
    lock.acquire()
if __name__ == '__main__':
    context = multiprocessing.get_context({way!r})
    ready, lock = context.Event(), context.Lock()
    lock.acquire()
    process = context.Process(target=child, args=(ready, lock))
    process.start()
    ready.wait()
    time.sleep(.2)
    process.terminate()
    process.join()
    print(process.exitcode)
"""
    )
    done = branchcov("run", "--json", "x.json", "x.py")
    assert (done.returncode, done.stdout.splitlines()[0], done.stderr) == (0, "-15", "")
    assert covered() == [[1, 1]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_who_waits_for_a_child_with_a_limit_waits_no_longer() -> None:
    Path("x.py").write_text(
        f"""\
import multiprocessing, signal, time
from {wake.__name__} import begin
def deaf(ready):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready.set()
    time.sleep(100)
context = multiprocessing.get_context('fork')
ready = context.Event()
process = context.Process(target=deaf, args=(ready,))
process.start()
begin()
ready.wait()
process.terminate()
process.join(.25)
print(process.exitcode, flush=True)
process.kill()
process.join()
print(process.exitcode)
"""
    )
    done = python("x.py")
    assert (done.stdout, done.stderr) == ("None\n-9\n", "")
