"""Decisions -> truth tables with first hits: computed here once, drawn by the text, the pages and the widget."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.decision_words import MOST_OPEN, sentence, sentences
from ipy_branchcov.model.decisions import FORM, Decision, Evaluation
from ipy_branchcov.model.source import shortened
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.printable import visible

#: Characters of a condition at the head of a column of the text.
_LONGEST = 28
#: Rows that are drawn of one table.
_MOST_ROWS = 64
NOT_SEEN = "not seen"


class Row(NamedTuple):
    """An evaluation. ``number``: of those that were seen, from 1; 0: not seen. ``first``: who was first, or ""."""

    number: int
    letters: tuple[str, ...]
    outcome: str
    first: str
    values: tuple[tuple[str, str], ...]


class Table(NamedTuple):
    """The truth table of a decision. ``more``: rows that are left out. ``sentences``: what it shows, and what not."""

    line: int
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    more: int
    sentences: tuple[str, ...]
    complete: bool


def summary(coverage: Coverage) -> str:
    """The total of MC/DC with its form; "" where no decisions were asked for."""
    return "" if coverage.mcdc is None else f"{coverage.mcdc} ({FORM})"


def tables(source: SourceCoverage) -> Iterator[Table]:
    """The tables of a source in source order; of its decisions that anything reached, or that have a line that ran."""
    for decision in source.decisions or ():
        yield _table(source, decision)


def _table(source: SourceCoverage, decision: Decision) -> Table:
    seen = [_row(number, each) for number, each in enumerate(decision.evaluations, 1)]
    unseen = [_row(0, each) for each in decision.open]
    rows = [*seen[:_MOST_ROWS], *unseen[:MOST_OPEN]]
    text = source.source.snippet(decision.span, 120) if source.source.text else str(decision.logic)
    return Table(
        decision.span.line,
        visible(f"line {decision.span.line}: {text}"),
        tuple(visible(each.text or f"condition {i}") for i, each in enumerate(decision.conditions, 1)),
        tuple(rows),
        len(seen) + len(unseen) - len(rows),
        tuple(visible(each) for each in sentences(decision)),
        decision.totals.shown == decision.totals.conditions,
    )


def _row(number: int, evaluation: Evaluation) -> Row:
    first = evaluation.first
    by = first.by if first else ""
    outcome = "true" if evaluation.outcome else "false"
    values = tuple(first.values.items()) if first else ()
    return Row(number, tuple(evaluation.vector), outcome, by if number else NOT_SEEN, values)


def missing(coverage: Coverage) -> Iterator[str]:
    """One line for each condition that counts and is not shown: what shows it."""
    for source in coverage:
        yield from (visible(f"{source.source.name}:{line}: {words}") for line, words in missing_in(source))


def missing_in(source: SourceCoverage) -> Iterator[tuple[int, str]]:
    """The same of one source, with the line of each."""
    for decision in source.decisions or ():
        for number, condition in enumerate(decision.conditions):
            if not (condition.reason or decision.shown[number]):
                yield condition.branch[0].line, visible(sentence(decision, number))


def _last_head(static: bool) -> str:
    return "seen" if static else "first"


def _last_cell(row: Row, static: bool) -> str:
    """Who was first, or that nobody was; static: whether the row was seen."""
    return ("yes" if row.number else "no") if static else row.first


# --- as text


def lines(source: SourceCoverage, *, missed: bool = False, static: bool = False) -> Iterator[str]:
    """The tables as lines of text.

    ``missed``: only those of decisions with a condition that is not shown. ``static``: without first hits, which have
    execution counts, and values that may be secrets.
    """
    for table in tables(source):
        if not (missed and table.complete):
            yield from _text(table, static)


def _text(table: Table, static: bool) -> Iterator[str]:
    yield f"  decision in {table.title}"
    heads = [shortened(each, _LONGEST) for each in table.columns]
    yield "       " + " | ".join([*heads, "outcome", _last_head(static)])
    for row in table.rows:
        cells = [letter.center(len(head)) for letter, head in zip(row.letters, heads, strict=True)]
        values = "" if static else ", ".join(f"{name}={value}" for name, value in row.values)
        words = visible(" ".join(filter(None, (_last_cell(row, static), values))))
        mark = str(row.number) if row.number else "-"
        yield f"  {mark:>4} " + " | ".join([*cells, row.outcome.ljust(7), words]).rstrip()
    if table.more:
        yield f"       ... {table.more} more rows"
    for words in table.sentences:
        yield f"       {words}"


# --- as HTML


def html(source: SourceCoverage, *, static: bool = False, sheet: bool = False) -> str:
    """The tables as HTML, without values. ``static``: without first hits.

    ``sheet``: the page's style sheet draws them, for a server can forbid styles in elements; else they need none.
    """
    return "".join(_html(table, static, sheet) for table in tables(source))


_CELL = "border:1px solid rgba(128,128,128,.6);padding:0 .5em;text-align:center"


def _html(table: Table, static: bool, sheet: bool) -> str:
    columns = ("row", *table.columns, "outcome", _last_head(static))
    heads = "".join(f"<th{_style(_CELL, sheet)}>{escape(each)}</th>" for each in columns)
    body = "".join(_html_row(row, static, sheet) for row in table.rows)
    more = f"<p>... {table.more} more rows</p>" if table.more else ""
    items = "".join(f"<li>{_coded(escape(each))}</li>" for each in table.sentences)
    head = f"<summary{_style('cursor:pointer', sheet)}>{escape(f'decision in {table.title}')}</summary>"
    drawn = f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    drawn = f"<table{_style('border-collapse:collapse', sheet)}>{drawn}</table>"
    if sheet:
        drawn = f'<div class="wide">{drawn}</div>'
    return f"<details{'' if table.complete else ' open'}>{head}{drawn}{more}<ul>{items}</ul></details>"


def _html_row(row: Row, static: bool, sheet: bool) -> str:
    cells = (row.number or "-", *row.letters, row.outcome, _last_cell(row, static))
    style = _style(_CELL, sheet)
    return "<tr>" + "".join(f"<td{style}>{escape(visible(str(cell)))}</td>" for cell in cells) + "</tr>"


def _style(text: str, sheet: bool) -> str:
    return "" if sheet else f' style="{text}"'


def _coded(words: str) -> str:
    """Code in words, which stands between backticks, as HTML."""
    return re.sub("`(.*?)`", r"<code>\1</code>", words)
