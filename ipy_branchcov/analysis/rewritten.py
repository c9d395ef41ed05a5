"""Code that another tool compiled from the text's syntax tree, with additions of its own (typeguard, birdseye).

What such code tests can be other values at the same places: where each operand is passed to a function, the result is
tested. So not each outcome that the text's code proves has an exit of its own there.
"""

from __future__ import annotations

from types import CodeType

from ipy_branchcov.analysis.branches import Analysis
from ipy_branchcov.analysis.codemap import CodeMap, OutcomeNumber
from ipy_branchcov.analysis.staleness import asserts_rewritten
from ipy_branchcov.bytecode.values import FALSE, TRUE


def unprovable(analysis: Analysis, code: CodeType) -> set[OutcomeNumber]:
    """The outcomes that the text's code proves and this code does not, because others rewrote it.

    Of asserts that pytest rewrote nothing is known at all; the rest of such code is as it was.
    """
    of_text = None if analysis.of(code).kept >= 0 else _rewritten_from(analysis, code)
    return set() if of_text is None else _proved(analysis.of(of_text)) - _proved(analysis.of(code))


def is_rewritten(analysis: Analysis, code: CodeType) -> bool:
    """Whether that can be so. The map of such code is not kept from run to run: it says too little alone."""
    return _rewritten_from(analysis, code) is not None


def _rewritten_from(analysis: Analysis, code: CodeType) -> CodeType | None:
    return None if analysis.whole is None or asserts_rewritten(code) else analysis.whole.rewritten_from(code)


def _proved(code_map: CodeMap) -> set[OutcomeNumber]:
    """All outcomes that have an exit."""
    found = {each for outcomes in code_map.outcomes.values() for each in outcomes}
    found |= {each for ways in code_map.shared_jumps.values() for outcomes in ways.values() for each in outcomes}
    return found | {(number, what) for seen in code_map.observed.values() for number in seen for what in (TRUE, FALSE)}
