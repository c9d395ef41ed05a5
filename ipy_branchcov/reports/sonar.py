"""Coverage -> SonarQube's generic test coverage (``sonar.coverageReportPaths``): lines, and outcomes on each."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.reports.by_line import UNPLACED, Cells, files


def render(coverage: Coverage, cells: Cells = UNPLACED) -> str:
    """The XML text. Sonar calls an outcome a branch; its attributes stand only where there is one."""
    root = ET.Element("coverage", {"version": "1"})
    for file in files(coverage, cells):
        element = ET.SubElement(root, "file", {"path": file.name})
        for number, line in file.lines.items():
            attributes = {"lineNumber": str(number), "covered": str(line.ran).lower()}
            if line.branches:
                attributes["branchesToCover"] = str(line.totals.outcomes)
                attributes["coveredBranches"] = str(line.totals.covered)
            ET.SubElement(element, "lineToCover", attributes)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
