"""The logic of a decision: which condition is evaluated next, which evaluations there can be, what masks what.

Conditions are numbered in the order of the source, which is the order of their evaluation. A vector has one letter for
each: ``T``, ``F``, or ``-`` where it was not evaluated.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

#: ``("and", parts)``, ``("or", parts)``, ``("not", part)``, a condition's number, or a constant's truth. While a logic
#: is made also a negative number: see :func:`raising`.
Node = tuple[str, "tuple[Node, ...]"] | int | bool

#: Where a condition leads that is true, and that is false: to another condition, or to the outcome (bool).
Exits = tuple[int | bool, int | bool]

#: The letters of a vector.
TRUE, FALSE, UNKNOWN = "TF-"
#: More evaluations than this are not listed: nobody reads them, and there can be two to the number of conditions.
MOST_VECTORS = 2_000
#: Conditions that neither of two evaluations has, whose values are tried out to find a masking pair.
_MOST_FREE = 10


@dataclass(frozen=True)
class Logic:
    """The operators between the conditions of a decision.

    >>> logic = Logic.read("(0 or 1) and 2")
    >>> logic.tree, list(logic.vectors())
    (False, ['T-T', 'T-F', 'FTT', 'FTF', 'FF-'])
    """

    node: Node

    @cached_property
    def size(self) -> int:
        """The number of conditions."""
        return sum(1 for _ in _numbers(self.node))

    @cached_property
    def _graph(self) -> tuple[int | bool, dict[int, Exits]]:
        """The first condition; and what follows each, where it is true and where it is false (bool: the outcome)."""
        after: dict[int, Exits] = {}
        return _enter(self.node, True, False, after), after

    @property
    def after(self) -> dict[int, Exits]:
        """What follows each condition."""
        return self._graph[1]

    @cached_property
    def tree(self) -> bool:
        """Whether each condition is reached in one way, so that each way out of it is one evaluation."""
        entries = Counter(to for both in self._graph[1].values() for to in both if not isinstance(to, bool))
        return all(count == 1 for count in entries.values())

    def position(self, vector: str) -> int | bool | None:
        """The condition that a vector has come to, or the outcome. None: no evaluation goes this way."""
        at, after = self._graph
        seen = 0
        while not isinstance(at, bool) and vector[at] != UNKNOWN:
            seen += 1
            at = after[at][0 if vector[at] == TRUE else 1]
        return at if seen == self.size - vector.count(UNKNOWN) else None

    def step(self, vector: str, condition: int, truth: bool) -> str | None:
        """The vector when a condition was evaluated; None where another one is next."""
        at = self.position(vector)
        if isinstance(at, bool) or at != condition:
            return None
        return f"{vector[:condition]}{TRUE if truth else FALSE}{vector[condition + 1 :]}"

    @property
    def start(self) -> str:
        """The vector of an evaluation that has not begun."""
        return UNKNOWN * self.size

    def outcome(self, vector: str) -> bool | None:
        """The outcome of a vector; None where it is none of a whole evaluation."""
        at = self.position(vector)
        return at if isinstance(at, bool) else None

    def vectors(self) -> Iterator[str]:
        """Every evaluation that the operators allow, true before false."""
        stack = [self.start]
        while stack:
            vector = stack.pop()
            at = self.position(vector)
            if isinstance(at, bool) or at is None:
                yield vector
            else:
                stack += [f"{vector[:at]}{letter}{vector[at + 1 :]}" for letter in (FALSE, TRUE)]

    @cached_property
    def few(self) -> tuple[str, ...] | None:
        """All of :meth:`vectors`, if there are not too many."""
        found = []
        for vector in self.vectors():
            found.append(vector)
            if len(found) > MOST_VECTORS:
                return None
        return tuple(found)

    def ending(self, condition: int, truth: bool) -> Iterator[str]:
        """The evaluations that end with an outcome of a condition. Of a tree: one, or none."""
        for vector in self.few or ():
            evaluated = [i for i, letter in enumerate(vector) if letter != UNKNOWN]
            if evaluated[-1] == condition and vector[condition] == (TRUE if truth else FALSE):
                yield vector

    # --- masking

    def masks(self, condition: int, one: str, other: str) -> bool:
        """Whether all that differs between two vectors, but one condition, is without influence in both of them.

        What only one of them has not evaluated has the value that it has in the other; what neither has evaluated, any
        value for which it holds.
        """
        both = [(b if a == UNKNOWN else a, a if b == UNKNOWN else b) for a, b in zip(one, other, strict=True)]
        free = [i for i, (a, _) in enumerate(both) if a == UNKNOWN]
        if len(free) > _MOST_FREE:
            return False
        for letters in product((TRUE, FALSE), repeat=len(free)):
            for i, letter in zip(free, letters, strict=True):
                both[i] = letter, letter
            sides = ["".join(side) for side in zip(*both, strict=True)]
            if all(self._decides(side, condition) for side in sides) and not any(
                self._decides(side, i) for i, (a, b) in enumerate(both) if a != b and i != condition for side in sides
            ):
                return True
        return False

    def _decides(self, vector: str, condition: int) -> bool:
        """Whether the outcome of a full vector would be another one if a condition alone were."""
        letter = FALSE if vector[condition] == TRUE else TRUE
        flipped = f"{vector[:condition]}{letter}{vector[condition + 1 :]}"
        return _value(self.node, vector) != _value(self.node, flipped)

    # --- as a text

    def __str__(self) -> str:
        return _text(self.node, 0)

    @classmethod
    def read(cls, text: str) -> Logic:
        """The inverse of ``str``. Raises ValueError, also where conditions are not numbered from 0 in their order."""
        try:
            node = _read(ast.parse(text, mode="eval").body)
        except (SyntaxError, RecursionError, MemoryError):
            raise ValueError("must be numbers of conditions with and, or and not between them") from None
        if list(_numbers(node)) != list(range(sum(1 for _ in _numbers(node)))):
            raise ValueError("must have each number of a condition once, from 0 on, in order")
        return cls(node)


def raising(truth: bool, number: int) -> int:
    """A node for an operand that is constant by its form, and has code that may raise: ``f() or True``."""
    return -2 * number - (1 if truth else 2)


def plain(node: Node) -> Node:
    """The node with nothing but constants in place of those of :func:`raising`."""
    if isinstance(node, tuple):
        operator, parts = node
        return operator, tuple(map(plain, parts))
    return node if isinstance(node, bool) or node >= 0 else node % 2 == 1


def uncertain(node: Node) -> frozenset[tuple[int, bool]]:
    """The outcomes of conditions that end an evaluation, unless a constant's code behind them raises (see above)."""
    raw, certain = Logic(node).after, Logic(plain(node)).after
    return frozenset(
        (condition, truth)
        for condition, exits in certain.items()
        for end, behind, truth in zip(exits, raw[condition], (True, False), strict=True)
        if isinstance(end, bool) and not isinstance(behind, bool)
    )


def _numbers(node: Node) -> Iterator[int]:
    stack = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, tuple):
            stack += reversed(each[1])
        elif not isinstance(each, bool):
            yield each


def _enter(
    node: Node, true: int | bool, false: int | bool, after: dict[int, tuple[int | bool, int | bool]]
) -> int | bool:
    """The first condition of a node; ``true`` and ``false``: where it leads."""
    if isinstance(node, bool):
        return true if node else false
    if not isinstance(node, tuple):
        after[node] = true, false
        return node
    operator, parts = node
    if operator == "not":
        return _enter(parts[0], false, true, after)
    entry = true if operator == "and" else false
    for part in reversed(parts):
        entry = _enter(part, entry, false, after) if operator == "and" else _enter(part, true, entry, after)
    return entry


def _value(node: Node, vector: str) -> bool:
    """The outcome of a full vector."""
    if isinstance(node, bool):
        return node
    if not isinstance(node, tuple):
        return vector[node] == TRUE
    operator, parts = node
    if operator == "not":
        return not _value(parts[0], vector)
    return (all if operator == "and" else any)(_value(part, vector) for part in parts)


_BINDS = {"or": 1, "and": 2, "not": 3}


def _text(node: Node, outside: int) -> str:
    if not isinstance(node, tuple):
        return str(node)
    operator, parts = node
    binds = _BINDS[operator]
    inside = (
        f"not {_text(parts[0], binds)}"
        if operator == "not"
        else f" {operator} ".join(_text(part, binds + 1) for part in parts)
    )
    return f"({inside})" if binds < outside else inside


def _read(node: ast.expr) -> Node:
    match node:
        case ast.Constant(value=bool() | int() as value):
            return value
        case ast.UnaryOp(op=ast.Not()):
            return ("not", (_read(node.operand),))
        case ast.BoolOp():
            return ("and" if isinstance(node.op, ast.And) else "or", tuple(map(_read, node.values)))
    raise ValueError("must be numbers of conditions with and, or and not between them")
