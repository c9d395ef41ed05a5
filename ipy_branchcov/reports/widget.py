"""Coverage -> the data of the interactive view in a live notebook, drawn by one ES module (anywidget)."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, TypedDict

import anywidget
import traitlets

from ipy_branchcov.model import words
from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.reports import decision_tables
from ipy_branchcov.reports.syntax import Colours, colours
from ipy_branchcov.reports.view import Mark, MarkedSource, NewOutcome, State, mark_all

_STATIC = Path(__file__).parent / "static"


class OutcomeView(TypedDict):
    """One outcome of a branch."""

    name: str
    hits: int
    state: str  # covered, missed, optional, or excluded
    fate: str  # in words whether it was covered, or how often
    duty: str  # in words whether it counts, or why not
    first: str  # who covered it first, or ""
    values: list[tuple[str, str]]  # names and values at its first hit; empty in what is saved
    new: bool


class MarkView(TypedDict):
    """A place: a branch, or lines that never ran."""

    state: State
    label: str  # the words of a miss, or ""
    words: str  # what became of it, in any state
    kind: str  # the branch's, "" without one
    kind_words: str  # the same in words, those of the language between backticks
    sentence: str  # its branch in a sentence
    news: str  # what is newly covered, or ""
    text: str
    place: str  # its text, or its lines
    line: int
    end: int
    composite: bool
    within: list[int]  # the marks around it, from the inside out
    outcomes: list[OutcomeView]


class PieceView(TypedDict):
    """A part of a line under the same marks; marks are numbers in the source's list."""

    marks: list[int]  # from the widest to the innermost
    ends: list[int]
    tokens: list[tuple[str, str]]  # text, syntax class or ""


class LineView(TypedDict):
    """A line of a source."""

    number: int
    missed: bool
    miss: int | None  # the mark of the lines that never ran, on the first of them
    worth: bool  # shown under "only missed"
    pieces: list[PieceView]


class RowView(TypedDict):
    """An evaluation of a decision."""

    number: int  # of those that were seen, from 1; 0: not seen
    letters: list[str]  # T, F or - for each condition
    outcome: str
    first: str  # who produced it first, or "not seen"


class TableView(TypedDict):
    """The truth table of a decision."""

    title: str
    columns: list[str]  # the conditions
    rows: list[RowView]
    more: str  # in words how many rows are left out, or ""
    sentences: list[str]  # what shows each condition, or what is missing
    complete: bool


class SourceView(TypedDict):
    """A source with its lines and marks."""

    name: str
    totals: str
    percent: float | None
    note: str
    lines: list[LineView]
    marks: list[MarkView]
    tables: list[TableView]  # of its decisions, where they were asked for


class ViewData(TypedDict):
    """All that the front end draws. ``widget.js`` has the same types as JSDoc; a test compares them."""

    totals: str
    percent: float | None
    missed: bool  # whether the view begins with "only missed"
    sources: list[SourceView]


class ValuesView(TypedDict):
    """The values at the first hits of a branch."""

    source: int
    mark: int
    sentence: str  # the mark's, with the values
    values: list[list[tuple[str, str]]]  # of each outcome


class CoverageWidget(anywidget.AnyWidget):
    """Shows the data of :func:`view` in the place of an HTML record, or where the widget is displayed.

    A displayed widget is saved as a reference that cannot be resolved the next day ("model not found"), and viewers
    prefer it to the HTML beside it. A widget that is not displayed is not saved: as long as it exists, its front end
    draws the view in the place of the record with the class ``record``, and the record is saved.
    """

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "branchcov.css"
    data = traitlets.Dict().tag(sync=True)
    record = traitlets.Unicode().tag(sync=True)

    def __init__(self, coverage: Coverage, *, first: str | None = None, missed: bool = False, record: str = ""):
        """``first`` names the source on top, ``record`` the HTML that it replaces."""
        self._shown: tuple[Coverage, str | None, Set[NewOutcome]] = (coverage, first, frozenset())
        super().__init__(data=view(coverage, first=first, missed=missed), record=record)
        self.on_msg(self._answer)

    def show(self, coverage: Coverage, *, new: Set[NewOutcome], record: str) -> None:
        """Show another coverage from now on. ``new``: outcomes to show as newly covered."""
        self._shown = (coverage, None, new)
        with self.hold_sync():
            self.data, self.record = dict(view(coverage, new=new)), record

    def _answer(self, widget: object, message: object, buffers: object) -> None:
        """Send the values of first hits to a view that asks for them.

        They may be secrets, and a front end can save the state of every widget into the notebook. So they are no
        part of that state.
        """
        if isinstance(message, dict) and "view" in message:
            coverage, first, new = self._shown
            self.send({"view": message["view"], "values": list(first_values(coverage, first=first, new=new))})


def bundle(widget: CoverageWidget) -> dict[str, Any]:
    """The MIME bundle that makes a front end draw a widget, without a memory address in its text."""
    reference = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": reference, "text/plain": "branchcov: interactive view"}


def view(
    coverage: Coverage, *, first: str | None = None, missed: bool = False, new: Set[NewOutcome] = frozenset()
) -> ViewData:
    """What the front end draws, as plain JSON with all its words. ``new``: outcomes to show as newly covered."""
    return {
        "totals": "; ".join(filter(None, (coverage.summary, decision_tables.summary(coverage)))),
        "percent": coverage.totals.percent,
        "missed": missed,
        "sources": [_source(marked, coverage.counted, new) for marked in mark_all(coverage, first)],
    }


def first_values(
    coverage: Coverage, *, first: str | None = None, new: Set[NewOutcome] = frozenset()
) -> Iterator[ValuesView]:
    """The values that :func:`view` leaves out, by the numbers of its sources and marks."""
    for source, marked in enumerate(mark_all(coverage, first)):
        for number, each in enumerate(marked.places):
            outcomes = each.branch.outcomes if each.branch else ()
            values = [list(o.first.values.items()) if o.first else [] for o in outcomes]
            if each.branch and any(values):
                fresh = _fresh(each.branch, marked, new)
                sentence = words.sentence(each.branch, counted=coverage.counted, firsts=True, new=fresh)
                yield {"source": source, "mark": number, "sentence": sentence, "values": values}


def _source(marked: MarkedSource, counted: bool, new: Set[NewOutcome]) -> SourceView:
    coverage = marked.coverage
    numbers = {id(each): number for number, each in enumerate(marked.places)}
    missed = {each.span.line: numbers[id(each)] for each in marked.runs}
    coloured = colours(marked.lines)
    lines: list[LineView] = [
        {
            "number": number,
            "missed": number in marked.missed,
            "miss": missed.get(number),
            "worth": marked.touched(number),
            "pieces": list(_pieces(marked, number, coloured, numbers)),
        }
        for number in range(1, len(marked.lines) + 1)
    ]
    return {
        "name": marked.title,
        "totals": str(coverage.totals),
        "percent": coverage.totals.percent,
        "note": "\n".join(marked.notes),
        "lines": lines,
        "marks": [_mark(each, marked, numbers, counted, new) for each in marked.places],
        "tables": [_table(each) for each in decision_tables.tables(coverage)],
    }


def _table(table: decision_tables.Table) -> TableView:
    """A truth table without the values of first hits, which may be secrets."""
    return {
        "title": f"decision in {table.title}",
        "columns": list(table.columns),
        "rows": [
            {"number": row.number, "letters": list(row.letters), "outcome": row.outcome, "first": row.first}
            for row in table.rows
        ],
        "more": f"... {table.more} more rows" if table.more else "",
        "sentences": list(table.sentences),
        "complete": table.complete,
    }


def _pieces(marked: MarkedSource, number: int, coloured: Colours, numbers: dict[int, int]) -> Iterator[PieceView]:
    """A line cut by its marks: the marks on each piece, those that end with it, and its text by syntax class."""
    for segment in marked.segments(number):
        yield {
            "marks": [numbers[id(each)] for each in segment.marks],
            "ends": [numbers[id(each)] for each in segment.ends],
            "tokens": list(coloured.cut(number, segment.column, segment.text)),
        }


def _mark(each: Mark, marked: MarkedSource, numbers: dict[int, int], counted: bool, new: Set[NewOutcome]) -> MarkView:
    """A place and its words. ``within``: the numbers of the places around it, from the inside out."""
    branch, text = each.branch, marked.text(each)
    lines = f"line{'' if each.span.line == each.span.end_line else 's'} {words.line_range(*each.span[::2], ' to ')}"
    fresh = _fresh(branch, marked, new) if branch else []
    return {
        "state": each.state,
        "label": each.label,
        "words": each.words,
        "kind": branch.kind if branch else "",
        "kind_words": words.KINDS.get(branch.kind, branch.kind) if branch else "",
        "sentence": words.sentence(branch, counted=counted, firsts=True, values=False, new=fresh)
        if branch
        else each.label,
        "news": f"new: {', '.join(fresh)}" if fresh else "",
        "text": text,
        "place": text or lines,
        "line": each.span.line,
        "end": each.span.end_line,
        "composite": each.composite,
        "within": [numbers[id(other)] for other in marked.around(each)],
        "outcomes": [
            {
                "name": outcome.name,
                "hits": outcome.hits,
                "state": words.state(outcome),
                "fate": words.fate(outcome, counted=counted),
                "duty": words.duty(outcome),
                "first": outcome.first.by if outcome.first else "",
                "values": [],
                "new": outcome.name in fresh,
            }
            for outcome in (branch.outcomes if branch else ())
        ],
    }


def _fresh(branch: Branch, marked: MarkedSource, new: Set[NewOutcome]) -> list[str]:
    """The names of a branch's outcomes that are newly covered."""
    digest = marked.coverage.source.digest
    return [outcome.name for outcome in branch.outcomes if (digest, branch.key, outcome.name) in new]
