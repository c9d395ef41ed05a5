"""Coverage -> LCOV tracefile. Each branch is a block (``man geninfo``)."""

from __future__ import annotations

from collections.abc import Iterator

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.decisions import Condition, Decision
from ipy_branchcov.reports.by_line import UNPLACED, Cells, File, Line, files


def render(coverage: Coverage, cells: Cells = UNPLACED) -> str:
    """The tracefile's text, one record a file. Outcomes that are optional or excluded are left out.

    The format knows lines alone: one of which any part ran has a hit, and parts that never ran are not in it.

    ``MCDC:<line>,<conditions>,<t or f>,<0 or 1>,<number of the condition>,<its text>``, with decisions.

    ``BRDA:<line>,<branch number on the line>,<outcome number>,<hits, or - on a line without hits>``.

    genhtml refuses a line with hits whose branches have none, as ``def f(x): return x or 1`` that nobody called. The
    last block of such a line is one outcome with one hit: the line ran. ``BRF`` and ``BRH`` count it.
    """
    return "".join(f"{line}\n" for file in files(coverage, cells) for line in _record(file))


def _record(file: File) -> Iterator[str]:
    yield "TN:"
    yield f"SF:{file.name}"
    for number, line in file.lines.items():
        for block, branch in enumerate(line.branches):
            outcomes = [outcome for outcome in branch.outcomes if outcome.required and not outcome.excluded]
            for i, outcome in enumerate(outcomes):
                yield f"BRDA:{number},{block},{i},{outcome.hits if line.ran else '-'}"
        if _ran_alone(line):
            yield f"BRDA:{number},{len(line.branches)},0,1"
    alone = sum(map(_ran_alone, file.lines.values()))
    yield f"BRF:{file.totals.outcomes + alone}"
    yield f"BRH:{file.totals.covered + alone}"
    yield from _mcdc(file)
    for number, line in file.lines.items():
        yield f"DA:{number},{int(line.ran)}"
    yield f"LF:{len(file.lines)}"
    yield f"LH:{file.ran}"
    yield "end_of_record"


def _mcdc(file: File) -> Iterator[str]:
    """The conditions of decisions: two lines each, whether its pair has it true, and whether false.

    Readers know a decision by its line and its number of conditions alone. So decisions of one size on a line are one
    group of all their conditions, of which each is proved by itself.
    """
    found = hit = 0
    for number, line in file.lines.items():
        for size, expressions in sorted(_groups(line.decisions).items()):
            for index, (shown, text) in enumerate(expressions):
                for sense in ("t", "f"):
                    yield f"MCDC:{number},{size},{sense},{int(shown and line.ran)},{index},{text}"
                found += 2
                hit += 2 * (shown and line.ran)
    if found:
        yield f"MCF:{found}"
        yield f"MCH:{hit}"


def _groups(decisions: tuple[Decision, ...]) -> dict[int, list[tuple[bool, str]]]:
    """The conditions that count of the decisions of a line, by the size of their group: shown, and the text."""
    by_size: dict[int, list[tuple[bool, str]]] = {}
    for decision in sorted(decisions, key=lambda each: (each.totals.conditions, each.span.order)):
        own = [
            (shown, _expression(condition))
            for condition, shown in zip(decision.conditions, decision.shown, strict=True)
            if not condition.reason
        ]
        by_size.setdefault(len(own), []).extend(own)
    groups: dict[int, list[tuple[bool, str]]] = {}
    for own in by_size.values():
        while len(own) in groups:  # two decisions of two, and one of four
            own = groups.pop(len(own)) + own  # noqa: PLW2901
        groups[len(own)] = own
    return groups


def _expression(condition: Condition) -> str:
    """A condition's text: on one line, and without what ends a field."""
    return condition.text.replace(",", ";") or "condition"


def _ran_alone(line: Line) -> bool:
    """Whether a line ran, and no outcome of its branches was covered."""
    return line.ran and bool(line.branches) and not line.totals.covered
