"""Heads and clauses of blocks: where a pragma can stand, and which lines it takes out."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from textwrap import dedent

import pytest

from ipy_branchcov.analysis.clauses import clauses
from ipy_branchcov.analysis.pragmas import Exclusions, Policy, exclusions
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.statements import heads, tries

NO_COVER, NO_BRANCH = "  # pragma: no cover", "  # pragma: no branch"


def excluded(text: str, policy: Policy | None = None) -> Exclusions:
    source = Source("a.py", text, "file")
    return exclusions(source, source.tree(), policy or Policy())


def with_pragma(text: str, line: int, pragma: str) -> str:
    """The text with a pragma at the end of one line."""
    lines = text.split("\n")
    lines[line - 1] += pragma
    return "\n".join(lines)


#: Blocks, each in a module between two lines; first and last line of the head, last line of the block.
BLOCKS = {
    "a function": ("def f():\n    x\n    y", (2, 2, 4)),
    "a function over lines": ("def f(\n    a: A,\n    b=1,\n) -> None:\n    x\n    y", (2, 5, 7)),
    "a function whose last part is an argument": ("def f(a,\n      *, b=1):\n    x\n    y", (2, 3, 5)),
    "an async function": ("async def f(\n        a):\n    x\n    y", (2, 3, 5)),
    "a decorated function": ("@first\n@second(\n    1)\ndef f():\n    x\n    y", (2, 5, 7)),
    "a class": ("class A(\n    B,\n    metaclass=C):\n    x = 1\n    y = 2", (2, 4, 6)),
    "a class whose last part is a base": ("class A(B,\n        C):\n    x = 1\n    y = 2", (2, 3, 5)),
    "a decorated class": ("@first\nclass A:\n    x = 1\n    y = 2", (2, 3, 5)),
    "if": ("if (a and\n        b):\n    x\n    y", (2, 3, 5)),
    "while": ("while (a and\n        b):\n    x\n    y", (2, 3, 5)),
    "for": ("for a in (\n        b,\n        c):\n    x\n    y", (2, 4, 6)),
    "with": ("with (a as b,\n        c as d):\n    x\n    y", (2, 3, 5)),
    "with without names": ("with (a,\n        c):\n    x\n    y", (2, 3, 5)),
    "with whose last part is a name": ("with (a as\n        b):\n    x\n    y", (2, 3, 5)),
    "match": ("match (a,\n        b):\n    case _:\n        x", (2, 3, 5)),
    "try": ("try:\n    x\n    y\nexcept A:\n    z", (2, 2, 4)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_pragma_in_a_head(name: str) -> None:
    block, (first, last, end) = BLOCKS[name]
    text = f"before\n{block}\nafter"
    for line in range(first, last + 1):
        found = excluded(with_pragma(text, line, NO_COVER))
        assert (found.lines, found.branch_lines) == (lines(first, end), frozenset()), line
        found = excluded(with_pragma(text, line, NO_BRANCH))
        assert (found.lines, found.branch_lines) == (frozenset(), lines(first, last)), line
    inside = excluded(with_pragma(text, end, NO_COVER))
    assert end in inside.lines and first not in inside.lines


def lines(first: int, last: int) -> frozenset[int]:
    """The lines of a range that ends with ``last``."""
    return frozenset(range(first, last + 1))


CLAUSES = """\
try:
    x
    y
except (A,
        B):
    x
    y
except:
    x
    y
else:
    x
    y
finally:
    x
    y
if a:
    x
elif b:
    x
    y
else:
    x
    y
for a in b:
    x
else:
    x
    y
while a:
    x
else:
    x
    y
match a:
    case [1,
          b] if (
            c):
        x
        y
    case {"k":
          2}:
        x
        y
    case _:
        x
try:
    x
except* A:
    x
    y
finally:
    x
    y
after
"""
#: The line of a pragma, the last line of its head, the last line of its block.
HEADS = {
    "try": (1, 1, 3),
    "the first line of except": (4, 5, 7),
    "the last line of except": (5, 5, 7),
    "except without a type": (8, 8, 10),
    "else of try": (11, 11, 13),
    "finally": (14, 14, 16),
    "elif": (19, 19, 21),
    "else of if": (22, 22, 24),
    "else of for": (27, 27, 29),
    "else of while": (32, 32, 34),
    "the first line of case": (36, 38, 40),
    "the guard of case": (38, 38, 40),
    "case without a guard": (41, 42, 44),
    "the last line of case": (42, 42, 44),
    "case _": (45, 45, 46),
    "except*": (49, 49, 51),
    "finally of except*": (52, 52, 54),
}
#: Where the head begins, if not in the pragma's line.
BEGINS = {5: 4, 38: 36, 42: 41}


@pytest.mark.parametrize("name", HEADS)
def test_a_pragma_at_a_clause(name: str) -> None:
    line, last, end = HEADS[name]
    first = BEGINS.get(line, line)
    assert excluded(with_pragma(CLAUSES, line, NO_COVER)).lines == lines(first, end)
    assert excluded(with_pragma(CLAUSES, line, NO_BRANCH)).branch_lines == lines(first, last)


def test_a_pragma_in_a_line_without_block() -> None:
    text = "x = (a or\n     b)\ny"
    assert excluded(with_pragma(text, 3, NO_COVER)).lines == {3}
    assert excluded(with_pragma(text, 2, NO_COVER)).lines == {1, 2}
    assert excluded(with_pragma(text, 2, NO_BRANCH)).branch_lines == {1, 2}
    assert excluded(text) == Exclusions()


@pytest.mark.parametrize(
    "comment", ["# pragma: no cover", "#pragma:no cover", "# PRAGMA: NO COVER", "# pragma no cover"]
)
def test_ways_to_write_it(comment: str) -> None:
    assert excluded(f"if a:  {comment}\n    x\ny").lines == {1, 2}


@pytest.mark.parametrize("comment", ["# no cover", "# pragma: cover", "# pragma: no"])
def test_what_looks_like_it(comment: str) -> None:
    assert excluded(f"if a:  {comment}\n    x\ny") == Exclusions()


def test_lines_that_the_configuration_excludes() -> None:
    policy = Policy(exclude=("if TYPE_CHECKING:", r"raise NotImplementedError"))
    text = "if TYPE_CHECKING:\n    x\ndef f():\n    raise NotImplementedError\ny"
    assert excluded(text, policy).lines == {1, 2, 4}


REGEXES = {
    "several lines": ((r"except E:\n\s*x",), "try:\n    y\nexcept E:\n    x\nz", {3, 4}),
    "a head and more": ((r"if a:\n    x",), "if a:\n    x\n    y\nz", {1, 2, 3}),
    "from here to there": (("# begin(?s:.)*?# end",), "x\n# begin\ndef f():\n    x\n# end\ny", {2, 3, 4, 5}),
    "flags": (("(?i)debug",), "if DEBUG:\n    x\ny", {1, 2}),
    "flags twice": (("(?i)one", "(?x) two"), "ONE\ntwo\nTWO", {1, 2}),
    "^ and $ at lines": (("^x$",), "x\nxx\nx", {1, 3}),
    "a newline at the end": (("x\n",), "x\ny", {1}),
    "the whole file": ((r"\A(?s:.*# skip all.*)\Z",), "x\ny  # skip all\nz", {1, 2, 3}),
    "alternatives": (("a|b",), "a\nc\nb", {1, 3}),
}


@pytest.mark.parametrize("name", REGEXES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_regular_expressions(name: str, end: str) -> None:
    regexes, text, expected = REGEXES[name]
    text = text.replace("\n", end)
    assert excluded(text, Policy(exclude=regexes)).lines == expected
    assert excluded(text, Policy(exclude_also=regexes)).lines == expected


def test_regular_expressions_of_branches() -> None:
    text = "while a:\n    if b:  # ALWAYS\n        x\n    y"
    assert excluded(text, Policy(partial_branches=(r"(?i)# always", r"while a:\n"))).branch_lines == {1, 2}


def test_exclude_replaces_the_defaults_and_exclude_also_adds() -> None:
    text = "if TYPE_CHECKING:\n    x\ndef f():\n    ...\ny\nz  # pragma: no cover"
    assert excluded(text).lines == {1, 2, 4, 6}
    assert excluded(text, Policy(exclude_also=("y",))).lines == {1, 2, 4, 5, 6}
    assert excluded(text, Policy(exclude=("y",))).lines == {5, 6}
    assert excluded(text, Policy(exclude=())).lines == {6}


DEFAULTS = {
    "if typing.TYPE_CHECKING:\n  x\nelse:\n  y": {1, 2},
    "if a:\n  x\nelif TYPE_CHECKING:\n  y\nelse:\n  z": {3, 4},
    "if TYPE_CHECKING and a:\n  x": set(),
    "if (\n  TYPE_CHECKING\n):\n  x": {1, 2, 3, 4},
    "def f(a): ...": {1},
    "@d\ndef f(\n  a\n): ...": {1, 2, 3, 4},
    "def f(a):\n  'doc'\n  ...": {3},
    "async def f(a): ...": {1},
    "class A: ...": set(),
    "class A:\n  ...": {2},
    "def f():\n  x\n  ...": set(),
    "x = [\n  ...\n]": set(),
    "match a:\n  case 1:\n    x\n  case _:\n    ...": {4, 5},
    '"""\n...\n"""': set(),
}


@pytest.mark.parametrize("text", DEFAULTS)
def test_what_is_excluded_by_default(text: str) -> None:
    assert excluded(text).lines == DEFAULTS[text]


#: Texts of which one clause ends with the last line, and the line of its colon.
COLONS = {
    "def f(\n  a={1: 2},\n  b=lambda: 3,\n):\n  x": 4,
    "def f(\n) -> None:\n  x": 2,
    "class A(\n  B,\n):\n  x": 3,
    "if (\n  a\n  and b  # why: c\n):\n  x": 4,
    "for a in (\n  b\n):\n  x": 3,
    "with (\n  a as b,\n):\n  x": 3,
    "while (\n  a[1:2]\n):\n  x": 3,
    "try:\n  x\nexcept (\n  A,\n) as e:\n  y": 5,
    "match (\n  a\n):\n  case 1:\n    x": 3,
    "match a:\n  case (\n    {1: 2}\n  ):\n    x": 4,
    "match a:\n  case 1 if (\n    a\n  ):\n    x": 4,
    "if é:\n  'é' # é\nelse  : # a: b\n  y": 3,
    **({"def f[T: int](\n  a,\n):\n  x": 3, "class A[\n  T: int\n]:\n  x": 3} if sys.version_info >= (3, 12) else {}),
}


@pytest.mark.parametrize("text", COLONS)
def test_a_pragma_on_the_line_of_the_colon(text: str) -> None:
    colon, last = COLONS[text], text.count("\n") + 1
    source = Source("a.py", text, "file")
    assert colon in {clause.last for clause in clauses(source, source.tree()) if clause.end >= last - 1}
    assert last in excluded(with_pragma(text, colon, NO_COVER)).lines
    assert excluded(with_pragma(text, colon, NO_BRANCH)).branch_lines >= {colon}
    assert colon not in excluded(with_pragma(text, colon + 1, NO_COVER)).lines


def test_a_comment_above_a_clause_is_not_on_it() -> None:
    assert excluded(f"if a:\n    x\n{NO_COVER}\nelse:\n    y").lines == {3}


STATEMENTS = dedent('''\
    """Doc"""
    @wrapped(
        1)
    def f(a,
          b):
        global c
        x: int
        y: int = 1
        try:
            x = (1 +
                 2)
        except A:
            pass
    match a:
        case 1 if (a or
                   b):
            pass
    ''')


def test_statement_lines_and_heads() -> None:
    """Without those of statements that leave no code on some Python: docstring, global, bare annotation, ``try``."""
    expected = [(2, 5), (8, 8), (10, 11), (12, 12), (13, 13), (14, 14), (15, 16), (17, 17)]
    tree = Source("a.py", STATEMENTS, "file").tree()
    assert sorted((head.first, head.last) for head in heads(tree)) == expected
    assert set(Source("a.py", STATEMENTS, "file").statement_lines) == flat(expected) | {line for line, _ in tries(tree)}


def flat(ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {line for first, last in ranges for line in lines(first, last)}


def test_blocks_inside_clauses() -> None:
    block = "    if a:  # pragma: no cover\n        x\n        y\n"
    for before in ("try:\n    x\nfinally:\n", "if b:\n    x\nelse:\n", "try:\n    x\nexcept A:\n"):
        assert excluded(before + block).lines == {4, 5, 6}
    assert excluded("match x:\n  case 1:\n" + block).lines == {3, 4, 5}


def test_the_keyword_of_a_case_can_stand_above_its_pattern() -> None:
    text = "match x:\n  case (\n      1 | 2\n  ):\n    x\n  case [\n    a\n  ] if (\n    a\n  ):\n    y\n"
    for line in (2, 3, 4):
        assert excluded(with_pragma(text, line, NO_COVER)).lines == {2, 3, 4, 5}
        assert excluded(with_pragma(text, line, NO_BRANCH)).branch_lines == {2, 3, 4}
    for line in (6, 8, 10):
        assert excluded(with_pragma(text, line, NO_COVER)).lines == {6, 7, 8, 9, 10, 11}
