"""An oracle that looks at no bytecode: the program itself, rewritten so that it reports what happens.

Every place of the branch model calls a :class:`Recorder` that stands in ``builtins``. What is rewritten keeps its
order, its scopes and its one truth test an operand. Shares nothing with ``ipy_branchcov.analysis``: it was written
from the branch model alone.

Vocabulary of the rewriting: an expression is rewritten as a *value*, or as a *test*: an expression for its truth
alone. Where a test's value is needed too (``a or b`` gives ``a``), the recorder keeps it in a slot of the frame.
"""

from __future__ import annotations

import ast
import builtins
import operator
import sys
from collections import Counter
from itertools import islice
from types import CodeType
from typing import Any, NamedTuple

NAME = "__branchcov_oracle__"
OUTCOMES = {
    **dict.fromkeys(("for", "async-for", "comp-for", "async-comp-for"), ("body", "exhausted")),
    **dict.fromkeys(("except", "except*", "pattern"), ("match", "nomatch")),
    **dict.fromkeys(("with", "async-with"), ("suppressed", "propagated")),
}
TRUTH = ("true", "false")
#: The last operand, the last link, of what is not tested: what it is, by identity.
VALUES = (*TRUTH, "other")
_OPERATORS = {
    "Eq": operator.eq, "NotEq": operator.ne, "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt,
    "GtE": operator.ge, "Is": operator.is_, "IsNot": operator.is_not,
    "In": lambda a, b: a in b, "NotIn": lambda a, b: a not in b,
}  # fmt: skip
_SEQUENCE, _MAPPING, _MATCH_SELF = 1 << 5, 1 << 6, 1 << 22


class Place(NamedTuple):
    """A branch: its kind, span (line, column, end line, end column; characters) and function.

    ``value``: it is not tested; its outcomes are what it is.
    """

    kind: str
    span: tuple[int, int, int, int]
    function: str
    value: bool = False


class Recorder:
    """What the rewritten program calls. ``hits``: (number of the place, outcome) -> how often."""

    def __init__(self, places: list[Place]):
        self.places = places
        self.hits: Counter[tuple[int, str]] = Counter()
        self._slots: dict[tuple[int, int], tuple[Any, Any]] = {}

    def outcomes(self) -> dict[Place, dict[str, int]]:
        """Hits by outcome of every place. Places that stand twice (there are none) would add up."""
        found: dict[Place, dict[str, int]] = {}
        for number, place in enumerate(self.places):
            names = VALUES if place.value else OUTCOMES.get(place.kind, TRUTH)
            into = found.setdefault(place, dict.fromkeys(names, 0))
            for outcome in into:
                into[outcome] += self.hits[number, outcome]
        return found

    # --- slots: a value kept in a frame, from a test to its use

    def _keep(self, slot: int, value: Any, depth: int = 2) -> None:
        frame = sys._getframe(depth)
        self._slots[id(frame), slot] = (frame, value)

    def value(self, slot: int) -> Any:
        return self._slots.pop((id(sys._getframe(1)), slot))[1]

    # --- truth

    def _truth(self, number: int, truth: bool) -> bool:
        if number >= 0:
            self.hits[number, "true" if truth else "false"] += 1
        return truth

    def test(self, number: int, value: Any) -> bool:
        return self._truth(number, bool(value))

    def operand(self, number: int, value: Any, keep: bool | None, slot: int) -> bool:
        truth = self._truth(number, bool(value))
        if truth is keep:
            self._keep(slot, value)
        return truth

    def link(self, number: int, name: str, left: Any, right: Any, slot: int, keep: bool | None, into: int) -> bool:
        """A link of a chain: on the way its right side is kept, at its end (``keep``) its result."""
        result = _OPERATORS[name](left, right)
        truth = self._truth(number, bool(result))
        if truth is keep:
            self._keep(into, result)
        if truth:
            self._keep(slot, right)
        return truth

    def next_link(self, number: int, name: str, right: Any, slot: int, keep: bool | None, into: int) -> bool:
        left = self._slots.pop((id(sys._getframe(1)), slot))[1]
        result = _OPERATORS[name](left, right)
        truth = self._truth(number, bool(result))
        if truth is keep:
            self._keep(into, result)
        if truth:
            self._keep(slot, right)
        return truth

    def last_link(self, number: int, name: str, right: Any, slot: int) -> Any:
        left = self._slots.pop((id(sys._getframe(1)), slot))[1]
        return self.last(number, _OPERATORS[name](left, right))

    def last(self, number: int, value: Any) -> Any:
        self.hits[number, "true" if value is True else "false" if value is False else "other"] += 1
        return value

    # --- loops

    def loop(self, number: int, iterable: Any) -> Any:
        return _Loop(self, number, iter(iterable))

    def async_loop(self, number: int, iterable: Any) -> Any:
        return _AsyncLoop(self, number, aiter(iterable))

    # --- handlers: tested when the type is asked for, matched when the body begins

    def handler(self, number: int, kinds: Any, group: bool) -> Any:
        if _exceptions(kinds, group):
            self.hits[number, "nomatch"] += 1
        return kinds

    def handled(self, number: int) -> None:
        self.hits[number, "nomatch"] -= 1
        self.hits[number, "match"] += 1

    # --- context managers

    def manager(self, number: int, manager: Any) -> Any:
        kind = type(manager)
        return _Manager(self, number, manager) if hasattr(kind, "__enter__") and hasattr(kind, "__exit__") else manager

    def async_manager(self, number: int, manager: Any) -> Any:
        kind = type(manager)
        fits = hasattr(kind, "__aenter__") and hasattr(kind, "__aexit__")
        return _AsyncManager(self, number, manager) if fits else manager

    # --- patterns: each a Boolean expression over slots

    def subject(self, slot: int, value: Any) -> bool:
        self._keep(slot, value)
        return True

    def _subject(self, slot: int) -> Any:
        return self._slots[id(sys._getframe(2)), slot][1]

    def pattern(self, number: int, matched: bool) -> bool:
        self.hits[number, "match" if matched else "nomatch"] += 1
        return matched

    def equal(self, slot: int, value: Any) -> bool:
        return bool(self._subject(slot) == value)

    def same(self, slot: int, value: Any) -> bool:
        return self._subject(slot) is value

    def sequence(self, slot: int, before: int, after: int, star: bool, parts: int) -> bool:
        """Type and length, with ``before`` and ``after`` items around a star.

        Slots ``parts``, ``parts + 1``… take the items, unless ``parts`` is negative: they are wanted one by one.
        """
        value = self._subject(slot)
        if not type(value).__flags__ & _SEQUENCE:
            return False
        if not star or before + after:
            length = len(value)
            if length < before + after or (not star and length > before):
                return False
        if parts < 0:
            return True
        iterator = iter(value)
        found = list(islice(iterator, before))
        if len(found) < before:
            raise ValueError(f"not enough values to unpack (expected {before}, got {len(found)})")
        rest = list(iterator) if star else list(islice(iterator, 1))
        if rest and not star:
            raise ValueError(f"too many values to unpack (expected {before})")
        if star:
            cut = len(rest) - after
            found += [rest[:cut], *rest[cut:]]
        for i, item in enumerate(found):
            self._keep(parts + i, item)
        return True

    def item(self, slot: int, index: int, into: int) -> bool:
        value = self._subject(slot)
        self._keep(into, value[index if index >= 0 else len(value) + index])
        return True

    def mapping(self, slot: int, keys: tuple[Any, ...], rest: bool, parts: int) -> bool:
        value = self._subject(slot)
        if not type(value).__flags__ & _MAPPING:
            return False
        if keys and len(value) < len(keys):
            return False
        missing = object()
        found = []
        for key in keys:
            item = value.get(key, missing)
            if item is missing:
                return False
            found.append(item)
        if rest:
            found.append({key: item for key, item in dict(value).items() if key not in keys})
        for i, item in enumerate(found):
            self._keep(parts + i, item)
        return True

    def instance(self, slot: int, kind: Any, positional: int, names: tuple[str, ...], parts: int) -> bool:
        value = self._subject(slot)
        if not isinstance(kind, type):
            raise TypeError("called match pattern must be a class")
        if not isinstance(value, kind):
            return False
        found = []
        if positional:
            try:
                known = kind.__match_args__
            except AttributeError:
                known = None
            if known is None and kind.__flags__ & _MATCH_SELF:
                found.append(value)
                known, positional = (), 0
            names = (*(known or ())[:positional], *names)
        try:
            found += [getattr(value, name) for name in names]
        except AttributeError:
            return False
        for i, item in enumerate(found):
            self._keep(parts + i, item)
        return True

    def capture(self, slot: int, into: int) -> bool:
        self._keep(into, self._subject(slot))
        return True


class _Loop:
    def __init__(self, recorder: Recorder, number: int, iterator: Any):
        self.recorder, self.number, self.iterator = recorder, number, iterator

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        try:
            item = next(self.iterator)
        except StopIteration:
            self.recorder.hits[self.number, "exhausted"] += 1
            raise
        self.recorder.hits[self.number, "body"] += 1
        return item


class _AsyncLoop:
    def __init__(self, recorder: Recorder, number: int, iterator: Any):
        self.recorder, self.number, self.iterator = recorder, number, iterator

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        try:
            item = await type(self.iterator).__anext__(self.iterator)
        except StopAsyncIteration:
            self.recorder.hits[self.number, "exhausted"] += 1
            raise
        self.recorder.hits[self.number, "body"] += 1
        return item


class _Manager:
    def __init__(self, recorder: Recorder, number: int, manager: Any):
        self.recorder, self.number, self.manager = recorder, number, manager

    def __enter__(self) -> Any:
        return type(self.manager).__enter__(self.manager)

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> Any:
        result = type(self.manager).__exit__(self.manager, kind, value, traceback)
        if kind is None:
            return result
        truth = bool(result)
        self.recorder.hits[self.number, "suppressed" if truth else "propagated"] += 1
        return truth


class _AsyncManager(_Manager):
    def __aenter__(self) -> Any:
        return type(self.manager).__aenter__(self.manager)

    async def __aexit__(self, kind: Any, value: Any, traceback: Any) -> Any:
        result = await type(self.manager).__aexit__(self.manager, kind, value, traceback)
        if kind is None:
            return result
        truth = bool(result)
        self.recorder.hits[self.number, "suppressed" if truth else "propagated"] += 1
        return truth


def _exceptions(kinds: Any, group: bool) -> bool:
    """Whether a handler's type is one: else the interpreter raises TypeError, and nothing was tested."""
    if isinstance(kinds, tuple):
        return all(_exceptions(kind, group) for kind in kinds)
    if not (isinstance(kinds, type) and issubclass(kinds, BaseException)):
        return False
    return not (group and issubclass(kinds, BaseExceptionGroup))


# --- the rewriting


def locate_new(made: ast.AST, where: ast.AST) -> None:
    """Give a location to what has none. What has one was located with all in it."""
    stack = [made]
    while stack:
        node = stack.pop()
        if "lineno" in node._attributes:
            if hasattr(node, "lineno"):
                continue
            node.lineno, node.col_offset = where.lineno, where.col_offset
            node.end_lineno, node.end_col_offset = where.end_lineno, where.end_col_offset
        stack += ast.iter_child_nodes(node)


class _Rewriter:
    def __init__(self, text: str, recorder: str):
        self.recorder = recorder
        self.lines = text.splitlines() if "\f" not in text else text.split("\n")
        self.places: list[Place] = []
        #: Those in the messages of asserts.
        self.in_messages: set[Place] = set()
        self.scopes: list[tuple[str, str]] = []
        self.slots = 0

    # --- places

    def place(self, kind: str, first: ast.AST, last: ast.AST | None = None) -> int:
        last = last or first
        span = (
            first.lineno,
            self.column(first.lineno, first.col_offset),
            last.end_lineno,
            self.column(last.end_lineno, last.end_col_offset),
        )
        self.places.append(Place(kind, span, self.scopes[-1][1] if self.scopes else ""))
        return len(self.places) - 1

    def column(self, line: int, offset: int) -> int:
        return len(self.lines[line - 1].encode()[:offset].decode())

    def slot(self, count: int = 1) -> int:
        self.slots += count
        return self.slots - count

    def enter(self, name: str, kind: str) -> None:
        outer = self.scopes[-1] if self.scopes else ("", "")
        prefix = f"{outer[1]}.<locals>." if outer[0] == "function" else f"{outer[1]}." if outer[1] else ""
        self.scopes.append((kind, prefix + name))

    # --- building

    def call(self, method: str, at: ast.AST, *arguments: Any) -> ast.expr:
        function = ast.Attribute(ast.Name(self.recorder, ast.Load()), method, ast.Load())
        made = ast.Call(function, [a if isinstance(a, ast.expr) else ast.Constant(a) for a in arguments], [])
        return self.at(made, at)

    def at(self, made: Any, where: ast.AST) -> Any:
        """Located, all that is new of it: a traceback shows the lines of the program."""
        locate_new(made, where)
        return made

    # --- expressions as values

    def value(self, node: Any) -> Any:
        """The same with what is in it rewritten. Also statements, lists and everything else in a tree."""
        if isinstance(node, list):
            made: list[Any] = []
            for each in node:
                became = self.value(each)  # a ``match`` becomes two statements
                made += became if isinstance(became, list) else [became]
            return made
        if not isinstance(node, ast.AST):
            return node
        method = getattr(self, f"on_{type(node).__name__}", None)
        if method is not None:
            return method(node)
        for name, field in ast.iter_fields(node):
            if name != "type_params":  # evaluated when somebody asks for them, as annotations are
                setattr(node, name, self.value(field))
        return node

    def on_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        wanted = isinstance(node.op, ast.Or)
        slot, kind = self.slot(), "or" if wanted else "and"
        number = self.last_operand(node)
        tests = [self.operand(kind, each, wanted, slot) for each in node.values[:-1]]
        test = tests[0] if len(tests) == 1 else self.at(ast.BoolOp(node.op, tests), node)
        kept, last = self.call("value", node, slot), self.value(node.values[-1])
        if number is not None:
            last = self.call("last", node.values[-1], number, last)
        return self.at(ast.IfExp(test, kept, last) if wanted else ast.IfExp(test, last, kept), node)

    def last_operand(self, node: ast.BoolOp) -> int | None:
        """The place of the last operand, unless its own operands have places, or nothing before it decides anything."""
        operand = last = node.values[-1]
        while isinstance(operand, ast.UnaryOp) and isinstance(operand.op, ast.Not):
            operand = operand.operand
        known = {_constant(each) for each in node.values[:-1]}
        decided = known in ({True}, {False}) or isinstance(node.op, ast.Or) in known
        composed = isinstance(operand, ast.BoolOp) or (isinstance(operand, ast.Compare) and len(operand.ops) > 1)
        if decided or composed or _constant(last) is not None:
            return None
        return self.value_place("or" if isinstance(node.op, ast.Or) else "and", last)

    def value_place(self, kind: str, first: ast.AST, last: ast.AST | None = None) -> int:
        number = self.place(kind, first, last)
        self.places[number] = self.places[number]._replace(value=True)
        return number

    def on_IfExp(self, node: ast.IfExp) -> ast.expr:
        # The order of places is that of the source elsewhere; here it does not matter.
        node.test = self.decision("ifexp", node.test)
        node.body, node.orelse = self.value(node.body), self.value(node.orelse)
        return node

    def on_Compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) == 1:
            node.left, node.comparators = self.value(node.left), self.value(node.comparators)
            return node
        chain, kept = self.slot(), self.slot()
        tests = self.links(node, chain, False, kept, whole=False)
        test = tests[0] if len(tests) == 1 else self.at(ast.BoolOp(ast.And(), tests), node)
        number = self.value_place("compare", node.comparators[-2], node.comparators[-1])
        right = self.value(node.comparators[-1])
        last = self.call("last_link", node, number, type(node.ops[-1]).__name__, right, chain)
        return self.at(ast.IfExp(test, last, self.call("value", node, kept)), node)

    def links(self, node: ast.Compare, chain: int, keep: bool | None, into: int, *, whole: bool) -> list[ast.expr]:
        """The links of a chain as tests; ``whole``: the last too. ``keep`` holds for what ends the chain."""
        made, left = [], node.left
        count = len(node.ops) if whole else len(node.ops) - 1
        for i, (op, right) in enumerate(zip(node.ops[:count], node.comparators, strict=False)):
            number, name = self.place("compare", left, right), type(op).__name__
            held = keep if keep is False or (whole and i == count - 1) else None
            if i == 0:
                both = (self.value(left), self.value(right))
                made.append(self.call("link", node, number, name, *both, chain, held, into))
            else:
                made.append(self.call("next_link", node, number, name, self.value(right), chain, held, into))
            left = right
        return made

    # --- expressions as tests

    def decision(self, kind: str, test: ast.expr) -> ast.expr:
        """The test of a statement or a conditional expression."""
        if _constant(test) is not None:
            return self.untold(test)
        number = self.place(kind, test)
        return self.call("test", test, number, self.test(test))

    def test(self, node: ast.expr) -> ast.expr:
        """An expression with the truth of a real test, its own outcomes untold."""
        if _constant(node) is not None:
            return self.untold(node)
        match node:
            case ast.UnaryOp(op=ast.Not()):
                return self.at(ast.UnaryOp(ast.Not(), self.test(node.operand)), node)
            case ast.BoolOp():
                kind = "or" if isinstance(node.op, ast.Or) else "and"
                parts = [self.decision(kind, each) for each in node.values]
                return self.at(ast.BoolOp(node.op, parts), node)
            case ast.Compare() if len(node.ops) > 1:
                slot = self.slot()
                return self.at(ast.BoolOp(ast.And(), self.links(node, slot, None, 0, whole=True)), node)
            case ast.IfExp():
                test = self.decision("ifexp", node.test)
                return self.at(ast.IfExp(test, self.test(node.body), self.test(node.orelse)), node)
        return self.value(node)

    def untold(self, node: ast.expr) -> ast.expr:
        """A test that is constant by its form: nothing depends on its operands, but they are evaluated."""
        match node:
            case ast.UnaryOp(op=ast.Not()):
                return self.at(ast.UnaryOp(ast.Not(), self.untold(node.operand)), node)
            case ast.BoolOp():
                return self.at(ast.BoolOp(node.op, [self.untold(each) for each in node.values]), node)
            case ast.IfExp():
                parts = [self.untold(each) for each in (node.test, node.body, node.orelse)]
                return self.at(ast.IfExp(*parts), node)
            case ast.Compare():
                node.left, node.comparators = self.value(node.left), self.value(node.comparators)
                return node
        return self.value(node)

    def operand(self, kind: str, node: ast.expr, keep: bool | None, slot: int) -> ast.expr:
        """An operand whose value may be the outcome: its truth, the value kept in a slot where it has that truth."""
        number = -1 if _constant(node) is not None else self.place(kind, node)
        return self.kept(number, node, keep, slot)

    def kept(self, number: int, node: ast.expr, keep: bool | None, slot: int) -> ast.expr:
        match node:
            case ast.BoolOp():
                wanted = isinstance(node.op, ast.Or)
                inner = "or" if wanted else "and"
                parts = [self.operand(inner, each, keep if keep is wanted else None, slot) for each in node.values[:-1]]
                parts.append(self.operand(inner, node.values[-1], keep, slot))
                return self.call("test", node, number, self.at(ast.BoolOp(node.op, parts), node))
            case ast.Compare() if len(node.ops) > 1:
                links = self.links(node, self.slot(), keep, slot, whole=True)
                return self.call("test", node, number, self.at(ast.BoolOp(ast.And(), links), node))
            case ast.UnaryOp(op=ast.Not()):
                inside = self.at(ast.UnaryOp(ast.Not(), self.kept(-1, node.operand, None, 0)), node)
                return self.call("operand", node, number, inside, keep, slot)
        return self.call("operand", node, number, self.value(node), keep, slot)

    # --- comprehensions

    def comprehension(self, node: Any, *elements: str) -> Any:
        for i, clause in enumerate(node.generators):
            assigned = i > 0 and not clause.is_async and isinstance(clause.iter, ast.List | ast.Tuple)
            assigned = assigned and len(clause.iter.elts) == 1 and not isinstance(clause.iter.elts[0], ast.Starred)
            kind = "async-comp-for" if clause.is_async else "comp-for"
            number = -1 if assigned else self.place(kind, clause.target, clause.iter)
            clause.target, clause.iter = self.value(clause.target), self.value(clause.iter)
            if not assigned:
                clause.iter = self.call("async_loop" if clause.is_async else "loop", clause.iter, number, clause.iter)
            clause.ifs = [self.decision("comp-if", each) for each in clause.ifs]
        for name in elements:
            if getattr(node, name) is not None:
                setattr(node, name, self.value(getattr(node, name)))
        return node

    def on_ListComp(self, node: ast.ListComp) -> ast.expr:
        return self.comprehension(node, "elt")

    on_SetComp = on_GeneratorExp = on_ListComp

    def on_DictComp(self, node: ast.DictComp) -> ast.expr:
        return self.comprehension(node, "key", "value")

    # --- statements

    def on_If(self, node: Any) -> ast.stmt:
        node.test = self.decision("while" if isinstance(node, ast.While) else "if", node.test)
        node.body, node.orelse = self.value(node.body), self.value(node.orelse)
        return node

    on_While = on_If

    def on_Assert(self, node: ast.Assert) -> ast.stmt:
        node.test = self.decision("assert", node.test)
        before = len(self.places)
        node.msg = self.value(node.msg)
        self.in_messages.update(self.places[before:])
        return node

    def on_For(self, node: Any) -> ast.stmt:
        several = isinstance(node, ast.AsyncFor)
        number = self.place("async-for" if several else "for", node.target, node.iter)
        node.target, node.iter = self.value(node.target), self.value(node.iter)
        node.iter = self.call("async_loop" if several else "loop", node.iter, number, node.iter)
        node.body, node.orelse = self.value(node.body), self.value(node.orelse)
        return node

    on_AsyncFor = on_For

    def on_With(self, node: Any) -> ast.stmt:
        several = isinstance(node, ast.AsyncWith)
        for item in node.items:
            number = self.place("async-with" if several else "with", item.context_expr)
            inner = self.value(item.context_expr)
            item.context_expr = self.call("async_manager" if several else "manager", inner, number, inner)
            item.optional_vars = self.value(item.optional_vars)
        node.body = self.value(node.body)
        return node

    on_AsyncWith = on_With

    def on_Try(self, node: Any) -> ast.stmt:
        group = isinstance(node, ast.TryStar)
        node.body = self.value(node.body)
        for handler in node.handlers:
            number = -1
            if handler.type is not None:
                number = self.place("except*" if group else "except", handler.type)
                handler.type = self.call("handler", handler.type, number, self.value(handler.type), group)
            handler.body = self.value(handler.body)
            if number >= 0:
                begun = self.call("handled", handler.body[0], number)
                handler.body.insert(0, self.at(ast.Expr(begun), handler.body[0]))
        node.orelse, node.finalbody = self.value(node.orelse), self.value(node.finalbody)
        return node

    on_TryStar = on_Try

    # --- scopes

    def on_FunctionDef(self, node: Any) -> ast.stmt:
        node.decorator_list = self.value(node.decorator_list)
        self.defaults(node.args)
        self.enter(node.name, "function")
        node.body = self.value(node.body)
        self.scopes.pop()
        return node

    on_AsyncFunctionDef = on_FunctionDef

    def on_Lambda(self, node: ast.Lambda) -> ast.expr:
        self.defaults(node.args)
        self.enter("<lambda>", "function")
        node.body = self.value(node.body)
        self.scopes.pop()
        return node

    def defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults, arguments.kw_defaults = self.value(arguments.defaults), self.value(arguments.kw_defaults)

    def on_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        node.decorator_list, node.bases = self.value(node.decorator_list), self.value(node.bases)
        node.keywords = self.value(node.keywords)
        self.enter(node.name, "class")
        node.body = self.value(node.body)
        self.scopes.pop()
        return node

    def on_TypeAlias(self, node: ast.stmt) -> ast.stmt:
        return node  # evaluated when somebody asks for it, as annotations are

    def on_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        node.target, node.value = self.value(node.target), self.value(node.value)
        return node

    # --- match

    def on_Match(self, node: ast.Match) -> Any:
        subject = self.slot()
        first = self.at(ast.Expr(self.call("subject", node.subject, subject, self.value(node.subject))), node)
        made: list[ast.stmt] = []
        place = made
        for case in node.cases:
            names: dict[str, int] = {}
            parts = [self.matches(case.pattern, subject, names)]
            for name, slot in names.items():
                bound = ast.NamedExpr(ast.Name(name, ast.Store()), self.call("value", case.pattern, slot))
                pair = ast.Tuple([bound, ast.Constant(True)], ast.Load())
                parts.append(self.at(ast.Subscript(pair, ast.Constant(1), ast.Load()), case.pattern))
            if case.guard is not None:
                parts.append(self.decision("guard", case.guard))
            test = parts[0] if len(parts) == 1 else self.at(ast.BoolOp(ast.And(), parts), case.pattern)
            branch = self.at(ast.If(test, self.value(case.body), []), case.pattern)
            place.append(branch)
            place = branch.orelse
        return [first, *made]

    def matches(self, pattern: Any, slot: int, names: dict[str, int]) -> ast.expr:
        """Whether a pattern matches what is in a slot."""
        number = self.place("pattern", pattern) if _refutable(pattern) and not isinstance(pattern, ast.MatchAs) else -1
        made = self.at(getattr(self, f"match_{type(pattern).__name__}")(pattern, slot, names), pattern)
        return made if number < 0 else self.call("pattern", pattern, number, made)

    def match_MatchValue(self, pattern: ast.MatchValue, slot: int, names: dict[str, int]) -> ast.expr:
        return self.call("equal", pattern, slot, pattern.value)

    def match_MatchSingleton(self, pattern: ast.MatchSingleton, slot: int, names: dict[str, int]) -> ast.expr:
        return self.call("same", pattern, slot, ast.Constant(pattern.value))

    def match_MatchOr(self, pattern: ast.MatchOr, slot: int, names: dict[str, int]) -> ast.expr:
        return ast.BoolOp(ast.Or(), [self.matches(each, slot, names) for each in pattern.patterns])

    def match_MatchAs(self, pattern: ast.MatchAs, slot: int, names: dict[str, int]) -> ast.expr:
        parts = [] if pattern.pattern is None else [self.matches(pattern.pattern, slot, names)]
        if pattern.name is not None:
            parts.append(self.call("capture", pattern, slot, names.setdefault(pattern.name, self.slot())))
        return self.all(parts)

    def match_MatchStar(self, pattern: ast.MatchStar, slot: int, names: dict[str, int]) -> ast.expr:
        if pattern.name is None:
            return ast.Constant(True)
        return self.call("capture", pattern, slot, names.setdefault(pattern.name, self.slot()))

    def match_MatchSequence(self, pattern: ast.MatchSequence, slot: int, names: dict[str, int]) -> ast.expr:
        every, parts = pattern.patterns, self.slot(len(pattern.patterns) + 1)
        star = next((i for i, each in enumerate(every) if isinstance(each, ast.MatchStar)), None)
        before, after = (len(every), 0) if star is None else (star, len(every) - star - 1)
        single = all(_wildcard(each) for each in every) or (star is not None and _wildcard(every[star]))
        first = self.call("sequence", pattern, slot, before, after, star is not None, -1 if single else parts)
        made = [first]
        for i, each in enumerate(every):
            if single and _wildcard(each):
                continue
            if single:
                index = i if i < before else i - len(every)
                made.append(self.call("item", each, slot, index, parts + i))
            made.append(self.matches(each, parts + i, names))
        return self.all(made)

    def match_MatchMapping(self, pattern: ast.MatchMapping, slot: int, names: dict[str, int]) -> ast.expr:
        parts = self.slot(len(pattern.keys) + 1)
        keys = ast.Tuple(pattern.keys, ast.Load())
        first = self.call("mapping", pattern, slot, keys, pattern.rest is not None, parts)
        made = [first, *(self.matches(each, parts + i, names) for i, each in enumerate(pattern.patterns))]
        if pattern.rest is not None:
            into = names.setdefault(pattern.rest, self.slot())
            made.append(self.call("capture", pattern, parts + len(pattern.keys), into))
        return self.all(made)

    def match_MatchClass(self, pattern: ast.MatchClass, slot: int, names: dict[str, int]) -> ast.expr:
        every = [*pattern.patterns, *pattern.kwd_patterns]
        parts = self.slot(len(every) + 1)
        attributes = ast.Tuple([ast.Constant(name) for name in pattern.kwd_attrs], ast.Load())
        first = self.call("instance", pattern, slot, pattern.cls, len(pattern.patterns), attributes, parts)
        return self.all([first, *(self.matches(each, parts + i, names) for i, each in enumerate(every))])

    def all(self, parts: list[ast.expr]) -> ast.expr:
        if not parts:
            return ast.Constant(True)
        return parts[0] if len(parts) == 1 else ast.BoolOp(ast.And(), parts)


def _constant(node: ast.expr) -> bool | None:
    """The truth of what is constant by its form; None for the rest."""
    match node:
        case ast.Constant():
            return bool(node.value)
        case ast.Name(id="__debug__"):
            return __debug__
        case ast.Tuple() if all(_constant(each) is not None for each in node.elts):
            return len(node.elts) > 0
        case ast.JoinedStr() if all(isinstance(each, ast.Constant) for each in node.values):
            return len(node.values) > 0
        case ast.UnaryOp(op=ast.Not()):
            inner = _constant(node.operand)
            return None if inner is None else not inner
        case ast.BoolOp(op=ast.And()):
            known = [_constant(each) for each in node.values]
            return False if False in known else None if None in known else True
        case ast.BoolOp(op=ast.Or()):
            known = [_constant(each) for each in node.values]
            return True if True in known else None if None in known else False
        case ast.IfExp():
            test, body, orelse = _constant(node.test), _constant(node.body), _constant(node.orelse)
            if test is None:
                return body if body is orelse else None
            return body if test else orelse
        case ast.Constant() | ast.UnaryOp() | ast.BinOp() | ast.Compare() | ast.Subscript() | ast.Tuple():
            leaves = {type(each) for each in ast.walk(node) if isinstance(each, ast.expr)}
            if leaves <= _COMPUTED:
                try:
                    return bool(eval(compile(ast.Expression(node), "", "eval")))
                except Exception:
                    return None
    return None


#: Expressions that are computed of constants alone.
_COMPUTED = {
    *(ast.Constant, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Subscript, ast.Slice, ast.Tuple, ast.BoolOp, ast.IfExp),
}


def _wildcard(pattern: ast.pattern) -> bool:
    """``_`` or ``*_``: nothing looks at the item."""
    match pattern:
        case ast.MatchAs(pattern=None, name=None) | ast.MatchStar(name=None):
            return True
    return False


def _refutable(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchAs(pattern=inner):
            return inner is not None and _refutable(inner)
        case ast.MatchOr(patterns=every):
            return all(map(_refutable, every))
    return not isinstance(pattern, ast.MatchStar)


def instrument(text: str, filename: str = "<oracle>", name: str = NAME) -> tuple[CodeType, list[Place]]:
    """The rewritten program, which needs a :class:`Recorder` of these places in ``builtins`` when it runs.

    ``name``: what the recorder is called there; in programs of several files each has one of its own.
    """
    tree = ast.parse(text, filename)
    rewriter = _Rewriter(text, name)
    tree.body = rewriter.value(tree.body)
    return compile(tree, filename, "exec", dont_inherit=True), rewriter.places


def in_messages(text: str) -> set[Place]:
    """The branches in the messages of asserts, which only a failure reaches."""
    rewriter = _Rewriter(text, NAME)
    rewriter.value(ast.parse(text).body)
    return rewriter.in_messages


def observe(text: str, filename: str = "<oracle>", names: dict[str, Any] | None = None) -> dict[Place, dict[str, int]]:
    """Run a program; the hits of every outcome of every place. What the program raises comes through."""
    code, places = instrument(text, filename)
    recorder = Recorder(places)
    with_recorder(recorder, code, {"__name__": "__main__"} if names is None else names)
    return recorder.outcomes()


def with_recorder(recorder: Recorder, code: CodeType, names: dict[str, Any]) -> None:
    """Run rewritten code in a namespace."""
    setattr(builtins, NAME, recorder)
    try:
        exec(code, names)
    finally:
        delattr(builtins, NAME)
