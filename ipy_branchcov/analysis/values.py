"""Conditions that nothing tests: the last operand of ``and``/``or``, the last link of a chain, where these are values.

Their outcomes are what the value is: True, False, or something else. No truth is asked for, which could run code of the
program, and which arrays refuse.
"""

from __future__ import annotations

import ast

from ipy_branchcov.model.branch import OTHER, VALUE
from ipy_branchcov.model.truth import composite, constant


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
