"""Code objects that were rewritten before they ran, and what they were rewritten from."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from ipy_branchcov.tracing.tracer import CodeFilter

#: The kinds of code that counts how often its edges are taken, and of code that could not be rewritten.
COUNTING, AS_IT_WAS = "counting marks", "as it was"


@dataclass
class Rewritten:
    """What a code object was rewritten from, and how: ``kind`` tells the ways of rewriting apart."""

    original: CodeType
    kind: str


#: Code and its constants (nested code rewritten) -> the code that takes its place.
Rewrite = Callable[[CodeType, tuple[object, ...]], tuple[CodeType, Rewritten]]

#: By the id of the rewritten code object, which keeps its entry alive.
_BY_NEW: dict[int, tuple[weakref.ref[CodeType], Rewritten]] = {}


def known(code: CodeType) -> Rewritten | None:
    """What a rewritten code object was made from."""
    entry = _BY_NEW.get(id(code))
    return None if entry is None else entry[1]


def all_known() -> Iterator[tuple[CodeType, Rewritten]]:
    """The rewritten code objects that are still there."""
    for reference, rewritten in list(_BY_NEW.values()):
        if (code := reference()) is not None:
            yield code, rewritten


def prepare(code: CodeType, kind: str, wanted: CodeFilter, rewrite: Rewrite) -> CodeType:
    """A code object and all nested in it, rewritten where they are wanted."""
    before = known(code)
    if before is not None:
        if before.kind in (kind, AS_IT_WAS):
            return code
        code = before.original
    mine = wanted(code)  # outer code first: by it nested code may be known
    constants = tuple(
        prepare(constant, kind, wanted, rewrite) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    if not mine:
        same = all(new is old for new, old in zip(constants, code.co_consts, strict=True))
        return code if same else code.replace(co_consts=constants)
    new, rewritten = rewrite(code, constants)
    _BY_NEW[id(new)] = (weakref.ref(new), rewritten)
    weakref.finalize(new, _BY_NEW.pop, id(new), None).atexit = False
    return new


def objects(*types: type) -> list[Any]:
    """All objects there are of exactly these types."""
    wanted = frozenset(types)
    return [each for each in gc.get_objects() if type(each) in wanted]


class Functions:
    """The functions there are, by their code objects.

    They are sought once in a run; what was made later by code that was not rewritten is sought one by one, and
    not without end.
    """

    def __init__(self) -> None:
        self._by_code: dict[int, list[FunctionType]] | None = None
        self._searches = 40

    def exchange(self, code: CodeType, new: CodeType) -> None:
        """Let the functions of a code object run another one from their next call on."""
        if self._by_code is None:
            self._by_code = {}
            for each in objects(FunctionType):
                self._by_code.setdefault(id(each.__code__), []).append(each)
        found: Iterable[object] = self._by_code.pop(id(code), ())
        if not found and self._searches:
            self._searches -= 1
            found = gc.get_referrers(code)
        for function in found:
            if type(function) is FunctionType and function.__code__ is code:
                function.__code__ = new
