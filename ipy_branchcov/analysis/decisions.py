"""AST -> branches with spans, kinds and outcomes: which branches exist. No bytecode here."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable

from ipy_branchcov.analysis.excluded import exclude
from ipy_branchcov.analysis.obligations import ASSERTED, CONTEXT, LAST_HANDLER, Found, branch_of, excuse_asserts
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.analysis.values import optional_outcomes, value_operand
from ipy_branchcov.model.branch import (
    COMPOSITE,
    OUTCOMES,
    BranchMap,
)
from ipy_branchcov.model.nodes import NODE_FIELDS
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.truth import assigned_in_comprehension, composite, constant, kept_from_running, refutable

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
#: Fields without branches: annotations, and type parameters, whose bounds are evaluated when somebody asks for them, as
#: annotations are, and as the whole of a ``type`` statement is.
_PASSED_BY = frozenset({"annotation", "returns", "type_params"})
#: Most nodes: nothing stands in them, and they bring no branch.
_LEAVES = frozenset({ast.Name, ast.Constant})
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def decide(source: Source, policy: Policy | None = None) -> Decisions:
    """Find every branch of a source. Raises SyntaxError where it does not compile."""
    tree = source.tree()
    finder = _Finder(source, policy or Policy())
    return finder.find(tree)


class _Finder:
    """One walk over a tree with a stack of its own: sources nest deeper than Python calls may."""

    def __init__(self, source: Source, policy: Policy):
        self.source = source
        self.policy = policy
        self.found: list[Found] = []
        self.parents: dict[int, ast.AST] = {}
        self.asserts: list[ast.Assert] = []
        #: Operators and chains, with the function that they stand in.
        self.operators: list[tuple[ast.BoolOp | ast.Compare, str]] = []
        self.patterns: list[tuple[ast.pattern, str]] = []
        #: Parts of constant tests, by identity.
        self.constant_folded: set[int] = set()
        #: What a constant before it keeps from running, by identity: the outermost nodes.
        self.dead: set[int] = set()

    def find(self, tree: ast.Module) -> Decisions:
        stack: list[tuple[ast.AST, str]] = [(tree, "")]
        parents = self.parents
        while stack:
            node, function = stack.pop()
            kind = type(node)
            if (visit := _VISITS.get(kind)) is not None:
                visit(self, node, function)
            inside = self._inside(node, function) if isinstance(node, _SCOPES) else function
            for label in NODE_FIELDS[kind] if kind.__name__ != "TypeAlias" else ():
                if label in _PASSED_BY:
                    continue
                value = getattr(node, label, None)
                scope = inside if label == "body" else function
                for child in value if type(value) is list else (value,):
                    if isinstance(child, ast.AST):
                        parents[id(child)] = node
                        if type(child) not in _LEAVES:
                            stack.append((child, scope))
        return self._number(tree)

    # --- the walk

    def _inside(self, node: ast.AST, function: str) -> str:
        """The qualified name of a function or class that stands in another."""
        prefix = function and f"{function}."
        if function and not isinstance(self._scope_of(node), ast.ClassDef):
            prefix += "<locals>."
        return prefix + getattr(node, "name", "<lambda>")

    def _scope_of(self, node: ast.AST) -> ast.AST | None:
        """The function or class whose body a node stands in."""
        child, parent = node, self.parents.get(id(node))
        while parent is not None:
            if isinstance(parent, _SCOPES):
                body = parent.body
                if body is child or (isinstance(body, list) and any(child is item for item in body)):
                    return parent
            child, parent = parent, self.parents.get(id(parent))
        return None

    # --- what each node brings

    def _add(
        self,
        kind: str,
        node: ast.AST,
        function: str,
        *,
        span: Span,
        link: int = 0,
        optional: dict[str, str] | None = None,
    ) -> Found:
        found = Found(kind, span, function, node, link, dict(optional or {}))
        self.found.append(found)
        return found

    def _test(self, kind: str, test: ast.expr, function: str, optional: dict[str, str] | None = None) -> None:
        """A test of a statement or expression, and the operands below it."""
        decision = self.source.span(test)
        self._fold_constants(test)
        if constant(test) is None:
            self._condition(kind, test, function, decision, optional or {})
        self._operands(test, function, decision, whole=True)

    def _fold_constants(self, test: ast.expr) -> None:
        """Parts of a test that are constant have no operands that anything depends on."""
        if constant(test) is not None:
            self._fold(test)
            return
        match test:
            case ast.UnaryOp(op=ast.Not()):
                self._fold_constants(test.operand)
            case ast.BoolOp():
                for value in test.values:
                    self._fold_constants(value)
            case ast.IfExp():
                self._fold_constants(test.body)
                self._fold_constants(test.orelse)

    def _fold(self, test: ast.expr) -> None:
        self.constant_folded.add(id(test))
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self._fold(test.operand)
        elif isinstance(test, ast.BoolOp):
            for value in test.values:
                self._fold(value)
        elif isinstance(test, ast.IfExp):
            for part in (test.test, test.body, test.orelse):
                self._fold(part)

    def _condition(self, kind: str, test: ast.expr, function: str, decision: Span, optional: dict[str, str]) -> None:
        if composite(test):
            optional = dict.fromkeys(OUTCOMES[kind], COMPOSITE)
        link = -1 if isinstance(test, ast.Compare) and len(test.ops) > 1 else 0
        found = self._add(kind, test, function, span=self.source.span(test), link=link, optional=optional)
        found.decision = decision

    def _operands(self, test: ast.expr, function: str, decision: Span, *, whole: bool) -> None:
        """The last operands and last links that are tested because ``test`` is. The others come by themselves.

        ``whole``: a real test, whose truth the compiler also takes out of conditional expressions.
        """
        if id(test) in self.constant_folded:
            return
        match test:
            case ast.UnaryOp(op=ast.Not()):
                self._operands(test.operand, function, decision, whole=whole)
            case ast.BoolOp():
                last = test.values[-1]
                if constant(last) is None:
                    self._condition(_operator(test), last, function, decision, {})
                # Below a tested operator every operand is tested as the whole is; the others' own operands
                # are found with the operator itself (see _bool_op), but for conditional expressions.
                self._operands(last, function, decision, whole=whole)
                if whole:
                    for value in test.values[:-1]:
                        self._sides(value, function, decision)
            case ast.IfExp() if whole:
                self._operands(test.body, function, decision, whole=True)
                self._operands(test.orelse, function, decision, whole=True)
            case ast.Compare() if len(test.ops) > 1:
                found = self._link(test, len(test.ops) - 1, function)
                found.decision = decision

    def _sides(self, test: ast.expr, function: str, decision: Span) -> None:
        """Conditional expressions in a non-last operand of a real test: their sides are tested one by one."""
        match test:
            case ast.UnaryOp(op=ast.Not()):
                self._sides(test.operand, function, decision)
            case ast.BoolOp():
                for value in test.values:
                    self._sides(value, function, decision)
            case ast.IfExp():
                self._operands(test.body, function, decision, whole=True)
                self._operands(test.orelse, function, decision, whole=True)

    def _link(self, chain: ast.Compare, link: int, function: str) -> Found:
        left = chain.comparators[link - 1] if link else chain.left
        # A parenthesised left operand starts inside its parentheses, as every span of the syntax tree does.
        return self._add("compare", chain, function, span=self.source.span(left, chain.comparators[link]), link=link)

    def _bool_op(self, node: ast.BoolOp, function: str) -> None:
        self.dead.update(map(id, kept_from_running(node)))
        if id(node) in self.constant_folded:
            return
        self.operators.append((node, function))
        span = self.source.span(node)
        for value in node.values[:-1]:
            if constant(value) is None:
                self._condition(_operator(node), value, function, span, {})
            self._operands(value, function, span, whole=False)

    def _compare(self, node: ast.Compare, function: str) -> None:
        if id(node) in self.constant_folded:
            return
        self.operators.append((node, function))
        for link in range(len(node.ops) - 1):
            self._link(node, link, function).decision = self.source.span(node)

    def _values(self) -> None:
        """The last operands and last links that nothing tests: the operator is a value. All tested ones are found."""
        tested = {(id(found.node), found.link) for found in self.found}
        for node, function in self.operators:
            operand = value_operand(node)
            link = len(node.ops) - 1 if isinstance(node, ast.Compare) else 0
            if operand is None or (id(operand), link) in tested:
                continue
            if isinstance(node, ast.Compare):
                found = self._link(node, link, function)
            else:
                found = self._add(_operator(node), operand, function, span=self.source.span(operand))
            found.optional = optional_outcomes(operand)
            found.value, found.decision = True, self.source.span(node)

    def _if(self, node: ast.If, function: str) -> None:
        self._test("if", node.test, function)

    def _while(self, node: ast.While, function: str) -> None:
        self._test("while", node.test, function)

    def _ifexp(self, node: ast.IfExp, function: str) -> None:
        self.dead.update(map(id, kept_from_running(node)))
        if id(node) in self.constant_folded:
            return
        self._test("ifexp", node.test, function)

    def _assert(self, node: ast.Assert, function: str) -> None:
        self.asserts.append(node)
        self._test("assert", node.test, function, {"false": ASSERTED})

    def _for(self, node: ast.For | ast.AsyncFor, function: str) -> None:
        kind = "for" if isinstance(node, ast.For) else "async-for"
        self._add(kind, node, function, span=self.source.span(node.target, node.iter))

    def _comprehension(self, node: ast.expr, function: str) -> None:
        self.dead.update(map(id, kept_from_running(node)))
        for i, generator in enumerate(node.generators):  # type: ignore[attr-defined]
            if i == 0 or not assigned_in_comprehension(generator):
                kind = "async-comp-for" if generator.is_async else "comp-for"
                self._add(kind, generator, function, span=self.source.span(generator.target, generator.iter))
            for test in generator.ifs:
                self._test("comp-if", test, function)

    def _with(self, node: ast.With | ast.AsyncWith, function: str) -> None:
        kind = "with" if isinstance(node, ast.With) else "async-with"
        for item in node.items:
            span = self.source.span(item.context_expr)
            self._add(kind, item, function, span=span, optional=dict.fromkeys(OUTCOMES[kind], CONTEXT))

    def _try(self, node: ast.Try | ast.TryStar, function: str) -> None:
        kind = "except" if isinstance(node, ast.Try) else "except*"
        for handler in node.handlers:
            if handler.type is not None:
                optional = {"nomatch": LAST_HANDLER} if handler is node.handlers[-1] else {}
                self._add(kind, handler, function, span=self.source.span(handler.type), optional=optional)

    def _case(self, node: ast.match_case, function: str) -> None:
        for pattern in ast.walk(node.pattern):
            if isinstance(pattern, ast.pattern) and not isinstance(pattern, ast.MatchAs) and refutable(pattern):
                self._add("pattern", pattern, function, span=self.source.span(pattern))
        if node.guard is not None:
            self._test("guard", node.guard, function)

    # --- numbers and obligations

    def _number(self, tree: ast.Module) -> Decisions:
        # One place can stand for several nodes only where the interpreter misplaces them (f-strings of 3.11).
        self._values()
        order = sorted(self.found, key=lambda found: (found.span.order, found.kind))
        groups = [list(group) for _, group in itertools.groupby(order, key=lambda found: (found.span, found.kind))]
        numbered = [(found, number) for number, group in enumerate(groups) for found in group]
        sites = {(id(found.node), found.link): number for found, number in numbered if not found.value}
        values = {
            (id(found.node), found.link): number
            for found, number in numbered
            if found.value and groups[number][0].value
        }
        branches = BranchMap(self.source, (), frozenset())
        result = Decisions(branches, tree, sites, self.parents, self.constant_folded, values, dead=self.dead)
        excuse_asserts(self.asserts, result, groups)
        result.map = BranchMap(self.source, tuple(branch_of(group[0], self.policy) for group in groups), frozenset())
        result.nodes = tuple(group[0].node for group in groups)
        result.links = tuple(group[0].link for group in groups)
        result.map = exclude(result, self.policy)
        return result


def _operator(node: ast.BoolOp) -> str:
    return "and" if isinstance(node.op, ast.And) else "or"


_VISITS: dict[type[ast.AST], Callable[..., None]] = {
    ast.If: _Finder._if,
    ast.While: _Finder._while,
    ast.IfExp: _Finder._ifexp,
    ast.Assert: _Finder._assert,
    ast.BoolOp: _Finder._bool_op,
    ast.Compare: _Finder._compare,
    ast.For: _Finder._for,
    ast.AsyncFor: _Finder._for,
    **dict.fromkeys(_COMPREHENSIONS, _Finder._comprehension),
    ast.With: _Finder._with,
    ast.AsyncWith: _Finder._with,
    ast.Try: _Finder._try,
    ast.TryStar: _Finder._try,
    ast.match_case: _Finder._case,
}
