"""What is said about decisions and their conditions, in words."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ipy_branchcov.model.decisions import Decision, Evaluation
from ipy_branchcov.model.logic import UNKNOWN

#: Comparisons and what they are where they are false.
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
#: Evaluations that were not seen and are listed at most.
MOST_OPEN = 16
TOO_MANY = "there are too many possible evaluations to list those that were not seen"


def opposite(text: str) -> str:
    """A condition's text where it is false.

    >>> opposite("y > 0"), opposite("not x"), opposite("f(x)"), opposite("a if b else c")
    ('y <= 0', 'x', 'not f(x)', 'not (a if b else c)')
    """
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a text that was shortened
        return f"not ({text})"
    match node:
        case ast.Compare(ops=[op]):
            return ast.unparse(ast.Compare(node.left, [_OPPOSITES[type(op)]()], node.comparators))
        case ast.UnaryOp(op=ast.Not()):
            return ast.unparse(node.operand)
    return ast.unparse(ast.UnaryOp(ast.Not(), node))


def setting(decision: Decision, evaluation: Evaluation) -> str:
    """The values of the conditions that an evaluation needs: "`x > 0` and `y <= 0`"."""
    parts: dict[str, None] = {}
    for condition, letter in zip(decision.conditions, evaluation.vector, strict=True):
        if letter != UNKNOWN:
            parts[f"`{condition.text if letter == 'T' else opposite(condition.text)}`"] = None
    return " and ".join(parts)


def sentence(decision: Decision, number: int) -> str:
    """What shows a condition, what is missing to show it, or why it does not count."""
    condition, pair = decision.conditions[number], decision.pairs[number]
    optional = f" (does not count: {condition.reason})" if condition.reason else ""
    if pair is not None:
        return f"`{condition.text}` is shown by rows {pair[0] + 1} and {pair[1] + 1}{optional}"
    missing = decision.missing(number)
    if not missing:
        why = "" if optional else f": {TOO_MANY}" if decision.logic.few is None else ": no two evaluations can show it"
        return f"`{condition.text}` is not shown{why}{optional}"
    runs = ", and with ".join(setting(decision, each) for each in missing)
    return f"show `{condition.text}`: run with {runs}{optional}"


def sentences(decision: Decision) -> Iterator[str]:
    """One sentence for each condition, and what is not known."""
    for number in range(len(decision.conditions)):
        yield sentence(decision, number)
    if decision.unproven:
        yield f"not proven: {decision.unproven}"
    if decision.logic.few is None:
        yield TOO_MANY
