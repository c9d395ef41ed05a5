"""An oracle of which outcomes lead only to excluded code, from the branch model alone.

Shares nothing with ``ipy_branchcov.analysis``. A test or a pattern is *evaluated*, with every combination of what its
operands can be; an outcome leads on to where the whole ends, if nothing is tested after it. Where the whole ends, what
comes next is known from above: a block is entered with all that follows it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tests.line_oracle import _dead, _stops
from tests.oracle import _constant, _refutable

#: kind of place, (line, column in bytes, end line, end column) -> names of outcomes.
Found = set[tuple[str, tuple[int, int, int, int], str]]
#: (line, column in bytes, end line, end column)
Span = tuple[int, int, int, int]
#: A test of more runs is not judged.
_MOST_RUNS = 2000


class Next(NamedTuple):
    """What comes next: statements of a block, then ``after``. ``head``: a loop that is tested again instead of them."""

    block: Sequence[ast.stmt] = ()
    after: Next | None = None
    head: ast.stmt | None = None


def excluded(text: str, lines: frozenset[int]) -> tuple[Found, list[Span]]:
    """The outcomes that lead only to excluded code, which are these lines; and what is not judged.

    That are tests with too many runs, and operands that a constant keeps from being evaluated.
    """
    oracle = _Oracle(lines)
    tree = ast.parse(text)
    oracle.block(tree.body, None)
    return oracle.found, oracle.unknown


def only_failing(text: str) -> tuple[Found, list[Span]]:
    """The outcomes in tests of asserts after which each run of the test is false; and what is not judged."""
    oracle = _Oracle(frozenset())
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assert):
            oracle.tested("assert", node.test, {True: False, False: True}, quiet=False)
    return oracle.found, oracle.unknown


class _Oracle:
    def __init__(self, lines: frozenset[int]):
        self.lines = lines
        self.found: Found = set()
        self.unknown: list[Span] = []
        self._whole: dict[ast.stmt, bool] = {}

    # --- statements, from above

    def block(self, block: Sequence[ast.stmt], after: Next | None) -> None:
        for i, node in enumerate(block):
            self.statement(node, Next(block[i + 1 :], after))

    def statement(self, node: ast.stmt, behind: Next) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.block(node.body, None)
            case ast.If():
                ways = {True: Next(node.body, behind), False: Next(node.orelse, behind)}
                self.test("if", node.test, ways)
                self.block(node.body, behind)
                self.block(node.orelse, behind)
            case ast.While():
                again = Next(head=node)
                self.test("while", node.test, {True: Next(node.body, again), False: Next(node.orelse, behind)})
                self.block(node.body, again)
                self.block(node.orelse, behind)
            case ast.For() | ast.AsyncFor():
                kind = "for" if isinstance(node, ast.For) else "async-for"
                place = (*_start(node.target), *_end(node.iter))
                self.outcome(kind, place, "body", Next(node.body, Next(head=node)))
                self.outcome(kind, place, "exhausted", Next(node.orelse, behind))
                self.block(node.body, Next(head=node))
                self.block(node.orelse, behind)
            case ast.Assert():
                self.test("assert", node.test, {True: behind})
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    kind = "with" if isinstance(node, ast.With) else "async-with"
                    self.outcome(kind, _place(item.context_expr), "suppressed", behind)
                self.block(node.body, behind)
            case ast.Try() | ast.TryStar():
                self.handlers(node, behind)
            case ast.Match():
                self.match(node, behind)

    def handlers(self, node: Any, behind: Next) -> None:
        final = Next(node.finalbody, behind)
        self.block(node.body, Next(node.orelse, final))
        self.block(node.orelse, final)
        self.block(node.finalbody, behind)
        kind = "except" if isinstance(node, ast.Try) else "except*"
        for i, handler in enumerate(node.handlers):
            self.block(handler.body, final)
            if handler.type is not None:
                self.outcome(kind, _place(handler.type), "match", Next(handler.body, final))
                rest = node.handlers[i + 1 :]
                if rest and all(self.passed(each, each.type is None, final) for each in self.until(rest, final)):
                    self.found.add((kind, _place(handler.type), "nomatch"))

    def until(self, handlers: list[ast.ExceptHandler], final: Next) -> Iterator[ast.ExceptHandler]:
        for each in handlers:
            yield each
            if each.type is None:
                return

    def passed(self, clause: Any, whole: bool, behind: Next) -> bool:
        """Whether a handler or case is excluded; where it takes all that comes (``whole``), only its body matters."""
        line = clause.pattern.lineno if isinstance(clause, ast.match_case) else clause.lineno
        return (whole or line in self.lines) and self.only(Next(clause.body, behind))

    def match(self, node: ast.Match, behind: Next) -> None:
        for i, case in enumerate(node.cases):
            self.block(case.body, behind)
            rest, closed = [], False
            for each in node.cases[i + 1 :]:
                whole = each.guard is None and not _refutable(each.pattern)
                rest.append(self.passed(each, whole, behind))
                if whole:
                    closed = True
                    break
            no = all(rest) and (closed or self.only(behind))
            guarded = case.guard is not None and _constant(case.guard) is not True
            yes = not guarded and self.only(Next(case.body, behind))
            self.decided(case.pattern, _pattern_runs(case.pattern), {True: yes, False: no})
            if case.guard is not None:
                self.test("guard", case.guard, {True: Next(case.body, behind), False: None}, no=no)

    # --- what comes next

    def outcome(self, kind: str, place: tuple[int, int, int, int], name: str, then: Next) -> None:
        if self.only(then):
            self.found.add((kind, place, name))

    def test(self, kind: str, test: ast.expr, ways: dict[bool, Next | None], *, no: bool = False) -> None:
        self.tested(kind, test, {True: self.only(ways[True]), False: no or self.only(ways.get(False))})

    def tested(self, kind: str, test: ast.expr, ends: dict[bool, bool], *, quiet: bool = True) -> None:
        self.decided(test, _test_runs(kind, test), ends, quiet=quiet)
        operators = (each for each in ast.walk(test) if isinstance(each, ast.BoolOp | ast.IfExp))
        self.unknown += [_place(dead) for node in operators for dead in _dead(node)]

    def decided(
        self, whole: ast.AST, runs: Iterator[tuple[list[Any], bool]], ends: dict[bool, bool], *, quiet: bool = True
    ) -> None:
        """Add the outcomes after which nothing more is tested (where ``quiet``), and each end is as wanted."""
        every: dict[Any, list[bool]] = {}
        for number, (events, end) in enumerate(runs):
            for i, event in enumerate(events):
                if event is not None:
                    silent = not quiet or all(each is not None for each in events[i + 1 :])
                    every.setdefault(event, []).append(silent and ends[end])
            if number == _MOST_RUNS:
                self.unknown.append(_place(whole))
                return
        self.found.update((*place, name) for (place, name), answers in every.items() if all(answers))

    def only(self, then: Next | None) -> bool:
        """Whether all that comes next is excluded."""
        while then is not None:
            if then.head is not None:
                return then.head.lineno in self.lines
            seen = False
            for node in then.block:
                if _no_code(node) and node.lineno not in self.lines:
                    continue
                if not self.whole(node):
                    return False
                seen = True
                if _stops(node):
                    return True
            if seen:
                return True
            then = then.after
        return False

    def whole(self, node: ast.stmt) -> bool:
        """Whether a statement is excluded with all in it."""
        if node not in self._whole:
            self._whole[node] = self._all_excluded(node)
        return self._whole[node]

    def _all_excluded(self, node: ast.stmt) -> bool:
        for each in ast.walk(node):
            line = each.pattern.lineno if isinstance(each, ast.match_case) else getattr(each, "lineno", 0)
            code = isinstance(each, ast.ExceptHandler | ast.match_case) or (
                isinstance(each, ast.stmt) and not _no_code(each) and not isinstance(each, ast.Try | ast.TryStar)
            )
            if code and line not in self.lines:
                return False
        return True


# --- evaluation


class _Answers(dict[Any, bool]):
    """What the operands of a test are in one run: one that is asked for is true, and false in another run."""

    def __init__(self, known: dict[Any, bool], others: list[dict[Any, bool]]):
        super().__init__(known)
        self._others = others

    def __missing__(self, key: Any) -> bool:
        self._others.append({**self, key: False})
        self[key] = True
        return True


def _runs(run: Callable[[_Answers, list[Any]], bool]) -> Iterator[tuple[list[Any], bool]]:
    """All runs of a test: what happened, and how it ended."""
    others: list[dict[Any, bool]] = [{}]
    while others:
        events: list[Any] = []
        yield events, run(_Answers(others.pop(), others), events)


def _test_runs(kind: str, test: ast.expr) -> Iterator[tuple[list[Any], bool]]:
    constants: dict[int, tuple[bool | None, bool]] = {}

    def truth(node: ast.expr, names: tuple[str, ...], known: dict[Any, bool], events: list[Any]) -> bool:
        if id(node) not in constants:
            constants[id(node)] = _constant(node), _evaluates(node)
        fixed, evaluates = constants[id(node)]
        if fixed is not None:
            events += [None] * evaluates
            return fixed
        match node:
            case ast.UnaryOp(op=ast.Not()):
                found = not truth(node.operand, (), known, events)
            case ast.BoolOp():
                decides = isinstance(node.op, ast.Or)
                for each in node.values:
                    found = truth(each, ("or" if decides else "and",), known, events)
                    if found is decides:
                        break
            case ast.IfExp():
                side = node.body if truth(node.test, ("ifexp",), known, events) else node.orelse
                found = truth(side, (), known, events)
            case ast.Compare() if len(node.ops) > 1:
                for i in range(len(node.ops)):
                    events.append(None)
                    found = known[id(node), i]
                    left = node.comparators[i - 1] if i else node.left
                    place = (*_start(left), *_end(node.comparators[i]))
                    events.append((("compare", place), "true" if found else "false"))
                    if not found:
                        break
            case _:
                events.append(None)
                found = known[id(node)]
        events += [((name, _place(node)), "true" if found else "false") for name in names]
        return found

    return _runs(lambda known, events: truth(test, (kind,), known, events))


def _evaluates(node: ast.expr) -> bool:
    """Whether a test whose truth is constant evaluates something on the way: ``x or True``."""
    match node:
        case ast.UnaryOp(op=ast.Not()):
            return _evaluates(node.operand)
        case ast.BoolOp():
            for each in node.values:
                if _constant(each) is None or _evaluates(each):
                    return True
                if _constant(each) is isinstance(node.op, ast.Or):
                    return False
        case ast.IfExp():
            test = _constant(node.test)
            return test is None or _evaluates(node.test) or _evaluates(node.body if test else node.orelse)
    return False


def _pattern_runs(pattern: ast.pattern) -> Iterator[tuple[list[Any], bool]]:
    def matches(node: Any, known: dict[Any, bool], events: list[Any]) -> bool:
        match node:
            case ast.MatchAs():
                return node.pattern is None or matches(node.pattern, known, events)
            case ast.MatchStar():
                return True
            case ast.MatchOr():
                found = any(matches(each, known, events) for each in node.patterns)
            case _:
                events.append(None)
                parts = [*getattr(node, "patterns", ()), *getattr(node, "kwd_patterns", ())]
                found = known[id(node)] and all(matches(each, known, events) for each in parts)
        if _refutable(node):
            events.append((("pattern", _place(node)), "match" if found else "nomatch"))
        return found

    return _runs(lambda known, events: matches(pattern, known, events))


# --- places and forms


def _start(node: Any) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: Any) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset


def _place(node: Any) -> tuple[int, int, int, int]:
    return (*_start(node), *_end(node))


def _no_code(node: ast.stmt) -> bool:
    match node:
        case ast.Global() | ast.Nonlocal() | ast.Expr(value=ast.Constant()) | ast.AnnAssign(value=None):
            return True
    return False
