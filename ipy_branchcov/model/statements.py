"""Which lines hold code, by the syntax tree alone, so that they are the same on every Python."""

from __future__ import annotations

import ast
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ipy_branchcov.model.nodes import MAY_STOP, OPEN_BLOCKS, PERHAPS_WITHOUT_CODE, WITH_BLOCKS
from ipy_branchcov.model.truth import constant, refutable


class Head(NamedTuple):
    """A statement, handler or case: its lines up to its block, the last line of that block, and its syntax node.

    Lines from 1, inclusive. A statement without a block is all head.
    """

    first: int
    last: int
    end: int
    node: ast.AST

    @property
    def start(self) -> int:
        """The line of its keyword: below the decorators."""
        return getattr(self.node, "lineno", self.first)

    @property
    def lines(self) -> range:
        return range(self.first, self.last + 1)

    def own_lines(self) -> dict[int, list[ast.AST]]:
        """The lines on which a name, a lambda, an f-string or the name of an attribute begins, with these nodes.

        Where the head began, these can still be missed, alone. All others go with it: they hold brackets, operators,
        constants, annotations or the message of an assert, whose code Pythons place differently, or have none of.
        """
        lines: dict[int, list[ast.AST]] = {}
        for node in _evaluated(self.node):
            if isinstance(node, ast.Attribute):
                lines.setdefault(node.end_lineno or node.lineno, []).append(node)  # where its name stands
            elif isinstance(node, _BEGINS) and not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
                lines.setdefault(node.lineno, []).append(node)  # type: ignore[attr-defined]
        if getattr(self.node, "decorator_list", ()) and (own := lines.get(self.node.lineno)) is not None:  # type: ignore[attr-defined]
            own.append(self.node)  # below its decorators a definition begins, whether or not a default there ran
        return lines

    @property
    def annotated_suite(self) -> bool:
        """Whether the body of a function begins on the last of several lines, behind an annotation: ``) -> T: return``.

        That line ran with the head, on every Python; before 3.14 the annotation has code there.
        """
        match self.node:
            case ast.FunctionDef(body=[first, *_]) | ast.AsyncFunctionDef(body=[first, *_]):
                return self.first < self.last == first.lineno and self.last in set(
                    _annotated_lines(self.node.args, self.node.returns)
                )
        return False


def _annotated_lines(arguments: ast.arguments, returns: ast.expr | None) -> Iterator[int]:
    """The lines on which annotations, or parts of them, begin."""
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    for annotation in (returns, *(each.annotation for each in every if each is not None)):
        if annotation is not None:
            yield from (each.lineno for each in ast.walk(annotation) if isinstance(each, ast.expr))


Headed = ast.stmt | ast.ExceptHandler | ast.match_case
_HEADED = (ast.stmt, ast.ExceptHandler, ast.match_case)  # a tuple is asked faster


def heads(tree: ast.Module, *, without_code: bool = False, live: Iterable[ast.AST] | None = None) -> Iterator[Head]:
    """Every statement, handler and case that has code and can be reached. ``without_code``: all of them.

    ``live``: the :func:`reachable` ones, where they are known.
    """
    if live is None:
        live = statements(tree) if without_code else reachable(tree)
    for node in live:
        if isinstance(node, _HEADED) and (without_code or has_code(node)):
            yield head_of(node)


def tries(tree: ast.Module, live: Iterable[ast.AST] | None = None) -> Iterator[tuple[int, int]]:
    """The line of each ``try``, and that of the first statement in it that has code. If one is missed, so is the other.

    Some Pythons have no code for the keyword itself. ``live`` as in :func:`heads`.
    """
    for node in reachable(tree) if live is None else live:
        if isinstance(node, ast.Try | ast.TryStar):
            first = _first(node)
            if first is not None:
                yield node.lineno, first


def passes(tree: ast.Module, live: Iterable[ast.AST] | None = None) -> Iterator[tuple[int, int]]:
    """The line of each ``pass`` in the block of a ``finally``, and the line that it is missed with.

    Compilers leave no code of it in the copy that runs after an exception. The first one runs once the ``try`` has
    begun; the others where what stands before them began. ``live`` as in :func:`heads`.
    """
    for node in reachable(tree) if live is None else live:
        if isinstance(node, ast.Try | ast.TryStar):
            before = _first(node)
            for each in node.finalbody:
                if isinstance(each, ast.Pass) and before is not None:
                    yield each.lineno, before
                if isinstance(each, ast.Try | ast.TryStar):
                    before = _first(each) or before
                elif has_code(each):
                    before = head_of(each).first


def _first(node: ast.Try | ast.TryStar) -> int | None:
    """The line of the first statement with code in a ``try``, those in it included."""
    for statement in node.body:
        if isinstance(statement, ast.Try | ast.TryStar):
            if (first := _first(statement)) is not None:
                return first
        elif has_code(statement):
            return head_of(statement).first
    return None


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """A module or statement, and the statements, handlers and cases in it. No expression is entered: most nodes stand
    in those.
    """
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        if type(node) in WITH_BLOCKS:
            for label in BLOCKS:
                stack += getattr(node, label, ())


def reachable(tree: ast.Module) -> Iterator[ast.AST]:
    """The statements, handlers and cases that can be reached: compilers leave no code of the others."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        for block in _live_blocks(node) if type(node) in WITH_BLOCKS else ():
            for each in block:
                stack.append(each)
                if stops(each):
                    break


def spans_one_of(node: ast.AST, lines: Sequence[int]) -> bool:
    """Whether a statement has one of some lines, which are in order. What has no place, as a case, may have it."""
    if not isinstance(node, ast.stmt):
        return True
    first = min((each.lineno for each in getattr(node, "decorator_list", ())), default=node.lineno)
    return bisect_left(lines, first) < bisect_right(lines, node.end_lineno or node.lineno)


def absent(tree: ast.Module, live: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The statements, handlers and cases of which this run has no code: unreachable ones, and asserts under ``-O``.

    ``live``: the :func:`reachable` ones.
    """
    every, known = list(statements(tree)), {id(node) for node in live}
    if len(every) == len(known) and __debug__:
        return
    for node in every:
        if id(node) not in known or (isinstance(node, ast.Assert) and not __debug__):
            yield node


def _live_blocks(node: ast.AST) -> Iterator[Sequence[ast.AST]]:
    """The blocks of a statement but for those that a constant, or the end of the block before, closes."""
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            known = constant(test)
            yield from (block for block, dead in ((body, False), (orelse, True)) if known is not dead)
        case ast.While(test=test, body=body, orelse=orelse):
            known = constant(test)
            yield from (block for block, dead in ((body, False), (orelse, True)) if known is not dead)
        case ast.Try() | ast.TryStar():
            yield from (node.body, node.handlers, node.finalbody)
            if not _any_stops(node.body):
                yield node.orelse
        case ast.match_case(guard=guard, body=body):
            if guard is None or constant(guard) is not False:
                yield body
        case _:
            yield from (getattr(node, label, ()) for label in BLOCKS)


def stops(node: ast.AST) -> bool:
    """Whether nothing behind a statement in its block can be reached."""
    if type(node) not in MAY_STOP:
        return False
    match node:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.Assert(test=test):
            return constant(test) is False
        case ast.If(test=test, body=body, orelse=orelse):
            known = constant(test)
            return (known is False or _any_stops(body)) and (known is True or _any_stops(orelse))
        case ast.While(test=test, body=body, orelse=orelse):
            known = constant(test)
            return (known is True or _any_stops(orelse)) and (known is False or not any(_breaks(body)))
        case ast.For(body=body, orelse=orelse) | ast.AsyncFor(body=body, orelse=orelse):
            return _any_stops(orelse) and not any(_breaks(body))
        case (
            ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody)
            | ast.TryStar(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody)
        ):
            ended = _any_stops(body) or _any_stops(orelse)
            return _any_stops(finalbody) or (ended and all(_any_stops(each.body) for each in handlers))
        case ast.Match(cases=cases):
            whole = cases[-1].guard is None and not refutable(cases[-1].pattern)
            return whole and all(_any_stops(block) for case in cases for block in _live_blocks(case))
    return False


def _any_stops(statements: Iterable[ast.AST]) -> bool:
    return any(map(stops, statements))


def _breaks(block: Iterable[ast.AST]) -> Iterator[ast.Break]:
    """The ``break`` statements that can be reached, of the loop whose block this is."""
    for node in block:
        match node:
            case ast.Break():
                yield node
            case ast.For() | ast.AsyncFor() | ast.While():
                yield from _breaks(node.orelse)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                pass
            case ast.Try(finalbody=last) | ast.TryStar(finalbody=last) if _any_stops(last):
                yield from _breaks(last)  # another way out than those of the blocks before it
            case _:
                for inner in _live_blocks(node):
                    yield from _breaks(inner)
        if stops(node):
            return


#: The fields that hold the blocks of a statement.
BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
#: Fields whose expressions are evaluated elsewhere, later, only by some Pythons, or only by failing.
_NOT_EVALUATED = {"annotation", "returns", "type_params", "msg", "ctx", "op", "ops"}


def _python(name: str) -> tuple[type[ast.AST], ...]:
    """A kind of syntax node that not every Python has."""
    kind = getattr(ast, name, None)
    return () if kind is None else (kind,)


#: What runs first where it begins. Operators, calls and displays run when their parts have run.
_BEGINS: tuple[type[ast.AST], ...] = (
    ast.Name,
    ast.Lambda,
    ast.JoinedStr,
    ast.MatchValue,
    ast.MatchSingleton,
    *_python("TemplateStr"),
)
_INTERPOLATED: tuple[type[ast.AST], ...] = (ast.FormattedValue, *_python("Interpolation"))


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions and patterns that a head evaluates, and what is in them. An f-string is one."""
    if isinstance(node, _python("TypeAlias")):
        return  # its value is evaluated when somebody asks for it
    stack: list[Any] = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, list):
            stack += each
            continue
        if not isinstance(each, ast.AST) or isinstance(each, _INTERPOLATED):
            continue
        if isinstance(each, ast.expr | ast.pattern):
            yield each
        fields = each._fields if each is not node else [field for field in each._fields if field not in BLOCKS]
        stack += [getattr(each, field, None) for field in fields if field not in _NOT_EVALUATED]


def has_code(node: ast.AST) -> bool:
    """Whether code is generated for the head of a statement, on every Python."""
    if type(node) not in PERHAPS_WITHOUT_CODE:
        return True
    match node:
        case ast.Global() | ast.Nonlocal() | ast.Expr(value=ast.Constant()) | ast.Try() | ast.TryStar():
            return False
        case ast.AnnAssign(value=None):
            return False
    return True


def head_of(node: Headed) -> Head:
    """The head of a statement, handler or case."""
    if isinstance(node, ast.match_case):
        last_part = node.guard or node.pattern
        return Head(node.pattern.lineno, last_part.end_lineno or 0, node.body[-1].end_lineno or 0, node)
    first, end = node.lineno, node.end_lineno or node.lineno
    if type(node) not in OPEN_BLOCKS:  # most statements
        return Head(first, end, end, node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        first = min([first, *(decorator.lineno for decorator in node.decorator_list)])
    last = max([node.lineno, *(part.end_lineno for part in head_parts(node))])  # type: ignore[attr-defined]
    body_end = node.body[-1].end_lineno if hasattr(node, "body") else end
    return Head(first, last, body_end or end, node)


def opens_block(node: ast.AST) -> bool:
    """Whether a statement, handler or case has a head and a block below it."""
    return type(node) in OPEN_BLOCKS


def head_parts(node: ast.AST) -> list[ast.AST]:
    """The located parts of a head that run with it: no type parameters."""
    parts: list[ast.AST | None] = []
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            parts = [*getattr(node, "bases", []), *(k.value for k in getattr(node, "keywords", []))]
            parts += ast.iter_child_nodes(getattr(node, "args", ast.Load()))
            parts += [getattr(node, "returns", None)]
        case ast.If() | ast.While():
            parts = [node.test]
        case ast.For() | ast.AsyncFor():
            parts = [node.iter]
        case ast.With() | ast.AsyncWith():
            parts = [part for item in node.items for part in (item.context_expr, item.optional_vars)]
        case ast.Match():
            parts = [node.subject]
        case ast.ExceptHandler():
            parts = [node.type]
        case ast.match_case():
            parts = [node.pattern, node.guard]
    return [part for part in parts if part is not None]
