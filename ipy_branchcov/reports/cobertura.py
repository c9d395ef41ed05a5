"""Coverage -> Cobertura XML (coverage-04.dtd): ``condition-coverage`` by line, one ``<condition>`` a branch."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.coverage import Coverage, SourceCoverage
from ipy_branchcov.model.totals import Totals

_DOCTYPE = '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">'


def render(coverage: Coverage, *, timestamp: int = 0) -> str:
    """The XML text. ``timestamp``: seconds since the epoch, for tools that want one.

    The format knows lines alone: one of which any part ran has a hit, and parts that never ran are not in it.
    """
    sources = [(source, _lines(source)) for source in coverage.sources]
    valid = sum(len(lines) for _, lines in sources)
    covered = sum(bool(hits) for _, lines in sources for hits, _ in lines.values())
    rates = {
        "line-rate": _rate(covered, valid),
        "branch-rate": _rate(coverage.totals.covered, coverage.totals.outcomes),
    }
    root = ET.Element(
        "coverage",
        {
            **rates,
            "lines-covered": str(covered),
            "lines-valid": str(valid),
            "branches-covered": str(coverage.totals.covered),
            "branches-valid": str(coverage.totals.outcomes),
            "complexity": "0",
            "version": "ipy-branchcov",
            "timestamp": str(timestamp),
        },
    )
    ET.SubElement(ET.SubElement(root, "sources"), "source").text = "."
    package = ET.SubElement(ET.SubElement(root, "packages"), "package", {"name": "", **rates, "complexity": "0"})
    classes = ET.SubElement(package, "classes")
    for source, lines in sources:
        _class(classes, source, lines)
    ET.indent(root)
    return f'<?xml version="1.0" ?>\n{_DOCTYPE}\n' + ET.tostring(root, encoding="unicode") + "\n"


def _lines(source: SourceCoverage) -> dict[int, tuple[int, list[Branch]]]:
    """Hits and branches by line."""
    lines: dict[int, tuple[int, list[Branch]]] = {line: (hits, []) for line, hits in source.line_hits.items()}
    for branch in source.branches:
        if branch.totals.outcomes:
            lines.setdefault(branch.span.line, (int(branch.covered), []))[1].append(branch)
    return lines


def _class(parent: ET.Element, source: SourceCoverage, lines: dict[int, tuple[int, list[Branch]]]) -> None:
    covered = sum(bool(hits) for hits, _ in lines.values())
    element = ET.SubElement(
        parent,
        "class",
        {
            "name": source.source.name,
            "filename": source.source.name,
            "line-rate": _rate(covered, len(lines)),
            "branch-rate": _rate(source.totals.covered, source.totals.outcomes),
            "complexity": "0",
        },
    )
    ET.SubElement(element, "methods")
    listed = ET.SubElement(element, "lines")
    for number, (hits, branches) in sorted(lines.items()):
        line = ET.SubElement(listed, "line", {"number": str(number), "hits": str(hits), "branch": "false"})
        if branches:
            total = sum((branch.totals for branch in branches), Totals())
            line.set("branch", "true")
            line.set(
                "condition-coverage", f"{100 * total.covered // total.outcomes}% ({total.covered}/{total.outcomes})"
            )
            conditions = ET.SubElement(line, "conditions")
            for i, branch in enumerate(branches):
                own = branch.totals
                ET.SubElement(
                    conditions,
                    "condition",
                    {"number": str(i), "type": "jump", "coverage": f"{100 * own.covered // own.outcomes}%"},
                )


def _rate(part: int, whole: int) -> str:
    return f"{part / whole:.4f}" if whole else "1"
