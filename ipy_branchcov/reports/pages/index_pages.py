"""The index of all pages, and that of all functions: tables that can be sorted, searched and shortened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.totals import Totals, percentage
from ipy_branchcov.model.words import NEVER_RAN
from ipy_branchcov.printable import printable
from ipy_branchcov.reports import decision_tables
from ipy_branchcov.reports.pages import shell
from ipy_branchcov.reports.pages.contents import Page
from ipy_branchcov.reports.pages.functions import functions

_COLUMNS = ("outcomes", "missed", "covered")
#: Attributes of the headings of tables. Sources come with the most missed outcomes first; where a window is narrow, the
#: number of outcomes gives its place to the names.
_ABOUT_HEAD = {
    ("sources", "missed"): ' aria-sort="descending"',
    ("sources", "outcomes"): ' class="outcomes"',
    ("functions", "outcomes"): ' class="outcomes"',
}
_TOOLS = (
    '<form class="tools"><label><input type="checkbox" id="hide-complete"> hide complete {}</label>'
    '<span class="scripted" hidden><label>Search <input type="search" id="search"></label> '
    '<span role="status"></span></span></form>'
)


def sources(coverage: Coverage, pages: Sequence[Page], frame: shell.Frame) -> str:
    """The page of all pages."""
    links = shell.navigation((shell.FUNCTIONS, "all functions", ""))
    lost = "".join(f'<p class="note">lost: {escape(printable(line))}</p>' for line in sorted(coverage.lost))
    head = f'<div class="total">{shell.bar(coverage.totals)} {escape(coverage.summary)}</div>{lost}'
    if coverage.mcdc is not None:
        head += f"<p>{escape(decision_tables.summary(coverage))}</p>"
    rows = "".join(map(_source_row, pages))
    table = _table("sources", ("source", *_COLUMNS, "lines never run"), rows)
    return shell.document(frame, frame.title, head + _TOOLS.format("sources") + table, links=links)


def all_functions(pages: Sequence[Page], frame: shell.Frame) -> str:
    """The page of all functions and classes, by source."""
    links = shell.navigation((shell.INDEX, "all sources", "up"))
    rows = "".join(row for page in pages for row in _function_rows(page))
    table = _table("functions", ("function", "source", *_COLUMNS), rows)
    return shell.document(frame, "Functions", _TOOLS.format("functions") + table, links=links)


def _table(name: str, columns: Sequence[str], rows: str) -> str:
    heads = "".join(f'<th scope="col"{_ABOUT_HEAD.get((name, each), "")}>{each}</th>' for each in columns)
    return f'<table class="index" aria-label="{name}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _source_row(page: Page) -> str:
    name = f'<a href="{escape(page.file)}">{escape(page.name)}</a>'
    return _row(
        page.complete, _cell(page.name, name) + _totals(page.totals, "", page.summary) + _number(page.missed_lines)
    )


def _function_rows(page: Page) -> Iterator[str]:
    for part in page.parts:
        where = page.name + (f", {part.title.partition(' · ')[0]}" if part.title and part.title != page.name else "")
        for each in functions(part.marked.coverage):
            address = f"{page.file}#{part.prefix}L{each.line}"
            name = _cell(each.name, f'<a href="{escape(address)}">{escape(each.name)}</a>')
            totals = _totals(each.totals, NEVER_RAN if each.never_ran else "")
            yield _row(each.complete, name + _cell(where) + totals)


def _row(complete: bool, cells: str) -> str:
    return f'<tr class="complete">{cells}</tr>' if complete else f"<tr>{cells}</tr>"


def _totals(totals: Totals, state: str, without: str = "no branches") -> str:
    """``without``: the words where there is no percentage."""
    percent = -1.0 if totals.percent is None else totals.percent
    words = ", ".join(filter(None, (without if percent < 0 else percentage(percent), state)))
    numbers = _number(totals.outcomes, "number outcomes") + _number(totals.missed)
    return numbers + _cell(percent, f"{shell.bar(totals)} {words}")


def _number(number: int, names: str = "number") -> str:
    return f'<td class="{names}">{number}</td>'


def _cell(key: object, shown: str = "") -> str:
    """``key``: what the column is sorted by, where that is not what is shown."""
    text = escape(printable(str(key)))
    return f'<td data-key="{text}">{shown}</td>' if shown else f"<td>{text}</td>"
