"""Select parts of a coverage by name: cells, modules, classes, functions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.globs import matches
from ipy_branchcov.model.source import UNPARSABLE, Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.words import cell_name, cell_number


def select(coverage: Coverage, names: Sequence[str]) -> Coverage:
    """The named parts; everything if there are no names. Raises UsageError for a name that was not measured."""
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
        spans = frozenset().union(*(part.missed_spans for part in found[number]))
        parts.append(replace(found[number][0], branches=ordered, missed_lines=missed, missed_spans=spans))
    return replace(coverage, sources=tuple(parts))


def covered_by(coverage: Coverage, wanted: Callable[[str], bool]) -> Coverage:
    """The same with those outcomes covered alone that a context covered which is ``wanted``.

    How often each context hit an outcome is not known, and neither is which lines it ran: these stay.
    """

    def of(branch: Branch) -> Branch:
        return replace(branch, outcomes=tuple(_by(outcome, wanted) for outcome in branch.outcomes))

    sources = (replace(source, branches=tuple(map(of, source.branches))) for source in coverage)
    return replace(coverage, sources=tuple(sources), counted=False)


def _by(outcome: Outcome, wanted: Callable[[str], bool]) -> Outcome:
    names = frozenset(filter(wanted, outcome.contexts))
    first = outcome.first if outcome.first is not None and outcome.first.by in names else None
    return replace(outcome, hits=int(bool(names)), first=first, contexts=names)


def is_chosen(names: Sequence[str], omit: Sequence[str], include: Sequence[str]) -> bool:
    """Whether a file, by any of its names, matches no glob of ``omit``, and one of ``include`` if there are any.

    >>> [is_chosen([name], ["*/test_*"], ["a/*"]) for name in ("a/m.py", "a/test_m.py", "b/m.py")]
    [True, False, False]
    """

    def match(globs: Sequence[str]) -> bool:
        return any(matches(name, glob) for name in names for glob in globs)

    return not match(omit) and (not include or match(include))


def is_below(source: Source, spec: str) -> bool:
    """Whether a source is what ``--source`` names: a cell, file or module, or in a folder or package of that name.

    >>> files = [Source(name, "", "file") for name in ("pkg/__init__.py", "src/pkg/m.py", "pkgs/m.py")]
    >>> [is_below(each, "pkg") for each in files]
    [True, True, False]
    """
    folder = spec.removeprefix("./").rstrip("/")
    if source.name == folder or source.name.startswith(f"{folder}/"):
        return True
    if source.kind == "cell":
        return False
    if f".{spec}." in f".{_module(source)}.":
        return True
    return source.path is not None and Path(source.path).is_relative_to(Path(spec).resolve())


def _module(source: Source) -> str:
    """The dotted name of a file, its folders first: ``src/pkg/__init__.py`` is ``src.pkg``."""
    return source.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _part(coverage: SourceCoverage, name: str) -> SourceCoverage | None:
    source = coverage.source
    number = cell_number(name)
    if source.name == (name if number is None else cell_name(number)):
        return coverage
    if source.kind == "file":
        module = _module(source)
        if module == name or module.endswith("." + name):
            return coverage
    lines = {line for first, last in definitions(coverage, name) for line in range(first, last + 1)}
    if not lines:
        return None
    branches = tuple(branch for branch in coverage.branches if branch.span.line in lines)
    spans = frozenset(span for span in coverage.missed_spans if span.line in lines)
    return replace(coverage, branches=branches, missed_lines=coverage.missed_lines & lines, missed_spans=spans)


def definitions(coverage: SourceCoverage, name: str) -> Iterator[tuple[int, int]]:
    """First and last line of each function and class whose qualified name is ``name`` or ends with ``.name``."""
    try:
        tree = coverage.source.tree()
    except UNPARSABLE:
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


def definitions_in(source: Source) -> list[str]:
    """The names of the functions and classes that a source defines at its top level; empty where it does not parse."""
    try:
        tree = source.tree()
    except UNPARSABLE:
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return list(dict.fromkeys(each.name for each in tree.body if isinstance(each, kinds)))


def scopes(source: Source) -> list[tuple[int, int]]:
    """The line of each ``def`` and ``class``, and its last line; empty where the text does not parse."""
    try:
        tree = source.tree()
    except UNPARSABLE:
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [(each.lineno, each.end_lineno or each.lineno) for each in ast.walk(tree) if isinstance(each, kinds)]


def bodies(source: Source) -> list[tuple[Span, str]]:
    """The bodies of functions and classes, outer ones first, each with the qualified name (without ``<locals>``).

    Empty where the text is not known or does not parse.
    """
    try:
        tree = source.tree()
    except UNPARSABLE:
        return []
    found: list[tuple[Span, str]] = []
    stack: list[tuple[ast.AST, str]] = [(tree, "")]
    while stack:
        node, prefix = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            prefix = f"{prefix}.{node.name}" if prefix else node.name
            found.append((source.span(node.body[0], node.body[-1]), prefix))
        blocks = (ast.stmt, ast.excepthandler, ast.match_case)
        stack += ((child, prefix) for child in ast.iter_child_nodes(node) if isinstance(child, blocks))
    return found
