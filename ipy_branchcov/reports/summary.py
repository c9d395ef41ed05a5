"""Coverage -> a table for the end of a test run: one line a source, in the manner of coverage.py."""

from __future__ import annotations

from ipy_branchcov.model.coverage import Coverage, SourceCoverage, Totals
from ipy_branchcov.reports.markup import mark

_HEAD = ("Name", "Arms", "Missed", "Cover", "Missing")


def render(coverage: Coverage, *, missing: bool = False) -> str:
    """The table's text. ``missing``: with the lines that never ran, and the conditions with a missed arm."""
    sources = [each for each in coverage.sources if each.totals.arms or each.note or each.missed_lines]
    rows = [_row(each.source.name, each.totals, _missing(each) if missing else "") for each in sources]
    total = _row("TOTAL", coverage.totals, "")
    columns = 5 if missing else 4
    widths = [max(len(row[i]) for row in (_HEAD, *rows, total)) for i in range(columns)]
    rule = "-" * (sum(widths[:4]) + 3 * 3 + (len(_HEAD[4]) + 3 if missing else 0))
    table = [_line(_HEAD, widths), rule, *(_line(row, widths) for row in rows), rule, _line(total, widths)]
    table += [f"note: {note}" for each in coverage.sources for note in each.note.split("\n") if note]
    return "\n".join(table)


def _row(name: str, totals: Totals, missing: str) -> tuple[str, ...]:
    percent = "-" if totals.percent is None else f"{totals.percent:.1f}%"
    return (name, str(totals.arms), str(totals.missed), percent, missing)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:4], widths[1:4], strict=True))]
    return "   ".join([*cells, *row[4 : len(widths)]]).rstrip()


def _missing(coverage: SourceCoverage) -> str:
    """``7-9, 12:4 never false``: lines that never ran, and line, column (from 1) and label of missed arms elsewhere."""
    places = [
        ((first, 0), f"{first}" if first == last else f"{first}-{last}") for first, last in coverage.missed_ranges
    ]
    if coverage.source.text:
        for each in mark(coverage).marks:
            line, column = each.span.start
            if each.label and line not in coverage.missed_lines:
                places.append(((line, column), f"{line}:{column + 1} {each.label}"))
    return ", ".join(text for _, text in sorted(places))
