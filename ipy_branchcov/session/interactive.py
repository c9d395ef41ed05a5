"""Sources that were typed, not saved: at a prompt, in a marimo cell. ``linecache`` has their text."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from types import CodeType

from ipy_branchcov.model.source import Source
from ipy_branchcov.printable import printable


class InteractiveSources:
    """Locates the code whose file name is of one family with another: ``<python-input-3>`` and ``<python-input-4>``.

    ``filename``: the name in the code that asks to be measured.
    """

    def __init__(self, filename: str):
        self._family = _family(filename)

    def __call__(self, code: CodeType) -> Source | None:
        name = code.co_filename
        text = text_of(code) if _family(name) == self._family else ""
        return Source(_shown(name), text) if text else None

    def sources(self) -> list[Source]:
        """All that was typed there."""
        return list(self.named().values())

    def named(self) -> dict[str, Source]:
        """The same by the file names in their code."""
        names = [name for name in list(linecache.cache) if _family(name) == self._family]
        return {name: Source(_shown(name), text) for name in names if (text := _text(linecache.getlines(name)))}


def text_of(code: CodeType) -> str:
    """The text of typed code; "" where Python does not keep it (prompts before 3.13)."""
    lines = linecache.getlines(code.co_filename)
    if not lines and hasattr(linecache, "_getlines_from_code"):
        lines = linecache._getlines_from_code(code)  # prompts from 3.14 on
    return _text(lines)


def _text(lines: list[str]) -> str:
    return "".join(lines).rstrip("\n")


def _shown(name: str) -> str:
    """A prompt's number, or the id that marimo gave a cell."""
    stem = re.sub("[<>]", "", name) if name.startswith("<") else Path(name).stem
    return printable(re.sub(r"^__marimo__cell_(.+?)_$", r"cell \1", stem))


def _family(filename: str) -> str:
    """What the names of all inputs of one kind share: all but their numbers, or their folder."""
    if filename.startswith("<"):
        return re.sub(r"\d+", "#", filename)
    return str(Path(filename).parent)
