"""What people name as a source, and how files are named and read."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import replace
from pathlib import Path

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.coverage import Coverage, SourceCoverage
from ipy_branchcov.model.source import Source


def resolve(spec: str) -> tuple[list[str], list[str]]:
    """The folders (with a separator at the end) and the files that a source names.

    Raises UsageError for what is neither a module, nor a directory, nor a file.
    """
    path = Path(spec)
    if path.is_dir():
        return [_folder(path)], []
    if path.is_file():
        return [], [str(path.resolve())]
    module = sys.modules.get(spec)
    origin, folders = getattr(module, "__file__", None), list(getattr(module, "__path__", []))
    if module is None:
        try:
            found = importlib.util.find_spec(spec)
        except (ImportError, ValueError, AttributeError):
            found = None
        if found is None:
            raise UsageError(f"--source {spec}: no module, directory or file of that name; check the spelling")
        origin, folders = found.origin, list(found.submodule_search_locations or [])
    if folders:
        return [_folder(Path(folder)) for folder in folders], []
    if origin and origin.endswith(".py"):
        return [], [str(Path(origin).resolve())]
    raise UsageError(f"--source {spec}: not written in Python ({origin or 'built in'}), nothing to measure")


def _folder(path: Path) -> str:
    return str(path.resolve()) + os.sep


def display_name(path: str) -> str:
    """A path relative to the current folder where it is below it."""
    try:
        return Path(path).relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):  # elsewhere; or the current folder is gone
        return path


def named_from_here(coverage: Coverage) -> Coverage:
    """The same, measured in another process with another current folder: its files named from ours."""
    return replace(coverage, sources=tuple(map(_named_from_here, coverage.sources)))


def _named_from_here(coverage: SourceCoverage) -> SourceCoverage:
    source = coverage.source
    if source.kind == "cell" or source.path is None:
        return coverage
    return replace(coverage, source=replace(source, name=display_name(source.path)))


def read_source(path: str) -> Source | None:
    """The source in a file, decoded as Python does. None where it cannot be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 called once a code object
            text = importlib.util.decode_source(file.read())
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    return Source(display_name(path), text.removeprefix("\ufeff"), "file", path)
