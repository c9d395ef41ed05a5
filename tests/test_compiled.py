"""The lines that name functions which another compiler was given."""

from __future__ import annotations

from types import CodeType

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.compiled import with_compiled

TEXT = "def f(x):\n    return 1 if x else 2\n\n\ndef g(x):\n    return x\n"


def test_a_function_with_misses_is_named() -> None:
    source = Source("a.py", TEXT)
    codes = {each.co_name: each for each in compile(TEXT, "a.py", "exec").co_consts if isinstance(each, CodeType)}
    given = [(codes["f"], "numba"), (codes["g"], "pony")]
    missed = SourceCoverage(source, (), missed_lines=frozenset({2}))
    found = with_compiled(Coverage((missed,)), given, lambda _: source)
    assert found.sources[0].notes == [
        "a.py: f (line 1): compiled by numba: what runs there is unseen and counts as missed"
    ]
    assert with_compiled(Coverage((SourceCoverage(source, ()),)), given, lambda _: source).sources[0].notes == []
    assert with_compiled(Coverage((missed,)), given, lambda _: None).sources[0].notes == []
