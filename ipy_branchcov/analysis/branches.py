"""The analysis of a source: its branches, and what each edge of the code objects compiled from it means."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING

from ipy_branchcov.analysis.codemap import CodeMap
from ipy_branchcov.analysis.functions import Functions
from ipy_branchcov.analysis.lines import HeadLines
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.bytecode.decode import Bytecode, code_objects
from ipy_branchcov.model.branch import BranchMap
from ipy_branchcov.model.recent import Recent
from ipy_branchcov.model.regions import After, Region
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.span import Span
from ipy_branchcov.own_builtins import BUILTINS

if TYPE_CHECKING:
    from ipy_branchcov.analysis.histories import Followed, Histories
    from ipy_branchcov.analysis.positions import Asserts, Positions
    from ipy_branchcov.analysis.shared_ends import SharedEnd
    from ipy_branchcov.analysis.sites import Decisions
    from ipy_branchcov.analysis.staleness import CompiledSource
    from ipy_branchcov.analysis.value_exits import ValueNodes

__builtins__ = BUILTINS


@dataclass
class Analysis:
    """A source's branches, and the maps of the code objects compiled from it.

    Each part is made when it is first asked for. An analysis that was kept from an earlier run (:mod:`.kept`) has the
    parts that a report needs, and in ``kept_codes`` the maps of code objects, by their fingerprint. What parses the
    text (``decisions``, ``positions``, ``whole``) is made only where something is missing there.
    """

    source: Source
    policy: Policy
    codes: Recent[int, tuple[CodeType, CodeMap]] = field(default_factory=Recent)
    places: Recent[int, tuple[CodeType, CodeType | None]] = field(default_factory=Recent)
    #: The source as others compile it, by the flags that they add.
    with_flags: dict[int, CompiledSource | None] = field(default_factory=dict)
    kept: bool = False
    kept_codes: dict[bytes, bytes] = field(default_factory=dict)

    @cached_property
    def decisions(self) -> Decisions:
        """The branches by syntax node. Raises SyntaxError where the source does not compile."""
        from ipy_branchcov.analysis.decisions import decide  # not imported where all is kept from an earlier run

        return decide(self.source, self.policy)

    @cached_property
    def map(self) -> BranchMap:
        """The branches, in source order."""
        return self.decisions.map

    @cached_property
    def positions(self) -> Positions:
        from ipy_branchcov.analysis.positions import Positions

        return Positions(self.decisions.tree)

    @cached_property
    def whole(self) -> CompiledSource | None:
        """The source, compiled again; None where it does not compile."""
        from ipy_branchcov.analysis.staleness import CompiledSource

        return CompiledSource.of(self.source)

    @cached_property
    def coded_lines(self) -> frozenset[int] | None:
        """The lines with an instruction; None where the source does not compile."""
        return None if self.whole is None else self.whole.lines

    def placed(self, code: CodeType) -> CodeType | None:
        """The code object with this code's instructions and the text's positions. None: it is not of this text.

        A cell's code is always of its text.
        """
        if self.source.kind != "file":
            return code
        entry = self.places.get(id(code))
        if entry is None or entry[0] is not code:
            if (code_map := self._kept(code)) is not None:
                self.codes[id(code)] = (code, code_map)
                entry = (code, code)
            elif self.whole is None:
                entry = (code, code)
            else:
                entry = (code, self.whole.text_of(code) or self._inherited(code))
            self.places[id(code)] = entry
        return entry[1]

    def _inherited(self, code: CodeType) -> CodeType | None:
        """The same for code whose ``from __future__`` is that of the module which compiled the text."""
        from ipy_branchcov.analysis.staleness import INHERITED, CompiledSource

        flags = code.co_flags & INHERITED
        if not flags or self.whole is None or self.whole.flags & flags == flags:
            return None
        if flags not in self.with_flags:
            self.with_flags[flags] = CompiledSource.of(self.source, flags)
        whole = self.with_flags[flags]
        return None if whole is None else whole.text_of(code)

    def turn(self) -> None:
        """Let go of code that was not asked for since the last call, and of all instructions."""
        self.codes.turn()
        for _, code_map in self.codes.values():
            code_map.bytecode.forget()
        self.places.turn()

    @cached_property
    def value_nodes(self) -> ValueNodes:
        """The operands whose values are observed."""
        from ipy_branchcov.analysis.value_exits import ValueNodes

        return ValueNodes(self.decisions)

    @cached_property
    def names(self) -> list[tuple[str, ...]]:
        """Of each branch, by number: the names whose values decide its outcome."""
        from ipy_branchcov.analysis.names import names

        return [names(node) for node in self.decisions.nodes]

    @cached_property
    def heads(self) -> list[HeadLines]:
        """The statements, handlers and cases that have code."""
        from ipy_branchcov.analysis.lines import head_lines

        return list(head_lines(self.source, self.decisions.heads))

    @cached_property
    def tries(self) -> list[tuple[int, int]]:
        """The line of each ``try``, and of each ``pass`` behind ``finally``, with the line that it is missed with."""
        from ipy_branchcov.model.statements import passes, tries

        tree = self.decisions.tree
        return [*tries(tree, self.decisions.live), *passes(tree, self.decisions.live)]

    @cached_property
    def shared_ends(self) -> list[SharedEnd]:
        """Statements of which 3.11 may leave no code of their own at the end of a ``finally``."""
        from ipy_branchcov.analysis.shared_ends import shared_ends

        return shared_ends(self.decisions.live)

    @cached_property
    def asserted(self) -> list[Span]:
        """The places of the tests of asserts."""
        from ipy_branchcov.model.statements import statements

        nodes = statements(self.decisions.tree)
        return [self.source.span(each.test) for each in nodes if isinstance(each, ast.Assert)]

    @cached_property
    def asserts(self) -> Asserts:
        """The asserts, by the positions that code carries."""
        from ipy_branchcov.analysis.positions import Asserts

        return Asserts(self.decisions.tree)

    @cached_property
    def regions(self) -> list[Region]:
        """The parts of lines that can be missed although their line ran."""
        from ipy_branchcov.model.regions import regions

        return list(regions(self.decisions.tree, self.source.span, self.decisions.live))

    @cached_property
    def beginnings(self) -> list[tuple[After, int]]:
        """The outcomes that lead to suites, each with the line of the first statement there."""
        from ipy_branchcov.model.regions import beginnings

        return list(beginnings(self.decisions.tree, self.source.span, self.decisions.live))

    @cached_property
    def functions(self) -> Functions:
        """The lambdas and one-line functions."""
        return Functions(self.regions)

    @cached_property
    def followed(self) -> Followed:
        """The decisions whose evaluations do not follow from single outcomes."""
        from ipy_branchcov.analysis.histories import Followed

        return Followed(self.decisions)

    def histories(self, code: CodeType) -> Histories | None:
        """The histories of one code object; None where no decision in it has to be followed."""
        if not self.followed.decisions:
            return None
        from ipy_branchcov.analysis.histories import Histories

        found = Histories(self.followed, self.of(code))
        return found if found.exits else None

    def of(self, code: CodeType) -> CodeMap:
        """The map of one code object, made at its first use. Keyed by identity: equal code can stand elsewhere."""
        entry = self.codes.get(id(code))
        if entry is None or entry[0] is not code:
            entry = (code, self._kept(code) or self._mapped(code))
            self.codes[id(code)] = entry
        return entry[1]

    def _mapped(self, code: CodeType) -> CodeMap:
        from ipy_branchcov.analysis.mapper import Mapper
        from ipy_branchcov.analysis.staleness import asserts_rewritten

        unknown = self.asserts if asserts_rewritten(code) else None
        return Mapper(self.decisions, self.positions, self.value_nodes, Bytecode(code), unknown).map()

    def _kept(self, code: CodeType) -> CodeMap | None:
        """The map of a code object that was kept from an earlier run."""
        if not self.kept_codes:
            return None
        from ipy_branchcov.analysis.kept_codes import fingerprint, unpacked

        data = self.kept_codes.get(fingerprint(code) or b"")
        return None if data is None else unpacked(code, data)


def find_branches(source: Source, codes: Iterable[CodeType] = (), policy: Policy | None = None) -> Analysis:
    """Analyse a source and the code objects compiled from it (those nested in them included).

    Raises SyntaxError where the source does not compile.
    """
    analysis = Analysis(source, policy or Policy())
    analysis.decisions  # noqa: B018 (it may raise)
    for outer in codes:
        for code in code_objects(outer):
            analysis.of(code)
    return analysis
