"""Random programs whose objects have odd truths and comparisons: ``python -m tests.odd_programs SEED`` prints one.

A truth that is tested once more than plainly, or that a tool asks for by itself, changes all that comes after it.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from tests.programs import Program, Where

ODD_PRELUDE = """

ASKED = ORDER = 0


def asked():
    global ASKED, ORDER
    ASKED += 1
    ORDER = (ORDER * 31 + STATE) % 1000003
    return ASKED


class Shown:
    def __repr__(self):
        return type(self).__name__


class Turning(Shown):
    "Its truth is another one each time."

    def __bool__(self):
        return (asked() + rnd(2)) % 2 == 0


class Fading(Shown):
    "True at first."

    def __init__(self):
        self.left = rnd(3)

    def __bool__(self):
        asked()
        self.left -= 1
        return self.left > 0


class Raising(Shown):
    "Has no truth now and then."

    def __bool__(self):
        if asked() % 7 == 0:
            raise Odd("no truth")
        return rnd(2) == 0


class Wrong(Shown):
    "Its truth is no bool."

    def __bool__(self):
        asked()
        return (True, False, True, False, 1)[rnd(5)]


class Length(Shown):
    "Its truth is its length, which changes."

    def __len__(self):
        return asked() % 2


class Number(int):
    "A number with a truth of its own."

    def __bool__(self):
        return asked() % 3 > 0


class Array(Shown):
    "Compares to arrays; has no truth but with one item."

    def __init__(self, *items):
        self.items = items or (rnd(2), *([rnd(2)] if rnd(4) == 0 else []))

    def __bool__(self):
        asked()
        if len(self.items) != 1:
            raise ValueError("the truth of an array is ambiguous")
        return bool(self.items[0])

    def compare(self, other):
        return Array(*self.items[: 2 if rnd(5) == 0 else 1])

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = compare
    __hash__ = None


class Says(Shown):
    "Compares to whatever comes."

    def answer(self, other):
        answers = None, "", "no", 0, 1, 2.5, [], True, False, NotImplemented, Turning(), Array(), Raising()
        return answers[rnd(len(answers))]

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = answer
    __hash__ = None


def o():
    return (Turning, Turning, Fading, Raising, Wrong, Length, Number, Array, Says)[rnd(9)]()


turns, says = Turning(), Says()
"""


class OddProgram(Program):
    """Writes one program."""

    def atom(self, w: Where) -> str:
        if self.chance(45):
            return str(self.pick("o()", "o()", "o()", "Turning()", "Array()", "Says()", "Raising()", "turns", "says"))
        return super().atom(w)

    def chain(self, w: Where) -> str:
        operands = "n()", "Says()", "Says()", "Array()", "o()", "1", "says"
        parts = [str(self.pick(*operands)) for _ in range(self.random.choice((2, 3, 3, 4)))]
        if self.chance(25):
            parts[-1] = self.expression(w)
        operators = [str(self.pick("<", "<=", "==", "!=", ">", "is", "is not")) for _ in parts[1:]]
        return f"({parts[0]}{''.join(f' {op} {part}' for op, part in zip(operators, parts[1:], strict=True))})"

    def tested(self, w: Where) -> str:
        if self.chance(50):
            return super().tested(w)
        odd = self.pick("== says", "< Says()", "in Says()", "not in says", "!= Array()", ">= 1")
        return f"({self.expression(w)} {odd})"

    def simple(self, indent: int, w: Where) -> None:
        if self.chance(20):
            shallow = replace(w, depth=min(w.depth, 2))
            self.line(indent, f"print(ASKED, type({self.expression(shallow)}).__name__)")
        else:
            super().simple(indent, w)

    def prelude(self) -> str:
        return super().prelude() + ODD_PRELUDE


def odd_program(seed: int, version: tuple[int, ...] = sys.version_info[:2]) -> str:
    """The program of a seed for a Python version."""
    return OddProgram(seed, version).write()


if __name__ == "__main__":
    print(odd_program(int(sys.argv[1])))
