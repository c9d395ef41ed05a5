"""Coverage -> a table for the end of a test run: one line a source, in the style of coverage.py."""

from __future__ import annotations

from ipy_branchcov.model import words
from ipy_branchcov.model.coverage import Coverage, SourceCoverage
from ipy_branchcov.model.totals import Totals
from ipy_branchcov.reports.view import mark

_HEAD = ("Name", "Outcomes", "Missed", "Cover", "Missing")


def render(coverage: Coverage, *, missing: bool = False) -> str:
    """The table's text. ``missing``: also what never ran, and the branches with a missed outcome."""
    sources = [s for s in coverage.sources if s.totals.outcomes or s.note or s.missed_lines or s.missed_spans]
    rows = [_row(each.source.name, each.totals, _missing(each) if missing else "") for each in sources]
    total = _row("TOTAL", coverage.totals, "")
    columns = 5 if missing else 4
    widths = [max(len(row[i]) for row in (_HEAD, *rows, total)) for i in range(columns)]
    rule = "-" * (sum(widths[:4]) + 3 * 3 + (len(_HEAD[4]) + 3 if missing else 0))
    table = [_line(_HEAD, widths), rule, *(_line(row, widths) for row in rows), rule, _line(total, widths)]
    table += [f"note: {note}" for each in coverage.sources for note in each.notes]
    if missing:
        table += [f"{each.source.name}: {line}" for each in coverage for line in words.exclusions(each.branches)]
    return "\n".join(table)


def _row(name: str, totals: Totals, missing: str) -> tuple[str, ...]:
    percent = "-" if totals.percent is None else f"{totals.percent:.1f}%"
    return (name, str(totals.outcomes), str(totals.missed), percent, missing)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:4], widths[1:4], strict=True))]
    return "   ".join([*cells, *row[4 : len(widths)]]).rstrip()


def _missing(coverage: SourceCoverage) -> str:
    """``7-9, 12:4 never false``: lines that never ran; line, column (from 1) and label of what else is missed."""
    places = mark(coverage).misses if coverage.source.text else mark(coverage).runs
    return ", ".join(
        words.line_range(each.span.line, each.span.end_line)
        if each.whole
        else f"{each.span.line}:{each.span.column + 1} {each.label}"
        for each in places
    )
