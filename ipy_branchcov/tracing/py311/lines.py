"""Line probes, on 3.11, for lines whose execution no edge probe proves.

A straight piece of code needs one probe, on its last line: a frame that reaches it has run all lines of the piece. If a
test ends the piece, the probes on the exits of the test are enough. Only an exception can leave the piece earlier. An
exception handler around each piece records where it was raised; handlers cost nothing until then.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from ipy_branchcov.bytecode.decode import FINAL, Bytecode, lines_by_offset
from ipy_branchcov.bytecode.encode import Item
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.tracing.probes.place import Probe
from ipy_branchcov.tracing.py311.place import VanishingProbePlacer
from ipy_branchcov.tracing.tracer import Plan

__builtins__ = BUILTINS

#: Instructions that cannot raise. (Destructors that they run can, but that exception does not reach the code.)
_SAFE = frozenset({"STORE_FAST", "LOAD_CONST", "POP_TOP", "COPY", "SWAP", "PUSH_NULL", "NOP"})
#: Instructions whose line need not have begun: they set the frame up, or come before what is called.
_NO_LINE = frozenset({"RESUME", "COPY_FREE_VARS", "MAKE_CELL", "PUSH_NULL"})
#: Instructions of which some are such.
_SOME = frozenset({"YIELD_VALUE", "POP_TOP", "RETURN_GENERATOR"})
_WITHOUT = _NO_LINE | _SOME
#: Instructions at which a frame can stop and never resume, without an exception.
_PAUSES = frozenset({"YIELD_VALUE", "SEND", "RETURN_GENERATOR", "ASYNC_GEN_WRAP"})
_NAME = attrgetter("name")


class Passage(NamedTuple):
    """Lines without a probe: they ran if one of ``proofs`` was hit, or if an exception came from ``first`` to ``last``.

    ``proofs``: numbers of probes, which are behind ``last``. ``first``, ``last``: indexes of instructions.
    """

    lines: tuple[int, ...]
    proofs: tuple[int, ...]
    first: int
    last: int

    def proved(self, passed: Iterable[int], left: Iterable[int]) -> bool:
        """Whether they ran. ``left``: indexes of instructions at which frames raised, or are now."""
        if any(number in self.proofs for number in passed):
            return True
        return any(self.first <= place <= self.last for place in left)


class LineProbePlacer(VanishingProbePlacer):
    """Probes edges and lines."""

    def __init__(self, bytecode: Bytecode, plan: Plan, constants: int, *, counting: bool):
        super().__init__(bytecode, plan, constants, counting=counting)
        #: Lines that have no probes of their own, the probes that prove them, and where they begin and end.
        self._passages: list[tuple[set[int], tuple[int, ...], Item, Item]] = []
        #: The items that certainly run after a probe, by the probe's first item.
        self._sure: dict[Item, list[Item]] = {}
        #: The lines of the items that have one which need be probed, counted from the first line.
        self._line_of: dict[Item, int] = {}
        self._handlers: set[Item] = set()
        self._guards: dict[tuple[Item, int] | None, tuple[Item, int]] = {}
        #: By offset, where some of what the compiler says of lines means nothing.
        self._lines = lines_by_offset(bytecode.code) if bytecode.code.co_exceptiontable else None
        names = [each.name for each in bytecode.instructions[:64]]
        #: The index of RESUME, behind the instructions that set up a function.
        self._first = names.index("RESUME") if "RESUME" in names else 0

    def run(self) -> None:
        super().run()
        self._probe_lines()
        self._arrange()

    def passages(self) -> list[Passage]:
        """The lines that have no probes of their own. Call it after the items are laid out.

        A call of a Python function raises at the end of its caches.
        """
        return [
            Passage(tuple(lines), proofs, first.offset // 2, last.offset // 2 + last.size + last.caches - 1)
            for lines, proofs, first, last in self._passages
        ]

    def _probe_lines(self) -> None:
        """Probe each line, unless a probe on every path to it proves it."""
        self._line_of = self._lines_to_probe()
        for probe, items in zip(self.probes, self._placed, strict=True):
            self._sure[items[0]] = sure = self._certain(self._places[items[-1]] + 1)
            probe.lines |= _lines(sure)
        blocks = self._blocks()
        known: list[int | None] = [None] * len(blocks)
        known[0] = 0
        pauses = [-1] * len(blocks)
        if not _PAUSES.isdisjoint(map(_NAME, self.items)):
            pauses = [
                max((n for n, item in enumerate(block) if item.name in _PAUSES), default=-1) for block, _ in blocks
            ]
        own = [self._lines_of(block[pause + 1 :]) for (block, _), pause in zip(blocks, pauses, strict=True)]
        work = [0]
        work += [i for i, (block, _) in enumerate(blocks) if self._handles(block[0])]
        for i in work:
            known[i] = 0
        while work:
            i = work.pop()
            # Another run can begin where a frame pauses, and the probes before it say nothing of that run.
            out = own[i] | (known[i] or 0 if pauses[i] < 0 else 0)
            for j in blocks[i][1]:
                before = known[j]
                now = out if before is None else before & out
                if now != before:
                    known[j] = now
                    work.append(j)
        for (block, _), lines in zip(blocks, known, strict=True):
            if lines is not None:
                self._probe_block(block, lines)
        for load in self._loads:
            load.arg = self._constants + len(self.probes)
        self._redirect()

    def _certain(self, i: int) -> list[Item]:
        """The items with a line that certainly begin once the item at a place does: nothing before them can raise."""
        found: list[Item] = []
        for _ in range(20):
            if i >= len(self.items):
                break
            item = self.items[i]
            if item in self._line_of:
                found.append(item)
            if item in self._loops:  # a probe goes on behind its last item
                i = self._places[self._loops[item][-1]] + 1
            elif item in self._adds:
                i += 2
            elif item.target is not None and item.name in ("JUMP_FORWARD", "JUMP_BACKWARD_NO_INTERRUPT"):
                i = self._places[item.target]
            elif item.name in _SAFE:
                i += 1
            else:
                break
        return found

    def _blocks(self) -> list[tuple[list[Item], list[int]]]:
        """Basic blocks, with the numbers of those that can follow."""
        inside = self._loops
        targets = {item.target for item in self.items if item.target is not None and item not in inside}
        self._handlers = {item.row[0] for item in self.items if item.row is not None}
        leaders = targets | self._handlers
        blocks: list[tuple[list[Item], list[int]]] = []
        number: dict[Item, int] = {}
        fresh = True
        for item in self.items:
            if fresh or item in leaders:
                blocks.append(([], []))
            number[item] = len(blocks) - 1
            blocks[-1][0].append(item)
            fresh = (item.target is not None and item not in inside) or item.name in FINAL
        for i, (block, following) in enumerate(blocks):
            last = block[-1]
            if last.target is not None and last not in inside:
                following.append(number[last.target])
            falls = last.name not in FINAL and (not last.name.startswith("JUMP_") or "_OR_POP" in last.name)
            if falls and i + 1 < len(blocks):
                following.append(i + 1)
        return blocks

    def _handles(self, item: Item) -> bool:
        return item in self._handlers

    def _lines_of(self, block: list[Item]) -> int:
        lines = self._bits(block)
        for item in block:
            if item in self._sure:
                lines |= self._bits(self._sure[item])
        return lines

    def _bits(self, items: Iterable[Item]) -> int:
        """The lines of some items as bits."""
        bits = 0
        for line in set(map(self._line_of.get, items)):
            if line is not None:
                bits |= 1 << line
        return bits

    def _lines_to_probe(self) -> dict[Item, int]:
        """The line of each item, counted from the first line; without those that need not be probed."""
        found: dict[Item, int] = {}
        first, lines = self.bytecode.code.co_firstlineno, self._lines
        for item in self.items:
            if item.origin is None:
                continue
            line = item.position[0] if lines is None else lines[item.origin.offset]
            if line is None or (item.name in _WITHOUT and (item.name in _NO_LINE or self._passed_by(item))):
                continue
            found[item] = line - first if line > first else 0
        return found

    def _passed_by(self, item: Item) -> bool:
        """Whether one of these instructions does not show that its line began."""
        match item.name:
            case "YIELD_VALUE":  # behind SEND it has its line; generator.throw() jumps by what is right before it
                return (before := self._preceding(item)) is not None and before.name == "SEND"
            case "POP_TOP":
                return item.origin is not None and item.origin.index < self._first
        return True

    def _probe_block(self, block: list[Item], known: int) -> None:
        """Probe the lines of a block that are not ``known`` (bits) to be proved, in stretches between pauses."""
        fresh: list[tuple[int, list[Item]]] = []
        sure_of, line_of = self._sure, self._line_of
        for i, item in enumerate(block):
            if item in sure_of:
                known |= self._bits(sure_of[item])
            line = line_of.get(item)
            if line is not None and not known >> line & 1:
                sure = self._certain(self._places[item])
                known |= self._bits(sure)
                fresh.append((i, sure))
            if item.name in _PAUSES:
                self._probe_stretch(block, fresh)
                fresh, known = [], 0
        self._probe_stretch(block, fresh, whole=True)

    def _probe_stretch(self, block: list[Item], fresh: list[tuple[int, list[Item]]], *, whole: bool = False) -> None:
        """Probe the last of some lines of a block, unless the probes at the block's end prove them all (``whole``)."""
        if not fresh:
            return
        proofs = self._exits.get(block[-1], []) if whole else []
        end = len(block)
        if len(proofs) < 2:
            end, sure = fresh.pop()
            proofs = [len(self.probes)]
            self._prefixes[block[end]] = self._probe(Probe(None, _lines(sure)), block[end])
        for i, sure in fresh:
            self._passages.append((_lines(sure), tuple(proofs), block[i], block[end - 1]))
        row: tuple[Item, int] | None = None
        guard: tuple[Item, int] | None = None
        for item in block[fresh[0][0] : end] if fresh else ():
            if guard is None or item.row is not row:  # most have that of the item before
                row, guard = item.row, self._guarded(item.row)
            item.row = guard

    def _guarded(self, row: tuple[Item, int] | None) -> tuple[Item, int]:
        """A handler that records where an exception was raised, and raises it again into the handler of ``row``."""
        key = None if row is None else (row[0], row[1])
        if key not in self._guards:
            # On the stack: the offset of the instruction that raised, and the exception.
            load = Item("LOAD_CONST")
            items = [load, Item("COPY", 3), Item("SET_ADD", 1), Item("POP_TOP"), Item("RERAISE", 1)]
            for each in items:
                each.row = row
            self._loads.append(load)
            self._end += items
            depth = 0 if row is None else row[1] >> 1
            self._guards[key] = (load, depth << 1 | 1)
        return self._guards[key]


def _lines(items: Iterable[Item]) -> set[int]:
    return {item.position[0] or 0 for item in items}
