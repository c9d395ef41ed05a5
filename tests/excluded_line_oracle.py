"""An oracle of which lines are excluded: by the tokens and indentation of logical lines; what is excluded without a
pragma, by the syntax tree.

A statement is excluded with all its lines where one of them has the pragma, and with its block where one from its first
decorator to its colon has it. Shares nothing with ``ipy_branchcov``: it was written from the branch model alone.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.line_oracle import _has_no_code, _takes_all

_PRAGMA = re.compile(r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(cover|COVER)")
_LAYOUT = {tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.COMMENT, tokenize.ENCODING, tokenize.ENDMARKER}
_OPENS = frozenset(
    ["if", "elif", "else", "for", "while", "try", "except", "finally", "with", "def", "class", "async", "match", "case"]
)


@dataclass
class _Logical:
    """A logical line: its column, the lines of its head, and those of the simple statements that stand on it."""

    column: int
    head: range = range(0)
    simple: list[range] = field(default_factory=list)
    decorator: bool = False

    @property
    def last(self) -> int:
        return max(each.stop for each in (self.head, *self.simple)) - 1


@functools.lru_cache(maxsize=2)  # each way of measuring a program asks again
def excluded_lines(text: str) -> frozenset[int]:
    """The excluded lines; lines without code may be among them."""
    marked = {number for number, line in enumerate(text.split("\n"), 1) if _PRAGMA.search(line)}
    found, every = set(marked), list(_logical_lines(text))
    for number, line in enumerate(every):
        for each in line.simple:
            found.update(each if not marked.isdisjoint(each) else ())
        if marked.isdisjoint(line.head):
            continue
        first = number
        while first and every[first - 1].decorator:
            first -= 1
        end = number + 1
        while line.decorator and every[end - 1].decorator:
            end += 1
        while end < len(every) and every[end].column > line.column:
            end += 1
        found.update(range(every[first].head.start, every[end - 1].last + 1))
    return frozenset(found).union(_without_pragma(ast.parse(text), text, found))


def _logical_lines(text: str) -> Iterator[_Logical]:
    tokens: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            yield _logical(tokens)
            tokens = []
        elif token.type not in _LAYOUT:
            tokens.append(token)


def _logical(tokens: list[tokenize.TokenInfo]) -> _Logical:
    """One logical line of its tokens: a head up to the first colon outside of brackets and lambdas."""
    made = _Logical(tokens[0].start[1], decorator=tokens[0].string == "@")
    depth = lambdas = strings = 0
    start = 0
    opens = tokens[0].string in _OPENS
    if tokens[0].string in ("match", "case"):  # names, too
        opens = tokens[1].string not in tuple(":=.,;")
    for number, token in enumerate(tokens):
        depth += (token.string in "([{" and token.type == tokenize.OP) - (
            token.string in ")]}" and token.type == tokenize.OP
        )
        strings += _string_part(token)
        if depth or strings:
            continue
        lambdas += token.string == "lambda"
        if token.string == ":" and lambdas:
            lambdas -= 1
        elif token.string == ":" and opens and not made.head:
            made.head, start = range(tokens[0].start[0], token.end[0] + 1), number + 1
        elif token.string == ";":
            made.simple.append(range(tokens[start].start[0], token.end[0] + 1))
            start = number + 1
    if start < len(tokens):
        made.simple.append(range(tokens[start].start[0], tokens[-1].end[0] + 1))
    if made.decorator:
        made.head, made.simple = made.simple[0], []
    return made


def _string_part(token: tokenize.TokenInfo) -> int:
    name = tokenize.tok_name[token.type]
    return name.endswith("STRING_START") - name.endswith("STRING_END")


def _without_pragma(tree: ast.Module, text: str, lines: set[int]) -> Iterator[int]:
    """The clause of ``if TYPE_CHECKING:``, bodies of ``...``, ``case _:`` with a body that is excluded."""
    rows = text.split("\n")
    dots: set[Any] = set()
    more = set(lines)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            more.update(range(node.lineno, (node.body[-1].end_lineno or 0) + 1))
        if isinstance(node, ast.Module | ast.expr):
            continue
        for block in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if not isinstance(block, list) or not block:
                continue
            documents = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            block = block[bool(documents and ast.get_docstring(node) is not None) :]  # type: ignore[arg-type]
            if len(block) != 1 or ast.unparse(block[0]) != "...":
                continue
            last = block[-1]
            dots.add(last)
            if not rows[last.lineno - 1].encode()[: last.col_offset].strip():
                more.add(last.lineno)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                more.update(range(first, (node.end_lineno or 0) + 1))
    for case in reversed([each for each in ast.walk(tree) if isinstance(each, ast.match_case)]):
        live = [each for each in case.body if each in dots or not _has_no_code(each)]
        if _takes_all(case) and live and all(each in dots or each.lineno in more for each in live):
            more.update(range(case.pattern.lineno, (case.pattern.end_lineno or 0) + 1))
    yield from more - lines
