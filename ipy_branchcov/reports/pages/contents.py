"""Sources -> pages: a file has a page of its own, the cells of a notebook share one, in their order."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ipy_branchcov.model.branch import natural
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.selection import bodies
from ipy_branchcov.model.source import UNPARSABLE, Source, shortened
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.totals import Totals
from ipy_branchcov.reports.by_line import Cells
from ipy_branchcov.reports.page_options import PageOptions
from ipy_branchcov.reports.pages.notebooks import CodeCell, Heading, Unmeasured, outline
from ipy_branchcov.reports.patch import ChangedLines
from ipy_branchcov.reports.view import MarkedSource, mark

#: The page of cells that belong to no notebook file: those of a session.
CELLS = "cells"
#: Names of definitions in a cell's title, and characters of its first line.
_MOST, _LONGEST = 4, 50


@dataclass(frozen=True)
class Part:
    """A source on a page. ``title``: its name there, "" where it is the page's. ``prefix``: of the ids of its lines.

    ``changed``: its lines that a patch has.
    """

    marked: MarkedSource
    title: str = ""
    prefix: str = ""
    changed: Collection[int] = ()

    @property
    def anchor(self) -> str:
        """The id of its heading."""
        return self.prefix or "code"

    @property
    def lines(self) -> range:
        """The numbers of its lines; none where its text is not known."""
        return range(1, len(self.marked.lines) + 1)

    @cached_property
    def functions(self) -> dict[str, int]:
        """The line on which the body of each function and class begins, by its qualified name; the first of a name."""
        return {name: span.line for span, name in reversed(bodies(self.marked.coverage.source))}

    @property
    def complete(self) -> bool:
        return not (self.marked.misses or self.marked.missed or self.marked.coverage.unmeasured)


#: What stands on a page.
Item = Part | Heading | Unmeasured


@dataclass(frozen=True)
class Page:
    """``name``: what it shows. ``file``: the name of its file. ``items``: what stands on it, in order."""

    name: str
    file: str
    items: tuple[Item, ...]

    @cached_property
    def parts(self) -> list[Part]:
        return [each for each in self.items if isinstance(each, Part)]

    @cached_property
    def totals(self) -> Totals:
        return sum((each.marked.coverage.totals for each in self.parts), Totals())

    @property
    def summary(self) -> str:
        """The totals in words; of a file without outcomes that count, why there are none."""
        return self.parts[0].marked.coverage.summary if len(self.parts) == 1 else str(self.totals)

    @property
    def missed_lines(self) -> int:
        """How many lines never ran."""
        return sum(len(each.marked.missed) for each in self.parts)

    @property
    def complete(self) -> bool:
        return all(each.complete for each in self.parts)


@dataclass
class _Group:
    """The sources of one page."""

    name: str
    sources: list[SourceCoverage] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.sources[0].source.digest


def contents(coverage: Coverage, options: PageOptions) -> list[Page]:
    """The pages without names of files, most missed outcomes first; what says nothing is left out."""
    pages = []
    for group in _groups(coverage):
        if group.sources[0].source.kind == "file":
            items: list[Item] = [Part(mark(group.sources[0]))]
        elif group.name == CELLS:
            items = [_cell(each, each.source.name, number) for number, each in enumerate(group.sources, 1)]
        else:
            items = _notebook(group, outline(options, group.name))
        items = [_with_changes(each, options.changed, options.cells) for each in items]
        pages.append(Page(group.name, "", tuple(items)))
    pages.sort(key=lambda page: -page.totals.missed)
    return pages


def _groups(coverage: Coverage) -> list[_Group]:
    """The sources by pages, in order of their names. A file or notebook of which nothing is known is left out."""
    groups: dict[tuple[str, ...], _Group] = {}
    for each in sorted(coverage.sources, key=lambda each: (natural(each.source.name), each.source.digest)):
        source = each.source
        if source.kind == "file":
            key: tuple[str, ...] = source.key
            name = source.name
        else:
            name = source.name.rpartition("#")[0] or CELLS
            key = (name,)
        groups.setdefault(key, _Group(name)).sources.append(each)
    return [group for group in groups.values() if any(map(_says_something, group.sources))]


def _says_something(coverage: SourceCoverage) -> bool:
    return bool(coverage.branches or coverage.missed_lines or coverage.missed_spans or coverage.note)


def _notebook(group: _Group, found: Iterable[Heading | CodeCell]) -> list[Item]:
    """A notebook's headings and cells as its file has them, then those measured that the file does not have.

    Data name the file, and may be foreign: nothing of it is shown unless it has one of the cells measured, and the
    text of no other cell is.
    """
    left = {(each.source.name, each.source.digest): each for each in group.sources}
    items: list[Item] = []
    known = 0
    for each in found:
        if isinstance(each, Heading):
            items.append(each)
            continue
        known = each.number
        measured = left.pop((each.name, each.digest), None)
        if measured is not None:
            items.append(_cell(measured, f"cell {known}", known))
        elif items and isinstance(before := items[-1], Unmeasured):
            items[-1] = Unmeasured(before.first, known)
        else:
            items.append(Unmeasured(known, known))
    if len(left) == len(group.sources):
        items = []
    if items and left:
        items.append(Heading(1, "Not in the file as it is now"))
    for number, coverage in enumerate(left.values(), known + 1):
        items.append(_cell(coverage, f"cell {coverage.source.name.rpartition('#')[2]}", number))
    return items


def _cell(coverage: SourceCoverage, name: str, number: int) -> Part:
    about = _about(coverage.source)
    return Part(mark(coverage), f"{name} · {about}" if about else name, f"c{number}")


def _about(source: Source) -> str:
    """The names of the functions and classes that a cell defines, or else its first line of code."""
    try:
        tree = source.tree()
    except UNPARSABLE:
        return ""
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = list(dict.fromkeys(each.name for each in tree.body if isinstance(each, defined)))
    if names:
        return ", ".join(names[:_MOST]) + (", …" if len(names) > _MOST else "")
    lines = (line.strip() for line in source.lines)
    return shortened(next((line for line in lines if re.match(r"[^\W\d]", line)), ""), _LONGEST)


def _with_changes(item: Item, changed: ChangedLines, cells: Cells) -> Item:
    if not isinstance(item, Part) or not changed:
        return item
    source = item.marked.coverage.source
    place = cells.places.get(source.name)
    lines: Collection[int] = changed.get(source.name, ())
    if place is not None:
        wanted = changed.get(source.name.rpartition("#")[0], ())
        lines = [number for number, line in enumerate(place.lines, 1) if line in wanted]
    return Part(item.marked, item.title, item.prefix, frozenset(lines))


def targets(pages: Iterable[Page]) -> Mapping[str, tuple[Page, Part]]:
    """Where each source stands, by its name."""
    found: dict[str, tuple[Page, Part]] = {}
    for page in pages:
        for part in page.parts:
            found.setdefault(part.marked.coverage.source.name, (page, part))
    return found
