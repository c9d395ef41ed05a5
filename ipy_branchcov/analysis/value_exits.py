"""Where in a code object the conditions that nothing tests have their values: the exits of the code of an operand.

An operand's code begins behind the test of the operand before it. Each edge that leaves the code leaves the operand's
value on the stack, one place above where the stack ended when it began. Short circuits lead past it: no such edges.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ipy_branchcov.analysis import quirks
from ipy_branchcov.analysis.codemap import CodeMap, OutcomeNumber
from ipy_branchcov.analysis.positions import Positions
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.analysis.values import passed_on, settled_value
from ipy_branchcov.bytecode.decode import FINAL, ExitEdge, Instruction, Position
from ipy_branchcov.bytecode.depths import depths
from ipy_branchcov.bytecode.values import Value, identity
from ipy_branchcov.model.truth import stays_open
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

#: Instructions without an effect of their own; the compiler gives some of them no position.
_PASSED_BY = frozenset({"NOP", "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})

#: The start of all code, and the end; they may have the position of an operand.
_OUTSIDE = frozenset({"RESUME", "RETURN_VALUE"})

#: What stands between a test and the value that is a constant behind it: the end of an inlined loop is one, too.
_DROPS = frozenset({"POP_TOP", "NOT_TAKEN", "POP_ITER", "END_FOR"})

#: How many values an instruction stores to names of the function.
_STORED = {"STORE_FAST": 1, "STORE_FAST_LOAD_FAST": 1, "STORE_FAST_STORE_FAST": 2}


class ValueNodes:
    """The operands that are values, with the nodes in each and in the operands before it, by the nodes' ids."""

    def __init__(self, decisions: Decisions):
        self.operands: dict[int, ast.expr] = {}
        #: Where each begins and ends, as the compiler counts: line and byte.
        self._places: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {}
        self._chains: dict[int, int] = {}
        self._inside: dict[int, list[int]] = {}
        self._before: dict[int, list[int]] = {}
        for (_, link), number in decisions.values.items():
            node = decisions.nodes[number]
            parent = decisions.parents[id(node)]
            if isinstance(node, ast.Compare) and link:
                self._chains[id(node)] = number
            elif isinstance(node, ast.expr) and isinstance(parent, ast.BoolOp):
                self.operands[number] = node
                end = (node.end_lineno or 0, node.end_col_offset or 0)
                self._places[number] = (node.lineno, node.col_offset), end
                for each in ast.walk(node):
                    self._inside.setdefault(id(each), []).append(number)
                self._before.setdefault(id(parent), []).append(number)
                for operand in parent.values[:-1]:
                    for each in ast.walk(operand):
                        self._before.setdefault(id(each), []).append(number)

    def inside(self, node: ast.AST | None) -> list[int]:
        """The operands that a node is part of."""
        return self._inside.get(id(node), [])

    def around(self, position: Position) -> list[int]:
        """The operands that a place is in which no node has: of a key with its value, for one."""
        line, end_line, column, end_column = position
        if line is None or end_line is None or column is None or end_column is None:
            return []
        start, end = (line, column), (end_line, end_column)
        return [number for number, (first, last) in self._places.items() if first <= start and end <= last]

    def before(self, node: ast.AST | None) -> list[int]:
        """The operands that are evaluated after the one that a node is part of, by the same code object."""
        return self._before.get(id(node), [])

    def chain(self, node: ast.AST | None) -> int | None:
        """The branch of the last link of a chain that is a value."""
        return self._chains.get(id(node))


class ValueExits:
    """The exits of one code object on which a value can be observed, and the edges that show it by themselves."""

    def __init__(self, nodes: ValueNodes, decisions: Decisions, code_map: CodeMap, positions: Positions):
        self._nodes = nodes
        self._decisions = decisions
        self._code_map = code_map
        self._bytecode = code_map.bytecode
        self._positions = positions
        self._depths: dict[int, int] = {}
        #: The values, and the branches that they belong to.
        self.values: dict[ExitEdge, Value] = {}
        self.branches: dict[ExitEdge, list[int]] = {}
        #: Exits of jumps that show outcomes by themselves: ``is None``, which leaves no value; a test, behind which
        #: the value is a constant, which the compiler leaves out where nobody wants it.
        self.tested: dict[ExitEdge, list[OutcomeNumber]] = {}

    def find(self) -> None:
        members: dict[int, set[int]] = {}
        present: set[int] = set()
        chains: list[tuple[Instruction, int]] = []
        for each in self._bytecode.instructions:
            node = self._node(each)
            if each.name in quirks.COMPARISONS and (number := self._last_link(each, node)) is not None:
                chains.append((each, number))
            present.update(self._nodes.before(node))
            if each.name not in _PASSED_BY and each.name not in _OUTSIDE:
                numbers = self._nodes.around(each.position) if node is None else self._nodes.inside(node)
                for number in numbers:
                    members.setdefault(number, set()).add(each.index)
        members = {number: inside for number, inside in members.items() if number in present}
        if not chains and not members:
            return
        self._depths = depths(self._bytecode)
        for each, number in chains:
            if each.index in self._depths:
                self._observe((each.offset, False), number, Value(self._depths[each.index] - 2))
        for number, inside in members.items():
            for start in self._starts(inside):
                self._leave(number, inside, start)

    def _node(self, each: Instruction | None) -> ast.AST | None:
        """The node that an instruction was compiled from."""
        if each is None:
            return None
        return quirks.compared(each, self._positions.node(each.position))

    def _last_link(self, comparison: Instruction, node: ast.AST | None) -> int | None:
        number = self._nodes.chain(node)
        if number is None or not isinstance(node, ast.Compare):
            return None
        link = quirks.link_of(self._bytecode, comparison, node, self._node, self._decisions.parents)
        return number if link == len(node.ops) - 1 else None

    def _starts(self, inside: set[int]) -> Iterator[Instruction]:
        """The first instructions of each copy of an operand: those that a test before it leads to."""
        for index in inside:
            start = self._bytecode.instructions[index]
            sources = self._bytecode.sources(start) if index in self._depths else ()
            if any(self._enters(source, inside) for source, _ in sources):
                yield start

    def _enters(self, source: Instruction, inside: set[int]) -> bool:
        """Whether a test before an operand leads from here to it, past any number of instructions that do nothing."""
        stack = [source]
        seen: set[int] = set()
        while stack:
            each = stack.pop()
            if each.index in inside or each.index in seen:
                continue
            seen.add(each.index)
            if each.name in _PASSED_BY:
                stack += [before for before, _ in self._bytecode.sources(each)]
            elif each.name in ("POP_TOP", "NOT_TAKEN") or each.conditional:
                return True
        return False

    def _leave(self, number: int, inside: set[int], start: Instruction) -> None:
        """Find the edges by which an operand's code is left."""
        depth = self._depths[start.index]
        stack, seen = [start], {start.index}
        while stack:
            each = stack.pop()
            if each.name == "RETURN_CONST":
                returned = identity(self._bytecode.code.co_consts[each.arg])
                self._observe((each.offset, False), number, Value(depth, constant=returned))
            for after, jumped in self._successors(each):
                following = self._resolved(after)
                constant = self._constant(number, (each.offset, jumped)) if each.conditional else None
                drops = self._drops(each, following, depth, jumped=jumped)
                resumes = following.name == "RESUME"  # behind YIELD_VALUE
                if constant is not None and not self._loads(following, constant, inside):
                    self.tested.setdefault((each.offset, jumped), []).append((number, constant))
                elif drops or not (following.index in inside or resumes):
                    self._add(each, number, depth, after, jumped=jumped)
                elif following.index not in seen:
                    seen.add(following.index)
                    stack.append(following)

    def _successors(self, each: Instruction) -> Iterator[tuple[Instruction, bool]]:
        after = self._bytecode.following(each)
        if after is not None and not each.jumps and each.name not in FINAL:
            yield after, False
        if each.target is not None and (to := self._bytecode.at.get(each.target)) is not None:
            yield to, True
        if each.name == "GET_ANEXT" and (end := quirks.async_end(self._bytecode, each)) is not None:
            yield end, False

    def _constant(self, number: int, exit_edge: ExitEdge) -> int | None:
        """What the value of an operand is on an exit of a test in it, if it is a constant from there on."""
        if exit_edge in self._code_map.shared_jumps:
            return None
        operand, decisions = self._nodes.operands[number], self._decisions
        ended = quirks.inlined_result(self._bytecode, exit_edge, self._node, decisions.parents)
        if ended is not None and number in self._nodes.inside(ended[0]):
            found = passed_on(decisions.parents, operand, ended[0], ended[1:])
            return None if found is None else identity(found[0])
        for branch, outcome in self._code_map.outcomes.get(exit_edge, ()):
            test = decisions.nodes[branch]
            open_link = stays_open(test, decisions.links[branch], outcome == 0)
            if number in self._nodes.inside(test) and not open_link:
                found = settled_value(decisions.parents, operand, test, outcome == 0)
                if found is not None:
                    return identity(found[0])
        return None

    def _loads(self, each: Instruction, constant: int, inside: set[int]) -> bool:
        """Whether the code of an operand goes on from here; if not, the compiler left out a constant nobody wants.

        What then follows can have the operand's position: the None that a function returns at its end.
        """
        while each.name in _DROPS and (each.index in inside or each.position[0] is None):
            after = self._bytecode.following(each)
            if after is None:
                return False
            each = self._resolved(after)
        if each.index not in inside:
            return False
        after = self._bytecode.following(each)
        if each.name == "RETURN_CONST" or (after is not None and after.name == "RETURN_VALUE"):
            found = quirks.loaded(self._bytecode, each)
            return found is None or identity(found[0]) == constant
        return True

    def _resolved(self, each: Instruction) -> Instruction:
        """The first instruction from here that does something."""
        seen: set[int] = set()
        while each.name in _PASSED_BY and each.index not in seen:
            seen.add(each.index)
            after = self._bytecode.at.get(each.target) if each.target is not None else self._bytecode.following(each)
            if after is None:
                break
            each = after
        return each

    def _drops(self, each: Instruction, after: Instruction, depth: int, *, jumped: bool) -> bool:
        """Whether a value is dropped that nobody wants; its POP_TOP has the position of what is before it.

        Behind a test that falls through, or of a link, POP_TOP drops something else. Behind SWAP it drops what a chain
        of comparisons has left below its value, and a name that is stored next is no comprehension's.
        """
        names = self._depths.get(after.index, 0) - depth - 1
        if after.name != "POP_TOP" or (names > 0 and each.name == "SWAP") or not self._restores(after, names):
            return False
        if each.conditional and not (jumped and quirks.keeps(self._bytecode, each)):
            return False
        sources = self._bytecode.sources(after)
        return not any(
            (source.conditional or source.name == "NOT_TAKEN") and not by_jump for source, by_jump in sources
        )

    def _restores(self, drop: Instruction, names: int) -> bool:
        """Whether a comprehension gives back so many names behind a POP_TOP, and then the stack is as before all of it.

        The compiler drops a list that nobody wants first, and then gives the names back that were below it.
        """
        following = self._bytecode.following(drop)
        while names > 0 and following is not None and following.name in _STORED:
            names -= _STORED[following.name]
            following = self._bytecode.following(following)
        return names == 0

    def _add(self, each: Instruction, number: int, depth: int, after: Instruction, *, jumped: bool) -> None:
        """Add an exit. What it leaves is on the stack, but where the compiler made one of two instructions."""
        above = self._depths[after.index] - depth - 1
        if above == 0 or (above == 1 and quirks.loads_two(each)):
            self._observe((each.offset, jumped), number, Value(depth, above))
        elif self._drops(each, self._resolved(after), depth, jumped=jumped):
            self._observe((each.offset, jumped), number, Value(depth + above))
        elif each.name == "STORE_FAST_STORE_FAST":  # to a walrus, and to the name that the value is for
            for source, by_jump in self._bytecode.sources(each):
                self._observe((source.offset, by_jump), number, Value(depth, 1))
        elif each.name.endswith("NONE"):
            operand = self._nodes.operands[number]
            if isinstance(operand, ast.Compare):
                negated = isinstance(operand.ops[-1], ast.IsNot)
                truth = (quirks.tests_true(each) is jumped) is not negated
                outcome = self._decisions.outcome(number, "true" if truth else "false")
                self.tested.setdefault((each.offset, jumped), []).append(outcome)

    def _observe(self, exit_edge: ExitEdge, number: int, value: Value) -> None:
        self.values[exit_edge] = value
        self.branches.setdefault(exit_edge, []).append(number)
