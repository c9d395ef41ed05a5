"""Objects and source text -> values. Reads objects without running any code of the user's: exact types, own slots."""

from __future__ import annotations

import ast
import datetime
import enum
import fractions
import functools
import inspect
import pathlib
import sys
import types
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ipy_branchcov.suggest.values import CONTAINERS, SCALARS, Items, Made, Named, Value, pair

#: So deep, so wide and so long is what is copied of an object.
DEEP, WIDE, LONG = 5, 40, 400
#: A googol and what is near it are names of numbers; beyond, an expression would be unreadable.
_LARGE = 1 << 400


class Names:
    """Finds an expression for an object in a function's namespace; what is not there is imported."""

    def __init__(self, namespace: Mapping[str, Any]):
        self.namespace = dict(namespace)
        #: By the name that it makes known: an import that the namespace does not have.
        self.imports: dict[str, str] = {}
        self._found: dict[int, str | None] = {}
        self._modules = [(name, value) for name, value in list(namespace.items()) if type(value) is types.ModuleType]

    def of(self, thing: Any) -> str | None:
        """The expression that yields a class, function or module; None without one."""
        key = id(thing)
        if key not in self._found:
            self._found[key] = self._search(thing)
        return self._found[key]

    def variable(self, thing: Any) -> str | None:
        """The name of a variable that holds exactly this object."""
        return next(
            (name for name, value in self.namespace.items() if value is thing and not name.startswith("_")), None
        )

    def _search(self, thing: Any) -> str | None:
        name, module = getattr(thing, "__name__", None), getattr(thing, "__module__", None)
        if not isinstance(name, str) or not name.isidentifier():
            return None
        if self.namespace.get(name) is thing:
            return name
        if module == "builtins" and name not in self.namespace:
            return name
        if (found := self.variable(thing)) is not None:
            return found
        for known, value in self._modules:
            if vars(value).get(name) is thing:
                return f"{known}.{name}"
        qualified = getattr(thing, "__qualname__", name)
        outer = qualified.rpartition(".")[0]
        if outer and outer in self.namespace and vars(self.namespace[outer]).get(name) is thing:
            return qualified
        return self._imported(thing, name, module)

    def _imported(self, thing: Any, name: str, module: str | None) -> str | None:
        home = sys.modules.get(module or "")
        public = _PUBLIC.get(module or "", module)
        if home is None or public in (None, "__main__") or vars(home).get(name) is not thing or name in self.namespace:
            return None
        self.namespace[name] = thing
        self.imports[name] = f"from {public} import {name}"
        return name


_PUBLIC = {"_pydatetime": "datetime", "_decimal": "decimal", "_io": "io", "pathlib._local": "pathlib"}


def describe(thing: Any, names: Names, depth: int = 0) -> Value | None:
    """The value that stands for an object; what is too large is cut, and None stands for what has no expression.

    ``describe(None)`` is None too: see :func:`known`.
    """
    kind = type(thing)
    if kind in SCALARS:
        return _scalar(thing)
    if depth > DEEP:
        return None
    if kind in CONTAINERS.values():
        return _container(thing, kind, names, depth)
    for recogniser in _RECOGNISERS:
        found = recogniser(thing, kind, names, depth)
        if found is not None:
            return found
    variable = names.variable(thing)
    return None if variable is None else Named(variable)


def known(thing: Any, value: Value | None) -> bool:
    """Whether :func:`describe` knew the object: None describes None, and what it does not know."""
    return value is not None or thing is None


def _scalar(thing: Any) -> Value:
    if isinstance(thing, int):
        return thing if abs(thing) < _LARGE else 0
    if isinstance(thing, str | bytes) and len(thing) > LONG:
        return thing[:LONG]
    return thing  # type: ignore[no-any-return]


def _container(thing: Any, kind: type, names: Names, depth: int) -> Value | None:
    whole = list(thing.items()) if kind is dict else list(thing)
    found: list[Value] = []
    for each in whole[:WIDE]:
        value = describe(each, names, depth + 1)
        if not known(each, value):
            return None
        found.append(value)
    return Items(kind.__name__, tuple(found))


def _enumeration(thing: Any, kind: type, names: Names, depth: int) -> Value | None:
    if not issubclass(kind, enum.Enum):
        return None
    name, callee = vars(thing).get("_name_"), names.of(kind)
    if callee is None:
        return None
    if isinstance(name, str) and name.isidentifier():
        return Named(f"{callee}.{name}")
    value = vars(thing).get("_value_")
    return Made(callee, (value,)) if type(value) is int else None


def _plain(thing: Any, kind: type, names: Names, depth: int) -> Value | None:
    read = _PLAIN.get(kind)
    callee = names.of(kind) if read is not None else None
    if read is None or callee is None:
        return None
    return _made(callee, read(thing), {}, names, depth)


def _made(callee: str, args: Any, keywords: Mapping[str, Any], names: Names, depth: int) -> Value | None:
    found = []
    for each in (*args, *keywords.values()):
        value = describe(each, names, depth + 1)
        if not known(each, value):
            return None
        found.append(value)
    count = len(found) - len(keywords)
    return Made(callee, tuple(found[:count]), tuple(zip(keywords, found[count:], strict=True)))


def _when(thing: Any) -> tuple[Any, ...]:
    parts = [thing.hour, thing.minute, thing.second, thing.microsecond]
    while len(parts) > 2 and not parts[-1]:
        parts.pop()
    return tuple(parts)


_PLAIN: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    datetime.date: lambda each: (each.year, each.month, each.day),
    datetime.datetime: lambda each: (each.year, each.month, each.day, *_when(each)),
    datetime.time: _when,
    datetime.timedelta: lambda each: (each.days, each.seconds, each.microseconds)[: 3 if each.microseconds else 2],
    Decimal: lambda each: (str(each),),
    fractions.Fraction: lambda each: (each.numerator, each.denominator),
    uuid.UUID: lambda each: (str(each),),
    range: lambda each: (each.start, each.stop, each.step),
    slice: lambda each: (each.start, each.stop, each.step),
    bytearray: lambda each: (bytes(each),),
    **{
        each: lambda path: (str(path),)
        for each in (
            pathlib.PurePath,
            pathlib.PurePosixPath,
            pathlib.PureWindowsPath,
            pathlib.Path,
            type(pathlib.Path()),
        )
    },
}


#: Types whose objects are made of their parts.
PLAIN_TYPES = tuple(_PLAIN)


def _record(thing: Any, kind: type, names: Names, depth: int) -> Value | None:
    """An object that its own attributes make again: a dataclass, a named tuple, a class that stores its arguments."""
    callee = names.of(kind)
    if callee is None:
        return None
    if issubclass(kind, tuple) and isinstance(labels := vars(kind).get("_fields"), tuple):
        return _made(callee, tuple.__iter__(thing), {}, names, depth) if len(labels) == len(thing) else None
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return None
    if type(own) is not dict:
        return None
    fields = vars(kind).get("__dataclass_fields__")
    if isinstance(fields, dict):
        given = {name: own[name] for name, field in fields.items() if field.init and name in own}
        return _made(callee, (), given, names, depth)
    parameters = _parameters(kind)
    given = {
        name: own[name] if name in own else own[f"_{name}"] for name in parameters if {name, f"_{name}"} & set(own)
    }
    return _made(callee, (), given, names, depth) if given or not parameters else None


def _parameters(kind: type) -> list[str]:
    made = kind.__dict__.get("__init__")
    if not isinstance(made, types.FunctionType):
        return []
    code = made.__code__
    return list(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])


def _function(thing: Any, kind: type, names: Names, depth: int) -> Value | None:
    if kind in (types.FunctionType, types.BuiltinFunctionType, type) or inspect.isclass(thing):
        found = names.of(thing)
        return None if found is None else Named(found)
    if kind is types.ModuleType:
        found = names.variable(thing)
        return None if found is None else Named(found)
    return None


def _array(thing: Any, kind: type, names: Names, depth: int) -> Value | None:
    """A small array of numpy's."""
    numpy = sys.modules.get("numpy")
    if (
        numpy is None
        or kind is not getattr(numpy, "ndarray", None)
        or thing.size > WIDE
        or thing.dtype.kind not in "biuf"
    ):
        return None
    callee = names.of(numpy.array)
    inner = describe(thing.tolist(), names, depth + 1)
    return None if callee is None or inner is None else Made(callee, (inner,))


_RECOGNISERS = (_enumeration, _plain, _array, _function, _record)


# --- source text


def parse(node: ast.expr, namespace: Mapping[str, Any]) -> Value:
    """The value that an expression in a source stands for."""
    match node:
        case ast.Constant(value=value) if type(value) in SCALARS:
            return _scalar(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items) if not _starred(items):
            kind = {ast.List: "list", ast.Tuple: "tuple", ast.Set: "set"}[type(node)]
            return Items(kind, tuple(parse(each, namespace) for each in items))
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return Items(
                "dict",
                tuple(pair(parse(k, namespace), parse(v, namespace)) for k, v in zip(keys, values, strict=True) if k),
            )
        case ast.Call(func=callee, args=args, keywords=keywords) if _is_class(callee, namespace):
            if not _starred(args) and all(each.arg for each in keywords):
                given = tuple((str(each.arg), parse(each.value, namespace)) for each in keywords)
                return _normal(Made(ast.unparse(callee), tuple(parse(each, namespace) for each in args), given))
    return Named(ast.unparse(node))


def _normal(made: Made) -> Value:
    """``float("nan")`` as a number; ``set()`` and the like as containers."""
    match made:
        case Made("float", (str(written),), ()) if written.strip("+-").lower() in ("nan", "inf", "infinity"):
            return float(written)
        case Made("set" | "frozenset" | "list" | "tuple" | "dict" as kind, (), ()):
            return Items(kind, ())
    return made


def _starred(items: list[ast.expr]) -> bool:
    return any(isinstance(each, ast.Starred) for each in items)


_ARRAY_MAKERS = frozenset({"arange", "array", "asarray", "eye", "full", "linspace", "ones", "zeros"})


def _is_class(callee: ast.expr, namespace: Mapping[str, Any]) -> bool:
    """Whether a dotted name is that of a class to which modules alone lead: no attribute of the user's is read.

    What makes an array of numpy's is as good as a class.
    """
    parts: list[str] = []
    while isinstance(callee, ast.Attribute):
        parts.insert(0, callee.attr)
        callee = callee.value
    if not isinstance(callee, ast.Name):
        return False
    thing = namespace.get(callee.id, vars(__import__("builtins")).get(callee.id))
    for each in parts:
        if not isinstance(thing, types.ModuleType | type):
            return False
        if each in _ARRAY_MAKERS and thing is sys.modules.get("numpy"):
            return True
        thing = vars(thing).get(each)
    return isinstance(thing, type | functools.partial)
