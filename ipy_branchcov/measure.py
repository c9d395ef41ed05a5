"""Resolve traced edges against the branches of their sources. Offsets end here; above, only spans."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import CodeType

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.identity import asserts_rewritten, lines_with_code
from ipy_branchcov.model.coverage import BranchCoverage, SourceCoverage, Taker
from ipy_branchcov.tracing.tracer import Recording

CHANGED = "changed since it was imported: nothing can be told; import it anew and run it again"
NO_POSITIONS = "compiled without positions (-X no_debug_ranges?): its branches cannot be told"

REWRITTEN = "inside an assert that pytest rewrote: not measured (--assert=plain leaves it as it is)"


#: Who took an arm first: the branch's number, the arm's.
TakerOf = Callable[[int, int], "Taker | None"]


def measure(
    analysis: Analysis,
    recordings: Iterable[Recording],
    *,
    counts: bool = False,
    taker: TakerOf = lambda branch, arm: None,
) -> SourceCoverage:
    """The coverage of one source by what its code objects did.

    A cell of which only functions ran (it was run itself before the measurement began) is measured in its
    functions alone; what stands outside them is left out.
    """
    hits: dict[int, dict[int, int]] = {}
    ran: set[int] = set()
    codes: list[CodeType] = []
    note = ""
    recordings = list(recordings)
    branch_map, whole = analysis.decisions.map, analysis.whole
    if branch_map.source.kind == "file" and whole and not all(whole.owns(each.code) for each in recordings):
        return SourceCoverage(branch_map.source, note=f"{branch_map.source.name} {CHANGED}")
    for recording in recordings:
        codes.append(recording.code)
        ran |= recording.lines
        if not _has_positions(recording.code):
            note = NO_POSITIONS
            continue
        code_map = analysis.of(recording.code)
        for edge, count in recording.edges.items():
            for branch, arm in code_map.taken(edge.src, edge.dst, edge.before):
                arms = hits.setdefault(branch, {})
                arms[arm] = arms.get(arm, 0) + count
    missed = _missed_lines(analysis, lines_with_code(codes) if whole is None else whole.lines, ran)
    lines: frozenset[int] | None = None
    if branch_map.source.kind == "cell" and not any(code.co_name == "<module>" for code in codes):
        lines = _function_lines(analysis)
        missed &= lines
    found = list(analysis.untaken)
    for number, arms in hits.items():
        outcomes = list(found[number].outcomes)
        for arm, count in arms.items():
            first = taker(number, arm)
            outcomes[arm] = replace(outcomes[arm], hits=count if counts else 1, first=first)
        found[number] = replace(found[number], outcomes=tuple(outcomes))
    branches = tuple(each for each in found if lines is None or each.span.line in lines)
    if any(map(asserts_rewritten, codes)):
        branches = tuple(_without_asserts(analysis, branches))
    return SourceCoverage(branch_map.source, branches, frozenset(missed), note)


def _without_asserts(analysis: Analysis, branches: Iterable[BranchCoverage]) -> Iterator[BranchCoverage]:
    """The branches, those inside an assert optional and not taken: nothing is known of them."""
    source = analysis.decisions.map.source
    spans = [source.span(each.test) for each in ast.walk(analysis.decisions.tree) if isinstance(each, ast.Assert)]
    lines = {line: span for span in spans for line in range(span.line, span.end_line + 1)}
    for branch in branches:
        span = lines.get(branch.span.line)
        if span is None or not span.contains(branch.span):
            yield branch
            continue
        outcomes = (replace(each, hits=0, required=False, reason=REWRITTEN, first=None) for each in branch.outcomes)
        yield replace(branch, outcomes=tuple(outcomes))


def _missed_lines(analysis: Analysis, coded: frozenset[int], ran: set[int]) -> set[int]:
    """The lines with code that never ran.

    Which lines hold code is the source's matter, so that it is the same on every Python: a line without an
    instruction of its own goes with its statement.
    """
    missed: set[int] = set()
    for first, last in analysis.statement_heads:
        lines = range(first, last + 1)
        if not ran.isdisjoint(lines):
            missed.update(line for line in lines if line in coded and line not in ran)
        elif not coded.isdisjoint(lines):
            missed.update(lines)
    missed &= analysis.decisions.map.code_lines
    return missed - ran


def _function_lines(analysis: Analysis) -> frozenset[int]:
    """The lines of function bodies and lambdas."""
    lines: set[int] = set()
    for node in ast.walk(analysis.decisions.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines.update(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
        elif isinstance(node, ast.Lambda):
            lines.update(range(node.body.lineno, (node.body.end_lineno or 0) + 1))
    return frozenset(lines)


def _has_positions(code: CodeType) -> bool:
    return any(position[2] is not None for position in code.co_positions())
