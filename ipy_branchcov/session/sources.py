"""Which source each code object was compiled from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import CodeType

from ipy_branchcov.model.source import Source, SourceKey
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.session.marimo import AppCells
from ipy_branchcov.session.scope import IN_ARCHIVE, Places, Scope, archive_of
from ipy_branchcov.session.sent import SENT, SentFunctions
from ipy_branchcov.tracing.tracer import CodeFilter

__builtins__ = BUILTINS

#: Returns the source of a code object; None where this locator does not know it.
SourceLocator = Callable[[CodeType], Source | None]
#: Why a file is not measured, and what to do.
UNREADABLE = "cannot be read as Python source; omit it if it is none"


class Sources:
    """Finds the source of code: in the files of a scope, then by locators. Answers are kept for a run."""

    def __init__(self, scope: Scope):
        self.scope = scope
        #: Files whose code could not be located, by the name in that code, with the reason.
        self.failures: dict[str, str] = {}
        #: What tracers are given: the same object while it accepts the same code.
        self.filter: CodeFilter = partial(Sources._wanted, self)
        #: Called once, when the first source is found.
        self.when_found: Callable[[], None] | None = None
        self._locators: list[SourceLocator] = []
        self._by_code: dict[int, tuple[CodeType, Source | None]] = {}
        #: Sources of files by the name in their code; None: the file is not measured.
        self._by_file: dict[str, tuple[Source | None] | None] = {}
        #: Absolute folders without links.
        self._folders: dict[str, str] = {}
        #: Finds the cells of a file, by its key.
        self._apps: dict[SourceKey, AppCells] = {}
        #: Code that does not name its file, with the path of that; by the id of the code.
        self._adopted: dict[int, tuple[CodeType, str]] = {}
        self._sent = SentFunctions(scope)
        #: Names of files in which nothing is measured, from run to run.
        self._unmeasured: set[str] = set()

    def add_locator(self, locate: SourceLocator) -> None:
        """Ask ``locate`` for the source of code that lies in no measured file."""
        self._locators.append(locate)
        self.forget()

    def adopt(self, found: Iterable[tuple[CodeType, str]]) -> None:
        """From now on these are the code objects that do not name their file; each comes with its path."""
        before, self._adopted = self._adopted, {id(each[0]): each for each in found}
        if self._adopted.keys() != before.keys():
            self.filter = partial(Sources._wanted, self)

    def set_scope(self, places: Places, omit: Sequence[str], include: Sequence[str]) -> None:
        """Measure these places from now on, as :class:`Scope` says; files are read again, for they may have changed."""
        scope, wanted = self.scope, (places, tuple(omit), tuple(include))
        same = wanted == (scope.places, scope.omit, scope.include)
        scope.places, scope.omit, scope.include = wanted
        self.forget(same=same)

    def forget(self, *, same: bool = False) -> None:
        """Locate all code and read all files again. ``same``: the same files and cells are measured as before."""
        self._by_code.clear()
        self._by_file.clear()
        self._apps.clear()
        self._folders.clear()
        self._sent = SentFunctions(self.scope)
        if not same:
            self._unmeasured.clear()
            self.filter = partial(Sources._wanted, self)

    def read_again(self, filename: str) -> None:
        """Read a file again when its code is located the next time: it is imported again."""
        self._by_file.pop(filename, None)

    def newest(self) -> dict[str, SourceKey]:
        """The text of each file that was read last, by path."""
        read = (each[0] for each in self._by_file.values() if each is not None)
        return {each.path: each.key for each in read if each is not None and each.path is not None}

    def of(self, code: CodeType) -> Source | None:
        """The source of a code object; None where it is not measured."""
        known = self._by_code.get(id(code))
        if known is None or known[0] is not code:
            if code.co_filename in self._unmeasured:
                return None
            known = (code, self._locate(code))
            if known[1] is not None and self.when_found is not None:
                call, self.when_found = self.when_found, None
                call()
            self._by_code[id(code)] = known
        return known[1]

    def _wanted(self, code: CodeType) -> bool:
        try:
            return self.of(code) is not None
        except Exception as error:  # in a tracer's callback this would be raised in the user's code
            self.failures[code.co_filename] = repr(error)
            return False

    def _locate(self, code: CodeType) -> Source | None:
        filename = code.co_filename if id(code) not in self._adopted else self._adopted[id(code)][1]
        if filename.startswith("<frozen ") or filename in self._unmeasured:
            return None
        if self.scope.places:
            if filename not in self._by_file:
                path = self._real(filename)
                self._by_file[filename] = (self._read(path),) if self.scope.covers(path) else None
            if (found := self._by_file[filename]) is not None:
                return found[0] and (self._cell_of_app(found[0], code) or found[0])
        for locate in self._locators:
            if (source := locate(code)) is not None:
                return source
        if filename == SENT:
            return self._sent(code) if self.scope.places else None
        if not filename.startswith("<"):  # such a name can stand for many sources
            self._unmeasured.add(filename)
        return None

    def _real(self, filename: str) -> str:
        """The path of a file without links: each folder is looked at once, not for each of its files."""
        folder, name = os.path.split(filename)
        if os.name == "nt" or not filename.startswith("/") or name in ("", ".", ".."):
            return os.path.realpath(filename)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        path = f"{self._folders[folder].rstrip('/')}/{name}"
        return os.path.realpath(path) if os.path.islink(path) else path  # noqa: PTH114 (asked of each file there is)

    def _cell_of_app(self, file: Source, code: CodeType) -> Source | None:
        """The cell of a marimo app that code was compiled from; None for other code of a file."""
        if file.key not in self._apps:
            self._apps[file.key] = AppCells(file)
        return self._apps[file.key](code)

    def _read(self, path: str) -> Source | None:
        """The source in a measured file. None where there is no such file, and, with a note, where it is unreadable."""
        source = self.scope.read(path)
        if source is None:
            if archive_of(path) is not None:
                self.failures[path] = IN_ARCHIVE
            elif Path(path).is_file():
                self.failures[path] = UNREADABLE
        return source
