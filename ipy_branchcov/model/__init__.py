"""What a program could do and did: frozen values, no I/O, standard library only."""

from ipy_branchcov.model.branch import Arm, Branch, BranchMap
from ipy_branchcov.model.coverage import (
    BranchCoverage,
    Coverage,
    Outcome,
    SourceCoverage,
    Taker,
    Totals,
)
from ipy_branchcov.model.source import Source, Span

__all__ = [
    "Arm",
    "Branch",
    "BranchCoverage",
    "BranchMap",
    "Coverage",
    "Outcome",
    "Source",
    "SourceCoverage",
    "Span",
    "Taker",
    "Totals",
]
