"""Ray's workers are measured: they leave what a task covered before its result can be seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.errors import UsageError
from tests import engine_scripts
from tests.engine_scripts import hits
from tests.kernel import Kernel, kernel

pytest.importorskip("ray")
import ray

from ipy_branchcov.processes.engines import ray_tasks
from ipy_branchcov.processes.engines.ray import engine
from ipy_branchcov.processes.ray_worker import is_worker, possible

pytestmark = pytest.mark.slow

WORK = """\
import os
import threading


def size(n):
    return "big" if n > 9 else "small"


class Reduced:
    def __init__(self, n):
        self.n = n

    def __reduce__(self):
        return Reduced, (0 if self.n > 9 else 1,)


def dies(n):
    if n:
        os.kill(os.getpid(), 9)
    return n


def later(n):
    found = []
    thread = threading.Thread(target=lambda: found.append(size(n)))
    thread.start()
    thread.join()
    return found
"""

#: What each part of the script does, and what it covers of ``ray_work``: by line and outcome, with counts.
SCRIPT = """\
import sys, time
import ray
import ray_work

ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)


@ray.remote
def task(n):
    return ray_work.size(n) if n else None


@ray.remote
def reduced(n):
    return ray_work.Reduced(n)


@ray.remote
def nested(n):
    return ray.get(task.remote(n))


@ray.remote
def fails(n):
    raise ValueError(ray_work.size(n))


@ray.remote
def several(n):
    for each in range(n):
        yield ray_work.size(each)
    ray_work.size(99)


@ray.remote(max_retries=0)
def dies(n):
    return ray_work.dies(n)


@ray.remote(max_retries=0)
def broken(n):
    yield ray_work.size(n)
    ray_work.dies(n)


@ray.remote
class Asynchronous:
    async def go(self, n):
        return ray_work.size(n)


@ray.remote(max_concurrency=4)
class Threaded:
    def go(self, n):
        time.sleep(0.01)
        return ray_work.later(n)


def tried(reference):
    try:
        return ray.get(reference)
    except Exception as error:
        return type(error).__name__


def main(kind):
    if kind == "tasks":
        print(ray.get([task.remote(n) for n in (0, 3, 4, 30)]))
    elif kind == "reduced":
        print(type(ray.get(reduced.remote(30))).__name__)
    elif kind == "nested":
        print(ray.get(nested.remote(3)))
    elif kind == "fails":
        print(tried(fails.remote(3)))
    elif kind == "several":
        print([ray.get(each) for each in several.options(num_returns="streaming").remote(2)])
    elif kind == "asynchronous":
        actor = Asynchronous.remote()
        print(ray.get([actor.go.remote(n) for n in (1, 2, 30)]))
    elif kind == "threaded":
        actor = Threaded.remote()
        print(ray.get([actor.go.remote(n) for n in (1, 2, 30)]))
    elif kind == "dies":
        print(tried(dies.remote(0)), tried(dies.remote(1)), tried(task.remote(3)))
        print([tried(each) for each in broken.options(num_returns="streaming").remote(30)])


for kind in sys.argv[1:]:
    main(kind)
ray.shutdown()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ray")
    (folder / "ray_work.py").write_text(WORK)
    (folder / "ray_script.py").write_text(SCRIPT)
    return folder


def run(folder: Path, *options: str, kinds: tuple[str, ...]) -> tuple[str, Any]:
    words = ("--source=ray_work", *options, "ray_script.py", *kinds)
    return engine_scripts.run(folder, *words, RAY_USAGE_STATS_ENABLED="0")


EVERY = ("tasks", "reduced", "nested", "fails", "several", "asynchronous", "threaded")


def test_every_kind_of_task_counts_exactly(folder: Path) -> None:
    printed, report = run(folder, "--counts", kinds=EVERY)
    assert printed.startswith(
        "[None, 'small', 'small', 'big']\nReduced\nsmall\nRayTaskError(ValueError)\n['small', 'small']\n"
        "['small', 'small', 'big']\n[['small'], ['small'], ['big']]\n"
    ), printed
    assert hits(report) == {"size true": 4, "size false": 10, "Reduced.__reduce__ true": 1}
    assert report.get("lost", []) == []


def test_a_worker_that_is_killed_in_a_task_is_one_line(folder: Path) -> None:
    printed, report = run(folder, kinds=("dies",))
    assert "0 WorkerCrashedError small\n" in printed  # whether its item comes through is a matter of time
    assert hits(report) == {"dies false": 1, "size false": 1, "size true": 1}
    for lost, name in zip(
        sorted(report["lost"], key=lambda line: line.rpartition("::")[2]), ("broken", "dies"), strict=True
    ):
        line = rf"a process was killed, or has not ended: worker \d+ in ray::{name}(\(\))?"
        assert re.fullmatch(line, lost), lost


def test_this_process_is_no_worker() -> None:
    """And this Ray is one whose workers can be measured."""
    assert ray.is_initialized() is False
    assert not is_worker()
    assert possible()


# --- as an engine, in a notebook


@pytest.fixture(scope="module")
def notebook(folder: Path) -> Iterator[Kernel]:
    """A notebook whose cluster was started before anything was measured."""
    with kernel() as running:
        made = running.run(
            f"import os\nos.environ.update(PYTHONPATH={str(folder)!r}, RAY_USAGE_STATS_ENABLED='0')\n"
            f"%cd -q {folder}\n%load_ext ipy_branchcov\nimport ray\n"
            "hook = {'worker_process_setup_hook': 'ipy_branchcov.engines.ray_worker'}\n"
            "ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=hook);"
        )
        assert made.status == "ok", made.traceback
        started = running.run(
            "import ray_work\n"
            "def clip(x, lo, hi):\n    return lo if x < lo else hi if x > hi else x\n"
            "clipped = ray.remote(clip)\n"
            "@ray.remote\nclass Adder:\n"
            "    def __init__(self):\n        self.sum = 0\n"
            "    def add(self, n):\n        self.sum += n\n        return ray_work.size(self.sum)\n"
            "adder = Adder.remote()\n"
            "ray.get([adder.add.remote(99), clipped.remote(5, 0, 3)])"
        )
        assert started.value == "['big', 3]", started.traceback
        yield running
        running.run("ray.shutdown()")


def test_a_cell_shows_what_the_workers_covered(notebook: Kernel) -> None:
    shown = notebook.run(
        "%%branchcov --engines ray --source ray_work --counts -o found\n"
        "ray.get([clipped.remote(-5, 0, 3), clipped.remote(1, 0, 3), adder.add.remote(-98), adder.add.remote(1)])"
    )
    assert (shown.status, shown.stderr, shown.value) == ("ok", "", "[0, 1, 'small', 'small']")
    counts = notebook.ask(
        "sorted((b.function, o.name, b.span.column, o.hits) for s in found for b in s.branches "
        "for o in b.outcomes if o.hits)"
    )
    assert counts.replace("\n", "") == (
        "[('clip', 'false', 17, 1), ('clip', 'false', 35, 1), ('clip', 'true', 17, 1), ('size', 'false', 20, 2)]"
    )
    firsts = notebook.ask("{o.first.by for s in found for b in s.branches for o in b.outcomes if o.first}")
    assert re.fullmatch(r"\{('In \[\d+\] · worker \d+'(, )?){1,3}\}", firsts), firsts
    assert notebook.ask("found.lost") == "frozenset()"
    notebook.run(f"from {ray_tasks.__name__} import Store")
    left = notebook.ask("[name for kind in ('runs', 'state', 'data', 'failed') for name in Store().names(kind)]")
    assert left == "[]"


def test_the_next_cell_shows_its_own(notebook: Kernel) -> None:
    """Tasks between two measured cells count for neither."""
    notebook.run("ray.get([clipped.remote(5, 0, 3), adder.add.remote(99)])")
    shown = notebook.run("%%branchcov --engines ray -o found\nray.get(clipped.remote(1, 0, 3))")
    assert shown.value == "1", shown.traceback
    covered = notebook.ask("{(b.function, o.name) for s in found for b in s.branches for o in b.outcomes if o.hits}")
    assert covered == "{('clip', 'false')}"


def test_a_worker_that_is_killed_in_a_cell(notebook: Kernel) -> None:
    notebook.run("@ray.remote(max_retries=0)\ndef dies(n):\n    return ray_work.dies(n)")
    shown = notebook.run(
        "%%branchcov --engines ray -o found\n"
        "try:\n    ray.get(dies.remote(1))\nexcept Exception as error:\n    print(type(error).__name__)"
    )
    assert "WorkerCrashedError" in shown.stdout
    lost = notebook.ask("list(found.lost)")
    assert re.fullmatch(
        r"\['worker \d+: ended in a task or goes on with it; what it ran since its last result is not measured'\]", lost
    ), lost


def test_what_cannot_be_used_is_one_line(notebook: Kernel) -> None:
    with pytest.raises(UsageError, match=r"Ray is not started; start it: ray\.init"):
        engine(ray)
    notebook.run("ray.shutdown()\nray.init(num_cpus=1, include_dashboard=False, log_to_driver=False);")
    shown = notebook.run("%%branchcov --engines ray\n1")
    assert "--engines ray: Ray's workers were started without branchcov; start them so: ray.init(" in shown.stderr
    assert shown.value == ""


def test_a_cluster_that_a_measured_cell_starts(notebook: Kernel) -> None:
    """Its workers go on: each cell has what ran since the one before."""
    started = notebook.run(
        "%%branchcov -o found\nray.shutdown()\n"
        "ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)\n"
        "ray.get([clipped.remote(5, 0, 3), clipped.remote(1, 0, 3)])"
    )
    assert started.value == "[3, 1]", started.traceback
    covered = "{(b.span.column, o.name): o.hits for s in found for b in s.branches for o in b.outcomes if o.hits}"
    assert notebook.ask(covered) == "{(17, 'false'): 1, (35, 'true'): 1, (35, 'false'): 1}"
    assert notebook.ask("found.lost") == "frozenset()"
    for value, expected in ((-5, "{(17, 'true'): 1}"), (5, "{(17, 'false'): 1, (35, 'true'): 1}")):
        notebook.run(f"%%branchcov -o found\nray.get(clipped.remote({value}, 0, 3))")
        assert notebook.ask(covered) == expected
        assert notebook.ask("found.lost") == "frozenset()"
