"""Coverage -> files by line, for formats that know no columns: which lines ran, and the branches that start on each.

Cells of a notebook are lines of the notebook's file where they can be placed in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ipy_branchcov.data.notebook_files import CellInFile, StatementInFile, read_cells, statement_in
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.decisions import Decision
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.totals import Totals


@dataclass(frozen=True)
class Cells:
    """The cells, and statements of line magics, that stand in files, by the names of their sources.

    ``notes``: a line for people for each notebook with others.
    """

    places: Mapping[str, CellInFile | StatementInFile] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


#: How the names of what a line magic and what ``run_cell`` runs go on behind the cell's.
_LINE_MAGIC, _INNER = re.compile(r"%(\S+) in line (\d+)"), ", inner cell "

#: No cell is placed: each is a file of its own name.
UNPLACED = Cells()


def place_cells(coverage: Coverage, root: Path) -> Cells:
    """Find the cells in the files of their notebooks; names of sources start at ``root``."""
    found: dict[str, CellInFile | StatementInFile] = {}
    notes: dict[str, str] = {}
    inner: dict[str, str] = {}
    notebooks: dict[str, dict[str, CellInFile]] = {}
    for each in coverage:
        notebook, _, cell = each.source.name.rpartition("#")
        if each.source.kind != "cell" or not notebook:
            continue
        try:
            if notebook not in notebooks:
                notebooks[notebook] = {}
                notebooks[notebook] = read_cells(root / notebook)
        except DataError as error:
            notes[notebook] = str(error)
        place = _placed(each, cell, notebooks[notebook])
        if place is not None:
            found[each.source.name] = place
        elif notebooks[notebook] and _INNER in cell:
            inner.setdefault(
                notebook, f"{notebook}: code that its cells pass to run_cell is reported as files of its own"
            )
        else:
            notes.setdefault(notebook, "changed since it was measured")
    texts = (f"{name}: {why}, so its cells are reported as files of their own" for name, why in notes.items())
    return Cells(found, (*texts, *inner.values()))


def _placed(
    coverage: SourceCoverage, name: str, cells: Mapping[str, CellInFile]
) -> CellInFile | StatementInFile | None:
    """The place of a cell, or of a statement of a line magic in one; None where the file has another text."""
    source = coverage.source
    name, _, part = name.partition(", ")
    cell = cells.get(name)
    if cell is None:
        return None
    if magic := _LINE_MAGIC.fullmatch(part):
        return None if coverage.last_line > 1 else statement_in(cell, int(magic[2]), magic[1], source.text)
    same = not part and cell.source.digest == source.digest
    return cell if same and coverage.last_line <= len(cell.lines) else None


@dataclass(frozen=True)
class Line:
    """A line with code: whether it ran, and the branches and decisions that start on it and count."""

    ran: bool
    branches: tuple[Branch, ...] = ()
    decisions: tuple[Decision, ...] = ()

    @property
    def totals(self) -> Totals:
        return sum((branch.totals for branch in self.branches), Totals())

    def __add__(self, other: Line) -> Line:
        """A line with what a line magic runs on it."""
        branches = sorted(self.branches + other.branches, key=lambda branch: branch.span.order)
        return Line(self.ran or other.ran, tuple(branches), self.decisions + other.decisions)

    def placed(self, place: StatementInFile) -> Line:
        """A line of a statement as that of its cell."""
        return replace(self, branches=tuple(replace(each, span=place.span(each.span)) for each in self.branches))


@dataclass(frozen=True)
class File:
    """A file's lines with code, in order."""

    name: str
    lines: Mapping[int, Line]

    @property
    def totals(self) -> Totals:
        return sum((line.totals for line in self.lines.values()), Totals())

    @property
    def ran(self) -> int:
        """How many lines ran."""
        return sum(line.ran for line in self.lines.values())


def files(coverage: Coverage, cells: Cells = UNPLACED) -> list[File]:
    """The files in order of their names as sources have them, one for each name."""
    found: dict[str, dict[int, Line]] = {}
    for source in _one_a_name(coverage):
        lines = _lines(source)
        name = source.source.name
        place = cells.places.get(name)
        if place is not None:
            name = name.rpartition("#")[0]
            if isinstance(place, StatementInFile):
                lines = {number: line.placed(place) for number, line in lines.items()}
            lines = {place.lines[number - 1]: line for number, line in lines.items()}
        into = found.setdefault(name, {})
        into.update({number: into[number] + line if number in into else line for number, line in lines.items()})
    return [File(name, dict(sorted(lines.items()))) for name, lines in found.items()]


def _one_a_name(coverage: Coverage) -> list[SourceCoverage]:
    """One source for each name: of several texts the one that is known, as that of the file today; then the richest."""
    best: dict[str, SourceCoverage] = {}
    for each in coverage:
        other = best.setdefault(each.source.name, each)
        if _worth(other) < _worth(each):
            best[each.source.name] = each
    return list(best.values())


def _worth(source: SourceCoverage) -> tuple[bool, int, int]:
    return bool(source.source.text), source.totals.outcomes, source.totals.covered


def _lines(source: SourceCoverage) -> dict[int, Line]:
    branches: dict[int, list[Branch]] = {}
    for branch in source.branches:
        if branch.totals.outcomes:
            branches.setdefault(branch.span.line, []).append(branch)
    decisions: dict[int, list[Decision]] = {}
    for decision in source.decisions or ():
        if decision.totals.conditions:
            decisions.setdefault(decision.span.line, []).append(decision)
    hits = source.line_hits
    found = {}
    for number in sorted({*hits, *branches, *decisions}):
        here = tuple(branches.get(number, ()))
        ran = bool(hits.get(number, number not in source.missed_lines))  # a line of its own, or one of a statement
        found[number] = Line(ran, here, tuple(decisions.get(number, ())))
    return found
