"""An oracle of MC/DC: a rewritten program reports each evaluation of its decisions, brute force says what they show.

It extends :mod:`tests.oracle`, and shares nothing with ``ipy_branchcov``. A decision's expression is wrapped, so that
the recorder knows where an evaluation begins and where it ends; one that an exception leaves never ends. In between
each condition reports its truth, by frame.
"""

from __future__ import annotations

import ast
import itertools
import sys
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from tests.oracle import NAME, Place, Recorder, _constant, _Rewriter

#: Decisions of more conditions are not checked by brute force.
MOST = 12


@dataclass
class Watched:
    """A decision: its span, the places of its conditions with their texts, its formula over their numbers."""

    span: tuple[int, int, int, int]
    conditions: list[tuple[str, tuple[int, int, int, int]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    formula: Any = None


class EvaluationRecorder(Recorder):
    """Records evaluations, too: vectors by the number of the decision."""

    def __init__(self, places: list[Place], decisions: list[Watched]):
        super().__init__(places)
        self.decisions = decisions
        self.evaluations: dict[int, dict[str, bool]] = {number: {} for number in range(len(decisions))}
        self.count = 0
        found = {(place.kind, place.span): number for number, place in enumerate(places)}
        self._condition: dict[int, tuple[int, int]] = {}
        self.whole = []
        for number, decision in enumerate(decisions):
            own = [found.get(each) for each in decision.conditions]
            self.whole.append(None not in own)
            for index, place in enumerate(own):
                if place is not None:
                    self._condition[place] = number, index
        self._open: dict[tuple[int, int], tuple[FrameType, list[str]]] = {}

    def begin(self, number: int) -> None:
        frame = _program()
        self._open[id(frame), number] = frame, ["-"] * len(self.decisions[number].conditions)

    def decided(self, number: int, begun: None, value: Any) -> Any:
        _, letters = self._open.pop((id(_program()), number))
        if "other" not in letters and self.whole[number]:
            vector = "".join(letters)
            self.evaluations[number][vector] = outcome(self.decisions[number].formula, vector)
            self.count += 1
        return value

    def _report(self, place: int, letter: str) -> None:
        if place in self._condition:
            number, index = self._condition[place]
            self._open[id(_program()), number][1][index] = letter

    def _truth(self, number: int, truth: bool) -> bool:
        self._report(number, "T" if truth else "F")
        return super()._truth(number, truth)

    def last(self, number: int, value: Any) -> Any:
        self._report(number, "T" if value is True else "F" if value is False else "other")
        return super().last(number, value)


_HERE = (__file__, sys.modules[Recorder.__module__].__file__)


def _program() -> FrameType:
    """The program's frame."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename in _HERE and frame.f_back is not None:
        frame = frame.f_back
    return frame


def outcome(formula: Any, vector: str) -> bool:
    """What a vector comes to. Raises where it is no evaluation: a condition is missing that is asked for."""
    kind, *parts = formula
    if kind == "constant":
        return bool(parts[0])
    if kind == "condition":
        return {"T": True, "F": False}[vector[parts[0]]]
    if kind == "not":
        return not outcome(parts[0], vector)
    for part in parts:
        truth = outcome(part, vector)
        if truth is (kind == "or"):
            return truth
    return kind == "and"


def _full(formula: Any, vector: str) -> bool:
    return outcome(formula, vector)


def shown(decision: Watched, evaluations: dict[str, bool]) -> list[bool]:
    """Which conditions the evaluations show, by trying all pairs, and all values of what neither evaluated."""
    return [
        any(_pair(decision, index, one, two, evaluations) for one in evaluations for two in evaluations)
        for index in range(len(decision.conditions))
    ]


def _pair(decision: Watched, index: int, one: str, two: str, evaluations: dict[str, bool]) -> bool:
    if {one[index], two[index]} != {"T", "F"} or evaluations[one] == evaluations[two]:
        return False
    others = [i for i in range(len(one)) if i != index]
    if all(one[i] == two[i] or "-" in one[i] + two[i] for i in others):
        return True
    if decision.texts.count(decision.texts[index]) < 2:
        return False
    choices = [_choices(a, b) for a, b in zip(one, two, strict=True)]
    return any(_masking(decision.formula, index, pairs) for pairs in itertools.product(*choices))


def _choices(a: str, b: str) -> list[str]:
    if a == b == "-":
        return ["TT", "FF"]
    return [(a if a != "-" else b) + (b if b != "-" else a)]


def _masking(formula: Any, index: int, pairs: tuple[str, ...]) -> bool:
    """Whether the condition decides both sides, and all others that differ decide neither."""
    for side in (0, 1):
        values = [pair[side] for pair in pairs]
        for i, pair in enumerate(pairs):
            flipped = [*values[:i], "F" if values[i] == "T" else "T", *values[i + 1 :]]
            decides = _full(formula, "".join(values)) != _full(formula, "".join(flipped))
            if (i == index and not decides) or (i != index and pair[0] != pair[1] and decides):
                return False
    return True


# --- the rewriting


class _Watcher(_Rewriter):
    """Wraps each decision."""

    def __init__(self, text: str, recorder: str, tree: ast.Module):
        super().__init__(text, recorder)
        self.decisions: list[Watched] = []
        self._roots: dict[int, tuple[ast.expr, int]] = {}
        stack: list[tuple[ast.AST, ast.AST | None]] = [(tree, None)]
        while stack:
            node, parent = stack.pop()
            inside = isinstance(parent, ast.BoolOp) or (
                isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)
            )
            if isinstance(node, ast.expr) and _joins(node) and not inside and _constant(node) is None:
                watched = Watched(self._span(node))
                watched.formula = self._formula(node, "", watched)
                if len(watched.conditions) > 1:
                    self._roots[id(node)] = node, len(self.decisions)
                    self.decisions.append(watched)
            for name, value in ast.iter_fields(node):
                if name not in ("annotation", "returns"):
                    children = value if isinstance(value, list) else [value]
                    stack += [(child, node) for child in children if isinstance(child, ast.AST)]

    def _span(self, first: Any, last: Any = None) -> tuple[int, int, int, int]:
        last = last or first
        start = first.lineno, self.column(first.lineno, first.col_offset)
        return (*start, last.end_lineno, self.column(last.end_lineno, last.end_col_offset))

    def _formula(self, node: ast.expr, kind: str, watched: Watched) -> tuple[Any, ...]:
        known = _constant(node)
        if known is not None:
            return ("constant", known)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and _joins(node):
            return ("not", self._formula(node.operand, kind, watched))
        if isinstance(node, ast.BoolOp):
            name = type(node.op).__name__.lower()
            return (name, *(self._formula(each, name, watched) for each in node.values))
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            links = []
            for i, (op, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
                left = node.comparators[i - 1] if i else node.left
                text = ast.unparse(ast.Compare(left, [op], [right]))  # as one that stands alone
                links.append(self._condition("compare", self._span(left, right), text, watched))
            return ("and", *links)
        return self._condition(kind, self._span(node), ast.unparse(node), watched)

    def _condition(self, kind: str, span: Any, text: str, watched: Watched) -> tuple[Any, ...]:
        watched.conditions.append((kind, span))
        watched.texts.append(text)
        return ("condition", len(watched.texts) - 1)

    def _wrapped(self, node: Any, made: Any) -> Any:
        root = self._roots.get(id(node))
        if root is None or root[0] is not node:
            return made
        return self.call("decided", node, root[1], self.call("begin", node, root[1]), made)

    def value(self, node: Any) -> Any:
        known = id(node) in self._roots and self._roots.get(id(node))
        made = super().value(node)
        return self._wrapped(known[0], made) if known else made

    def test(self, node: ast.expr) -> ast.expr:
        if not _joins(node):
            return super().test(node)  # which comes to value() for what is a decision in it
        return self._wrapped(node, super().test(node))


def _joins(node: ast.AST) -> bool:
    """Whether an expression is an and, an or or a chain, after any not."""
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node = node.operand
    return isinstance(node, ast.BoolOp) or (isinstance(node, ast.Compare) and len(node.ops) > 1)


def watch(text: str, filename: str) -> tuple[CodeType, EvaluationRecorder]:
    """The rewritten program, and the recorder that it needs in ``builtins``."""
    tree = ast.parse(text, filename)
    rewriter = _Watcher(text, NAME, tree)
    kept = list(ast.walk(tree))  # ids stay those of these nodes
    tree.body = rewriter.value(tree.body)
    code = compile(tree, filename, "exec", dont_inherit=True)
    del kept
    return code, EvaluationRecorder(rewriter.places, rewriter.decisions)
