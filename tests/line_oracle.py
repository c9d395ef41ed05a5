"""An oracle of lines that looks at no bytecode: the program, rewritten so that it reports what began on which line.

The rule, on the syntax tree alone: a statement (handler, case) that never began is missed on all lines of its head. In
one that began, a line is missed if a name, a lambda, an f-string or the name of an attribute begins on it, and none of
these ever began (a lambda does when its defaults have been evaluated). All others go with the statement. Code that
cannot be reached has no lines.

Shares nothing with ``ipy_branchcov``: it was written from the branch model alone.
"""

from __future__ import annotations

import ast
import builtins
import io
import random
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import dropwhile
from types import CodeType
from typing import Any

NAME = "__branchcov_lines__"
_STOPS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_NO_CODE = (ast.Global, ast.Nonlocal)
_LEFT_OUT = {"annotation", "returns", "type_params", "msg", "ctx"}
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class Lines:
    """What the rewritten program calls, and what it found. ``unknown``: lines that it cannot judge."""

    def __init__(self) -> None:
        self.began: Counter[int] = Counter()
        self.unknown: set[int] = set()
        self.heads: list[tuple[int, range]] = []
        self.parts: list[tuple[int, int, int]] = []
        self.others: list[tuple[int, int]] = []
        self.chains: list[tuple[int, list[tuple[int, int, int, int]], int]] = []
        self._marks = 0

    def new(self) -> int:
        self._marks += 1
        return self._marks

    def mark(self, number: int) -> None:
        self.began[number] += 1

    def after(self, number: int, value: Any) -> Any:
        self.began[number] += 1
        return value

    def missed(self) -> set[int]:
        """The lines that never ran."""
        for subject, cases, none in self.chains:  # a case is reached where none before it began, and no guard raised
            left = self.began[subject]
            for reached, guard, judged, body in cases:
                self.began[reached] = left
                left -= self.began[body] + self.began[guard] - self.began[judged]
            if left > self.began[none]:
                self._raised(cases, none)
        ran: set[int] = set()
        missed: set[int] = set()
        for number, lines in self.heads:
            if self.began[number]:
                ran.add(lines[0])
            else:
                missed.update(lines)
        for head, number, line in self.parts:
            if self.began[number]:
                ran.add(line)
            elif self.began[head]:
                missed.add(line)
        self.unknown.update(line for number, line in self.others if self.began[number] and line not in ran)
        return missed - ran - self.unknown

    def _raised(self, cases: list[tuple[int, int, int, int]], none: int) -> None:
        """A pattern raised, it is not known which: so behind the last case that began none is known to be reached."""
        began = [self.began[guard] + self.began[body] for _, guard, _, body in cases]
        known = len(cases) if self.began[none] else max((i for i, each in enumerate(began) if each), default=0)
        behind = {reached for reached, _, _, _ in cases[known + 1 :]}
        self.unknown.update(lines[0] for number, lines in self.heads if number in behind)


class _Rewriter:
    def __init__(self, lines: Lines):
        self.lines = lines

    def call(self, method: str, number: int, where: Any, *values: ast.expr) -> ast.expr:
        at = {
            "lineno": where.lineno,
            "col_offset": where.col_offset,
            "end_lineno": where.end_lineno,
            "end_col_offset": where.end_col_offset,
        }
        function = ast.Attribute(ast.Name(NAME, ast.Load(), **at), method, ast.Load(), **at)
        return ast.Call(function, [ast.Constant(number, **at), *values], [], **at)

    def block(self, statements: list[ast.stmt], *, docstring: bool = False) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        dead = False
        for i, node in enumerate(statements):
            first = docstring and i == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            stops, known = _stops(node), _decided(node.test) if isinstance(node, ast.If | ast.While) else None
            if not dead and not _has_no_code(node):
                number = self.lines.new()
                mark = ast.copy_location(ast.Expr(self.call("mark", number, node)), node)
                if first or future:
                    self.lines.unknown.update(range(node.lineno, (node.end_lineno or 0) + 1))
                else:
                    made.append(mark)
                    self.head(node, number)
                    # Whether it began, its line does not say. (In a suite on the line of its head, an outcome does.)
                    if i and node.lineno == statements[i - 1].end_lineno:
                        self.lines.unknown.update(self.lines.heads[-1][1])
            self.inner(node, known, dead)
            made.append(node)
            dead = dead or stops
        return made

    def head(self, node: ast.AST, number: int, first: int | None = None) -> None:
        """Mark what begins on the lines of a head, below its first."""
        decorators = getattr(node, "decorator_list", [])
        first = first or min([node.lineno, *(each.lineno for each in decorators)])  # type: ignore[attr-defined]
        last = max([node.lineno if hasattr(node, "lineno") else first, *_ends(node)])
        self.lines.heads.append((number, range(first, last + 1)))
        if isinstance(node, ast.Assert):
            self.lines.unknown.add(node.test.lineno)  # here they put what fails
            if node.msg is not None:  # no line is missed for it, but what is on its lines may have run
                made = self.lines.new()
                self.lines.others += [(made, line) for line in range(node.msg.lineno, (node.msg.end_lineno or 0) + 1)]
                node.msg = ast.BoolOp(ast.Or(), [self.call("mark", made, node.msg), node.msg])
                ast.copy_location(node.msg, node.msg.values[1])
        if last > first and type(node).__name__ != "TypeAlias":  # whose value is evaluated when somebody asks for it
            self.mark_parts(node, number, first)
            # The last line of the head of a function runs with it where an annotation stands there.
            every = [getattr(node, "returns", None)]
            every += [each.annotation for each in ast.walk(getattr(node, "args", node)) if isinstance(each, ast.arg)]
            starts = {part.lineno for each in every if each for part in ast.walk(each) if isinstance(part, ast.expr)}
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and last in starts:
                self.lines.parts.append((number, number, last))
        if decorators:  # its own line runs when they have been evaluated; where they raise, that is not judged
            made = self.lines.new()
            self.lines.others.append((number, node.lineno))  # type: ignore[attr-defined]
            self.lines.parts.append((number, made, node.lineno))  # type: ignore[attr-defined]
            *others, last_one = node.decorator_list  # type: ignore[attr-defined]
            node.decorator_list = [*others, self.call("after", made, last_one, last_one)]  # type: ignore[attr-defined]

    def mark_parts(self, node: ast.AST, head: int, first: int) -> None:
        for field, value in list(ast.iter_fields(node)):
            if field in _LEFT_OUT or (field in _BLOCKS and not isinstance(node, ast.expr)):
                continue
            if isinstance(value, list):
                setattr(node, field, [self.part(each, head, first) for each in value])
            elif isinstance(value, ast.AST):
                setattr(node, field, self.part(value, head, first))

    def part(self, node: Any, head: int, first: int) -> Any:
        """An expression that reports that it began, with all in it."""
        if not isinstance(node, ast.AST):
            return node
        line, end = getattr(node, "lineno", first), getattr(node, "end_lineno", first)
        for dead in _dead(node):  # what a constant decides is no code, but how much of it depends on the Python
            self.lines.unknown.update(range(dead.lineno, dead.end_lineno + 1))
        if isinstance(node, ast.pattern):
            self.lines.unknown.update(range(first, end + 1))
            return node
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            self.lines.unknown.update(range(line, end + 1) if line > first else ())
            return node
        if type(node).__name__ in ("JoinedStr", "TemplateStr", "Constant"):
            inner = node
        else:
            name_line = end if isinstance(node, ast.Attribute) else None
            self.mark_parts(node, head, first)
            if isinstance(node, ast.Attribute) and name_line is not None and name_line > first:
                number = self.lines.new()
                self.lines.parts.append((head, number, name_line))
                node.value = self.call("after", number, node.value, node.value)
            inner = node
        if not isinstance(node, ast.expr) or isinstance(node, ast.Starred | ast.Slice) or line <= first:
            return inner
        number = self.lines.new()
        begins = isinstance(node, ast.Name | ast.Lambda | ast.JoinedStr) or type(node).__name__ == "TemplateStr"
        if begins:
            self.lines.parts.append((head, number, line))
        else:  # no reason to miss a line, but one not to judge it
            self.lines.others.append((number, line))
        if isinstance(node, ast.Lambda):  # it is made when its defaults have been evaluated, which may raise
            return self.call("after", number, node, inner)
        return ast.copy_location(ast.BoolOp(ast.Or(), [self.call("mark", number, node), inner]), node)

    def inner(self, node: ast.AST, known: bool | None, dead: bool) -> None:
        """The blocks of a statement."""
        documented = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        stopped = isinstance(node, ast.Try | ast.TryStar) and _all_stop(node.body)
        before = len(self.lines.heads), len(self.lines.parts)
        behind = list(dropwhile(lambda each: isinstance(each, ast.Pass), getattr(node, "finalbody", ())))
        if isinstance(node, ast.Match):
            self.cases(node)
        else:
            for field in ("body", "orelse", "finalbody"):
                value = getattr(node, field, None)
                if not isinstance(value, list):
                    continue
                sizes = len(self.lines.heads), len(self.lines.parts)
                setattr(node, field, self.block(value, docstring=documented))
                known = True if field == "body" and stopped else known
                if (field == "body" and known is False) or (field == "orelse" and known is True):
                    del self.lines.heads[sizes[0] :], self.lines.parts[sizes[1] :]
            if isinstance(node, ast.Try | ast.TryStar):
                # Whether a ``pass`` ran behind what raised in a ``finally``, no code shows.
                self.lines.unknown.update(each.lineno for each in behind if isinstance(each, ast.Pass))
                self.handlers(node)
        if dead:
            del self.lines.heads[before[0] :], self.lines.parts[before[1] :]

    def cases(self, node: ast.Match) -> None:
        subject, cases = self.lines.new(), []
        node.subject = self.call("after", subject, node.subject, node.subject)
        for case in node.cases:
            reached, guard, judged, body = (self.lines.new() for _ in range(4))
            cases.append((reached, guard, judged, body))
            first = case.pattern.lineno
            lines = range(first, max([first, *_ends(case)]) + 1)
            self.lines.heads.append((reached, lines))
            if len(lines) > 1:
                self.lines.unknown.update(lines)
            sizes = len(self.lines.heads), len(self.lines.parts)
            case.body = [_mark(self, body, case.body[0]), *self.block(case.body)]
            if case.guard is not None:
                if _decided(case.guard) is False:
                    del self.lines.heads[sizes[0] :], self.lines.parts[sizes[1] :]
                begins = ast.BoolOp(ast.Or(), [self.call("mark", guard, case.guard), case.guard])
                case.guard = self.call("after", judged, case.guard, ast.copy_location(begins, case.guard))
        none = self.lines.new()
        if not _takes_all(node.cases[-1]):
            node.cases.append(ast.match_case(ast.MatchAs(), None, [_mark(self, none, node)]))
            ast.fix_missing_locations(ast.copy_location(node.cases[-1].pattern, node.cases[0].pattern))
        self.lines.chains.append((subject, cases, none))

    def handlers(self, node: ast.Try | ast.TryStar) -> None:
        for handler in node.handlers:
            number = self.lines.new()
            self.head(handler, number)
            if handler.type is None:
                handler.body = [_mark(self, number, handler), *self.block(handler.body)]
            else:
                kind = ast.BoolOp(ast.Or(), [self.call("mark", number, handler.type), handler.type])
                handler.type = ast.copy_location(kind, handler.type)
                handler.body = self.block(handler.body)
        first = node.body[0]  # the line of ``try`` runs where its first statement does
        number = _number(first) if isinstance(first, ast.Expr) else None
        if number is None:
            self.lines.unknown.add(node.lineno)
        else:
            self.lines.heads.append((number, range(node.lineno, node.lineno + 1)))


def _takes_all(case: ast.match_case) -> bool:
    """Whether nothing may follow a case."""
    pattern: ast.pattern | None = case.pattern
    while isinstance(pattern, ast.MatchAs | ast.MatchOr):
        pattern = pattern.patterns[-1] if isinstance(pattern, ast.MatchOr) else pattern.pattern
    return case.guard is None and pattern is None


def _mark(rewriter: _Rewriter, number: int, where: ast.AST) -> ast.stmt:
    return ast.copy_location(ast.Expr(rewriter.call("mark", number, where)), where)


def _number(node: ast.Expr) -> Any:
    """The number of a mark that stands alone."""
    match node.value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name)), args=[ast.Constant(value=number)]) if name == NAME:
            return number
    return None


def _ends(node: ast.AST) -> Iterator[int]:
    """The last lines of the parts of a head."""
    blocks = isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case) and any(
        isinstance(getattr(node, field, None), list) for field in _BLOCKS
    )
    if not blocks:
        yield node.end_lineno  # type: ignore[attr-defined]
        return
    for field, value in ast.iter_fields(node):
        for each in value if isinstance(value, list) else [value]:
            if field in (*_BLOCKS, "decorator_list", "type_params") or not isinstance(each, ast.AST):
                continue
            yield from (part.end_lineno for part in ast.walk(each) if hasattr(part, "end_lineno"))


def _has_no_code(node: ast.stmt) -> bool:
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, (*_NO_CODE, ast.Try, ast.TryStar))


_FORMS = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Subscript, ast.Tuple, ast.Slice)
_SIGNS = (ast.unaryop, ast.operator, ast.boolop, ast.cmpop, ast.expr_context)


def _known(test: ast.expr) -> bool | None:
    """The truth of a test that is constant by its form."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.Name) and test.id == "__debug__":
        return True
    if isinstance(test, ast.JoinedStr) and all(isinstance(each, ast.Constant) for each in test.values):
        return bool(test.values)
    if not all(isinstance(each, (*_FORMS, *_SIGNS)) for each in ast.walk(test)):
        return None
    try:
        return bool(eval(compile(ast.Expression(test), "", "eval")))
    except Exception:
        return None


def _decided(test: ast.expr) -> bool | None:
    """The truth of a test that a constant in it decides."""
    match test:
        case ast.BoolOp():
            wanted = isinstance(test.op, ast.Or)
            found = [_decided(each) for each in test.values]
            return wanted if wanted in found else None if None in found else not wanted
        case ast.UnaryOp(op=ast.Not()):
            found = _decided(test.operand)
            return None if found is None else not found
        case ast.IfExp():
            condition, body, orelse = map(_decided, (test.test, test.body, test.orelse))
            return (body if body is orelse else None) if condition is None else body if condition else orelse
    return _known(test)


def _dead(node: ast.AST) -> Iterator[Any]:
    """The parts of an expression that a constant in it keeps from running."""
    match node:
        case ast.BoolOp():
            decides = [_decided(each) is isinstance(node.op, ast.Or) for each in node.values]
            if True in decides:
                yield from node.values[decides.index(True) + 1 :]
        case ast.IfExp():
            condition = _decided(node.test)
            if condition is not None:
                yield node.orelse if condition else node.body
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            if any(_decided(test) is False for each in node.generators for test in each.ifs):
                yield node


def _all_stop(statements: list[ast.stmt]) -> bool:
    return any(_stops(each) for each in statements)


def _stops(node: ast.stmt) -> bool:
    """Whether nothing behind a statement in its block can be reached."""
    match node:
        case ast.Assert():
            return _decided(node.test) is False
        case ast.If():
            known = _decided(node.test)
            body, orelse = _all_stop(node.body), _all_stop(node.orelse)
            return body and orelse if known is None else body if known else orelse
        case ast.While() | ast.For() | ast.AsyncFor():
            known = _decided(node.test) if isinstance(node, ast.While) else None
            leaves = known is not False and any(_breaks(node.body))
            return not leaves and (known is True or _all_stop(node.orelse))
        case ast.Try() | ast.TryStar():
            handled = all(_all_stop(each.body) for each in node.handlers)
            return _all_stop(node.finalbody) or ((_all_stop(node.body) or _all_stop(node.orelse)) and handled)
        case ast.Match():
            last = node.cases[-1]
            whole = last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
            live = [case for case in node.cases if case.guard is None or _decided(case.guard) is not False]
            return whole and all(_all_stop(case.body) for case in live)
    return isinstance(node, _STOPS)


def _breaks(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The ``break`` statements of a loop that can be reached."""
    for node in statements:
        if isinstance(node, ast.Break):
            yield node
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            yield from _breaks(node.orelse)
        elif isinstance(node, ast.Try | ast.TryStar) and _all_stop(node.finalbody):
            yield from _breaks(node.finalbody)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            known = _decided(node.test) if isinstance(node, ast.If) else None
            for field in _BLOCKS:
                value = getattr(node, field, None)
                if isinstance(value, list) and (field, known) not in (("body", False), ("orelse", True)):
                    blocks = [value] if not value or isinstance(value[0], ast.stmt) else map(_live, value)
                    for block in blocks:
                        yield from _breaks(block)
        if _stops(node):
            return


def _live(clause: ast.ExceptHandler | ast.match_case) -> list[ast.stmt]:
    """What can be reached of a handler or case: nothing where its guard is constant and false."""
    guard = clause.guard if isinstance(clause, ast.match_case) else None
    return [] if guard is not None and _decided(guard) is False else clause.body


def instrument(text: str, filename: str) -> tuple[CodeType, Lines]:
    """The rewritten program, and what it reports to."""
    tree = ast.parse(text, filename)
    lines = Lines()
    tree.body = _Rewriter(lines).block(tree.body, docstring=True)
    return compile(tree, filename, "exec", dont_inherit=True), lines


def with_lines(lines: Lines, run: Callable[[], None]) -> None:
    """Run rewritten code."""
    setattr(builtins, NAME, lines)
    try:
        run()
    finally:
        delattr(builtins, NAME)


def spread(text: str, seed: int) -> str:
    """A program with line breaks at random places inside its brackets; f-strings stay on their lines."""
    chance = random.Random(seed)
    made: list[str] = []
    depth = strings = 0
    row, column = 1, 0
    lines = [*text.splitlines(keepends=True), ""]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        while row < token.start[0]:
            made.append(lines[row - 1][column:])
            row, column = row + 1, 0
        made.append(lines[row - 1][column : token.start[1]])
        name = tokenize.tok_name[token.type]
        strings += name.endswith("STRING_START")
        broken = depth and not strings and name in ("NAME", "NUMBER", "STRING", "OP") and chance.random() < 0.35
        if broken and not made[-1].endswith("\n"):
            made.append("\n" + " " * 4)
        made.append(token.string)
        row, column = token.end
        strings -= name.endswith("STRING_END")
        depth += name == "OP" and token.string in ("(", "[", "{")
        depth -= name == "OP" and token.string in (")", "]", "}")
    return "".join(made)
