"""Look for calls of functions in a text, as the command does, and see that the engine agrees with each."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.session.session import Session
from ipy_branchcov.suggest.search import Limits
from ipy_branchcov.suggest.suggest import Question, Suggestions, suggest


def module_of(path: Path) -> ModuleType:
    """A file as a module of its own."""
    name = f"suggested_{path.stem}_{abs(hash(str(path))) % 10**8}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Measured:
    """A text in a file: calls of its functions are measured, and more of them looked for."""

    def __init__(self, folder: Path, text: str):
        self.path = folder / "asked.py"
        self.path.write_text(text, encoding="utf-8")
        self.module = module_of(self.path)
        self.options = RunOptions(source=(str(self.path),), subprocesses=False)
        self.calls: list[str] = []
        source = Scope().read(str(self.path.resolve()))
        assert source is not None
        self.source = source

    def covered(self, calls: Iterable[str]) -> Coverage:
        """What some calls cover, by a session of their own. An exception ends a call."""
        session = Session(self.options)
        session.start("a test")
        try:
            for call in calls:
                try:
                    exec(call, vars(self.module))
                except Exception:
                    continue
        finally:
            coverage = session.stop()
        return coverage

    def suggest(self, name: str, *calls: str, limits: Limits | None = None, **options: bool) -> Suggestions:
        """What is suggested after these calls."""
        coverage = self.covered(calls)
        texts = tuple(Source("calls", call, "cell") for call in calls)
        question = Question(name, vars(self.module), self.source, coverage, self.options, texts=texts)
        return suggest(question, limits or Limits(), **options)

    def check(self, result: Suggestions) -> None:
        """See with a session that each call covers what it is said to cover."""
        for each in result.found:
            (found,) = self.covered([*each.imports, each.code])
            hit = {(b.span, b.kind, o.name) for b in found.branches for o in b.outcomes if o.covered}
            said = {(branch.span, branch.kind, name) for branch, name in each.covers}
            assert said <= hit, each.code


def left(result: Suggestions) -> list[tuple[int, str, str]]:
    """What was not found: line, kind of the branch, outcome."""
    return [(branch.span.line, branch.kind, name) for branch, name in result.left]


def code(result: Suggestions) -> list[str]:
    """The calls."""
    return [each.code for each in result.found]
