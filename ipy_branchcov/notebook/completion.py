"""Completion of options on the lines of our magics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from ipy_branchcov.session.options import ReportOptions, RunOptions
from ipy_branchcov.session.table import Door


def matcher(magics: Mapping[str, Any]) -> Any:
    """A matcher for IPython's completer: on a line of one of these magics it offers options alone.

    ``magics``: functions that ``magic_arguments`` decorated, by their names.
    """

    @context_matcher()
    def branchcov_options(context: CompletionContext) -> SimpleMatcherResult:
        line = context.text_until_cursor.lstrip()
        words = line.lstrip("%").split()
        name = words[0] if words and line.startswith("%") else ""
        if name not in magics or " " not in line:
            return {"completions": []}
        token = "" if line.endswith(" ") else words[-1]
        previous = words[-2] if token else words[-1]
        offered = _offered(magics[name].parser._actions, previous, token, first=previous == name)
        found = [SimpleCompletion(each) for each in offered if each.startswith(token)]
        return {"completions": found, "suppress": bool(found), "matched_fragment": token}

    return branchcov_options


def _offered(actions: list[Any], previous: str, token: str, *, first: bool) -> tuple[str, ...]:
    """The values of the preceding option, or a magic's first words, or its options."""
    for action in actions:
        if previous in action.option_strings and (values := _choices(action.dest)):
            return values
        if first and not action.option_strings and action.choices and not token.startswith("-"):
            return tuple(action.choices)
    return tuple(flag for action in actions for flag in action.option_strings) if token.startswith("-") else ()


def _choices(name: str) -> tuple[str, ...]:
    rows = (*RunOptions.rows(Door.MAGICS), *ReportOptions.rows(Door.MAGICS))
    return next((tuple(row.choices()) for row in rows if row.name == name and row.choices is not None), ())
