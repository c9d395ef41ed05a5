"""Sixty-five small functions, and for each the calls that were seen: each of them leaves outcomes uncovered.

Written before the search was, and not changed to suit it. ``CALLS``: what a reader of the function would have tried.
"""

# ruff: noqa: B905, PLR0124, PLR1714, RUF007, SIM102, SIM103, SIM109
from __future__ import annotations

import datetime
import re
import struct
from collections import Counter, namedtuple
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum, Flag, IntEnum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Literal, NamedTuple, TypedDict

# --- numbers


def leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def grade(points: int) -> str:
    if not 0 <= points <= 100:
        raise ValueError(points)
    return "A" if points >= 90 else "B" if points >= 80 else "C" if 70 <= points < 80 else "F"


def secret(number: int) -> bool:
    if number * 3 + 7 == 370_381:
        return True
    return False


def triangle(a: int, b: int, c: int) -> str:
    if a + b <= c or a + c <= b or b + c <= a:
        return "none"
    if a == b == c:
        return "equilateral"
    if a * a + b * b == c * c:
        return "right"
    return "isosceles" if a == b or b == c or a == c else "scalene"


def whole_root(n: int) -> int:
    root = 0
    while (root + 1) * (root + 1) <= n:
        root += 1
    return root if root * root == n else -1


def collatz(n: int, limit: int = 60) -> int:
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
        if steps > limit:
            return -1
    if steps == 27:
        return 0
    return steps


def quadratic(a: float, b: float, c: float) -> tuple[float, ...]:
    if a == 0:
        return () if b == 0 else (-c / b,)
    inner = b * b - 4 * a * c
    if inner < 0:
        return ()
    if inner == 0:
        return (-b / (2 * a),)
    return ((-b - inner**0.5) / (2 * a), (-b + inner**0.5) / (2 * a))


def clamp_angle(angle: float) -> float:
    if angle != angle:
        return 0.0
    if angle in (float("inf"), float("-inf")):
        raise ValueError("not finite")
    while angle >= 360.0:
        angle -= 360.0
    return angle if angle >= 0 else angle + 360.0


def bits(flags: int) -> list[str]:
    found = []
    if flags & 0x10:
        found.append("read")
    if flags & 0x20 and not flags & 0x400:
        found.append("write")
    if flags >> 12 == 5:
        found.append("special")
    return found


def digits_equal_sum(n: int) -> str:
    total = sum(int(d) for d in str(abs(n)))
    if n < 0:
        return "negative"
    if total == 30:
        return "thirty"
    return "even" if total % 2 == 0 else "odd"


def tax(income: float, married: bool = False, children: int = 0) -> float:
    allowance = 9000 * (2 if married else 1) + 2500 * children
    rest = income - allowance
    if rest <= 0:
        return 0.0
    if rest < 15_000:
        return rest * 0.14
    if rest < 62_810 or (married and rest < 125_620):
        return rest * 0.31
    return rest * 0.42


def gcd_class(a: int, b: int) -> str:
    while b:
        a, b = b, a % b
    if a == 1:
        return "coprime"
    return "big" if a > 50 else "common"


def near_pi(x: float) -> bool:
    return abs(x - 3.14159) < 0.0001


# --- strings


def command(line: str) -> int:
    if line.startswith("quit"):
        return 0
    if line.strip().lower() == "help":
        return 1
    return 2 if ":" in line else 3


def parse_int(text):
    try:
        return int(text)
    except ValueError:
        return None
    except TypeError:
        return -1


def luhn(number: str) -> bool:
    total = 0
    for i, char in enumerate(reversed(number)):
        digit = int(char)
        if i % 2:
            digit *= 2
            if digit > 9:
                digit -= 9
        total += digit
    return total % 10 == 0


def version(text: str) -> tuple[int, int] | None:
    match = re.match(r"v(\d+)\.(\d+)$", text)
    if match is None:
        return None
    major, minor = int(match[1]), int(match[2])
    if major == 0 and minor == 0:
        raise ValueError("no version")
    return major, minor


def is_palindrome(text: str) -> bool:
    letters = [char.lower() for char in text if char.isalnum()]
    if len(letters) < 3:
        return False
    return letters == letters[::-1]


def password(text: str) -> str:
    if len(text) < 8:
        return "short"
    if not any(char.isdigit() for char in text):
        return "no digit"
    if not any(char.isupper() for char in text):
        return "no capital"
    if text.isalnum():
        return "no sign"
    return "good"


def roman(text: str) -> int:
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
    total = 0
    for this, following in zip(text, text[1:] + " "):
        if this not in values:
            raise ValueError(this)
        if following in values and values[following] > values[this]:
            total -= values[this]
        else:
            total += values[this]
    return total


def camel(name: str, upper: bool = False) -> str:
    parts = name.split("_")
    if not all(parts):
        return name
    if len(parts) == 1:
        return name.capitalize() if upper else name
    first = parts[0].capitalize() if upper else parts[0]
    return first + "".join(part.capitalize() for part in parts[1:])


def email(text: str) -> str:
    user, at, host = text.partition("@")
    if not at:
        return "no @"
    if not user or user.endswith("."):
        return "bad user"
    if "." not in host or host.startswith(".") or host.endswith("."):
        return "bad host"
    return "school" if host.rsplit(".", 1)[1] == "edu" else "ok"


def balanced(text: str) -> bool:
    pairs, stack = {")": "(", "]": "["}, []
    for char in text:
        if char in "([":
            stack.append(char)
        elif char in pairs:
            if not stack or stack.pop() != pairs[char]:
                return False
    return not stack


def run_length(text: str) -> str:
    found = ""
    i = 0
    while i < len(text):
        j = i
        while j < len(text) and text[j] == text[i]:
            j += 1
        found += text[i] if j - i == 1 else f"{text[i]}{j - i}" if j - i < 10 else f"{text[i]}+"
        i = j
    return found


def hex_colour(text: str) -> tuple[int, int, int] | None:
    if not text.startswith("#"):
        return None
    body = text[1:]
    if len(body) == 3:
        body = "".join(char * 2 for char in body)
    if len(body) != 6:
        return None
    try:
        red, green, blue = (int(body[i : i + 2], 16) for i in (0, 2, 4))
    except ValueError:
        return None
    if red == green == blue:
        return (red, red, red)
    return red, green, blue


# --- lists and other containers


def first_negative(numbers: list[int]) -> int | None:
    for number in numbers:
        if number < 0:
            return number
    return None


def is_sorted(items: list[int]) -> bool:
    return all(a <= b for a, b in zip(items, items[1:]))


def binary_search(items: list[int], wanted: int) -> int:
    low, high = 0, len(items) - 1
    while low <= high:
        middle = (low + high) // 2
        if items[middle] == wanted:
            return middle
        if items[middle] < wanted:
            low = middle + 1
        else:
            high = middle - 1
    return -1


def majority(votes: list[str]) -> str | None:
    if not votes:
        return None
    name, count = Counter(votes).most_common(1)[0]
    if count * 2 > len(votes):
        return name
    return "tie" if len(set(votes)) == 2 else None


def merge_ranges(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if end < start:
            raise ValueError("backwards")
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def matrix_kind(rows: list[list[int]]) -> str:
    if any(len(row) != len(rows) for row in rows):
        return "not square"
    if not rows:
        return "empty"
    if all(rows[i][j] == rows[j][i] for i in range(len(rows)) for j in range(i)):
        return "symmetric"
    return "singular" if len(rows) == 2 and rows[0][0] * rows[1][1] == rows[0][1] * rows[1][0] else "plain"


def depth(tree) -> int:
    if not isinstance(tree, list):
        return 0
    if not tree:
        return 1
    return 1 + max(depth(each) for each in tree)


def common(left: set[int], right: set[int]) -> str:
    if left <= right:
        return "equal" if left == right else "inside"
    return "apart" if left.isdisjoint(right) else "overlap"


def windows(items: tuple[int, ...], size: int) -> list[int]:
    if size <= 0:
        raise ValueError("size")
    if size > len(items):
        return []
    sums = [sum(items[i : i + size]) for i in range(len(items) - size + 1)]
    return [each for each in sums if each % 7 == 0] or sums


# --- dictionaries


class User(TypedDict, total=False):
    name: str
    age: int
    roles: list[str]


def access(user: User) -> str:
    if "name" not in user:
        return "unknown"
    if user.get("age", 0) < 18:
        return "minor"
    if "admin" in user.get("roles", []):
        return "all"
    return "read"


def route(message):
    match message:
        case {"kind": "circle", "r": r} if r > 0:
            return 3.14 * r * r
        case {"kind": "square", "side": int(side)}:
            return side * side
        case [x, y]:
            return abs(x - y)
        case str():
            return 0
        case _:
            return None


def settings(config: dict[str, object]) -> str:
    mode = config.get("mode", "fast")
    if mode not in ("fast", "slow", "exact"):
        raise KeyError(mode)
    if mode == "exact" and "precision" in config:
        return "precise"
    retries = config.get("retries")
    if isinstance(retries, int) and retries > 3:
        return "patient"
    return "plain"


def flatten(data: dict, prefix: str = "") -> dict:
    found = {}
    for key, value in data.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, dict) and value:
            found.update(flatten(value, name))
        elif value is None:
            continue
        else:
            found[name] = value
    return found


def price(order: dict[str, int], coupon: str | None = None) -> float:
    total = sum({"tea": 3, "cake": 5}.get(item, 10) * count for item, count in order.items())
    if coupon == "HALF" and total > 100:
        return total / 2
    if coupon is not None and coupon.startswith("MINUS") and coupon[5:].isdigit():
        return max(0, total - int(coupon[5:]))
    return total


# --- dates


def weekend(day: date) -> bool:
    return day.weekday() >= 5


def quarter_end(day: date) -> bool:
    if day.month % 3:
        return False
    return (day + timedelta(days=1)).month != day.month


def age_group(born: date, today: date) -> str:
    if born > today:
        raise ValueError("not born")
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if years < 1:
        return "baby"
    return "minor" if years < 18 else "adult" if years < 65 else "senior"


def due(iso: str) -> str:
    try:
        day = datetime.date.fromisoformat(iso)
    except ValueError:
        return "no date"
    if day.month == 2 and day.day == 29:
        return "leap day"
    return "past" if day < datetime.date(2020, 1, 1) else "open"


def shift(start: datetime.time, length: timedelta) -> str:
    if length <= timedelta(0):
        return "none"
    if length > timedelta(hours=10):
        return "too long"
    return "night" if start.hour >= 22 or start.hour < 6 else "day"


# --- enums, dataclasses, classes


class Colour(Enum):
    RED = "r"
    GREEN = "g"
    BLUE = "b"


class Level(IntEnum):
    LOW = 1
    HIGH = 5
    TOP = 9


class Right(Flag):
    READ = 1
    WRITE = 2
    RUN = 4


def mix(one: Colour, other: Colour) -> str:
    if one is other:
        return one.name.lower()
    if {one, other} == {Colour.RED, Colour.GREEN}:
        return "yellow"
    return "purple" if Colour.GREEN not in (one, other) else "cyan"


def alarm(level: Level, muted: bool) -> bool:
    return level >= Level.HIGH and (not muted or level is Level.TOP)


def may(rights: Right, action: Literal["open", "save", "start"]) -> bool:
    if action == "open":
        return Right.READ in rights
    if action == "save":
        return Right.READ in rights and Right.WRITE in rights
    return bool(rights & Right.RUN)


@dataclass
class Point:
    x: int
    y: int


@dataclass(frozen=True)
class Order:
    items: list[str]
    paid: bool = False
    express: bool = False
    discount: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)


def quadrant(point: Point) -> int:
    if point.x == 0 or point.y == 0:
        return 0
    if point.x > 0:
        return 1 if point.y > 0 else 4
    return 2 if point.y > 0 else 3


def status(order: Order) -> str:
    if not order.items:
        return "empty"
    if order.discount > 0.5 and not order.paid:
        return "check"
    if order.express and order.tags.get("to") == "island":
        return "boat"
    return "sent" if order.paid else "open"


def segment(a: Point, b: Point) -> str:
    match (a, b):
        case (Point(x=0, y=0), Point(x=0, y=0)):
            return "origin"
        case (Point(x=x1), Point(x=x2)) if x1 == x2:
            return "vertical"
        case (Point(y=y1), Point(y=y2)) if y1 == y2:
            return "horizontal"
    return "sloped"


class Account:
    def __init__(self, balance: int, limit: int = 0):
        self.balance, self.limit, self.frozen = balance, limit, False

    def draw(self, amount: int) -> bool:
        if amount <= 0:
            raise ValueError("amount")
        if self.frozen or self.balance - amount < -self.limit:
            return False
        self.balance -= amount
        if self.balance < 0 and self.limit == 500:
            self.frozen = True
        return True


class Version(NamedTuple):
    major: int
    minor: int = 0
    label: str = ""


def newer(one: Version, other: Version) -> bool:
    if one.label != other.label:
        return bool(one.label) < bool(other.label)
    if one.major == other.major:
        return one.minor > other.minor
    return one.major > other.major


Pair = namedtuple("Pair", "left right")


def compare_pair(pair: Pair) -> int:
    if pair.left is None or pair.right is None:
        return 0
    return (pair.left > pair.right) - (pair.left < pair.right) if pair.left != pair.right else 9


# --- parsers, bytes, recursion, others


def tokens(text: str) -> list[str]:
    found, i = [], 0
    while i < len(text):
        char = text[i]
        if char.isspace():
            i += 1
        elif char.isdigit():
            j = i
            while j < len(text) and (text[j].isdigit() or text[j] == "."):
                j += 1
            found.append(text[i:j])
            i = j
        elif char == "*" and text[i : i + 2] == "**":
            found.append("**")
            i += 2
        elif char in "+-*/()":
            found.append(char)
            i += 1
        else:
            raise SyntaxError(char)
    return found


def evaluate(expression: str) -> int:
    parts = tokens(expression)

    def term() -> int:
        token = parts.pop(0)
        if token == "(":
            value = total()
            if not parts or parts.pop(0) != ")":
                raise SyntaxError("open")
            return value
        return -term() if token == "-" else int(token)

    def total() -> int:
        value = term()
        while parts and parts[0] in ("+", "-"):
            value = value + term() if parts.pop(0) == "+" else value - term()
        return value

    result = total()
    if parts:
        raise SyntaxError(parts[0])
    return result


def key_value(line: str) -> tuple[str, object] | None:
    line = line.split("#", maxsplit=1)[0].strip()
    if not line:
        return None
    key, equals, value = line.partition("=")
    if not equals:
        return key, True
    value = value.strip()
    if value[:1] == value[-1:] == '"' and len(value) >= 2:
        return key.strip(), value[1:-1]
    return key.strip(), {"true": True, "false": False}.get(value, value)


def image_type(data: bytes) -> str:
    if len(data) < 8:
        return "short"
    if data[:4] == b"\x89PNG":
        return "png"
    if data.startswith(b"GIF8") and data[4] in b"79":
        return "gif"
    (size,) = struct.unpack(">I", data[4:8])
    return "big" if size > 1_000_000 else "other"


def utf8_length(first: int) -> int:
    if first < 0x80:
        return 1
    if first >> 5 == 0b110:
        return 2
    if first >> 4 == 0b1110:
        return 3
    return 4 if first >> 3 == 0b11110 else 0


def fibonacci(n: int) -> int:
    if n < 0:
        raise ValueError(n)
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def decimal_kind(text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return "no number"
    if not number.is_finite():
        return "nan" if number.is_nan() else "infinite"
    return "whole" if number == number.to_integral_value() else "fraction"


def ratio(value: Fraction) -> str:
    if value.denominator == 1:
        return "whole"
    return "proper" if -1 < value < 1 else "mixed"


def file_kind(path: PurePosixPath) -> str:
    if path.is_absolute() and ".." in path.parts:
        return "odd"
    if path.suffix in (".tar", ".gz"):
        return "archive"
    return "hidden" if path.name.startswith(".") else "plain"


def phone(text: str) -> str | None:
    match = re.fullmatch(r"(?:\+(?P<country>\d{1,3}) )?(?P<area>\d{2,4})-(?P<number>\d{4,8})", text)
    if not match:
        return None
    if match["country"] == "49":
        return "home"
    return "long" if len(match["number"]) > 6 else "short"


def first_line(text: str, *, skip: int = 0, strip: bool = True) -> str:
    lines = text.splitlines()
    if skip >= len(lines):
        return ""
    line = lines[skip]
    return line.strip() if strip and line != line.strip() else line


def apply_all(start: int, *steps: tuple[str, int]) -> int:
    for name, number in steps:
        if name == "add":
            start += number
        elif name == "mul":
            start *= number
        elif name == "mod" and number != 0:
            start %= number
        else:
            raise ValueError(name)
    return start


#: The calls that were seen, as text.
CALLS = {
    "leap": ["leap(2023)"],
    "grade": ["grade(95)"],
    "secret": ["secret(5)"],
    "triangle": ["triangle(3, 4, 6)"],
    "whole_root": ["whole_root(16)"],
    "collatz": ["collatz(6)"],
    "quadratic": ["quadratic(1.0, 5.0, 6.0)"],
    "clamp_angle": ["clamp_angle(90.0)"],
    "bits": ["bits(16)"],
    "digits_equal_sum": ["digits_equal_sum(12)"],
    "tax": ["tax(20000.0)"],
    "gcd_class": ["gcd_class(12, 18)"],
    "near_pi": ["near_pi(1.0)"],
    "command": ['command("list")'],
    "parse_int": ['parse_int("12")'],
    "luhn": ['luhn("18")'],
    "version": ['version("v1.2")'],
    "is_palindrome": ['is_palindrome("Hello")'],
    "password": ['password("secret")'],
    "roman": ['roman("VI")'],
    "camel": ['camel("some_name")'],
    "email": ['email("ann@example.com")'],
    "balanced": ['balanced("(a)")'],
    "run_length": ['run_length("abc")'],
    "hex_colour": ['hex_colour("#102030")'],
    "first_negative": ["first_negative([1, 2])"],
    "is_sorted": ["is_sorted([1, 2, 3])"],
    "binary_search": ["binary_search([1, 3, 5, 7], 3)"],
    "majority": ['majority(["a", "a", "b"])'],
    "merge_ranges": ["merge_ranges([(1, 2), (5, 6)])"],
    "matrix_kind": ["matrix_kind([[1, 2], [3, 4]])"],
    "depth": ["depth([1, [2]])"],
    "common": ["common({1, 2}, {2, 3})"],
    "windows": ["windows((1, 2, 3), 2)"],
    "access": ['access({"name": "ann", "age": 30})'],
    "route": ['route({"kind": "circle", "r": 1})'],
    "settings": ['settings({"mode": "fast"})'],
    "flatten": ['flatten({"a": 1})'],
    "price": ['price({"tea": 2})'],
    "weekend": ["weekend(date(2026, 11, 25))"],
    "quarter_end": ["quarter_end(date(2026, 1, 15))"],
    "age_group": ["age_group(date(1990, 5, 1), date(2026, 11, 27))"],
    "due": ['due("2026-11-27")'],
    "shift": ["shift(datetime.time(9, 0), timedelta(hours=8))"],
    "mix": ["mix(Colour.RED, Colour.BLUE)"],
    "alarm": ["alarm(Level.LOW, False)"],
    "may": ['may(Right.READ, "open")'],
    "quadrant": ["quadrant(Point(1, 2))"],
    "status": ['status(Order(["book"], paid=True))'],
    "segment": ["segment(Point(1, 2), Point(3, 4))"],
    "Account.draw": ["Account(100).draw(30)"],
    "newer": ["newer(Version(1, 2), Version(1, 1))"],
    "compare_pair": ["compare_pair(Pair(1, 2))"],
    "tokens": ['tokens("1 + 2")'],
    "evaluate": ['evaluate("1 + 2")'],
    "key_value": ['key_value("a = 1")'],
    "image_type": ['image_type(b"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01")'],
    "utf8_length": ["utf8_length(65)"],
    "fibonacci": ["fibonacci(3)"],
    "decimal_kind": ['decimal_kind("1.5")'],
    "ratio": ["ratio(Fraction(1, 2))"],
    "file_kind": ['file_kind(PurePosixPath("a/b.txt"))'],
    "phone": ['phone("030-12345")'],
    "first_line": ['first_line("one\\ntwo")'],
    "apply_all": ['apply_all(1, ("add", 2))'],
}
