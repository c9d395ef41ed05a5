"""The instructions of code that ran, with the exits of each conditional one: covered or not, and what that means."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from types import CodeType

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.codemap import CodeMap
from ipy_branchcov.bytecode.decode import FINAL, ExitEdge, Instruction, lines_by_offset
from ipy_branchcov.bytecode.values import value_of
from ipy_branchcov.model.branch import COMPOSITE
from ipy_branchcov.model.source import Source
from ipy_branchcov.tracing.tracer import Recording

_LONGEST = 32


@dataclass(frozen=True)
class Exit:
    """An exit of a conditional instruction, to the offset ``to``. ``meaning``: the outcomes it covers."""

    jumped: bool
    to: int
    hits: int
    meaning: str


@dataclass(frozen=True)
class Step:
    """An instruction as ``dis`` shows it. ``exits``: those exits of it that mean something in the source."""

    offset: int
    name: str
    argument: str
    line: int | None
    exits: tuple[Exit, ...] = ()


@dataclass(frozen=True)
class Block:
    """Instructions that run one after another. ``leads``: (offset, exit or None) of the blocks that follow."""

    steps: tuple[Step, ...]
    leads: tuple[tuple[int, Exit | None], ...]


@dataclass(frozen=True)
class Disassembly:
    """One code object, its first line, and its blocks in the order of their offsets."""

    name: str
    line: int
    source: Source
    blocks: tuple[Block, ...]

    @property
    def steps(self) -> Iterator[Step]:
        return (step for block in self.blocks for step in block.steps)

    @property
    def exits(self) -> list[Exit]:
        return [exit_edge for step in self.steps for exit_edge in step.exits]


def disassemble(analysis: Analysis, recording: Recording) -> Disassembly:
    """What a code object did, instruction by instruction."""
    code_map = analysis.of(recording.code)
    hits: dict[ExitEdge, int] = {}
    for edge, count in recording.edges.items():
        if value_of(edge.src, edge.dst) is None and (exit_edge := code_map.exit_edge(edge.src, edge.dst)) is not None:
            hits[exit_edge] = hits.get(exit_edge, 0) + count
    shown = {each.offset: _argument(each) for each in dis.get_instructions(recording.code)}
    lines = lines_by_offset(recording.code)
    bytecode = code_map.bytecode
    leaders = {0} | {handler.target for handler in bytecode.handlers()}
    for each in bytecode.instructions:
        if each.target is not None:
            leaders |= {each.target, each.next}
    steps: list[tuple[int, Instruction, Step]] = []
    block = -1
    for each in bytecode.instructions:
        if each.first in leaders or each.offset in leaders:
            block = each.first
        exits = tuple(_exits(analysis, code_map, each, hits))
        argument = shown[each.offset] if each.target is None else f"to {each.target}"
        steps.append((block, each, Step(each.offset, each.name, argument, lines.get(each.first), exits)))
    blocks = []
    for _, group in groupby(steps, key=lambda item: item[0]):
        members = list(group)
        blocks.append(Block(tuple(step for _, _, step in members), tuple(_leads(*members[-1][1:]))))
    source = analysis.source
    return Disassembly(recording.code.co_qualname, recording.code.co_firstlineno, source, tuple(blocks))


def _argument(instruction: dis.Instruction) -> str:
    """As ``dis`` writes it, without the addresses of code objects."""
    if isinstance(instruction.argval, CodeType):
        return f"<code of {instruction.argval.co_qualname}>"
    return instruction.argrepr or ("" if instruction.arg is None else str(instruction.arg))


def _exits(
    analysis: Analysis, code_map: CodeMap, instruction: Instruction, hits: dict[ExitEdge, int]
) -> Iterator[Exit]:
    for jumped in (False, True):
        exit_edge = (instruction.offset, jumped)
        if exit_edge not in code_map.exits:
            continue
        numbers = dict.fromkeys(
            number
            for outcomes in (code_map.outcomes.get(exit_edge, ()), *code_map.shared_jumps.get(exit_edge, {}).values())
            for number in outcomes
        )
        meaning = ", ".join(filter(None, (_outcome(analysis, *number) for number in numbers)))
        to = instruction.target if jumped and instruction.target is not None else instruction.next
        yield Exit(jumped, to, hits.get(exit_edge, 0), meaning)


def _outcome(analysis: Analysis, branch: int, outcome: int) -> str:
    branch_map = analysis.map
    found = branch_map.branches[branch]
    if found.outcomes[outcome].reason == COMPOSITE:
        return ""  # its operands say it
    return f"{found.kind} {branch_map.source.snippet(found.span, _LONGEST)}: {found.outcomes[outcome].name}"


def _leads(last: Instruction, step: Step) -> Iterator[tuple[int, Exit | None]]:
    """Where a block leads that ends with an instruction."""
    by_jump = {each.jumped: each for each in step.exits}
    if not last.jumps and last.name not in FINAL:
        yield last.next, by_jump.get(False)
    if last.target is not None:
        yield last.target, by_jump.get(True)
