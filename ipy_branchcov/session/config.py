"""``[tool.branchcov]`` in the nearest pyproject.toml -> RunOptions; and the check of sources."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Any

from ipy_branchcov.errors import UsageError
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import resolve
from ipy_branchcov.session.table import Door


def load_config(start: Path) -> RunOptions:
    """The configuration for a folder: that of the nearest pyproject.toml at or above it.

    Paths in ``source`` and ``omit`` are relative to that file's folder, and returned absolute. Raises UsageError,
    naming file and key, for a wrong value.
    """
    for folder in (start, *start.resolve().parents):
        path = folder / "pyproject.toml"
        if os.path.isfile(path) or os.path.isdir(path):  # noqa: PTH112, PTH113 False, too, where it cannot be known
            data = _read(path)
            tool = data.get("tool", {})
            table = tool.get("branchcov") if isinstance(tool, dict) else None
            if table is None:
                return RunOptions()
            options = read_config(table, str(path))
            there = folder.resolve()
            # os.path.exists() is False for a path that is too long, too.
            source = (str(there / spec) if os.path.exists(there / spec) else spec for spec in options.source)  # noqa: PTH110
            omit = (glob if glob.startswith("*") else str(Path(escape(str(there))) / glob) for glob in options.omit)
            return replace(options, source=tuple(source), omit=tuple(omit))
    return RunOptions()


def _read(path: Path) -> dict[str, Any]:
    """The data in a TOML file. Raises UsageError."""
    import tomllib  # only where there is such a file

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); make it a file that can be read") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not valid TOML ({error})") from None


def read_config(table: object, name: str) -> RunOptions:
    """The options in a table of TOML. ``name`` begins the messages. Raises UsageError."""
    if not isinstance(table, Mapping):
        raise UsageError(f"{name}: [tool.branchcov] must be a table")
    known = [row.name for row in RunOptions.rows(Door.CONFIG)]
    for key in table:
        if key not in known:
            raise UsageError(f"{name}: [tool.branchcov] {key}: unknown option; there are {', '.join(sorted(known))}")
    return RunOptions().overridden(**RunOptions.unpack(table, lambda row: f"{name}: {row.flag(Door.CONFIG)}"))


def check_sources(specs: Iterable[str], option: str) -> None:
    """Refuse a source that is neither a module, nor a folder, nor a file. ``option``: how it was given.

    Raises UsageError.
    """
    for spec in specs:
        try:
            resolve(spec)
        except UsageError as error:
            raise UsageError(f"{option} {error}") from None
