"""3.12 runs some instructions in pairs; code that was measured does so too, and other tools' events stay."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from ipy_branchcov.session.session import Session

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="3.12 alone writes pairs in memory")

LOOP = """\
def total(a, b, c):
    found = 0
    for i in a:
        if b and i or c:
            found, d = found + i, b
            e = d
    return found
"""


def pairs(code: CodeType) -> list[int]:
    from ipy_branchcov.bytecode.memory import parts, units
    from ipy_branchcov.tracing.py312.superinstructions import PAIRS

    return [place for place, each in enumerate(units(code)) if parts(each)[0] in PAIRS.values()]


def unmeasured(code: CodeType) -> list[int]:
    """The pairs of a code object that was never watched."""
    return pairs(code.replace())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "loop.py"
    path.write_text(LOOP)
    return path


def test_pairs_are_known() -> None:
    from ipy_branchcov.tracing.py312.superinstructions import PAIRS

    assert len(PAIRS) == 5


@pytest.mark.parametrize("instrumented", [True, False])
def test_they_come_back(path: Path, instrumented: bool) -> None:
    session = Session()
    session.add_source(str(path))
    code = compile(LOOP, str(path), "exec")
    names: dict[str, Any] = {}
    with session.measuring("first") as run:
        exec(session.instrument(code) if instrumented else code, names)
        total = names["total"]
        assert total([1, 2], 1, 0) == 3 and total((), 0, 0) == 0
        while_measured = pairs(total.__code__)
        result = total.__code__
    (loop,) = (branch for branch in run.coverage.sources[0].branches if branch.kind == "for")
    assert [each.hits for each in loop.outcomes] == [1, 1]
    assert pairs(total.__code__) == unmeasured(total.__code__)
    if instrumented:
        assert set(while_measured) <= set(unmeasured(result))
        assert len(while_measured) > len(unmeasured(result)) / 2
    with session.measuring("second") as run:  # events are reported again
        total([1], 0, 0)
    (first, *_) = (branch for branch in run.coverage.sources[0].branches if branch.kind == "and")
    assert [each.hits for each in first.outcomes] == [0, 1]
    assert pairs(total.__code__) == unmeasured(total.__code__)


def test_lines_are_told_to_another_tool_still(path: Path) -> None:
    session = Session()
    session.add_source(str(path))
    names: dict[str, Any] = {}
    with session.measuring("first"):
        exec(session.instrument(compile(LOOP, str(path), "exec")), names)
        names["total"]([1, 2], 1, 0)
    code = names["total"].__code__
    result: list[int] = []
    monitoring = sys.monitoring
    monitoring.use_tool_id(5, "another")
    monitoring.register_callback(5, monitoring.events.LINE, lambda code, line: result.append(line))

    def seen() -> list[int]:
        result.clear()
        names["total"]([1, 2], 1, 0)
        return list(result)

    try:
        monitoring.set_local_events(5, code, monitoring.events.LINE)
        alone = seen()
        with session.measuring("second"):
            both = seen(), seen()
        after = seen()
    finally:
        monitoring.set_local_events(5, code, 0)
        monitoring.free_tool_id(5)
    assert names["total"].__code__ is code
    assert len(alone) == 11
    assert both == (alone, alone) and after == alone
