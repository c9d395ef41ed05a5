"""Coverage -> the marks in a notebook's own cells: what ``lab.js`` draws in the editors of JupyterLab and Notebook 7.

The data of each cell is one line of JSON, so that a saved notebook stays small and its diffs are readable. A cell is
known by its text: whichever output has the data, it is drawn in the cell that has this text.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import NotRequired, TypedDict

from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import cell_text
from ipy_branchcov.model.span import Span
from ipy_branchcov.reports.view import MarkedSource, State, mark_all

#: The MIME type of the lines in an output. It is no JSON type: a notebook file has JSON spread over many lines.
MIME = "application/vnd.branchcov.marks"
#: The MIME type of a message to a live front end, which becomes no output and is not saved.
LIVE_MIME = "application/vnd.branchcov.live+json"


class CellMarks(TypedDict):
    """The marks of one cell. All places have a line, column, end column, and an end line that is another one."""

    cell: str  # what :func:`text_key` returns for its text
    outcomes: int  # that count
    forms: list[str]  # what several branches have in common, see :func:`form`
    places: list[list[int]]  # of branches, behind the number of their form
    parts: list[list[int]]  # of lines that ran, which never did
    lines: list[tuple[int, int]]  # that never ran, as inclusive ranges
    #: Lines that a place reaches over, with the column where code ends before a comment; left out where there are none.
    ends: NotRequired[list[tuple[int, int]]]


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
    return lines(mark_all(coverage, first, static=True), counted=coverage.counted, details=details)


def lines(sources: Iterable[MarkedSource], *, counted: bool, details: bool = False) -> list[str]:
    """The same of sources that are marked."""
    cells = (each for each in sources if each.coverage.source.kind == "cell" and each.places)
    found = (_cell(marked, counted=counted, details=details) for marked in cells)
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
            code = form(mark.state, mark.branch, counted=counted, details=details)
            places[mark.branch.key] = mark.branch, forms.setdefault(code, len(forms))
    found: CellMarks = {
        "cell": text_key(marked.coverage.source.text),
        "outcomes": marked.coverage.totals.outcomes,
        "forms": list(forms),
        "places": [[number, *_place(branch.span)] for branch, number in places.values()],
        "parts": [_place(mark.span) for mark in marked.marks if mark.branch is None],
        "lines": marked.coverage.missed_ranges,
    }
    if ends := list(_ends(marked)):
        found["ends"] = ends
    return found


def _ends(marked: MarkedSource) -> Iterator[tuple[int, int]]:
    """Where code ends before a comment, on the lines to whose end a mark reaches."""
    reached = set(marked.missed)
    drawn = (mark.span for mark in marked.marks if not mark.composite)
    reached.update(line for span in drawn for line in range(span.line, span.end_line))
    for line in sorted(reached & marked.coverage.source.comments.keys()):
        yield line, marked.code(line)[1]


def _place(span: Span) -> list[int]:
    line, column, end_line, end_column = span
    return [line, column, end_column] if line == end_line else [line, column, end_column, end_line]


def form(state: State, branch: Branch, *, counted: bool, details: bool) -> str:
    r"""The kind of a branch, its state, and a letter for each outcome (with its hits where they were counted).

    The letters: ``+`` and ``-`` for covered and missed, ``o`` and ``x`` for optional and excluded ones, as capitals
    where they were covered. Behind them, where there is any, the reason and the first hit of each outcome, each behind
    a tab; ``lab.js`` has the words.

    >>> branch = Branch("if", Span(1, 3, 1, 4), (Outcome("true", 4), Outcome("false")))
    >>> form("missed", branch, counted=True, details=False)
    'if missed +4-'
    """
    letters, extras = "", []
    for each in branch.outcomes:
        letter = "x" if each.excluded else "+-"[not each.covered] if each.required else "o"
        letters += letter.upper() if each.covered else letter
        letters += str(each.hits) if counted and each.covered else ""
        extras += [each.reason if each.excluded or not each.required else "", _first(each) if details else ""]
    behind = "".join(f"\t{each}" for each in extras) if any(extras) else ""
    return f"{branch.kind} {state} {letters}{behind}"


def _first(outcome: Outcome) -> str:
    if outcome.first is None:
        return ""
    values = " ".join(f"{name}={value}" for name, value in outcome.first.values.items())
    return f"first by {outcome.first.by}" + (f" with {values}" if values else "")
