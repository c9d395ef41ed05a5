"""Coverage -> GitHub's Markdown, for the summary of a step: the total, then a table for each source with misses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.words import line_range
from ipy_branchcov.reports.view import MarkedSource, mark_all

#: Bytes of a step's summary; GitHub refuses a longer one.
LARGEST = 1 << 20
#: What has a meaning in Markdown or its HTML, between words too.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$@])")


def render(coverage: Coverage, room: int = LARGEST) -> str:
    """The text, of at most ``room`` bytes in UTF-8: sources that have no room are counted in the last line."""
    sources = mark_all(coverage)
    parts = [_head(coverage)]
    left = room - len(parts[0].encode()) - 200  # room for the last line
    tables = [each for each in sources if each.misses]
    for number, marked in enumerate(tables):
        part = "".join(f"{line}\n" for line in _table(marked))
        size = len(part.encode())
        if size > left:
            rest = len(tables) - number
            parts.append(f"\n{rest} more {'source has' if rest == 1 else 'sources have'} misses.\n")
            break
        left -= size
        parts.append(part)
    return "".join(parts)


def _head(coverage: Coverage) -> str:
    lost = "".join(f"\n- lost: {_escaped(line)}" for line in sorted(coverage.lost))
    return f"## Branch coverage: {_escaped(coverage.summary)}\n" + (f"{lost}\n" if lost else "")


def _table(marked: MarkedSource) -> Iterator[str]:
    yield ""
    yield f"### {_escaped(marked.title)}: {marked.coverage.summary}"
    yield ""
    yield from (f"- note: {_escaped(note)}" for note in marked.coverage.notes)
    if marked.coverage.notes:
        yield ""
    yield "| Line | Function | Code | Missed |"
    yield "| ---: | --- | --- | --- |"
    for each in marked.misses:
        line = line_range(each.span.line, each.span.end_line)
        yield f"| {line} | {_escaped(marked.function(each))} | {_code(marked.text(each))} | {each.label} |"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _code(text: str) -> str:
    """A text as code in a cell of a table, where even there a bar has to be escaped.

    >>> print(_code("x or y"), _code("x | y"), _code("'`' in x"))
    `x or y` `x \\| y` ``'`' in x``
    """
    if not text:
        return ""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", r"\|")
