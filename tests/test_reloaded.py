"""What ``%autoreload`` makes of an edit is measured as the text says. IPython 9 compiles changed definitions alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_branchcov.session.reloaded import added
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.tracing.probes.reachable import of_module

BEFORE = """\
def first(n):
    for i in range(n):
        yield i if i else None
class Kind:
    z = 0
    def method(self, x):
        return 1 if x else 2
    @property
    def value(self):
        return 1 if self.z else 2
def wraps(function):
    return lambda *arguments: function(*arguments) if arguments else None
@wraps
def wrapped(x):
    return x or 1
"""
AFTER = """\
def first(n):
    for i in range(n):
        if i > 1: return
        yield i if i else None
def new(x):
    inner = lambda y: y or 3
    return inner(x) if x else 2
class Kind:
    z = 0
    def method(self, x): return 1 if x and self.added(x) else 2
    @property
    def value(self):
        return 3 if self.z and self.method(1) else 4
    def added(self, x): return x or 3
    @staticmethod
    def static(x):
        return x and 3
class New:
    def method(self, x):
        return [y for y in x if y]
def wraps(function):
    return lambda *arguments: function(*arguments) if len(arguments) == 1 else None
@wraps
def wrapped(x):
    return x or 2
"""
CALLS = """\
list(edited.first(3))
edited.new(0), edited.new(1)
kind.method(0), kind.method(2), kind.value, kind.static(0)
edited.New().method([0, 1])
edited.wrapped(0)
"""
#: Of each branch the line, and the outcomes that are covered.
COVERED = [
    *((2, "body"), (3, "true false"), (4, "true false"), (6, "true"), (7, "true false"), (10, "true false")),
    *((10, "true false"), (10, "true"), (13, "false"), (13, "false"), (13, ""), (14, "true"), (17, "false")),
    *((20, "body exhausted"), (20, "true false"), (22, "true"), (25, "false")),
]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield InteractiveShell()
    InteractiveShell.clear_instance()
    sys.modules.pop("edited", None)


@pytest.mark.parametrize("counts", ["", "-c"])
@pytest.mark.parametrize("first", ["autoreload", "ipy_branchcov"])
def test_definitions_that_an_edit_changes_and_adds(shell: Any, first: str, counts: str, tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text(BEFORE)
    for name in sorted(("autoreload", "ipy_branchcov"), key=lambda name: name != first):
        shell.run_line_magic("load_ext", name)
    shell.run_cell("%autoreload 2")
    shell.run_cell("import edited\nkind = edited.Kind()")
    shell.run_cell(f"%%branchcov -q {counts} -s edited\nlist(edited.first(1)), kind.method(1), kind.value")
    path.write_text(AFTER)
    os.utime(path, (2e9, 2e9))
    for _ in range(2):
        shell.run_cell(f"%%branchcov -q {counts} -s edited -o found\n{CALLS}", store_history=True)
        (source,) = [each for each in shell.user_ns["found"].sources if each.source.kind == "file"]
        hits = [(each.span.line, " ".join(o.name for o in each.outcomes if o.hits)) for each in source.branches]
        assert hits == COVERED and not source.notes
        assert source.missed_lines.isdisjoint(line for line, _ in COVERED)
    shell.run_line_magic("unload_ext", "ipy_branchcov")


def test_only_what_was_added_to_a_measured_module(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text(BEFORE)
    shell.run_cell("%load_ext autoreload\nimport edited")
    module = sys.modules["edited"]
    exec("def new(x):\n    return [y for y in x]\nother = type(print)", vars(module))
    exec("def foreign(x): pass", names := {"__file__": str(tmp_path / "another.py")})
    vars(module).update(foreign=names["foreign"])
    found = {code.co_name: file for code, file in added(Scope(tmp_path, source=[str(path)]))}
    assert found.pop("new") == str(path) and set(found) <= {"<listcomp>"}
    assert not list(added(Scope(tmp_path)))


def test_the_functions_that_a_module_leads_to(shell: Any, tmp_path: Path) -> None:
    (tmp_path / "edited.py").write_text(
        f"{BEFORE}print = len\nclass Other(Kind): pass\nOther.more = {{1: lambda: 0}}\n"
    )
    shell.run_cell("import edited")
    found = {function.__qualname__ for function in of_module("edited")}
    assert found == {"first", "Kind.method", "Kind.value", "wraps", "wraps.<locals>.<lambda>", "wrapped"}
    assert list(of_module("edited_and_unknown")) == []
