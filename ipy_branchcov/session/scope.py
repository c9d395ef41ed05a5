"""What is measured, and what each source is called: a source is named once, from the folder in which the run began."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

from ipy_branchcov.data.source_files import read_source
from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.selection import is_chosen
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.own_builtins import BUILTINS
from ipy_branchcov.printable import printable

__builtins__ = BUILTINS

#: Where packages are installed. They are measured where they are named, not because a folder around them is.
_INSTALLED = sorted({os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "purelib", "platlib")})


_EXTENSIONS = tuple(EXTENSION_SUFFIXES)
_BYTECODE = ".pyc"
#: Why code in an archive is not measured, and what to do.
IN_ARCHIVE = "its code lies in an archive; unpack that, and name the folder"


@dataclass(frozen=True, slots=True)
class Places:
    """Where sources lie. ``folders`` end with a separator; all paths are absolute, without links."""

    folders: tuple[str, ...] = ()
    files: frozenset[str] = frozenset()

    def __or__(self, other: Places) -> Places:
        return Places(tuple(dict.fromkeys((*self.folders, *other.folders))), self.files | other.files)

    def __bool__(self) -> bool:
        return bool(self.folders or self.files)


class Scope:
    """Owns a run's root, what is measured, and what is left out.

    ``root``: names of files start there, also when the current folder changes later; by default the current folder,
    which is asked once, here. ``source``: modules (with their submodules) by name, folders and files by path; a
    UsageError is raised for what is none of these. ``omit``: globs of names or paths that are left out; ``include``:
    where there are any, only files that match one are measured.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        source: Sequence[str] = (),
        omit: Sequence[str] = (),
        include: Sequence[str] = (),
    ):
        self.root = _current_folder() if root is None else os.path.realpath(root)
        self.omit, self.include = tuple(omit), tuple(include)
        self.places = resolve_all(source)

    def covers(self, path: str) -> bool:
        """Whether the file at an absolute path without links is measured."""
        if path not in self.places.files and not (path.endswith(".py") and path.startswith(self.places.folders)):
            return False  # what is named is measured under any name: scripts have no suffix
        if any(path.startswith(folder) and not self._names(folder) for folder in _INSTALLED):
            return False
        return is_chosen((self.name(path), path), self.omit, self.include)

    def _names(self, folder: str) -> bool:
        """Whether something in a folder was named as a source, rather than a folder around it."""
        return any(each.startswith(folder) for each in (*self.places.folders, *self.places.files))

    def name(self, path: str) -> str:
        """The name of a file: its path from the root with '/', or its absolute path where it lies elsewhere.

        What cannot stand in a line of text is escaped, so that every report can hold every name.
        """
        if self.root:
            try:
                return printable(Path(path).relative_to(self.root).as_posix())
            except ValueError:
                pass
        return printable(path)

    def read(self, path: str) -> Source | None:
        """The source in the file at an absolute path. None where it cannot be read."""
        return read_source(path, self.name(path))

    def renamed(self, coverage: Coverage) -> Coverage:
        """A coverage from a process with another root: its files under the names of this scope."""
        return replace(coverage, sources=tuple(map(self._renamed, coverage.sources)))

    def _renamed(self, coverage: SourceCoverage) -> SourceCoverage:
        source = coverage.source
        if source.kind == "cell" or source.path is None:
            return coverage
        return replace(coverage, source=replace(source, name=self.name(source.path)))

    def files(self, imported: Iterable[str] = ()) -> Iterator[str]:
        """The paths of all files that are measured when they are imported, in order.

        As coverage.py: of a folder the files in it, and those of the packages below it. A folder without
        ``__init__.py`` is a package where one of the files ``imported``, which are paths, lies below it.
        """
        namespaces = {str(folder) for path in imported for folder in Path(path).parents}
        for path in self._all_files(namespaces):
            if self.covers(path):
                yield path

    def compiled(self) -> Iterator[str]:
        """The paths of measured files in whose place something else was imported.

        Beside them lies a compiled module, or they are not there, and their byte code is.
        """
        if not self.places:
            return
        for module in list(sys.modules.values()):
            # A module of another type can have a __getattribute__ of its own.
            file = module.__dict__.get("__file__") if type(module) is ModuleType else None
            if type(file) is str and file.endswith((*_EXTENSIONS, _BYTECODE)):
                path = _text_beside(file)
                if self.covers(path) and os.path.isfile(path) != file.endswith(_BYTECODE):  # noqa: PTH113
                    yield path

    def _all_files(self, namespaces: Set[str]) -> Iterator[str]:
        yield from sorted(self.places.files)
        for root in self.places.folders:
            for folder, inner, files in os.walk(root):
                folders = ((name, Path(folder, name)) for name in sorted(inner))
                inner[:] = [
                    name for name, path in folders if str(path) in namespaces or (path / "__init__.py").is_file()
                ]
                yield from (os.path.join(folder, name) for name in sorted(files))  # noqa: PTH118


@functools.cache
def _text_beside(extension: str) -> str:
    """Where the text of a compiled module lies, if it is there. Kept: each run asks for all that are loaded."""
    path = Path(extension)
    return os.path.realpath(path.with_name(f"{path.name.partition('.')[0]}.py"))


def is_installed(path: str) -> bool:
    """Whether a path without links lies where packages are installed, or in the standard library."""
    return any(path.startswith(folder) for folder in _INSTALLED)


def resolve_all(specs: Iterable[str]) -> Places:
    """Where all the sources lie that somebody names. Raises UsageError."""
    places = Places()
    for spec in specs:
        places |= resolve(spec)
    return places


def resolve(spec: str) -> Places:
    """Where the source lies that somebody names. Raises UsageError for what is no module, folder or file.

    A path starts in the current folder, as its author types it.
    """
    path = Path(spec)
    if os.path.isdir(path):  # noqa: PTH112 False for a path that is too long, too
        return Places((_folder(path),))
    if os.path.isfile(path):  # noqa: PTH113
        if zipfile.is_zipfile(path):
            raise UsageError(f"{spec}: {IN_ARCHIVE}")
        return Places((), frozenset({str(path.resolve())}))
    module = sys.modules.get(spec)
    origin, folders = getattr(module, "__file__", None), list(getattr(module, "__path__", []))
    if module is None:
        try:
            found = importlib.util.find_spec(spec)
        except (ImportError, ValueError, AttributeError):
            found = None
        if found is None:
            if place := _not_on_path(spec):
                raise UsageError(f"{spec}: no module of that name is found by this Python; name its folder, {place}")
            raise UsageError(f"{spec}: no module, directory or file of that name; check the spelling")
        origin, folders = found.origin, list(found.submodule_search_locations or [])
    if folders:
        return Places(tuple(_folder(Path(folder)) for folder in folders))
    if origin and archive_of(origin):
        raise UsageError(f"{spec}: {IN_ARCHIVE}")
    if origin and origin.endswith(".py"):
        return Places((), frozenset({str(Path(origin).resolve())}))
    if origin and origin.endswith(_BYTECODE):
        raise UsageError(f"{spec}: only its byte code is there; install its source")
    if origin and origin.endswith(_EXTENSIONS):
        raise UsageError(f"{spec}: compiled (a {Path(origin).suffix}); name a module that is written in Python")
    raise UsageError(f"{spec}: not written in Python ({origin or 'built in'}), nothing to measure")


def _not_on_path(spec: str) -> str:
    """Where a module lies that only the program, or pytest, will find; "" where none of that name is near."""
    if all(map(str.isidentifier, spec.split("."))):
        below = spec.replace(".", "/")
        for pattern in (f"src/{below}", f"*/{below}", f"*/src/{below}"):
            for found in sorted(Path().glob(f"{pattern}/__init__.py")):
                return found.parent.as_posix()
    return ""


def archive_of(path: str) -> Path | None:
    """The archive that contains the file at a path; None where the file stands in a folder, or nowhere."""
    for each in Path(path).parents:
        if each.exists():
            return each if each.is_file() else None
    return None


def compiled(path: str) -> str | None:
    """A sentence about a file beside which its module lies compiled: that is what is imported. None for others."""
    file = Path(path)
    for suffix in EXTENSION_SUFFIXES:
        beside = file.with_name(file.stem + suffix)
        if beside.is_file():
            names = [] if file.stem == "__init__" else [file.stem]
            folder = file.parent
            while (folder / "__init__.py").is_file():
                names.insert(0, folder.name)
                folder = folder.parent
            return f"compiled: {'.'.join(names)} is a {beside.suffix}"
    return None


def _folder(path: Path) -> str:
    return str(path.resolve()) + os.sep


def _current_folder() -> str:
    """The current folder without links; "" where it was deleted: names are absolute then."""
    try:
        return os.path.realpath(Path.cwd())
    except OSError:
        return ""
