"""The types of what the interactive view draws, as plain JSON; ``widget.js`` has the same types as JSDoc."""

from __future__ import annotations

from typing import TypedDict

from ipy_branchcov.reports.view import State


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
    caller: str  # the function for which inputs can be looked for where it was missed, or ""


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


class ValuesView(TypedDict):
    """The values at the first hits of a branch."""

    mark: int
    sentence: str  # the mark's, with the values
    values: list[list[tuple[str, str]]]  # of each outcome


class AnswerView(TypedDict):
    """A source that a view asked for, or a part of it that follows; and values of its first hits."""

    view: str
    number: int
    source: SourceView | None  # where the view did not know it: with its first lines and marks
    lines: list[LineView]  # that follow those that came before
    marks: list[MarkView]  # the same
    values: list[ValuesView]
    last: bool


class PlaceView(TypedDict):
    """An outcome of a view, by the numbers of its source, its mark and itself."""

    source: int
    mark: int
    outcome: int


class FoundView(TypedDict):
    """How far the search for an input of an outcome is, or what it found."""

    view: str
    place: PlaceView
    ended: bool
    words: str
    call: str  # that covers the outcome, or ""
    cell: str  # the same as the code of a cell
