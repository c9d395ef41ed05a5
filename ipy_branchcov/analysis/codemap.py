"""What each way out of the instructions of one code object means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ipy_branchcov.bytecode import Bytecode

#: (number of the branch in its map, number of the arm in its branch).
ArmNumber = tuple[int, int]
#: A way out of an instruction: its offset, and whether it jumped (False: it fell through).
Way = tuple[int, bool]
Arms = tuple[ArmNumber, ...]


@dataclass
class CodeMap:
    """What the edges of one code object mean.

    ``arms``: the arms that a way out takes. ``joint``: where one test serves two operands, the arms it takes
    when the frame came from that other test's way out. ``ignored``: offsets of conditional instructions that
    are no branch of the source, with the reason. ``unknown``: those that could not be placed (a fault of ours).
    """

    bytecode: Bytecode
    arms: dict[Way, Arms] = field(default_factory=dict)
    joint: dict[Way, dict[Way, Arms]] = field(default_factory=dict)
    ignored: dict[int, str] = field(default_factory=dict)
    unknown: dict[int, str] = field(default_factory=dict)

    def way(self, src: int, dst: int) -> Way | None:
        """The way out that an edge took. None where the edge means nothing."""
        instruction, to = self.bytecode.at.get(src), self.bytecode.at.get(dst)
        if instruction is None or instruction is to:
            return None  # from an EXTENDED_ARG to its own instruction
        return (instruction.offset, dst != instruction.next and to is not self.bytecode.following(instruction))

    def taken(self, src: int, dst: int, before: tuple[int, int] | None = None) -> Arms:
        """The arms that an edge takes; ``before`` is the watched edge before it, for a joint test."""
        way = self.way(src, dst)
        if way is None:
            return ()
        if before is not None and way in self.joint:
            came = self.way(*before)
            if came in self.joint[way]:
                return self.joint[way][came]
        return self.arms.get(way, ())

    @property
    def ways(self) -> frozenset[Way]:
        """The ways out that mean something."""
        return frozenset((*self.arms, *self.joint))

    @property
    def copies(self) -> dict[int, frozenset[Way]]:
        """The joint tests by offset, with the ways that lead to them from those other tests."""
        found: dict[int, frozenset[Way]] = {}
        for (offset, _), came in self.joint.items():
            found[offset] = found.get(offset, frozenset()) | came.keys()
        return found

    @property
    def steps(self) -> dict[int, tuple[int, int]]:
        """The edges that lead on, and the ends of loops, by the instruction that proves them (3.14).

        Where instructions are watched, the interpreter drops the BRANCH events that hang on NOT_TAKEN and POP_ITER; an
        item of an asynchronous comprehension has no NOT_TAKEN, thus no such event in any case.
        """
        at, following = self.bytecode.at, self.bytecode.following
        edges: dict[int, tuple[int, int]] = {}
        for offset, jumped in self.arms:
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

    @property
    def ends(self) -> dict[int, int]:
        """Instructions that are no tests but whose way out means an arm, with the instruction that follows."""
        at = self.bytecode.at
        return {offset: at[offset].next for offset, _ in self.arms if not at[offset].conditional}

    @property
    def joint_offsets(self) -> frozenset[int]:
        """The tests that need the edge before them."""
        return self._with_prefixes(offset for offset, _ in self.joint)

    @property
    def watched_offsets(self) -> frozenset[int]:
        """The tests whose way out a joint test needs to know."""
        return self._with_prefixes(offset for ways in self.joint.values() for offset, _ in ways)

    def _with_prefixes(self, offsets: Iterable[int]) -> frozenset[int]:
        """The same and their EXTENDED_ARGs, whose offset is the one told on 3.11."""
        return frozenset(place for offset in offsets for place in (offset, self.bytecode.at[offset].first))
