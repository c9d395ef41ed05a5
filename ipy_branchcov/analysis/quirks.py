"""What the compiler does to branches, one function each."""

from __future__ import annotations

import ast
import dis
from collections.abc import Callable, Mapping

from ipy_branchcov.bytecode.decode import FINAL, Bytecode, ExitEdge, Instruction
from ipy_branchcov.model.truth import constant, settled

NodeOf = Callable[[Instruction | None], ast.AST | None]
Parents = Mapping[int, ast.AST]

COMPARISONS = frozenset({"COMPARE_OP", "IS_OP", "CONTAINS_OP"})


def ignored(bytecode: Bytecode, jump: Instruction, node_of: NodeOf, parents: Parents) -> str:
    """The reason why a conditional instruction is no branch of the source; "" where it is one."""
    for quirk in (send_loop, group_reraise, annotation_format, annotation, inlined_builtin):
        if reason := quirk(bytecode, jump, node_of, parents):
            return reason
    return ""


def tests_true(jump: Instruction) -> bool:
    """Whether it jumps when the tested truth holds (of a None test: when the value is None)."""
    return "IF_TRUE" in jump.name or (jump.name.endswith("IF_NONE"))


def send_loop(bytecode: Bytecode, jump: Instruction, node_of: NodeOf, parents: Parents) -> str:
    """``await x``, ``yield from x``: SEND leaves its loop when the other side returns."""
    return "waiting for another coroutine or generator" if jump.name == "SEND" else ""


def group_reraise(bytecode: Bytecode, jump: Instruction, node_of: NodeOf, parents: Parents) -> str:
    """After the last ``except*``: what no handler matched is raised again, if there is any.

    PREP_RERAISE_STAR on 3.11, CALL_INTRINSIC_2 (INTRINSIC_PREP_RERAISE_STAR = 1) from 3.12.
    """
    before = _skip_back(bytecode, jump, "COPY")
    if before is not None and (
        before.name == "PREP_RERAISE_STAR" or (before.name == "CALL_INTRINSIC_2" and before.arg == 1)
    ):
        return "re-raising what no except* matched"
    return ""


def annotation_format(bytecode: Bytecode, jump: Instruction, node_of: NodeOf, parents: Parents) -> str:
    """From 3.14 deferred evaluation starts by refusing formats above VALUE_WITH_FAKE_GLOBALS (PEP 649).

    ``LOAD_COMMON_CONSTANT 1`` is NotImplementedError, which no source can name this way.
    """
    after = bytecode.following(jump)
    while after is not None and after.name == "NOT_TAKEN":
        after = bytecode.following(after)
    if after is not None and after.name == "LOAD_COMMON_CONSTANT" and after.arg == 1:
        raising = bytecode.following(after)
        if raising is not None and raising.name == "RAISE_VARARGS":
            return "an annotation, evaluated on demand"
    return ""


def annotation(bytecode: Bytecode, jump: Instruction, node_of: NodeOf, parents: Parents) -> str:
    """Annotations hold no branches, whether a Python evaluates them or not.

    From 3.14 annotations in a conditional block are evaluated if the block was entered (PEP 649).
    """
    node = node_of(jump)
    if node is None or isinstance(node, ast.AnnAssign):
        return "an annotation, evaluated on demand" if node is not None else ""
    while (parent := parents.get(id(node))) is not None:
        node = parent
    return "" if isinstance(node, ast.Module) else "inside an annotation"


def inlined_builtin(bytecode: Bytecode, jump: Instruction, node_of: NodeOf, parents: Parents) -> str:
    """From 3.14 ``all(...)`` and its like over a generator expression run as a loop of their own (gh-131738)."""
    inlined = _inlined_call(bytecode, jump, node_of, parents)
    return "" if inlined is None else "the loop of an inlined all(), any() or tuple()"


def inlined_result(
    bytecode: Bytecode, exit_edge: ExitEdge, node_of: NodeOf, parents: Parents
) -> tuple[ast.Call, bool] | None:
    """The inlined call of ``all`` or ``any`` whose loop ends on an exit of a jump, and what it then returns."""
    jump, jumped = bytecode.at[exit_edge[0]], exit_edge[1]
    call = _inlined_call(bytecode, jump, node_of, parents)
    if call is None or not isinstance(call.func, ast.Name) or call.func.id not in ("all", "any"):
        return None
    stops_at = call.func.id == "any"
    if jump.name == "FOR_ITER":
        return (call, not stops_at) if jumped else None
    before = _skip_back(bytecode, jump, "TO_BOOL")
    found = before is not None and before.name == "FOR_ITER" and (tests_true(jump) is jumped) is stops_at
    return (call, stops_at) if found else None


def _inlined_call(bytecode: Bytecode, jump: Instruction, node_of: NodeOf, parents: Parents) -> ast.Call | None:
    node = node_of(jump)
    call = parents.get(id(node))
    if isinstance(node, ast.Name) and isinstance(call, ast.Call) and call.func is node:
        before = _skip_back(bytecode, jump, "TO_BOOL")
        inlined = jump.name == "FOR_ITER" or (before is not None and before.name in ("IS_OP", "FOR_ITER"))
        if inlined and len(call.args) == 1 and isinstance(call.args[0], ast.GeneratorExp):
            return call
    return None


def chain_clean_up(bytecode: Bytecode, instruction: Instruction, node_of: NodeOf) -> Instruction | None:
    """``SWAP 2; POP_TOP``, where all links of a chain leave with a false value: its SWAP, else None."""
    swap = bytecode.preceding(instruction)
    if instruction.name == "POP_TOP" and swap is not None and starts_clean_up(bytecode, swap):
        return swap if isinstance(node_of(swap), ast.Compare) else None
    return None


def starts_clean_up(bytecode: Bytecode, swap: Instruction) -> bool:
    """Whether an instruction is the first of a chain's clean-up."""
    after = bytecode.following(swap)
    return (
        swap.name == "SWAP"
        and swap.arg == 2
        and after is not None
        and after.name == "POP_TOP"
        and all(source.conditional for source, _ in bytecode.sources(swap))
    )


def compared(comparison: Instruction, node: ast.AST | None) -> ast.AST | None:
    """Where a comparison stands that has the position of a ``not`` around it; other nodes as they are.

    From 3.13 ``not not a == b`` can be a comparison and TO_BOOL, which is then merged into it with its position.
    """
    inner = node
    while isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not):
        inner = inner.operand
    return inner if comparison.name in COMPARISONS and isinstance(inner, ast.Compare) else node


def inverted(comparison: Instruction, node: ast.AST | None) -> bool:
    """``not (a in b)`` is compiled as ``a not in b``, in the place of the inner comparison, and so is ``is``.

    (fold_unaryop in Python/ast_opt.c; in Python/flowgraph.c from 3.14.)
    """
    if comparison.name not in ("CONTAINS_OP", "IS_OP") or not isinstance(node, ast.Compare) or len(node.ops) > 1:
        return False
    return bool(comparison.arg & 1) is not isinstance(node.ops[0], ast.NotIn | ast.IsNot)


def folded_negations(bytecode: Bytecode, load: Instruction, node: ast.AST | None) -> bool:
    """Whether a constant is not what stands in its place.

    ``not not True`` is True in the place of ``not True`` (from 3.14).
    """
    if not isinstance(node, ast.UnaryOp) or not isinstance(node.op, ast.Not):
        return False
    found = loaded(bytecode, load)
    return found is not None and constant(node) is not bool(found[0])


def keeps(bytecode: Bytecode, jump: Instruction) -> bool:
    """Whether a value is still on the stack where a conditional instruction jumps: tested by an operator, or sent."""
    copy = _skip_back(bytecode, jump, "TO_BOOL")
    return jump.name in ("SEND", "JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP") or (
        copy is not None and copy.name == "COPY" and copy.arg == 1
    )


def loaded(bytecode: Bytecode, load: Instruction) -> tuple[object] | None:
    """The constant that an instruction loads or returns; None for instructions that do neither."""
    match load.name:
        case "LOAD_CONST" | "RETURN_CONST":
            return (bytecode.code.co_consts[load.arg],)
        case "LOAD_COMMON_CONSTANT":
            return (next(each.argval for each in dis.get_instructions(bytecode.code) if each.offset == load.offset),)
    return None


def loads_two(instruction: Instruction) -> bool:
    """Instructions that 3.13 and later make of two, with the position of the first."""
    name = instruction.name
    return name.count("LOAD_FAST") == 2 or name.startswith("STORE_FAST_LOAD_FAST")


def evaluated_first(node: ast.expr) -> ast.expr:
    """The name, constant or lambda in an expression that is evaluated first, folded constants passed over."""
    while True:
        match node:
            case ast.BoolOp():
                first: ast.AST | None = next(value for value in node.values if settled(value) is None)
            case ast.IfExp():
                known = settled(node.test)
                first = node.test if known is None else node.body if known else node.orelse
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                first = node.generators[0].iter
            case ast.Lambda():
                return node
            case _:
                first = next((part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)), None)
        if not isinstance(first, ast.expr):
            return node
        node = first


def link_of(bytecode: Bytecode, comparison: Instruction, chain: ast.Compare, node_of: NodeOf, parents: Parents) -> int:
    """Which link of a chain a comparison computes: the one whose right operand was evaluated before it."""
    before = bytecode.preceding(comparison)
    while before is not None and before.name in ("SWAP", "COPY"):
        before = bytecode.preceding(before)
    if before is not None and (before.name in FINAL or before.name.startswith("JUMP_")):
        # A copy, to which the right operand alone jumps.
        before = next((source for source, _ in bytecode.sources(comparison)), None)
    node = node_of(before)
    while node is not None and parents.get(id(node)) is not chain:
        node = parents.get(id(node))
    operands = [chain.left, *chain.comparators]
    index = next((i for i, operand in enumerate(operands) if operand is node), -1)
    if before is not None and loads_two(before):
        index += 1
    return index - 1


def handler_test(bytecode: Bytecode, jump: Instruction, node_of: NodeOf, parents: Parents) -> ast.AST | None:
    """The typed handler that a jump after CHECK_EXC_MATCH or CHECK_EG_MATCH decides: it jumps where none matches.

    The next handler always stands behind this one, so no compiler turns the jump round.
    """
    check = _skip_back(bytecode, jump, "COPY", "TO_BOOL")
    if check is None or check.name not in ("CHECK_EXC_MATCH", "CHECK_EG_MATCH"):
        return None
    node = node_of(bytecode.preceding(check))
    while node is not None and not isinstance(node, ast.ExceptHandler):
        node = parents.get(id(node))
    return node


def with_exit(bytecode: Bytecode, jump: Instruction, node_of: NodeOf, parents: Parents) -> ast.AST | None:
    """The item whose ``__exit__`` answered an exception: the jump after WITH_EXCEPT_START."""
    start = _skip_back(bytecode, jump, "TO_BOOL")
    if start is not None and start.name != "WITH_EXCEPT_START":
        start = _awaited(bytecode, start, jump)
    if start is None or start.name != "WITH_EXCEPT_START":
        return None
    node = node_of(start)
    if isinstance(node, ast.With | ast.AsyncWith):  # 3.11: the position is the statement's
        if len(node.items) == 1:
            return node.items[0]
        node = node_of(_entered(bytecode, start))
    while node is not None and not isinstance(node, ast.withitem):
        node = parents.get(id(node))
    return node


def async_end(bytecode: Bytecode, anext: Instruction) -> Instruction | None:
    """END_ASYNC_FOR, to which GET_ANEXT's loop comes by an exception when it is exhausted."""
    for handler in bytecode.handlers():
        end = bytecode.at.get(handler.target)
        if handler.start <= anext.offset < handler.end and end is not None and end.name == "END_ASYNC_FOR":
            return end
    return None


def _awaited(bytecode: Bytecode, instruction: Instruction, jump: Instruction) -> Instruction | None:
    """The instruction before a SEND loop that ends right before a test."""
    for source, _ in bytecode.sources(jump):
        if source.name == "SEND":
            instruction = source
    names = ("END_SEND", "SEND", "JUMP_BACKWARD_NO_INTERRUPT", "RESUME", "YIELD_VALUE", "CLEANUP_THROW", "PUSH_NULL")
    current: Instruction | None = instruction
    while current is not None and current.name in (*names, "LOAD_CONST", "LOAD_COMMON_CONSTANT"):
        current = bytecode.preceding(current)
    if current is None or current.name != "GET_AWAITABLE":
        return None
    return bytecode.preceding(current)


def _entered(bytecode: Bytecode, start: Instruction) -> Instruction | None:
    """The end of the context expression of the block that a WITH_EXCEPT_START leaves."""
    push = bytecode.preceding(start)
    if push is None:
        return None
    rows = [handler.start for handler in bytecode.handlers() if handler.target in (push.first, push.offset)]
    current = bytecode.at.get(min(rows, default=-1))
    while current is not None and current.name not in ("BEFORE_WITH", "BEFORE_ASYNC_WITH"):
        current = bytecode.preceding(current)
    return None if current is None else bytecode.preceding(current)


def _skip_back(bytecode: Bytecode, instruction: Instruction, *names: str) -> Instruction | None:
    """The instruction before one, passing over those of some names."""
    before = bytecode.preceding(instruction)
    while before is not None and before.name in names:
        before = bytecode.preceding(before)
    return before
