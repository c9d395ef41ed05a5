"""Coverage -> the marks in a notebook's own cells: what ``lab.js`` draws in the editors of JupyterLab and Notebook 7.

The data of each cell is one line of JSON, so that a saved notebook stays small and its diffs are readable. A cell is
known by its text: whichever output has the data, it is drawn in the cell that has this text.
"""

from __future__ import annotations

import json
import zlib
from typing import TypedDict

from ipy_branchcov.model import words
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import cell_text
from ipy_branchcov.model.span import Span
from ipy_branchcov.reports.view import Mark, MarkedSource, State, mark_all

#: The MIME type of the lines in an output. It is no JSON type: a notebook file has JSON spread over many lines.
MIME = "application/vnd.branchcov.marks"
#: The MIME type of a message to a live front end, which becomes no output and is not saved.
LIVE_MIME = "application/vnd.branchcov.live+json"


class OutcomeForm(TypedDict):
    """One outcome of a branch."""

    name: str
    state: str  # covered, missed, optional, or excluded
    fate: str  # in words whether it was covered, or how often
    label: str  # the words beside its place where it was missed
    duty: str  # in words whether it counts, or why not
    first: str  # who covered it first, and with which values; "" in what is saved


class MarkForm(TypedDict):
    """What several branches of a cell have in common."""

    state: State
    kind: str  # in words, those of the language between backticks
    outcomes: list[OutcomeForm]


class CellMarks(TypedDict):
    """The marks of one cell. All places have a line, column, end line and end column."""

    cell: str  # what :func:`text_key` returns for its text
    outcomes: int  # that count
    forms: list[MarkForm]
    places: list[tuple[int, int, int, int, int]]  # of branches, behind the number of their form
    parts: list[tuple[int, int, int, int]]  # of lines that ran, which never did
    lines: list[tuple[int, int]]  # that never ran, as inclusive ranges


class LiveMarks(TypedDict):
    """A message to a live front end: lines of marks, and the same lines with their first hits.

    ``keep``: no output has them, so the front end keeps them with the notebook. ``forget``: what it kept is void.
    """

    lines: list[str]
    details: list[str]
    keep: bool
    forget: bool


def render(coverage: Coverage, first: str | None = None, *, details: bool = False) -> list[str]:
    """One line of JSON for each cell that has marks; the cell ``first`` on top.

    ``details``: with first hits. Without them, the same run gives the same lines.
    """
    cells = [marked for marked in mark_all(coverage, first, static=True) if marked.coverage.source.kind == "cell"]
    found = (_cell(marked, counted=coverage.counted, details=details) for marked in cells if marked.places)
    return [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in found]


def text_key(text: str) -> str:
    """What a cell is known by: the length of its text in UTF-8, and the CRC-32 of that.

    Browsers have no SHA-256 on pages that come over plain HTTP.

    >>> text_key("x = 1\\n") == text_key("\\nx = 1"), text_key("x = 1")
    (True, '5-475ba176')
    """
    data = cell_text(text).encode("utf-8", "surrogatepass")
    return f"{len(data)}-{zlib.crc32(data):08x}"


def _cell(marked: MarkedSource, *, counted: bool, details: bool) -> CellMarks:
    forms: dict[str, int] = {}
    places: dict[tuple[Span, str], tuple[Branch, int]] = {}
    for mark in marked.marks:
        if mark.branch is not None and not mark.composite:
            form = json.dumps(_form(mark, mark.branch, counted=counted, details=details))
            places[mark.branch.key] = mark.branch, forms.setdefault(form, len(forms))
    return {
        "cell": text_key(marked.coverage.source.text),
        "outcomes": marked.coverage.totals.outcomes,
        "forms": [json.loads(form) for form in forms],
        "places": [(form, *branch.span) for branch, form in places.values()],
        "parts": [(*mark.span,) for mark in marked.marks if mark.branch is None],
        "lines": marked.coverage.missed_ranges,
    }


def _form(mark: Mark, branch: Branch, *, counted: bool, details: bool) -> MarkForm:
    return {
        "state": mark.state,
        "kind": words.KINDS.get(branch.kind, branch.kind),
        "outcomes": [_outcome(each, counted=counted, details=details) for each in branch.outcomes],
    }


def _outcome(outcome: Outcome, *, counted: bool, details: bool) -> OutcomeForm:
    first = outcome.first if details else None
    values = " ".join(f"{name}={value}" for name, value in first.values.items()) if first else ""
    return {
        "name": outcome.name,
        "state": words.state(outcome),
        "fate": words.fate(outcome, counted=counted),
        "label": words.never([outcome]),
        "duty": words.duty(outcome),
        "first": (f"first by {first.by}" + (f" with {values}" if values else "")) if first else "",
    }
