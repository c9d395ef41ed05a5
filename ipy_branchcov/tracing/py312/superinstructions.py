"""Restore the pairs of instructions that 3.12 runs as one, once their events are off.

The interpreter writes such pairs when it makes a code object, splits them for events on each instruction, and does not
write them again (``_PyCode_Quicken`` in Python/specialize.c). Without them measured code takes 1.06 times as long even
after the run. On 3.13 the compiler writes them, as instructions of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import CodeType

from ipy_branchcov.bytecode.memory import READABLE, parts, unit, units
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS


def _read_pairs() -> dict[tuple[int, int], int]:
    """The opcodes of the pairs, by those of their parts, read from a code object that never ran."""

    def each_pair(a: int, b: int) -> tuple[int, ...]:
        c = a
        d = e = b
        return (a, b, 1, c, 2, d, e)

    if not READABLE:
        return {}
    code = each_pair.__code__.replace()
    raw = code.co_code
    memory = [parts(each)[0] for each in units(code)]
    return {
        (raw[2 * i], raw[2 * i + 2]): opcode
        for i, opcode in enumerate(memory[:-1])
        if opcode != raw[2 * i] and raw[2 * i + 2]
    }


PAIRS = _read_pairs()
#: The first instruction of a pair, by the opcode of the pair.
_FIRST = {pair: first for (first, _), pair in PAIRS.items()}


class Pairs:
    """Restores the pairs of code objects, each as soon as neither of its instructions has an event."""

    def __init__(self) -> None:
        self._known: dict[int, _Memory] = {}
        self._waiting: tuple[_Memory, int] | None = None

    def ran(self, code: CodeType, offset: int) -> None:
        """An instruction's event is being sent, and will be switched off."""
        if self._waiting is not None:
            memory, place = self._waiting
            memory.join(place - 1)
            memory.join(place)
        if (known := self._known.get(id(code))) is None:
            known = self._known.setdefault(id(code), _Memory(code))
        self._waiting = (known, offset // 2)

    def ended(self, others: Iterable[CodeType]) -> None:
        """The events of all code objects seen so far, and of ``others``, are off."""
        for code in others:
            self._known.setdefault(id(code), _Memory(code))
        for memory in self._known.values():
            for place in memory.places:
                memory.join(place)
        self._known.clear()
        self._waiting = None


class _Memory:
    """The memory of one code object. ``places``: where a pair can be; caches can hold any number."""

    def __init__(self, code: CodeType):
        self.code = code  # kept alive
        self.units = units(code)
        raw = code.co_code
        self.places = frozenset(i // 2 for i in range(0, len(raw) - 2, 2) if (raw[i], raw[i + 2]) in PAIRS)

    def join(self, place: int) -> None:
        if place in self.places:
            opcode, argument = parts(self.units[place])
            following, _ = parts(self.units[place + 1])
            if (pair := PAIRS.get((opcode, _FIRST.get(following, following)))) is not None:
                self.units[place] = unit(pair, argument)
