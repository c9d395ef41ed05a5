"""Generators that delegate: what is thrown into them, or closes them, goes where it goes unmeasured."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

TEXT = """\
import types

said = []


def inner(value):
    try:
        yield 1
    except ValueError:
        said.append("caught")
    finally:
        said.append("left")
    return value


def outer(value):
    found = yield from inner(value)
    yield found


@types.coroutine
def wait(value):
    return (yield from inner(value))


async def waits(value):
    found = await wait(value)
    return [found, await wait(value)]


for value in 5, (5,), StopIteration(5):
    generator = outer(value)
    said += [next(generator), repr(generator.throw(ValueError))]

closed = outer(0)
next(closed)
closed.close()

coroutine = waits(7)
said += [coroutine.send(None), coroutine.throw(ValueError)]
try:
    coroutine.throw(KeyError)
except KeyError:
    said.append("not caught")
"""


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("tracer", tracers())
def test_what_is_thrown_into_a_generator_that_delegates(tracer: str, counts: bool, tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(TEXT, "utf-8")
    code = compile(TEXT, str(path), "exec")
    plain: dict[str, list[object]] = {}
    exec(code, plain)
    session = Session(RunOptions(tracer=tracer, counts=counts))
    session.add_source(str(path))
    found: dict[str, list[object]] = {}
    with session.measuring("m") as run:
        exec(session.instrument(code), found)
    assert found["said"] == plain["said"] and "not caught" in plain["said"]
    (source,) = run.coverage
    assert not source.missed_lines and not source.notes
