"""A view of functions, modules or everything that is updated as further cells run."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from ipy_branchcov.errors import BranchcovError, UsageError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.selection import definitions, select
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.notebook.display import Followed
from ipy_branchcov.reports.view import NewOutcome
from ipy_branchcov.session.session import Session

if TYPE_CHECKING:
    from ipy_branchcov.reports.widget import Finder

CHANGED = "{name} was redefined; the coverage of its former code is not shown"


class Watch:
    """Shows the coverage of ``names``, or of everything, after each run. Raises UsageError for an unknown name.

    ``finder``: looks for inputs of what was missed.
    """

    def __init__(self, shell: Any, session: Session, names: Sequence[str], finder: Finder | None = None):
        self._shell, self._session, self._names = shell, session, names
        for name in names:
            codes = self._codes(name)
            if not codes and not _has(session.coverage(), name):
                raise UsageError(f"nothing is called {name}; define or import it first")
            for path in dict.fromkeys(code.co_filename for code in codes if os.path.isfile(code.co_filename)):  # noqa: PTH113
                session.add_source(path)
        coverage = self.coverage()
        self._covered = _covered(coverage)
        self._view = Followed(shell, coverage, finder)
        session.observers.append(self._after_run)

    def stop(self) -> None:
        """Stop updating the view; it stays on the page."""
        self._session.observers.remove(self._after_run)

    def coverage(self) -> Coverage:
        """The coverage of the names as they are defined now."""
        total = self._session.coverage()
        if not self._names:
            return total
        return merge(self._of(name, total) for name in self._names)

    def _after_run(self, ran: Coverage) -> None:
        if not ran.sources:  # the rest of a cell after a statement that was measured on its own
            return
        try:
            coverage = self.coverage()
            covered = _covered(coverage)
            self._view.show(coverage, new=covered - self._covered)
            self._covered = covered
        except BranchcovError as error:
            print(f"branchcov: {error}", file=sys.stderr)

    def _of(self, name: str, total: Coverage) -> Coverage:
        """The coverage of one name. Where several cells define it, only the current definition counts."""
        current = {}
        # One code object of each source is enough: a module has many.
        for code in {code.co_filename: code for code in self._codes(name)}.values():
            if (measured := self._session.all_missed(code)) is not None:
                current[measured.key] = measured
        if not current:
            return select(total, [name]) if _has(total, name) else Coverage()
        former = [each for each in total if each.key not in current and _defines(each, name)]
        note = CHANGED.format(name=name) if any(branch.covered for each in former for branch in each.branches) else ""
        known = Coverage(tuple(current.values()), counted=total.counted)
        now = merge([total.select(lambda each: each.key in current), known])
        found = select(now, [name])
        return replace(found, sources=tuple(replace(each, note=note or each.note) for each in found.sources))

    def _codes(self, name: str) -> list[CodeType]:
        """The code objects of what a name in the user's namespace refers to."""
        first, *rest = name.split(".")
        found = self._shell.user_ns.get(first)
        for part in rest:
            found = inspect.getattr_static(found, part, None)
        return list(_codes_of(found))


def _codes_of(thing: Any) -> Iterator[CodeType]:
    """The code objects of a function, class or module, found without running any code of the user."""
    if isinstance(thing, staticmethod | classmethod):
        thing = thing.__func__
    while isinstance(thing, FunctionType) and "__wrapped__" in vars(thing):
        thing = vars(thing)["__wrapped__"]
    if isinstance(thing, FunctionType):
        yield thing.__code__
    elif isinstance(thing, type):
        for part in vars(thing).values():
            if isinstance(part, FunctionType | staticmethod | classmethod):
                yield from _codes_of(part)
            elif isinstance(part, property):
                yield from (each.__code__ for each in (part.fget, part.fset) if isinstance(each, FunctionType))
    elif isinstance(thing, ModuleType):
        for part in vars(thing).values():
            if isinstance(part, FunctionType) and part.__module__ == thing.__name__:
                yield part.__code__


def _has(coverage: Coverage, name: str) -> bool:
    try:
        select(coverage, [name])
    except UsageError:
        return False
    return True


def _defines(coverage: SourceCoverage, name: str) -> bool:
    return coverage.source.kind == "cell" and any(definitions(coverage, name))


def _covered(coverage: Coverage) -> set[NewOutcome]:
    return {
        (source.source.digest, branch.key, outcome.name)
        for source in coverage
        for branch in source.branches
        for outcome in branch.outcomes
        if outcome.hits
    }
