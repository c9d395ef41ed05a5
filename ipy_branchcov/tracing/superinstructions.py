"""Two instructions that 3.12 runs as one come back when their events have been told.

The interpreter writes such pairs when it makes a code object, and takes them apart for events on each instruction; it
does not write them again (``_PyCode_Quicken`` in Python/specialize.c). Without them measured code runs 1.06 times as
long for good. 3.13 has the compiler write them, as instructions of their own.
"""

from __future__ import annotations

from types import CodeType

from ipy_branchcov.tracing.memory import READABLE, parts, unit, units


def _learnt() -> dict[tuple[int, int], int]:
    """The opcodes of the pairs, by those of their parts: what a code object that never ran has in memory."""

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


PAIRS = _learnt()
#: What an instruction stands in memory as: itself, or the first of a pair.
_FIRST = {pair: first for (first, _), pair in PAIRS.items()}


class Pairs:
    """Puts the pairs of code objects together again, each as soon as neither of its instructions has an event."""

    def __init__(self) -> None:
        self._known: dict[int, _Memory] = {}
        self._waiting: tuple[_Memory, int] | None = None

    def told(self, code: CodeType, offset: int) -> None:
        """An instruction's event is being told, and will be switched off."""
        if self._waiting is not None:
            memory, place = self._waiting
            memory.join(place - 1)
            memory.join(place)
        if (known := self._known.get(id(code))) is None:
            known = self._known.setdefault(id(code), _Memory(code))
        self._waiting = (known, offset // 2)

    def ended(self) -> None:
        """All events of these code objects were taken away."""
        for memory in self._known.values():
            for place in memory.places:
                memory.join(place)
        self._known.clear()
        self._waiting = None


class _Memory:
    """The memory of one code object. ``places``: where pairs can stand, for caches hold anything."""

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
