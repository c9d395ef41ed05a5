"""What each edge of a code object means: the outcomes of the source's branches that it covers.

The AST names the branches, the bytecode is the evidence. Every conditional instruction is either mapped to outcomes or
ignored for a named reason; every outcome is either observable in the bytecode or has a reason why not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ipy_branchcov.analysis import quirks
from ipy_branchcov.analysis.codemap import CodeMap, OutcomeNumber
from ipy_branchcov.analysis.patterns import Patterns
from ipy_branchcov.analysis.positions import Asserts, Positions
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.analysis.value_exits import ValueExits, ValueNodes
from ipy_branchcov.bytecode.decode import Bytecode, ExitEdge, Instruction
from ipy_branchcov.model.truth import constant
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

REWRITTEN = "part of an assert that was rewritten"


@dataclass(frozen=True)
class _Arrival:
    """Where a tested value comes from: computed before its test (``kept`` None), or kept by another test's exit.

    ``node`` is the expression whose truth is tested, or a part at its end. ``negated``: by a ``not`` on the way.
    """

    node: ast.AST
    link: int
    negated: bool
    kept: ExitEdge | None = None


def _node(positions: Positions, instruction: Instruction | None) -> ast.AST | None:
    """The syntax node that an instruction was compiled from."""
    return None if instruction is None else positions.node(instruction.position)


class Mapper:
    """Maps one code object. ``value_nodes``: the operands whose values are observed.

    ``rewritten``: the asserts, where other code was put in their place, of which nothing is known.
    """

    def __init__(
        self,
        decisions: Decisions,
        positions: Positions,
        value_nodes: ValueNodes,
        bytecode: Bytecode,
        rewritten: Asserts | None = None,
    ):
        self.decisions = decisions
        self.positions = positions
        self.value_nodes = value_nodes
        self.parents = decisions.parents
        self.node = partial(_node, positions)
        self.bytecode = bytecode
        self.rewritten = rewritten
        self.result = CodeMap(bytecode)
        self.patterns = Patterns(self.decisions, bytecode, self.node)

    def map(self) -> CodeMap:
        """What each exit of a conditional instruction means."""
        for instruction in self.bytecode.instructions:
            if instruction.conditional:
                if self.rewritten is not None and self.rewritten.has(instruction.position):
                    self.result.ignored[instruction.offset] = REWRITTEN
                else:
                    self._conditional(instruction)
            elif instruction.name == "GET_ANEXT":
                self._async_for(instruction)
        if self.decisions.values:
            self._observe_values()
        self.bytecode.forget_sources()
        return self.result

    def _observe_values(self) -> None:
        """Map the exits that leave the value of a condition that nothing tests."""
        exits = ValueExits(self.value_nodes, self.decisions, self.result, self.positions)
        exits.find()
        self.result.values, self.result.observed = exits.values, exits.branches
        for exit_edge, outcomes in exits.tested.items():
            self.result.outcomes[exit_edge] = (*self.result.outcomes.get(exit_edge, ()), *outcomes)

    # --- what kind of branch

    def _conditional(self, jump: Instruction) -> None:
        if reason := quirks.ignored(self.bytecode, jump, self.node, self.parents):
            self.result.ignored[jump.offset] = reason
        elif jump.name == "FOR_ITER":
            self._for(jump)
        elif (item := quirks.with_exit(self.bytecode, jump, self.node, self.parents)) is not None:
            self._site(jump, item, "suppressed", "propagated", when=quirks.tests_true(jump))
        elif (handler := quirks.handler_test(self.bytecode, jump, self.node, self.parents)) is not None:
            self._site(jump, handler, "match", "nomatch", when=False)
        elif (pattern := self.patterns.of(jump)) is not None:
            passes = self.patterns.passes(jump, pattern)
            self.result.outcomes[(jump.offset, passes)] = tuple(self.patterns.matched(jump, pattern, jumped=passes))
            self.result.outcomes[(jump.offset, not passes)] = tuple(self.patterns.unmatched(pattern))
        else:
            self._test(jump)

    def _site(self, jump: Instruction, node: ast.AST, yes: str, no: str, *, when: bool) -> None:
        """Map both exits of a jump; ``when``: whether jumping means ``yes``."""
        number = self.decisions.site(node)
        if number is None:
            self.result.unknown[jump.offset] = f"no branch at {type(node).__name__}"
            return
        self.result.outcomes[(jump.offset, True)] = (self.decisions.outcome(number, yes if when else no),)
        self.result.outcomes[(jump.offset, False)] = (self.decisions.outcome(number, no if when else yes),)

    # --- loops

    def _for(self, jump: Instruction) -> None:
        loop = self._loop(self.bytecode.following(jump))
        if loop is None:
            self.result.unknown[jump.offset] = "a loop without target"
        else:
            self._site(jump, loop, "exhausted", "body", when=True)

    def _loop(self, instruction: Instruction | None) -> ast.AST | None:
        """The loop or comprehension clause whose target the code from here on assigns."""
        while instruction is not None and (
            instruction.name in ("NOT_TAKEN", "END_SEND", "NOP") or self.node(instruction) is None
        ):
            instruction = self.bytecode.following(instruction)
        return self._loop_of_target(self.node(instruction))

    def _loop_of_target(self, node: ast.AST | None) -> ast.AST | None:
        """The loop or comprehension clause in whose target a node stands."""
        while node is not None:
            parent = self.parents.get(id(node))
            if isinstance(parent, ast.For | ast.AsyncFor | ast.comprehension) and node is parent.target:
                return parent
            node = parent
        return None

    def _async_for(self, anext: Instruction) -> None:
        """``body``: the item's exit of the SEND loop. ``exhausted``: END_ASYNC_FOR, left normally."""
        send: Instruction | None = anext
        while send is not None and send.name != "SEND":
            send = self.bytecode.following(send)
        arrived = self.bytecode.at.get(send.target) if send is not None and send.target is not None else None
        loop = self._loop(arrived)
        number = None if loop is None else self.decisions.site(loop)
        if send is None or arrived is None or number is None:
            self.result.unknown[anext.offset] = "an asynchronous loop without target"
            return
        body = (arrived.offset, False) if arrived.name == "END_SEND" else (send.offset, True)
        self.result.outcomes[body] = (self.decisions.outcome(number, "body"),)
        if (end := quirks.async_end(self.bytecode, anext)) is not None:
            self.result.outcomes[(end.offset, False)] = (self.decisions.outcome(number, "exhausted"),)

    # --- tests of truth

    def _test(self, jump: Instruction) -> None:
        arrivals = list(self._arrivals(jump))
        owner = self.node(jump)
        fresh = {self._leaf(a, owner) for a in arrivals if a.kept is None}
        if None in fresh or len(fresh) > 1:
            self.result.unknown[jump.offset] = f"tested value: {[type(a.node).__name__ for a in arrivals]}"
            return
        for jumped in (True, False):
            truth = quirks.tests_true(jump) is jumped
            exit_edge = (jump.offset, jumped)
            stop = self._kept_value(jump, jumped)
            for leaf in fresh:
                assert leaf is not None
                self.result.outcomes[exit_edge] = tuple(self._from_leaf(leaf, truth, stop))
            for arrival in arrivals:
                if arrival.kept is not None:
                    outcomes = tuple(self._upwards(arrival.node, truth is not arrival.negated, stop))
                    if outcomes != self.result.outcomes.get(exit_edge):
                        self.result.shared_jumps.setdefault(exit_edge, {})[arrival.kept] = outcomes
        if not any(
            self.result.outcomes.get((jump.offset, jumped)) or (jump.offset, jumped) in self.result.shared_jumps
            for jumped in (True, False)
        ):
            self.result.ignored[jump.offset] = "part of a test that is constant"

    def _arrivals(self, jump: Instruction) -> Iterator[_Arrival]:
        """Go back from a test to the instructions that computed the tested value."""
        stack: list[tuple[Instruction, bool]] = [(jump, False)]
        seen: set[tuple[int, bool]] = set()
        while stack:
            current, negated = stack.pop()
            if (current.index, negated) in seen:
                continue
            seen.add((current.index, negated))
            for source, jumped in self.bytecode.sources(current):
                if source.conditional and source.name not in ("SEND", "FOR_ITER"):
                    node = self.node(source)
                    if jump.name.endswith("NONE") and isinstance(node, ast.Compare) and not jumped:
                        # The last link of a chain: the value is the right operand of the link before it.
                        is_not = isinstance(node.ops[-1], ast.IsNot)
                        yield _Arrival(node, len(node.ops) - 1, negated is not is_not)
                    elif jump.name.endswith("NONE"):
                        yield self._made(jump, source, negated)  # what an operator keeps is compared with None
                    elif isinstance(node, ast.BoolOp | ast.Compare):
                        yield _Arrival(node, -1, negated, (source.offset, jumped))
                elif source.name == "UNARY_NOT" and not jump.name.endswith("NONE"):
                    stack.append((source, not negated))
                elif (
                    source.jumps
                    or source.name in ("TO_BOOL", "NOP", "NOT_TAKEN")
                    or (source.name == "COPY" and source.arg == 1 and not self._walrus(source))
                ):
                    stack.append((source, negated))
                elif (swap := quirks.chain_clean_up(self.bytecode, source, self.node)) is not None:
                    stack.append((swap, negated))
                else:
                    yield self._made(jump, source, negated)

    def _walrus(self, copy: Instruction) -> bool:
        """A COPY whose value is stored rather than tested."""
        after = self.bytecode.following(copy)
        return after is not None and after.name.startswith("STORE")

    def _made(self, jump: Instruction, producer: Instruction, negated: bool) -> _Arrival:
        node = quirks.compared(producer, self.node(producer))
        if quirks.loads_two(producer):
            node = self._second_load(jump, node)
        link = -1
        if isinstance(node, ast.Compare) and len(node.ops) > 1 and producer.name in quirks.COMPARISONS:
            link = quirks.link_of(self.bytecode, producer, node, self.node, self.parents)
        if jump.name.endswith("NONE"):
            node, link, is_not = self._none_test(node, producer)
            negated = negated is not is_not
        elif quirks.inverted(producer, node) or quirks.folded_negations(self.bytecode, producer, node):
            negated = not negated
        return _Arrival(node if node is not None else ast.Pass(), link, negated)

    def _second_load(self, jump: Instruction, first: ast.AST | None) -> ast.AST | None:
        """What the second half of a superinstruction loads; its position is the first half's.

        After a comprehension's target comes its first filter. Elsewhere TO_BOOL (or the jump) has the position
        of the test, or of the operator whose first operand is tested.
        """
        target = self._loop_of_target(first)
        if isinstance(target, ast.comprehension) and target.ifs:
            return quirks.evaluated_first(target.ifs[0])
        if (case := self.patterns.case_of(first)) is not None and case.guard and not self.patterns.in_guard(first):
            return quirks.evaluated_first(case.guard)
        before = self.bytecode.preceding(jump)
        node = self.node(before if before is not None and before.name == "TO_BOOL" else jump)
        if isinstance(node, ast.BoolOp):
            return quirks.evaluated_first(node)
        return node

    def _none_test(self, node: ast.AST | None, producer: Instruction) -> tuple[ast.AST | None, int, bool]:
        """``x is None`` became a jump on x: find the comparison, its link, and whether it is ``is not``."""
        child: ast.AST | None = None
        if producer.conditional or (isinstance(node, ast.Compare) and producer.name in quirks.COMPARISONS):
            child, node = node, self.parents.get(id(node))  # it is the result that is compared
        while node is not None:
            if isinstance(node, ast.Compare):
                if child is None or child is node.left:
                    link = 0
                else:
                    link = node.comparators.index(child) + 1  # type: ignore[arg-type]
                if child is None and len(node.ops) > 1:
                    link = len(node.ops) - 1
                if link < len(node.ops) and isinstance(node.ops[link], ast.Is | ast.IsNot):
                    is_not = isinstance(node.ops[link], ast.IsNot)
                    return node, (link if len(node.ops) > 1 else -1), is_not
            child, node = node, self.parents.get(id(node))
        return None, -1, False

    def _leaf(self, arrival: _Arrival, owner: ast.AST | None) -> tuple[ast.AST, int, bool] | None:
        """The innermost branch that a tested value belongs to: (node, link, whether its truth is the other)."""
        node: ast.AST | None = arrival.node
        negated = arrival.negated
        constant_folded = id(arrival.node) in self.decisions.constant_folded
        if arrival.link >= 0 and (constant_folded or self.decisions.site(arrival.node, arrival.link) is not None):
            return arrival.node, arrival.link, negated
        while node is not None:
            if self._branch_at(node) is not None or id(node) in self.decisions.constant_folded:
                return node, -1, negated
            parent = self.parents.get(id(node))
            if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
                negated = not negated
            elif isinstance(parent, ast.BoolOp) and node is not parent.values[-1]:
                # A constant operand, which is no branch; or it decides, and its value is the operator's.
                known = constant(node) if isinstance(node, ast.expr) else None
                if parent is owner or known is not isinstance(parent.op, ast.Or):
                    return node, -1, negated
            elif not isinstance(parent, ast.expr | ast.FormattedValue | ast.arguments):
                return None
            node = parent
        return None

    def _branch_at(self, node: ast.AST) -> int | None:
        """The branch whose whole test a node is; of a statement none, in whose place rewritten code can have a test."""
        chain = isinstance(node, ast.Compare) and len(node.ops) > 1
        return self.decisions.site(node, -1 if chain else 0) if isinstance(node, ast.expr) else None

    def _kept_value(self, jump: Instruction, jumped: bool) -> ast.AST | None:
        """The operator or chain whose value an exit keeps for another test; None if no other test follows."""
        node = self.node(jump)
        if not isinstance(node, ast.BoolOp | ast.Compare):
            return None
        current = self.bytecode.at.get(jump.target or 0) if jumped else self.bytecode.following(jump)
        seen: set[int] = set()
        while current is not None and current.index not in seen:  # `while True: pass` jumps to itself
            seen.add(current.index)
            if current.conditional:  # a comparison with None leaves the truth untested
                return None if current.name in ("SEND", "FOR_ITER") or current.name.endswith("NONE") else node
            if quirks.starts_clean_up(self.bytecode, current):
                current = self.bytecode.instructions[current.index + 2]
            elif current.name in ("TO_BOOL", "NOP", "NOT_TAKEN", "UNARY_NOT") or (
                current.name == "COPY" and current.arg == 1 and not self._walrus(current)
            ):
                current = self.bytecode.following(current)
            elif current.jumps:
                current = self.bytecode.at.get(current.target or 0)
            else:
                return None
        return None

    def _from_leaf(self, leaf: tuple[ast.AST, int, bool], truth: bool, stop: ast.AST | None) -> Iterator[OutcomeNumber]:
        node, link, negated = leaf
        truth = truth is not negated
        if link < 0:
            yield from self._upwards(node, truth, stop)
            return
        number = self.decisions.site(node, link)
        assert isinstance(node, ast.Compare)
        if number is not None:
            yield self.decisions.outcome(number, "true" if truth else "false")
        if (not truth or link == len(node.ops) - 1) and node is not stop:
            yield from self._upwards(node, truth, stop)

    def _upwards(self, start: ast.AST, truth: bool, stop: ast.AST | None) -> Iterator[OutcomeNumber]:
        """The outcomes of all tests decided by an expression's truth, up to one whose value is tested again."""
        for node, value in self.decisions.implied(start, truth):
            if node is stop and node is not start:
                return
            number = self._branch_at(node)
            if number is not None:
                yield self.decisions.outcome(number, "true" if value else "false")
