"""The maps of code objects as plain values, and by what they are known again in another process."""

from __future__ import annotations

import importlib.util
from marshal import dumps, loads  # as they are outside of runs, in which ``marshal`` searches values for code
from types import CodeType
from typing import Any

from ipy_branchcov.analysis.codemap import CodeMap
from ipy_branchcov.bytecode.decode import Bytecode
from ipy_branchcov.bytecode.values import Value
from ipy_branchcov.own_builtins import BUILTINS

__builtins__ = BUILTINS

#: Of ``marshal``: the last version in which equal values are always equal bytes.
_DETERMINISTIC = 2


def fingerprint(code: CodeType) -> bytes | None:
    """Equal for code objects that have the same map: the same instructions, constants, names and positions.

    None for code with constants that no compiler makes. Nested code objects do not matter.
    """
    constants = tuple(map(_known_again, code.co_consts))
    parts: Any = (
        *(code.co_code, code.co_linetable, code.co_exceptiontable, code.co_firstlineno, code.co_flags, constants),
        *(code.co_qualname, code.co_name, code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars),
        *(code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_stacksize),
    )
    try:
        return importlib.util.source_hash(dumps(parts, _DETERMINISTIC))
    except ValueError:
        return None


def _known_again(constant: object) -> object:
    """A constant as a value of which equal ones are equal bytes; of code and of sets the type alone."""
    kind = type(constant)
    if kind is slice:
        return "slice", constant.start, constant.stop, constant.step  # type: ignore[attr-defined]
    return kind.__name__ if kind is CodeType or kind is frozenset else constant


def packed(code_map: CodeMap) -> bytes:
    """The map of a code object, and what tracers made of it. Raises ValueError for what cannot be packed.

    Each map is packed by itself: of a large package, few code objects run, and a map is a dozen objects and more.
    """
    code_map.complete()
    plain = (
        code_map.outcomes,
        code_map.shared_jumps,
        {exit_edge: tuple(value) for exit_edge, value in code_map.values.items()},
        code_map.observed,
        code_map.ignored,
        code_map.unknown,
        code_map.steps,
        code_map.ends,
        code_map.shared_offsets,
        code_map.watched_offsets,
        code_map.ways,
        code_map.made,
    )
    return dumps(plain)


def unpacked(code: CodeType, data: bytes) -> CodeMap:
    """The map of a code object of the same fingerprint."""
    outcomes, shared_jumps, values, observed, ignored, unknown, steps, ends, shared, watched, ways, made = loads(data)
    found = CodeMap(
        Bytecode(code),
        outcomes,
        shared_jumps,
        {exit_edge: Value(*value) for exit_edge, value in values.items()},
        observed,
        ignored,
        unknown,
        made,
    )
    vars(found).update(
        steps=steps, ends=ends, shared_offsets=shared, watched_offsets=watched, ways=ways, kept=len(made)
    )
    return found
