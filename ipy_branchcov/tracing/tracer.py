"""What every tracer is given and gives back, and the choice among them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import NamedTuple, Protocol

from ipy_branchcov.bytecode import Bytecode
from ipy_branchcov.errors import UsageError

JUMPED = -1


class Edge(NamedTuple):
    """From one bytecode offset to the next inside one frame. ``src`` is -1 where the frame begins or resumes.

    ``before``: the watched edge before it in the same frame, where the plan asks for it. ``dst`` is
    :data:`JUMPED` where a jump leads to its own fall-through and the tracer knows that it jumped.
    """

    src: int
    dst: int
    before: tuple[int, int] | None = None


#: A way out of an instruction: its offset, and whether it jumped (False: it fell through).
Way = tuple[int, bool]


@dataclass(frozen=True)
class Plan:
    """What a tracer must know of a code object, in offsets.

    ``ways``: those that mean something. ``copies``: tests whose ways mean something else where another test's way
    led to them, with these ways. For tracers that do not rewrite code: ``joint``: instructions whose edges need the
    watched edge before them; ``watched``: instructions whose edges are remembered for that; ``steps``: edges
    by the instruction that proves them (3.14); ``ends``: the same before 3.14, as instruction
    and next instruction. ``bytecode``: the code object decoded, where it has been.
    """

    ways: frozenset[Way] = frozenset()
    copies: Mapping[int, frozenset[Way]] = field(default_factory=dict)
    joint: frozenset[int] = frozenset()
    watched: frozenset[int] = frozenset()
    steps: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    bytecode: Bytecode | None = field(default=None, compare=False, repr=False)


@dataclass
class Recording:
    """What one code object did: its edges with their counts (1 where not counting), and its lines that ran."""

    code: CodeType
    plan: Plan = field(default_factory=Plan)
    edges: dict[Edge, int] = field(default_factory=dict)
    lines: set[int] = field(default_factory=set)


def lines_at(code: CodeType, offsets: Set[int]) -> set[int]:
    """The lines of some instructions."""
    return {line for start, end, line in code.co_lines() if line and not offsets.isdisjoint(range(start, end, 2))}


#: Whether a code object is to be measured. Called once for each that runs; must not raise. A tracer may take it that
#: the same filter accepts in a later run what it accepted before, and all code of a file or none of it.
CodeFilter = Callable[[CodeType], bool]
#: The plan for a code object that passed the filter. Must not raise.
Planner = Callable[[CodeType], Plan]


#: Told the first time that an edge is taken in a run, before its frame goes on: code, edge, frame. Must not raise.
Witness = Callable[[CodeType, Edge, FrameType], None]


class Tracer(Protocol):
    """Watches code objects between :meth:`start` and :meth:`stop`.

    ``note`` is a line for people about what the run itself did to the tracing; "" as a rule.
    """

    name: str
    note: str

    def prepare(self, code: CodeType) -> CodeType:
        """Code that is about to be run for the first time, as it had best be run."""

    def start(self) -> None:
        """Begin. Raises TracerError where the interpreter's facility is held by another tool."""

    def stop(self) -> list[Recording]:
        """End, give the facility back as it was, and return what ran since :meth:`start`."""


class TracerFactory(Protocol):
    """Makes a tracer of the code that ``wanted`` accepts; ``planner`` says what to watch in it.

    ``witness`` is told first takings by those that run something of ours then: not by code that marks its edges.
    """

    def __call__(
        self, wanted: CodeFilter, planner: Planner, *, counts: bool, witness: Witness | None = None
    ) -> Tracer: ...


def tracers() -> dict[str, TracerFactory]:
    """The tracers that this Python has, by name, the preferred one first."""
    from ipy_branchcov.tracing.settrace import SettraceTracer

    found: dict[str, TracerFactory] = {}
    if sys.version_info < (3, 12):
        from ipy_branchcov.tracing.marks import MarkTracer

        found["marks"] = MarkTracer
    if (3, 12) <= sys.version_info < (3, 14):
        from ipy_branchcov.tracing.instructions import InstructionTracer

        found["monitoring"] = InstructionTracer
    if sys.version_info >= (3, 14):
        from ipy_branchcov.tracing.monitoring import MonitoringTracer

        found["monitoring"] = MonitoringTracer
    found["settrace"] = SettraceTracer
    return found


def tracer_names() -> tuple[str, ...]:
    """What may be chosen on this Python."""
    return ("auto", *tracers())


def choose_tracer(name: str = "auto") -> TracerFactory:
    """The tracer of that name, or the best there is. Raises UsageError for one that this Python has not."""
    known = tracers()
    if name == "auto":
        return next(iter(known.values()))
    if name not in known:
        choice = " or ".join(tracer_names())
        raise UsageError(f"no tracer {name!r} on Python {sys.version.split()[0]}; choose {choice}")
    return known[name]
