"""The function that IPython makes of a ``%%timeit`` cell gets the places of the cell."""

from __future__ import annotations

import ast
import gc

from ipy_branchcov.model.source import Source
from ipy_branchcov.notebook.timed import ByIdentity, place_timeit

TEMPLATE = """\
def inner(_it, _timer):
    setup
    _t0 = _timer()
    for _i in _it:
        statement
    _t1 = _timer()
    return _t1 - _t0
"""
CELL = "%%branchcov\n%%timeit -n2 x = 1\n\ny = x or 2"


def made() -> ast.Module:
    """As IPython makes it: statements of the magic's line and of the cell, parsed by themselves, in its template."""
    tree = ast.parse(TEMPLATE)
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    loop = function.body[2]
    assert isinstance(loop, ast.For)
    loop.body = ast.parse("y = x or 2").body
    function.body[:1] = ast.parse("x = 1").body
    return tree


def test_statements_have_the_lines_and_columns_of_the_cell() -> None:
    tree = made()
    source = place_timeit(tree, "In [1]", CELL, lambda text: text.lstrip("\n"))
    assert source is not None
    lines = CELL.split("\n")
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    setup, _, loop, *_ = function.body
    assert isinstance(loop, ast.For)
    for node, text in ((setup, "x = 1"), (loop.body[0], "y = x or 2")):
        assert lines[node.lineno - 1][node.col_offset : node.end_col_offset] == text
    assert source.compiled is not None
    analysed = ast.parse(source.compiled)
    assert [ast.unparse(each) for each in analysed.body[1:]] == ["x = 1", "y = x or 2"]
    assert [each.lineno for each in analysed.body[1:]] == [2, 4]


def test_other_cells_are_left_alone() -> None:
    tree = made()
    before = ast.dump(tree, include_attributes=True)
    assert place_timeit(tree, "In [1]", "y = x or 2\n", lambda text: text) is None
    assert ast.dump(tree, include_attributes=True) == before


def test_code_is_known_as_long_as_it_exists() -> None:
    known, source = ByIdentity(), Source("In [1]", "def f(): return lambda: 1", "cell")
    code = compile(source.text, "<magic-timeit>", "exec")
    other = compile(source.text, "<magic-timeit>", "exec")
    known.add(code, source)
    assert known.get(code) is source and known.get(other) is None and len(known) == 3
    del code
    gc.collect()
    assert len(known) == 0
