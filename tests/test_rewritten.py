"""Code that another tool made of a text: its syntax tree with calls around each expression, as birdseye makes it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from ipy_branchcov.analysis.branches import find_branches
from ipy_branchcov.analysis.rewritten import is_rewritten, unprovable
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.measure import BY_OTHERS
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

PROGRAM = """\
def f(x, y, z):
    if x and (y or z):
        return 1
    elif not x or z:
        return 2 if y else 3
    for i in range(x):
        if i > 1:
            break
    return [k for k in range(3) if k] or x
"""
#: What can stand above it.
DECORATORS = "def same(function): return function\n@same\n@(\n    same\n)\n"
#: Arguments that cover a part of it: of the last operand of the first test, only True.
CALLS = ((1, 1, 0), (1, 0, 1), (0, 1, 0), (5, 0, 0))


class _Passed(ast.NodeTransformer):
    """Passes each expression to a function that returns it, and puts each loop below a ``with``."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list = []  # as typeguard's own decorator is left out where it compiles what it decorates
        return self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.For):
            manager = ast.Call(ast.Name("below", ast.Load()), [], [])
            return ast.copy_location(ast.With([ast.withitem(manager)], [node]), node)
        if not isinstance(node, ast.expr) or isinstance(getattr(node, "ctx", None), ast.Store):
            return node
        return ast.copy_location(ast.Call(ast.Name("passed", ast.Load()), [node], []), node)


class _Below:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


def rewritten(text: str, path: Path) -> FunctionType:
    tree = ast.fix_missing_locations(_Passed().visit(ast.parse(text)))
    names: dict[str, Any] = {"passed": lambda value: value, "below": _Below}
    exec(compile(tree, str(path), "exec"), names)
    function = names["f"]
    assert isinstance(function, FunctionType)
    return function


def misses(coverage: SourceCoverage) -> set[tuple[int, int, str]]:
    return {
        (branch.span.line, branch.span.column, outcome.name)
        for branch in coverage.branches
        for outcome in branch.outcomes
        if outcome.required and not outcome.hits
    }


@pytest.mark.parametrize("tracer", tracers())
@pytest.mark.parametrize(("above", "counts"), [("", False), ("", True), (DECORATORS, False)])
def test_nothing_is_missed_that_rewritten_code_covers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracer: str, above: str, counts: bool
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # what is known of a file is kept beside its byte code
    path = tmp_path / "program.py"
    path.write_text(text := above + PROGRAM)
    plain: dict[str, Any] = {}
    exec(compile(text, str(path), "exec"), plain)

    def measured(function: Callable[..., object]) -> SourceCoverage:
        session = Session(RunOptions(tracer=tracer, counts=counts))
        session.add_source(str(path))
        with session.measuring() as run:
            for arguments in CALLS:
                function(*arguments)
        (source,) = run.coverage
        return source

    expected = measured(plain["f"])
    for _ in range(2):  # with what the first run has kept of the file
        found = measured(rewritten(text, path))
        check(found, expected, 2 + above.count("\n"))
        assert found.totals.covered >= 12, found.totals


def test_which_code_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    analysis = find_branches(Source("program.py", PROGRAM, "file", path=str(path)))
    plain: dict[str, Any] = {}
    exec(compile(PROGRAM, str(path), "exec"), plain)
    theirs = rewritten(PROGRAM, path).__code__
    assert not is_rewritten(analysis, plain["f"].__code__)
    assert unprovable(analysis, plain["f"].__code__) == set()
    assert is_rewritten(analysis, theirs)
    assert unprovable(analysis, theirs)


def check(found: SourceCoverage, expected: SourceCoverage, line: int) -> None:
    unknown = {
        (branch.span.line, branch.span.column, outcome.name)
        for branch in found.branches
        for outcome in branch.outcomes
        if outcome.reason == BY_OTHERS
    }
    assert misses(found) == misses(expected) - unknown
    assert (line, 19, "false") in unknown  # the value of z goes to a function, and nothing tests it there
    covered = {(b.key, o.name) for b in found.branches for o in b.outcomes if o.hits}
    assert covered <= {(b.key, o.name) for b in expected.branches for o in b.outcomes if o.hits}
