"""Coverage -> the interactive view of a live notebook: the same marks, drawn by one ES module (anywidget)."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ipy_branchcov.model.coverage import Coverage, SourceCoverage
from ipy_branchcov.reports.markup import Mark, MarkedSource, NewArm, mark, ordered
from ipy_branchcov.reports.syntax import Colours, colours

_STATIC = Path(__file__).parent / "static"


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
    numbers = {id(each): number for number, each in enumerate(marked.marks)}
    coloured = colours(marked.lines)
    lines = [
        {
            "number": number,
            "missed": number in marked.missed,
            "worth": marked.worth(number),
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
        "marks": [_mark(each, coverage.source.digest, new) for each in marked.marks],
    }


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


def _mark(each: Mark, digest: str, new: Set[NewArm]) -> dict[str, Any]:
    branch = each.branch
    return {
        "state": each.state,
        "label": each.label,
        "kind": branch.kind if branch else "",
        "line": each.span.line,
        "arms": [
            {
                "name": outcome.name,
                "hits": outcome.hits,
                "excluded": outcome.excluded,
                "reason": outcome.reason,
                "first": outcome.first.by if outcome.first else "",
                "values": list(outcome.first.values.items()) if outcome.first else [],
                "new": branch is not None and (digest, branch.key, outcome.name) in new,
            }
            for outcome in (branch.outcomes if branch else ())
        ],
    }
