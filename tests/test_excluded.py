"""What is excluded beside the lines: what leads only to them, what this run has no code of, single outcomes."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from textwrap import dedent, indent

import pytest

from ipy_branchcov.analysis.decisions import decide
from ipy_branchcov.analysis.excluded import LEADS, UNREACHABLE
from ipy_branchcov.analysis.leads import implied
from ipy_branchcov.analysis.pragmas import Policy, exclusions
from ipy_branchcov.model.branch import BranchMap
from ipy_branchcov.model.source import Source
from tests import lines
from tests.agreement import Plain, watched
from tests.excluded import compare, compare_asserts, with_pragmas
from tests.excluded_line_oracle import excluded_lines
from tests.programs import program

NO = "  # pragma: no cover"
#: Random programs warn, and so does the oracle, which computes their constants.
pytestmark = pytest.mark.filterwarnings("ignore")


def found(text: str, policy: Policy | None = None) -> BranchMap:
    return decide(Source("a.py", dedent(text), "file"), policy).map


@pytest.mark.parametrize("seed", [3, 28])
def test_the_oracle_excludes_the_same_lines(seed: int) -> None:
    """Each line that has a token, in a program with breaks in its lines and suites on the lines of their heads."""
    text = lines.random_text(seed) if seed % 4 > 2 else with_pragmas(lines.random_text(seed), seed)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    code = {each.start[0] for each in tokens if each.type in (tokenize.NAME, tokenize.NUMBER)}
    found = exclusions(Source("a.py", text, "file"), ast.parse(text), Policy()).lines & code
    assert len(found) > 100
    assert found == excluded_lines(text) & code


# Seed 6 makes a condition of so many operands that the oracle, which tries every combination, takes half a minute.
@pytest.mark.slow
@pytest.mark.parametrize("seed", sorted(set(range(12)) - {6}))
def test_the_oracle_finds_the_same_in_random_programs(seed: int) -> None:
    _, differences = compare(with_pragmas(program(seed), seed))
    assert differences == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1024))
def test_the_oracle_finds_the_same_in_more_random_programs(seed: int) -> None:
    _, differences = compare(with_pragmas(program(seed), seed))
    assert differences == []


#: Asserts of every form of test and message.
ASSERTS = """
assert x, a or b
assert x and y, f"{a if b else c}" + (lambda: p and q)() + str([i for i in j if i and k])
assert x or not (y and z), (a < b < c)
assert (b and c and 0) if a else d
assert (a or b) or 2 != 2 < 1
assert not (a and b and 0 == 0), c or d
assert f(a and b), (a and b) if (c or d) else e
assert (x if a and b else y) or a < b < c, "text"
assert not (a or b < c < d), [[k for k in i] for i in j]
assert all(a or b for a in c if a), 1
def f(a):
    assert False, a or b
    if a: assert a and (b or not c), (yield a or b)
"""


def test_the_oracle_finds_the_same_outcomes_of_asserts_that_fail() -> None:
    compared, differences = compare_asserts(ASSERTS)
    assert (compared > 30, differences) == (True, [])
    for seed in range(4):
        assert compare_asserts(program(seed))[1] == []


#: Programs with the excluded outcomes in a comment on the line, each with the first letter of its condition.
LEADS_TO = {
    f"if a:  # true(a)\n    raise E{NO}\nx": "the body",
    f"if a:  # false(a)\n    x\nelse:{NO}\n    y": "else",
    f"if a:\n    x\nelse:\n    y{NO}\n    z": "a part of else alone",
    f"if a and b:  # true(b)\n    x{NO}\ny": "only the last operand of `and`",
    f"if a or b:  # true(a) true(b)\n    x{NO}\ny": "each operand of `or`",
    f"if a and b:  # false(a) false(b)\n    x\nelse:{NO}\n    y": "each operand of `and`",
    f"if a or b:  # false(b)\n    x\nelse:{NO}\n    y": "only the last operand of `or`",
    f"if not a:  # true(not a)\n    x{NO}\ny": "not",
    f"if a < b < c:  # true(b < c)\n    x{NO}\ny": "only the last link",
    f"if a < b < c:  # false(a < b) false(b < c)\n    x\nelse:{NO}\n    y": "each link",
    f"if (x if a else b):  # true(x if a else b)\n    x{NO}\ny": "a side of a conditional expression is tested, too",
    f"if b if a else 1 == 2:  # false(b if a else 1 == 2) false(a)\n    x\nelse:{NO}\n    y": "a constant side",
    f"if b if a else 1 == 2 and c:  # false(a) false(b if a else 1 == 2 and c)\n    x\nelse:{NO}\n    y": (
        "a side that a constant decides before anything in it is evaluated"
    ),
    f"if b if a else c and 1 == 2:  # false(b if a else c and 1 == 2)\n    x\nelse:{NO}\n    y": (
        "not a side in which something is evaluated"
    ),
    f"for a in b:  # exhausted(a in b)\n    x\nx{NO}": "what follows a loop",
    f"for a in b:\n    x\nx{NO}\ny": "not all of what follows a loop",
    f"for a in b:  # body(a in b)\n    x{NO}\ny": "the body of a loop",
    f"while a:  # false(a)\n    x\nelse:{NO}\n    y\nz": "else of a loop",
    f"for a in b:\n    if a:  # true(a)\n        x{NO}\n    y": "a body in a loop",
    "for a in b:\n    if a:\n        x": "the end of a loop's body, whose head stays",
    "def f():\n    for a in b:\n        x": "the end of a function",
    f"try:\n    x\nexcept A:  # match(A)\n    y{NO}": "a handler",
    f"try:\n    x\nexcept A:  # nomatch(A)\n    y\nexcept B:{NO}\n    z": "the next handler",
    f"try:\n    x\nexcept A:\n    y\nexcept B:{NO}\n    z\nexcept C:\n    z": "not all next handlers",
    f"try:\n    if a:  # false(a)\n        x\nfinally:{NO}\n    y": "finally, behind the end of the body",
    f"match a:\n    case 1:  # nomatch(1)\n        x\n    case _:{NO}\n        y": "the last case",
    f"match a:\n    case 1:  # match(1)\n        x{NO}\n    case 2:\n        y": "the body of a case",
    f"match a:\n    case 1:  # nomatch(1)\n        x\ny{NO}": "what follows a match",
    f"match a:\n    case [1, 2]:  # match(2) match([1, 2])\n        x{NO}\ny": "the last part of a pattern",
    f"match a:\n    case 1 | 2:  # nomatch(2) nomatch(1 | 2)\n        x\ny{NO}": "the last alternative",
    f"match a:\n    case 1 if b:  # true(b)\n        x{NO}\ny": "a guard",
    f"if a:\n    pass\nelif b:{NO}\n    x\nelse:\n    y": "not the rest of an `elif` that is excluded",
    "x = 1 if a else (b or c)": "nothing",
    "if a:  # true(a)\n    ...\nelse:\n    x": "a body that is only ...",
    "if a: ...  # true(a)\nelse: x": "the same on the line",
}


@pytest.mark.parametrize("text", LEADS_TO, ids=LEADS_TO.values())
def test_an_outcome_that_leads_only_to_excluded_code(text: str) -> None:
    lines = text.split("\n")
    expected = {
        (number, each)
        for number, line in enumerate(lines, 1)
        if "pragma" not in line
        for each in line.partition("  # ")[2].replace(") ", ")\n").split("\n")
        if each
    }
    found_map = found(text)
    assert {
        (
            branch.span.line,
            f"{outcome.name}({lines[branch.span.line - 1][branch.span.column : branch.span.end_column]})",
        )
        for branch in found_map.branches
        for outcome in branch.outcomes
        if outcome.reason == LEADS
    } == expected


def test_the_outcomes_that_follow_from_one() -> None:
    decisions = decide(Source("a.py", "if a or (b and c < d < e):\n    x", "file"))
    lines = {}
    for branch, node, link in zip(decisions.map.branches, decisions.nodes, decisions.links, strict=True):
        for outcome in branch.outcomes:
            follow = [f"{name}({ast.unparse(each)})" for each, name in implied(decisions, node, link, outcome.name)]
            lines[outcome.name, branch.kind, branch.span.column] = follow
    whole, rest = "a or (b and c < d < e)", "b and c < d < e"
    assert lines["true", "or", 3] == ["true(a)", f"true({whole})"] and lines["false", "or", 3] == ["false(a)"]
    assert lines["false", "and", 9] == ["false(b)", f"false({rest})", f"false({whole})"]
    assert lines["true", "compare", 15] == []
    assert lines["true", "compare", 19] == ["true(c < d < e)", f"true({rest})", f"true({whole})"]


def test_a_long_chain_of_elif_is_no_matter_of_recursion() -> None:
    text = "if a: x\n" + "elif a: x\n" * 900 + "y  # pragma: no cover\n"
    assert [outcome.excluded for outcome in found(text).branches[-1].outcomes] == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_what_ran_in_random_programs_was_no_unreachable_code(seed: int, tmp_path: Path) -> None:
    text, path = program(seed), tmp_path / "program.py"
    hits, _ = watched(Plain("program", text, str(path)))
    unreachable = {
        (branch.kind, tuple(branch.span), outcome.name)
        for branch in found(text).branches
        for outcome in branch.outcomes
        if outcome.reason == UNREACHABLE
    }
    covered = {(place.kind, place.span, name) for place, each in hits.items() for name, hit in each.items() if hit}
    assert unreachable & covered == set() and covered


def test_nothing_is_required_behind_a_loop_that_is_never_left() -> None:
    loop = "for x in a:\n    if x: return 1\n    else: return 2\n    {}\nelse:\n    return 3\nb if c else d"

    def required(text: str) -> bool:
        (last,) = (branch for branch in found(text).branches if branch.kind == "ifexp")
        return any(outcome.required and not outcome.excluded for outcome in last.outcomes)

    for end in ("break", "pass", "if x: break"):
        assert not required("def f():\n" + indent(loop.format(end), "    "))
    assert required("for x in a:\n    if x: break\nb if c else d")


def test_nothing_is_required_behind_a_loop_whose_break_a_finally_keeps_from_leaving() -> None:
    loop = "for x in a:\n    try:\n        if x: break\n    finally:\n        {}\nelse:\n    raise a\nb if c else d"

    def required(end: str) -> bool:
        (last,) = (
            each for each in found("def f():\n" + indent(loop.format(end), "    ")).branches if each.kind == "ifexp"
        )
        return any(outcome.required and not outcome.excluded for outcome in last.outcomes)

    assert [required(end) for end in ("raise x", "continue", "return x", "break", "print(x)")] == [False] * 3 + [
        True
    ] * 2
