"""coverage.py's configuration, for projects that have no ``[tool.branchcov]``: what has the same meaning here."""

from __future__ import annotations

import configparser
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ipy_branchcov.errors import UsageError

#: Where coverage.py looks, in its order; the prefix of its sections there.
FILES = {".coveragerc": "", "setup.cfg": "coverage:", "tox.ini": "coverage:", "pyproject.toml": ""}
#: Its sections and options, and the option of ours with the same meaning.
_SAME = {
    ("run", "source"): "source",
    ("run", "source_pkgs"): "source",
    ("run", "source_dirs"): "source",
    ("run", "omit"): "omit",
    ("run", "include"): "include",
    ("report", "omit"): "omit",
    ("report", "include"): "include",
    ("report", "fail_under"): "fail_under",
    ("report", "precision"): "precision",
    ("report", "skip_covered"): "skip_covered",
    ("report", "exclude_lines"): "exclude",
    ("report", "exclude_also"): "exclude_also",
    ("report", "partial_branches"): "partial_branches",
}
#: Options of ours that take one regular expression a line: a comma may stand in it.
_REGEXES = frozenset({"exclude", "exclude_also", "partial_branches"})


class Foreign(NamedTuple):
    """``values``: by our names. ``origins``: under what names they stand in the file, by our names."""

    values: dict[str, Any]
    origins: dict[str, str]


def read_ini(path: Path, prefix: str | None = None) -> Foreign:
    """The settings in a file of sections. ``prefix`` of coverage.py's sections; None: as the file's name says.

    Raises UsageError.
    """
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a configuration file ({' '.join(str(error).split())})") from None
    if prefix is None:
        prefix = FILES.get(path.name, "")
    sections: dict[str, dict[str, Any]] = {}
    for name in ("run", "report", "paths"):
        if parser.has_section(prefix + name):
            sections[name] = dict(parser.items(prefix + name))
    return _same(sections, prefix)


def read_table(table: object, name: str) -> Foreign:
    """The settings in ``[tool.coverage]`` of a pyproject.toml. ``name`` begins the messages. Raises UsageError."""
    if not isinstance(table, Mapping) or not all(isinstance(each, Mapping) for each in table.values()):
        raise UsageError(f"{name}: [tool.coverage] must have tables only")
    return _same(table, "tool.coverage.")


def _same(sections: Mapping[str, Mapping[str, Any]], prefix: str) -> Foreign:
    found = Foreign({}, {})
    for (section, option), ours in _SAME.items():
        value = sections.get(section, {}).get(option)
        if value is None:
            continue
        if ours in _SINGLE:
            found.values[ours] = _SINGLE[ours](value)
        else:
            found.values[ours] = [*found.values.get(ours, []), *_list(value, regexes=ours in _REGEXES)]
        found.origins[ours] = f"[{prefix}{section}] {option}"
    paths = sections.get("paths")
    if paths:
        found.values["paths"] = {name: _list(value, regexes=False) for name, value in paths.items()}
        found.origins["paths"] = f"[{prefix}paths]"
    return found


def _number(value: object) -> object:
    """A number of any kind; what is none is left for the check, whose message shows it."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _switch(value: object) -> object:
    words = configparser.RawConfigParser.BOOLEAN_STATES
    return words.get(value.lower(), value) if isinstance(value, str) else value


#: Options of ours that are one value, and how it is read.
_SINGLE: dict[str, Callable[[object], object]] = {
    "fail_under": _number,
    "precision": _number,
    "skip_covered": _switch,
}


def _list(value: object, *, regexes: bool) -> list[Any]:
    """The items of a list in TOML, or of the lines of a text; but for regular expressions, commas separate, too."""
    if not isinstance(value, str):
        return list(value) if isinstance(value, list) else [value]
    return list(_items(value, regexes=regexes))


def _items(text: str, *, regexes: bool) -> Iterator[str]:
    for line in text.splitlines():
        for item in [line] if regexes else os.path.expandvars(line).split(","):
            if item.strip():
                yield item.strip()
