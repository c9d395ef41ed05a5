"""What each exit of the instructions of one code object means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ipy_branchcov.bytecode.decode import Bytecode, ExitEdge
from ipy_branchcov.bytecode.values import Value, value_of
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

#: (number of the branch in its map, number of the outcome in its branch).
OutcomeNumber = tuple[int, int]
Outcomes = tuple[OutcomeNumber, ...]
#: What is found out when it is first asked for.
_OF_INSTRUCTIONS = ("ways", "steps", "ends", "shared_offsets", "watched_offsets")


@dataclass
class CodeMap:
    """What the edges of one code object mean.

    ``outcomes``: the outcomes that an exit covers. ``shared_jumps``: where one test serves two operands, the outcomes
    that it covers when the frame came from the other test's exit. ``values``: the exits that leave the value of a
    condition on the stack that nothing tests, and ``observed``: the branches of these conditions. ``ignored``: offsets
    of conditional instructions that are no branch of the source, with the reason. ``unknown``: those that could not be
    placed (a fault of ours). ``made``: what tracers made of the code object and this map, as plain values by a name;
    it is kept with the map. ``kept``: how many of these the file had from which
    the map was read; -1: it was read from none.
    """

    bytecode: Bytecode
    outcomes: dict[ExitEdge, Outcomes] = field(default_factory=dict)
    shared_jumps: dict[ExitEdge, dict[ExitEdge, Outcomes]] = field(default_factory=dict)
    values: dict[ExitEdge, Value] = field(default_factory=dict)
    observed: dict[ExitEdge, list[int]] = field(default_factory=dict)
    ignored: dict[int, str] = field(default_factory=dict)
    unknown: dict[int, str] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    kept: int = field(default=-1, compare=False, repr=False)

    def exit_edge(self, src: int, dst: int) -> ExitEdge | None:
        """The exit that an edge belongs to. None where the edge means nothing."""
        instruction, to = self.bytecode.at.get(src), self.bytecode.at.get(dst)
        if instruction is None or instruction is to:
            return None  # from an EXTENDED_ARG to its own instruction
        return (instruction.offset, dst != instruction.next and to is not self.bytecode.following(instruction))

    def outcomes_of(self, src: int, dst: int, before: tuple[int, int] | None = None) -> Outcomes:
        """The outcomes that an edge covers; ``before`` is the watched edge before it, for a shared jump."""
        if (seen := value_of(src, dst)) is not None:
            exit_edge, what = seen
            return tuple((number, what) for number in self.observed.get(exit_edge, ()))
        if (exit_taken := self._exit_by_way(src, dst)) is None:
            return ()
        if before is not None and exit_taken in self.shared_jumps:
            came = self._exit_by_way(*before)
            if came in self.shared_jumps[exit_taken]:
                return self.shared_jumps[exit_taken][came]
        return self.outcomes.get(exit_taken, ())

    @cached_property
    def ways(self) -> dict[int, tuple[int, tuple[int, ...], tuple[int, ...]]]:
        """Instructions whose exits mean something, or are watched: their offset, their start, where they fall to.

        By the offsets at which they may be reported. That is all that :meth:`exit_edge` needs of the instructions.
        """
        found: dict[int, tuple[int, tuple[int, ...], tuple[int, ...]]] = {}
        offsets = {offset for offset, _ in (*self.outcomes, *self.shared_jumps)}
        for offset in offsets.union(offset for exits in self.shared_jumps.values() for offset, _ in exits):
            each = self.bytecode.at[offset]
            after = self.bytecode.following(each)
            falls = (each.next,) if after is None else (each.next, after.first, after.offset)
            found[each.first] = found[each.offset] = (each.offset, (each.first, each.offset), falls)
        return found

    def _exit_by_way(self, src: int, dst: int) -> ExitEdge | None:
        """As :meth:`exit_edge`, where the exit means something or is watched; else None."""
        if (way := self.ways.get(src)) is None or dst in way[1]:
            return None
        return way[0], dst not in way[2]

    @property
    def news(self) -> bool:
        """Whether there is more than what is kept in a file."""
        return len(self.made) != self.kept

    def complete(self) -> None:
        """Find out all that depends on the instructions."""
        for name in _OF_INSTRUCTIONS:
            getattr(self, name)

    @property
    def exits(self) -> frozenset[ExitEdge]:
        """The exits that mean something."""
        return frozenset((*self.outcomes, *self.shared_jumps))

    @property
    def copies(self) -> dict[int, frozenset[ExitEdge]]:
        """The shared jumps by offset, with the exits of the other tests that lead to them."""
        found: dict[int, frozenset[ExitEdge]] = {}
        for (offset, _), came in self.shared_jumps.items():
            found[offset] = found.get(offset, frozenset()) | came.keys()
        return found

    @cached_property
    def steps(self) -> dict[int, tuple[int, int]]:
        """The edges that lead on, and the ends of loops, by the instruction that proves them (3.14).

        Where instructions are watched, the interpreter drops the BRANCH events that hang on NOT_TAKEN and POP_ITER; an
        item of an asynchronous comprehension has no NOT_TAKEN, so it never has such an event.
        """
        at, following = self.bytecode.at, self.bytecode.following
        edges: dict[int, tuple[int, int]] = {}
        for offset, jumped in self.outcomes:
            item, after = at[offset], following(at[offset])
            if not jumped and item.name == "END_SEND" and after is not None and after.name != "NOT_TAKEN":
                edges[offset] = (offset, item.next)
        for instruction in self.bytecode.instructions:
            if instruction.name == "NOT_TAKEN" and (before := self.bytecode.preceding(instruction)) is not None:
                edges[instruction.offset] = (before.offset, instruction.offset)
            elif instruction.name == "FOR_ITER" and (after := following(instruction)) is not None:
                edges[after.first] = edges[after.offset] = (instruction.offset, instruction.next)
                if (end := at.get(instruction.target or 0)) is not None and end.next in at:
                    edges[end.next] = (instruction.offset, end.next)  # END_FOR is passed over, POP_ITER is not
        return edges

    @cached_property
    def ends(self) -> dict[int, int]:
        """Instructions that are no tests but whose exit means an outcome, with the instruction that follows."""
        at = self.bytecode.at
        return {offset: at[offset].next for offset, _ in self.outcomes if not at[offset].conditional}

    @cached_property
    def shared_offsets(self) -> frozenset[int]:
        """The tests that need the edge before them."""
        return self._with_prefixes(offset for offset, _ in self.shared_jumps)

    @cached_property
    def watched_offsets(self) -> frozenset[int]:
        """The tests whose exit a shared jump needs to know."""
        return self._with_prefixes(offset for exits in self.shared_jumps.values() for offset, _ in exits)

    def _with_prefixes(self, offsets: Iterable[int]) -> frozenset[int]:
        """The same and their EXTENDED_ARGs, whose offset is the one that 3.11 reports."""
        return frozenset(place for offset in offsets for place in (offset, self.bytecode.at[offset].first))
