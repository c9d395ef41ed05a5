"""Code with a top-level ``await``, as shells run it, and what goes on behind code that was executed."""

from __future__ import annotations

import ast
import asyncio
import sys
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

CELL = """\
import asyncio
x = 1
await asyncio.sleep(0)
if x:
    x = 2
for i in (1, 2):
    await asyncio.sleep(0)
    y = i > 1 and i == 2
z = [j async for j in numbers() if j]
"""
#: The outcomes that CELL covers, as numbers of hits.
HITS = [[1, 0], [2, 1], [1, 1], [1, 0, 0], [2, 1], [1, 1]]

TASK = """\
import asyncio
async def work(n):
    await asyncio.sleep(0)
    if n:
        await asyncio.sleep(0)
    return n and n > 1
def count(n):
    yield 1
    if n:
        yield 2
counting = count(1)
next(counting)
task = asyncio.ensure_future(work(2))
"""

every_tracer = pytest.mark.parametrize("tracer", tracers())
counted = pytest.mark.parametrize("counts", [True, False], ids=["counts", "once"])


async def numbers() -> Any:
    yield 0
    yield 1


class Cells:
    """A run that executes texts as files."""

    def __init__(self, folder: Path, tracer: str, counts: bool):
        self.folder = folder
        self.session = Session(RunOptions(counts=counts, tracer=tracer))

    def compile(self, text: str, name: str) -> CodeType:
        path = self.folder / f"{name}.py"
        path.write_text(text)
        self.session.add_source(str(path))
        return compile(text, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def hits(source: SourceCoverage) -> list[list[int]]:
    assert not source.missed_lines
    return [[outcome.hits for outcome in branch.outcomes] for branch in source.branches]


def expected(found: list[list[int]], *, counts: bool) -> list[list[int]]:
    return found if counts else [[min(each, 1) for each in outcomes] for outcomes in found]


@every_tracer
@counted
@pytest.mark.parametrize("given", [True, False], ids=["given", "late"])
def test_what_stands_behind_an_await(tmp_path: Path, tracer: str, counts: bool, given: bool) -> None:
    cells = Cells(tmp_path, tracer, counts)
    code = cells.compile(CELL, "cell")

    async def main() -> SourceCoverage:
        with cells.session.measuring("test") as run:
            await eval(cells.session.instrument(code) if given else code, {"numbers": numbers})
        return run.coverage.sources[0]

    before = sys.gettrace()
    assert hits(asyncio.run(main())) == expected(HITS, counts=counts)
    assert sys.gettrace() is before


@every_tracer
def test_two_that_wait_for_each_other(tmp_path: Path, tracer: str) -> None:
    """The one that began first ends first; the other goes on."""
    cells = Cells(tmp_path, tracer, counts=True)
    long = CELL.replace("(1, 2)", "(1, 2, 3, 4)")
    codes = [cells.compile(CELL, "short"), cells.compile(long, "long")]

    async def main() -> list[SourceCoverage]:
        with cells.session.measuring("test") as run:
            await asyncio.gather(*(eval(code, {"numbers": numbers}) for code in codes))
        return sorted(run.coverage.sources, key=lambda source: source.source.name, reverse=True)

    found = [hits(source) for source in asyncio.run(main())]
    assert found == [HITS, [HITS[0], [4, 1], [3, 1], [1, 2, 0], *HITS[4:]]]


@every_tracer
@counted
def test_tasks_that_outlive_the_code_that_made_them(tmp_path: Path, tracer: str, counts: bool) -> None:
    cells = Cells(tmp_path, tracer, counts)
    code = cells.compile(TASK, "task")

    async def main() -> SourceCoverage:
        names: dict[str, Any] = {}
        with cells.session.measuring("test") as run:
            exec(code, names)
            assert list(names["counting"]) == [2]
            assert await names["task"]
        return run.coverage.sources[0]

    before = sys.gettrace()
    assert hits(asyncio.run(main())) == [[1, 0], [1, 0], [1, 0, 0], [1, 0]]
    assert sys.gettrace() is before
