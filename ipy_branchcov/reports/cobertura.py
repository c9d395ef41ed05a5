"""Coverage -> Cobertura XML (coverage-04.dtd): ``condition-coverage`` by line, one ``<condition>`` a branch."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.totals import Totals
from ipy_branchcov.reports.by_line import UNPLACED, Cells, File, Line, files

_DOCTYPE = '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">'


def render(coverage: Coverage, cells: Cells = UNPLACED, *, timestamp: int = 0) -> str:
    """The XML text.

    The format knows lines alone: one of which any part ran has a hit, and parts that never ran are not in it.
    ``timestamp``: milliseconds since the epoch, as Cobertura and coverage.py write them; 0 for none. Codecov refuses
    reports that are older than 12 hours, and takes 0.
    """
    every = files(coverage, cells)
    valid, covered = sum(len(file.lines) for file in every), sum(file.ran for file in every)
    totals = sum((file.totals for file in every), Totals())
    rates = {"line-rate": _rate(covered, valid), "branch-rate": _rate(totals.covered, totals.outcomes)}
    root = ET.Element(
        "coverage",
        {
            **rates,
            "lines-covered": str(covered),
            "lines-valid": str(valid),
            "branches-covered": str(totals.covered),
            "branches-valid": str(totals.outcomes),
            "complexity": "0",
            "version": "ipy-branchcov",
            "timestamp": str(timestamp),
        },
    )
    ET.SubElement(ET.SubElement(root, "sources"), "source").text = "."
    package = ET.SubElement(ET.SubElement(root, "packages"), "package", {"name": "", **rates, "complexity": "0"})
    classes = ET.SubElement(package, "classes")
    for file in every:
        _class(classes, file)
    ET.indent(root)
    return f'<?xml version="1.0" ?>\n{_DOCTYPE}\n' + ET.tostring(root, encoding="unicode") + "\n"


def _class(parent: ET.Element, file: File) -> None:
    element = ET.SubElement(
        parent,
        "class",
        {
            "name": file.name,
            "filename": file.name,
            "line-rate": _rate(file.ran, len(file.lines)),
            "branch-rate": _rate(file.totals.covered, file.totals.outcomes),
            "complexity": "0",
        },
    )
    ET.SubElement(element, "methods")
    listed = ET.SubElement(element, "lines")
    for number, line in file.lines.items():
        _line(listed, number, line)


def _line(parent: ET.Element, number: int, line: Line) -> None:
    element = ET.SubElement(parent, "line", {"number": str(number), "hits": str(int(line.ran)), "branch": "false"})
    if not line.branches:
        return
    total = line.totals
    element.set("branch", "true")
    element.set("condition-coverage", f"{_percent(total)} ({total.covered}/{total.outcomes})")
    # Not in the DTD. coverage.py writes lines there; Codecov shows the words, one for each missed outcome.
    missing = [f"{b.span.column + 1}:{outcome.name}" for b in line.branches for outcome in b.missed]
    if missing:
        element.set("missing-branches", ",".join(missing))
    conditions = ET.SubElement(element, "conditions")
    for i, branch in enumerate(line.branches):
        ET.SubElement(conditions, "condition", {"number": str(i), "type": "jump", "coverage": _percent(branch.totals)})


def _percent(totals: Totals) -> str:
    return f"{100 * totals.covered // totals.outcomes}%"


def _rate(part: int, whole: int) -> str:
    return f"{part / whole:.4f}" if whole else "1"
