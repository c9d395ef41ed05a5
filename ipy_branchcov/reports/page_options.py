"""What the pages need to know beside the coverage. Light: it is imported where other reports are written, too."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ipy_branchcov.reports.by_line import UNPLACED, Cells
from ipy_branchcov.reports.patch import ChangedLines


@dataclass(frozen=True)
class PageOptions:
    """``root``: where names of sources start; notebooks are read from there. ``values``: show those of first hits.

    ``run``: notebooks that this process has run, by absolute path: these are read wherever they lie.
    ``changed``: the lines of files that a patch has, ``cells`` places cells in files. ``made``: when (None: now).
    """

    root: Path = field(default_factory=Path)
    values: bool = False
    changed: ChangedLines = field(default_factory=dict)
    cells: Cells = UNPLACED
    made: datetime | None = None
    run: frozenset[Path] = frozenset()


def time_of_report() -> datetime:
    """Now, in UTC; SOURCE_DATE_EPOCH is the time of builds that are repeated."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
