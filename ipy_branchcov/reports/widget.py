"""Coverage -> the interactive view of a live notebook: the same marks, drawn by one ES module (anywidget)."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import takewhile
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ipy_branchcov.model.coverage import Coverage, SourceCoverage
from ipy_branchcov.model.source import Span
from ipy_branchcov.reports.markup import Mark, MarkedSource, NewArm, mark, ordered
from ipy_branchcov.reports.syntax import Colours, colours

_STATIC = Path(__file__).parent / "static"
#: Characters of a place's text where it is told again.
_LONGEST = 120


class CoverageWidget(anywidget.AnyWidget):
    """Shows :func:`view`'s data: in the place of an HTML record, or where it is displayed itself.

    A displayed widget is saved as a reference that nobody can resolve the next day ("model not found"), and
    outranks what stands beside it. A widget that is never displayed leaves nothing behind: while it lives, its
    front end draws the view where the record of the name ``record`` stands, and the record is what is saved.
    """

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "branchcov.css"
    data = traitlets.Dict().tag(sync=True)
    record = traitlets.Unicode().tag(sync=True)

    @classmethod
    def of(
        cls, coverage: Coverage, *, first: str | None = None, missed: bool = False, record: str = ""
    ) -> CoverageWidget:
        """The widget of a coverage; ``first`` names the source on top, ``record`` the HTML to stand in for."""
        return cls(data=view(coverage, first=first, missed=missed), record=record)


def bundle(widget: CoverageWidget) -> dict[str, Any]:
    """The MIME bundle that makes a front end draw a widget, without a memory address in its text."""
    reference = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": reference, "text/plain": "branchcov: interactive view"}


def view(
    coverage: Coverage, *, first: str | None = None, missed: bool = False, new: Set[NewArm] = frozenset()
) -> dict[str, Any]:
    """What the front end draws: plain JSON, columns already cut into pieces. ``new``: arms to mark as newly taken."""
    return {
        "totals": str(coverage.totals),
        "percent": coverage.totals.percent,
        "missed": missed,
        "counted": coverage.counted,
        "sources": [_source(source, new) for source in ordered(coverage, first)],
    }


def _source(coverage: SourceCoverage, new: Set[NewArm]) -> dict[str, Any]:
    marked = mark(coverage)
    ranges = [_missed_range(marked, *lines) for lines in coverage.missed_ranges]
    marks = sorted([*marked.marks, *ranges], key=lambda each: (each.span.order, -each.weight))
    numbers = {id(each): number for number, each in enumerate(marks)}
    missed = {each.span.line: numbers[id(each)] for each in ranges}
    coloured = colours(marked.lines)
    lines = [
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
        "name": coverage.source.name,
        "totals": str(coverage.totals),
        "percent": coverage.totals.percent,
        "note": coverage.note,
        "lines": lines,
        "marks": [_mark(each, marked, numbers, new) for each in marks],
    }


def _missed_range(marked: MarkedSource, first: int, last: int) -> Mark:
    """Lines below each other that never ran, as one place: it is told and walked to once."""
    label = "never ran" if first == last else f"{last - first + 1} lines never ran"
    return Mark(Span(first, 0, last, len(marked.lines[last - 1])), "never-ran", label)


def _pieces(marked: MarkedSource, number: int, coloured: Colours, numbers: dict[int, int]) -> Iterator[dict[str, Any]]:
    """A line cut by its marks: the marks on each piece, those that end with it, and its text by syntax class."""
    for segment in marked.segments(number):
        end = segment.column + len(segment.text)
        yield {
            "marks": [numbers[id(each)] for each in segment.marks],
            "ends": [
                numbers[id(each)]
                for each in segment.marks
                if each.span.end_line == number and marked.extent(each, number)[1] == end
            ],
            "tokens": list(coloured.cut(number, segment.column, segment.text)),
        }


def _mark(each: Mark, marked: MarkedSource, numbers: dict[int, int], new: Set[NewArm]) -> dict[str, Any]:
    """A place and what is told about it. ``within``: the places around it, from the inside out."""
    branch, digest = each.branch, marked.coverage.source.digest
    wider = takewhile(lambda other: other is not each, marked.on(each.span.line))
    around = [other for other in wider if other.span.contains(each.span)]
    # Inside code that never ran, its parts need not say it again.
    missed = each.span.line in marked.missed
    echo = branch is not None if missed else any(other.state == "never-ran" for other in around)
    return {
        "state": each.state,
        "label": "" if echo else each.label,
        "kind": branch.kind if branch else "",
        "text": _shortened(marked, each.span) if branch or not missed else "",
        "line": each.span.line,
        "end": each.span.end_line,
        "composite": each.composite,
        "within": [numbers[id(other)] for other in reversed(around) if other.branch],
        "arms": [
            {
                "name": outcome.name,
                "hits": outcome.hits,
                "required": outcome.required,
                "excluded": outcome.excluded,
                "reason": outcome.reason,
                "first": outcome.first.by if outcome.first else "",
                "values": list(outcome.first.values.items()) if outcome.first else [],
                "new": branch is not None and (digest, branch.key, outcome.name) in new,
            }
            for outcome in (branch.outcomes if branch else ())
        ],
    }


def _shortened(marked: MarkedSource, span: Span) -> str:
    """The text in a span as one line of at most :data:`_LONGEST` characters."""
    lines = list(marked.lines[span.line - 1 : span.end_line])
    lines[-1] = lines[-1][: span.end_column] if span.end_line <= len(marked.lines) else lines[-1]
    lines[0] = lines[0][span.column :]
    text = " ".join(" ".join(lines).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
