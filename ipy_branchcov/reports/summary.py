"""Coverage -> a table for the end of a test run: one row a source, in the style of coverage.py."""

from __future__ import annotations

import textwrap
from itertools import groupby

from ipy_branchcov.model import words
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.totals import Totals
from ipy_branchcov.reports import decision_tables
from ipy_branchcov.reports.view import Mark, MarkedSource, mark

_HEAD = ("Name", "Outcomes", "Missed", "Cover", "Missing")
#: Columns that the misses get at least.
_NARROWEST = 30


def render(coverage: Coverage, *, missing: bool = False, skip_covered: bool = False, width: int = 80) -> str:
    """The table's text, its last row the total of all.

    ``missing``: also the lines that never ran, and the branches with a missed outcome, by function, wrapped to
    ``width`` columns. ``skip_covered``: only sources in which something is missed.
    """
    sources = [
        each for each in coverage.sources if each.totals.outcomes or each.note or each.missed_lines or each.missed_spans
    ]
    # Places are marked only where they are asked for: that parses the texts.
    marked = {id(each): mark(each) for each in sources} if missing or skip_covered else {}
    shown = [each for each in sources if marked[id(each)].misses or marked[id(each)].runs] if skip_covered else sources
    rows = [_row(each.source.name, each.totals) for each in shown]
    total = _row("TOTAL", coverage.totals)
    widths = [max(len(row[i]) for row in (_HEAD, *rows, total)) for i in range(4)]
    room = max(width - sum(widths) - 4 * 3, _NARROWEST)
    rule = "-" * (sum(widths) + 3 * 3 + (len(_HEAD[4]) + 3 if missing else 0))
    head = [_line(_HEAD, widths) + (f"   {_HEAD[4]}" if missing else ""), rule]
    table = [*head]
    for row, each in zip(rows, shown, strict=True):
        lines = _missing(marked[id(each)], room) if missing else []
        table.append(_line(row, widths) + (f"   {lines[0]}" if lines else ""))
        table += [f"{'':{sum(widths) + 4 * 3}}{line}" for line in lines[1:]]
    table += [rule] if rows else []
    table.append(_line(total, widths))
    if proofs := decision_tables.summary(coverage):
        table += [proofs, *(decision_tables.missing(coverage) if missing else ())]
    table += [f"note: {note}" for each in coverage.sources for note in each.notes]
    if missing:
        table += [f"{each.source.name}: {line}" for each in coverage for line in words.exclusions(each.branches)]
    return "\n".join(table)


def _row(name: str, totals: Totals) -> tuple[str, ...]:
    return (name, str(totals.outcomes), str(totals.missed), totals.percentage)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = (cell.rjust(width) for cell, width in zip(row[1:4], widths[1:], strict=True))
    return "   ".join([row[0].ljust(widths[0]), *cells])


def _missing(marked: MarkedSource, room: int) -> list[str]:
    """Lines of at most ``room`` columns: ``classify: 7-9, 12:4 never false``, each function on a line of its own.

    Lines that never ran; line, column (from 1) and label of what else is missed.
    """
    places = marked.misses if marked.coverage.source.text else list(marked.runs)
    lines: list[str] = []
    for function, group in groupby(places, marked.function):
        text = ", ".join(_place(each).replace(" ", "\xa0") for each in group)  # a place stays on one line
        text = f"{function}: {text}" if function else text
        wrapped = textwrap.wrap(text, room, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        lines += [line.replace("\xa0", " ") for line in wrapped]
    return lines


def _place(each: Mark) -> str:
    if each.whole:
        return words.line_range(each.span.line, each.span.end_line)
    return f"{each.span.line}:{each.span.column + 1} {each.label}"
