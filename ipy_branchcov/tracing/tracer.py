"""What every tracer is given and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import CodeType, FrameType
from typing import Any, NamedTuple, Protocol

from ipy_branchcov.bytecode.decode import Bytecode, ExitEdge
from ipy_branchcov.bytecode.values import Value
from ipy_branchcov.model.decisions import History
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.failures import Failures

__builtins__ = BUILTINS

JUMPED = -1


class Edge(NamedTuple):
    """A step from one bytecode offset to the next inside one frame. ``src`` is -1 where the frame begins or resumes.

    ``before``: the watched edge before it in the same frame, where the plan asks for it. ``dst`` is
    :data:`JUMPED` where a jump leads to its own fall-through and the tracer knows that it jumped; it is below that
    where the edge says what a value was (:mod:`ipy_branchcov.bytecode.values`).

    ``history``: what the frame's open evaluations had come to before, where the plan follows decisions.
    """

    src: int
    dst: int
    before: tuple[int, int] | None = None
    history: History = ()


class Histories(Protocol):
    """Follows the evaluations that a frame is in the midst of. ``exits``: those that can change its history.

    ``offsets``: the instructions with such exits, and their EXTENDED_ARGs.
    """

    @property
    def exits(self) -> frozenset[ExitEdge]: ...

    @property
    def offsets(self) -> frozenset[int]: ...

    def after(self, history: History, exit_edge: ExitEdge, before: ExitEdge | None) -> History:
        """The history behind an exit; ``before``: the exit that led to a shared jump."""

    def along(self, history: History, edge: Edge) -> History:
        """The history behind an edge."""


@dataclass(frozen=True)
class Plan:
    """What a tracer must know of a code object, in offsets.

    ``exits``: exits that mean something. ``copies``: shared jumps, which serve two operands, with the exits of other
    tests from which they are reached; tracers that instrument code copy the jump for each of these exits. ``values``:
    exits on which a value is observed.

    For tracers that do not instrument code: ``shared_jumps``: instructions whose edges need the watched edge before
    them; ``watched``: instructions whose edges are remembered for that; ``steps``: edges by the instruction that proves
    them (3.14); ``ends``: the same before 3.14, as instruction and next instruction.

    ``bytecode``: the decoded code object, if it has been decoded. ``made``: what tracers made of the code and this plan
    in this or an earlier run, as plain values (``marshal``) by a name of theirs; what they put there is kept.
    ``histories``: of the decisions to follow; None where there are none.
    """

    exits: frozenset[ExitEdge] = frozenset()
    copies: Mapping[int, frozenset[ExitEdge]] = field(default_factory=dict)
    values: Mapping[ExitEdge, Value] = field(default_factory=dict)
    shared_jumps: frozenset[int] = frozenset()
    watched: frozenset[int] = frozenset()
    steps: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    bytecode: Bytecode | None = field(default=None, compare=False, repr=False)
    made: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    histories: Histories | None = field(default=None, compare=False, repr=False)


class Mechanism(StrEnum):
    """What measured a code object.

    ``FOLLOWING_``: the same as the three before, with copies of conditions for each history of a decision.

    The last two are fallbacks: the result is the same, and costs more. ``LATE``: the code ran without having been
    instrumented (others compiled it, or its frame was suspended when the run began). ``UNINSTRUMENTED``: it
    cannot be instrumented.
    """

    SETTRACE = "settrace"
    PROBES = "probes"
    COUNTING = "counting probes"
    SPLIT = "split"
    FOLLOWING_PROBES = "probes, decisions followed"
    FOLLOWING_COUNTING = "counting probes, decisions followed"
    FOLLOWING_SPLIT = "split, decisions followed"
    BRANCH_EVENTS = "branch events"
    LATE = "late"
    UNINSTRUMENTED = "uninstrumented"

    @property
    def fell_back(self) -> bool:
        """Whether the tracer could not use the mechanism that it is there for."""
        return self in (Mechanism.LATE, Mechanism.UNINSTRUMENTED)

    @property
    def counting(self) -> bool:
        """Whether its probes count."""
        return self in (Mechanism.COUNTING, Mechanism.FOLLOWING_COUNTING)

    @property
    def follows(self) -> bool:
        """Whether decisions are followed."""
        return self in _FOLLOWING.values()

    def following(self, follow: bool) -> Mechanism:
        """The same, with decisions followed where ``follow``: other code, so both are kept apart."""
        return _FOLLOWING[self] if follow else self


_FOLLOWING = {
    Mechanism.PROBES: Mechanism.FOLLOWING_PROBES,
    Mechanism.COUNTING: Mechanism.FOLLOWING_COUNTING,
    Mechanism.SPLIT: Mechanism.FOLLOWING_SPLIT,
}


@dataclass
class Recording:
    """What one code object did: its edges with their counts (1 without counting), and its lines that ran."""

    code: CodeType
    mechanism: Mechanism
    plan: Plan = field(default_factory=Plan)
    edges: dict[Edge, int] = field(default_factory=dict)
    lines: set[int] = field(default_factory=set)
    #: The contexts in which each edge was covered, where that was asked for.
    contexts: dict[Edge, set[str]] = field(default_factory=dict)

    @property
    def fell_back(self) -> bool:
        """Whether the tracer could not use its mechanism for this code object."""
        return self.mechanism.fell_back


#: Whether a code object is to be measured. Called once for each that runs; must not raise. A tracer relies on this: the
#: same filter accepts in a later run what it accepted before, and it accepts all code of a file or none of it.
CodeFilter = Callable[[CodeType], bool]
#: The plan for a code object that passed the filter. Must not raise.
Planner = Callable[[CodeType], Plan]


#: Called with code, edge and frame at the first hit of an edge in a run, before the frame goes on. Must not raise.
OnFirstHit = Callable[[CodeType, Edge, FrameType], None]


class Tracer(Protocol):
    """Watches code objects between :meth:`start` and :meth:`stop`.

    ``note`` is a line for the user about what the measured code did to the tracing; "" as a rule. ``failures``: the
    errors of ours in the measured code, which did not notice them.
    """

    name: str
    note: str
    failures: Failures

    def instrument(self, code: CodeType) -> CodeType:
        """Return the code object to run in place of one that has not run yet: instrumented, or the same."""

    def start(self) -> None:
        """Begin. Raises TracerError if another tool holds the interpreter's facility."""

    def record_frame(self, frame: FrameType) -> None:
        """Record a frame that runs already, from where it stands; between :meth:`start` and :meth:`stop`."""

    def forked(self) -> None:
        """Go on in a process that has just been forked. Counts begin at zero: the hits until now are its parent's."""

    def turn(self) -> list[Recording]:
        """Return the edges since :meth:`start` or the last call, and record them again when they are covered again.

        Lines are returned by :meth:`stop` alone.
        """

    def recorded(self) -> list[Recording]:
        """Return what :meth:`stop` would return now, and go on. Another call returns the same and more."""

    def noted(self) -> int:
        """Return a number that is another one as soon as :meth:`recorded` returns more. Costs less than that."""

    def stop(self) -> list[Recording]:
        """End, restore the facility, and return what ran since :meth:`start`; of edges, since the last turn."""


class TracerFactory(Protocol):
    """Makes a tracer of the code that ``wanted`` accepts; ``planner`` returns what to watch in it.

    Probes do not call ``on_first_hit``: it is called by events alone. ``follow``: the plans follow decisions.
    """

    def __call__(
        self,
        wanted: CodeFilter,
        planner: Planner,
        *,
        counts: bool,
        on_first_hit: OnFirstHit | None = None,
        follow: bool = False,
    ) -> Tracer: ...
