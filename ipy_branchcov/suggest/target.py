"""The function that inputs are looked for: found by its name without running anything, and how it is called."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter as Kinds
from typing import Any, NamedTuple

from ipy_branchcov.errors import UsageError
from ipy_branchcov.suggest.describe import Names
from ipy_branchcov.suggest.values import OMITTED, Items, Made, Omitted, Value, names_in, text

#: A call: a value for each parameter; the receiver of a method comes first.
Arguments = tuple[Value, ...]


class Parameter(NamedTuple):
    """``kind``: as in :mod:`inspect`. ``hint``: its type, or None. ``required``: it has no default."""

    name: str
    kind: Any
    hint: Any
    required: bool
    default: Any = None


@dataclass(frozen=True)
class Target:
    """A function and its call. ``function``: what its code is of, below all decorators.

    ``prefix``: the expression that is called; of a method the name of its attribute, behind the receiver, which is the
    first parameter. ``clear``: what forgets the results of former calls. ``manager``: its call makes a context manager,
    and its code runs in a ``with``.
    """

    name: str
    function: types.FunctionType
    parameters: tuple[Parameter, ...]
    names: Names
    prefix: str
    method: bool = False
    is_property: bool = False
    clear: tuple[Callable[[], Any], ...] = ()
    manager: bool = False

    @property
    def is_coroutine(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    def expression(self, arguments: Arguments) -> str:
        """A call as a reader types it."""
        given = list(zip(self.parameters, arguments, strict=True))
        callee = self.prefix
        if self.method:
            callee = f"{text(given.pop(0)[1])}.{callee}"
        return callee if self.is_property else f"{callee}({', '.join(_written(given))})"

    def statement(self, arguments: Arguments, *, lazy: bool) -> str:
        """The same as code that runs all of it. ``lazy``: what it returned had to be iterated."""
        call = self.expression(arguments)
        if self.manager:
            return f"{'async ' * inspect.isasyncgenfunction(self.function)}with {call}: pass"
        if self.is_coroutine:
            return f"await {call}"
        if inspect.isasyncgenfunction(self.function):
            return f"[each async for each in {call}]"
        return f"list({call})" if lazy else call

    def imports(self, arguments: Arguments) -> list[str]:
        """The imports that a call needs beside what the function's module has."""
        used = {name for each in arguments for name in names_in(each)}
        return sorted(self.names.imports[name] for name in used if name in self.names.imports)

    def roots(self, arguments: Arguments) -> set[str]:
        """The names of the function's module that a call needs."""
        used = {name for each in arguments for name in names_in(each)}
        if not self.method:
            used.add(self.prefix.partition(".")[0])
        known = self.names.namespace.keys() - self.names.imports.keys()
        return {name for name in used if name in known}

    def split(self, arguments: Arguments) -> tuple[list[Value], list[Value], dict[str, Value]]:
        """The receiver (a list of none or one), the positional arguments and those by keyword."""
        given = list(zip(self.parameters, arguments, strict=True))
        receiver = [given.pop(0)[1]] if self.method else []
        positional: list[Value] = []
        keywords: dict[str, Value] = {}
        gap = False
        for parameter, value in given:
            if parameter.kind is Kinds.VAR_POSITIONAL:
                positional += _items(value)
            elif parameter.kind is Kinds.VAR_KEYWORD:
                keywords.update(_named(value))
            elif isinstance(value, Omitted):
                gap = True
            elif parameter.kind is Kinds.KEYWORD_ONLY or (gap and parameter.kind is Kinds.POSITIONAL_OR_KEYWORD):
                keywords[parameter.name] = value
            else:
                positional.append(value)
        return receiver, positional, keywords


def _items(value: Value) -> tuple[Value, ...]:
    return value.items if isinstance(value, Items) else ()


def _named(value: Value) -> Iterator[tuple[str, Value]]:
    for each in _items(value):
        if isinstance(each, Items) and len(each.items) == 2 and isinstance(each.items[0], str):
            yield each.items[0], each.items[1]


def _written(given: list[tuple[Parameter, Value]]) -> Iterator[str]:
    gap = False
    for parameter, value in given:
        if parameter.kind is Kinds.VAR_POSITIONAL:
            yield from map(text, _items(value))
        elif parameter.kind is Kinds.VAR_KEYWORD:
            yield from (f"{key}={text(of)}" for key, of in _named(value) if key.isidentifier())
        elif isinstance(value, Omitted):
            gap = True
        elif parameter.kind is Kinds.KEYWORD_ONLY or (gap and parameter.kind is Kinds.POSITIONAL_OR_KEYWORD):
            yield f"{parameter.name}={text(value)}"
        else:
            yield text(value)


# --- finding it


def find(name: str, namespace: Mapping[str, Any]) -> Target:
    """The target that a dotted name stands for in a namespace. Raises UsageError for what is no function of Python."""
    first, *rest = name.split(".")
    if first not in namespace:
        near = ", ".join(sorted(key for key, value in namespace.items() if isinstance(value, types.FunctionType))[:8])
        raise UsageError(f"no function called {name}; there is {near or 'none'}")
    owner, thing = None, namespace[first]
    for part in rest:
        owner, thing = thing, _attribute(thing, part, name)
    names = Names(namespace)
    names.imports.clear()
    if isinstance(thing, type):
        return _of_class(name, thing, names)
    return _of_function(name, owner, thing, names)


def _attribute(owner: Any, part: str, name: str) -> Any:
    try:
        return inspect.getattr_static(owner, part)
    except AttributeError:
        raise UsageError(f"{name}: there is no {part} in {getattr(owner, '__name__', 'it')}") from None


def _of_class(name: str, kind: type, names: Names) -> Target:
    """The construction of objects: what is missed in ``__init__`` or ``__new__``."""
    for each in ("__init__", "__new__", "__post_init__"):
        made = next((vars(base)[each] for base in kind.__mro__ if each in vars(base)), None)
        made = made.__func__ if isinstance(made, staticmethod) else made
        if isinstance(made, types.FunctionType) and "__create_fn__" not in made.__qualname__:
            return Target(name, _below(made)[0], _parameters(kind, made), names, name)
    raise UsageError(f"{name}: this class makes its objects without code in Python; name one of its methods")


def _of_function(name: str, owner: Any, thing: Any, names: Names) -> Target:
    kind = owner if isinstance(owner, type) else None
    bound = isinstance(thing, staticmethod | classmethod)
    is_property = isinstance(thing, property | functools.cached_property)
    inner = thing.fget if isinstance(thing, property) else thing.func if is_property else thing
    if bound:
        inner = thing.__func__
    if isinstance(inner, types.MethodType):
        bound, inner = True, inner.__func__
    function, clear = _below(inner)
    if function is None:
        raise UsageError(f"{name}: no function that is written in Python")
    method = kind is not None and not bound
    parameters = _parameters(inner, function)
    if isinstance(thing, classmethod | types.MethodType):
        parameters = parameters[1:]
    if method:
        parameters = (Parameter("self", Kinds.POSITIONAL_ONLY, kind, True), *parameters[1:])
    prefix = name.rpartition(".")[2] if method else name
    return Target(name, function, parameters, names, prefix, method, is_property, clear, _is_manager(inner))


def _is_manager(thing: Any) -> bool:
    """Whether contextlib made a function of a generator."""
    while (inner := getattr(thing, "__wrapped__", None)) is not None:
        if getattr(thing, "__globals__", None) is vars(contextlib):
            return True
        thing = inner
    return False


def _below(thing: Any) -> tuple[Any, tuple[Callable[[], Any], ...]]:
    """The function below decorators that say what they wrap, and what clears their caches."""
    clear = []
    for _ in range(20):
        if callable(clearing := getattr(thing, "cache_clear", None)):
            clear.append(clearing)
        if isinstance(thing, functools.partial):
            thing = thing.func
        elif (inner := getattr(thing, "__wrapped__", None)) is not None:
            thing = inner
        else:
            break
    return (thing if isinstance(thing, types.FunctionType) else None), tuple(clear)


def _parameters(called: Any, function: types.FunctionType) -> tuple[Parameter, ...]:
    hints = _hints(function)
    try:
        found = inspect.signature(called).parameters.values()
    except (TypeError, ValueError):
        found = inspect.signature(function).parameters.values()
    return tuple(
        Parameter(
            each.name,
            each.kind,
            hints.get(each.name, _kind_of_default(each)),
            each.default is Kinds.empty,
            None if each.default is Kinds.empty else each.default,
        )
        for each in found
    )


def _kind_of_default(parameter: Kinds) -> Any:
    """The type of a default, where it says one; None elsewhere."""
    return None if parameter.default is Kinds.empty or parameter.default is None else type(parameter.default)


def _hints(function: types.FunctionType) -> dict[str, Any]:
    """The types of parameters; those that cannot be evaluated are left out."""
    try:
        return typing.get_type_hints(function)
    except Exception:  # an annotation can be anything
        found = {}
        for name, hint in getattr(function, "__annotations__", {}).items():
            try:
                found[name] = eval(hint, function.__globals__) if isinstance(hint, str) else hint
            except Exception:
                continue
        return found


def bind(target: Target, call: Made | None, receiver: Value = OMITTED) -> Arguments | None:
    """The arguments of a call in a source, by the parameters; None where they do not fit."""
    if call is None:
        return None
    free = dict(call.keywords)
    rest = list(call.args)
    found: list[Value] = []
    for number, each in enumerate(target.parameters):
        if number == 0 and target.method:
            found.append(receiver)
        elif each.kind is Kinds.VAR_POSITIONAL:
            found.append(Items("tuple", tuple(rest)))
            rest = []
        elif each.kind is Kinds.VAR_KEYWORD:
            found.append(Items("dict", tuple(Items("tuple", item) for item in free.items())))
            free = {}
        elif each.kind is not Kinds.KEYWORD_ONLY and rest:
            found.append(rest.pop(0))
        elif each.name in free:
            found.append(free.pop(each.name))
        elif each.required:
            return None
        else:
            found.append(OMITTED)
    return None if rest or free else tuple(found)
