"""A notebook's file -> what stands on its page, in order: Markdown headings and code cells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt

from ipy_branchcov.data.source_files import read_regular
from ipy_branchcov.model.source import Source, cell_text
from ipy_branchcov.printable import printable
from ipy_branchcov.reports.page_options import PageOptions


@dataclass(frozen=True)
class Heading:
    """A heading in a Markdown cell; ``level`` from 1 to 6."""

    level: int
    text: str


@dataclass(frozen=True)
class CodeCell:
    """A code cell. ``name`` is that of its source, ``number`` its place among the code cells, from 1 on.

    ``digest``: that of its text.
    """

    name: str
    number: int
    digest: str


@dataclass(frozen=True)
class Unmeasured:
    """Code cells below each other of which the data has nothing, by their numbers: the run ended above them, or they
    are of another language.
    """

    first: int
    last: int

    @property
    def words(self) -> str:
        cells = f"cell {self.first}" if self.first == self.last else f"cells {self.first} to {self.last}"
        return f"{cells}: not measured"


def outline(options: PageOptions, notebook: str) -> list[Heading | CodeCell]:
    """The headings and code cells of a notebook, by its name from the root.

    Empty where the file cannot be read as a notebook, or lies elsewhere and was not run by this process: data are
    foreign, and name any file.
    """
    path = options.root / notebook
    try:
        real = path.resolve()
        if not (real.is_relative_to(options.root.resolve()) or real in options.run):
            return []
        cells = json.loads((read_regular(str(path)) or b"").decode("utf-8-sig"))["cells"]
        return list(_parts(cells, notebook))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _parts(cells: list[dict[str, Any]], notebook: str) -> Iterator[Heading | CodeCell]:
    number = 0
    for place, cell in enumerate(cells, 1):
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield from headings(text)
        elif cell["cell_type"] == "code" and text.strip():
            number += 1
            name = f"{notebook}#{printable(str(cell.get('id', place)))}"
            yield CodeCell(name, number, Source(name, cell_text(text)).digest)


def headings(markdown: str) -> Iterator[Heading]:
    """The headings of a Markdown text, as plain text.

    >>> list(headings("# A `b` *c*\\n\\n```\\n# no\\n```\\nD\\n---\\n"))
    [Heading(level=1, text='A b c'), Heading(level=2, text='D')]
    """
    tokens = MarkdownIt("commonmark").parse(markdown)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            parts = (each.content for each in inline.children or () if each.type in ("text", "code_inline"))
            text = printable(" ".join("".join(parts).split()))
            if text:
                yield Heading(int(token.tag[1:]), text)
