"""Coverage -> LCOV tracefile. Each branch is a block (``man geninfo``)."""

from __future__ import annotations

from collections.abc import Iterator

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.reports.by_line import UNPLACED, Cells, File, Line, files


def render(coverage: Coverage, cells: Cells = UNPLACED) -> str:
    """The tracefile's text, one record a file. Outcomes that are optional or excluded are left out.

    The format knows lines alone: one of which any part ran has a hit, and parts that never ran are not in it.

    ``BRDA:<line>,<branch number on the line>,<outcome number>,<hits, or - on a line without hits>``.
    """
    return "".join(f"{line}\n" for file in files(coverage, cells) for line in _record(file))


def _record(file: File) -> Iterator[str]:
    yield "TN:"
    yield f"SF:{file.name}"
    for number, line in file.lines.items():
        hit = _hit(line)
        for block, branch in enumerate(line.branches):
            outcomes = [outcome for outcome in branch.outcomes if outcome.required and not outcome.excluded]
            for i, outcome in enumerate(outcomes):
                yield f"BRDA:{number},{block},{i},{outcome.hits if hit else '-'}"
    yield f"BRF:{file.totals.outcomes}"
    yield f"BRH:{file.totals.covered}"
    for number, line in file.lines.items():
        yield f"DA:{number},{int(_hit(line))}"
    yield f"LF:{len(file.lines)}"
    yield f"LH:{sum(map(_hit, file.lines.values()))}"
    yield "end_of_record"


def _hit(line: Line) -> bool:
    """Whether a line has hits: genhtml refuses one with hits whose branches have none, and the other way round.

    So ``def f(x): return x or 1`` has none as long as nobody calls ``f``.
    """
    return line.totals.covered > 0 if line.branches else line.ran
