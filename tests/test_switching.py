"""Programs that switch in the middle of everything (greenlet, gevent, trio): the same output, and exact outcomes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_branchcov.tracing.choice import tracers

PROGRAMS = {
    "greenlet": """\
import greenlet
main = greenlet.getcurrent()
def switched(value):
    main.switch(value)
    return value
def listed(xs):
    return ["all" if x and switched(x) and x > 1 else "some" for x in xs]  # outcomes: TF T- TF BE
def numbers(n):
    for i in range(n):  # outcomes: BE
        if i % 2 or switched(i):  # outcomes: TF TF
            yield i
def caught(x):
    try:
        return 1 if switched(x) else 2  # outcomes: TF
    except ValueError:  # outcomes: M-
        return 3 if x else 4  # outcomes: T-
def left(x):
    return 1 if switched(x) else 2  # outcomes: --
def both():
    return [caught(x) for x in (0, 1)]  # outcomes: BE
running = [greenlet.greenlet(listed), greenlet.greenlet(lambda: list(numbers(3))), greenlet.greenlet(both)]
print(running[0].switch([0, 1, 2]), running[1].switch(), running[2].switch())
found = [None] * 3
while any(running):  # outcomes: TF
    for i in range(3):  # outcomes: BE
        if running[i]:  # outcomes: T-
            found[i] = running[i].switch()
print(found)
thrown = greenlet.greenlet(caught)
print(thrown.switch(5), thrown.throw(ValueError))
kept = greenlet.greenlet(left)
print(kept.switch(7))
""",
    "gevent": """\
from gevent import monkey
monkey.patch_all()
import threading, time
import gevent
def ready(value):
    time.sleep(0.001)
    return value
def work(x):
    return "all" if x and ready(x) and x > 1 else "some"  # outcomes: TF T- TF
def listed(xs):
    return [x for x in xs if ready(x) or x is None]  # outcomes: BE TF TF
def numbers(n):
    for i in range(n):  # outcomes: BE
        yield 1 if ready(i) else 0  # outcomes: TF
def waits(x):
    try:
        return 1 if ready(time.sleep(60)) else 2  # outcomes: --
    finally:
        print("killed" if x else "ended")  # outcomes: T-
jobs = [gevent.spawn(work, 0), gevent.spawn(work, 1), gevent.spawn(work, 2), gevent.spawn(listed, [0, 1, None])]
jobs += [gevent.spawn(lambda: list(numbers(2))), gevent.spawn(lambda: sum(numbers(2)))]
gevent.joinall(jobs)
print([job.value for job in jobs])  # outcomes: BE
found = []
def in_thread(x):
    found.append(work(x))
threads = [threading.Thread(target=in_thread, args=(2,)), threading.Thread(target=in_thread, args=(0,))]
for thread in threads:  # outcomes: BE
    thread.start()
for thread in threads:  # outcomes: BE
    thread.join()
print(sorted(found))
killed = gevent.spawn(waits, 1)
gevent.sleep(0.001)
killed.kill()
""",
    "trio": """\
import trio
async def ready(value):
    await trio.sleep(0)
    return value
async def work(x):
    return "all" if x and await ready(x) and x > 1 else "some"  # outcomes: TF T- TF
async def numbers(n):
    for i in range(n):  # outcomes: BE
        if await ready(i) or i == 0:  # outcomes: TF T-
            yield i
async def waits(x, done):
    try:
        while await ready(x):  # outcomes: T-
            await trio.sleep(60)
    except trio.Cancelled:  # outcomes: M-
        done.append("cancelled" if x else "ended")  # outcomes: T-
        raise
    finally:
        done.append(1 if x > 1 else 0)  # outcomes: TF
async def both():
    found, done = [], []
    async def put(x):
        found.append(await work(x))
    async with trio.open_nursery() as nursery:  # outcomes: --
        for x in range(3):  # outcomes: BE
            nursery.start_soon(put, x)
    print(sorted(found), [x async for x in numbers(3) if await ready(x)])  # outcomes: BE TF
    with trio.move_on_after(0.01) as scope:  # outcomes: S-
        await waits(1, done)
    print(done, "late" if scope.cancelled_caught else "in time")  # outcomes: T-
    async with trio.open_nursery() as nursery:  # outcomes: --
        nursery.start_soon(waits, 2, done)
        await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    print(done)
trio.run(both)
""",
}
CHILD = """\
import sys
from pathlib import Path
from tests import target_programs
path = Path(sys.argv[1])
found = target_programs.found(target_programs.run(path, sys.argv[2], counts=sys.argv[3] == "True"))
expected = target_programs.expected(path.read_text("utf-8"))
assert found == expected, sorted(found.items() ^ expected.items())
"""


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("library", PROGRAMS)
def test_outcomes_are_exact_and_the_output_is_the_same(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    path = tmp_path / "switching.py"
    path.write_text(PROGRAMS[library])
    plain = run(str(path))
    for tracer in tracers():
        for counts in (False, True):
            assert run("-c", CHILD, str(path), tracer, str(counts)) == plain, (tracer, counts)
