"""Each quirk of the compiler, in code that has it: what the exits of its jumps mean, and which jumps are no branch.

A test has the name of its function and fails where that function does nothing.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ipy_branchcov.analysis import quirks
from ipy_branchcov.analysis.branches import find_branches
from ipy_branchcov.analysis.codemap import OutcomeNumber
from ipy_branchcov.bytecode.decode import Bytecode, ExitEdge, Instruction, code_objects
from ipy_branchcov.model.source import Source

ON_DEMAND = "an annotation, evaluated on demand"
INLINED = "the loop of an inlined all(), any() or tuple()"
RERAISED = "re-raising what no except* matched"
WAITING = "waiting for another coroutine or generator"
#: Instructions on the way from a jump to what runs next in the source.
ON_THE_WAY = frozenset({"NOT_TAKEN", "POP_TOP", "NOP", "END_FOR", "POP_ITER"})

deferred = pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are deferred from 3.14 on")
joined = pytest.mark.skipif(sys.version_info < (3, 13), reason="two loads are one instruction from 3.13 on")


@dataclass
class Meanings:
    """What the jumps of a program mean.

    ``leads``: for each outcome, as ``kind text: outcome``, the lines where its exits lead. ``shared``: outcomes of
    exits that mean them after one other test alone. ``ignored``: the reasons why the other jumps are no branch.
    """

    leads: dict[str, set[int | None]] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    ignored: list[str] = field(default_factory=list)


def meanings(text: str) -> Meanings:
    """The analysis of a program's compiled code. No jump of it is unknown."""
    source = Source("program", text)
    program = compile(text, source.name, "exec", dont_inherit=True)
    analysis = find_branches(source, [program])
    branches = analysis.decisions.map.branches

    def words(number: OutcomeNumber) -> str:
        branch = branches[number[0]]
        found = text.split("\n")[branch.span.line - 1][branch.span.column : branch.span.end_column]
        return f"{branch.kind} {found}: {branch.outcomes[number[1]].name}"

    result = Meanings()
    for code in code_objects(program):
        code_map = analysis.of(code)
        assert code_map.unknown == {}
        result.ignored += code_map.ignored.values()
        for exit_edge, outcomes in code_map.outcomes.items():
            for outcome in outcomes:
                result.leads.setdefault(words(outcome), set()).add(line_behind(code_map.bytecode, exit_edge))
        for came in code_map.shared_jumps.values():
            result.shared |= {words(outcome) for outcomes in came.values() for outcome in outcomes}
    return result


def line_behind(bytecode: Bytecode, exit_edge: ExitEdge) -> int | None:
    """The line where an exit leads."""
    jump = bytecode.at[exit_edge[0]]
    to = bytecode.at.get(jump.target or -1) if exit_edge[1] else bytecode.following(jump)
    while to is not None and to.name in ON_THE_WAY:
        to = bytecode.following(to)
    return None if to is None else to.position[0]


def two_sided(*tests: str) -> set[str]:
    """Both outcomes of some conditions."""
    return {f"{test}: {outcome}" for test in tests for outcome in ("true", "false")}


def functions() -> Iterator[str]:
    """The names of the public functions of quirks."""
    for name, value in vars(quirks).items():
        if inspect.isfunction(value) and value.__module__ == quirks.__name__ and not name.startswith("_"):
            yield name


def test_each_function_has_its_test() -> None:
    names = list(functions())
    assert "send_loop" in names
    assert [name for name in names if not callable(globals().get(f"test_{name}"))] == []


# --- jumps that are no branch


def test_ignored() -> None:
    found = meanings("def f(x):\n    yield from x\n    if x:\n        g()\n    h()\n")
    assert found.ignored == [WAITING]
    assert found.leads == {"if x: true": {4}, "if x: false": {5}}


def test_send_loop() -> None:
    found = meanings("async def f(x):\n    await x\n\ndef g(x):\n    yield from x\n")
    assert (found.leads, found.ignored) == ({}, [WAITING, WAITING])


def test_group_reraise() -> None:
    found = meanings("try:\n    a()\nexcept* KeyError:\n    b()\nexcept* ValueError:\n    c()\n")
    assert found.ignored == [RERAISED]
    assert found.leads.keys() == {
        "except* KeyError: match",
        "except* KeyError: nomatch",
        "except* ValueError: match",
        "except* ValueError: nomatch",
    }


@deferred
def test_annotation_format() -> None:
    found = meanings("class A:\n    x: int\n")
    assert (found.leads, found.ignored) == ({}, [ON_DEMAND])


def test_annotation() -> None:
    found = meanings("def f(x: a or b) -> (c if d else e):\n    pass\n")
    assert found.leads == {}
    assert found.ignored.count("inside an annotation") == 2
    found = meanings("if a:\n    x: int = 1\n")
    assert found.leads.keys() == two_sided("if a")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="all() is inlined from 3.14 on")
def test_inlined_builtin() -> None:
    found = meanings("def f(x):\n    return all(v for v in x)\n")
    assert set(found.ignored) == {INLINED}
    assert found.leads.keys() == {"comp-for v in x: body", "comp-for v in x: exhausted"}
    (branch,) = meanings("def f(x):\n    return all([v for v in x])\n").leads.keys() - {"comp-for v in x: body"}
    assert branch == "comp-for v in x: exhausted"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="all() is inlined from 3.14 on")
def test_inlined_result() -> None:
    """On which exits of jumps the loop of a call ends, with what the call then returns."""
    for call, ends in {"all": {False, True}, "any": {True, False}, "tuple": set()}.items():
        text = f"def f(x):\n    return {call}(v for v in x)\n"
        program = compile(text, "a.py", "exec", dont_inherit=True)
        analysis = find_branches(Source("a.py", text), [program])
        code = next(each for each in code_objects(program) if each.co_name == "f")
        bytecode, parents = Bytecode(code), analysis.decisions.parents

        def node_of(instruction: Instruction | None, analysis: Any = analysis) -> ast.AST | None:
            return None if instruction is None else analysis.positions.node(instruction.position)

        jumps = [each for each in bytecode.instructions if each.conditional]
        found = [
            (jump.name, quirks.inlined_result(bytecode, (jump.offset, jumped), node_of, parents))
            for jump in jumps
            for jumped in (True, False)
        ]
        results = {name: ended[1] for name, ended in found if ended is not None}
        assert set(results.values()) == ends
        assert not ends or results["FOR_ITER"] is (call == "all")


# --- chains of comparisons


def test_chain_clean_up() -> None:
    """One jump tests what both links of a chain left: the value of the chain."""
    found = meanings("def f(a, b, c, d):\n    return (a < b < c) and d\n")
    assert found.shared == two_sided("and a < b < c")
    assert found.leads.keys() == two_sided("compare a < b", "compare b < c", "and a < b < c")


def test_starts_clean_up() -> None:
    """A false link's value is tested again behind the clean-up, so the operator's outcome is not that link's."""
    text = "def f(a, b, c, d):\n    return ((a < b < c)\n        or\n        d)\n"
    found = meanings(text)
    assert found.leads["compare a < b: false"].isdisjoint(found.leads["or a < b < c: false"])
    assert found.leads["or a < b < c: false"] == {4}
    assert found.shared == two_sided("or a < b < c")


def test_link_of() -> None:
    found = meanings("def f(a, b, c):\n    if a < b() < c:\n        return 1\n    return 2\n")
    assert found.leads.keys() == two_sided("compare a < b()", "compare b() < c", "if a < b() < c")
    # On 3.11 a true last link jumps over the clean-up first.
    assert found.leads["compare b() < c: true"] <= {2, 3}
    assert found.leads["compare b() < c: false"] == {4}
    assert found.leads["compare a < b(): true"] == {2}


# --- negations


def test_compared() -> None:
    text = "def f(a, b, c, d):\n    return (((not not (a == b)) if c else d)\n        and\n        b)\n"
    found = meanings(text)
    assert found.leads.keys() == two_sided("and (not not (a == b)) if c else d", "ifexp c")
    assert found.leads["and (not not (a == b)) if c else d: true"] == {4}


@pytest.mark.parametrize("operator", ["in", "not in", "is", "is not"])
def test_inverted(operator: str) -> None:
    test = f"if not (a {operator} b)"
    found = meanings(f"def f(a, b):\n    {test}:\n        return 1\n    return 2\n")
    assert found.leads == {f"{test}: true": {3}, f"{test}: false": {4}}


def test_folded_negations() -> None:
    text = "def f(a, b):\n    return (((not not True) if a else b)\n        and\n        b)\n"
    found = meanings(text)
    assert found.leads.keys() == two_sided("and (not not True) if a else b", "ifexp a")
    assert found.leads["and (not not True) if a else b: true"] == {4}


def test_keeps() -> None:
    """An operator's jump that leads to where its value is dropped leaves the value behind."""
    text = "def f(a, b, c):\n    a and (b if c else (b or c or d()))\n"
    program = compile(text, "program", "exec", dont_inherit=True)
    code_map = find_branches(Source("program", text), [program]).of(program.co_consts[0])
    left = sorted(
        "jump" if code_map.bytecode.at[offset].conditional else "load or call" for offset, _ in code_map.values
    )
    assert left == ["jump", "jump", "load or call", "load or call"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="constants that are dropped are loaded before 3.12")
def test_loaded() -> None:
    """The test shows a constant that nobody wants; what is returned behind it, None, is another one."""
    found = meanings("def f(a, b):\n    a and (True if b else False)\n")
    assert "and True if b else False: true" in found.leads


# --- two loads in one instruction


@joined
def test_loads_two() -> None:
    found = meanings("def f(a):\n    return [v for v in a if v is not None if v]\n")
    loop = {"comp-for v in a: body", "comp-for v in a: exhausted"}
    assert found.leads.keys() == two_sided("comp-if v is not None", "comp-if v") | loop
    found = meanings("def f(a, b):\n    if a < b < 3:\n        return 1\n    return 2\n")
    assert found.leads["compare a < b: true"] == {2}
    assert found.leads["compare b < 3: true"] == {3}


@joined
def test_evaluated_first() -> None:
    found = meanings("def f(a, w):\n    return [v for v in a if v and w]\n")
    loop = {"comp-for v in a: body", "comp-for v in a: exhausted"}
    assert found.leads.keys() == two_sided("and v", "and w", "comp-if v and w") | loop
    found = meanings("def f(a):\n    return [v for v in a if (v or 1) and v]\n")
    assert found.ignored == ["part of a test that is constant"]
    assert found.leads.keys() == two_sided("and v", "comp-if (v or 1) and v") | loop


# --- exceptions, truth


def test_handler_test() -> None:
    found = meanings("try:\n    a()\nexcept KeyError:\n    b()\nexcept ValueError:\n    c()\nd()\n")
    assert found.leads["except KeyError: match"] == {4}
    assert found.leads["except KeyError: nomatch"] == {5}
    assert found.leads["except ValueError: match"] == {6}
    assert found.leads.keys() == {f"except {e}: {o}" for e in ("KeyError", "ValueError") for o in ("match", "nomatch")}


@pytest.mark.parametrize("prefix", ["", "async "])
def test_with_exit(prefix: str) -> None:
    """Each manager of a block has a jump of its own, in the right place."""
    found = meanings(f"async def f():\n    {prefix}with a as x, b:\n        c()\n    d()\n")
    kind = f"{prefix.strip()}-with" if prefix else "with"
    assert found.leads.keys() == {f"{kind} {m}: {o}" for m in "ab" for o in ("suppressed", "propagated")}
    assert set(found.ignored) <= {WAITING}


def test_async_end() -> None:
    text = "async def f(a):\n    async for b in a:\n        c()\n    d()\n"
    assert meanings(text).leads == {"async-for b in a: body": {2}, "async-for b in a: exhausted": {4}}


def test_tests_true() -> None:
    found = meanings("def f(a, b):\n    if a or b:\n        return 1\n    return 2\n")
    assert found.leads["or a: true"] == found.leads["or b: true"] == found.leads["if a or b: true"] == {3}
    assert found.leads["or a: false"] == {2}
    assert found.leads["or b: false"] == found.leads["if a or b: false"] == {4}
    found = meanings("def f(a):\n    while a is not None:\n        a = g(a)\n    return a\n")
    assert 3 in found.leads["while a is not None: true"]
    assert 4 in found.leads["while a is not None: false"]
