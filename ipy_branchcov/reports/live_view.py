"""Coverage -> the data of the interactive view in a live notebook, as plain JSON with all its words."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import NamedTuple

from ipy_branchcov.model import words
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.selection import definitions_in
from ipy_branchcov.model.source import Source
from ipy_branchcov.reports import decision_tables
from ipy_branchcov.reports.cell_marks import text_key
from ipy_branchcov.reports.syntax import Colours, colours
from ipy_branchcov.reports.view import Mark, MarkedSource, NewOutcome, mark_all
from ipy_branchcov.reports.view_data import (
    AnswerView,
    LineView,
    MarkView,
    PieceView,
    PlaceView,
    SourceView,
    TableView,
    ValuesView,
    ViewData,
)

#: Characters of a condition in a comment.
_LONGEST = 90
#: Sources with more lines than this are folded.
_LARGE = 2_000
#: Lines, marks and values in one message: a page reads it in one go, and answers to nothing meanwhile.
_PART = 500


class Wanted(NamedTuple):
    """A missed outcome for which an input is looked for, and the function whose calls may lead there."""

    source: Source
    branch: Branch
    outcome: str
    caller: str


class View:
    """What the front end draws of a coverage, as plain JSON with all its words.

    ``first``: the name of the source on top. ``new``: outcomes to show as newly covered. ``missed``: begin with "only
    missed". ``changes``: since the last run. ``stopped``: what stopped the cell. ``inputs``: whether somebody looks for
    inputs of what was missed.
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
        inputs: bool = False,
    ):
        self.coverage, self.first, self.new = coverage, first, new
        self.sources = mark_all(coverage, first)
        self._missed, self._changes, self._stopped = missed, changes, stopped
        self._inputs = inputs

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
            "totals": coverage.summary,
            "percent": coverage.totals.percent,
            "missed": coverage.totals.missed,
            "never_ran": len(coverage.missed_lines),
            "stops": len(marked.misses),
            "note": "\n".join(marked.notes),
            "folded": folded,
            "lines": [] if folded else list(_lines(marked, numbers)),
            "marks": [] if folded else [self._mark(each, marked, numbers) for each in marked.places],
            "tables": [] if folded else [_table(each) for each in decision_tables.tables(coverage)],
        }

    def _mark(self, mark: Mark, marked: MarkedSource, numbers: dict[int, int]) -> MarkView:
        return _mark(mark, marked, numbers, self.coverage.counted, self.new, inputs=self._inputs)

    def wanted(self, place: PlaceView) -> Wanted | None:
        """The missed outcome of a place; None where there is none, or where no call leads."""
        if place["source"] not in range(self.count):
            return None
        marked = self.sources[place["source"]]
        branch = marked.places[place["mark"]].branch if place["mark"] in range(len(marked.places)) else None
        if branch is None or place["outcome"] not in range(len(branch.outcomes)):
            return None
        outcome = branch.outcomes[place["outcome"]]
        caller = caller_of(branch) if self._inputs and outcome.missed else ""
        return Wanted(marked.coverage.source, branch, outcome.name, caller) if caller else None

    def _name(self, source: Source) -> str:
        """What a source is known by in a later run, in which cells have other numbers, and may have another text."""
        if source.kind == "file":
            return source.name
        return "this cell" if source.name == self.first else ", ".join(definitions_in(source)) or text_key(source.text)

    def answers(self, view: str, number: int, *, known: bool) -> Iterator[AnswerView]:
        """The values of a source, and the source itself where a view does not know it, in parts."""
        source = None if known else self.source(number)
        lines, marks = (source["lines"], source["marks"]) if source else ([], [])
        values = list(self.values(number))
        longest = max(len(lines), len(marks), len(values), 1)
        for start in range(0, longest, _PART):
            part = slice(start, start + _PART)
            begins = source if not start else None
            yield {
                "view": view,
                "number": number,
                "source": {**begins, "lines": lines[part], "marks": marks[part]} if begins else None,
                "lines": [] if begins else lines[part],
                "marks": [] if begins else marks[part],
                "values": values[part],
                "last": start + _PART >= longest,
            }

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


def _mark(
    each: Mark,
    marked: MarkedSource,
    numbers: dict[int, int],
    counted: bool,
    new: Set[NewOutcome],
    *,
    inputs: bool,
) -> MarkView:
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
        "within": [numbers[id(other)] for other in marked.around[id(each)]],
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
                "caller": caller_of(branch) if branch and outcome.missed and inputs else "",
            }
            for outcome in (branch.outcomes if branch else ())
        ],
    }


def caller_of(branch: Branch) -> str:
    """The function of a source whose calls may lead to a branch; "" where there is none with a name.

    >>> from ipy_branchcov.model.span import Span
    >>> [caller_of(Branch("if", Span(1, 3, 1, 4), (), name)) for name in ("f.<locals>.g", "C.m", "<lambda>", "")]
    ['f', 'C.m', '', '']
    """
    name = branch.function.partition(".<locals>")[0]
    return "" if "<" in name else name


def exemption(branch: Branch, outcome: Outcome, marked: MarkedSource) -> str:
    """The comment that exempts one outcome where its branch stands; "" for a text that no comment can have."""
    text = marked.coverage.source.snippet(branch.span, _LONGEST + 1)
    return f"{words.EXEMPTED} {outcome.name}({text})" if "#" not in text and len(text) <= _LONGEST else ""


def _fresh(branch: Branch, marked: MarkedSource, new: Set[NewOutcome]) -> list[str]:
    """The names of a branch's outcomes that are newly covered."""
    digest = marked.coverage.source.digest
    return [outcome.name for outcome in branch.outcomes if (digest, branch.key, outcome.name) in new]
