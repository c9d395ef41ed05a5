"""Small programs with exclusions of all kinds, and where coverage.py and the branch model differ about them.

Each program runs under both tools. What is compared, line by line: statements that never ran, and lines on which an
outcome is missed. A difference is written ``line 3: missed by ours`` (or ``by coverage.py``), or ``line 3: branch
missed by ours``, and stands in the program's ``differences`` with its reason.

``python -m tests.excluded_programs`` prints all.
"""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import coverage

from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

# Reasons for a difference.
NEXT_LINE = "coverage.py looks at the next line alone, the model at all that the outcome leads to"
ONE_EXIT = "coverage.py counts no line with one exit left, the model counts the outcome that is left"
IN_LINE = "coverage.py sees pairs of lines, the model the insides of lines"
HANDLERS = "coverage.py has no branches at handlers"
DOTS_IN_TEXT = "coverage.py takes any line that is only `...`, the model only a whole body"
ANY_MODULE = "coverage.py knows `typing.TYPE_CHECKING` by its text, the model also under another name of the module"
NEWLINE = "coverage.py takes the line after a match that ends with a newline, too"
COMMENT = "coverage.py has no comments for one outcome"
ANY_CLAUSE = "coverage.py knows `if TYPE_CHECKING:` at the start of its line, the model also as `elif`"
DOTS_ON_LINE = "coverage.py takes `...` on a line of its own or behind `def`, the model any body that is only that"
ONE_LINE_DEF = "coverage.py takes the body of a one-line function for a second way out of its line"


@dataclass(frozen=True)
class Program:
    """``optimised``: run under ``python -O``."""

    text: str
    differences: dict[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] | None = None
    exclude_also: tuple[str, ...] = ()
    partial_branches: tuple[str, ...] = ()
    optimised: bool = False


def compare(program: Program) -> list[str]:
    """Run a program under both tools; the differences."""
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder).resolve() / "program.py"
        path.write_text(program.text, "utf-8")
        theirs, ours = _theirs(program, path), _ours(program, path)
    lines = []
    for what, one, other in zip(("", "branch "), ours, theirs, strict=True):
        lines += [f"line {line}: {what}missed by ours" for line in sorted(one - other)]
        lines += [f"line {line}: {what}missed by coverage.py" for line in sorted(other - one)]
    return lines


def _theirs(program: Program, path: Path) -> tuple[set[int], set[int]]:
    tool = coverage.Coverage(branch=True, data_file=None, config_file=False, include=[str(path)])
    pragma, *defaults = tool.get_option("report:exclude_lines")
    exclude = defaults if program.exclude is None else program.exclude
    tool.set_option("report:exclude_lines", [pragma, *exclude, *program.exclude_also])
    partial = tool.get_option("report:partial_branches")
    tool.set_option("report:partial_branches", [*partial, *program.partial_branches])
    tool.start()
    try:
        _run(path)
    finally:
        tool.stop()
    found = tool._analyze(str(path))
    return set(found.missing), set(found.missing_branch_arcs()) - set(found.missing)


def _ours(program: Program, path: Path) -> tuple[set[int], set[int]]:
    options = RunOptions(
        exclude=program.exclude, exclude_also=program.exclude_also, partial_branches=program.partial_branches
    )
    session = Session(options)
    session.add_source(str(path))
    with session.measuring("program") as run:
        _run(path)
    (found,) = run.coverage.sources
    found.self_check()
    starts = found.source.statement_lines
    missed = {starts[line] for line in found.missed_lines}
    return missed, {starts[branch.span.line] for branch in found.missed} - missed - _never_reached(found)


def _never_reached(found: SourceCoverage) -> set[int]:
    return {branch.span.line for branch in found.branches if branch.span.line in found.missed_lines}


def _run(path: Path) -> None:
    code = compile(path.read_text("utf-8"), str(path), "exec", dont_inherit=True)
    exec(code, {"__name__": "__main__", "__file__": str(path)})


NO = "# pragma: no cover"
PROGRAMS: dict[str, Program] = {
    # --- what an outcome leads to
    "else": Program(f"def f(n):\n    if n:\n        return 1\n    else:  {NO}\n        return 2\nf(1)\n"),
    "else on one line": Program(f"def f(n):\n    if n: return 1\n    else: return 2  {NO}\nf(1)\n"),
    "the last of elif": Program(
        f"def f(n):\n    if n == 1:\n        return 1\n    elif n == 2:\n        return 2\n    else:  {NO}\n"
        "        raise AssertionError\nf(1), f(2)\n"
    ),
    "elif": Program(f"def f(n):\n    if n == 1:\n        return 1\n    elif n == 2:  {NO}\n        return 2\nf(1)\n"),
    "elif and what follows": Program(
        f"def f(n):\n    if n == 1:\n        return 1\n    elif n == 2:  {NO}\n        return 2\n"
        f"    return 3\nf(1), f(3)\n"
    ),
    "the body of if": Program(f"def f(n):\n    if n < 0:\n        raise ValueError  {NO}\n    return n\nf(1)\n"),
    "only the excluded body ran": Program(
        f"def f(n):\n    if n < 0:\n        return 1  {NO}\n    return n\nf(-1)\n",
        {"line 2: branch missed by ours": ONE_EXIT},
    ),
    "a part of the body": Program(
        f"def f(n):\n    if n < 0:\n        n = 1  {NO}\n        n = 2\n    return n\nf(1)\n",
        {"line 2: branch missed by ours": NEXT_LINE},
    ),
    "if falls through to excluded code": Program(
        f"def f(n):\n    if n:\n        return 1\n    raise ValueError  {NO}\nf(1)\n"
    ),
    "out of two blocks": Program(
        f"def f(n):\n    if n:\n        if n > 1:\n            return 1\n    raise ValueError  {NO}\nf(2)\n"
    ),
    "an excluded line before others": Program(
        f"def f(n):\n    if n:\n        return 1\n    print('')  {NO}\n    return 2\nf(1)\n",
        {"line 2: branch missed by ours": NEXT_LINE},
    ),
    "and": Program(f"def f(a, b):\n    if a and b:\n        return 1  {NO}\n    return 2\nf(1, 0), f(0, 0)\n"),
    "or": Program(f"def f(a, b):\n    if a or b:\n        return 1  {NO}\n    return 2\nf(0, 0)\n"),
    "or with an excluded else": Program(
        f"def f(a, b):\n    if a or b:\n        return 1\n    raise ValueError  {NO}\nf(0, 1), f(1, 0)\n"
    ),
    "not": Program(f"def f(a):\n    if not a:\n        raise ValueError  {NO}\n    return 1\nf(1)\n"),
    "a chain": Program(f"def f(a):\n    if 0 < a < 9:\n        return 1\n    raise ValueError  {NO}\nf(1)\n"),
    "an operand that is missed": Program(
        f"def f(a, b):\n    if a and b:\n        return 1  {NO}\n    return 2\nf(0, 0)\n",
        {"line 2: branch missed by ours": IN_LINE},
    ),
    # --- loops
    "a loop that always returns": Program(
        f"def f(every):\n    for each in every:\n        return each\n    raise ValueError  {NO}\nf([1])\n"
    ),
    "a loop with an excluded else": Program(
        f"def f(every):\n    for each in every:\n        break\n    else:  {NO}\n        print('')\n"
        f"    return 1\nf([1])\n"
    ),
    "an excluded body of a loop": Program(f"def f(every):\n    for each in every:\n        print(each)  {NO}\nf([])\n"),
    "while": Program(f"def f(n):\n    while n:\n        return n\n    raise ValueError  {NO}\nf(1)\n"),
    "while with break": Program(
        f"def f(n):\n    while n < 9:\n        n += 1\n        if n == 3:\n            break\n    else:  {NO}\n"
        "        n = 0\n    return n\nf(1)\n"
    ),
    "while True": Program(
        f"def f(n):\n    while True:\n        n += 1\n        if n > 3:\n            return n\n"
        f"        if n < 0:  {NO}\n"
        "            n = 0\nf(1)\n"
    ),
    "continue": Program(
        f"def f(every):\n    for each in every:\n        if each:\n            continue  {NO}\n"
        f"        print(end='')\nf([0])\n"
    ),
    "an excluded loop": Program(
        f"def f(every):\n    for each in every:  {NO}\n        print(each)\n    return 1\nf([])\n"
    ),
    "back to an excluded loop": Program(
        f"def f(n):\n    while n:  {NO}\n        if n > 1:\n            n = 0\n    return n\nf(0)\n"
    ),
    # --- match
    "case _": Program(
        f"def f(n):\n    match n:\n        case 1:\n            return 1\n        case _:  {NO}\n"
        f"            raise ValueError\nf(1)\n"
    ),
    "the body of case _": Program(
        "def f(n):\n    match n:\n        case 1:\n            return 1\n        case _:\n"
        f"            raise ValueError  {NO}\nf(1)\n"
    ),
    "assert_never on the line of case": Program(
        "from typing import assert_never\ndef f(n):\n    match n:\n        case 1:\n            return 1\n"
        "        case _: assert_never(n)\nf(1)\n",
        exclude_also=("assert_never",),
    ),
    "case with a name": Program(
        f"def f(n):\n    match n:\n        case 1:\n            return 1\n        case x as y:  {NO}\n"
        "            raise ValueError\nf(1)\n"
    ),
    "what follows a match": Program(
        f"def f(n):\n    match n:\n        case 1:\n            return 1\n        case 2:\n            return 2\n"
        f"    raise ValueError  {NO}\nf(1), f(2)\n"
    ),
    "a case in the middle": Program(
        f"def f(n):\n    match n:\n        case 1:\n            return 1\n        case 2:  {NO}\n"
        f"            return 2\n"
        "        case 3:\n            return 3\nf(1), f(3)\n"
    ),
    "a guard": Program(
        f"def f(n):\n    match n:\n        case int() if n > 0:\n            return 1\n        case _:  {NO}\n"
        "            raise ValueError\nf(1)\n"
    ),
    "a pattern with parts": Program(
        f"def f(n):\n    match n:\n        case [1, 2]:\n            return 1\n        case _:\n"
        f"            raise ValueError  {NO}\nf([1, 2])\n"
    ),
    # --- try
    "an excluded handler": Program(
        f"def f(n):\n    try:\n        return 1 // n\n    except ZeroDivisionError:  {NO}\n        return 0\nf(1)\n"
    ),
    "an excluded body of a handler": Program(
        f"def f(n):\n    try:\n        return 1 // n\n    except ZeroDivisionError:\n        return 0  {NO}\nf(1)\n"
    ),
    "the second handler": Program(
        "def f(n):\n    try:\n        return 1 // n\n    except ZeroDivisionError:\n        return 0\n"
        f"    except TypeError:  {NO}\n        return 2\nf(0)\n"
    ),
    "a bare handler": Program(
        "def f(n):\n    try:\n        return 1 // n\n    except ZeroDivisionError:\n        return 0\n"
        f"    except:  {NO}\n        return 2\nf(0)\n"
    ),
    "a handler that lets go": Program(
        "def f(n):\n    try:\n        return 1 // n\n    except ZeroDivisionError:\n        return 0\n"
        "    except TypeError:\n        return 2\nf(0), f('')\n"
    ),
    "finally": Program(f"def f(n):\n    try:\n        n += 1\n    finally:  {NO}\n        n = 5 if n else 6\nf(1)\n"),
    "else of try": Program(
        f"def f(n):\n    try:\n        n = 1 // n\n    except ZeroDivisionError:\n        return 0\n    else:  {NO}\n"
        "        if n:\n            return 1\n    return 2\nf(0)\n"
    ),
    "except*": Program(
        "def f():\n    try:\n        raise ExceptionGroup('', [ValueError()])\n    except* ValueError:\n"
        f"        pass\n"
        f"    except* TypeError:  {NO}\n        print('')\nf()\n"
    ),
    "with": Program(
        "from contextlib import suppress\ndef f():\n    with suppress(ValueError):\n        raise ValueError\n"
        f"    return 1  {NO}\nf()\n"
    ),
    # --- heads
    "a head over lines": Program(f"def f(\n    a,\n    b,\n):  {NO}\n    if a:\n        return b\n    return a\n"),
    "if over lines": Program(
        f"def f(x):\n    if (\n        x\n        and x > 9\n    ):  {NO}\n        print(x)\nf(0)\n"
    ),
    "for over lines": Program(f"for i in (\n    1,\n    2,\n):  {NO}\n    print(end='' if i else ' ')\n"),
    "with over lines": Program(
        f"from contextlib import nullcontext\nwith (\n    nullcontext() as a,\n    nullcontext()\n"
        f"):  {NO}\n    b = 1 if a else 2\n"
    ),
    "a class over lines": Program(f"class A(\n    object,\n):  {NO}\n    flag = 1 if __name__ == 'x' else 2\n"),
    "case over lines": Program(
        f"match [1, 2]:\n    case (\n        [1, 3]\n    ):  {NO}\n        print('')\n    case _:\n        pass\n"
    ),
    "a colon in a default": Program(
        f"def f(\n    a={{1: 2}},\n    b=lambda: 3\n) -> None:  {NO}\n    if a:\n        print('')\n"
    ),
    "a decorator": Program(f"def same(f):\n    return f\n@same  {NO}\n@same\ndef f(a):\n    if a:\n        return 1\n"),
    "a decorator over lines": Program(
        f"def same(*a):\n    return lambda f: f\n@same(\n    1,\n)  {NO}\nclass A:\n    def f(self, a):\n"
        f"        return a\n"
    ),
    "a comment above else": Program(
        f"def f(a):\n    if a:\n        a = 1\n    {NO}\n    else:\n        a = 2\n    return a\nf(1)\n"
    ),
    # --- pragmas on lines
    "no branch": Program("def f(a):\n    if a:  # pragma: no branch\n        return 1\n    return 2\nf(1), f(0)\n"),
    "no branch on one side": Program("def f(a):\n    if a:  # pragma: no branch\n        a = 1\n    return a\nf(1)\n"),
    "no branch over lines": Program(
        "def f(a):\n    if (a and\n            a):  # pragma: no branch\n        a = 1\n    return a\nf(1)\n"
    ),
    "no branch at a loop": Program("for i in [1]:  # pragma: no branch\n    break\n"),
    "one-liners": Program(
        f"def f(a):\n    if a: a = 1  {NO}\n    while a: a = 0  {NO}\n    for i in a or []: pass  {NO}\nf(0)\n"
    ),
    "a statement over lines": Program(f"def f(a):\n    return [\n        1 if a else 2,\n    ]  {NO}\nf(1)\n"),
    "a pragma in a text": Program(
        f"TEXT = '''\n{NO}\n'''\ndef f(a):\n    if a:\n        a = 1\n    return a\nf(1), f(0)\n"
    ),
    # --- defaults
    "TYPE_CHECKING": Program(
        "import typing\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import decimal\nelse:\n"
        "    decimal = 1\n"
        "if typing.TYPE_CHECKING:\n    import fractions\n"
    ),
    "TYPE_CHECKING under another name": Program(
        "import typing as t\nif t.TYPE_CHECKING:\n    import decimal\n",
        {"line 3: missed by coverage.py": ANY_MODULE, "line 2: branch missed by coverage.py": ANY_MODULE},
    ),
    "a protocol": Program(
        "from typing import Protocol\nclass Shape(Protocol):\n    def area(self) -> float: ...\n"
        "    def name(self) -> str:\n        ...\n    def long(\n        self, a=1\n    ) -> str: ...\n"
    ),
    "overloads": Program(
        "from typing import overload\n@overload\ndef half(x: int) -> int: ...\n@overload\n"
        "def half(x: str) -> str: ...\n"
        "def half(x):\n    return x\nhalf(1)\n"
    ),
    "an abstract method": Program(
        "from abc import ABC, abstractmethod\nclass A(ABC):\n    @abstractmethod\n    def f(self):\n"
        "        raise NotImplementedError\n    @abstractmethod\n    async def g(self):\n"
        "        '''Text.'''\n        ...\n",
        exclude_also=("raise NotImplementedError", "@abstractmethod"),
    ),
    "a branch with ...": Program("def f(a):\n    if a:\n        ...\n    else:\n        a = 1\n    return a\nf(0)\n"),
    "... among items": Program(
        "def f(a):\n    if a:\n        return (\n            ...\n        )\n    return a\nf(0)\n",
        {"line 3: missed by ours": DOTS_IN_TEXT, "line 2: branch missed by ours": DOTS_IN_TEXT},
    ),
    "defaults replaced": Program(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import decimal\ndef f(a):\n    if a:\n"
        "        raise KeyError\nf(0)\n",
        exclude=("raise KeyError",),
    ),
    # --- regular expressions
    "a regex over lines": Program(
        "def f(s):\n    try:\n        return int(s)\n    except ValueError:\n        return None\nf('1')\n",
        exclude_also=(r"except ValueError:\n\s*return None",),
    ),
    "from here to there": Program(
        "# begin-skip\ndef f(x):\n    if x:\n        print(x)\n# end-skip\ndef g(x):\n    return x\n",
        {},
        exclude_also=("# begin-skip(?s:.)*?# end-skip",),
    ),
    "a regex that ends with a newline": Program(
        "def f(x):\n    if x:\n        x = 1\n        x = 2\n    return x\nf(0)\n",
        {"line 4: missed by ours": NEWLINE, "line 2: branch missed by ours": NEXT_LINE},
        exclude_also=("x = 1\n",),
    ),
    "a regex of a head": Program(
        "DEBUG = 0\ndef f(x):\n    if DEBUG:\n        print(x)\n    return x\nf(0)\n", exclude_also=("^ *if DEBUG:$",)
    ),
    "a regex of partial branches": Program(
        "def f(x):\n    while x:  # always\n        return x\nf(1)\n", partial_branches=("# always",)
    ),
    # --- as users write them
    "pragma in capitals": Program("def f(a):\n    if a:  # PRAGMA: NO COVER\n        return 1\n    return 2\nf(0)\n"),
    "pragma without spaces": Program("def f(a):\n    if a:  #pragma:nocover\n        return 1\n    return 2\nf(0)\n"),
    "pragma with a reason": Program(
        f"def f(a):\n    if a:  # noqa: E501 {NO} - never\n        return 1\n    return 2\nf(0)\n"
    ),
    "an excluded try": Program(
        f"def f(a):\n    try:  {NO}\n        a.x\n    except AttributeError:\n        a = 1\n    return a\nf(1)\n"
    ),
    "a try of one-liners": Program(
        f"def f(a):\n    try: a = int(a)\n    except ValueError: a = 0  {NO}\n    else: a += 1\n    finally: pass\n"
        "    return a\nf('1')\n"
    ),
    "async for": Program(f"async def f(a):\n    async for b in a:  {NO}\n        if b: return 1\n    return 2\n"),
    "a lambda among items": Program(f"every = [\n    lambda a: a or 1,  {NO}\n    lambda a: 1 if a else 2,  {NO}\n]\n"),
    "a filter on its own line": Program(
        f"def f(a):\n    return [\n        x\n        for x in a\n        if x  {NO}\n    ]\nf([])\n"
    ),
    "a function in a function": Program(
        f"def f(a):\n    def g(b):  {NO}\n        if b:\n            return 1\n    if a:\n        return g\n"
        "    return a\nf(0)\n"
    ),
    "an assert over lines": Program(f"def f(n):\n    assert n, (  {NO}\n        'x'\n    )\n    return n\n"),
    "an excluded match": Program(
        f"def f(n):\n    match n:  {NO}\n        case 1:\n            return 1\n"
        "        case _:\n            return 2\nf(1)\n"
    ),
    "an argument over lines": Program(
        f"def f(n):\n    g(\n        1,  {NO}\n        2 if n else 3,\n    )\n    return n\n"
    ),
    "an elif among others": Program(
        f"def f(a):\n    if a == 1: return 1\n    elif a == 2: return 2  {NO}\n    elif a == 3: return 3\n"
        "    return 4\n"
        "f(1), f(4)\n"
    ),
    "two statements on a line": Program(f"def f(a):\n    b = a or 1; c = b and a  {NO}\n    return c\nf(1)\n"),
    "elif TYPE_CHECKING": Program(
        "from typing import TYPE_CHECKING\nif len('ab') == 1:\n    x = 1\nelif TYPE_CHECKING:\n    import decimal\n"
        "else:\n    x = 2\n",
        {"line 5: missed by coverage.py": ANY_CLAUSE, "line 4: branch missed by coverage.py": ANY_CLAUSE},
    ),
    "not TYPE_CHECKING": Program(
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    x = 1\nelse:\n    import decimal\n"
    ),
    "... on the line of if": Program(
        "def f(a):\n    if a: ...\n    else: a = 1\n    return a\nf(0)\n",
        {"line 2: branch missed by coverage.py": DOTS_ON_LINE},
    ),
    "... without the defaults": Program(
        "def f(a): ...\ndef g(a):\n    if a:\n        return 1\n    return 2\ng(1)\n",
        {"line 1: branch missed by coverage.py": ONE_LINE_DEF},
        exclude=("return 2",),
    ),
    "a regex with a flag in a group": Program(
        "def f(a):\n    if a:\n        raise ValueError\n    return 2\nf(0)\n", exclude_also=("(?i:RAISE valueerror)",)
    ),
    "a regex of a decorator": Program(
        "def skip(f): return f\n@skip\ndef f(a):\n    if a:\n        return 1\n    return 2\n", exclude_also=("@skip",)
    ),
    "a regex of a head over lines": Program(
        "def f(\n    a,\n    b,\n):\n    if a:\n        return b\n    return a\n", exclude_also=(r"def f\([^)]*\):",)
    ),
    "a regex of a setter": Program(
        "class A:\n    @property\n    def x(self):\n        return 1\n    @x.setter\n    def x(self, v):\n"
        "        if v:\n            self.y = v\nA().x\n",
        exclude_also=(r"@.*\.setter",),
    ),
    "a regex of partial branches over lines": Program(
        "def f(a):\n    if (a or\n        1 > 2):\n        a = 1\n    return a\nf(1)\n",
        partial_branches=(r"if \(a or\n",),
    ),
    # --- one outcome
    "one outcome": Program(
        "def f(x):\n    if x:  # branchcov: no false\n        x = 1\n    return x\nf(1)\n",
        {"line 2: branch missed by coverage.py": COMMENT},
    ),
    # --- under -O
    "asserts under -O": Program(
        "def f(a, b):\n    assert a or b\n    assert a, (\n        'text')\n    return a\nf(1, 1)\n", optimised=True
    ),
    "__debug__ under -O": Program(
        "def f(a):\n    if __debug__:\n        if a:\n            return 1\n    else:\n        a = 2\n"
        "    return a\nf(1)\n",
        optimised=True,
    ),
    "code that cannot be reached": Program(
        "def f(a):\n    if 0:\n        a = a or 1\n    return a\n    if a:\n        return 2\nf(1)\n"
    ),
}


def differences(*, optimised: bool) -> dict[str, list[str]]:
    """What differs in each program that runs so."""
    return {name: compare(each) for name, each in PROGRAMS.items() if each.optimised is optimised}


if __name__ == "__main__":
    json.dump(differences(optimised=not __debug__), sys.stdout, indent=1)
