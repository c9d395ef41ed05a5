"""``# branchcov: no true``: single outcomes that are exempted where they stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ipy_branchcov.analysis.clauses import clauses
from ipy_branchcov.analysis.leads import implied
from ipy_branchcov.analysis.sites import Decisions
from ipy_branchcov.model.branch import CONDITIONS, Branch
from ipy_branchcov.model.source import shortened, split_lines
from ipy_branchcov.model.words import EXEMPTED
from ipy_branchcov.printable import printable

_COMMENT = re.compile(r"#\s*branchcov:")
#: A comment that is meant as one, in capitals or without the colon.
_MEANT = re.compile(r"#\s*branchcov\b[\s:]*no\b", re.IGNORECASE)
_NAME = re.compile(r"\s*([a-z]+)\b\s*")
_NO = re.compile(r"\s*no\s+")
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
#: Characters of a list of what there is.
_LONGEST = 200

#: (number of the branch, number of its outcome).
OutcomeNumber = tuple[int, int]


class Exemption(NamedTuple):
    """An outcome's name, and the text of its condition; None: the statement's own."""

    name: str
    condition: str | None

    def __str__(self) -> str:
        return self.name if self.condition is None else f"{self.name}({self.condition})"


def exemptions(decisions: Decisions) -> tuple[dict[OutcomeNumber, str], list[tuple[int, str]]]:
    """The exempted outcomes, each with its comment; and what is wrong with other comments, by line."""
    source = decisions.map.source
    if not _MEANT.search(source.code) and not _COMMENT.search(source.code):
        return {}, []
    comments = source.comments
    found: dict[OutcomeNumber, str] = {}
    wrong: list[tuple[int, str]] = []
    heads = list(_heads(decisions))
    for line, (_, comment) in comments.items():
        here = [(node, numbers) for lines, node, numbers in heads if line in lines]
        wrong += [(line, message) for message in _only_meant(comment)]
        for text in _COMMENT.split(comment)[1:]:
            try:
                for each in list(_parse(text)):  # a comment that is not understood exempts nothing
                    named = _Named(decisions, each, comments)
                    found.update(dict.fromkeys(named.outcomes(here), printable(f"{EXEMPTED} {each}")))
            except ValueError as error:
                wrong.append((line, printable(str(error))))
    return found, wrong


def _only_meant(comment: str) -> Iterator[str]:
    """What is said of comments that nearly are exemptions."""
    for match in _MEANT.finditer(comment):
        if not _COMMENT.match(match[0]):
            written = shortened(comment[match.start() :].rstrip(), 60)
            wrong = f'"{written}" exempts nothing; write it with "# branchcov:"'
            yield printable(wrong)


def _heads(decisions: Decisions) -> Iterator[tuple[range, ast.AST, list[int]]]:
    """The lines of each statement's head, the statement, and its own branches."""
    own: dict[int, list[int]] = {}
    for number, node in enumerate(decisions.nodes):
        own.setdefault(id(decisions.statement(node)), []).append(number)
    for clause in clauses(decisions.map.source, decisions.tree):
        if clause.node is not None:
            yield clause.lines, clause.node, own.get(id(clause.node), [])


def _parse(text: str) -> Iterator[Exemption]:
    """The exemptions in what follows ``# branchcov:``. Raises ValueError for what is none."""
    rest, written = text, shortened(text.rstrip(), 60)
    while match := _NO.match(rest) or (_NAME.match(rest) if rest is not text else None):
        rest = rest[match.end() :] if match.re is _NO else rest
        name = _NAME.match(rest)
        if name is None:
            break
        rest, condition = rest[name.end() :], None
        if rest.startswith("("):
            if (end := _closing(rest)) is None:
                raise ValueError(f'"# branchcov:{written}" is not understood; a parenthesis is not closed')
            condition, rest = rest[1:end].strip(), rest[end + 1 :]
        yield Exemption(name[1], condition)
        rest = rest.lstrip()
        if rest.startswith(","):
            rest = rest[1:]
        elif not rest.startswith("no "):
            if rest[:1].isalnum():
                break
            return
    raise ValueError(
        f'"# branchcov:{written}" is not understood; write "# branchcov: no true" or "# branchcov: no false(CONDITION)"'
    )


def _closing(text: str) -> int | None:
    """The place of the parenthesis that closes the first one; None where there is none."""
    depth = i = 0
    while i < len(text):
        if string := _STRING.match(text, i):
            i = string.end()
            continue
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if not depth:
            return i
        i += 1
    return None


class _Named:
    """The outcomes that an exemption names."""

    def __init__(self, decisions: Decisions, exemption: Exemption, comments: Mapping[int, tuple[int, str]]):
        self.decisions = decisions
        self.exemption = exemption
        self.comments = comments

    def outcomes(self, here: Iterable[tuple[ast.AST, list[int]]]) -> list[OutcomeNumber]:
        """The named outcomes of the statements on a line, and those that lead to nothing else.

        Raises ValueError where there is none, or several and no condition says which.
        """
        heads = list(here)
        branches = self.decisions.map.branches
        every = [number for _, numbers in heads for number in numbers]
        found = [number for number in every if self._fits(branches[number])]
        if self.exemption.condition is None:
            found = [n for node, numbers in heads for n in numbers if n in found and self._owns(node, n)] or found
        what = f'"{EXEMPTED} {self.exemption}"'
        if not found:
            there = self._listed(branches[number] for number in every)
            raise ValueError(f"{what}: " + (f"not there; there is {there}" if there else "there is no branch here"))
        if self.exemption.condition is None and len(found) > 1:
            there = self._listed((branches[number] for number in found), self.exemption.name)
            raise ValueError(f"{what}: it says not which; there is {there}")
        nodes = [self.decisions.nodes[number] for number in found]
        return [
            (number, i)
            for number in every
            for i, outcome in enumerate(branches[number].outcomes)
            if (number in found and outcome.name == self.exemption.name) or self._implies(number, outcome.name, nodes)
        ]

    def _fits(self, branch: Branch) -> bool:
        if all(outcome.name != self.exemption.name for outcome in branch.outcomes):
            return False
        condition = self.exemption.condition
        return condition is None or "".join(condition.split()) == "".join(self._text(branch).split())

    def _owns(self, head: ast.AST, number: int) -> bool:
        """Whether a branch is the statement's own: its test, loop or pattern, no part of one."""
        node = self.decisions.nodes[number]
        if self.decisions.map.branches[number].kind in CONDITIONS:
            return False
        return node is head or self.decisions.parents.get(id(node)) is head

    def _implies(self, number: int, outcome: str, nodes: list[ast.AST]) -> bool:
        """Whether an outcome is that of a named one, too: ``b`` is false, and so is ``a and b``."""
        node = self.decisions.nodes[number]
        follow = implied(self.decisions, node, self.decisions.links[number], outcome)
        return any(name == self.exemption.name and any(each is known for known in nodes) for each, name in follow)

    def _text(self, branch: Branch) -> str:
        """The text of a branch, without the comments in it."""
        span, lines = branch.span, split_lines(self.decisions.map.source.code)
        parts = []
        for number in range(span.line, span.end_line + 1):
            end = span.end_column if number == span.end_line else None
            if end is None and number in self.comments:
                end = self.comments[number][0]
            parts.append(lines[number - 1][span.column if number == span.line else 0 : end])
        return " ".join(parts)

    def _listed(self, branches: Iterable[Branch], name: str = "") -> str:
        """What there is: ``true(a), false(a)``; of one name alone where it is given."""
        named = [
            f"{outcome.name}({' '.join(self._text(branch).split())})"
            for branch in branches
            if not branch.composite
            for outcome in branch.outcomes
            if outcome.name == (name or outcome.name)
        ]
        return shortened(", ".join(named), _LONGEST)
