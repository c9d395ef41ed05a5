"""Code objects are found among the lambdas and one-line functions of the text, on one line and in each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ipy_branchcov.analysis.functions import Functions
from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.model.regions import regions
from ipy_branchcov.model.source import Source
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers

TEXT = """\
f = lambda: 1, lambda é='ü': lambda: [2 for x in é], lambda a=(lambda: 3): (a,
    a)
@str
def g(): return 4
def h():
    return 5
class C: k = lambda self: (lambda: self)
"""


def test_each_code_object_has_its_function() -> None:
    source = Source("a.py", TEXT, "file")
    tree = source.tree()
    functions = Functions(regions(tree, source.span))
    found = []
    for code in code_objects(compile(TEXT, "a.py", "exec")):
        found += [ast.unparse(function) for function in functions.of(code)]
    expected = [
        *("lambda: 1", "lambda é='ü': lambda: [2 for x in é]", "lambda: [2 for x in é]", "lambda: 3"),
        *("lambda a=lambda: 3: (a, a)", "@str\ndef g():\n    return 4", "lambda self: lambda: self", "lambda: self"),
    ]
    assert sorted(found) == sorted(expected)


def test_code_without_columns_can_be_any_of_its_line() -> None:
    tree = ast.parse("f = lambda: a, lambda: b")
    functions = Functions(regions(tree, Source("a.py", "f = lambda: a, lambda: b").span))
    (_, first, _) = code_objects(compile(tree, "a.py", "exec"))
    assert len(functions.of(first)) == 1
    assert len(functions.of(first.replace(co_linetable=b""))) == 2


@pytest.mark.parametrize("tracer", tracers())
@pytest.mark.parametrize("instrumented", [True, False])
def test_a_generator_that_never_began_did_not_run(tmp_path: Path, tracer: str, *, instrumented: bool) -> None:
    """On 3.11 it is entered when it is closed."""
    text = "x = (lambda: (yield 4))()\ndel x\ny = (lambda: (yield 5))()\nnext(y)\ndef g(): yield 1\ng().close()\n"
    path = tmp_path / "closed.py"
    path.write_text(text)
    session = Session(RunOptions(tracer=tracer))
    session.add_source(str(path))
    with session.measuring("test") as run:
        code = compile(text, str(path), "exec")
        exec(session.instrument(code) if instrumented else code, {})
    assert {span.line for span in run.coverage.sources[0].missed_spans} == {1, 5}
