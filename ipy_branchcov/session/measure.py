"""Resolve traced edges against the branches of their sources. Offsets end here; above, only spans."""

from __future__ import annotations

import ast
import dis
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import CodeType

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.rewritten import unprovable
from ipy_branchcov.analysis.staleness import asserts_rewritten, has_positions, lines_with_code, translated
from ipy_branchcov.model.branch import Branch, FirstHit
from ipy_branchcov.model.decision_sites import decisions
from ipy_branchcov.model.decisions import Decision, Evaluation
from ipy_branchcov.model.regions import Region, never_ran
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.span import Cover, Span, widest
from ipy_branchcov.tracing.tracer import Recording

CHANGED = "not measured: its source changed after the import. Re-import it and run again"
NO_POSITIONS = "not measured: its code has no positions; run without -X no_debug_ranges"

REWRITTEN = "inside an assert that pytest rewrote: not measured (--assert=plain leaves it as it is)"
BY_OTHERS = "in code that another tool rewrote: not measured"
#: Code under the file's name that was not compiled from the file's text: of a template, a macro, ``exec``; old code.
FOREIGN = "not measured: {}, which ran and is not in the file's text as it stands (made by exec, or changed since)"
_MOST = 3

#: Who took an outcome first: the branch's number, the outcome's, and all contexts that covered it, if they are known.
FirstHitOf = Callable[[int, int, "frozenset[str]"], "FirstHit | None"]
#: Who was first with an evaluation: the decision's number, the vector.
FirstEvaluationOf = Callable[[int, str], "FirstHit | None"]


def measure(
    analysis: Analysis,
    recordings: Iterable[Recording],
    *,
    counts: bool = False,
    first_hit: FirstHitOf = lambda branch, outcome, contexts: None,
    first_evaluation: FirstEvaluationOf | None = None,
) -> SourceCoverage:
    """The coverage of one source by what its code objects did.

    A cell of which only functions ran (it was run itself before the measurement began) is measured in its
    functions alone; what stands outside them is left out. ``first_evaluation``: decisions were followed.
    """
    branch_map = analysis.map
    of_text, foreign = _placed(analysis, list(recordings))
    name = branch_map.source.name
    if foreign and not of_text:
        return SourceCoverage(branch_map.source, note=f"{name}: {CHANGED}")
    taken = _Taken()
    for recording in of_text:
        taken.add(analysis, recording, decisions=first_evaluation is not None)
    note = f"{name}: {FOREIGN.format(_names(foreign))}" if foreign else ""
    note = note if taken.positions else NO_POSITIONS
    lines: frozenset[int] | None = None
    if branch_map.source.kind == "cell" and not any(code.co_name == "<module>" for code in taken.codes):
        lines = _function_lines(analysis)
    found = taken.branches(branch_map.branches, first_hit, counts=counts)
    branches = tuple(each for each in found if lines is None or each.span.line in lines)
    rewritten = Cover(analysis.asserted if any(map(asserts_rewritten, taken.codes)) else ())
    branches = tuple(_unknown(each, REWRITTEN) if rewritten.contains(each.span) else each for each in branches)
    parts = list(never_ran(analysis.regions, branches, taken.entered)) if taken.positions else []
    parts = [each for each in parts if not rewritten.contains(each.span)]
    coded = lines_with_code(taken.codes) if analysis.coded_lines is None else analysis.coded_lines
    missed = _missed_lines(analysis, coded, taken.ran - _not_passed(analysis, branches, taken.ran), parts)
    missed -= _begun(analysis, branches)
    excluded = branch_map.excluded_lines
    judged = (branch_map.code_lines if lines is None else branch_map.code_lines & lines) - excluded
    spans = frozenset(widest(part.span for part in parts if part.span.line in judged - missed))
    found_decisions = None
    if first_evaluation is not None:
        found_decisions = tuple(_decisions(analysis, branches, taken.evaluations, first_evaluation))
    return SourceCoverage(branch_map.source, branches, judged & missed, note, spans, excluded, found_decisions)


@dataclass
class _Taken:
    """What the recordings of one source say. Branches, outcomes and decisions are known by their numbers."""

    #: By branch and outcome: how often.
    hits: dict[int, dict[int, int]] = field(default_factory=dict)
    contexts: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    #: Decision and vector.
    evaluations: set[tuple[int, str]] = field(default_factory=set)
    #: The lines that ran.
    ran: set[int] = field(default_factory=set)
    codes: list[CodeType] = field(default_factory=list)
    #: The functions that began.
    entered: list[object] = field(default_factory=list)
    #: Outcomes without an exit of their own in code that others rewrote.
    unprovable: set[tuple[int, int]] = field(default_factory=set)
    #: Whether all code has positions; of code without, no branch is known.
    positions: bool = True

    def add(self, analysis: Analysis, recording: Recording, *, decisions: bool) -> None:
        code = recording.code
        self.codes.append(code)
        self.ran |= recording.lines
        self.entered += analysis.functions.of(code)
        if not has_positions(code):
            self.positions = False
            return
        code_map = analysis.of(code)
        self.unprovable |= unprovable(analysis, code)
        for edge, count in recording.edges.items():
            for branch, outcome in code_map.outcomes_of(edge.src, edge.dst, edge.before):
                counted = self.hits.setdefault(branch, {})
                counted[outcome] = counted.get(outcome, 0) + count
                if recording.contexts:
                    self.contexts.setdefault((branch, outcome), set()).update(recording.contexts.get(edge, ()))
        if decisions and (histories := analysis.histories(code)) is not None:
            self.evaluations.update(each for edge in recording.edges for each in histories.evaluations(edge))

    def branches(self, branches: Iterable[Branch], first_hit: FirstHitOf, *, counts: bool) -> list[Branch]:
        """The branches with their hits."""
        found = list(branches)
        for number, counted in self.hits.items():
            outcomes = list(found[number].outcomes)
            for i, count in counted.items():
                by = frozenset(self.contexts.get((number, i), ()))
                first = first_hit(number, i, by)
                outcomes[i] = replace(outcomes[i], hits=count if counts else 1, first=first, contexts=by)
            found[number] = replace(found[number], outcomes=tuple(outcomes))
        for number in {number for number, _ in self.unprovable}:
            found[number] = _unknown(found[number], BY_OTHERS, keep=True)
        return found


def _decisions(
    analysis: Analysis,
    branches: tuple[Branch, ...],
    evaluations: Iterable[tuple[int, str]],
    first: FirstEvaluationOf,
) -> Iterator[Decision]:
    """The decisions with their evaluations: of trees by the outcomes, of others by what was followed."""
    followed = analysis.followed.decisions
    seen: dict[Span, list[Evaluation]] = {each.span: [] for each in followed.values()}
    for number, vector in evaluations:
        decision = followed[number]
        outcome = bool(decision.logic.outcome(vector))
        seen[decision.span].append(Evaluation(vector, outcome, first(number, vector)))
    by_key = {branch.key: branch for branch in branches}
    for each in decisions(analysis.decisions.map.source, analysis.decisions.tree, branches):
        if each.span in seen:
            yield replace(each.with_evaluations(seen[each.span]), unproven=each.doubt(by_key))
        else:
            yield each.observed(by_key)


def _placed(analysis: Analysis, recordings: Iterable[Recording]) -> tuple[list[Recording], list[CodeType]]:
    """The recordings of the text's code, at the text's places; and code that is not of the text."""
    of_text, foreign = [], []
    for recording in recordings:
        placed = analysis.placed(recording.code)
        if placed is None:
            if not (_makes_code_of_text(analysis, recording.code) or _wraps_code_of_text(analysis, recording.code)):
                foreign.append(recording.code)
        elif placed is recording.code:
            of_text.append(recording)
        else:
            lines = translated(recording.lines, recording.code, placed)
            of_text.append(replace(recording, code=placed, lines=lines))
    return of_text, foreign


def _makes_code_of_text(analysis: Analysis, code: CodeType) -> bool:
    """Whether code only makes functions and classes that are of the text, as ``%autoreload`` makes them again."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    of_text = all(analysis.placed(each) is not None or _makes_code_of_text(analysis, each) for each in inner)
    return bool(inner) and of_text and not _tests(code)


def _wraps_code_of_text(analysis: Analysis, code: CodeType) -> bool:
    """Whether code has no branches, and was given the file's name: as Hypothesis does with its wrappers of tests.

    A function of the file that was changed has a name that the file has.
    """
    known = analysis.whole is not None and analysis.whole.has(code.co_qualname)
    return "<locals>" in code.co_qualname and not known and not _tests(code)


def _tests(code: CodeType) -> bool:
    return any(each.opname.startswith("POP_JUMP") or each.opname == "FOR_ITER" for each in dis.get_instructions(code))


def _names(codes: Iterable[CodeType]) -> str:
    """The names of some code objects, with their lines."""
    names = sorted({(code.co_firstlineno, code.co_qualname) for code in codes})
    shown = [f"{name} (line {line})" for line, name in names[:_MOST]]
    return ", ".join(shown) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


def _unknown(branch: Branch, reason: str, *, keep: bool = False) -> Branch:
    """A branch of code that was rewritten, optional and not covered: nothing is known of it.

    ``keep``: outcomes that are covered stay so; that they are missed is not known.
    """
    outcomes = (
        each
        if keep and each.hits
        else replace(each, hits=0, required=False, reason=reason, first=None, contexts=frozenset())
        for each in branch.outcomes
    )
    return replace(branch, outcomes=tuple(outcomes))


def _missed_lines(analysis: Analysis, coded: frozenset[int], ran: set[int], parts: list[Region]) -> set[int]:
    """The lines with code that never ran.

    Which lines hold code is the source's matter, so that it is the same on every Python: a line on which nothing
    begins that runs goes with its statement. ``coded``: what the compiler left of it. ``parts``: those that never
    ran; compilers place jumps on lines on which nothing else ran.
    """
    missed: set[int] = set()
    touched = {line for part in parts for line in range(part.span.line, part.span.end_line + 1)}
    cover = Cover(part.span for part in parts)
    starts = {head.first for head in analysis.heads}  # what begins on such a line ran there
    for head in analysis.heads:
        if not ran.isdisjoint(head.lines):
            below = head.lines[1:]
            quiet = {line for line in below if line in coded and line not in ran}
            if quiet or not touched.isdisjoint(below):
                for line, places in head.below.items():
                    if line in quiet or (line not in starts and all(map(cover.contains, places))):
                        missed.add(line)
        elif not coded.isdisjoint(head.lines):
            missed.update(line for line in head.lines if line not in ran)
    for part in parts:
        if part.suite:
            missed.update(range(part.span.line + 1, part.span.end_line + 1))
    for line, first in analysis.tries:
        if line not in ran:
            (missed.add if first in missed else missed.discard)(line)
    return missed - {head.last for head in analysis.heads if head.annotated_suite and not ran.isdisjoint(head.lines)}


def _not_passed(analysis: Analysis, branches: Iterable[Branch], ran: set[int]) -> set[int]:
    """The lines that the end of a ``finally`` seems to have run, and which another way to that end did not pass."""
    if not analysis.shared_ends:
        return set()
    taken = {(branch.key, outcome.name): bool(outcome.hits) for branch in branches for outcome in branch.outcomes}
    entered = {line: taken[after] for after, line in analysis.beginnings if after in taken}
    found: set[int] = set()
    for line, after, led in analysis.shared_ends:
        passed = entered.get(after, True) if led else after in ran and after not in found
        if not passed:
            found.add(line)
    return found


def _begun(analysis: Analysis, branches: Iterable[Branch]) -> set[int]:
    """The lines that ran because an outcome is covered: those of branches, and what an outcome leads to.

    Whatever code is left of them; in ``[\\n b for b in a]`` over no items the loop ran, and no name on its line.
    """
    covered = {(branch.key, outcome.name) for branch in branches for outcome in branch.outcomes if outcome.hits}
    of_branches = {span.line for (span, _), _ in covered}
    return of_branches | {line for after, line in analysis.beginnings if after in covered}


def _function_lines(analysis: Analysis) -> frozenset[int]:
    """The lines of function bodies and lambdas."""
    lines: set[int] = set()
    for node in ast.walk(analysis.decisions.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines.update(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
        elif isinstance(node, ast.Lambda):
            lines.update(range(node.body.lineno, (node.body.end_lineno or 0) + 1))
    return frozenset(lines)
