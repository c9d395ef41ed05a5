"""Code object -> a list of instructions that can be changed -> code object, with the same positions and handlers.

The formats are those of CPython's Objects/locations.md and Objects/exception_handling_notes.txt (InternalDocs/ from
3.13).
"""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType

from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.bytecode.decode import EXTENDED_ARG, Bytecode, Handler, Instruction, Position

NOWHERE: Position = (None, None, None, None)


class Item:
    """One instruction. It jumps to another item; offsets are known once all items are laid out.

    ``loops``: a jump that closes a loop. ``row``: the handler that protects it, and its state. ``origin``: what it was
    decoded or copied from; None: added.
    """

    __slots__ = ("arg", "caches", "loops", "name", "offset", "origin", "position", "row", "size", "target")

    def __init__(self, name: str, arg: int = 0, position: Position = NOWHERE, target: Item | None = None):
        self.name = name
        self.arg = arg
        self.position = position
        self.target = target
        self.row: tuple[Item, int] | None = None
        self.origin: Instruction | None = None
        self.caches = 0
        self.loops = False
        self.offset = 0
        self.size = 1

    def copy(self) -> Item:
        """Another item of the same instruction."""
        other = Item(self.name, self.arg, self.position, self.target)
        other.row, other.origin, other.caches = self.row, self.origin, self.caches
        return other

    @property
    def backward(self) -> bool:
        """Whether its argument counts backwards."""
        return "BACKWARD" in self.name or self.name == "END_ASYNC_FOR"

    def argument_to(self, target: Item, *, backward: bool) -> int:
        """The argument of a jump to another item; both are laid out. Negative: the jump is in the other direction."""
        distance = (target.offset - self.offset) // 2 - self.size - self.caches
        return -distance if backward else distance


def disassemble(bytecode: Bytecode) -> list[Item]:
    """The instructions of a code object as items, in order."""
    items: list[Item] = []
    at: dict[int, Item] = {}
    for instruction in bytecode.instructions:
        item = Item(instruction.name, instruction.arg, instruction.position)
        item.origin = instruction
        item.caches = (instruction.next - instruction.offset) // 2 - 1
        items.append(item)
        at[instruction.first] = at[instruction.offset] = item
    for instruction, item in zip(bytecode.instructions, items, strict=True):
        if instruction.target is not None:
            item.target = at[instruction.target]
        elif instruction.name == "END_ASYNC_FOR" and instruction.arg:
            item.target = at[instruction.next - 2 * instruction.arg]
    _protect(bytecode, items, at)
    return items


def _protect(bytecode: Bytecode, items: list[Item], at: dict[int, Item]) -> None:
    """Give items their rows of the exception table. ``at``: the items by offset."""
    handlers = iter(bytecode.handlers())
    if (handler := next(handlers, None)) is None:
        return
    row = (at[handler.target], handler.state)
    for instruction, item in zip(bytecode.instructions, items, strict=True):
        while instruction.offset >= handler.end:
            if (following := next(handlers, None)) is None:
                return
            handler, row = following, (at[following.target], following.state)
        if handler.start <= instruction.first:
            item.row = row


def assemble(code: CodeType, items: list[Item], constants: tuple[object, ...] | None = None) -> CodeType:
    """The code object with other instructions. Raises Unencodable if a jump has the wrong direction."""
    _lay_out(items)
    raw, opcodes = bytearray(), dis.opmap
    add = raw.append
    for item in items:
        arg = item.arg
        if item.size > 1:
            for shift in range(8 * (item.size - 1), 0, -8):
                raw += bytes((EXTENDED_ARG, arg >> shift & 255))
        add(opcodes[item.name])
        add(arg & 255)
        if item.caches:
            raw += bytes(2 * item.caches)
    return code.replace(
        co_code=bytes(raw),
        co_linetable=bytes(_locations(code.co_firstlineno, items)),
        co_exceptiontable=bytes(_rows(items)),
        co_consts=code.co_consts if constants is None else constants,
    )


#: What distinguishes instrumented code from its original, beside its constants.
_TABLES = ("co_code", "co_linetable", "co_exceptiontable", "co_stacksize")


def tables_of(code: CodeType) -> tuple[object, ...]:
    """What was assembled, as plain values."""
    return tuple(getattr(code, name) for name in _TABLES)


def with_tables(code: CodeType, tables: Sequence[object], constants: tuple[object, ...]) -> CodeType:
    """The code object with what was assembled of it before."""
    return code.replace(co_consts=constants, **dict(zip(_TABLES, tables, strict=True)))  # type: ignore[arg-type]


def _lay_out(items: list[Item]) -> None:
    """Give each item its offset and each jump its argument; items grow by the EXTENDED_ARGs they need."""
    for item in items:
        item.size = 1 if item.target is not None or item.arg < 256 else _size(item.arg)
    growing = True
    while growing:
        offset = 0
        for item in items:
            item.offset = offset
            offset += 2 * (item.size + item.caches)
        growing = False
        for item in items:
            if item.target is not None:
                item.arg = item.argument_to(item.target, backward=item.backward)
                if item.arg < 0:
                    raise Unencodable(f"{item.name} in the wrong direction")
                if _size(item.arg) > item.size:
                    item.size, growing = _size(item.arg), True


def _size(arg: int) -> int:
    return 1 if arg < 1 << 8 else 2 if arg < 1 << 16 else 3 if arg < 1 << 24 else 4


def _rows(items: list[Item]) -> Iterator[int]:
    """The exception table."""
    rows: list[Handler] = []
    before: tuple[Item, int] | None = None
    start = end = 0
    for item in items:
        if item.row is not before and item.row != before:
            if before is not None:
                rows.append(Handler(start, end, before[0].offset, before[1]))
            before, start = item.row, item.offset
        end = item.offset + 2 * (item.size + item.caches)
    if before is not None:
        rows.append(Handler(start, end, before[0].offset, before[1]))
    for row in rows:
        first = True
        for number in (row.start // 2, (row.end - row.start) // 2, row.target // 2, row.state):
            digits = [number & 63]
            while number := number >> 6:
                digits.append(number & 63 | 64)
            digits[-1] |= 128 if first else 0
            yield from reversed(digits)
            first = False


def _locations(line: int, items: Iterable[Item]) -> bytearray:
    """The line table."""
    table = bytearray()
    position: Position | None = None
    units = 0
    for item in items:
        if item.position == position:
            units += item.size + item.caches
            continue
        if position is not None:
            _locate(table, line, position, units)
            line = line if position[0] is None else position[0]
        position, units = item.position, item.size + item.caches
    if position is not None:
        _locate(table, line, position, units)
    return table


def _locate(table: bytearray, last: int, position: Position, units: int) -> None:
    """Add the place of some units to a line table, where the place before is on line ``last``."""
    line, end_line, column, end_column = position
    while units > 0:
        length, units = min(units, 8) - 1, units - 8
        if line is None:
            table.append(0x80 | 15 << 3 | length)
            continue
        delta, last = line - last, line
        if column is None or end_column is None or end_line is None:
            table.append(0x80 | 13 << 3 | length)
            _add_signed(table, delta)
        elif line == end_line and delta == 0 and column < 80 and 0 <= end_column - column < 16:
            table.append(0x80 | column >> 3 << 3 | length)
            table.append((column & 7) << 4 | (end_column - column))
        elif line == end_line and 0 <= delta <= 2 and column < 128 and end_column < 128:
            table.append(0x80 | 10 + delta << 3 | length)
            table.append(column)
            table.append(end_column)
        else:
            table.append(0x80 | 14 << 3 | length)
            _add_signed(table, delta)
            _add_number(table, end_line - line)
            _add_number(table, column + 1)
            _add_number(table, end_column + 1)


def _add_signed(table: bytearray, number: int) -> None:
    _add_number(table, (-number << 1) | 1 if number < 0 else number << 1)


def _add_number(table: bytearray, number: int) -> None:
    while number > 63:
        table.append(number & 63 | 64)
        number >>= 6
    table.append(number)
