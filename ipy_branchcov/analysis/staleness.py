"""Whether a code object was compiled from a text as it stands now."""

from __future__ import annotations
import __future__

import ast
import inspect
import re
import warnings
from collections.abc import Iterable
from types import CodeType

from ipy_branchcov.bytecode.decode import code_objects, lines_by_offset
from ipy_branchcov.model.source import Source, split_lines

#: What ``from __future__`` changes today. ``compile`` and ``exec`` give it to the code that they make, too.
INHERITED = __future__.annotations.compiler_flag | __future__.barry_as_FLUFL.compiler_flag


class CompiledSource:
    """All code of a source, compiled again, as not all of it may have run.

    ``lines``: those with an instruction. ``flags``: those of its code. ``codes``: its code objects.
    """

    def __init__(self, code: CodeType, text: str):
        self._text = text
        self.flags = code.co_flags
        self.lines = lines_with_code([code])
        self.codes = list(code_objects(code))
        self._codes: dict[tuple[str, int], list[CodeType]] = {}
        self._by_name: dict[str, list[CodeType]] = {}
        for inner in self.codes:
            self._codes.setdefault((inner.co_qualname, inner.co_firstlineno), []).append(inner)
            self._by_name.setdefault(inner.co_name, []).append(inner)

    @classmethod
    def of(cls, source: Source, flags: int = 0) -> CompiledSource | None:
        """None for what does not compile. ``flags``: some of :data:`INHERITED`."""
        flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if source.kind == "cell" else 0
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return cls(compile(source.code, source.name, "exec", flags=flags, dont_inherit=True), source.code)
        except (SyntaxError, ValueError):
            return None

    def owns(self, code: CodeType) -> bool:
        """Whether this code was compiled from the text, perhaps with additions.

        Import hooks rewrite what they load (pytest its asserts, typeguard its annotated functions): they add
        instructions and keep the names. An edit of the text changes instructions or moves the function.
        """
        return any(_same(code, known) or _extends(code, known) for known in self._at_place_of(code))

    def rewritten_from(self, code: CodeType) -> CodeType | None:
        """The code of the text that others added instructions to. None: this code was compiled from the text itself."""
        there = self._at_place_of(code)
        if any(_same(code, known) for known in there):
            return None
        return next((known for known in there if _extends(code, known)), None)

    def _at_place_of(self, code: CodeType) -> list[CodeType]:
        """The code of the same name that begins there, or with decorators above: tools leave their own one out."""
        found = self._codes.get((code.co_qualname, code.co_firstlineno), [])
        if found or not self._defines(code):
            return found
        above = [first for name, first in self._codes if name == code.co_qualname and first < code.co_firstlineno]
        return self._codes[code.co_qualname, max(above)] if above else []

    def _defines(self, code: CodeType) -> bool:
        """Whether the text defines a function of this name on the line on which this code begins."""
        line = split_lines(self._text)[code.co_firstlineno - 1 : code.co_firstlineno]
        return bool(line) and re.match(rf"\s*(async\s+)?def\s+{re.escape(code.co_name)}\b", line[0]) is not None

    def has(self, qualname: str) -> bool:
        """Whether the text has code of this name."""
        return any(name == qualname for name, _ in self._codes)

    def counterpart(self, code: CodeType) -> CodeType | None:
        """The code of the text that has the instructions of this code, offset by offset, in other places.

        ``%autoreload`` compiles the functions that changed one by one, from a text of its own. None: there is no such
        code, or more than one.
        """
        found = [
            each for each in self._by_name.get(code.co_name, ()) if _same(code, each) and code.co_name != "<module>"
        ]
        return found[0] if len(found) == 1 else None

    def text_of(self, code: CodeType) -> CodeType | None:
        """The code object whose positions are those of the text: this one, or its counterpart. None: neither is.

        A function on the first line of the text, compiled from a text of its own, has its name and line in both.
        """
        same = [each for each in self._codes.get((code.co_qualname, code.co_firstlineno), ()) if _same(code, each)]
        if len(same) == 1 and code.co_linetable != same[0].co_linetable and has_positions(same[0]):
            return same[0]
        return code if same or self.owns(code) else self.counterpart(code)


def translated(lines: Iterable[int], code: CodeType, counterpart: CodeType) -> set[int]:
    """Lines of a code object as lines of its counterpart."""
    wanted, there = set(lines), lines_by_offset(counterpart)
    found = {there.get(offset) for offset, line in lines_by_offset(code).items() if line in wanted}
    return {line for line in found if line}


def lines_with_code(codes: Iterable[CodeType]) -> frozenset[int]:
    """The lines with an instruction in these code objects, or in those nested in them."""
    return frozenset(line for outer in codes for code in code_objects(outer) for _, _, line in code.co_lines() if line)


def has_positions(code: CodeType) -> bool:
    """Whether code has columns, which ``-X no_debug_ranges`` leaves out."""
    return any(position[2] is not None for position in code.co_positions())


def asserts_rewritten(code: CodeType) -> bool:
    """Whether pytest rewrote the asserts of a module or function: their parts are then tested by other code.

    A chain of comparisons, for one, is then evaluated to its end.
    """
    return "@pytest_ar" in code.co_names


def _same(code: CodeType, known: CodeType) -> bool:
    # types.coroutine sets a flag, and from 3.15 the argument of GET_ITER.
    step = 2 if code.co_flags & inspect.CO_ITERABLE_COROUTINE else 1
    return (
        code.co_code[::step] == known.co_code[::step]
        and code.co_names == known.co_names
        and code.co_varnames == known.co_varnames
        and _constants(code) == _constants(known)
    )


def _extends(code: CodeType, known: CodeType) -> bool:
    arguments = known.co_argcount + known.co_kwonlyargcount
    return (
        len(code.co_code) > len(known.co_code)
        and code.co_varnames[:arguments] == known.co_varnames[:arguments]
        and set(known.co_names) <= set(code.co_names)
        and {line for line in _lines(known) if line >= code.co_firstlineno} <= _lines(code)
    )


def _lines(code: CodeType) -> set[int]:
    return {line for _, _, line in code.co_lines() if line}


def _constants(code: CodeType) -> list[str]:
    return [repr(constant) for constant in code.co_consts if not isinstance(constant, CodeType | frozenset)]
