"""Coverage -> files by line, for formats that know no columns: which lines ran, and the branches that start on each.

Cells of a notebook are lines of the notebook's file where they can be placed in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ipy_branchcov.data.notebook_files import CellInFile, read_cells
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.decisions import Decision
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.totals import Totals


@dataclass(frozen=True)
class Cells:
    """The cells that stand in files, by the names of their sources; a line for people for each notebook with others."""

    places: Mapping[str, CellInFile] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


#: No cell is placed: each is a file of its own name.
UNPLACED = Cells()


def place_cells(coverage: Coverage, root: Path) -> Cells:
    """Find the cells in the files of their notebooks; names of sources start at ``root``."""
    found: dict[str, CellInFile] = {}
    notes: dict[str, str] = {}
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
        place = notebooks[notebook].get(cell)
        same = place is not None and place.source.digest == each.source.digest
        if place is not None and same and each.last_line <= len(place.lines):
            found[each.source.name] = place
        else:
            notes.setdefault(notebook, "changed since it was measured")
    texts = (f"{name}: {why}, so its cells are reported as files of their own" for name, why in notes.items())
    return Cells(found, tuple(texts))


@dataclass(frozen=True)
class Line:
    """A line with code: whether it ran, and the branches and decisions that start on it and count."""

    ran: bool
    branches: tuple[Branch, ...] = ()
    decisions: tuple[Decision, ...] = ()

    @property
    def totals(self) -> Totals:
        return sum((branch.totals for branch in self.branches), Totals())


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
            lines = {place.lines[number - 1]: line for number, line in lines.items()}
        found.setdefault(name, {}).update(lines)
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
