"""A magic's line -> a Request. The arguments that IPython documents and parses come from the table of options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from IPython.core.error import UsageError as IPythonUsageError
from IPython.core.magic_arguments import argument

from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.session.config import check_sources
from ipy_branchcov.session.options import ReportOptions, RunOptions, SuggestOptions
from ipy_branchcov.session.table import Door
from ipy_branchcov.tracing.choice import choose_tracer

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Request:
    """What a line of options asks for. ``given``: options of the run that override the session's settings."""

    given: Mapping[str, object] = field(default_factory=dict)
    report: ReportOptions = field(default_factory=ReportOptions)

    def options(self, settings: RunOptions) -> RunOptions:
        """All options of the run. A graph needs the instructions, as ``--opcodes`` does."""
        options = settings.overridden(**self.given)
        return replace(options, opcodes=True) if self.report.graph else options

    @property
    def shows_opcodes(self) -> bool:
        """Whether to show the instructions themselves, not only a graph."""
        return bool(self.given.get("opcodes"))


def options(door: Door) -> Callable[[F], F]:
    """A decorator that adds a door's options to a magic's arguments."""

    def decorate(function: F) -> F:
        for row in reversed((*RunOptions.rows(door), *ReportOptions.rows(door), *SuggestOptions.rows(door))):
            flags, keywords = row.argument(door)
            function = argument(*flags, **keywords)(function)
        return function

    return decorate


def request(door: Door, parsed: argparse.Namespace, settings: ReportOptions) -> Request:
    """What a parsed line asks for. Raises IPython's UsageError, one line, for a wrong value."""
    try:
        given = RunOptions.read(door, vars(parsed))
        check_sources(vars(parsed).get("source") or (), "--source")
        choose_tracer(str(given.get("tracer", "auto")))
        return Request(given, settings.overridden(**ReportOptions.read(door, vars(parsed))))
    except BranchcovError as error:
        raise IPythonUsageError(str(error)) from None


def split(parser: argparse.ArgumentParser, line: str) -> tuple[str, str]:
    """The leading options of a line, and the statement after them as it was typed."""
    actions = {name: action for action in parser._actions for name in action.option_strings}
    rest, words = line.strip(), []
    while rest.startswith("-"):
        word, _, after = rest.partition(" ")
        words.append(word)
        rest = after.lstrip()
        action = actions.get(word)
        if action is not None and action.nargs is None:
            word, _, after = rest.partition(" ")
            words.append(word)
            rest = after.lstrip()
    return " ".join(words), rest
