"""How options become a table: a row is a field of a frozen dataclass, with all that a door must know to offer it.

The tables themselves are in :mod:`ipy_branchcov.session.options`. Standard library only: pytest imports this at every
start, also where nothing is measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Flag, auto
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from ipy_branchcov.errors import UsageError

T = TypeVar("T")
#: How a cell's coverage can be shown.
VIEWS = ("auto", "widget", "html", "text")


class Door(Flag):
    """A place where options are given."""

    CELL = auto()  # %%branchcov, %branchcov
    AUTO = auto()  # %branchcov_auto
    SHOW = auto()  # %branchcov_report
    RUN = auto()  # branchcov run
    REPORT = auto()  # branchcov report
    PYTEST = auto()  # pytest
    CONFIG = auto()  # [tool.branchcov] in pyproject.toml
    TRAIT = auto()  # IPython's configuration
    SUGGEST = auto()  # branchcov suggest
    ASK = auto()  # %branchcov_suggest
    MAGICS = CELL | AUTO | SHOW
    COMMANDS = RUN | REPORT


# --- kinds of values


class Kind(NamedTuple):
    """What values an option takes.

    ``check`` returns the value to keep, or raises ValueError with what it must be. ``parse`` makes it of a text first.
    ``many``: a tuple or set of strings; lines of options repeat the flag.
    """

    check: Callable[[object], object]
    parse: Callable[[str], object] = str
    many: bool = False


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def _number(text: str) -> object:
    """A number; the text itself where it is no number, so that the check can show it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _percent(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise ValueError(f"must be a number from 0 to 100, not {value!r}")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"must be a whole number from 1 on, not {value!r}")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400:
        raise ValueError(f"must be a number of seconds above 0, not {value!r}")
    return float(value)


def _digits(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 9:
        raise ValueError(f"must be a whole number from 0 to 9, not {value!r}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"must be a text, not {value!r}")
    return value


def _identifier(value: object) -> str:
    if not isinstance(value, str) or not value.isidentifier():
        raise ValueError(f"must be the name of a variable, not {value!r}")
    return value


def _identifiers(value: object) -> tuple[str, ...]:
    return tuple(_identifier(each) for each in _texts(value))


def _view(value: object) -> str:
    if value not in VIEWS:
        raise ValueError(f"must be {', '.join(VIEWS[:-1])} or {VIEWS[-1]}, not {value!r}")
    return str(value)


def _path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError(f"must be a path, not {value!r}")
    return Path(value)


def _texts(value: object) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, list | tuple | set | frozenset) or not all(isinstance(each, str) for each in values):
        raise ValueError("must be a list of strings")
    return tuple(values)


def _globs(value: object) -> tuple[str, ...]:
    """Patterns of file names; one text can hold several, with commas between."""
    return tuple(glob for text in _texts(value) for glob in filter(None, map(str.strip, text.split(","))))


def _paths(value: object) -> tuple[tuple[str, ...], ...]:
    """Groups of folders that hold the same files, as coverage.py has them: the first of a group stands for all."""
    groups = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(groups, list | tuple) or not all(isinstance(each, list | tuple) and each for each in groups):
        raise ValueError("must be a table of lists of folders")
    return tuple(map(_texts, groups))


def _branch_kinds(value: object) -> frozenset[str]:
    from ipy_branchcov.model.branch import OUTCOMES

    for kind in (kinds := _texts(value)):
        if kind not in OUTCOMES:
            raise ValueError(f"no kind of branch is called {kind!r}; there are {', '.join(OUTCOMES)}")
    return frozenset(kinds)


def _regexes(value: object) -> tuple[str, ...]:
    for regex in (regexes := _texts(value)):
        try:
            re.compile(regex, re.MULTILINE)  # each by itself, as it is used: it may begin with flags
        except (re.error, OverflowError, RecursionError, Warning) as error:
            raise ValueError(f"{regex!r} is not a regular expression ({error})") from None
    return regexes


SWITCH = Kind(_switch)
PERCENT = Kind(_percent, _number)
COUNT = Kind(_count, _number)
SECONDS = Kind(_seconds, _number)
DIGITS = Kind(_digits, _number)
TEXT = Kind(_text)
IDENTIFIER = Kind(_identifier)
NAMES = Kind(_identifiers, many=True)
VIEW = Kind(_view)
PATH = Kind(_path)
TEXTS = Kind(_texts, many=True)
GLOBS = Kind(_globs, many=True)
PATHS = Kind(_paths)
BRANCH_KINDS = Kind(_branch_kinds, many=True)
REGEXES = Kind(_regexes, many=True)


# --- rows


class Option(NamedTuple):
    """One row of the table.

    ``letter``: a short flag, at the doors ``letters``. ``choices``: the possible values. ``place``: where a report is
    written when only its kind is given; ``printed``: a report that is no file. ``alias``: another name. ``adds``: a
    run's values are added to the settings' own. ``flags``: the spelling at doors where it does not follow the name.
    ``negative``: the help of a flag that switches the option off.
    """

    default: Any
    help: str
    doors: Door
    kind: Kind
    metavar: str = ""
    letter: str = ""
    letters: Door = Door.MAGICS
    choices: Callable[[], Collection[str]] | None = None
    place: str = ""
    printed: bool = False
    alias: str = ""
    adds: bool = False
    flags: tuple[tuple[Door, str], ...] = ()
    negative: str = ""
    name: str = ""

    @property
    def is_report(self) -> bool:
        """Whether the option asks for a kind of report."""
        return bool(self.place) or self.printed

    def flag(self, door: Door) -> str:
        """How a user spells the option at a door."""
        for doors, flag in self.flags:
            if door in doors:
                return flag
        words = self.name.replace("_", "-")
        if door is Door.CONFIG:
            return f"[tool.branchcov] {self.name}"
        if door is Door.TRAIT:
            return f"BranchCov.{self.name}"
        if door is Door.PYTEST and self.is_report:
            return f"--branchcov-report={words}"
        words = f"no-{words}" if self.default is True else words
        return f"--branchcov-{words}" if door is Door.PYTEST else f"--{words}"

    def argument(self, door: Door) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The flags and keywords for argparse's ``add_argument``; IPython's and pytest's functions take the same.

        No option has a default there: None means "not given".
        """
        letter = (self.letter,) if self.letter and door in self.letters else ()
        flags = (*letter, self.flag(door), *((f"--{self.alias}",) if self.alias else ()))
        keywords: dict[str, Any] = {"dest": self.dest(door), "default": None, "help": self.negative or self.help}
        if self.kind is SWITCH:
            return flags, keywords | {"action": "store_false" if self.default is True else "store_true"}
        if self.choices is not None and door is not Door.PYTEST:  # it would import what is chosen from
            keywords["metavar"] = "|".join(self.choices())
        else:
            keywords["metavar"] = self.metavar
        return flags, keywords | ({"action": "append"} if self.kind.many else {})

    def dest(self, door: Door) -> str:
        """The attribute in which a parser stores it; pytest's are shared by all plugins."""
        return f"branchcov_{self.name}" if door is Door.PYTEST else self.name

    def check(self, value: object, where: str) -> object:
        """The value to keep. Raises UsageError, which begins with ``where``."""
        try:
            return self.kind.check(value)
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from None


def option(default: T, help: str, doors: Door, kind: Kind, **more: Any) -> T:
    """A field that is a row of the table; ``more`` as in :class:`Option`."""
    row = Option(default, help, doors, kind, **more)
    made: T = field(default=default, metadata={"option": row})
    return made


@cache
def _rows(table: type[Options]) -> tuple[Option, ...]:
    return tuple(each.metadata["option"]._replace(name=each.name) for each in fields(table))


@dataclass(frozen=True, slots=True)
class Options:
    """A table: each field is made by :func:`option`."""

    @classmethod
    def rows(cls, doors: Door | None = None) -> tuple[Option, ...]:
        """The rows that stand at one of some doors, or all rows."""
        every = _rows(cls)  # type: ignore[arg-type]  # a dataclass is hashable
        return tuple(row for row in every if doors is None or row.doors & doors)

    @classmethod
    def read(cls, door: Door, given: Mapping[str, object]) -> dict[str, object]:
        """The options that a parser found at a door, checked, by their names. None: not given.

        Raises UsageError, which names the option as it is spelled there.
        """
        found: dict[str, object] = {}
        for row in cls.rows(door):
            value = given.get(row.dest(door))
            if value is not None:
                parsed = row.kind.parse(value) if isinstance(value, str) and not row.kind.many else value
                found[row.name] = row.check(parsed, row.flag(door))
        return found

    @classmethod
    def unpack(cls, values: Mapping[str, object], where: Callable[[Option], str]) -> dict[str, object]:
        """Check options that have their types already, given by their names. Raises UsageError.

        ``where`` returns the beginning of the message about an option.
        """
        return {row.name: row.check(values[row.name], where(row)) for row in cls.rows() if row.name in values}

    def overridden(self, **given: object) -> Self:
        """The same with other values; given sources are added to the present ones."""
        for row in self.rows():
            if row.adds and row.name in given:
                both = (*getattr(self, row.name), *_texts(given[row.name]))
                given[row.name] = tuple(dict.fromkeys(both))
        return replace(self, **given)

    def changes(self) -> dict[str, object]:
        """The values that differ from the defaults, as JSON has them; :meth:`unpack` reads them in another process."""
        found: dict[str, object] = {}
        for row in self.rows():
            value = getattr(self, row.name)
            if value != row.default:
                found[row.name] = list(value) if row.kind.many else value
        return found
