"""The data of the interactive view, with the sources that a front end asks for."""

from __future__ import annotations

from typing import Any

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.reports.live_view import View
from ipy_branchcov.reports.view_data import ViewData


def viewed(coverage: Coverage, **options: Any) -> ViewData:
    """All of a view."""
    view = View(coverage, **options)
    data = view.data()
    data["sources"] = [view.source(number) for number in range(view.count)]
    return data
