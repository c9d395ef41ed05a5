"""Globs of files, as coverage.py reads them: what ``omit`` and ``include`` mean.

``*`` and ``?`` stay within one name. Whole folders are ``**/``, at the beginning also ``*/``: any number of them, none,
too. ``/*`` at the end is all below a folder. A glob without a slash is a file's name in any folder.
"""

from __future__ import annotations

import functools
import os
import re

_WITHIN = "[^/]"
#: What a part of a glob stands for, the first that is there. What is in none of them stands for itself.
_PARTS = (
    (re.compile(r"(?:^\*+|(?<=/)\*\*+)/"), "(?:.*/)?"),
    (re.compile(r"(?<=/)\*+$"), ".+"),
    (re.compile(r"\*+"), f"{_WITHIN}*"),
    (re.compile(r"\?"), _WITHIN),
)
_SET = re.compile(r"\[(!?)(\]?[^]]*)\]")
_FLAGS = re.DOTALL | (re.IGNORECASE if os.name == "nt" else 0)


def matches(path: str, glob: str) -> bool:
    """Whether the whole of a path, with the separators of any system, is what a glob stands for.

    >>> [matches(path, "a/*.py") for path in ("a/m.py", "a/b/m.py", "b/a/m.py")]
    [True, False, False]
    >>> [matches(path, "a/**/m.py") for path in ("a/m.py", "a/b/c/m.py")]
    [True, True]
    >>> [matches(path, "a/*") for path in ("a/m.py", "a/b/m.py", "a")]
    [True, True, False]
    >>> [matches(path, "*_pb2.py") for path in ("x_pb2.py", "a/b/x_pb2.py")]
    [True, True]
    """
    return _pattern(glob).fullmatch(_slashes(path)) is not None


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


@functools.lru_cache(1000)
def _pattern(glob: str) -> re.Pattern[str]:
    text = _slashes(glob)
    return re.compile(regex(text if "/" in text else f"**/{text}"), _FLAGS)


def regex(glob: str) -> str:
    """What a glob with slashes stands for, as a regular expression."""
    found: list[str] = []
    at = 0
    while at < len(glob):
        part, at = _part(glob, at)
        found.append(part)
    return "".join(found)


def _part(text: str, at: int) -> tuple[str, int]:
    """What stands at a place in a glob, as a regular expression, and where it ends."""
    for pattern, meaning in _PARTS:
        if (match := pattern.match(text, at)) is not None:
            return meaning, match.end()
    if (match := _SET.match(text, at)) is not None:
        inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", match[2])
        return f"[{'^' if match[1] else ''}{inside}]", match.end()
    return re.escape(text[at]), at + 1
