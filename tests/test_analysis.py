"""The parts of the analysis, each alone: places, names, patterns, constants, staleness, what no edge can show."""

from __future__ import annotations

import ast
import contextlib
import sys
import tempfile
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from _pytest.assertion.rewrite import rewrite_asserts

from ipy_branchcov.analysis.branches import find_branches
from ipy_branchcov.analysis.decisions import decide
from ipy_branchcov.analysis.mapper import REWRITTEN, Mapper
from ipy_branchcov.analysis.names import names
from ipy_branchcov.analysis.patterns import Patterns
from ipy_branchcov.analysis.positions import Positions
from ipy_branchcov.analysis.shared_ends import SharedEnd, shared_ends
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.analysis.staleness import CompiledSource, asserts_rewritten
from ipy_branchcov.analysis.unobservable import NO_CODE, unobservable
from ipy_branchcov.analysis.value_exits import ValueNodes
from ipy_branchcov.bytecode.decode import Bytecode, _stands_for_statement, code_objects, lines_by_offset, reraises
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.truth import assigned_in_comprehension, composite, constant, refutable, settled

#: Whether constants are computed when the jumps are made.
LATE = sys.version_info >= (3, 14)


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def compiled(text: str) -> CodeType:
    return compile(text, "a", "exec", dont_inherit=True)


def test_positions_name_the_innermost_node() -> None:
    positions = Positions(ast.parse("é = a or b\nx.\\\n y()"))
    assert isinstance(positions.node((1, 1, 5, 6)), ast.Name)
    assert isinstance(positions.node((1, 1, 5, 11)), ast.BoolOp)
    assert isinstance(positions.node((3, 3, 1, 4)), ast.Call)  # a method's call on several lines starts at its name
    assert positions.node((1, 1, 5, 7)) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [("a and b.c[d]", ("a", "b.c", "b", "d")), ("(x := y) > x", ("x", "y")), ("f(1)", ("f",))],
)
def test_names_in_an_expression(text: str, found: tuple[str, ...]) -> None:
    assert names(expression(text)) == found


def test_names_in_the_condition_of_a_statement() -> None:
    loop, handler, manager = (
        ast.walk(ast.parse("for x in y: z")),
        ast.parse("try: a\nexcept E: b"),
        ast.parse("with m: c"),
    )
    assert names(next(node for node in loop if isinstance(node, ast.For))) == ("x", "y")
    assert names(handler.body[0].handlers[0]) == ("E",)  # type: ignore[attr-defined]
    assert names(manager.body[0].items[0]) == ("m",)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "truth", "before"),
    [
        ("1", True, True),
        ("not 0", True, True),
        ("x or True", True, None),
        ("True or x", True, True),
        ("0 and x", False, False),
        ("x and 1", None, None),
        ("x if 1 else 2", None, None),
        ("1 if x else 2", True, None),
        # Later compilers compute these only when the jumps are made, and a comparison never.
        *((text, True, None if LATE else True) for text in ("(1, 2)", "-1", "24 * 60", "'ab'[1]")),
        ("1 < 2 < 3", True, None),
        ("None is not None", False, None),
        ("1 / 0", None, None),
        ("9 ** 9 ** 9", None, None),
        ("[] or ()", None, None),
    ],
)
def test_truth_by_form(text: str, truth: bool | None, before: bool | None) -> None:
    """``constant`` as far as the test depends on it; ``settled`` before anything else is evaluated."""
    assert (constant(expression(text)), settled(expression(text))) == (truth, before)


def test_forms_of_patterns_tests_and_clauses() -> None:
    (match,) = ast.parse("match x:\n case [a] | b: pass\n case c: pass\n case 1: pass").body
    assert isinstance(match, ast.Match)
    assert [refutable(case.pattern) for case in match.cases] == [False, False, True]
    assert [composite(expression(text)) for text in ("not (a or b)", "a < b < c", "a < b", "f(a or b)")] == [
        True,
        True,
        False,
        False,
    ]
    clauses = [expression(f"[x for y in z for x in {text}]").generators[1] for text in ("[y]", "[*y]", "[y, y]")]  # type: ignore[attr-defined]
    assert [assigned_in_comprehension(clause) for clause in clauses] == [True, False, False]


def test_sites_lead_from_a_truth_to_all_tests_that_it_decides() -> None:
    decisions = find_branches(Source("a", "if not (a or b) and c: pass")).decisions
    assert isinstance(decisions, Decisions)
    (a,) = (node for node in ast.walk(decisions.tree) if isinstance(node, ast.Name) and node.id == "a")
    assert [type(node).__name__ for node, _ in decisions.implied(a, True)] == ["Name", "BoolOp", "UnaryOp", "BoolOp"]
    assert [truth for _, truth in decisions.implied(a, True)] == [True, True, False, False]
    assert [node for node, _ in decisions.implied(a, False)] == [a]
    assert decisions.in_condition(a) and not decisions.in_condition(decisions.tree.body[0])
    number = decisions.site(a)
    assert number is not None and decisions.map.branches[number].kind == "or"
    assert decisions.outcome(number, "false") == (number, 1)


def test_patterns_of_a_case() -> None:
    text = "def f(x):\n    match x:\n        case [1, b] if b:\n            pass\n"
    analysis = find_branches(Source("a", text))
    (code,) = (each for each in compiled(text).co_consts if isinstance(each, CodeType))
    bytecode = Bytecode(code)

    def node_of(instruction: object) -> ast.AST | None:
        return None if instruction is None else analysis.positions.node(instruction.position)  # type: ignore[attr-defined]

    patterns = Patterns(analysis.decisions, bytecode, node_of)
    jumps = [each for each in bytecode.instructions if each.conditional]
    found = [patterns.of(jump) for jump in jumps]
    assert {type(each) for each in found if each} == {ast.MatchSequence, ast.MatchValue}
    assert found[-1] is None  # the guard
    (guard,) = (n for n in ast.walk(analysis.decisions.tree) if isinstance(n, ast.Name) and n.lineno == 3)
    assert patterns.in_guard(guard) and isinstance(patterns.case_of(guard), ast.match_case)
    sequence = next(each for each in found if isinstance(each, ast.MatchSequence))
    assert not patterns.in_guard(sequence)
    assert len(list(patterns.unmatched(next(each for each in found if isinstance(each, ast.MatchValue))))) == 2


def test_a_code_object_belongs_to_the_text_it_was_compiled_from() -> None:
    text = "def f(x):\n    return 1 if x else 2\n"
    known = CompiledSource.of(Source("a", text, "file"))
    assert known is not None and known.lines == {1, 2}

    def owned(text: str) -> bool:
        return all(known.owns(each) for each in compiled(text).co_consts if isinstance(each, CodeType))  # type: ignore[union-attr]

    assert owned(text)
    assert owned("def f(x):\n    log(x); return 1 if x else 2\n")  # as an import hook may add it
    assert not owned(f"\n{text}")
    assert not owned("def f(x):\n    return 1 if x else 3\n")
    assert not owned("def f(y):\n    return 1 if y else 2\n")
    assert CompiledSource.of(Source("a", "def", "file")) is None


def test_asserts_that_pytest_rewrote() -> None:
    assert asserts_rewritten(test_asserts_that_pytest_rewrote.__code__)
    assert not asserts_rewritten(compiled("assert x"))


def test_code_in_place_of_an_assert_means_nothing() -> None:
    """Its message is as the author wrote it."""
    text = "def f(x, y):\n    assert x == 1 or y, 'a' if x else 'b'\n    return 1 if x else 2\n"
    tree = ast.parse(text)
    rewrite_asserts(tree, text.encode())
    code = compile(tree, "a.py", "exec").co_consts
    (function,) = (each for each in code if isinstance(each, CodeType) and each.co_name == "f")
    analysis = find_branches(Source("a.py", text, "file"), [function])
    code_map = analysis.of(function)
    mapped = {analysis.map.branches[number].span.line for each in code_map.outcomes.values() for number, _ in each}
    kinds = {analysis.map.branches[number].kind for each in code_map.outcomes.values() for number, _ in each}
    assert (mapped, kinds) == ({2, 3}, {"ifexp"})
    assert REWRITTEN in code_map.ignored.values() and not code_map.unknown


def test_outcomes_that_no_edge_shows_have_their_reasons() -> None:
    text = "def f(x):\n    return 1\n    if x: pass\ny = not (a or 1) and b\nif a: pass\n"
    analysis = find_branches(Source("a", text))
    found = {
        (each.branch.span.line, each.branch.kind): each.reason for each in unobservable(analysis, [compiled(text)])
    }
    assert found[3, "if"] == NO_CODE
    assert all(reason for reason in found.values())
    assert not any(line == 5 for line, _ in found)


def test_the_exits_of_one_code_object() -> None:
    decisions = decide(Source("x", "y if x else z", "file", "/x"))
    bytecode = Bytecode(compile("y if x else z", "/x", "eval"))
    found = Mapper(decisions, Positions(decisions.tree), ValueNodes(decisions), bytecode).map()
    (jump,) = (each for each in bytecode.instructions if each.conditional)
    names = [outcome.name for outcome in decisions.map.branches[0].outcomes]
    exits = {jumped: [names[outcome] for _, outcome in found.outcomes[jump.offset, jumped]] for jumped in (True, False)}
    assert exits == {True: ["false"], False: ["true"]}


def test_jump_to_itself_behind_a_comparison() -> None:
    """`while True: pass` is a jump to itself, and is followed once."""
    text = "def f(x):\n    if x == 1:\n        while True: pass\n    return 2\n"
    analysis = find_branches(Source("a.py", text, "file"), [compiled(text)])
    assert [branch.kind for branch in analysis.decisions.map.branches] == ["if"]


def test_where_311_may_leave_no_code_at_the_end_of_a_finally() -> None:
    inside = "    g()\n    if a:\n        h()\n        if 0:\n            i()\n    while 0:\n        j()\n"
    text = f"try:\n    f()\nfinally:\n{inside}"
    found = shared_ends(decide(Source("a.py", text, "file")).live)
    on_311 = [SharedEnd(7, 6, False), SharedEnd(9, 5, False)]
    assert found == (on_311 if sys.version_info < (3, 12) else [])


@pytest.mark.parametrize("module", [contextlib, tempfile])
def test_no_line_is_that_of_code_which_raises_again(module: ModuleType) -> None:
    """Each instruction is asked here; where lines are read, only those near a RERAISE."""
    text = Path(str(module.__file__)).read_text("utf-8")
    given_a_line = 0
    for code in code_objects(compile(text, "m.py", "exec", dont_inherit=True)):
        given = {at: line for start, end, line in code.co_lines() for at in range(start, end, 2)}
        raw = code.co_code
        again = {at for at in given if reraises(raw, at) and not _stands_for_statement(given, raw, at)}
        lines = lines_by_offset(code)
        assert {lines[at] for at in again} <= {None}
        given_a_line += sum(given[at] is not None for at in again)
    assert given_a_line > 0
