"""The source of functions that were sent to a worker: found by equality of code with texts that were sent, too.

Picklers send a function of a notebook or a script by value, and its code then says ``<dynamic-code>`` instead of the
name of a file. Compiled again from the same text, a code object is equal to it.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache, reduce
from importlib import import_module
from operator import or_
from types import CodeType
from typing import Any

from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.model.source import UNPARSABLE, Source

_FEATURES = import_module("__future__")
#: The flags of ``from __future__`` imports, which a shell keeps from cell to cell.
FUTURE = reduce(or_, (getattr(_FEATURES, name).compiler_flag for name in _FEATURES.all_feature_names))


def pack(source: Source) -> dict[str, Any]:
    """A source as JSON has it."""
    packed: dict[str, Any] = {"name": source.name, "text": source.text, "kind": source.kind, "path": source.path}
    if source.compiled is not None:
        packed["compiled"] = source.compiled
    if source.within is not None:
        packed["within"] = [pack(source.within[0]), source.within[1]]
    return packed


def unpack(packed: dict[str, Any]) -> Source:
    """The inverse of :func:`pack`."""
    within = packed.get("within")
    return Source(
        packed["name"],
        packed["text"],
        packed["kind"],
        packed["path"],
        compiled=packed.get("compiled"),
        within=None if within is None else (unpack(within[0]), within[1]),
    )


class Texts:
    """Locates code by equality: a :data:`~ipy_branchcov.session.sources.SourceLocator`.

    ``sources``: of two with equal code, the later one counts. ``flags``: those that a shell compiled them with.
    """

    def __init__(self, sources: Iterable[Source], flags: int = 0):
        self._sources = tuple(sources)
        self._flags = flags
        self._by_code: dict[CodeType, Source] | None = None

    def __call__(self, code: CodeType) -> Source | None:
        if not self._sources or os.path.isfile(code.co_filename):  # noqa: PTH113 False for a name that is too long, too
            return None
        if self._by_code is None:  # an idle worker compiles nothing
            self._by_code = {
                each: source
                for source in self._sources
                for flags in (0, self._flags)
                for each in _compiled(source.code, flags)
            }
        return self._by_code.get(code)


@lru_cache(maxsize=1000)
def _compiled(text: str, flags: int) -> tuple[CodeType, ...]:
    """All code objects of a text that can run. Empty where it does not compile: then nothing of it ran."""
    try:
        return tuple(each for outer in _compile(text, flags) for each in code_objects(outer))
    except UNPARSABLE:
        return ()


def _compile(text: str, flags: int) -> Iterator[CodeType]:
    """The code of the whole text, and of its statements, which IPython compiles one by one."""
    tree = ast.parse(text)
    flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    whole = compile(tree, "<text>", "exec", flags, dont_inherit=True)
    yield whole
    flags |= whole.co_flags & FUTURE
    for statement in tree.body:
        yield compile(ast.Module([statement], []), "<text>", "exec", flags, dont_inherit=True)
        yield compile(ast.Interactive([statement]), "<text>", "single", flags, dont_inherit=True)
