"""Ray's workers are measured: they leave what a task covered before its result can be seen."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

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
    """What the script prints, and the report as JSON."""
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "ipy_branchcov", "run", "--source=ray_work", "--json=found.json"]
    done = subprocess.run(
        [*command, *options, "ray_script.py", *kinds],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((folder / "found.json").read_text())


def hits(report: Any) -> dict[str, int]:
    """Of each outcome, by its function and name."""
    return {
        f"{branch['function']} {outcome['name']}": outcome["hits"]
        for source in report["sources"]
        for branch in source["branches"]
        for outcome in branch["outcomes"]
        if outcome["hits"]
    }


EVERY = ("tasks", "reduced", "nested", "fails", "several", "asynchronous", "threaded")


def test_every_kind_of_task_counts_exactly(folder: Path) -> None:
    printed, report = run(folder, "--counts", kinds=EVERY)
    assert printed.startswith(
        "[None, 'small', 'small', 'big']\nReduced\nsmall\nRayTaskError(ValueError)\n['small', 'small']\n"
        "['small', 'small', 'big']\n[['small'], ['small'], ['big']]\n"
    ), printed
    assert hits(report) == {"size true": 4, "size false": 10, "Reduced.__reduce__ true": 1}
    assert report.get("lost", []) == []


def test_a_cluster_that_ends_right_after_the_last_result(folder: Path) -> None:
    _, report = run(folder, kinds=("reduced", "several"))
    assert hits(report) == {"size true": 1, "size false": 1, "Reduced.__reduce__ true": 1}


def test_a_worker_that_is_killed_in_a_task_is_one_line(folder: Path) -> None:
    printed, report = run(folder, kinds=("dies",))
    assert "0 WorkerCrashedError small" in printed
    assert hits(report) == {"dies false": 1, "size false": 1}
    (lost,) = report["lost"]
    assert re.fullmatch(r"a process was killed, or has not ended: Ray's worker \d+ in ray::dies\(?\)?", lost), lost
