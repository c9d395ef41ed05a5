"""Configuration: what ``[tool.branchcov]`` in the nearest pyproject.toml says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from glob import escape
from pathlib import Path
from typing import Any

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.branch import ARMS
from ipy_branchcov.model.coverage import Totals


@dataclass(frozen=True, slots=True)
class Config:
    """Options of a measurement.

    ``source``: modules or folders to measure. ``omit``: globs of files left out. ``counts``: exact hits.
    ``fail_under``: the least total in percent. ``optional``/``required``: kinds of branches whose arms are.
    ``exclude``: regexes of lines whose code is excluded.
    """

    source: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    counts: bool = False
    fail_under: float | None = None
    optional: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    exclude: tuple[str, ...] = ()


def load_config(start: Path) -> Config:
    """The configuration for a folder: that of the nearest pyproject.toml at or above it.

    Paths in ``source`` and ``omit`` start from that file's folder: kernels run in those of their notebooks. Raises
    UsageError, naming file and key, for what cannot be meant.
    """
    for folder in (start, *start.resolve().parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            import tomllib  # most folders have no such file

            try:
                data = tomllib.loads(path.read_text("utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise UsageError(f"{path}: not valid TOML ({error})") from None
            tool = data.get("tool", {})
            table = tool.get("branchcov") if isinstance(tool, dict) else None
            if table is None:
                return Config()
            config = read_config(table, str(path))
            there = folder.resolve()
            source = (str(there / spec) if (there / spec).exists() else spec for spec in config.source)
            omit = (glob if glob.startswith("*") else str(Path(escape(str(there))) / glob) for glob in config.omit)
            return replace(config, source=tuple(source), omit=tuple(omit))
    return Config()


def read_config(table: Any, name: str) -> Config:
    """Check a table of options. ``name`` stands in the messages. Raises UsageError."""
    if not isinstance(table, Mapping):
        raise UsageError(f"{name}: [tool.branchcov] must be a table")
    known = {field.name for field in fields(Config)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{name}: [tool.branchcov] {key}"
        if key not in known:
            raise UsageError(f"{where}: unknown option; there are {', '.join(sorted(known))}")
        if key == "counts":
            if not isinstance(value, bool):
                raise UsageError(f"{where}: must be true or false")
            values[key] = value
        elif key == "fail_under":
            values[key] = check_percent(value, where)
        else:
            values[key] = _strings(key, value, where)
    return Config(**values)


def check_percent(value: Any, where: str) -> float:
    """A percentage. Raises UsageError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise UsageError(f"{where}: must be a number from 0 to 100, not {value!r}")
    return float(value)


def _strings(key: str, value: Any, where: str) -> tuple[str, ...] | frozenset[str]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: must be a list of strings")
    if key in ("optional", "required"):
        for kind in value:
            if kind not in ARMS:
                raise UsageError(f"{where}: no kind of branch is called {kind!r}; there are {', '.join(ARMS)}")
        return frozenset(value)
    if key == "exclude":
        for regex in value:
            try:
                re.compile(regex)
            except re.error as error:
                raise UsageError(f"{where}: {regex!r} is no regular expression ({error})") from None
    return tuple(value)


def shortfall(totals: Totals, threshold: float | None) -> str | None:
    """One line where the totals are below a threshold in percent. Without any arm they always are."""
    if threshold is None or (totals.percent is not None and totals.percent >= threshold):
        return None
    return f"branch coverage {totals} is below {threshold:g}%"
