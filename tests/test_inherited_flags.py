"""Code whose compiler gave it its own ``from __future__ import annotations``: the text does not say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

TEXT = """\
class A:
    def never(self, x: int) -> str:
        return x
    @property
    def two(
        self,
        y: dict[str, int] = {1: 2},
    ) -> int:
        return 2 if self else 3
    z: int = 3
async def one(a: int) -> int: return a
A().two
"""


@pytest.mark.parametrize("tracer", tracers())
@pytest.mark.parametrize("instrumented", [True, False])
def test_lines_are_those_of_the_same_code_without_it(tmp_path: Path, tracer: str, *, instrumented: bool) -> None:
    path = tmp_path / "annotated.py"
    path.write_text(TEXT)
    found = []
    for inherited in (True, False):
        session = Session(RunOptions(tracer=tracer))
        session.add_source(str(path))
        with session.measuring("test") as run:
            code = compile(TEXT, str(path), "exec", dont_inherit=not inherited)
            exec(session.instrument(code) if instrumented else code, {"__name__": "annotated"})
        (source,) = run.coverage.sources
        assert not source.note
        found.append((source.missed_lines, source.missed_spans, source.branches))
    assert found[0] == found[1]
    assert found[0][0] == {3}
