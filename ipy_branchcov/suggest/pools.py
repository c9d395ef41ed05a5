"""What a search tries first: the literals of a function and of those that it calls; calls that stand in a source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from ipy_branchcov.suggest.describe import Names, describe, known, parse
from ipy_branchcov.suggest.hints import values_of
from ipy_branchcov.suggest.record import written
from ipy_branchcov.suggest.regexes import examples
from ipy_branchcov.suggest.target import Arguments, Target, bind
from ipy_branchcov.suggest.values import OMITTED, Items, Made, Named, Value, pair, parts, text

_MOST = 400
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_REGEX = re.compile(r"[\\\[(|*+?^$]")


class Pool:
    """Values by their kinds, each once, the first ones the most likely."""

    def __init__(self) -> None:
        self._by_kind: dict[str, dict[str, Value]] = {}
        #: Characters that stand in literals.
        self.alphabet: list[str] = []

    def add(self, value: Value) -> bool:
        """Take a value up; returns whether it is new."""
        column = self._by_kind.setdefault(kind_of(value), {})
        key = text(value)
        if key in column or len(column) >= _MOST:
            return False
        column[key] = value
        if isinstance(value, str):
            self.alphabet += [each for each in dict.fromkeys(value) if each not in self.alphabet]
        return True

    def of(self, kind: str) -> list[Value]:
        """The values of a kind."""
        return list(self._by_kind.get(kind, {}).values())

    def all(self) -> list[Value]:
        """Every value, kind by kind."""
        return [value for column in self._by_kind.values() for value in column.values()]


def kind_of(value: Value) -> str:
    """What a value is an instance of, as far as its text says: ``int``, ``list``, ``Made date``, ``Named Colour``."""
    match value:
        case Items(kind, _):
            return kind
        case Made(callee):
            return f"Made {callee}"
        case Named(expression):
            return f"Named {expression.rpartition('.')[0]}"
    return type(value).__name__


def literals(target: Target, tree: ast.Module, pool: Pool, random: Random) -> None:
    """Fill a pool from the function, from those of its source that it calls, and from constants of its module."""
    nodes = list(_reached(target, tree))
    bare = {id(node.value) for each in nodes for node in ast.walk(each) if isinstance(node, ast.Expr)}
    for each in nodes:
        for node in ast.walk(each):
            if id(node) not in bare:  # no docstring
                _literals_of(node, target, pool, random)


def _literals_of(node: ast.AST, target: Target, pool: Pool, random: Random) -> None:
    namespace = target.names.namespace
    match node:
        case ast.Constant():
            _constant(node.value, pool, random)
        case ast.UnaryOp() | ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
            if not isinstance(getattr(node, "ctx", None), ast.Store):
                value = parse(node, namespace)
                if not any(isinstance(each, Named) for each in _inside(value)):
                    pool.add(value)
        case ast.BinOp():
            _folded(node, pool)
        case ast.Call() | ast.Attribute():
            _expression(node, target, pool)
        case ast.match_case():
            for each in _matching(node.pattern, target.names):
                pool.add(each)
        case ast.Name(id=name) if name in namespace:
            _global(namespace[name], target.names, pool, random)


def _inside(value: Value) -> Iterator[Value]:
    return (each for _, each in parts(value))


def _constant(value: Any, pool: Pool, random: Random) -> None:
    if type(value) in (int, float, str, bytes, complex, bool):
        pool.add(value)
        if type(value) is int and 255 < value < 1 << 64:  # as binary formats have it
            size = (value.bit_length() + 7) // 8
            pool.add(value.to_bytes(size, "big"))
            pool.add(value.to_bytes(size, "little"))
        if isinstance(value, str | bytes) and _REGEX.search(
            value if isinstance(value, str) else value.decode("latin-1")
        ):
            for each in examples(value, random):
                pool.add(each.encode("latin-1", "replace") if isinstance(value, bytes) else each)


def _folded(node: ast.BinOp, pool: Pool) -> None:
    """``24 * 60 * 60`` as its number."""
    # Without powers and shifts: those of large numbers take for ever, and this is not a trial.
    simple = (ast.BinOp, ast.Constant, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
    if all(isinstance(each, simple) for each in ast.walk(node)):
        numbers: list[Any] = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
        if all(type(each) in (int, float) and abs(each) < 10**6 for each in numbers) and len(numbers) < 6:
            try:
                pool.add(eval(compile(ast.Expression(node), "<literal>", "eval")))
            except (ArithmeticError, ValueError, MemoryError):
                return


def _expression(node: ast.Call | ast.Attribute, target: Target, pool: Pool) -> None:
    """Members of enumerations, and objects that are made of literals."""
    value = parse(node, target.names.namespace)
    if isinstance(value, Made) and not any(isinstance(each, Named) for each in _inside(value)):
        pool.add(value)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = target.names.namespace.get(node.value.id)
        if isinstance(owner, type) and node.attr in getattr(owner, "__members__", ()):
            pool.add(Named(f"{node.value.id}.{node.attr}"))


def _global(thing: Any, names: Names, pool: Pool, random: Random) -> None:
    """A constant of the module: itself, and what is in it."""
    if isinstance(thing, re.Pattern):
        _constant(thing.pattern, pool, random)
        for each in examples(written(thing), random):
            pool.add(each)
        return
    if type(thing) not in (int, float, str, bytes, list, tuple, set, frozenset, dict):
        return
    value = describe(thing, names)
    if value is not None and known(thing, value):
        for part in list(_inside(value))[:80]:
            pool.add(part)


def _reached(target: Target, tree: ast.Module) -> Iterator[ast.AST]:
    """The function, and the functions and methods of its source that it calls, as far as names show."""
    by_name: dict[str, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            by_name.setdefault(node.name, []).append(node)
    code = target.function.__code__
    first = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)) and _first_line(node) == code.co_firstlineno
    ]
    seen: set[int] = set()
    waiting: list[ast.AST] = list(first)
    while waiting:
        node = waiting.pop(0)
        if id(node) in seen or len(seen) > 40:
            continue
        seen.add(id(node))
        yield node
        for inner in ast.walk(node):
            name = inner.id if isinstance(inner, ast.Name) else inner.attr if isinstance(inner, ast.Attribute) else ""
            waiting += by_name.get(name, ())


def _first_line(node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", [])
    return int(min([getattr(node, "lineno", 0), *(each.lineno for each in decorators)]))


def _matching(pattern: ast.pattern, names: Names) -> list[Value]:
    """Values that a pattern matches, and some that it nearly does."""
    namespace = names.namespace
    match pattern:
        case ast.MatchValue(value=node):
            return [parse(node, namespace)]
        case ast.MatchSingleton(value=value):
            return [value]
        case ast.MatchOr(patterns=options):
            return [value for each in options for value in _matching(each, names)]
        case ast.MatchAs(pattern=inner) if inner is not None:
            return _matching(inner, names)
        case ast.MatchSequence(patterns=inner):
            columns = [_matching(each, names)[:3] for each in inner if not isinstance(each, ast.MatchStar)]
            rows = [tuple(column[min(i, len(column) - 1)] for column in columns) for i in range(3)]
            return [*(Items("list", row) for row in rows), *(Items("tuple", row) for row in rows[:1])]
        case ast.MatchMapping(keys=keys, patterns=inner):
            columns = [_matching(each, names)[:3] for each in inner]
            given = [parse(each, namespace) for each in keys]
            return [
                Items("dict", tuple(pair(k, c[min(i, len(c) - 1)]) for k, c in zip(given, columns, strict=True)))
                for i in range(3)
            ]
        case ast.MatchClass():
            return _of_class(pattern, names)
    return [1, "a", None]  # a capture, a wildcard


def _of_class(pattern: ast.MatchClass, names: Names) -> list[Value]:
    callee = ast.unparse(pattern.cls)
    root = names.namespace.get(callee.partition(".")[0])
    kind = root if isinstance(root, type) else {"int": int, "str": str, "float": float, "bool": bool, "list": list,
                                               "dict": dict, "tuple": tuple, "bytes": bytes}.get(callee)  # fmt: skip
    if kind is None:
        return []
    found = values_of(kind, names)
    given = [_matching(each, names)[:2] for each in (*pattern.patterns, *pattern.kwd_patterns)]
    if not given or not isinstance(root, type):
        return found[:4]
    wanted: list[str] = [*list(getattr(kind, "__match_args__", ()))[: len(pattern.patterns)], *pattern.kwd_attrs]
    made: list[Value] = []
    for value in found[:4]:
        if isinstance(value, Made):
            order = list(getattr(kind, "__match_args__", ())) or wanted
            args = list(value.args)
            for name, column in zip(wanted, given, strict=False):
                if name in order and order.index(name) < len(args) and column:
                    args[order.index(name)] = column[0]
            made.append(Made(value.callee, tuple(args)))
    return made + found[:2]


def calls_in(target: Target, trees: Iterable[ast.AST], *, own: bool = True) -> Iterator[Arguments]:
    """The calls of the target in some syntax trees, as arguments. ``own``: its docstring's examples, too."""
    namespace = target.names.namespace
    every = [*trees, *(_examples(target) if own else ())]
    for tree in every:
        for node in ast.walk(tree):
            found = _call(node, target, namespace) if isinstance(node, ast.Call | ast.Attribute) else None
            if found is not None:
                yield found


def _examples(target: Target) -> Iterator[ast.AST]:
    for line in (target.function.__doc__ or "").splitlines():
        typed = line.strip()
        if typed.startswith(">>> "):
            try:
                yield ast.parse(typed[4:])
            except SyntaxError:
                continue


def _call(node: ast.Call | ast.Attribute, target: Target, namespace: dict[str, Any]) -> Arguments | None:
    if isinstance(node, ast.Attribute):
        if not (target.is_property and node.attr == target.prefix):
            return None
        return (parse(node.value, namespace),)
    if any(isinstance(each, ast.Starred) for each in node.args) or any(not each.arg for each in node.keywords):
        return None
    receiver: Value = OMITTED
    if target.method:
        if not isinstance(node.func, ast.Attribute) or node.func.attr != target.prefix:
            return None
        receiver = parse(node.func.value, namespace)
        if not _is_receiver(receiver, target):
            return None
    elif ast.unparse(node.func) not in (target.prefix, target.name):
        return None
    made = Made(
        target.prefix,
        tuple(parse(each, namespace) for each in node.args),
        tuple((str(each.arg), parse(each.value, namespace)) for each in node.keywords),
    )
    found = bind(target, made, receiver)
    return found if found is not None and all(map(_stands_alone(namespace), found)) else None


def _is_receiver(receiver: Value, target: Target) -> bool:
    """Whether an expression may be an object of the target's class: made here, or a variable of the notebook."""
    owner = target.parameters[0].hint
    if isinstance(receiver, Made):
        kind = target.names.namespace.get(receiver.callee)
        return isinstance(kind, type) and isinstance(owner, type) and issubclass(kind, owner)
    thing = target.names.namespace.get(receiver.text) if isinstance(receiver, Named) else None
    return isinstance(owner, type) and isinstance(thing, owner)


def _stands_alone(namespace: dict[str, Any]) -> Any:
    """A test whether a value needs nothing but the namespace: a call elsewhere can have local names."""
    import builtins

    def stands(value: Value) -> bool:
        for each in _inside(value):
            if isinstance(each, Named):
                tree = ast.parse(each.text, mode="eval")
                own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
                own |= {
                    node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                }
                used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
                if not all(name in own or name in namespace or hasattr(builtins, name) for name in used):
                    return False
        return True

    return stands
