"""Values on the stack that edges leave behind, and edges that say what such a value was."""

from __future__ import annotations

from typing import NamedTuple

from ipy_branchcov.bytecode.decode import ExitEdge
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

#: What a value is, in the order of a branch's outcomes.
TRUE, FALSE, OTHER = range(3)


class Value(NamedTuple):
    """A value that is on the stack when an exit is taken.

    ``depth``: how many values are below it. ``above``: how many are on it. ``constant``: the instruction returns this
    constant without putting it on the stack (RETURN_CONST); what it is.
    """

    depth: int
    above: int = 0
    constant: int | None = None


def identity(value: object) -> int:
    """What a value is; asks for no truth."""
    return TRUE if value is True else FALSE if value is False else OTHER


def value_edge(exit_edge: ExitEdge, what: int) -> tuple[int, int]:
    """The edge (source, destination) that stands for an exit on which a value was this. Its destination is below -1."""
    offset, jumped = exit_edge
    return offset, -2 - what - 3 * jumped


def value_of(src: int, dst: int) -> tuple[ExitEdge, int] | None:
    """The exit and what the value was; None for an edge between instructions."""
    if dst > -2:
        return None
    jumped, what = divmod(-2 - dst, 3)
    return (src, bool(jumped)), what
