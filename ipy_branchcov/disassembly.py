"""The instructions of code that ran, with the ways out of each conditional one: taken or not, and what that means."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from types import CodeType

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.codemap import CodeMap, Way
from ipy_branchcov.analysis.decisions import COMPOSITE
from ipy_branchcov.bytecode import FINAL, Instruction
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.tracing.tracer import Recording

_LONGEST = 32


@dataclass(frozen=True)
class Exit:
    """A way out of a conditional instruction, to the offset ``to``. ``meaning``: the arms that it takes, in words."""

    jumped: bool
    to: int
    hits: int
    meaning: str


@dataclass(frozen=True)
class Step:
    """An instruction as ``dis`` shows it. ``exits``: those ways out of it that mean something in the source."""

    offset: int
    name: str
    argument: str
    line: int | None
    exits: tuple[Exit, ...] = ()


@dataclass(frozen=True)
class Block:
    """Instructions that run one after another. ``leads``: (offset, way out or None) of the blocks that follow."""

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
        return [way for step in self.steps for way in step.exits]


def disassemble(analysis: Analysis, recording: Recording) -> Disassembly:
    """What a code object did, instruction by instruction."""
    code_map = analysis.of(recording.code)
    hits: dict[Way, int] = {}
    for edge, count in recording.edges.items():
        if (way := code_map.way(edge.src, edge.dst)) is not None:
            hits[way] = hits.get(way, 0) + count
    shown = {each.offset: _argument(each) for each in dis.get_instructions(recording.code)}
    lines: dict[int, int | None] = {first: line for first, _, line in recording.code.co_lines()}
    bytecode = code_map.bytecode
    leaders = {0} | {handler.target for handler in bytecode.handlers()}
    for each in bytecode.instructions:
        if each.target is not None:
            leaders |= {each.target, each.next}
    steps: list[tuple[int, Instruction, Step]] = []
    block, line = -1, None
    for each in bytecode.instructions:
        if each.first in leaders or each.offset in leaders:
            block = each.first
        line = lines.get(each.first, line)
        exits = tuple(_exits(analysis, code_map, each, hits))
        argument = shown[each.offset] if each.target is None else f"to {each.target}"
        steps.append((block, each, Step(each.offset, each.name, argument, line, exits)))
    blocks = []
    for _, group in groupby(steps, key=lambda item: item[0]):
        members = list(group)
        blocks.append(Block(tuple(step for _, _, step in members), tuple(_leads(*members[-1][1:]))))
    source = analysis.decisions.map.source
    return Disassembly(recording.code.co_qualname, recording.code.co_firstlineno, source, tuple(blocks))


def _argument(instruction: dis.Instruction) -> str:
    """As ``dis`` writes it, without the addresses of code objects."""
    if isinstance(instruction.argval, CodeType):
        return f"<code of {instruction.argval.co_qualname}>"
    return instruction.argrepr or ("" if instruction.arg is None else str(instruction.arg))


def _exits(analysis: Analysis, code_map: CodeMap, instruction: Instruction, hits: dict[Way, int]) -> Iterator[Exit]:
    for jumped in (False, True):
        way = (instruction.offset, jumped)
        if way not in code_map.ways:
            continue
        numbers = dict.fromkeys(
            number for arms in (code_map.arms.get(way, ()), *code_map.joint.get(way, {}).values()) for number in arms
        )
        meaning = ", ".join(filter(None, (_arm(analysis, *number) for number in numbers)))
        to = instruction.target if jumped and instruction.target is not None else instruction.next
        yield Exit(jumped, to, hits.get(way, 0), meaning)


def _arm(analysis: Analysis, branch: int, arm: int) -> str:
    branch_map = analysis.decisions.map
    found = branch_map.branches[branch]
    if found.arms[arm].reason == COMPOSITE:
        return ""  # its operands say it
    return f"{found.kind} {_text(branch_map.source, found.span)}: {found.arms[arm].name}"


def _text(source: Source, span: Span) -> str:
    """What stands in a span, on one line and not too long."""
    lines = source.lines[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column]
    lines[0] = lines[0][span.column :]
    text = " ".join(" ".join(lines).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _leads(last: Instruction, step: Step) -> Iterator[tuple[int, Exit | None]]:
    """Where a block leads that ends with an instruction."""
    by_way = {each.jumped: each for each in step.exits}
    if not last.jumps and last.name not in FINAL:
        yield last.next, by_way.get(False)
    if last.target is not None:
        yield last.target, by_way.get(True)
