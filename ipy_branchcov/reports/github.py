"""Coverage -> GitHub's workflow commands: each miss a warning at its place in the files of a pull request."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, zip_longest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.reports.by_line import UNPLACED, Cells
from ipy_branchcov.reports.patch import ChangedLines
from ipy_branchcov.reports.view import Mark, MarkedSource, mark_all

#: Warnings that GitHub shows of one step.
LIMIT = 10


def render(coverage: Coverage, cells: Cells = UNPLACED, changed: ChangedLines | None = None) -> str:
    """The commands, at most :data:`LIMIT` lines: those of changed lines first, else one of each source in turn."""
    chosen = _chosen(mark_all(coverage), cells, changed or {})
    return "".join(f"{_command(marked, each, cells)}\n" for marked, each in chosen[:LIMIT])


def _chosen(sources: Iterable[MarkedSource], cells: Cells, changed: ChangedLines) -> list[tuple[MarkedSource, Mark]]:
    rows = zip_longest(*([(marked, each) for each in marked.misses] for marked in sources))
    chosen = [place for place in chain.from_iterable(rows) if place is not None]

    def is_old(place: tuple[MarkedSource, Mark]) -> bool:
        name, first, last = _lines(*place, cells)
        return not any(first <= line <= last for line in changed.get(name, ()))

    return sorted(chosen, key=is_old)


def _lines(marked: MarkedSource, each: Mark, cells: Cells) -> tuple[str, int, int]:
    """The file of a place, its first line and its last."""
    name, span = marked.coverage.source.name, each.span
    cell = cells.places.get(name)
    if cell is None:
        return name, span.line, span.end_line
    return name.rpartition("#")[0], cell.lines[span.line - 1], cell.lines[span.end_line - 1]


def _command(marked: MarkedSource, each: Mark, cells: Cells) -> str:
    name, first, last = _lines(marked, each, cells)
    place = {"file": name, "line": str(first)}
    if each.whole or first != last:
        place["endLine"] = str(last)  # with several lines, columns are refused
    else:
        cell, span = cells.places.get(marked.coverage.source.name), each.span
        columns = span.column, span.end_column
        if cell is not None:
            columns = cell.place(span.line, span.column)[1], cell.place(span.end_line, span.end_column)[1]
        place |= {"col": str(columns[0] + 1), "endColumn": str(columns[1] + 1)}
    place["title"] = "Branch coverage"
    function = marked.function(each)
    text = marked.text(each)
    message = f"{text}: {each.label}" if text else each.label
    properties = ",".join(f"{key}={_property(value)}" for key, value in place.items())
    return f"::warning {properties}::{_data(f'{message} (in {function})' if function else message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
