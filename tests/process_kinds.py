"""Kinds of processes, for ``python -m tests.processes``, which copies this beside ``ways``: a function there for each.

Each ends when all that it has started has ended. What calls the function in another process is written out, as users
write it.
"""

import asyncio
import contextlib
import multiprocessing
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

#: A handler written in Python is called between instructions: a signal just before one long sleep waits for its end.
_WAITS = "any(time.sleep(.05) for _ in range(1200))"


def _python(text, *options):
    return [sys.executable, *options, "-c", text]


def _wait(pid):
    os.waitpid(pid, 0)


def _forked(call):
    """A fork that calls, and is gone."""
    pid = os.fork()
    if not pid:
        try:
            call()
        finally:
            os._exit(1)
    _wait(pid)


def _way(name):
    import ways

    return getattr(ways, name)


# --- started programs


def subprocess_of_this_python():  # calls: 1
    subprocess.run(_python("import ways; ways.subprocess_of_this_python(1)"), check=True)


def subprocess_isolated():  # calls: 1
    text = f"import sys; sys.path.insert(0, {str(pathlib.Path.cwd())!r}); import ways; ways.subprocess_isolated(1)"
    subprocess.run(_python(text, "-I"), check=True)


def shell():  # calls: 2
    command = shlex.join(_python("import ways; ways.shell(1)"))
    os.system(f"{command} && {command} | cat")


def asyncio_subprocess():  # calls: 1
    async def run():
        process = await asyncio.create_subprocess_exec(*_python("import ways; ways.asyncio_subprocess(1)"))
        await process.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))  # a notebook's own has a loop already
    thread.start()
    thread.join()


def posix_spawn():  # calls: 1
    _wait(os.posix_spawn(sys.executable, _python("import ways; ways.posix_spawn(1)"), os.environ))


def spawnv():  # calls: 1
    os.spawnv(os.P_WAIT, sys.executable, _python("import ways; ways.spawnv(1)"))


def child_of_child():  # calls: 2
    inner = _python("import ways; ways.child_of_child(1)")
    subprocess.run(_python(f"import ways, subprocess; ways.child_of_child(1); subprocess.run({inner!r})"), check=True)


def child_whose_fork_returns():  # calls: 3
    text = (
        "import os, ways\n"
        "ways.child_whose_fork_returns(1)\n"
        "pid = os.fork()\n"
        "if pid: os.waitpid(pid, 0)\n"
        "ways.child_whose_fork_returns(1)\n"
    )
    subprocess.run(_python(text), check=True)


def child_that_leaves():  # calls: 1
    subprocess.run(_python("import os, ways; ways.child_that_leaves(1); os._exit(0)"), check=True)


def child_that_fails():  # calls: 1
    text = "import ways; ways.child_that_fails(1); 1 / 0"
    subprocess.run(_python(text), check=False, stderr=subprocess.DEVNULL)


def child_that_terminates_itself():  # calls: 1
    text = "import os, signal, ways; ways.child_that_terminates_itself(1); os.kill(os.getpid(), signal.SIGTERM)"
    subprocess.run(_python(text), check=False)


def child_that_is_terminated():  # calls: 1
    text = f"import time, ways; ways.child_that_is_terminated(1); print(flush=True); {_WAITS}"
    with subprocess.Popen(_python(text), stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.terminate()


def child_that_is_interrupted():  # calls: 1
    text = (
        "import signal, time, ways\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"ways.child_that_is_interrupted(1); print(flush=True); {_WAITS}"
    )
    with subprocess.Popen(_python(text), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)


def child_that_becomes_another_program():  # calls: 1
    text = "import os, ways; ways.child_that_becomes_another_program(1); os.execlp('true', 'true')"
    subprocess.run(_python(text), check=True)


def child_that_becomes_this_python():  # calls: 2
    inner = _python("import ways; ways.child_that_becomes_this_python(1)")
    text = f"import os, ways; ways.child_that_becomes_this_python(1); os.execv({sys.executable!r}, {inner!r})"
    subprocess.run(_python(text), check=True)


def child_whose_exec_fails():  # calls: 2
    text = (
        "import os, pathlib, tempfile, ways\n"
        "ways.child_whose_exec_fails(1)\n"
        "bad = pathlib.Path(tempfile.mkdtemp()) / 'bad'\n"
        "bad.write_bytes(b'x'); bad.chmod(0o700)\n"
        "try: os.execv(bad, ['bad'])\n"
        "except OSError: ways.child_whose_exec_fails(1)\n"
    )
    subprocess.run(_python(text), check=True)


# --- forks


def fork_that_leaves():  # calls: 1
    import ways

    _forked(lambda: ways.fork_that_leaves(1))


def fork_that_is_terminated():  # calls: 1
    import ways

    _forked(lambda: (ways.fork_that_is_terminated(1), os.kill(os.getpid(), signal.SIGTERM), exec(_WAITS)))


def fork_that_becomes_this_python():  # calls: 2
    import ways

    inner = _python("import ways; ways.fork_that_becomes_this_python(1)")
    _forked(lambda: (ways.fork_that_becomes_this_python(1), os.execv(sys.executable, inner)))


def fork_of_a_fork():  # calls: 2
    import ways

    _forked(lambda: (_forked(lambda: ways.fork_of_a_fork(1)), ways.fork_of_a_fork(1)))


def fork_that_starts_a_child():  # calls: 2
    import ways

    inner = _python("import ways; ways.fork_that_starts_a_child(1)")
    _forked(lambda: (subprocess.run(inner, check=True), ways.fork_that_starts_a_child(1)))


def fork_on_a_terminal():  # calls: 1
    import pty

    import ways

    pid, terminal = pty.fork()
    if not pid:
        try:
            ways.fork_on_a_terminal(1)
        finally:
            os._exit(0)
    with contextlib.suppress(OSError):
        while os.read(terminal, 100):
            pass
    os.close(terminal)
    _wait(pid)


def daemon():  # calls: 1
    """It has no parent any more when it ends."""
    import ways

    here, there = os.pipe()
    _forked(lambda: os.fork() or (os.setsid(), ways.daemon(1), os.close(here), os._exit(0)))
    os.close(there)
    os.read(here, 1)
    os.close(here)
    time.sleep(0.5)


# --- multiprocessing


def _pool(method, name):
    with multiprocessing.get_context(method).Pool(1) as pool:
        pool.map(_way(name), [1, 1])
        pool.close()
        pool.join()


def _pool_terminated(method, name):
    with multiprocessing.get_context(method).Pool(1) as pool:
        pool.map(_way(name), [1, 1])


def _process(method, name):
    process = multiprocessing.get_context(method).Process(target=_way(name), args=(1,))
    process.start()
    process.join()


def _work(name, connection):
    _way(name)(1)
    connection.send(1)
    exec(_WAITS)


def _process_terminated(method, name):
    context = multiprocessing.get_context(method)
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(name, there))
    process.start()
    here.recv()
    process.terminate()
    process.join()


def _nested(method, name):
    _way(name)(1)
    _process(method, name)


def _process_of_process(method, name):
    process = multiprocessing.get_context(method).Process(target=_nested, args=(method, name))
    process.start()
    process.join()


def _executor(method, name):
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        list(pool.map(_way(name), [1, 1]))


def fork_pool():  # calls: 2
    _pool("fork", "fork_pool")


def spawn_pool():  # calls: 2
    _pool("spawn", "spawn_pool")


def forkserver_pool():  # calls: 2
    _pool("forkserver", "forkserver_pool")


def fork_pool_terminated():  # calls: 2
    _pool_terminated("fork", "fork_pool_terminated")


def spawn_pool_terminated():  # calls: 2
    _pool_terminated("spawn", "spawn_pool_terminated")


def forkserver_pool_terminated():  # calls: 2
    _pool_terminated("forkserver", "forkserver_pool_terminated")


def fork_process():  # calls: 1
    _process("fork", "fork_process")


def spawn_process():  # calls: 1
    _process("spawn", "spawn_process")


def forkserver_process():  # calls: 1
    _process("forkserver", "forkserver_process")


def fork_process_terminated():  # calls: 1
    _process_terminated("fork", "fork_process_terminated")


def spawn_process_terminated():  # calls: 1
    _process_terminated("spawn", "spawn_process_terminated")


def forkserver_process_terminated():  # calls: 1
    _process_terminated("forkserver", "forkserver_process_terminated")


def fork_process_of_process():  # calls: 2
    _process_of_process("fork", "fork_process_of_process")


def spawn_process_of_process():  # calls: 2
    _process_of_process("spawn", "spawn_process_of_process")


def forkserver_process_of_process():  # calls: 2
    _process_of_process("forkserver", "forkserver_process_of_process")


def fork_executor():  # calls: 2
    _executor("fork", "fork_executor")


def spawn_executor():  # calls: 2
    _executor("spawn", "spawn_executor")


def forkserver_executor():  # calls: 2
    _executor("forkserver", "forkserver_executor")


def joblib_loky():  # calls: 2
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    Parallel(2)(delayed(_way("joblib_loky"))(1) for _ in range(2))
    get_reusable_executor().shutdown(wait=True)
