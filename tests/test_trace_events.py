"""A trace function of the user's (``sys.settrace``) gets the same events under every tracer as without us."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from tests import target_programs
from tests.programs import program

#: Our own settrace stops where the user sets a trace function.
TRACERS = [name for name in tracers() if name != "settrace"]

Event = tuple[str, str, int]


def reported(code: Any, path: str) -> list[Event]:
    """The events that a trace function gets while code runs: the event, the function and the line."""
    events: list[Event] = []

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename != path:
            return None
        events.append((event, frame.f_code.co_name, frame.f_lineno))
        return trace

    namespace = {"__name__": "__main__", "__file__": path, "where": lambda error: None}
    before = sys.gettrace()
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), suppress(BaseException):
        try:
            sys.settrace(trace)
            exec(code, namespace)
        finally:
            sys.settrace(before)
    return events


def differences(text: str, path: str, tracer: str, *, counts: bool) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = reported(compile(text, path, "exec", dont_inherit=True), path)
        session = Session(RunOptions(counts=counts, tracer=tracer))
        session.add_source(path)
        with session.measuring("events"):
            measured = reported(session.instrument(compile(text, path, "exec", dont_inherit=True)), path)
    assert plain
    if sys.version_info >= (3, 12):
        plain, measured = first_times(plain), first_times(measured)
    if plain == measured:
        return []
    pairs = enumerate(zip(plain, measured, strict=False))
    first = max(0, next((i for i, (one, other) in pairs if one != other), min(len(plain), len(measured))) - 3)
    return [f"{len(plain)} and {len(measured)} events", str(plain[first:][:9]), str(measured[first:][:9])]


def first_times(events: list[Event]) -> list[Event]:
    """The events without the line events that repeat a line within one call.

    Without us the interpreter repeats some lines, and omits others: 3.12 reports the line of a call again where a jump
    leads behind the call; 3.14 and 3.15 do not report the line to which the last pass of a comprehension returns.
    """
    found: list[Event] = []
    calls: list[set[int]] = []
    for event, name, line in events:
        if event == "call":
            calls.append(set())
        if event != "line" or line not in calls[-1]:
            found.append((event, name, line))
            calls[-1].add(line)
        if event == "return":
            calls.pop()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("counts", [False, True], ids=["once", "counts"])
@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("path", target_programs.targets(), ids=lambda path: path.stem)
def test_targets(path: Path, tracer: str, counts: bool) -> None:
    assert differences(path.read_text("utf-8"), str(path), tracer, counts=counts) == []


@pytest.mark.slow
@pytest.mark.parametrize("counts", [False, True], ids=["once", "counts"])
@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("seed", range(4))
def test_random_programs(seed: int, tracer: str, counts: bool, tmp_path: Path) -> None:
    path = tmp_path / f"random{seed}.py"
    path.write_text(program(seed), "utf-8")
    assert differences(path.read_text("utf-8"), str(path), tracer, counts=counts) == []


JUMPS = """\
def tricky(output):
    output.append(1)
    (
        _, *_, _
    ) = output.append(4) or "Spam"
    output.append(5)

def chosen(output):
    output.append(1)
    found = [
        output
    ] if output or [
        2
    ] else None
    output.append(found and 3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize(("name", "line", "to"), [("tricky", 4, 5), ("tricky", 6, 2), ("chosen", 10, 14)])
def test_a_jump_of_a_debugger_leads_where_it_does_alone(
    tmp_path: Path, tracer: str, counts: bool, name: str, line: int, to: int
) -> None:
    """A jump into one statement takes the place with the most values on the stack: none of ours may be there."""
    path = tmp_path / "jumps.py"
    path.write_text(JUMPS)

    def run(code: Any) -> tuple[list[object], list[int]]:
        output: list[object] = []
        lines: list[int] = []

        def trace(frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
            if frame.f_code.co_name == name and event == "line":
                lines.append(frame.f_lineno)
                if frame.f_lineno == line and lines.count(line) == 1:
                    frame.f_lineno = to
            return trace if frame.f_code.co_filename == str(path) else None

        names: dict[str, Any] = {}
        exec(code, names)
        before = sys.gettrace()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                sys.settrace(trace)
                names[name](output)
            except (ValueError, TypeError) as error:
                output.append(type(error))
            finally:
                sys.settrace(before)
        return [each for each in output if each is not output], lines

    plain = run(compile(JUMPS, str(path), "exec"))
    session = Session(RunOptions(counts=counts, tracer=tracer))
    session.add_source(str(path))
    with session.measuring():
        assert run(session.instrument(compile(JUMPS, str(path), "exec"))) == plain
    session.close()
    assert line in plain[1]
