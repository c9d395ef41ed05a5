"""Random programs, dense with branches: deterministic by seed, terminating, printing what they do.

``python -m tests.programs SEED`` prints one.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

PRELUDE = """\
import sys

STATE, FUEL = {seed}, 900


def rnd(k):
    global STATE
    STATE = (STATE * 1103515245 + 12345) & 0x7fffffff
    return (STATE >> 16) % k


def more():
    global FUEL
    FUEL -= 1
    return FUEL > 0


class Odd(Exception):
    pass


class V:
    __match_args__ = ("x", "y")

    def __init__(self, x=0, y=0):
        self.x, self.y = x, y

    def __bool__(self):
        # No branch: how often a value is tested is the compiler's matter.
        return (False, True, False, True, False, True, {last})[self.x % 9]

    def __lt__(self, other):
        return V(self.x + 1)

    def __eq__(self, other):
        return V(self.x) if rnd(2) else NotImplemented

    __hash__ = None

    def __repr__(self):
        return f"V{{self.x}}"


def b():
    return (0, 1, None, "", "x", [], [0], V(rnd(9)), 2.5, ())[rnd(10)]


def n():
    return rnd(5)


def fail():
    raise (KeyError, ValueError, Odd, IndexError)[rnd(4)](rnd(3))


def maybe():
    return fail() if rnd(3) == 0 else rnd(2)


class M:
    def __init__(self, how=0):
        self.how = how

    def __enter__(self):
        return self.how

    def __exit__(self, *error):
        return (None, True, 0, V(1), V(2))[self.how % 5]

    async def __aenter__(self):
        await Step()
        return self.how

    async def __aexit__(self, *error):
        await Step()
        return self.__exit__()


class Step:
    def __await__(self):
        yield
        return rnd(2)


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
        return b()


async def later(value):
    await Step()
    return value


def subject():
    mapping = {{"k": 1, "z": 2}}
    return (n(), "x", None, [n(), n()], [1, 2, 3], (b(),), {{"k": n()}}, mapping, V(n(), n()), 1.5, b"x")[rnd(11)]


def decorated(value):
    return lambda function: function


def drive(coroutine):
    try:
        while more():
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


def attempt(function, *arguments):
    try:
        result = function(*arguments)
        if hasattr(result, "send") and not hasattr(result, "__next__"):
            result = drive(result)
        elif hasattr(result, "__next__"):
            found = []
            for item in result:
                found.append(item)
                if not more() or len(found) > 9:
                    break
            result = found
        elif hasattr(result, "asend"):
            result = "asynchronous"
        print(function.__name__, type(result).__name__)
    except BaseException as error:
        print(function.__name__, type(error).__name__, error.args if not isinstance(error, BaseExceptionGroup) else "")
        where(error)


a, c, d, ö = b(), b(), b(), b()
"""


@dataclass(frozen=True)
class Where:
    """What may stand here."""

    depth: int = 0
    loop: bool = False
    function: bool = False
    generator: bool = False
    coroutine: bool = False
    jumps: bool = True
    walrus: bool = True
    strings: bool = True
    comprehension: bool = False

    def deeper(self, **changes: bool) -> Where:
        return replace(self, depth=self.depth + 1, **changes)


class Program:
    """Writes one program."""

    def __init__(self, seed: int, version: tuple[int, ...]):
        self.random = random.Random(seed)
        self.seed, self.version = seed, version
        self.lines: list[str] = []
        self.names = ["a", "c", "d", "ö"]
        self.made = 0

    # --- choosing

    def pick(self, *options: object) -> object:
        return self.random.choice(options)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def new(self, prefix: str) -> str:
        self.made += 1
        return f"{prefix}{self.made}"

    # --- expressions

    def atom(self, w: Where) -> str:
        choices = ["b()", "b()", "n()", self.random.choice(self.names), self.random.choice(self.names), "maybe()"]
        choices += ["V(n())", "[]", "[b()]", "0", "1", "None", "True", "more()"]
        if w.strings:
            choices += ["'é'", '"名前"']
        if w.coroutine and not w.comprehension:
            choices += ["await later(b())", "await Step()"]
        if w.generator and not w.comprehension:
            choices += ["(yield b())"]
        return self.random.choice(choices)

    def expression(self, w: Where) -> str:
        """A value. Its outermost operator is in parentheses."""
        if w.depth > 4 or self.chance(12 * w.depth):
            return self.atom(w)
        makers: list[Callable[[Where], str]] = [
            *([self.boolean] * 6), *([self.negated] * 2), *([self.conditional] * 3), *([self.chain] * 2),
            self.tested, self.comprehension, self.call, self.function, self.subscript, self.formatted, self.inlined,
        ]  # fmt: skip
        if w.walrus:
            makers.append(self.named)
        return self.random.choice(makers)(w.deeper())

    def boolean(self, w: Where) -> str:
        operator = self.pick(" and ", " or ")
        if w.strings and self.chance(6):
            operator = f"\n            {str(operator).strip()} "
        parts = [self.expression(w) for _ in range(self.random.choice((2, 2, 2, 3, 4)))]
        if self.chance(8):
            parts[self.random.randrange(len(parts))] = str(self.pick("True", "0", "'x'" if w.strings else "1", "None"))
        return f"({str(operator).join(parts)})"

    def negated(self, w: Where) -> str:
        return f"(not {self.expression(w)})"

    def conditional(self, w: Where) -> str:
        return f"({self.expression(w)} if {self.condition(w)} else {self.expression(w)})"

    def chain(self, w: Where) -> str:
        parts = [str(self.pick("n()", "n()", "rnd(3)", "V(n())", "2")) for _ in range(self.random.choice((2, 3, 3, 4)))]
        if self.chance(25):
            parts[-1] = self.expression(w)
        return (
            "("
            + parts[0]
            + "".join(f" {self.pick('<', '<=', '==', '!=', 'is', 'is not')} {p}" for p in parts[1:])
            + ")"
        )

    def tested(self, w: Where) -> str:
        return f"({self.expression(w)} {self.pick('is None', 'is not None', 'in [1, None]', 'not in (0,)', '== 1')})"

    def call(self, w: Where) -> str:
        return f"len([{self.expression(w)}, *([{self.expression(w)}] if {self.condition(w)} else [])])"

    def function(self, w: Where) -> str:
        inner = w.deeper(coroutine=False, generator=False)
        if self.chance(50):
            return f"(lambda p={self.expression(w)}: {self.expression(inner)})()"
        return f"(lambda: {self.expression(inner)})()"

    def subscript(self, w: Where) -> str:
        return f"[{self.expression(w)}, {self.expression(w)}][1 if {self.condition(w)} else 0]"

    def formatted(self, w: Where) -> str:
        quote = "'" if w.strings else ""
        if not w.strings and self.version < (3, 12):
            return self.atom(w)
        quote = quote or "'"
        prefix = "t" if self.version >= (3, 14) and self.chance(20) else "f"
        inner = w.deeper(strings=self.version >= (3, 12))
        return f"{prefix}{quote}é{{ {self.expression(inner)} !s:>{{3 if {self.condition(inner)} else 5}}}}{quote}"

    def inlined(self, w: Where) -> str:
        inner = w.deeper(walrus=False, comprehension=True)
        element, test = self.expression(inner), self.condition(inner)
        return f"{self.pick('any', 'all', 'tuple', 'sorted')}({element} is None for z in [b(), 1] if {test})"

    def named(self, w: Where) -> str:
        name = self.random.choice(("w1", "w2", "w3"))
        return f"({name} := {self.expression(w)})"

    def comprehension(self, w: Where) -> str:
        opening, closing = self.random.choice(("[]", "[]", "()", "{}", "{}"))
        first = w.deeper(walrus=False, comprehension=w.comprehension or opening == "(")
        inner = w.deeper(walrus=False, comprehension=True)
        if w.coroutine and not w.comprehension and opening == "[" and self.chance(30):
            clauses = " async for q in Several(n())"
        else:
            clauses = f" for q in [{self.expression(first)}, b()][: n()]"
        if self.chance(40):
            clauses += f" if {self.condition(inner)}"
        if self.chance(25):
            clauses += f" for r in {self.pick('[q]', '(q, 1)', 'range(n())', '[b()]')}"
        if self.chance(30):
            clauses += f" if {self.condition(inner)}"
        element = self.expression(inner)
        if opening == "{":
            element = f"repr({element})" if self.chance(50) else f"repr({element}): {self.expression(inner)}"
        text = f"{opening}{element}{clauses}{closing}"
        return f"list{text}" if opening == "(" else text

    def condition(self, w: Where) -> str:
        """A test. Composite without parentheses now and then, as people write it."""
        text = self.expression(w)
        if text.startswith("(") and text.endswith(")") and "\n" not in text and self.chance(70) and _wraps(text):
            return text if any(word in text for word in (":=", "yield", " if ", "lambda")) else text[1:-1]
        return text

    # --- statements

    def line(self, indent: int, text: str) -> None:
        self.lines.append("    " * indent + text)

    def block(self, indent: int, w: Where, least: int = 1) -> None:
        for _ in range(self.random.randrange(least, 4)):
            self.statement(indent, w)

    def statement(self, indent: int, w: Where) -> None:
        if w.depth > 3 or len(self.lines) > 420:
            return self.simple(indent, w)
        makers = [
            *([self.simple] * 3), *([self.if_] * 5), self.while_, *([self.for_] * 2), *([self.try_] * 3),
            *([self.with_] * 2), *([self.match_] * 2), self.assert_, self.local_function, self.one_line,
        ]  # fmt: skip
        if self.chance(10):
            makers = [self.class_, self.try_star]
        self.random.choice(makers)(indent, w.deeper())
        return None

    def simple(self, indent: int, w: Where) -> None:
        shallow = replace(w, depth=min(w.depth, 2))
        options = [
            lambda: f"{self.random.choice(self.names)} = {self.expression(shallow)}",
            lambda: f"{self.random.choice(self.names)} = {self.expression(shallow)}",
            lambda: f"print({len(self.lines)}, {self.expression(shallow)} is None)",
            lambda: self.expression(shallow),
            lambda: f"maybe(); c = {self.expression(shallow)}",
            lambda: (
                f"k: {self.expression(replace(shallow, walrus=False, coroutine=False, generator=False))} = b()"
                if w.function
                else "pass"
            ),
        ]
        if w.jumps:
            if w.loop:
                options += [lambda: "break", lambda: "continue"]
            if w.function:
                value = lambda: "return" if w.generator and w.coroutine else f"return {self.expression(shallow)}"  # noqa: E731
                options.append(value)
            options.append(lambda: "raise Odd(1)" if self.chance(50) else "fail()")
        if w.generator:
            options += [lambda: f"yield {self.expression(shallow)}"] * 2
            if not w.coroutine:
                options.append(lambda: f"yield from [{self.expression(shallow)}]")
        self.line(indent, self.random.choice(options)())

    def if_(self, indent: int, w: Where) -> None:
        self.line(indent, f"if {self.condition(w)}:")
        self.block(indent + 1, w)
        while self.chance(25):
            self.line(indent, f"elif {self.condition(w)}:")
            self.block(indent + 1, w)
        if self.chance(40):
            self.line(indent, "else:")
            self.block(indent + 1, w)

    def one_line(self, indent: int, w: Where) -> None:
        same = self.random.choice(("pass", "c = 1", "d = b()"))
        self.line(indent, f"if {self.condition(w)}: {same}")
        if self.chance(50):
            self.line(indent, f"else: {same}")

    def while_(self, indent: int, w: Where) -> None:
        if self.chance(25):
            self.line(indent, f"while {self.pick('1', 'True', 'not 0')}:")
            self.line(indent + 1, f"if not more() or {self.condition(w)}:")
            self.line(indent + 2, "break")
        else:
            order = (self.condition(w), "more()") if self.chance(50) else ("more()", self.condition(w))
            parts = [f"({part})" if " if " in part or " or " in part or "lambda" in part else part for part in order]
            self.line(indent, f"while {' and '.join(parts)}:")
        self.block(indent + 1, replace(w, loop=True))
        if self.chance(30):
            self.line(indent, "else:")
            self.block(indent + 1, w)

    def for_(self, indent: int, w: Where) -> None:
        if w.coroutine and self.chance(40):
            self.line(indent, f"async for e in Several({self.pick('n()', '2', '0')}):")
        else:
            iterable = self.pick("range(n())", f"[{self.expression(w)}, b()]", "[b()] * n()", "(1, 2)")
            self.line(indent, f"for {self.pick('e', 'e', 'a', '(e)')} in {iterable}:")
        self.block(indent + 1, replace(w, loop=True))
        if self.chance(30):
            self.line(indent, "else:")
            self.block(indent + 1, w)

    def try_(self, indent: int, w: Where) -> None:
        self.line(indent, "try:")
        self.block(indent + 1, w)
        handlers = self.random.choice((0, 1, 1, 2, 3))
        for i in range(handlers):
            several = "KeyError, Odd" if self.version >= (3, 14) and self.chance(50) else "(KeyError, Odd)"
            kinds = ("KeyError", "ValueError", "Odd as error", several, "LookupError", "TypeError as error")
            last = i == handlers - 1 and self.chance(30)
            self.line(indent, "except:" if last else f"except {self.random.choice(kinds)}:")
            self.block(indent + 1, w)
        if handlers and self.chance(30):
            self.line(indent, "else:")
            self.block(indent + 1, w)
        if not handlers or self.chance(35):
            self.line(indent, "finally:")
            # Jumps there silence exceptions: rarely, for a program should come to its end.
            self.block(indent + 1, w if self.chance(15) else replace(w, jumps=False))

    def try_star(self, indent: int, w: Where) -> None:
        inner = replace(w, jumps=False, loop=False)
        self.line(indent, "try:")
        self.line(indent + 1, "raise ExceptionGroup('g', [KeyError(1), ValueError(2), Odd()][: 1 + rnd(3)])")
        for kind in self.random.sample(["KeyError", "ValueError", "(Odd, TypeError)", "LookupError"], 2):
            self.line(indent, f"except* {kind}:")
            self.block(indent + 1, inner)

    def with_(self, indent: int, w: Where) -> None:
        items = [f"M({self.expression(w) if self.chance(20) else 'n()'})" for _ in range(self.random.choice((1, 1, 2)))]
        items = [f"M(len(repr({item})))" if len(item) > 6 else item for item in items]
        if self.chance(40):
            items[-1] += " as e"
        text = ", ".join(items) if self.chance(70) else f"({', '.join(items)})"
        self.line(indent, f"{'async ' if w.coroutine and self.chance(50) else ''}with {text}:")
        self.block(indent + 1, w)

    def match_(self, indent: int, w: Where) -> None:
        self.line(indent, f"match {self.pick('subject()', 'subject()', 'b()', 'n()')}:")
        for i in range(self.random.randrange(1, 5)):
            pattern = self.pattern(0, i)
            guard = f" if {self.condition(w)}" if self.chance(35) else ""
            self.line(indent + 1, f"case {pattern}{guard}:")
            self.block(indent + 2, w)
        if self.chance(40):
            self.line(indent + 1, f"case {self.pick('_', 'rest')}:")
            self.block(indent + 2, w)

    def pattern(self, depth: int, number: int) -> str:
        """A pattern that can fail; names are unique in it."""
        simple = ["1", "2", "'x'", "None", "-1", "1.5", "int()", "str()", "sys.maxsize", "list()"]
        if depth > 2 or self.chance(30):
            return self.random.choice(simple)
        one, two = self.new("m"), self.new("m")
        inner = lambda: self.pattern(depth + 1, number) if self.chance(60) else self.random.choice(["_", self.new("m")])  # noqa: E731
        choices = [
            f"[{inner()}, {inner()}]",
            f"[{inner()}, *_]",
            f"[*{one}, {inner()}]",
            f"[{inner()}, *{one}, {inner()}]",
            "[*_]",
            f"({inner()},)",
            f'{{"k": {inner()}}}',
            f'{{"k": {inner()}, "z": {inner()}}}',
            f'{{"k": {inner()}, **{two}}}',
            "{}",
            f"V({inner()})",
            f"V({inner()}, {inner()})",
            f"V(x={inner()}, y={inner()})",
            f"int({one})",
            f"{self.random.choice(simple)} | {self.random.choice(simple)}",
            f"({self.random.choice(simple)} | [_, {self.random.choice(simple)}] | None)",
            f"{self.random.choice(simple)} as {one}",
        ]
        text = self.random.choice(choices)
        return f"({text})" if depth and (" | " in text or " as " in text) and not text.startswith("(") else text

    def assert_(self, indent: int, w: Where) -> None:
        message = f", {self.expression(w)}" if self.chance(30) else ""
        self.line(indent, f"assert {self.condition(w)}{message}")

    def local_function(self, indent: int, w: Where) -> None:
        name = self.new("f")
        asynchronous, generator = self.chance(25), self.chance(30)
        if self.chance(20):
            self.line(indent, f"@decorated({self.expression(w)})")
        parameters = f"p={self.expression(w)}" if self.chance(50) else ""
        if self.version >= (3, 12) and self.chance(15):
            parameters = f"[T]({parameters})"
        else:
            parameters = f"({parameters})"
        self.line(indent, f"{'async ' if asynchronous else ''}def {name}{parameters}:")
        if self.names_are_global(indent):
            self.line(indent + 1, "global a, c, d, ö")
        else:
            self.line(indent + 1, "a = c = d = ö = b()")
        inside = Where(depth=max(0, w.depth - 1), function=True, coroutine=asynchronous, generator=generator)
        self.block(indent + 1, inside, least=2)
        if generator:
            self.line(indent + 1, "yield 1")
        self.line(indent, f"attempt({name}), attempt({name}), attempt({name})")

    def names_are_global(self, indent: int) -> bool:
        return self.chance(40)

    def class_(self, indent: int, w: Where) -> None:
        name = self.new("C")
        inside = Where(depth=w.depth, walrus=False)
        self.line(indent, f"class {name}:")
        self.line(indent + 1, "a = c = d = ö = 1")
        self.line(indent + 1, f"x = {self.expression(inside)}")
        self.line(indent + 1, f"def method(self, p={self.expression(inside)}):")
        self.line(indent + 2, "a = c = d = ö = b()")
        self.line(indent + 2, f"self.__m = super().__init__() or {self.expression(replace(inside, function=True))}")
        self.block(indent + 2, Where(depth=w.depth, function=True))
        self.line(indent, f"attempt({name}().method), attempt({name}().method)")

    def write(self) -> str:
        """The whole text."""
        for _ in range(self.random.randrange(3, 6)):
            self.local_function(0, Where())
            self.line(0, "")
        for _ in range(3):
            self.line(0, "try:")
            self.block(1, Where(depth=1))
            self.line(0, "except Odd as odd:")
            self.line(1, "print('odd')")
            self.line(
                0, "except (KeyError, ValueError, IndexError, TypeError, AttributeError, AssertionError) as error:"
            )
            self.line(1, "print(type(error).__name__)")
        return self.prelude() + "\n" + "\n".join(self.lines) + "\n"

    def prelude(self) -> str:
        """The definitions that the text needs."""
        # 7 and 8 raise; but 3.14 can lose the handler of a truth test between two operators (3.15 does not).
        last = "False, False, False" if self.version == (3, 14) else "False"
        return PRELUDE.format(seed=self.seed % 65521, last=last)


def _wraps(text: str) -> bool:
    """Whether the first parenthesis of a text closes at its end."""
    depth = 0
    for i, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if not depth:
            return i == len(text) - 1
    return False


def program(seed: int, version: tuple[int, ...] = sys.version_info[:2]) -> str:
    """The program of a seed for a Python version."""
    return Program(seed, version).write()


if __name__ == "__main__":
    print(program(int(sys.argv[1])))
