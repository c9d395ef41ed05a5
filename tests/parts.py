"""The parts of lines that never ran, beside the part oracle's, on random programs with suites on the lines of heads.

    python -m tests.parts [--programs N] [--seed FIRST] [--files FILE ...] [--show N]

Exit status 1 where anything differs; each difference is printed with its place.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from ipy_branchcov.model.span import Span
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from tests import oracle_command
from tests.agreement import _ended
from tests.part_oracle import instrument, joined, with_parts
from tests.programs import program


@dataclass
class Result:
    """What one program gave: its parts, those that never ran, those that could not be judged, differences."""

    name: str
    parts: int = 0
    missed: int = 0
    unknown: int = 0
    differences: list[str] = field(default_factory=list)


def compare(name: str, text: str, path: str) -> Result:
    """One program under the oracle and under the tracer that is the default here."""
    warnings.simplefilter("ignore")
    code, parts = instrument(text, path)
    watched: list[str] = []
    with_parts(parts, lambda: watched.append(_ended(partial(exec, code), path)[0]))
    session = Session(RunOptions(source=(path,)))
    with session.measuring("parts") as run:
        measured, _ = _ended(partial(exec, session.instrument(compile(text, path, "exec", dont_inherit=True))), path)
    (source,) = run.coverage.sources
    source.self_check()
    result = Result(name, len(parts.ran))
    if watched != [measured]:
        result.differences.append(f"{name}: the oracle changes the program")
        return result
    for place, ran in parts.ran.items():
        missed = source.never_ran(Span(*place))
        result.missed += missed
        if missed and ran and place[0] in source.missed_lines and _is_constant(_text(text, place)):
            result.unknown += 1  # a line on which names stand is judged by them, as the line oracle does
        elif missed and ran:
            result.differences.append(f"{name}:{place}: ran by the part oracle: {_text(text, place)}")
        elif not missed and not ran:
            if place in parts.doubtful:
                result.unknown += 1
            else:
                result.differences.append(f"{name}:{place}: missed by the part oracle: {_text(text, place)}")
    for span in sorted(source.missed_spans):
        if tuple(span) not in parts.ran:
            result.differences.append(f"{name}:{tuple(span)}: no part by the part oracle: {_text(text, tuple(span))}")
    return result


def _is_constant(text: str) -> bool:
    try:
        return isinstance(ast.parse(text, mode="eval").body, ast.Constant)
    except SyntaxError:  # a suite, or a text that was cut
        return False


def _text(text: str, place: tuple[int, ...]) -> str:
    line, column, end_line, end_column = place
    lines = text.split("\n")[line - 1 : end_line]
    lines[-1] = lines[-1][:end_column]
    lines[0] = lines[0][column:]
    return " ".join(" ".join(lines).split())[:100]


def random_programs(seeds: Iterable[int]) -> Iterable[Result]:
    return oracle_command.random_programs(seeds, lambda seed: joined(program(seed), seed), compare)


if __name__ == "__main__":
    raise SystemExit(
        oracle_command.run(
            "Compare parts of lines that never ran with the part oracle.",
            random_programs,
            compare,
            {"parts": "parts", "missed": "never ran", "unknown": "not judged"},
        )
    )
