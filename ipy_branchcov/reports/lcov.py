"""Coverage -> LCOV tracefile. Each branch is a block (``man geninfo``)."""

from __future__ import annotations

from ipy_branchcov.model.coverage import Coverage, SourceCoverage


def render(coverage: Coverage) -> str:
    """The tracefile's text. Outcomes that are optional or excluded are left out.

    The format knows lines alone: one of which any part ran has a hit, and parts that never ran are not in it.

    ``BRDA:<line>,<branch number on the line>,<outcome number>,<hits, or - where the branch was never reached>``.
    """
    return "".join(_source(source) for source in coverage.sources)


def _source(coverage: SourceCoverage) -> str:
    out = ["TN:", f"SF:{coverage.source.name}"]
    blocks: dict[int, int] = {}
    found = hit = 0
    lines = coverage.line_hits
    for branch in coverage.branches:
        outcomes = [outcome for outcome in branch.outcomes if outcome.required and not outcome.excluded]
        line = branch.span.line
        if not outcomes:
            continue
        block = blocks.get(line, 0)
        blocks[line] = block + 1
        for number, outcome in enumerate(outcomes):
            out.append(f"BRDA:{line},{block},{number},{outcome.hits if branch.covered else '-'}")
            found += 1
            hit += outcome.covered
    out += [f"BRF:{found}", f"BRH:{hit}"]
    out += [f"DA:{line},{hits}" for line, hits in lines.items()]
    out += [f"LF:{len(lines)}", f"LH:{sum(lines.values())}", "end_of_record", ""]
    return "\n".join(out)
