"""Coverage -> the data of the interactive view in a live notebook, as plain JSON with all its words."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TypedDict

from ipy_branchcov.model import words
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.selection import definitions_in
from ipy_branchcov.model.source import Source
from ipy_branchcov.reports import decision_tables
from ipy_branchcov.reports.cell_marks import text_key
from ipy_branchcov.reports.syntax import Colours, colours
from ipy_branchcov.reports.view import Mark, MarkedSource, NewOutcome, State, mark_all

#: Characters of a condition in a comment.
_LONGEST = 90


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
    exempt: str  # the comment that exempts it where it was missed, or ""


class MarkView(TypedDict):
    """A place: a branch, or lines that never ran."""

    state: State
    label: str  # the words of a miss, or ""
    words: str  # what became of it, in any state
    counts: str  # how often each outcome came, or "" where they were not counted
    missed: int  # the missed outcomes that its label stands for
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
    head: bool  # shown there, too: the `def` or `class` above something missed
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
    """A source with its lines and marks; both come later where it is ``folded``."""

    name: str  # what it is known by, also in a later run
    label: str  # of a cell: In [8]
    title: str
    cell: str  # what its cell is known by on the page, "" for a file
    totals: str
    percent: float | None
    missed: int  # outcomes
    never_ran: int  # lines
    stops: int  # places with a label
    note: str
    folded: bool
    lines: list[LineView]
    marks: list[MarkView]
    tables: list[TableView]  # of its decisions, where they were asked for


class ViewData(TypedDict):
    """All that the front end draws. ``widget.js`` has the same types as JSDoc; a test compares them."""

    totals: str
    percent: float | None
    named: bool  # whether the first source has its title above it
    missed: bool  # whether the view begins with "only missed"
    changes: str  # since the last run of the cell, or ""
    stopped: str  # what stopped the cell, or ""
    sources: list[SourceView]


#: Sources with more lines than this are folded.
_LARGE = 2_000


class ValuesView(TypedDict):
    """The values at the first hits of a branch."""

    mark: int
    sentence: str  # the mark's, with the values
    values: list[list[tuple[str, str]]]  # of each outcome


class AnswerView(TypedDict):
    """A source that a view asked for, and the values of its first hits."""

    view: str
    number: int
    source: SourceView | None  # where the view did not know it
    values: list[ValuesView]


class View:
    """What the front end draws of a coverage, as plain JSON with all its words.

    ``first``: the name of the source on top. ``new``: outcomes to show as newly covered. ``missed``: begin with "only
    missed". ``changes``: since the last run. ``stopped``: what stopped the cell.
    """

    def __init__(
        self,
        coverage: Coverage,
        *,
        first: str | None = None,
        missed: bool = False,
        new: Set[NewOutcome] = frozenset(),
        changes: str = "",
        stopped: str = "",
    ):
        self.coverage, self.first, self.new = coverage, first, new
        self.sources = mark_all(coverage, first)
        self._missed, self._changes, self._stopped = missed, changes, stopped

    def data(self) -> ViewData:
        """All but the sources that are folded: the first one is open, and the next where nothing in it was missed.

        Large ones are folded too: their lines are made when someone opens them.
        """
        # Where the cell itself is all there is, its totals stand above it already.
        own = bool(self.sources) and self.sources[0].coverage.source.name == self.first
        open_ = 2 if own and not self.sources[0].misses and any(each.misses for each in self.sources[1:2]) else 1
        named = bool(self.sources) and (not own or len(self.sources) > 1)
        return {
            "totals": "; ".join(filter(None, (self.coverage.summary, decision_tables.summary(self.coverage)))),
            "percent": self.coverage.totals.percent,
            "named": named,
            "missed": self._missed,
            "changes": self._changes,
            "stopped": self._stopped,
            "sources": [
                self.source(number, folded=number >= open_ or (named and len(each.lines) > _LARGE))
                for number, each in enumerate(self.sources)
            ],
        }

    @property
    def count(self) -> int:
        """The number of sources."""
        return len(self.sources)

    def source(self, number: int, *, folded: bool = False) -> SourceView:
        """One of the sources."""
        marked = self.sources[number]
        coverage = marked.coverage
        numbers = {id(each): place for place, each in enumerate(marked.places)}
        source = coverage.source
        return {
            "name": self._name(source),
            "label": source.name,
            "title": marked.title,
            "cell": text_key(source.text) if source.kind == "cell" else "",
            "totals": str(coverage.totals),
            "percent": coverage.totals.percent,
            "missed": coverage.totals.missed,
            "never_ran": len(coverage.missed_lines),
            "stops": len(marked.misses),
            "note": "\n".join(marked.notes),
            "folded": folded,
            "lines": [] if folded else list(_lines(marked, numbers)),
            "marks": []
            if folded
            else [_mark(each, marked, numbers, self.coverage.counted, self.new) for each in marked.places],
            "tables": [] if folded else [_table(each) for each in decision_tables.tables(coverage)],
        }

    def _name(self, source: Source) -> str:
        """What a source is known by in a later run, in which cells have other numbers, and may have another text."""
        if source.kind == "file":
            return source.name
        return "this cell" if source.name == self.first else ", ".join(definitions_in(source)) or text_key(source.text)

    def answer(self, view: str, number: int, *, known: bool) -> AnswerView:
        """The values of a source, and the source itself where a view does not know it."""
        source = None if known else self.source(number)
        return {"view": view, "number": number, "source": source, "values": list(self.values(number))}

    def values(self, number: int) -> Iterator[ValuesView]:
        """The values of first hits, by the numbers of a source's marks."""
        marked, counted = self.sources[number], self.coverage.counted
        for place, each in enumerate(marked.places):
            outcomes = each.branch.outcomes if each.branch else ()
            values = [list(o.first.values.items()) if o.first else [] for o in outcomes]
            if each.branch and any(values):
                fresh = _fresh(each.branch, marked, self.new)
                sentence = words.sentence(each.branch, counted=counted, firsts=True, new=fresh)
                yield {"mark": place, "sentence": sentence, "values": values}


def _lines(marked: MarkedSource, numbers: dict[int, int]) -> Iterator[LineView]:
    missed = {each.span.line: numbers[id(each)] for each in marked.runs}
    coloured = colours(marked.lines)
    for number in range(1, len(marked.lines) + 1):
        yield {
            "number": number,
            "missed": number in marked.missed,
            "miss": missed.get(number),
            "worth": marked.touched(number),
            "head": number in marked.heads,
            "pieces": list(_pieces(marked, number, coloured, numbers)),
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
        "counts": words.counts(branch) if branch and counted and each.counts else "",
        "missed": marked.missed_at(each) if each.label else 0,
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
                "exempt": exemption(branch, outcome, marked) if branch and outcome.missed else "",
            }
            for outcome in (branch.outcomes if branch else ())
        ],
    }


def exemption(branch: Branch, outcome: Outcome, marked: MarkedSource) -> str:
    """The comment that exempts one outcome where its branch stands; "" for a text that no comment can have."""
    text = marked.coverage.source.snippet(branch.span, _LONGEST + 1)
    return f"{words.EXEMPTED} {outcome.name}({text})" if "#" not in text and len(text) <= _LONGEST else ""


def _fresh(branch: Branch, marked: MarkedSource, new: Set[NewOutcome]) -> list[str]:
    """The names of a branch's outcomes that are newly covered."""
    digest = marked.coverage.source.digest
    return [outcome.name for outcome in branch.outcomes if (digest, branch.key, outcome.name) in new]
