"""The parts of a coverage that names stand for: cells, modules, classes, functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.coverage import Coverage, SourceCoverage


def select(coverage: Coverage, names: Sequence[str]) -> Coverage:
    """What the names stand for; everything without names. Raises UsageError for a name that nothing measured has."""
    if not names:
        return coverage
    found: dict[int, list[SourceCoverage]] = {}
    for name in names:
        matched = False
        for number, source in enumerate(coverage.sources):
            part = _part(source, name)
            if part is not None:
                matched = True
                found.setdefault(number, []).append(part)
        if not matched:
            known = ", ".join(source.source.name for source in coverage.sources) or "nothing yet"
            raise UsageError(f"nothing called {name} was measured; there is {known}")
    parts = []
    for number in sorted(found):
        branches = {branch.key: branch for part in found[number] for branch in part.branches}
        ordered = tuple(branch for branch in coverage.sources[number].branches if branch.key in branches)
        missed = frozenset().union(*(part.missed_lines for part in found[number]))
        parts.append(replace(found[number][0], branches=ordered, missed_lines=missed))
    return replace(coverage, sources=tuple(parts))


def _part(coverage: SourceCoverage, name: str) -> SourceCoverage | None:
    source = coverage.source
    cell = re.fullmatch(r"In ?\[(\d+)\]", name)
    if source.name == (f"In [{cell[1]}]" if cell else name):
        return coverage
    if source.kind == "file":
        module = source.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        if module == name or module.endswith("." + name):
            return coverage
    lines = {line for first, last in definitions(coverage, name) for line in range(first, last + 1)}
    if not lines:
        return None
    branches = tuple(branch for branch in coverage.branches if branch.span.line in lines)
    return replace(coverage, branches=branches, missed_lines=coverage.missed_lines & lines)


def definitions(coverage: SourceCoverage, name: str) -> Iterator[tuple[int, int]]:
    """First and last line of the functions and classes with a qualified name, or with that last part of it."""
    try:
        tree = coverage.source.tree()
    except (SyntaxError, ValueError):
        return
    stack: list[tuple[ast.AST, str]] = [(tree, "")]
    while stack:
        node, prefix = stack.pop()
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{prefix}.{child.name}" if prefix else child.name
                if inner == name or inner.endswith("." + name):
                    yield child.lineno, child.end_lineno or child.lineno
            stack.append((child, inner))
