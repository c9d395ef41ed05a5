"""Parts of lines that can be missed although their line ran: where they stand, and which of them never ran.

A part runs after one outcome: a side of ``X if C else Y``, an operand of ``and``, ``or`` or a chained comparison, an
element, a filter or a later loop of a comprehension, the guard of a ``case``, the suite in ``if x: stmt``. The body of
a lambda and of a one-line function runs after a call. What an exception kept from running has no outcome to show it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.nodes import NODE_FIELDS, OPEN_BLOCKS
from ipy_branchcov.model.span import Span
from ipy_branchcov.model.statements import BLOCKS, Headed, has_code, head_of, reachable
from ipy_branchcov.model.truth import assigned_in_comprehension, constant, kept_from_running, live_operands, refutable

SpanOf = Callable[..., Span]
#: The branch and the name of its outcome that leads to a part.
After = tuple[tuple[Span, str], str]
Function = ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef
#: Fields whose expressions are evaluated elsewhere, later, only by some Pythons or only by failing.
_LEFT_OUT = frozenset({"annotation", "returns", "type_params", "msg"})
_NOT_IN_HEAD = _LEFT_OUT.union(BLOCKS)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
#: The expressions of which a part can be missed, and those of which a constant keeps a part from running.
_PARTED = frozenset({ast.IfExp, ast.BoolOp, ast.Compare, ast.Lambda, *_COMPREHENSIONS})
_CUT = frozenset({ast.IfExp, ast.BoolOp, *_COMPREHENSIONS})


class _Fields(dict[type, tuple[str, ...]]):
    """The fields of a kind of node that are evaluated with it; none of what is no node."""

    def __missing__(self, kind: type) -> tuple[str, ...]:
        names = NODE_FIELDS[kind] if issubclass(kind, ast.AST) else ()
        found = self[kind] = tuple(name for name in names if name not in _LEFT_OUT)
        return found


_FIELDS = _Fields()


class Region(NamedTuple):
    """A part of a line. ``after``: the outcome that leads to it; of the body of a ``function``: None, a call does.

    ``suite``: it consists of statements. In an analysis that was kept from an earlier run, ``function`` is no syntax
    node, but a tuple of what is known of it.
    """

    span: Span
    after: After | None
    function: Function | tuple[Any, ...] | None = None
    suite: bool = False

    @property
    def runs_when_called(self) -> bool:
        """Whether it is the body of a function, and no generator's or coroutine's."""
        if not isinstance(self.function, ast.Lambda | ast.FunctionDef):
            return False
        body = self.function.body
        stack: list[ast.AST] = [*body] if isinstance(body, list) else [body]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Yield | ast.YieldFrom):
                return False
            if not isinstance(node, ast.Lambda):
                stack += ast.iter_child_nodes(node)
        return True


def regions(tree: ast.Module, span: SpanOf, live: Iterable[ast.AST] | None = None) -> Iterator[Region]:
    """The regions of a syntax tree that can be reached; ``span`` gives the place from one node to another.

    ``live``: the statements that can be reached, where they are known.
    """
    for statement in reachable(tree) if live is None else live:
        if type(statement) in OPEN_BLOCKS:
            yield from _suites(statement, span)
        for node in _parted(statement):
            yield from _parts(node, span)


def never_ran(found: Iterable[Region], branches: Iterable[Branch], entered: Collection[object]) -> Iterator[Region]:
    """The regions that never ran. ``entered``: the functions that were called.

    Left out are regions whose outcome is not known, or excluded.
    """
    by_key = {branch.key: branch for branch in branches}
    called = {id(function) for function in entered}
    for region in found:
        if region.after is None:
            if id(region.function) not in called:
                yield region
        elif (branch := by_key.get(region.after[0])) is not None:
            outcome = branch[region.after[1]]
            if not outcome.hits and not outcome.excluded:
                yield region


def _suites(node: ast.AST, span: SpanOf) -> Iterator[Region]:
    """The suites that stand on the line of their head, and the guard of a ``case``."""
    if isinstance(node, ast.match_case):
        before = _matched(node, span)
        if node.guard is not None and before is not None:
            yield Region(span(node.guard), before)
    for after, head in _led_to(node, span):
        yield from _suite(head, span, after)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _suite(node, span, None, node)


def _led_to(node: ast.AST, span: SpanOf) -> Iterator[tuple[After, Headed]]:
    """The outcomes that lead to the suite of a statement, or to those of its handlers."""
    match node:
        case ast.If() | ast.While():
            yield (_tested(node, span), "true"), node
        case ast.For() | ast.AsyncFor():
            yield (_tested(node, span), "body"), node
        case ast.Try(handlers=handlers) | ast.TryStar(handlers=handlers):
            kind = "except" if isinstance(node, ast.Try) else "except*"
            yield from ((((span(each.type), kind), "match"), each) for each in handlers if each.type is not None)
        case ast.match_case(guard=guard):
            known = True if guard is None else constant(guard)
            after = _matched(node, span)
            if guard is not None and known is None:
                after = ((span(guard), "guard"), "true")
            if after is not None and known is not False:
                yield after, node


def _matched(node: ast.match_case, span: SpanOf) -> After | None:
    """The outcome of a ``case`` that matches; None where it always does."""
    pattern = node.pattern
    while isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        pattern = pattern.pattern
    return ((span(pattern), "pattern"), "match") if refutable(pattern) else None


def beginnings(tree: ast.Module, span: SpanOf, live: Iterable[ast.AST] | None = None) -> Iterator[tuple[After, int]]:
    """The outcomes that lead to suites, each with the line of the first statement there.

    Compilers leave no code of a ``pass`` in some copies of a ``finally``; what led to it shows that it ran.
    ``live``: as in :func:`regions`.
    """
    for node in reachable(tree) if live is None else live:
        if type(node) not in OPEN_BLOCKS:
            continue
        suites = ((after, head.body) for after, head in _led_to(node, span))  # type: ignore[union-attr]
        for after, body in chain(suites, _else(node, span)):
            first = next((each for each in body if has_code(each) or isinstance(each, ast.Try | ast.TryStar)), None)
            if first is not None and has_code(first):
                yield after, head_of(first).first


def _else(node: ast.AST, span: SpanOf) -> Iterator[tuple[After, list[ast.stmt]]]:
    """The outcome that leads to what stands behind ``else``, or to an ``elif``."""
    match node:
        case ast.If() | ast.While():
            yield (_tested(node, span), "false"), node.orelse
        case ast.For() | ast.AsyncFor():
            yield (_tested(node, span), "exhausted"), node.orelse


def _tested(node: ast.If | ast.While | ast.For | ast.AsyncFor, span: SpanOf) -> tuple[Span, str]:
    """What identifies the branch at the head of a statement."""
    match node:
        case ast.If() | ast.While():
            return span(node.test), "if" if isinstance(node, ast.If) else "while"
        case _:
            return span(node.target, node.iter), "for" if isinstance(node, ast.For) else "async-for"


def _suite(node: Headed, span: SpanOf, after: After | None, function: Function | None = None) -> Iterator[Region]:
    """The suite of a statement where it begins on the last line of the head, from its first code on."""
    body: list[ast.stmt] = node.body  # type: ignore[union-attr]
    with_code = [statement for statement in body if has_code(statement)]
    if with_code and body[0].lineno <= head_of(node).last:
        yield Region(span(with_code[0], body[-1]), after, function, suite=True)


def _parts(node: ast.AST, span: SpanOf) -> Iterator[Region]:
    """The parts of one expression."""
    match node:
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield Region(span(body), ((span(test), "ifexp"), "true"))
            yield Region(span(orelse), ((span(test), "ifexp"), "false"))
        case ast.BoolOp():
            kind, goes_on = ("and", "true") if isinstance(node.op, ast.And) else ("or", "false")
            before: ast.expr | None = None
            for value in live_operands(node):
                if before is not None:
                    yield Region(span(value), ((span(before), kind), goes_on))
                before = before if constant(value) is not None else value
        case ast.Compare(left=left, comparators=[first, *others]):
            for other in others:
                yield Region(span(other), ((span(left, first), "compare"), "true"))
                left, first = first, other
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            yield from _comprehension(node, span)
        case ast.Lambda(body=body):
            yield Region(span(body), None, node)


def _comprehension(
    node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, span: SpanOf
) -> Iterator[Region]:
    """Its filters, its second loop and those behind, its elements: each after what stands before it."""
    after: After | None = None
    if _filtered_out(node):
        return
    for generator in node.generators:
        place = span(generator.target, generator.iter)
        if after is not None:
            yield Region(place, after)
        if generator is node.generators[0] or not assigned_in_comprehension(generator):
            after = ((place, "async-comp-for" if generator.is_async else "comp-for"), "body")
        for test in generator.ifs:
            if after is not None:
                yield Region(span(test), after)
            if constant(test) is None:
                after = ((span(test), "comp-if"), "true")
    elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    if after is not None:
        yield from (Region(span(element), after) for element in elements if element is not None)


def _filtered_out(node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> bool:
    """Whether a filter lets nothing through, by its form."""
    return any(constant(test) is False for generator in node.generators for test in generator.ifs)


def _parted(statement: ast.AST) -> Iterator[ast.AST]:
    """The expressions in the head of a statement of which a part can be missed.

    What a constant keeps from running is left out. Most nodes are names and constants, and have no field to look into.
    """
    if type(statement).__name__ == "TypeAlias":
        return  # its value is evaluated when somebody asks for it
    stack: list[Any] = [
        getattr(statement, name, None) for name in NODE_FIELDS[type(statement)] if name not in _NOT_IN_HEAD
    ]
    dead: set[int] = set()
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is list:
            stack += node
            continue
        fields = _FIELDS[kind]
        if not fields or (dead and id(node) in dead):
            continue
        if kind in _PARTED:
            yield node
            if kind in _CUT:
                dead.update(map(id, kept_from_running(node)))
        for name in fields:
            stack.append(getattr(node, name, None))
