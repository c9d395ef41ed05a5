"""Dask's workers are measured: processes of a cluster, those that join later, that leave, and that are killed."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ipy_branchcov as branchcov
from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.source_coverage import SourceCoverage
from tests.kernel import Kernel, kernel

pytest.importorskip("distributed")
from distributed import Client, LocalCluster

from ipy_branchcov.processes.engines import dask
from ipy_branchcov.processes.engines.dask_worker import Call, Plugin

pytestmark = pytest.mark.slow

WORK = """\
import threading

def size(n):
    return "big" if n > 9 else "small"

def sizes(n):
    found = []
    threads = [threading.Thread(target=lambda m=m: found.append(size(m))) for m in range(n)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found

async def waits(n):
    return 1 if n else 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("dask")
    (folder / "dask_work.py").write_text(WORK)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("dask_work", None)


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    """A cluster of two processes."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(folder)
    import dask_work  # type: ignore[import-not-found]

    return dask_work


def workers(client: Client) -> list[str]:
    """The addresses of the workers, by their names."""
    known = client.scheduler_info()["workers"]
    return sorted(known, key=lambda address: int(known[address]["name"]))


def call(client: Client, worker: str, function: Any, *arguments: Any) -> Any:
    return client.submit(function, *arguments, workers=[worker], pure=False).result(timeout=60)


def hits(source: SourceCoverage, function: str) -> list[tuple[str, int, str]]:
    return [
        (outcome.name, outcome.hits, outcome.first.by if outcome.first else "")
        for branch in source.branches
        if branch.function == function
        for outcome in branch.outcomes
    ]


def test_modules_on_two_workers_and_here_are_one_coverage(client: Client, work: Any) -> None:
    first, second = workers(client)
    with branchcov.measure("dask_work", counts=True, engines=client) as run:
        assert call(client, first, work.size, 99) == "big"
        assert [call(client, second, work.size, 1), call(client, second, work.size, 2)] == ["small", "small"]
        assert call(client, first, work.waits, 1) == 1
        assert work.size(3) == "small"
    source = run.coverage["dask_work.py"]
    assert hits(source, "size") == [("true", 1, "worker 0"), ("false", 3, "")]
    assert hits(source, "waits") == [("true", 1, "worker 0"), ("false", 0, "")]
    assert run.coverage.lost == frozenset()


def test_a_second_run_begins_at_nothing(client: Client, work: Any) -> None:
    first, second = workers(client)
    with branchcov.measure("dask_work", counts=True, engines=client) as run:
        call(client, second, work.size, 1)
    assert hits(run.coverage["dask_work.py"], "size") == [("true", 0, ""), ("false", 1, "worker 1")]
    call(client, first, work.size, 99)
    with branchcov.measure("dask_work", engines=client) as run:
        pass
    assert run.coverage.totals.covered == 0


def test_threads_of_a_task_count(client: Client, work: Any) -> None:
    with branchcov.measure("dask_work", counts=True, engines=client) as run:
        assert sorted(call(client, workers(client)[0], work.sizes, 12)) == ["big"] * 2 + ["small"] * 10
    assert [(name, n) for name, n, _ in hits(run.coverage["dask_work.py"], "size")] == [("true", 2), ("false", 10)]


def test_nothing_stays_on_the_workers(client: Client, work: Any) -> None:
    with branchcov.measure("dask_work", engines=client):
        call(client, workers(client)[0], work.size, 1)
    assert set(client.run(_left, work.size).values()) == {(0, True, True)}
    plugins = client.run(lambda dask_worker: [name for name in dask_worker.plugins if "branchcov" in name])
    assert list(plugins.values()) == [[], []]


def _left(function: Any) -> tuple[int, bool, bool]:
    """On a worker: its runs, and whether cloudpickle and a function are as they were."""
    import cloudpickle.cloudpickle as theirs

    from ipy_branchcov.processes.engines import on_worker
    from ipy_branchcov.tracing.probes import registry

    return (
        len(on_worker._runs),
        not hasattr(theirs._make_function, "__wrapped__"),
        not registry.known(function.__code__),
    )


def test_workers_that_join_later_and_that_leave_are_measured(folder: Path, work: Any) -> None:
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        (first,) = workers(client)
        # The later worker and the script are processes that this block starts.
        with branchcov.measure("dask_work", counts=True, engines=client) as run:
            call(client, first, work.size, 99)
            cluster.scale(2)
            client.wait_for_workers(2)
            (later,) = set(workers(client)) - {first}
            call(client, later, work.size, 1)
            subprocess.run([sys.executable, "-c", "import dask_work; dask_work.size(99)"], check=True)
            client.retire_workers([first], close_workers=True)
            while len(client.scheduler_info()["workers"]) > 1:
                time.sleep(0.05)
    assert run.coverage.lost == frozenset()
    counts = [(name, n) for name, n, _ in hits(run.coverage["dask_work.py"], "size")]
    assert counts == [("true", 2), ("false", 1)]


@contextmanager
def bare_worker(client: Client, name: str, folder: Path) -> Iterator[str]:
    """The address of one more worker, in whose environment this package is missing."""
    hidden = folder / "hidden" / "ipy_branchcov"
    hidden.mkdir(parents=True, exist_ok=True)
    text = "raise ModuleNotFoundError(\"No module named 'ipy_branchcov'\", name='ipy_branchcov')\n"
    (hidden / "__init__.py").write_text(text)
    command = [sys.executable, "-m", "distributed.cli.dask_worker", client.scheduler.address, "--no-nanny"]
    before = set(client.scheduler_info()["workers"])
    worker = subprocess.Popen(
        [*command, "--name", name, "--nthreads", "1", "--no-dashboard"],
        env={**os.environ, "PYTHONPATH": f"{hidden.parent}{os.pathsep}{folder}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        client.wait_for_workers(len(before) + 1, timeout=120)
        (address,) = set(client.scheduler_info()["workers"]) - before
        yield address
    finally:
        worker.terminate()
        worker.wait()


def test_what_is_sent_needs_no_package() -> None:
    for each in Call("no_such_module", "f", ()), Plugin("no_such_module", "run", b"{}"):
        sent = pickle.dumps(each)
        assert b"builtins\x94\x8c\x04eval" in sent
        made = pickle.loads(sent)
        assert type(made).__module__ == "sent"
    worker, answer = pickle.loads(pickle.dumps(Call("no_such_module", "f", ())))(dask_worker=SimpleNamespace(name=7))
    assert (worker, repr(answer)) == ("worker 7", """ModuleNotFoundError("No module named 'no_such_module'")""")


def test_workers_without_the_package_work_and_are_reported(folder: Path, work: Any) -> None:
    """One that was there before, and one that joins later."""
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        bare_worker(client, "before", folder) as before,
    ):
        (first,) = set(client.scheduler_info()["workers"]) - {before}
        with branchcov.measure("dask_work", counts=True, engines=client) as run:
            assert [call(client, each, work.size, n) for each, n in ((first, 99), (before, 1))] == ["big", "small"]
            with bare_worker(client, "later", folder) as later:
                assert call(client, later, work.size, 1) == "small"
    assert hits(run.coverage["dask_work.py"], "size") == [("true", 1, "worker 0"), ("false", 0, "")]
    missing = "ipy-branchcov is not installed there; install the version that is here"
    assert run.coverage.lost == {f"worker before: {missing}", f"worker later: {missing}"}


def test_a_killed_worker_is_reported_and_the_others_count(folder: Path, work: Any) -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        first, second = workers(client)
        with branchcov.measure("dask_work", engines=client) as run:
            call(client, first, work.size, 99)
            call(client, second, work.size, 1)
            os.kill(call(client, first, os.getpid), signal.SIGKILL)
            while first in client.scheduler_info()["workers"]:
                time.sleep(0.05)
            client.wait_for_workers(2)  # its nanny has started another one
    assert hits(run.coverage["dask_work.py"], "size") == [("true", 0, ""), ("false", 1, "worker 1")]
    assert run.coverage.lost == {"worker 0: ended before its data could be collected; what it ran is lost"}


def test_workers_that_are_threads_of_this_process_count_once(folder: Path, work: Any) -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        branchcov.measure("dask_work", counts=True, engines=client) as run,
    ):
        for worker, n in zip(workers(client), (1, 99), strict=True):
            call(client, worker, work.size, n)
    assert hits(run.coverage["dask_work.py"], "size") == [("true", 1, ""), ("false", 1, "")]
    assert run.coverage.lost == frozenset()


def test_clients_that_cannot_be_used_are_refused(client: Client) -> None:
    with pytest.raises(UsageError, match=r"LocalCluster is no client; make one of it: Client\(cluster\)"):
        dask.engine(client.cluster)
    closed = Client(client.scheduler.address, set_as_default=False)
    closed.close()
    with pytest.raises(UsageError, match="the client is closed"):
        dask.engine(closed)

    async def asynchronous() -> None:
        async with Client(client.scheduler.address, asynchronous=True, set_as_default=False) as inside:
            with pytest.raises(UsageError, match="asynchronous client cannot be waited for"):
                dask.engine(inside)

    asyncio.run(asynchronous())


SCRIPT = """\
import ipy_branchcov as branchcov
from distributed import Client, LocalCluster

def size(n):
    return "big" if n > 9 else "small"

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=':0') as cluster:
        with Client(cluster) as client:
            with branchcov.measure(counts=True, engines=client) as run:
                for number, address in enumerate(client.scheduler_info()["workers"]):
                    client.submit(size, 99 * number, workers=[address], pure=False).result()
    branch = next(each for each in run.coverage["script.py"].branches if each.function == "size")
    print([(each.name, each.hits) for each in branch.outcomes], sorted(run.coverage.lost))
"""


def python(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_functions_of_a_script_which_travel_as_code(folder: Path) -> None:
    (folder / "script.py").write_text(SCRIPT)
    assert python("script.py", folder=folder) == "[('true', 1), ('false', 1)] []\n"


RUN = """\
import ipy_branchcov as branchcov
from dask_work import size
from distributed import Client, LocalCluster

def each(client):
    for address in client.scheduler_info()["workers"]:
        client.submit(size, 99, workers=[address], pure=False).result()

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=':0') as cluster:
        with Client(cluster) as client:
            for block in "starts a worker", "has it":
                with branchcov.measure("dask_work", counts=True, engines=client) as run:
                    cluster.scale(2)
                    client.wait_for_workers(2)
                    each(client)
                branch = next(each for each in run.coverage["dask_work.py"].branches if each.function == "size")
                print(block, [each.hits for each in branch.outcomes], sorted(run.coverage.lost))
            each(client)
"""


def test_each_run_has_what_a_cluster_did_once(folder: Path) -> None:
    """That of the script has all of it as of its processes; those of the blocks have it as of an engine."""
    (folder / "run.py").write_text(RUN)
    command = ["-m", "ipy_branchcov", "run", "--source", "dask_work.py", "--counts", "--json", "run.json", "run.py"]
    printed = python(*command, folder=folder).splitlines()
    assert printed[:2] == ["starts a worker [2, 0] []", "has it [2, 0] []"]
    coverage = branchcov.load(folder / "run.json")
    assert [(name, n) for name, n, _ in hits(coverage["dask_work.py"], "size")] == [("true", 6), ("false", 0)]
    assert coverage.lost == frozenset()


# --- in a notebook


@pytest.fixture(scope="module")
def notebook(folder: Path) -> Iterator[Kernel]:
    with kernel() as running:
        running.run(f"%cd -q {folder}\n%load_ext ipy_branchcov\nfrom distributed import Client, LocalCluster")
        made = running.run(
            "client = Client(LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=':0'))\n"
            "known = client.scheduler_info()['workers']\n"
            "one, other = sorted(known, key=lambda address: known[address]['name'])\n"
            "def call(worker, function, *a):\n"
            "    return client.submit(function, *a, workers=[worker], pure=False).result(timeout=60)"
        )
        assert made.status == "ok", made.traceback
        yield running
        running.run("client.cluster.close(); client.close()")


def test_a_cell_shows_what_the_workers_covered(notebook: Kernel) -> None:
    notebook.run("def clip(x, lo, hi):\n    return lo if x < lo else hi if x > hi else x")
    shown = notebook.run(
        "%%branchcov --engines client -o found\n"
        "import dask_work\n"
        "def sign(x):\n"
        "    return 1 if x > 0 else -1\n"
        "call(one, clip, 5, 0, 3), call(other, clip, -5, 0, 3), call(one, sign, 1), sign(-1)"
    )
    assert (shown.status, shown.stderr, shown.value) == ("ok", "", "(3, 0, 1, -1)")
    assert re.search(r"^branchcov: 5 of 6 outcomes covered", shown.text)
    assert "another cell · clip: 3 of 4 outcomes covered" in shown.text
    firsts = notebook.ask("sorted({o.first.by for s in found for b in s.branches for o in b.outcomes if o.first})")
    assert re.fullmatch(r"\['(In \[\d+\])', '\1 · worker 0', '\1 · worker 1'\]", firsts)


def test_a_cell_s_modules_and_its_counts(notebook: Kernel) -> None:
    shown = notebook.run(
        "%%branchcov --engines client --source dask_work --counts --view text -o found\n"
        "import dask_work\n"
        "[call(each, dask_work.size, n) for each, n in ((one, 1), (other, 2), (one, 3))];"
    )
    assert shown.status == "ok", shown.traceback
    counts = notebook.ask("[o.hits for s in found if s.source.kind == 'file' for o in s.branches[0].outcomes]")
    assert counts == "[0, 3]"


def test_an_unknown_name_runs_nothing(notebook: Kernel) -> None:
    shown = notebook.run("%%branchcov --engines nobody\nran = True")
    assert (shown.status, shown.error) == ("error", "UsageError")
    assert "--engines nobody: there is no variable nobody; make the client in a cell above" in shown.stderr
    assert notebook.ask("'ran' in globals()") == "False"


def test_a_worker_that_a_measured_cell_started_is_measured_once(notebook: Kernel) -> None:
    notebook.run("%branchcov_reset")
    counts = "[o.hits for s in {} if s.source.kind == 'file' for o in s.branches[0].outcomes]"
    started = notebook.run(
        "%%branchcov --source dask_work --counts\nimport dask_work\n"
        "client.cluster.scale(3)\n"
        "client.wait_for_workers(3)\n"
        "(third,) = set(client.scheduler_info()['workers']) - {one, other}\n"
        "call(third, dask_work.size, 10)"
    )
    assert "a process goes on, so what it covers is not in here" in started.stderr
    shown = notebook.run(
        "%%branchcov --engines client --source dask_work --counts -o found --fail-under 1\n"
        "[call(third, dask_work.size, n) for n in (11, 12)]"
    )
    # What it did before has come, too: it has left it when the engine's run began.
    assert (shown.status, shown.stderr, notebook.ask(counts.format("found"))) == ("ok", "", "[3, 0]")
    notebook.run(
        "import time\n"
        "call(third, dask_work.size, 13)\n"
        "client.retire_workers([third], close_workers=True)\n"
        "while 'a worker is still there':\n"
        "    time.sleep(.1)\n"
        "    if not get_ipython()._ipy_branchcov_extension._descendants._folder.running(): break"
    )
    notebook.run("%branchcov_report -q -o total")
    assert notebook.ask(counts.format("total")) == "[4, 0]"


def test_a_worker_killed_in_a_cell_fails_its_gate(notebook: Kernel) -> None:
    shown = notebook.run(
        "%%branchcov --engines client --fail-under 1\n"
        "import os, time\n"
        "os.kill(call(one, os.getpid), 9)\n"
        "while one in client.scheduler_info()['workers']:\n"
        "    time.sleep(0.05)\n"
        "call(other, clip, 1, 0, 3)"
    )
    assert (shown.status, shown.error) == ("error", "BelowThreshold")
    assert "branchcov: lost: worker 0: ended before its data could be collected; what it ran is lost\n" in shown.stderr
