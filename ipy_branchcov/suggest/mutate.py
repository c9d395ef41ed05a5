"""A call -> calls near it: by what was compared, by numbers, by literals, and by chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from random import Random

from ipy_branchcov.suggest.json_texts import parsed, written
from ipy_branchcov.suggest.pools import Pool, kind_of
from ipy_branchcov.suggest.regexes import examples
from ipy_branchcov.suggest.target import Arguments
from ipy_branchcov.suggest.values import Items, Made, Named, Omitted, Path, Value, pair, parts, replaced

Pair = tuple[str, Value, Value]
_LONGEST = 400
#: What may stand between two texts.
_BETWEEN = ("\n", "\n", "", " ", ",")
#: Steps by which a number is changed, in both directions.
_STEPS = (
    *(1, 2, 3, 5, 7, 10, 16, 32, 60, 64, 100, 128, 256, 365),
    *(1000, 1024, 4096, 10**4, 2**16, 10**5, 10**6, 2**24, 10**8),
)
_FRACTIONS = (0.5, 0.1, 0.01, 0.001, 0.0001, 0.00001)


def leaves(call: Arguments) -> Iterator[tuple[int, Path, Value]]:
    """The parts of all arguments: the argument's number, the way to the part, the part."""
    for at, argument in enumerate(call):
        for path, value in parts(argument):
            yield at, path, value


def put(call: Arguments, at: int, path: Path, value: Value) -> Arguments:
    """A call with another part."""
    return (*call[:at], replaced(call[at], path, value), *call[at + 1 :])


def is_number(value: Value) -> bool:
    """Whether a value is a whole number or a float, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- by what was compared


def compared(call: Arguments, pairs: tuple[Pair, ...], random: Random) -> Iterator[Arguments]:
    """Calls in which a part is what its like was compared with."""
    for at, path, value in leaves(call):
        for how, left, right in pairs:
            for new in chain(_toward(value, how, left, right, random), _in_json(value, how, left, right, random)):
                if new != value or type(new) is not type(value):
                    yield put(call, at, path, new)


def _toward(value: Value, how: str, left: Value, right: Value, random: Random) -> Iterator[Value]:
    if how == "re":
        if isinstance(value, str) and isinstance(left, str) and isinstance(right, str) and (left in value or not left):
            for each in examples(right, random, 3):
                yield value.replace(left, each, 1) if left else each
        return
    if isinstance(value, Items) and value.kind == "dict" and how == "in" and isinstance(left, str | int):
        yield from (Items("dict", (*value.items, pair(left, new))) for new in (1, True))
    for one, other in ((left, right), (right, left)):
        if type(value) is type(one) and value == one:
            yield from _around(other)
        elif isinstance(value, str) and isinstance(one, str) and isinstance(other, str):
            yield from _texts(value, how, one, other)
        elif isinstance(value, bytes) and isinstance(one, bytes) and isinstance(other, bytes):
            yield from _bytes(value, how, one, other)
        elif is_number(value) and is_number(one) and is_number(other):
            yield from _shifted(value, one, other)
        elif isinstance(value, str) and is_number(one) and is_number(other) and str(one) in value:
            yield value.replace(str(one), str(other), 1)
        elif isinstance(value, int) and isinstance(other, str) and str(value) == one and other.lstrip("-").isdecimal():
            yield int(other[:80])


def _in_json(value: Value, how: str, left: Value, right: Value, random: Random) -> Iterator[str]:
    """A text that holds JSON, with one part of that changed."""
    whole = parsed(value) if isinstance(value, str) else None
    for path, part in parts(whole) if whole is not None else ():
        for new in _toward(part, how, left, right, random):
            text = written(replaced(whole, path, new))
            if text is not None:
                yield text


def _around(value: Value) -> Iterator[Value]:
    yield value
    if is_number(value):
        yield value + 1  # type: ignore[operator]
        yield value - 1  # type: ignore[operator]


def _texts(value: str, how: str, one: str, other: str) -> Iterator[str]:
    if len(other) > _LONGEST:
        return
    if one and one in value:
        yield value.replace(one, other, 1)
    elif one and one.lower() in value.lower():
        at = value.lower().index(one.lower())
        yield value[:at] + other + value[at + len(one) :]
    if how == "startswith":
        yield other + value
    elif how == "endswith" or (how == "in" and not one):
        yield value + other


def _bytes(value: bytes, how: str, one: bytes, other: bytes) -> Iterator[bytes]:
    if one and one in value:
        yield value.replace(one, other, 1)
    if how == "startswith":
        yield other + value
        yield other + value[len(other) :]
    elif how == "endswith":
        yield value + other


def _shifted(value: Value, one: Value, other: Value) -> Iterator[Value]:
    """A number that depends on what was compared, as far as it may do so in a straight line."""
    try:
        yield value + (other - one)  # type: ignore[operator]
        yield value - (other - one)  # type: ignore[operator]
        if one and isinstance(value, int) and isinstance(one, int) and isinstance(other, int):
            yield value * other // one
    except (OverflowError, ValueError, ZeroDivisionError):
        return


# --- by numbers


def stepped(value: Value) -> list[Value]:
    """A number and its like at growing distances, both ways."""
    if not is_number(value):
        return []
    found: list[Value] = []
    if isinstance(value, float):
        if not math.isfinite(value):
            return [0.0, 1.0]
        found += [value + sign * step for step in (*_FRACTIONS, *_STEPS) for sign in (1, -1)]
        return [*found, -value, value * 2, value / 2, 0.0, float("inf"), float("-inf"), float("nan")]
    whole = int(value)  # type: ignore[arg-type]
    found += [whole + sign * step for step in _STEPS for sign in (1, -1)]
    found += [whole + sign * (1 << bit) for bit in range(2, 40) for sign in (1, -1)]
    return [*found, -whole, whole * 2, whole // 2, 0]


# --- by literals


def substituted(call: Arguments, pool: Pool, extra: list[list[Value]]) -> Iterator[Arguments]:
    """Calls with one part changed: to a literal of its kind, to a neighbour, to what its parameter may be.

    ``extra``: of each parameter, values by its type.
    """
    for at, argument in enumerate(call):
        yield from (put(call, at, (), new) for new in (*extra[at], *pool.of(kind_of(argument))))
    for at, path, value in leaves(call):
        likes = pool.of(kind_of(value)) if path else []
        yield from (put(call, at, path, new) for new in chain(near(value, pool), likes))
    for at, argument in enumerate(call):
        if not isinstance(argument, Omitted):
            yield from (put(call, at, (), new) for new in (None, 0, "", Items("list", ())))
    for at in range(len(call)):
        yield from (put(call, at, (), new) for new in pool.all())


def near(value: Value, pool: Pool) -> Iterator[Value]:
    """Neighbours of a value: a little more, a little less, and joined with literals."""
    match value:
        case bool():
            yield not value
        case int() | float():
            yield from _near_number(value, pool)
        case str():
            yield from _near_text(value, pool)
        case bytes():
            yield from _near_bytes(value, pool)
        case Items("dict", items):
            yield from _dicts(value, items, pool)
        case Items(kind, items):
            yield from (Items(kind, new) for new in _near_items(items, pool))
        case Made(callee, args, keywords) if keywords:
            yield Made(callee, args, keywords[:-1])


def _near_number(value: int | float, pool: Pool) -> Iterator[Value]:
    for each in pool.of("int") + (pool.of("float") if isinstance(value, float) else []):
        for step in (0, 1, -1):
            yield type(value)(each) + step if abs(each) < 1e15 else each  # type: ignore[arg-type]
        yield -each  # type: ignore[operator]
    yield from (value + 1, value - 1, -value, value * 2)


def _near_text(value: str, pool: Pool) -> Iterator[Value]:
    yield from ("", value[1:], value[:-1], value + value, value * 12, value.upper(), value + " ", value[::-1])
    for each in pool.of("str")[:80]:
        if isinstance(each, str):
            yield from (each + value, value + each, value[:1] + each + value[1:], each.upper(), each * 2)
    whole = parsed(value)
    for path, part in parts(whole) if whole is not None else ():
        inside = near(part, pool) if isinstance(part, Items) else ()
        yield from filter(None, (written(replaced(whole, path, new)) for new in inside))


def _near_bytes(value: bytes, pool: Pool) -> Iterator[Value]:
    yield from (b"", value[1:], value[:-1], value + value, value * 12)
    for each in pool.of("bytes")[:60]:
        if isinstance(each, bytes):
            yield from (each + value, value + each, each + value[len(each) :], value[: len(each)] + each)


def _near_items(items: tuple[Value, ...], pool: Pool) -> Iterator[tuple[Value, ...]]:
    yield ()
    yield from (items[:i] + items[i + 1 :] for i in range(min(len(items), 6)))
    yield from (items + items, items[::-1], items[:1] * 3)
    yield from ((*items, each) for each in _likes(items, pool))


def _likes(items: tuple[Value, ...], pool: Pool) -> list[Value]:
    return [value for kind in dict.fromkeys(map(kind_of, items)) for value in pool.of(kind)][:30] or pool.all()[:20]


def _dicts(value: Items, items: tuple[Value, ...], pool: Pool) -> Iterator[Value]:
    yield Items("dict", ())
    yield from (Items("dict", items[:i] + items[i + 1 :]) for i in range(len(items)))
    keys = pool.of("str")[:20]
    for key in keys:
        for new in (*pool.of("int")[:4], *pool.of("bool"), *pool.of("str")[:12], Items("list", ()), 1, "a", None):
            yield Items("dict", (*items, pair(key, new)))
    for new in (None, Items("dict", ()), Items("dict", (pair("a", 1),)), Items("list", ())):
        yield from (replaced(value, (i, 1), new) for i in range(len(items)))


# --- by chance


def mutated(
    call: Arguments, pool: Pool, extra: list[list[Value]], others: list[Arguments], random: Random
) -> Arguments:
    """A call with some changes by chance. ``others``: calls from which a part may come."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        at, path, value = random.choice(list(leaves(call)))
        call = put(call, at, path, _changed(value, pool, extra[at] if not path else [], others, random))
    return call


def _changed(value: Value, pool: Pool, extra: list[Value], others: list[Arguments], random: Random) -> Value:
    if extra and random.random() < 0.15:
        return random.choice(extra)
    if others and random.random() < 0.15:
        like = [each for _, _, each in leaves(random.choice(others)) if type(each) is type(value)]
        if like:
            return _beside(value, random.choice(like), random)
    same = pool.of(kind_of(value))
    if same and random.random() < 0.2:
        return random.choice(same)
    match value:
        case bool():
            return not value
        case int() | float():
            return _number(value, random)
        case str():
            return _text(value, pool, random)
        case bytes():
            return _raw(value, pool, random)
        case Items(kind, items):
            return _container(kind, list(items), pool, random)
        case Omitted() | None | Named():
            return random.choice(extra or same or pool.all() or [value])
    return value


def _beside(value: Value, other: Value, random: Random) -> Value:
    """Another value, or where both are texts perhaps the two of them, on lines of their own: parsers keep a state."""
    if isinstance(value, str) and isinstance(other, str) and random.random() < 0.3:
        return (value + random.choice(_BETWEEN) + other)[:_LONGEST]
    return other


def _number(value: int | float, random: Random) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        return random.choice((0.0, 1.0, -1.0))
    choice = random.random()
    if choice < 0.3:
        return value + random.choice((1, -1)) * random.choice(_STEPS)
    if choice < 0.5:
        return random.choice((0, 1, -1, 2, 10, 100)) if isinstance(value, int) else random.choice((0.0, 0.5, 1e6))
    if choice < 0.7:
        return value + random.randint(-100, 100)
    return -value if choice < 0.8 else value * random.choice((2, 10)) if abs(value) < 1e30 else 0


def _text(value: str, pool: Pool, random: Random) -> str:
    at = random.randint(0, len(value))
    to = min(len(value), at + random.choice((1, 1, 1, 2, 4)))
    words = [each for each in pool.of("str") if isinstance(each, str)]
    chars = pool.alphabet or ["a"]
    choice = random.random()
    if choice < 0.2:
        return value[:at] + value[to:]
    if choice < 0.45:
        return (value[:at] + random.choice(words or chars) + value[at:])[:_LONGEST]
    if choice < 0.65:
        return value[:at] + random.choice(chars) + value[random.choice((at, to)) :]
    if choice < 0.8:
        return (value[:at] + value[at:to] * random.choice((2, 3, 10)) + value[to:])[:_LONGEST]
    if choice < 0.9:
        return value[:at] + random.choice("aA0 -_.,:;#\"'()[]{}=+*/\n\té9") + value[to:]
    other = random.randint(0, len(value))
    return value[min(at, other) : max(at, other)] or value


def _raw(value: bytes, pool: Pool, random: Random) -> bytes:
    at = random.randint(0, len(value))
    to = min(len(value), at + random.choice((1, 1, 2, 4)))
    words = [each for each in pool.of("bytes") if isinstance(each, bytes)] or [b"\x00"]
    choice = random.random()
    if choice < 0.2:
        return value[:at] + value[to:]
    if choice < 0.5:
        return (value[:at] + random.choice(words) + value[random.choice((at, to)) :])[:_LONGEST]
    if choice < 0.8:
        return (
            value[:at]
            + bytes([random.choice((0, 1, 0x20, 0x41, 0x7F, 0x80, 0xFF, random.randrange(256)))])
            + value[to:]
        )
    return (value[:at] + value[at:to] * random.choice((2, 8)) + value[to:])[:_LONGEST]


def _container(kind: str, items: list[Value], pool: Pool, random: Random) -> Value:
    choice = random.random()
    if items and choice < 0.3:
        del items[random.randrange(len(items))]
    elif items and choice < 0.5:
        items.insert(random.randint(0, len(items)), random.choice(items))
    elif items and choice < 0.6:
        random.shuffle(items)
    elif kind == "dict":
        keys = pool.of("str") or ["a"]
        items.append(pair(random.choice(keys), random.choice(pool.all() or [1])))
    else:
        items.append(random.choice(_likes(tuple(items), pool) or [1]))
    return Items(kind, tuple(items[:60]))
