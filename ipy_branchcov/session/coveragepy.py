"""coverage.py's configuration, for projects that have no ``[tool.branchcov]``: what has the same meaning here."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ipy_branchcov.errors import UsageError

#: Where coverage.py looks, in its order; the prefix of its sections there.
FILES = {
    ".coveragerc": "",
    ".coveragerc.toml": "",
    "setup.cfg": "coverage:",
    "tox.ini": "coverage:",
    "pyproject.toml": "",
}
#: The variable of the environment that names its file.
RCFILE = "COVERAGE_RCFILE"
_SECTIONS = ("run", "report", "paths")
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
    ("report", "partial_also"): "partial_branches",
}
#: Options of ours that take one regular expression a line: a comma may stand in it.
_REGEXES = frozenset({"exclude", "exclude_also", "partial_branches"})
#: A variable of the environment in a value: ``$NAME``, ``${NAME}``, ``${NAME?}`` (it must be set), ``${NAME-other}``;
#: ``$$`` is a dollar sign.
_VARIABLE = re.compile(r"\$(?:(?P<sign>\$)|(?P<name>\w+)|\{(?P<braced>\w+)(?:(?P<must>\?)|-(?P<other>[^}]*))?\})")


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
    for name in _SECTIONS:
        if parser.has_section(prefix + name):
            sections[name] = dict(parser.items(prefix + name))
    return _same(sections, prefix)


def read_toml(path: Path, data: Mapping[str, Any]) -> Foreign:
    """The settings in a file of TOML: below ``[tool.coverage]``; in a file of coverage.py's own also at the top.

    Raises UsageError.
    """
    tool = data.get("tool", {})
    table = tool.get("coverage", {}) if isinstance(tool, Mapping) else {}
    if path.name == ".coveragerc.toml" and isinstance(table, Mapping):
        top = {name: data[name] for name in _SECTIONS if name in data and name not in table}
        if top:
            return read_table({**top, **table}, str(path), "")
    return read_table(table, str(path))


def read_table(table: object, name: str, prefix: str = "tool.coverage.") -> Foreign:
    """The settings in a table of sections. ``name`` begins the messages, ``prefix`` those of sections.

    Raises UsageError.
    """
    if not isinstance(table, Mapping) or not all(isinstance(each, Mapping) for each in table.values()):
        raise UsageError(f"{name}: [tool.coverage] must have tables only")
    return _same(table, prefix)


def _same(sections: Mapping[str, Mapping[str, Any]], prefix: str) -> Foreign:
    found = Foreign({}, {})
    for (section, option), ours in _SAME.items():
        value = sections.get(section, {}).get(option)
        if value is None:
            continue
        origin = f"[{prefix}{section}] {option}"
        value = _filled_in(value, origin)
        if ours in _SINGLE:
            found.values[ours] = _SINGLE[ours](value)
        else:
            found.values[ours] = [*found.values.get(ours, []), *_list(value, regexes=ours in _REGEXES)]
        found.origins[ours] = origin
    paths = sections.get("paths")
    if paths:
        origin = f"[{prefix}paths]"
        lists = {name: _list(_filled_in(value, origin), regexes=False) for name, value in paths.items()}
        found.values["paths"] = {name: [*map(_at_home, value)] for name, value in lists.items()}
        found.origins["paths"] = origin
    return found


def _filled_in(value: object, origin: str) -> object:
    """A value with the variables of the environment in it, as coverage.py puts them there. Raises UsageError."""
    if isinstance(value, list):
        return [_filled_in(each, origin) for each in value]

    def of(match: re.Match[str]) -> str:
        if match["sign"]:
            return "$"
        name = match["name"] or match["braced"]
        if name not in os.environ and match["must"]:
            raise UsageError(f"{origin}: the variable {name} of the environment must be set")
        return os.environ.get(name, match["other"] or "")

    return _VARIABLE.sub(of, value) if isinstance(value, str) else value


def _at_home(path: object) -> object:
    return os.path.expanduser(path) if isinstance(path, str) else path  # noqa: PTH111 (a glob; "~" alone is replaced)


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
        for item in [line] if regexes else line.split(","):
            if item.strip():
                yield item.strip()
