"""Which lines are excluded, by pragmas, by configuration or by default."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from ipy_branchcov.analysis.clauses import Clause, clauses
from ipy_branchcov.model.source import Source, shortened
from ipy_branchcov.model.statements import has_code, statements
from ipy_branchcov.model.truth import refutable
from ipy_branchcov.model.words import TYPING

#: As coverage.py reads them (https://coverage.readthedocs.io/en/latest/excluding.html), each on one line.
NO_COVER = r"#[ \t]*(pragma|PRAGMA)[: \t]?[ \t]*(no|NO)[ \t]*(cover|COVER)"
NO_BRANCH = r"#[ \t]*(pragma|PRAGMA)[: \t]?[ \t]*(no|NO)[ \t]*(branch|BRANCH)"

# Reasons why something is excluded.
PRAGMA = "# pragma: no cover"
PRAGMA_BRANCH = "# pragma: no branch"
CONFIGURED = "by configuration: {}"
ELLIPSIS = "a body that is only ..."


@dataclass(frozen=True)
class Policy:
    """The configuration of outcomes: kinds made optional or required, regular expressions of what is excluded.

    ``exclude`` stands in the place of the defaults (``if TYPE_CHECKING:``, bodies that are only ``...``); None: the
    defaults hold. ``exclude_also`` and ``partial_branches`` are added. Pragmas hold always.
    """

    optional: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    exclude: tuple[str, ...] | None = None
    exclude_also: tuple[str, ...] = ()
    partial_branches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exclusions:
    """``lines``: excluded whole. ``branch_lines``: only the branches that start there.

    ``reasons`` and ``branch_reasons`` say why, by line. ``bodies``: the identities of ``...`` statements that are a
    whole body.
    """

    lines: frozenset[int] = frozenset()
    branch_lines: frozenset[int] = frozenset()
    reasons: Mapping[int, str] = field(default_factory=dict, compare=False)
    branch_reasons: Mapping[int, str] = field(default_factory=dict, compare=False)
    bodies: frozenset[int] = field(default=frozenset(), compare=False)


def exclusions(source: Source, tree: ast.Module, policy: Policy) -> Exclusions:
    """The lines that are taken out: a matching line, or the whole block that it opens."""
    text = _Lines(source)
    marked = text.matching({PRAGMA: NO_COVER} | _reasons((*(policy.exclude or ()), *policy.exclude_also)))
    partial = text.matching({PRAGMA_BRANCH: NO_BRANCH} | _reasons(policy.partial_branches))
    lines, branch_lines = dict(marked), dict(partial)
    bodies: frozenset[int] = frozenset()
    if policy.exclude is None:
        bodies = _exclude_defaults(text, tree, lines)
    if marked or partial:
        for clause in clauses(source, tree):
            _exclude_clause(clause, marked, clause.end, lines)
            _exclude_clause(clause, partial, clause.last, branch_lines)
    if lines:
        _exclude_catch_alls(tree, lines, bodies)
    return Exclusions(frozenset(lines), frozenset(branch_lines), lines, branch_lines, bodies)


def _reasons(regexes: tuple[str, ...]) -> dict[str, str]:
    return {CONFIGURED.format(shortened(repr(regex), 60)): regex for regex in regexes}


def _exclude_clause(clause: Clause, marked: Mapping[int, str], end: int, lines: dict[int, str]) -> None:
    """Take out a clause up to ``end``, where its head is marked."""
    reason = next((marked[line] for line in clause.lines if line in marked), None) if marked else None
    if reason is not None:
        for line in range(clause.first, end + 1):
            lines.setdefault(line, reason)


class _Lines:
    r"""A source's text with ``\n`` between its lines, so that ``$`` and ``\n`` of regular expressions fit."""

    def __init__(self, source: Source):
        self._text = "\n".join(source.lines)
        self._starts = list(accumulate((len(line) + 1 for line in source.lines), initial=0))
        self.lines = source.lines

    def matching(self, regexes: Mapping[str, str]) -> dict[int, str]:
        """The lines of which a regular expression matches a part, each with the expression's reason.

        Each is compiled by itself, so that it may begin with flags.
        """
        found: dict[int, str] = {}
        for reason, regex in regexes.items():
            for match in re.compile(regex, re.MULTILINE).finditer(self._text):
                first = bisect_right(self._starts, match.start())
                last = bisect_right(self._starts, max(match.start(), match.end() - 1))
                for line in range(first, min(last, len(self.lines)) + 1):
                    found.setdefault(line, reason)
        return found

    def has(self, *texts: str) -> bool:
        return any(text in self._text for text in texts)

    def alone(self, node: ast.stmt) -> bool:
        """Whether nothing stands on a statement's line before it."""
        return not self.lines[node.lineno - 1].encode("utf-8", "surrogatepass")[: node.col_offset].strip()


# --- what is excluded by default


def _exclude_defaults(text: _Lines, tree: ast.Module, lines: dict[int, str]) -> frozenset[int]:
    """Take out what can never run, as coverage.py does from 7.10 on; return the identities of bodies of ``...``."""
    bodies: set[int] = set()
    if not text.has("TYPE_CHECKING", "..."):
        return frozenset()
    for node in statements(tree):
        if isinstance(node, ast.If) and _type_checking(node.test):
            lines.update(dict.fromkeys(range(node.lineno, (node.body[-1].end_lineno or 0) + 1), TYPING))
        for body in _bodies(node):
            if (dots := _only_dots(node, body)) is None:
                continue
            bodies.add(id(dots))
            if text.alone(dots):
                lines.update(dict.fromkeys(range(dots.lineno, (dots.end_lineno or 0) + 1), ELLIPSIS))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                lines.update(dict.fromkeys(range(first, (node.end_lineno or 0) + 1), ELLIPSIS))
    return frozenset(bodies)


def _type_checking(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(value=ast.Name(), attr="TYPE_CHECKING"):
            return True
    return False


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for label in ("body", "orelse", "finalbody"):
        if isinstance(block := getattr(node, label, None), list) and block and not isinstance(node, ast.Module):
            yield block


def _only_dots(node: ast.AST, body: list[ast.stmt]) -> ast.stmt | None:
    """The ``...`` that is all of a body, beside the text that documents a function or class."""
    documents = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    match body:
        case [ast.Expr(value=ast.Constant(value=value)) as dots] if value is ...:
            return dots
        case [ast.Expr(value=ast.Constant(value=str())), ast.Expr(value=ast.Constant(value=value)) as dots]:
            return dots if documents and value is ... else None
    return None


def _exclude_catch_alls(tree: ast.Module, lines: dict[int, str], bodies: frozenset[int]) -> None:
    """Take out the line of ``case _:``, too, where its whole body is: it is the ``else`` of a ``match``."""
    for node in reversed(list(statements(tree))):  # inner ones first
        if not isinstance(node, ast.match_case) or node.guard is not None or refutable(node.pattern):
            continue
        live = [each for each in node.body if id(each) in bodies or has_code(each)]
        if live and all(id(each) in bodies or each.lineno in lines for each in live):
            reason = lines.get(live[0].lineno, ELLIPSIS)
            for line in range(node.pattern.lineno, (node.pattern.end_lineno or 0) + 1):
                lines.setdefault(line, reason)
