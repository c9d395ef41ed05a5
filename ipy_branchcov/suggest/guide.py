"""A copy of a source that reports, as it runs, how far each condition was from its other outcome.

The copy guides the search alone. Which outcomes a call covers is found by the engine, on the code as it is.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from types import CodeType

from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.model.source import UNPARSABLE
from ipy_branchcov.processes.engines.texts import FUTURE
from ipy_branchcov.suggest.record import Place

#: The name under which guided code finds the recorder, among the built-in names.
RECORDER = "__branchcov_guide__"
#: Methods whose receiver is compared with what they are given.
COMPARING = frozenset({"startswith", "endswith", "get", "match", "fullmatch", "search", "findall", "finditer", "sub"})
_SKIPPED = frozenset({"annotation", "returns", "type_params", "decorator_list"})


class Guide:
    """The guided code of a source, by the name and first line of its functions; empty where it cannot be made."""

    def __init__(self, decisions: Decisions, flags: int = 0):
        self._codes: dict[tuple[str, int], CodeType] = {}
        try:
            tree = _Instrumenter(decisions).tree()
            flags = (flags & FUTURE) | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            module = compile(tree, "<guided by branchcov>", "exec", flags, dont_inherit=True)
        except UNPARSABLE:
            return
        for code in code_objects(module):
            self._codes[code.co_qualname, code.co_firstlineno] = code

    def of(self, code: CodeType) -> CodeType | None:
        """The guided code in the place of a function's own."""
        found = self._codes.get((code.co_qualname, code.co_firstlineno))
        return found if found is not None and found.co_freevars == code.co_freevars else None


class _Instrumenter(ast.NodeTransformer):
    """Wraps tests, comparisons, iterables and types of handlers in calls of the recorder."""

    def __init__(self, decisions: Decisions):
        memo: dict[int, object] = {}
        self._tree = copy.deepcopy(decisions.tree, memo)
        self._sites: dict[tuple[int, int], int] = {}
        for (key, link), number in (*decisions.sites.items(), *decisions.values.items()):
            if key in memo:
                self._sites[id(memo[key]), link] = number

    def tree(self) -> ast.Module:
        self.visit(self._tree)
        return ast.fix_missing_locations(self._tree)

    def visit(self, node: ast.AST) -> ast.AST:
        number = self._sites.get((id(node), 0), -1)
        whole = self._sites.get((id(node), -1), -1)
        if isinstance(node, ast.Compare):
            return self._tested(whole, self._compare(node))
        method = getattr(self, f"visit_{type(node).__name__}", None)
        found = method(node) if method else self._inside(node)
        return self._tested(number, found) if isinstance(node, ast.expr) else found

    def _inside(self, node: ast.AST) -> ast.AST:
        for name, value in ast.iter_fields(node):
            if name in _SKIPPED:
                continue
            if isinstance(value, list):
                value[:] = [self.visit(each) if isinstance(each, ast.AST) else each for each in value]
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node

    def _tested(self, number: int, node: ast.AST) -> ast.AST:
        return node if number < 0 else _call("test", node, [ast.Constant(number), node])

    def _compare(self, node: ast.Compare) -> ast.expr:
        """A chain as its links with ``and`` between; each operand but the first and last is kept for the next link."""
        last = len(node.ops) - 1
        numbers = [self._sites.get((id(node), link), -1) for link in range(last + 1)]
        left: ast.expr = self.visit(node.left)  # type: ignore[assignment]
        links: list[ast.expr] = []
        for link, (operator, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
            seen: ast.expr = self.visit(right)  # type: ignore[assignment]
            kept = seen if link == last else _call("keep", node, [seen])
            name = ast.Constant(type(operator).__name__)
            arguments = [ast.Constant(numbers[link]), name, left, kept, ast.Constant(link < last)]
            links.append(_call("compare", node, arguments))
            left = _call("kept", node, [])
        return links[0] if last == 0 else ast.copy_location(ast.BoolOp(ast.And(), links), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self._inside(node)
        return _call("negate", node, [node.operand]) if isinstance(node.op, ast.Not) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self._inside(node)
        callee = node.func
        if not isinstance(callee, ast.Attribute) or callee.attr not in COMPARING:
            return node
        named = [ast.Constant(callee.attr), callee.value]
        return ast.copy_location(ast.Call(_attribute("method", node), [*named, *node.args], node.keywords), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self._inside(node)
        if not isinstance(node.ctx, ast.Load) or isinstance(node.slice, ast.Slice | ast.Tuple | ast.Constant):
            return node
        return _call("item", node, [node.value, node.slice])

    def visit_For(self, node: ast.For) -> ast.AST:
        number = self._sites.get((id(node), 0), -1)
        self._inside(node)
        if number >= 0:
            node.iter = _call("iterate", node.iter, [ast.Constant(number), node.iter])
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        number = self._sites.get((id(node), 0), -1)
        self._inside(node)
        if number >= 0 and not node.is_async:
            node.iter = _call("iterate", node.iter, [ast.Constant(number), node.iter])
        return node

    def visit_Try(self, node: ast.Try) -> ast.AST:
        numbers = [self._sites.get((id(each), 0), -1) for each in node.handlers]
        self._inside(node)
        for handler, number in zip(node.handlers, numbers, strict=True):
            if handler.type is not None and number >= 0:
                handler.type = _call("handler", handler.type, [ast.Constant(number), handler.type])
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        number = self._sites.get((id(node.pattern), 0), -1)
        if node.guard is not None:
            node.guard = self.visit(node.guard)  # type: ignore[assignment]
        node.body[:] = [self.visit(each) for each in node.body]  # type: ignore[misc]
        if number >= 0:
            hit = ast.Expr(_call("hit", node.body[0], [ast.Constant(number), ast.Constant(0)]))
            node.body.insert(0, ast.copy_location(hit, node.body[0]))
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_TemplateStr(self, node: ast.AST) -> ast.AST:
        return node


def _attribute(name: str, place: ast.AST) -> ast.expr:
    recorder = ast.copy_location(ast.Name(RECORDER, ast.Load()), place)
    return ast.copy_location(ast.Attribute(recorder, name, ast.Load()), place)


def _call(name: str, place: ast.AST, arguments: Sequence[ast.AST]) -> ast.expr:
    call = ast.Call(_attribute(name, place), list(arguments), [])  # type: ignore[arg-type]
    return ast.copy_location(call, place)


# --- what leads to a place


def needs(decisions: Decisions, number: int) -> tuple[Place, ...]:
    """The outcomes that lead to a branch, the outer ones first, by the syntax tree alone: nesting, and early exits."""
    found = list(_needs(decisions, decisions.nodes[number], decisions.links[number]))
    return tuple(reversed(found))


def _needs(decisions: Decisions, node: ast.AST, link: int) -> Iterator[Place]:
    if isinstance(node, ast.Compare):
        for earlier in range(link - 1, -1, -1):
            if (site := decisions.site(node, earlier)) is not None:
                yield (site, 0)
    child: ast.AST = node
    while (parent := decisions.parents.get(id(child))) is not None:
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield from _siblings(decisions, parent, child)
            return
        yield from _around(decisions, parent, child)
        if isinstance(child, ast.stmt):
            yield from _siblings(decisions, parent, child)
        child = parent


def _around(decisions: Decisions, parent: ast.AST, child: ast.AST) -> Iterator[Place]:
    """The outcomes of a node that lead to one of its children."""
    if isinstance(parent, ast.expr):
        yield from _inside_expression(decisions, parent, child)
    else:
        yield from _inside_statement(decisions, parent, child)


def _inside_expression(decisions: Decisions, parent: ast.expr, child: ast.AST) -> Iterator[Place]:
    match parent:
        case ast.BoolOp():
            want = 0 if isinstance(parent.op, ast.And) else 1
            for before in reversed(parent.values[: parent.values.index(child)]):  # type: ignore[arg-type]
                if (site := decisions.site(before)) is not None:
                    yield (site, want)
        case ast.IfExp() if child is not parent.test:
            yield from _test(decisions, parent.test, _within(parent.body, child))
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp() if not isinstance(
            child, ast.comprehension
        ):
            for each in reversed(parent.generators):
                for test in reversed(each.ifs):
                    yield from _test(decisions, test, True)
                if (site := decisions.site(each)) is not None:
                    yield (site, 0)


def _inside_statement(decisions: Decisions, parent: ast.AST, child: ast.AST) -> Iterator[Place]:
    match parent:
        case ast.If() | ast.While() if child is not parent.test:
            yield from _test(decisions, parent.test, _within(parent.body, child))
        case ast.For() | ast.AsyncFor() if child is not parent.iter:
            if (site := decisions.site(parent)) is not None:
                yield (site, 0 if _within(parent.body, child) else 1)
        case ast.ExceptHandler() if child is not parent.type:
            if (site := decisions.site(parent)) is not None:
                yield (site, 0)
        case ast.match_case() if child is not parent.pattern:
            if parent.guard is not None and child is not parent.guard:
                yield from _test(decisions, parent.guard, True)
            if (site := decisions.site(parent.pattern)) is not None:
                yield (site, 0)


def _within(body: list[ast.stmt] | ast.expr, child: ast.AST) -> bool:
    return any(child is each for each in body) if isinstance(body, list) else child is body


def _test(decisions: Decisions, test: ast.expr, truth: bool) -> Iterator[Place]:
    site = decisions.site(test)
    if site is None:
        site = decisions.site(test, -1)
    if site is not None:
        yield (site, 0 if truth else 1)


def _siblings(decisions: Decisions, parent: ast.AST, child: ast.AST) -> Iterator[Place]:
    """Tests before a statement in its block that must not lead away."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if not isinstance(block, list) or not _within(block, child):
            continue
        at = next(i for i, each in enumerate(block) if each is child)
        for before in reversed(block[:at]):
            if isinstance(before, ast.If):
                if _leaves(before.body):
                    yield from _test(decisions, before.test, False)
                elif before.orelse and _leaves(before.orelse):
                    yield from _test(decisions, before.test, True)


def _leaves(block: list[ast.stmt]) -> bool:
    return isinstance(block[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)
