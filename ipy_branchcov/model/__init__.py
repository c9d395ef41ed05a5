"""What a program could do and did: frozen values, no I/O, standard library only."""

from ipy_branchcov.model.branch import Branch, BranchMap, FirstHit, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.totals import Totals

__all__ = ["Branch", "BranchMap", "Coverage", "FirstHit", "Outcome", "Source", "SourceCoverage", "Span", "Totals"]
