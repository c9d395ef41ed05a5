"""The calls near one, for a climb toward a place: batches, the most promising first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random

from ipy_branchcov.suggest.mutate import compared, is_number, leaves, near, put, stepped
from ipy_branchcov.suggest.nearest import Best
from ipy_branchcov.suggest.pools import Pool
from ipy_branchcov.suggest.target import Arguments

#: So many parts of a call are changed, and texts so long.
_PARTS, _LONGEST = 24, 40


def neighbours(best: Best, pool: Pool, random: Random) -> Iterator[list[Arguments]]:
    """By what was compared in the call; with its numbers stepped; with its texts edited; with all its parts' like."""
    yield list(islice(compared(best.call, best.pairs, random), 300))
    parts = list(leaves(best.call))[:_PARTS]
    for at, path, value in parts:
        if is_number(value):
            yield [put(best.call, at, path, new) for new in stepped(value)]
    for at, path, value in parts:
        if isinstance(value, str) and len(value) < _LONGEST:
            yield [put(best.call, at, path, new) for new in islice(edited(value, pool), 600)]
    for at, path, value in parts:
        yield [put(best.call, at, path, new) for new in islice(near(value, pool), 300)]


def edited(value: str, pool: Pool) -> Iterator[str]:
    """Texts with one character changed, put in, or left out."""
    chars = list(dict.fromkeys([*pool.alphabet[:24], *"a0 .-(", *value]))
    for at in range(len(value) + 1):
        if at < len(value):
            yield value[:at] + value[at + 1 :]
            yield value[:at] + chr(min(ord(value[at]) + 1, 0x10FFFF)) + value[at + 1 :]
            yield value[:at] + chr(max(ord(value[at]) - 1, 0)) + value[at + 1 :]
        for char in chars:
            yield value[:at] + char + value[at + 1 :]
            yield value[:at] + char + value[at:]
