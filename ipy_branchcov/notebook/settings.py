"""``c.BranchCov`` and ``%config BranchCov``: the table of options as IPython's configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from traitlets import Bool, CaselessStrEnum, Float, Int, List, TraitError, TraitType, Unicode, validate
from traitlets.config import Configurable

from ipy_branchcov.errors import UsageError
from ipy_branchcov.session.config import check_sources
from ipy_branchcov.session.options import ReportOptions, RunOptions
from ipy_branchcov.session.table import (
    BRANCH_KINDS,
    COUNT,
    GLOBS,
    IDENTIFIER,
    PATH,
    PERCENT,
    REGEXES,
    SWITCH,
    TEXT,
    TEXTS,
    VIEW,
    VIEWS,
    Door,
    Kind,
    Option,
)
from ipy_branchcov.tracing.choice import choose_tracer

_TABLES = (RunOptions, ReportOptions)
#: The trait of each kind of value.
_TRAITS: dict[Kind, Callable[[Option], TraitType[Any, Any]]] = {
    SWITCH: lambda row: Bool(row.default, help=row.help),
    PERCENT: lambda row: Float(row.default, allow_none=True, help=row.help),
    COUNT: lambda row: Int(row.default, help=row.help),
    TEXT: lambda row: Unicode(row.default, help=row.help),
    IDENTIFIER: lambda row: Unicode(row.default, help=row.help),
    PATH: lambda row: Unicode(row.default, allow_none=True, help=row.help),
    VIEW: lambda row: CaselessStrEnum(VIEWS, row.default, help=row.help),
    **dict.fromkeys(
        (TEXTS, GLOBS, BRANCH_KINDS, REGEXES),
        lambda row: List(Unicode(), row.default and list(row.default), allow_none=row.default is None, help=row.help),
    ),
}


class Settings(Configurable):
    """The options that IPython's configuration can set: traits by the names of their rows.

    They start from pyproject.toml; IPython's configuration overrides that.
    """

    def __init__(self, shell: Configurable, options: RunOptions):
        for row in RunOptions.rows(Door.TRAIT):
            value = getattr(options, row.name)
            setattr(self, row.name, list(value) if row.kind.many and value is not None else value)
        super().__init__(parent=shell)

    def run_options(self) -> RunOptions:
        """The options of a run whose line gives none."""
        return RunOptions(**self._values(RunOptions))

    def report_options(self) -> ReportOptions:
        """The same for reports."""
        return ReportOptions(**self._values(ReportOptions))

    def _values(self, table: type[RunOptions | ReportOptions]) -> dict[str, Any]:
        values = {row.name: getattr(self, row.name) for row in table.rows(Door.TRAIT)}
        given = {name: value for name, value in values.items() if value is not None}
        return table.unpack(given, lambda row: row.flag(Door.TRAIT))


def _check(settings: Settings, proposal: Any) -> Any:
    """Refuse a wrong value before it is stored; ``%config`` then shows one line."""
    name, value = proposal["trait"].name, proposal["value"]
    (row,) = (row for table in _TABLES for row in table.rows(Door.TRAIT) if row.name == name)
    if value is not None:
        try:
            row.check(value, row.flag(Door.TRAIT))
            if name == "source":
                check_sources(value, row.flag(Door.TRAIT))
            if name == "tracer":
                choose_tracer(value)
        except UsageError as error:
            raise TraitError(str(error)) from None
    return value


def _settings_class() -> type[Settings]:
    traits: dict[str, Any] = {
        row.name: _TRAITS[row.kind](row).tag(config=True) for table in _TABLES for row in table.rows(Door.TRAIT)
    }
    doc = "Branch coverage inside the lines. Starts from ``[tool.branchcov]`` in pyproject.toml."
    return type("BranchCov", (Settings,), {"__doc__": doc, **traits, "_check": validate(*traits)(_check)})


BranchCov = _settings_class()
