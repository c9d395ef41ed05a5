"""An oracle of parts of lines that looks at no bytecode: the program, rewritten so that each part reports that it ran.

Parts are: the sides of a conditional expression, every operand of ``and``, ``or`` and chained comparisons behind those
that are always evaluated, filters, later loops and elements of comprehensions, guards, bodies of lambdas, and suites on
the line of their head. Shares nothing with ``ipy_branchcov``: it was written from the branch model alone.
"""

from __future__ import annotations

import ast
import builtins
import random
from collections.abc import Callable
from types import CodeType
from typing import Any

from tests.line_oracle import _BLOCKS, _LEFT_OUT, _decided, _ends, _has_no_code, _stops

NAME = "__branchcov_parts__"
Place = tuple[int, int, int, int]
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
_UNPACKED = (ast.Tuple, ast.List, ast.Attribute, ast.Subscript)


class Parts:
    """What the rewritten program calls, and what it found: the place of each part, and whether it ran.

    ``doubtful``: parts that an exception can keep from running although what leads to them happened.
    ``unknown``: those that a comparison did not judge.
    """

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.doubtful: set[Place] = set()
        self.unknown: set[Place] = set()
        self._ran: set[int] = set()

    def mark(self, number: int) -> None:
        self._ran.add(number)

    @property
    def ran(self) -> dict[Place, bool]:
        """Every part by its place. (The interpreter gives two parts one place in f-strings of 3.11 alone.)"""
        found: dict[Place, bool] = {}
        for number, place in enumerate(self.places):
            found[place] = found.get(place, False) or number in self._ran
        return found


class _Rewriter:
    def __init__(self, text: str):
        self.parts = Parts()
        self.lines = text.split("\n")
        self.decided = False  # inside a test that a constant decides, whose operands are no branches

    def column(self, line: int, offset: int) -> int:
        return len(self.lines[line - 1].encode()[:offset].decode("utf-8", "replace"))

    def mark(self, first: Any, last: Any = None, *, doubtful: bool = False) -> ast.expr:
        last = last or first
        end = last.end_lineno
        place = (first.lineno, self.column(first.lineno, first.col_offset), end, self.column(end, last.end_col_offset))
        self.parts.places.append(place)
        if doubtful or self.decided:
            self.parts.doubtful.add(place)
        function = ast.Attribute(ast.Name(NAME, ast.Load()), "mark", ast.Load())
        made = ast.Call(function, [ast.Constant(len(self.parts.places) - 1)], [])
        for node in ast.walk(made):
            if "lineno" in node._attributes:
                ast.copy_location(node, first)
        return made

    def part(self, node: ast.expr, first: Any = None, *, doubtful: bool = False) -> ast.expr:
        """An expression that reports that it ran."""
        if isinstance(node, ast.Starred):
            node.value = self.part(node.value, node, doubtful=doubtful)
            return node
        mark = self.mark(first or node, node, doubtful=doubtful)
        return ast.copy_location(ast.BoolOp(ast.Or(), [mark, self.inside(node)]), node)

    # --- expressions

    def inside(self, node: Any) -> Any:
        """The same with the parts in it."""
        if isinstance(node, list):
            return [self.inside(each) for each in node]
        if not isinstance(node, ast.AST):
            return node
        before = self.decided
        tested = isinstance(node, ast.BoolOp | ast.IfExp | ast.Compare | ast.UnaryOp)
        self.decided = tested and (before or _decided(node) is not None)
        node = self.rewritten(node)
        self.decided = before
        return node

    def rewritten(self, node: Any) -> Any:
        match node:
            case ast.IfExp():
                known = _decided(node.test)
                node.test = self.inside(node.test)
                if known is None:
                    node.body, node.orelse = self.part(node.body), self.part(node.orelse)
                elif known:
                    node.body = self.inside(node.body)
                else:
                    node.orelse = self.inside(node.orelse)
            case ast.BoolOp():
                self.operands(node)
            case ast.Compare():
                node.left, node.comparators[0] = self.inside(node.left), self.inside(node.comparators[0])
                node.comparators[1:] = [self.part(each) for each in node.comparators[1:]]
            case ast.Lambda():
                node.args, node.body = self.inside(node.args), self.part(node.body)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self.comprehension(node)
            case _:
                for name, value in ast.iter_fields(node):
                    if name not in _LEFT_OUT and isinstance(value, ast.AST | list):
                        setattr(node, name, self.inside(value))
        return node

    def operands(self, node: ast.BoolOp) -> None:
        certain = True  # whether an operand is evaluated wherever the operator is
        fails = failed = False
        for i, value in enumerate(node.values):
            known = _decided(value)
            fails = known is not None and (fails or not isinstance(value, ast.Constant))
            node.values[i] = self.inside(value) if certain else self.part(value, doubtful=failed)
            if known is isinstance(node.op, ast.Or):
                return
            certain, failed = certain and known is not None, fails

    def comprehension(self, node: Any) -> None:
        dead = any(_decided(test) is False for each in node.generators for test in each.ifs)
        fails = any(isinstance(each.target, _UNPACKED) for each in node.generators)
        # A test that a constant decides is no branch, and can raise.
        fails = fails or any(_decided(test) is not None for each in node.generators for test in each.ifs)
        for i, each in enumerate(node.generators):
            target = each.target
            each.target = self.inside(target)
            each.iter = self.inside(each.iter) if i == 0 or dead else self.part(each.iter, target, doubtful=fails)
            for number, test in enumerate(each.ifs):
                last = _decided(test) is False  # before it is rewritten
                each.ifs[number] = self.inside(test) if dead else self.part(test, doubtful=fails)
                if last:
                    return  # nothing behind it is code
        if isinstance(node, ast.DictComp):
            node.key = self.part(node.key, doubtful=fails)
            if node.value is not None:
                node.value = self.part(node.value, doubtful=True)
        else:
            node.elt = self.part(node.elt, doubtful=fails)

    # --- statements

    def block(self, statements: list[ast.stmt]) -> None:
        for node in statements:
            stops = _stops(node)
            self.statement(node)
            if stops:
                return

    def statement(self, node: Any) -> None:
        if type(node).__name__ == "TypeAlias":
            return
        known = _decided(node.test) if isinstance(node, ast.If | ast.While) else None
        last = max([node.lineno, *_ends(node)]) if not isinstance(node, ast.Try | ast.TryStar) else 0
        fails = isinstance(getattr(node, "target", None), _UNPACKED)
        self.head(node)
        ended = isinstance(node, ast.Try | ast.TryStar) and any(map(_stops, node.body))
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            dead = (field == "body" and known is False) or (field == "orelse" and (known is True or ended))
            if isinstance(block, list) and block and not dead:
                self.block(block)
                certain = known is not None or isinstance(node, ast.With | ast.AsyncWith | ast.ClassDef)
                if field == "body" and last and not certain:
                    self.suite(block, last, doubtful=fails)
        for handler in getattr(node, "handlers", ()):
            self.head(handler)
            self.block(handler.body)
            if handler.type is not None:
                self.suite(handler.body, handler.type.end_lineno, doubtful=handler.name is not None)
        for case in getattr(node, "cases", ()):
            self.case(case)

    def head(self, node: Any) -> None:
        for name, value in ast.iter_fields(node):
            if name not in {*_LEFT_OUT, *_BLOCKS} and isinstance(value, ast.AST | list):
                setattr(node, name, self.inside(value))

    def suite(self, block: list[ast.stmt], last: int, *, doubtful: bool = False) -> None:
        """Mark a suite that stands on the last line of its head."""
        first = next((i for i, each in enumerate(block) if not _has_no_code(each)), None)
        if first is not None and block[0].lineno <= last:
            mark = ast.Expr(self.mark(block[first], block[-1], doubtful=doubtful))
            block.insert(first, ast.copy_location(mark, block[first]))

    def case(self, case: ast.match_case) -> None:
        irrefutable = _irrefutable(case.pattern)
        last = max([case.pattern.lineno, *_ends(case)])
        known = None if case.guard is None else _decided(case.guard)
        certain = irrefutable and (case.guard is None or known is True)
        if case.guard is not None:
            case.guard = self.inside(case.guard) if irrefutable else self.part(case.guard)
        if known is not False:
            self.block(case.body)
            if not certain:
                self.suite(case.body, last, doubtful=known is not None)


def _irrefutable(pattern: Any) -> bool:
    match pattern:
        case ast.MatchAs(pattern=inner):
            return inner is None or _irrefutable(inner)
        case ast.MatchOr(patterns=every):
            return any(map(_irrefutable, every))
    return False


def instrument(text: str, filename: str) -> tuple[CodeType, Parts]:
    """The rewritten program, and what it reports to."""
    tree = ast.parse(text, filename)
    rewriter = _Rewriter(text)
    rewriter.block(tree.body)
    return compile(tree, filename, "exec", dont_inherit=True), rewriter.parts


def with_parts(parts: Parts, run: Callable[[], None]) -> None:
    """Run rewritten code."""
    setattr(builtins, NAME, parts)
    try:
        run()
    finally:
        delattr(builtins, NAME)


def joined(text: str, seed: int) -> str:
    """A program in which suites of simple statements stand on the line of their head, here and there."""
    chance = random.Random(seed)
    lines = text.split("\n")
    blocks = [
        block
        for node in ast.walk(ast.parse(text))
        for field in _BLOCKS
        if isinstance(block := getattr(node, field, None), list) and block and isinstance(block[0], ast.stmt)
    ]
    for block in sorted(blocks, key=lambda block: -block[0].lineno):
        simple = not any(hasattr(each, field) for each in block for field in ("body", "cases"))
        simple = simple and not lines[block[0].lineno - 1].encode()[: block[0].col_offset].strip()
        above = block[0].lineno - 2
        if simple and above >= 0 and lines[above].endswith(":") and chance.random() < 0.6:
            starts = {each.lineno for each in block}
            for number in range(block[0].lineno, (block[-1].end_lineno or 0) + 1):
                line = lines[number - 1]
                separator = " " if number == block[0].lineno else "; " if number in starts else "\n"
                lines[above] += separator + (line.lstrip() if number in starts else line)
            del lines[above + 1 : block[-1].end_lineno]
    return "\n".join(lines)
