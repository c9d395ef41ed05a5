"""``[tool.branchcov]`` in the nearest pyproject.toml -> RunOptions; and the check of sources.

Where there is no such section, coverage.py's configuration is read for what has the same meaning.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Any

from ipy_branchcov.errors import UsageError
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import resolve
from ipy_branchcov.session.table import Door

#: Called with a line for people.
Say = Callable[[str], None]


def load_config(
    start: Path, file: Path | None = None, *, say: Say = lambda line: None, sourced: bool = False
) -> RunOptions:
    """The configuration for a folder: that of the nearest pyproject.toml at or above it, or that in ``file``.

    Paths in ``source``, ``omit`` and ``include`` are relative to that file's folder, and returned absolute; in a file
    of coverage.py's that is named, they are relative to the current folder, as there. ``say`` is called where
    coverage.py's settings hold. ``sourced``: sources are named at the door. Raises UsageError, naming file and key, for
    a wrong value.
    """
    if file is not None:
        if not os.path.isfile(file):  # noqa: PTH113 False for a path that is too long, too
            raise UsageError(f"{file}: no such configuration file; check the path")
        options = _read(file, say, sourced=sourced, folder=Path.cwd())
        if options == RunOptions():
            say(f"{file}: has no settings of branchcov, nor any of coverage.py with the same meaning")
        return options or RunOptions()
    for folder in (start, *start.resolve().parents):
        path = folder / "pyproject.toml"
        if os.path.isfile(path) or os.path.isdir(path):  # noqa: PTH112, PTH113 False, too, where it cannot be known
            table = _tool(_toml(path)).get("branchcov")
            if table is not None:
                return _placed(read_config(table, str(path)), folder)
            return _foreign(start, folder, say, sourced=sourced)
    return _foreign(start, start, say, sourced=sourced)


def _foreign(start: Path, last: Path, say: Say, *, sourced: bool) -> RunOptions:
    """What coverage.py's files say, from a folder up to another one: the first that coverage.py would take."""
    from ipy_branchcov.session.coveragepy import FILES, RCFILE

    if named := os.environ.get(RCFILE):
        if not os.path.isfile(named):  # noqa: PTH113
            raise UsageError(f"{RCFILE}: {named}: no such configuration file; check the path")
        return _read(Path(named), say, sourced=sourced, folder=Path.cwd()) or RunOptions()
    for folder in (start, *start.resolve().parents):
        for name in FILES:
            if os.path.isfile(folder / name):  # noqa: PTH113
                options = _read(folder / name, say, sourced=sourced)
                if options is not None:
                    return options
        if folder.resolve() == last.resolve():
            break
    return RunOptions()


def _read(path: Path, say: Say, *, sourced: bool, folder: Path | None = None) -> RunOptions | None:
    """The options in one file, ours or coverage.py's; None where it has none of either.

    ``folder``: where paths in coverage.py's settings start, rather than where the file lies.
    """
    from ipy_branchcov.session.coveragepy import OWN_FILES, read_ini, read_toml

    if path.suffix == ".toml":
        data = _toml(path)
        tool = _tool(data)
        if "branchcov" in tool:
            return _placed(read_config(tool["branchcov"], str(path)), path.parent)
        found = read_toml(path, data, sourced=sourced)
    else:
        found = read_ini(path, sourced=sourced)
    if not found.any and path.name not in OWN_FILES:
        return None
    rows = {row.name for row in RunOptions.rows(Door.CONFIG)}
    values = {name: value for name, value in found.values.items() if name in rows}
    known = RunOptions.unpack(values, lambda row: f"{path}: {found.origins[row.name]}")
    if values:
        say(f"{path}: coverage.py's settings hold here ({', '.join(values)}), for there is no [tool.branchcov]")
    for line in found.ignored:
        say(f"{path}: {line}")
    if found.not_here:
        listed = ", ".join(found.not_here)
        say(f"{path}: not used here: {listed}; docs/coming-from-coverage-py.md says what takes their place")
    return _placed(RunOptions().overridden(**known), folder or path.parent)


def _toml(path: Path) -> Mapping[str, Any]:
    """The tables of a file of TOML. Raises UsageError."""
    import tomllib  # only where there is such a file

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); make it a file that can be read") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not valid TOML ({error})") from None


def _tool(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tables below ``[tool]``."""
    tool = data.get("tool", {})
    return tool if isinstance(tool, dict) else {}


def read_config(table: object, name: str) -> RunOptions:
    """The options in a table of TOML. ``name`` begins the messages. Raises UsageError."""
    if not isinstance(table, Mapping):
        raise UsageError(f"{name}: [tool.branchcov] must be a table")
    known = [row.name for row in RunOptions.rows(Door.CONFIG)]
    for key in table:
        if key not in known:
            raise UsageError(f"{name}: [tool.branchcov] {key}: unknown option; there are {', '.join(sorted(known))}")
    return RunOptions().overridden(**RunOptions.unpack(table, lambda row: f"{name}: {row.flag(Door.CONFIG)}"))


def _placed(options: RunOptions, folder: Path) -> RunOptions:
    """The same with absolute paths: those of the options start in a folder."""
    there = folder.resolve()
    # os.path.exists() is False for a path that is too long, too.
    source = (str(there / spec) if os.path.exists(there / spec) else spec for spec in options.source)  # noqa: PTH110
    paths = tuple((str(there / canonical), *others) for canonical, *others in options.paths)
    return with_absolute_globs(replace(options, source=tuple(source), paths=paths), there)


def with_absolute_globs(options: RunOptions, folder: Path) -> RunOptions:
    """The same with absolute globs: those that do not hold in any folder start in this one.

    A glob that begins with ``*`` or ``?``, or has no separator, holds in any folder, as coverage.py's.
    """

    there = escape(str(folder))

    def absolute(globs: Iterable[str]) -> tuple[str, ...]:
        places = ((glob if _anywhere(glob) else os.path.join(there, os.path.normpath(glob))) for glob in globs)  # noqa: PTH118
        return tuple(places)

    return replace(options, omit=absolute(options.omit), include=absolute(options.include))


def _anywhere(glob: str) -> bool:
    return glob.startswith(("*", "?")) or not re.search(r"[/\\]", glob)


def separate(specs: Iterable[str]) -> list[str]:
    """Sources with commas between them, one by one; a path may have a comma in it."""
    found: list[str] = []
    for spec in specs:
        found += [spec] if os.path.exists(spec) else filter(None, map(str.strip, spec.split(",")))  # noqa: PTH110
    return found


def is_source(spec: str) -> bool:
    """Whether somebody names a module, folder or file that can be measured."""
    try:
        resolve(spec)
    except UsageError:
        return False
    return True


def check_sources(specs: Iterable[str], option: str) -> None:
    """Refuse a source that is neither a module, nor a folder, nor a file. ``option``: how it was given.

    Raises UsageError.
    """
    for spec in specs:
        try:
            resolve(spec)
        except UsageError as error:
            raise UsageError(f"{option} {error}") from None
