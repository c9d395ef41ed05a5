"""Other tools of ``sys.monitoring`` beside ours: nothing measured is lost, and they get the id that they ask for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from ipy_branchcov.errors import TracerError
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

if sys.version_info < (3, 12):
    pytest.skip("sys.monitoring is there from 3.12 on", allow_module_level=True)

from ipy_branchcov.tracing.monitoring_tool import FREED, UNSEEN, Tool

MONITORING = sys.monitoring
EVENTS = MONITORING.events
KEPT = MONITORING.use_tool_id

PROGRAM = """\
def pick(x):
    if x:
        return "yes"
    return "no"
def spread(a, b,
           c):
    if (a
        and
        b
        or
        not c):
        x = (1
             if
             c else
             2)
    else:
        x = 3
    while (
        x
        < 4
    ): x += 1
    return [i
            for i in range(3)
            if i
            > x or
            a]
def matched(v):
    match v:
        case [1, *_]: return 1
        case {"a": 1}: return 2
        case str() | None: return 3
    return 4
arrive()
pick(1), pick(0), spread(1, 0, 1), spread(0, 0, 0)
for v in ([1], {"a": 1}, "", 5): matched(v)
for i in range(2):
    if i: pass
try:
    for k in range(5):
        if k == 4: raise ValueError
except KeyError: pass
except ValueError: pass
"""


@contextmanager
def another(
    tool: int, events: int, *, everywhere: bool, answer: object, filename: str, kept: bool = False
) -> Iterator[Callable[[], None]]:
    """Yields a function that begins another tool. Its events are global, or local to the code of one file.

    ``kept``: it asks for its id by the function that it found when it was imported.
    """

    def starts(code: CodeType, offset: int) -> object:
        if code.co_filename == filename:
            MONITORING.set_local_events(tool, code, events)
        return MONITORING.DISABLE

    def begin() -> None:
        (KEPT if kept else MONITORING.use_tool_id)(tool, "another")
        MONITORING.register_callback(tool, EVENTS.PY_START, starts)
        for event in _parts(events):
            MONITORING.register_callback(tool, event, lambda *arguments: answer)
        MONITORING.set_events(tool, events if everywhere else EVENTS.PY_START)

    yield begin
    MONITORING.set_events(tool, 0)
    for event in (EVENTS.PY_START, *_parts(events)):
        MONITORING.register_callback(tool, event, None)
    MONITORING.free_tool_id(tool)


def _parts(events: int) -> list[int]:
    return [1 << i for i in range(20) if events >> i & 1]


def measured(path: Path, *, counts: bool, given: bool, begin: Callable[[], None], when: str) -> SourceCoverage:
    """The program's coverage, where ``begin`` is called ``before`` the run, ``after`` its start, or ``inside``."""
    session = Session(RunOptions(source=(str(path),), counts=counts))
    if when == "before":
        begin()
    with session.measuring("test") as run:
        if when == "after":
            begin()
        code = compile(PROGRAM, str(path), "exec", dont_inherit=True)
        names: dict[str, Any] = {"arrive": begin if when == "inside" else lambda: None}
        exec(session.instrument(code) if given else code, names)
    (source,) = run.coverage.sources
    return source


#: Tool, events, whether they are global, and what it answers.
KINDS = [
    (1, EVENTS.LINE, False, MONITORING.DISABLE),
    (4, EVENTS.LINE, True, MONITORING.DISABLE),
    (1, EVENTS.LINE | EVENTS.INSTRUCTION, True, None),
    (4, EVENTS.BRANCH | EVENTS.JUMP, False, MONITORING.DISABLE),
]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after", "inside"])
@pytest.mark.parametrize(("counts", "given"), [(False, True), (True, True), (False, False)])
def test_all_is_measured_beside_another_tool(tmp_path: Path, counts: bool, given: bool, when: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    alone = measured(path, counts=counts, given=given, begin=lambda: None, when="")
    assert sum(outcome.hits > 0 for branch in alone.branches for outcome in branch.outcomes) > 25
    for tool, events, everywhere, answer in KINDS:
        with another(tool, events, everywhere=everywhere, answer=answer, filename=str(path)) as begin:
            beside = measured(path, counts=counts, given=given, begin=begin, when=when)
        assert beside == alone, (tool, events, everywhere, answer)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["after", "inside"])
@pytest.mark.parametrize(("counts", "given"), [(False, True), (True, True), (False, False)])
def test_all_is_measured_beside_a_tool_that_comes_unseen(tmp_path: Path, counts: bool, given: bool, when: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    alone = measured(path, counts=counts, given=given, begin=lambda: None, when="")
    for everywhere in (True, False):
        of_lines = another(
            1, EVENTS.LINE, everywhere=everywhere, answer=MONITORING.DISABLE, filename=str(path), kept=True
        )
        with of_lines as begin:
            assert measured(path, counts=counts, given=given, begin=begin, when=when) == alone, everywhere


def test_a_tool_that_comes_unseen_and_stays_unseen_is_reported() -> None:
    tool = Tool({}, beside=EVENTS.LINE)
    code = compile("", "x", "exec")
    tool.watch(code, EVENTS.INSTRUCTION)
    KEPT(1, "another")
    try:
        assert tool.give_back() == UNSEEN
    finally:
        MONITORING.free_tool_id(1)
    tool = Tool({}, beside=EVENTS.LINE)
    tool.watch(code, EVENTS.INSTRUCTION)
    KEPT(1, "another")
    tool.look_around()
    MONITORING.free_tool_id(1)
    assert MONITORING.get_local_events(tool.id, code) == EVENTS.INSTRUCTION | EVENTS.LINE
    assert tool.give_back() == ""


def _once(begin: Callable[[Any], None]) -> Callable[[], None]:
    """Begins and ends a trace or profile function: its events are local to the frames that run now."""

    def arrive() -> None:
        begin(lambda *arguments: None)
        begin(None)

    return arrive


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after", "inside"])
@pytest.mark.parametrize(("counts", "given"), [(False, True), (True, True), (False, False)])
@pytest.mark.parametrize("begin", [sys.settrace, sys.setprofile])
def test_all_is_measured_beside_a_trace_or_profile_function(
    tmp_path: Path, begin: Callable[[Any], None], counts: bool, given: bool, when: str
) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    alone = measured(path, counts=counts, given=given, begin=lambda: None, when="")
    before = sys.gettrace(), sys.getprofile()
    try:
        for arrive in (lambda: begin(lambda *arguments: None), _once(begin)):
            assert measured(path, counts=counts, given=given, begin=arrive, when=when) == alone
            begin(None)
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])


def test_a_trace_function_after_a_tool_that_took_our_id(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    alone = measured(path, counts=False, given=True, begin=lambda: None, when="")
    session = Session(RunOptions(source=(str(path),)))
    before = sys.gettrace()
    try:
        with session.measuring("test") as run:
            MONITORING.use_tool_id(4, "another")  # nothing of the program has run: no code object is watched
            MONITORING.free_tool_id(4)
            MONITORING.use_tool_id(3, "another")
            MONITORING.free_tool_id(3)
            code = session.instrument(compile(PROGRAM, str(path), "exec", dont_inherit=True))
            exec(code, {"arrive": lambda: sys.settrace(lambda *arguments: None)})
    finally:
        sys.settrace(before)
    assert run.coverage.sources == (alone,)


def test_a_run_that_is_alone_holds_a_second_id() -> None:
    def ours() -> int:
        return sum(MONITORING.get_tool(each) == "branchcov" for each in range(6))

    first = Tool({})
    assert ours() == 2
    with held(5), pytest.raises(TracerError):
        Tool({})
    assert ours() == 2
    second = Tool({})
    assert ours() == 2
    second.give_back()
    assert ours() == 2
    first.give_back()
    assert ours() == 0


def test_another_tool_gets_all_its_events(tmp_path: Path) -> None:
    code = compile(PROGRAM, str(tmp_path / "program.py"), "exec")
    (tmp_path / "program.py").write_text(PROGRAM)

    def lines(session: Session | None) -> list[int]:
        found: list[int] = []
        MONITORING.use_tool_id(4, "another")
        MONITORING.register_callback(4, EVENTS.LINE, lambda code, line: found.append(line))
        ran = code if session is None else session.instrument(code)
        MONITORING.set_local_events(4, ran, EVENTS.LINE)
        exec(ran, {"arrive": lambda: None})
        MONITORING.set_local_events(4, ran, 0)
        MONITORING.register_callback(4, EVENTS.LINE, None)
        MONITORING.free_tool_id(4)
        return found

    session = Session(RunOptions(source=(str(tmp_path),)))
    with session.measuring("test"):
        beside = lines(session)
    assert beside == lines(None)


# --- the id


@contextmanager
def held(*tools: int) -> Iterator[None]:
    for tool in tools:
        MONITORING.use_tool_id(tool, f"holder {tool}")
    yield
    for tool in tools:
        MONITORING.free_tool_id(tool)


def test_the_ids_of_other_kinds_of_tools_stay_free() -> None:
    used = MONITORING.use_tool_id
    tool = Tool({EVENTS.PY_START: lambda code, offset: None})
    second = Tool({})
    assert (tool.id, second.id) == (4, 5)
    with pytest.raises(
        TracerError, match=r"branchcov holds 4 and branchcov holds 5.*stop one, or choose the tracer settrace"
    ):
        Tool({})
    assert (tool.give_back(), second.give_back()) == ("", "")
    assert [MONITORING.get_tool(i) for i in range(6)] == [None] * 6
    assert MONITORING.register_callback(4, EVENTS.PY_START, None) is None
    # The second one was put over the first, which has ended by now.
    MONITORING.use_tool_id = used


def test_a_tool_that_was_freed_says_so() -> None:
    tool = Tool({})
    MONITORING.free_tool_id(tool.id)
    assert tool.give_back() == FREED


def test_who_holds_the_ids_is_named() -> None:
    with held(4, 5), pytest.raises(TracerError) as caught:
        Tool({})
    assert "holder 4 holds 4 and holder 5 holds 5" in str(caught.value) and "\n" not in str(caught.value)


def test_a_program_that_asks_for_our_id_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(
        "import sys\n"
        "def f(x): return 1 if x else 2\n"
        "f(1)\n"
        "sys.monitoring.use_tool_id(4, 'mine')\n"
        "f(0)\n"
        "name = sys.monitoring.get_tool(4)\n"
        "sys.monitoring.free_tool_id(4)\n"
    )
    before, names = MONITORING.use_tool_id, {}
    session = Session(RunOptions(source=(str(path),)))
    with session.measuring("test") as run:
        exec(session.instrument(compile(path.read_text(), str(path), "exec")), names)
    assert names["name"] == "mine" and MONITORING.use_tool_id is before
    (source,) = run.coverage.sources
    assert [outcome.hits for outcome in source.branches[0].outcomes] == [1, 1]
    assert not source.missed_lines and not source.note
    with held(5), session.measuring("test"), pytest.raises(ValueError, match="tool 4 is already in use"):
        MONITORING.use_tool_id(4, "mine")


@pytest.mark.parametrize("number", [4, 5])
def test_a_program_that_uses_our_ids_without_asking_has_them(tmp_path: Path, number: int) -> None:
    """CrossHair takes the id 4 where no tool has it, and uses it where one has: all callbacks of ours were gone."""
    path = tmp_path / "program.py"
    path.write_text(
        "import sys\n"
        "def f(x): return 1 if x else 2\n"
        "tools, start = sys.monitoring, sys.monitoring.events.PY_START\n"
        f"tools.register_callback({number}, start, started)\n"
        f"tools.set_events({number}, start)\n"
        "f(1)\n"
        f"tools.set_events({number}, 0)\n"
        f"tools.register_callback({number}, start, None)\n"
        "f(0)\n"
    )
    session = Session(RunOptions(source=(str(path),)))
    try:
        for _ in range(2):  # in the second run the id is that tool's from the beginning
            seen: list[str] = []
            names = {"started": lambda code, offset, seen=seen: seen.append(code.co_name)}
            with session.measuring("test") as run:
                exec(session.instrument(compile(path.read_text(), str(path), "exec")), names)
            assert seen == ["f"]
            (source,) = run.coverage.sources
            assert [outcome.hits for outcome in source.branches[0].outcomes] == [1, 1]
            assert not source.missed_lines and not source.note and not run.coverage.lost
            assert [MONITORING.get_tool(i) for i in range(6) if i != number] == [None] * 5
    finally:
        session.close()
        if MONITORING.get_tool(number) is not None:
            MONITORING.free_tool_id(number)


def test_a_program_that_uses_our_only_id_is_reported() -> None:
    with held(0, 1, 2, 3, 5):
        tool = Tool({EVENTS.PY_START: lambda code, offset: None})
        MONITORING.register_callback(4, EVENTS.PY_START, lambda code, offset: None)
        assert tool.give_back() == FREED
