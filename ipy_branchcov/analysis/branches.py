"""The analysis of a source: its branches, and what each edge of the code objects compiled from it means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType

from ipy_branchcov.analysis.codemap import CodeMap
from ipy_branchcov.analysis.decisions import decide
from ipy_branchcov.analysis.functions import Functions
from ipy_branchcov.analysis.histories import Followed, Histories
from ipy_branchcov.analysis.mapper import Mapper
from ipy_branchcov.analysis.positions import Positions
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.analysis.staleness import CompiledSource
from ipy_branchcov.analysis.value_exits import ValueNodes
from ipy_branchcov.bytecode.decode import Bytecode, code_objects
from ipy_branchcov.model.recent import Recent
from ipy_branchcov.model.regions import Region, regions
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.statements import Head, heads
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS


@dataclass
class Analysis:
    """A source's branches, and the maps of the code objects compiled from it."""

    decisions: Decisions
    positions: Positions
    codes: Recent[int, tuple[CodeType, CodeMap]] = field(default_factory=Recent)
    places: Recent[int, tuple[CodeType, CodeType | None]] = field(default_factory=Recent)

    @cached_property
    def whole(self) -> CompiledSource | None:
        """The source, compiled again; None where it does not compile."""
        return CompiledSource.of(self.decisions.map.source)

    def placed(self, code: CodeType) -> CodeType | None:
        """The code object with this code's instructions and the text's positions. None: it is not of this text.

        A cell's code is always of its text.
        """
        if self.decisions.map.source.kind != "file" or self.whole is None:
            return code
        entry = self.places.get(id(code))
        if entry is None or entry[0] is not code:
            entry = (code, self.whole.text_of(code))
            self.places[id(code)] = entry
        return entry[1]

    def turn(self) -> None:
        """Let go of code that was not asked for since the last call."""
        self.codes.turn()
        self.places.turn()

    @cached_property
    def value_nodes(self) -> ValueNodes:
        """The operands whose values are observed."""
        return ValueNodes(self.decisions)

    @cached_property
    def heads(self) -> list[Head]:
        """The statements, handlers and cases that have code."""
        return list(heads(self.decisions.tree))

    @cached_property
    def regions(self) -> list[Region]:
        """The parts of lines that can be missed although their line ran."""
        return list(regions(self.decisions.tree, self.decisions.map.source.span))

    @cached_property
    def functions(self) -> Functions:
        """The lambdas and one-line functions."""
        return Functions(self.regions)

    @cached_property
    def followed(self) -> Followed:
        """The decisions of which an outcome alone does not tell the evaluation."""
        return Followed(self.decisions)

    def histories(self, code: CodeType) -> Histories | None:
        """The histories of one code object; None where no decision in it has to be followed."""
        if not self.followed.decisions:
            return None
        found = Histories(self.followed, self.of(code))
        return found if found.exits else None

    def of(self, code: CodeType) -> CodeMap:
        """The map of one code object, made at its first use. Keyed by identity: equal code can stand elsewhere."""
        entry = self.codes.get(id(code))
        if entry is None or entry[0] is not code:
            entry = (code, Mapper(self.decisions, self.positions, self.value_nodes, Bytecode(code)).map())
            self.codes[id(code)] = entry
        return entry[1]


def find_branches(source: Source, codes: Iterable[CodeType] = (), policy: Policy | None = None) -> Analysis:
    """Analyse a source and the code objects compiled from it (those nested in them included).

    Raises SyntaxError where the source does not compile.
    """
    decisions = decide(source, policy)
    analysis = Analysis(decisions, Positions(decisions.tree))
    for outer in codes:
        for code in code_objects(outer):
            analysis.of(code)
    return analysis
