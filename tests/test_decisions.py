"""Every row of the branch model, and every exception from it: kinds, spans, outcomes, functions, reasons."""

from __future__ import annotations

import sys

import pytest

from ipy_branchcov.analysis.decisions import decide
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.source import Source


def branches(text: str, policy: Policy | None = None) -> tuple[Branch, ...]:
    return decide(Source("a", text), policy).map.branches


def found(text: str) -> list[str]:
    """``kind text`` of each branch in source order; those counted by their operands alone are left out."""
    source = Source("a", text)
    return [f"{each.kind} {cut(source, each)}" for each in branches(text) if each.outcomes[0].reason != OPERANDS]


OPERANDS = "counted by its operands"


def cut(source: Source, branch: Branch) -> str:
    lines = source.text.split("\n")[branch.span.line - 1 : branch.span.end_line]
    lines[-1] = lines[-1][: branch.span.end_column]
    lines[0] = lines[0][branch.span.column :]
    return "\n".join(lines)


CASES = {
    "if a: pass\nelif b: pass": ["if a", "if b"],
    "while a: pass": ["while a"],
    "x = 1 if a else 2": ["ifexp a"],
    "assert a, b": ["assert a"],
    "[x for x in y if a if b]": ["comp-for x in y", "comp-if a", "comp-if b"],
    "match x:\n case 1 if a: pass": ["pattern 1", "guard a"],
    "if a and b or c: pass": ["and a", "and b", "or c"],
    "x = a and b or c": ["and a", "and b", "or c"],
    "x = a or b": ["or a", "or b"],
    "x = not (a or b)": ["or a", "or b"],
    "if not (a or b): pass": ["or a", "or b"],
    "x = (a or b) and c": ["or a", "or b", "and c"],
    "f(a or b) and c": ["and f(a or b)", "or a", "or b", "and c"],
    "if f(a or b): pass": ["if f(a or b)", "or a", "or b"],
    "if (y := a or b): pass": ["if y := a or b", "or a", "or b"],
    "if (a or b) if c else d: pass": ["if (a or b) if c else d", "or a", "or b", "ifexp c"],
    "if a < b < c: pass": ["compare a < b", "compare b < c"],
    "x = a < b < c": ["compare a < b", "compare b < c"],
    "x = a < b < c and d": ["compare a < b", "compare b < c", "and d"],
    "x = a < b": [],
    "for x in y: pass\nelse: pass": ["for x in y"],
    "async def f():\n async for x in y: pass": ["async-for x in y"],
    "{x: 1 for x, z in y}": ["comp-for x, z in y"],
    "async def f():\n [x async for x in y]": ["async-comp-for x in y"],
    "try: pass\nexcept A: pass\nexcept (B, C) as e: pass": ["except A", "except (B, C)"],
    "try: pass\nexcept* A: pass": ["except* A"],
    "try: pass\nexcept: pass": [],
    "with a as b, c: pass": ["with a", "with c"],
    "async def f():\n async with a: pass": ["async-with a"],
    # --- patterns
    "match x:\n case 1: pass\n case _: pass": ["pattern 1"],
    "match x:\n case y: pass": [],
    "match x:\n case [1, y, *_]: pass": ["pattern [1, y, *_]", "pattern 1"],
    "match x:\n case {'k': 1, **r}: pass": ["pattern {'k': 1, **r}", "pattern 1"],
    "match x:\n case A(1, z=2): pass": ["pattern A(1, z=2)", "pattern 1", "pattern 2"],
    "match x:\n case 1 | 2 as y: pass": ["pattern 1 | 2", "pattern 1", "pattern 2"],
    "match x:\n case a.b | None: pass": ["pattern a.b | None", "pattern a.b", "pattern None"],
    # --- constants
    "if 1: pass\nwhile True: pass": [],
    "if not 0: pass\nif __debug__: pass": [],
    "if a and 1: pass": ["and a"],
    "x = 1 if (0 or 1) else 2": [],
    "assert False, 'never'": [],
    "if 'text' and a: pass": ["and a"],
    # --- no branches
    "[y for x in z for y in [f(x)]]": ["comp-for x in z"],
    "def f(x: a or b) -> c if d else e: y: a and b = 1": [],
    "async def f(): await x\ndef g(): yield from x": [],
    # --- places
    "x = f'{a or b}'": ["or a", "or b"],
    "def f(x=a or b): pass": ["or a", "or b"],
    "@(a or b)\ndef f(): pass": ["or a", "or b"],
    "lambda: a or b": ["or a", "or b"],
    "é = ö or 'ü'; x = a or b": ["or ö", "or a", "or b"],
    "x = (a\n     or b\n     or c)": ["or a", "or b", "or c"],
}


@pytest.mark.parametrize("text", CASES)
def test_kinds_and_spans(text: str) -> None:
    assert found(text) == CASES[text]


def test_spans_are_in_characters() -> None:
    first, _ = branches("'äöü'; 名 = 'é' + (变 or b)")
    assert first.span == (1, 18, 1, 19)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("a or b", ""),
        ("def f():\n a or b", "f"),
        ("class A:\n a or b\n", "A"),
        ("class A:\n def f(self):\n  a or b", "A.f"),
        ("def f():\n def g():\n  a or b", "f.<locals>.g"),
        ("def f(x=a or b): pass", ""),
        ("class A:\n def f(self, x=a or b): pass", "A"),
    ],
)
def test_functions(text: str, function: str) -> None:
    assert {branch.function for branch in branches(text)} == {function}


ASSERTS = "asserts are not expected to fail"
REASONS = {
    "assert a": {"assert": ("", ASSERTS)},
    "assert a and b": {"assert": (OPERANDS, OPERANDS), "and": ("", ASSERTS)},
    "assert not a": {"assert": ("", ASSERTS)},
    "try: pass\nexcept A: pass": {"except": ("", "no exception that nobody handles is expected")},
    "with a: pass": {"with": ("an exception in the block is not expected",) * 2},
    "if a or b: pass": {"if": (OPERANDS, OPERANDS), "or": ("", "")},
    "if not (a or b): pass": {"if": (OPERANDS, OPERANDS), "or": ("", "")},
    "if a < b < c: pass": {"if": (OPERANDS, OPERANDS), "compare": ("", "")},
    "if a < b: pass": {"if": ("", "")},
}


@pytest.mark.parametrize("text", REASONS)
def test_optional_outcomes_have_their_reasons(text: str) -> None:
    for branch in branches(text):
        assert tuple(outcome.reason for outcome in branch.outcomes) == REASONS[text][branch.kind], branch


@pytest.mark.parametrize(
    "message",
    [
        "a or b",
        "f'{a if b else c}'",
        "[i for i in j if i]",
        "(lambda: a and b)()",
        "a < b < c",
        "(a and b or c, not d)",
    ],
)
def test_only_a_failure_reaches_the_message_of_an_assert(message: str) -> None:
    _, *inside = branches(f"assert x, {message}")
    assert inside and not any(outcome.required for branch in inside for outcome in branch.outcomes)
    assert ASSERTS in {outcome.reason for branch in inside for outcome in branch.outcomes}
    required = [branch for branch in branches(f"assert {message}, 1") if any(each.required for each in branch.outcomes)]
    assert required


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type` statements are of 3.12")
@pytest.mark.parametrize("value", ["a if b else c", "list[a or b]", "lambda: a and b", "a < b < c"])
def test_the_value_of_a_type_alias_holds_no_branches(value: str) -> None:
    assert not branches(f"type X = {value}\nclass A:\n type Y[T: (a or b)] = {value}\n")
    assert branches(f"X = {value}")


def test_only_the_last_handler_may_let_go() -> None:
    first, last = branches("try: pass\nexcept A: pass\nexcept B: pass")
    assert [outcome.required for outcome in (*first.outcomes, *last.outcomes)] == [True, True, True, False]


def test_a_kind_can_be_made_optional_or_required() -> None:
    policy = Policy(frozenset({"for"}), frozenset({"with"}), ())
    loop, manager = branches("for x in y:\n  with a: pass", policy)
    assert [outcome.required for outcome in (*loop.outcomes, *manager.outcomes)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("text", "excluded"),
    [
        ("x = a or b  # pragma: no cover", [True, True]),
        ("if a:  # pragma: no cover\n  x = b or c\ny = d or e", [True, True, True, False, False]),
        ("def f():  # pragma: no cover\n  x = b or c\n  return x", [True, True]),
        ("if a:  # pragma: no branch\n  x = b or c", [True, False, False]),
        ("x = '# pragma: no cover' or a", []),
        ("if TYPE_CHECKING:\n  x = a or b", [True, True, True]),
    ],
)
def test_pragmas(text: str, excluded: list[bool]) -> None:
    policy = Policy(frozenset(), frozenset(), ("if TYPE_CHECKING:",))
    assert [branch.outcomes[0].excluded for branch in branches(text, policy)] == excluded
