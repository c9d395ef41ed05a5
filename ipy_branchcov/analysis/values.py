"""Conditions that nothing tests: the last operand of ``and``/``or``, the last link of a chain, where these are values.

Their outcomes are what the value is: True, False, or something else. No truth is asked for, which could run code of the
program, and which arrays refuse.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from ipy_branchcov.model.branch import OTHER, VALUE
from ipy_branchcov.model.truth import composite, computed, constant


def value_operand(node: ast.BoolOp | ast.Compare) -> ast.expr | None:
    """The operand, or the chain itself, whose value an operator that is a value may have; None where there is none.

    Operands that are operators themselves have operands of their own. Constants decide nothing, and what follows only
    constants, or one that decides, is no alternative to anything.
    """
    if isinstance(node, ast.Compare):
        return node if len(node.ops) > 1 else None
    *before, last = node.values
    truths = [constant(each) for each in before]
    if composite(last) or constant(last) is not None or isinstance(node.op, ast.Or) in truths or None not in truths:
        return None
    return last


def optional_outcomes(operand: ast.expr) -> dict[str, str]:
    """The outcomes that are optional, with the reason: being True and False are required where the form is Boolean."""
    boolean = isinstance(operand, ast.Compare) or (isinstance(operand, ast.UnaryOp) and isinstance(operand.op, ast.Not))
    return dict.fromkeys([OTHER] if boolean else ["true", "false", OTHER], VALUE)


def settled_value(
    parents: Mapping[int, ast.AST], operand: ast.expr, test: ast.AST, truth: bool
) -> tuple[object] | None:
    """The value of an operand once a test in it has come out: a constant, or None where more is evaluated."""
    node, parent = test, parents.get(id(test))
    found: tuple[object] | None = None
    if isinstance(parent, ast.IfExp) and test is parent.test:
        found, node = computed(parent.body if truth else parent.orelse), parent
    elif isinstance(parent, ast.BoolOp) and truth is not isinstance(parent.op, ast.Or):
        found, node = _of_the_rest(parent, test), parent
    return passed_on(parents, operand, node, found)


def passed_on(
    parents: Mapping[int, ast.AST], operand: ast.expr, node: ast.AST, found: tuple[object] | None
) -> tuple[object] | None:
    """The same once an expression in it has a value, which is a constant."""
    while found is not None and node is not operand:
        parent = parents.get(id(node))
        if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
            found = (not found[0],)
        elif isinstance(parent, ast.BoolOp):
            if bool(found[0]) is not isinstance(parent.op, ast.Or) and node is not parent.values[-1]:
                found = _of_the_rest(parent, node)
        elif not isinstance(parent, ast.IfExp) or node is parent.test:
            return None
        node = parent
    return found


def _of_the_rest(operator: ast.BoolOp, operand: ast.AST) -> tuple[object] | None:
    """The value of an operator from behind an operand on, if that is a constant."""
    found = None
    behind = next(i for i, each in enumerate(operator.values) if each is operand) + 1
    for each in operator.values[behind:]:
        found = computed(each)
        if found is None or bool(found[0]) is isinstance(operator.op, ast.Or):
            return found
    return found
