"""coverage.py's configuration, for projects that have no ``[tool.branchcov]``: what has the same meaning here."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ipy_branchcov.errors import UsageError

#: Where coverage.py looks, in its order. It takes the first that has settings of it.
FILES = (".coveragerc", ".coveragerc.toml", "setup.cfg", "tox.ini", "pyproject.toml")
#: These are its own: it takes them also where they are empty.
OWN_FILES = FILES[:2]
#: Files of others: only sections that begin with its name are its own.
_SHARED = ("setup.cfg", "tox.ini")
_PREFIX = "coverage:"
#: The variable of the environment that names its file.
RCFILE = "COVERAGE_RCFILE"
_SECTIONS = ("run", "report", "paths", "html", "xml", "json", "lcov")
_SOURCES = ("source", "source_pkgs", "source_dirs")
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
#: Its options that change what is measured or where reports lie, and have no counterpart in a configuration here. The
#: page for people who come from coverage.py says what takes their place; of others, that nothing has to.
_NOT_HERE = {
    "run": ("command_line", "context", "data_file", "dynamic_context", "plugins", "cover_pylib"),
    "report": ("include_namespace_packages", "partial_branches_always", "show_missing", "skip_empty", "sort", "format"),
    "html": ("directory", "title", "extra_css", "skip_covered", "skip_empty"),
    "xml": ("output", "package_depth"),
    "json": ("output",),
    "lcov": ("output",),
}
#: Options of ours that take one regular expression a line: a comma may stand in it.
_REGEXES = frozenset({"exclude", "exclude_also", "partial_branches"})
#: A variable of the environment in a value: ``$NAME``, ``${NAME}``, ``${NAME?}`` (it must be set), ``${NAME-other}``;
#: ``$$`` is a dollar sign.
_VARIABLE = re.compile(r"\$(?:(?P<sign>\$)|(?P<name>\w+)|\{(?P<braced>\w+)(?:(?P<must>\?)|-(?P<other>[^}]*))?\})")


class Foreign(NamedTuple):
    """``values``: by our names. ``origins``: under what names they stand in the file, by our names.

    ``not_here``: options without a counterpart, as they stand in the file. ``ignored``: one line for each that
    coverage.py ignores, too. ``any``: whether there are options of coverage.py at all.
    """

    values: dict[str, Any]
    origins: dict[str, str]
    not_here: list[str]
    ignored: list[str]
    any: bool


def read_ini(path: Path, *, sourced: bool = False) -> Foreign:
    """The settings in a file of sections. ``sourced``: sources are named elsewhere, or were. Raises UsageError."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text("utf-8-sig"))
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a configuration file ({' '.join(str(error).split())})") from None
    found: dict[str, Section] = {}
    for prefix in (_PREFIX,) if path.name in _SHARED else ("", _PREFIX):
        for name in _SECTIONS:
            if parser.has_section(prefix + name):
                found[name] = Section(prefix + name, dict(parser.items(prefix + name)))
    return _same(found, sourced=sourced)


def read_toml(path: Path, data: Mapping[str, Any], *, sourced: bool = False) -> Foreign:
    """The settings in a file of TOML: below ``[tool.coverage]``; in a file of coverage.py's own also at the top.

    ``sourced``: sources are named elsewhere, or were. Raises UsageError.
    """
    tool = data.get("tool", {})
    table = tool.get("coverage", {}) if isinstance(tool, Mapping) else {}
    top = {name: data[name] for name in _SECTIONS if name in data} if path.name != "pyproject.toml" else {}
    found = _tables(top, str(path), "") | _tables(table, str(path), "tool.coverage.")
    return _same(found, sourced=sourced)


class Section(NamedTuple):
    """A section of coverage.py's. ``name``: with what stands before it in the file."""

    name: str
    options: Mapping[str, Any]


_NONE = Section("", {})


def _tables(table: object, name: str, prefix: str) -> dict[str, Section]:
    """The sections in a table of tables. ``name`` begins the messages. Raises UsageError."""
    if not isinstance(table, Mapping) or not all(isinstance(each, Mapping) for each in table.values()):
        raise UsageError(f"{name}: [tool.coverage] must have tables only")
    return {section: Section(prefix + section, table[section]) for section in _SECTIONS if section in table}


def _same(sections: Mapping[str, Section], *, sourced: bool) -> Foreign:
    has_any = any(section.options for section in sections.values())
    found = Foreign({}, {}, _not_here(sections), [], has_any)
    for (section, option), ours in _SAME.items():
        there = sections.get(section, _NONE)
        value = there.options.get(option)
        if value is None:
            continue
        origin = f"[{there.name}] {option}"
        if (section, option) == ("run", "include") and (why := _include_ignored(sections, sourced=sourced)):
            found.ignored.append(f"{origin}: {why}")
            continue
        value = _filled_in(value, origin)
        if ours in _SINGLE:
            found.values[ours] = _SINGLE[ours](value)
        else:
            found.values[ours] = [*found.values.get(ours, []), *_list(value, regexes=ours in _REGEXES)]
        found.origins[ours] = origin
    paths = sections.get("paths", _NONE)
    if paths.options:
        origin = f"[{paths.name}]"
        lists = {key: _list(_filled_in(value, origin), regexes=False) for key, value in paths.options.items()}
        found.values["paths"] = {key: [*map(_at_home, value)] for key, value in lists.items()}
        found.origins["paths"] = origin
    return found


def _include_ignored(sections: Mapping[str, Section], *, sourced: bool) -> str:
    """Why ``include`` of ``[run]`` is not used; "" where it is."""
    why = ""
    if sourced or any(sections.get("run", _NONE).options.get(each) for each in _SOURCES):
        why = "not used where sources are named, and in reports of data; coverage.py ignores it there, too"
    elif sections.get("report", _NONE).options.get("include") is not None:
        why = "not used, for [report] has include, too, and there is one here"
    return why


def _not_here(sections: Mapping[str, Section]) -> list[str]:
    """Options without a counterpart that are set, as they stand in the file."""
    return [
        f"[{sections[section].name}] {option}"
        for section, options in _NOT_HERE.items()
        for option in options
        if section in sections and _switch(sections[section].options.get(option)) not in (None, False, "", [])
    ]


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
