"""Arguments as expressions: a trial makes them again for each call, a reader types them, a search changes them.

A value is a constant of Python, or one of the three kinds below. No code of the user's runs before :func:`build`.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Types whose values are values of ours as they are.
SCALARS = (type(None), bool, int, float, complex, str, bytes)
CONTAINERS: Mapping[str, type] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict}


@dataclass(frozen=True, slots=True)
class Items:
    """A container; ``kind`` is a key of :data:`CONTAINERS`. The items of a dict are tuples of two."""

    kind: str
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """The call of a class or function, which an expression names."""

    callee: str
    args: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """An expression that is evaluated as it stands: the member of an enumeration, a lambda, a variable."""

    text: str


@dataclass(frozen=True, slots=True)
class Omitted:
    """An argument that is not given, so that its default holds."""


Value = None | bool | int | float | complex | str | bytes | Items | Made | Named | Omitted
OMITTED = Omitted()


def pair(key: Value, value: Value) -> Items:
    """An item of a dict."""
    return Items("tuple", (key, value))


def build(value: Value, namespace: Mapping[str, Any]) -> Any:
    """A fresh object that a value stands for. Raises what its expressions raise: they are the user's."""
    match value:
        case Items("dict", items):
            return dict(_two(each, namespace) for each in items)
        case Items(kind, items):
            return CONTAINERS[kind](build(each, namespace) for each in items)
        case Made(callee, args, keywords):
            made = evaluate(callee, namespace)
            return made(*(build(each, namespace) for each in args), **{k: build(v, namespace) for k, v in keywords})
        case Named(text):
            return evaluate(text, namespace)
    return value


def _two(item: Value, namespace: Mapping[str, Any]) -> tuple[Any, Any]:
    if not isinstance(item, Items) or len(item.items) != 2:
        raise ValueError("an item of a dict is a key and a value")
    return build(item.items[0], namespace), build(item.items[1], namespace)


def evaluate(expression: str, namespace: Mapping[str, Any]) -> Any:
    """The value of an expression, names first looked up in ``namespace``."""
    if expression.isidentifier():
        return namespace[expression] if expression in namespace else getattr(builtins, expression)
    scope = {"__builtins__": builtins, **namespace}
    return eval(expression, scope)


def text(value: Value) -> str:
    """A value as a reader types it."""
    match value:
        case Items("dict", items):
            return "{" + ", ".join(f"{text(key)}: {text(of)}" for key, of in _pairs(items)) + "}"
        case Items("list", items):
            return f"[{_joined(items)}]"
        case Items("tuple", items):
            return f"({_joined(items)},)" if len(items) == 1 else f"({_joined(items)})"
        case Items("set", items):
            return f"{{{_once(items)}}}" if items else "set()"
        case Items(kind, items):
            return f"{kind}({{{_once(items)}}})" if items else f"{kind}()"
        case Made(callee, args, keywords):
            return f"{callee}({', '.join((*map(text, args), *(f'{key}={text(of)}' for key, of in keywords)))})"
        case Named(expression):
            return expression
        case float():
            return repr(value) if value - value == 0 else f'float("{value}")'
    return repr(value)


def _joined(items: tuple[Value, ...]) -> str:
    return ", ".join(map(text, items))


def _once(items: tuple[Value, ...]) -> str:
    return ", ".join(dict.fromkeys(map(text, items)))


def _pairs(items: tuple[Value, ...]) -> Iterator[tuple[Value, Value]]:
    """Each key once, with its last value, as Python reads it."""
    found: dict[str, tuple[Value, Value]] = {}
    for each in items:
        if isinstance(each, Items) and len(each.items) == 2:
            found[text(each.items[0])] = each.items[0], each.items[1]
    yield from found.values()


def cost(value: Value) -> float:
    """How hard a value is to read: shorter texts and smaller numbers cost less."""
    match value:
        case Omitted():
            return 0.0
        case Items(_, items):
            return 2.0 + sum(1 + cost(each) for each in items)
        case Made(_, args, keywords):
            return 2.0 + sum(1 + cost(each) for each in (*args, *(of for _, of in keywords)))
        case Named():
            return 1.5 + len(value.text) / 40
        case str() | bytes():
            return 1.0 + sum(_weight(each) for each in (value if isinstance(value, str) else value.decode("latin-1")))
        case bool() | None:
            return 1.0
    written = repr(value)
    return 1.0 + len(written) * 0.5 + (0.2 if written.startswith("-") else 0) + len(set(written) - {"0"}) * 0.1


def _weight(char: str) -> float:
    if char.isascii() and char.isprintable():
        return 0.5
    return 0.8 if char in "\n\t" else 1.5


def names_in(value: Value) -> Iterator[str]:
    """The names that a value's expressions begin with."""
    match value:
        case Items(_, items):
            for each in items:
                yield from names_in(each)
        case Made(callee, args, keywords):
            yield callee.partition(".")[0]
            for each in (*args, *(of for _, of in keywords)):
                yield from names_in(each)
        case Named(expression):
            tree = ast.parse(expression, mode="eval")
            yield from (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


#: The way to a part of a value: numbers of children.
Path = tuple[int, ...]


def children(value: Value) -> tuple[Value, ...]:
    """The values directly inside a value."""
    match value:
        case Items(_, items):
            return items
        case Made(_, args, keywords):
            return (*args, *(of for _, of in keywords))
    return ()


def parts(value: Value, path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """A value and all values inside it, with the ways to them."""
    yield path, value
    for number, each in enumerate(children(value)):
        yield from parts(each, (*path, number))


def replaced(value: Value, path: Path, new: Value) -> Value:
    """The same value with another part."""
    if not path:
        return new
    first, rest = path[0], path[1:]
    match value:
        case Items(kind, items):
            return Items(kind, (*items[:first], replaced(items[first], rest, new), *items[first + 1 :]))
        case Made(callee, args, keywords):
            if first < len(args):
                return Made(callee, (*args[:first], replaced(args[first], rest, new), *args[first + 1 :]), keywords)
            at = first - len(args)
            key, of = keywords[at]
            return Made(callee, args, (*keywords[:at], (key, replaced(of, rest, new)), *keywords[at + 1 :]))
    return value
