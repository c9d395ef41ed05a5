"""Small random programs of compound decisions in every position, each run many times: deterministic by seed.

``python -m tests.mcdc_programs SEED`` prints one.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

PRELUDE = """\
STATE = {seed}


def rnd(k):
    global STATE
    STATE = (STATE * 1103515245 + 12345) & 0x7fffffff
    return (STATE >> 16) % k


class Odd(Exception):
    pass


class Truth:
    def __init__(self, how):
        self.how = how

    def __bool__(self):
        return (False, True)[self.how]  # no branch: how often a value is tested is the compiler's matter


def v():
    return (0, 1, None, "x", [], True, False, True, False, {truths})[rnd(11)]


def n():
    return rnd(4)


def boom():
    if rnd(9) == 0:
        raise Odd("boom")
    return rnd(2) == 0


DEPTH = 0


def again(function, *arguments):
    global DEPTH
    if DEPTH > 2:
        return n()
    DEPTH += 1
    try:
        return function(*arguments)
    finally:
        DEPTH -= 1


class Step:
    def __await__(self):
        got = yield
        return rnd(2) == 0


async def later():
    await Step()
    return v()


class Several:
    def __init__(self, count):
        self.count = count

    def __aiter__(self):
        return self

    async def __anext__(self):
        await Step()
        self.count -= 1
        if self.count < 0:
            raise StopAsyncIteration
        return v()


def drive(coroutine):
    try:
        for turn in range(30):
            coroutine.send(None)
        coroutine.close()
    except StopIteration as stop:
        return stop.value


def attempt(function):
    for turn in range({turns}):
        try:
            result = function(v(), v(), v(), n())
            if hasattr(result, "__next__"):
                found = []
                for item in result:
                    found.append(item)
                    if len(found) > 6:
                        break
                result = len(found)
            elif hasattr(result, "send"):
                result = drive(result)
            print(function.__name__, type(result).__name__, result if isinstance(result, (bool, int)) else "")
        except (Odd, AssertionError, IndexError, TypeError) as error:
            print(function.__name__, type(error).__name__)
"""


class Programs:
    """Writes one program."""

    def __init__(self, seed: int, version: tuple[int, ...] = sys.version_info[:2]):
        self.random = random.Random(seed)
        self.seed, self.version = seed, version
        self.lines: list[str] = []
        self.kind = "def"
        self.walrus = True
        self.inner = False

    def pick(self, *options: str) -> str:
        return self.random.choice(options)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    # --- expressions

    def leaf(self, depth: int) -> str:
        plain = [
            "p",
            "q",
            "r",
            "p",
            "q",
            "s > 1",
            "n() > 1",
            "p is None",
            "q is not None",
            "boom()",
            "v()",
            "s in (1, 2)",
        ]
        plain += ["not p", "not q", "n() == s", "len([p, q]) == s"]
        if depth < 4 and self.chance(25):
            return self.special(depth + 1)
        if self.chance(5):
            return self.pick("True", "0", "None", "'x'")
        text = self.pick(*plain)
        if self.kind == "async" and not self.inner and self.chance(12):
            text = self.pick("(await later())", "(await Step())")
        if self.kind == "generator" and not self.inner and self.chance(12):
            text = "(yield p)"
        return text

    def special(self, depth: int) -> str:
        """A condition with decisions of its own inside."""
        makers: list[Callable[[int], str]] = [
            lambda d: f"({self.leaf(d)} if {self.test(d)} else {self.test(d)})",
            lambda d: f"len([{self.test(d)}, {self.leaf(d)}]) > s",
            lambda d: f"(lambda p=p: {self.isolated(d)})()",
            lambda d: f"[z for z in [p, q, s] if {self.isolated(d)}]",
            lambda d: f"{self.pick('any', 'all')}({self.isolated(d)} for z in [p, q])",
            lambda d: f"{{z: s for z in (1, 2) if {self.isolated(d)}}}",
            lambda d: f"[p, q][1 if {self.test(d)} else 0]",
            lambda d: f"(s if {self.test(d)} else n()) > 1",
            self.formatted,
        ]
        if self.walrus:
            makers.append(lambda d: f"(w := {self.test(d)})")
        if self.kind == "async" and not self.inner:
            makers.append(lambda d: f"len([z async for z in Several(2) if {self.isolated(d)}]) > s")
        return self.random.choice(makers)(depth)

    def formatted(self, depth: int) -> str:
        """In an f-string, where it may have quotes (3.12)."""
        text = self.test(depth)
        return f"f'{{ {text} }}' == 'True'" if self.version >= (3, 12) else f"str({text}) == 'True'"

    def isolated(self, depth: int) -> str:
        """An expression in a scope of its own."""
        before = self.walrus, self.inner
        self.walrus, self.inner = False, True
        text = self.test(depth)
        self.walrus, self.inner = before
        return text

    def test(self, depth: int = 0) -> str:
        """A decision, mostly."""
        if depth > 3 or self.chance(12 * depth):
            return self.leaf(depth)
        operator = self.pick(" and ", " or ")
        parts = []
        for _ in range(self.random.choice((2, 2, 2, 3, 4))):
            roll = self.random.randrange(10)
            if roll < 4:
                parts.append(f"({self.test(depth + 1)})")
            elif roll < 5:
                parts.append(f"not ({self.test(depth + 1)})")
            elif roll < 6:
                parts.append(self.chain(depth))
            else:
                parts.append(self.leaf(depth))
        text = operator.join(parts)
        return f"not ({text})" if self.chance(10) else text

    def chain(self, depth: int) -> str:
        parts = [self.pick("n()", "s", "2", "rnd(3)") for _ in range(self.random.choice((3, 3, 4)))]
        operators = [self.pick("<", "<=", "==", "!=", "is not") for _ in parts[1:]]
        text = parts[0] + "".join(f" {op} {part}" for op, part in zip(operators, parts[1:], strict=True))
        return f"({text})"

    # --- functions

    def write(self) -> str:
        bodies = [
            self.if_, self.while_, self.return_, self.assigned, self.assert_, self.guard, self.filters, self.recursive,
            self.finally_, self.one_line, self.arguments, self.class_body, self.conditional,
        ]  # fmt: skip
        names = []
        for number in range(2):
            self.kind = self.pick("def", "def", "generator", "async")
            prefix = "async def" if self.kind == "async" else "def"
            self.lines += [f"{prefix} f{number}(p, q, r, s):", "    w = None"]
            self.name = f"f{number}"
            for _ in range(self.random.choice((1, 2))):
                self.lines += [f"    {line}" for line in self.random.choice(bodies)()]
            if self.kind == "generator":
                self.lines.append("    yield s")
            self.lines.append("")
            names.append(f"f{number}")
        self.kind = "def"
        text = self.test()
        self.lines += ["p, q, r, s = v(), v(), v(), n()", "try:", f"    print(bool({text}))"]
        self.lines += ["except (Odd, IndexError, TypeError):", "    pass"]
        self.lines += [f"attempt({name})" for name in names]
        # 3.14 can lose the handler of a truth test between two operators (3.15 does not).
        truths = "Truth(1), Truth(0)" if self.version == (3, 14) else "Truth(rnd(2)), Truth(rnd(3))"
        head = PRELUDE.format(seed=self.seed % 65521, turns=self.random.choice((4, 8)), truths=truths)
        return head + "\n" + "\n".join(self.lines) + "\n"

    def if_(self) -> list[str]:
        lines = [f"if {self.test()}:", "    s += 1"]
        if self.chance(40):
            lines += [f"elif {self.test()}:", "    s += 2"]
        return lines + (["else:", "    s = 0"] if self.chance(50) else [])

    def while_(self) -> list[str]:
        return [f"while s < 9 and ({self.test()}):", "    s += 1"] + (["else:", "    s = 1"] if self.chance(30) else [])

    def return_(self) -> list[str]:
        word = "yield" if self.kind == "generator" else "return"
        return [f"if n() == 0:\n        {word} {self.test()}"]

    def assigned(self) -> list[str]:
        return [f"q = {self.test()}", f"s += bool({self.test(1)})"]

    def assert_(self) -> list[str]:
        return [f"assert {self.test()}" + (f", {self.leaf(2)}" if self.chance(30) else "")]

    def guard(self) -> list[str]:
        return [
            "match s:",
            f"    case 1 | 2 if {self.test()}:",
            "        s = 3",
            f"    case _ if {self.test(1)}:",
            "        s = 0",
        ]

    def filters(self) -> list[str]:
        opening, closing, element = self.random.choice([("[", "]", "z"), ("{", "}", "str(z)"), ("sum(", ")", "z")])
        return [f"p = {opening}{element} for z in range(3) if {self.isolated(0)}{closing}"]

    def recursive(self) -> list[str]:
        if self.kind != "def":
            return self.if_()
        return [
            f"if s > 0 and (again({self.name}, q, p, r, s - 1) or {self.leaf(2)}) and ({self.test(1)}):",
            "    s = 1",
        ]

    def finally_(self) -> list[str]:
        return ["try:", f"    s = 1 if {self.test()} else 2", "finally:", f"    r = {self.test(1)}"]

    def one_line(self) -> list[str]:
        return [f"if {self.test()}: pass", f"r = 1 if {self.test()} else 1"]

    def arguments(self) -> list[str]:
        return [f"print(bool({self.test(1)}), *([{self.leaf(2)} is None] if {self.test()} else []), sep='')"]

    def class_body(self) -> list[str]:
        before, self.walrus, self.inner = (self.walrus, self.inner), False, True
        lines = ["class C:", f"    x = {self.test()}", "    if x:", "        y = 1"]
        self.walrus, self.inner = before
        return lines

    def conditional(self) -> list[str]:
        return [f"r = ({self.test(1)}) if {self.test()} else ({self.test(1)})"]


def program(seed: int) -> str:
    """The program of a seed."""
    return Programs(seed).write()


if __name__ == "__main__":
    print(program(int(sys.argv[1])))
