"""Instructions with EXTENDED_ARGs before them: jumps over more than 65,535 code units, names beyond the 256th."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

every_tracer = pytest.mark.parametrize("tracer", tracers())

#: The jump out of the loop needs two EXTENDED_ARGs on each Python.
LOOP = "def f(n, x):\n    while n and n > 0 and (x or n):\n" + f"        x{'.x' * 20}\n" * 700 + "        n -= 1\n"


class Itself:
    @property
    def x(self) -> Itself:
        return self


def hits(path: Path, text: str, run: Any, options: RunOptions) -> list[list[int]]:
    path.write_text(text)
    session = Session(options)
    session.add_source(str(path))
    names: dict[str, Any] = {"Itself": Itself}
    exec(compile(text, str(path), "exec"), names)
    run = run(names)
    with session.measuring("test") as measured:
        run()
    return [[outcome.hits for outcome in branch.outcomes] for branch in measured.coverage.sources[0].branches]


def test_each_prefix_belongs_to_its_instruction() -> None:
    (code,) = (each for each in compile(LOOP, "x", "exec").co_consts if hasattr(each, "co_code"))
    bytecode = Bytecode(code)
    jump = next(each for each in bytecode.instructions if len(each.offsets) == 3 and each.conditional)
    assert [*jump.offsets] == [jump.first, jump.first + 2, jump.offset]
    assert {bytecode.at[offset] for offset in jump.offsets} == {jump}


@pytest.mark.slow
@every_tracer
def test_a_jump_over_more_than_65535_code_units(tmp_path: Path, tracer: str) -> None:
    found = hits(
        tmp_path / "long.py",
        LOOP,
        lambda names: lambda: names["f"](2, Itself()),
        RunOptions(tracer=tracer, counts=True),
    )
    assert found == [[2, 1], [2, 1], [2, 0], [2, 0], [2, 0], [0, 0]]


@every_tracer
def test_a_loop_whose_target_is_a_late_name(tmp_path: Path, tracer: str) -> None:
    """The frame is suspended when the measurement begins, so that it runs uninstrumented."""
    many = "; ".join(f"n{i} = 0" for i in range(300))
    text = f"{many}\ndef f(n):\n    global last\n    yield\n    {'; '.join(f'n{i}' for i in range(300))}\n"
    text += "    for last in range(n):\n        pass\n"

    def suspended(names: dict[str, Any]) -> Any:
        generator = names["f"](3)
        next(generator)
        return lambda: list(generator)

    assert hits(tmp_path / "late.py", text, suspended, RunOptions(tracer=tracer, counts=True)) == [[3, 1]]
