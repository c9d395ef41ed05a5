"""The parts of lines that never ran, beside the part oracle's, on random programs with suites on the lines of heads.

    python -m tests.parts [--programs N] [--seed FIRST] [--files FILE ...] [--show N]

Exit status 1 where anything differs; each difference is printed with its place.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.span import Span
from ipy_branchcov.tracing.choice import tracers
from tests import oracle_command
from tests.agreement import Plain, ways
from tests.excluded import with_pragmas
from tests.excluded_line_oracle import excluded_lines
from tests.part_oracle import Parts, instrument, joined, with_parts
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
    plain = Plain(name, text, path)
    parts, changed = watched(plain)
    result = Result(name, len(parts.ran), differences=changed)
    if not changed:
        coverage, changed = plain.measured(plain.session(), next(ways(tracers(), False)))
        (source,) = coverage.sources
        result.missed = sum(source.never_ran(Span(*place)) for place in parts.ran)
        result.differences += [*changed, *wrong_parts(name, text, parts, source)]
        result.unknown = len(parts.unknown)
    return result


def watched(plain: Plain) -> tuple[Parts, list[str]]:
    """A program under the oracle, and what that changed."""
    code, parts = instrument(plain.text, plain.path)
    return parts, list(plain.watched(lambda names: with_parts(parts, partial(exec, code, names))))


def wrong_parts(
    where: str, text: str, parts: Parts, source: SourceCoverage, by_lines: Container[int] = ()
) -> Iterator[str]:
    """The parts that ran by one and never ran by the other; ``parts.unknown`` are then those that were not judged.

    ``by_lines``: the lines that never ran by the line oracle, or that it does not judge. A part is missed with the line
    on which it begins, also where it is evaluated from its middle: the body of a conditional expression stands first.
    """
    source.self_check()
    ran, excluded = parts.ran, excluded_lines(text)
    parts.unknown = set()
    for place in ran:
        missed = source.never_ran(Span(*place))
        if place[0] in excluded:
            if missed:
                yield f"{where}:{place}: excluded by the oracle: {_text(text, place)}"
            continue
        if missed == (not ran[place]):
            continue
        line, shown = place[0], _text(text, place)
        if missed and line in source.missed_lines and (line in by_lines or _is_constant(shown)):
            parts.unknown.add(place)  # a line on which names stand is judged by them, as the line oracle does
        elif not missed and place in parts.doubtful:
            parts.unknown.add(place)
        else:
            yield f"{where}:{place}: {'ran' if missed else 'missed'} by the part oracle: {shown}"
    for span in sorted(source.missed_spans):
        if tuple(span) not in ran:
            yield f"{where}:{tuple(span)}: no part by the part oracle: {_text(text, tuple(span))}"


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


def random_text(seed: int) -> str:
    """A program of which half the suites stand on the lines of their heads; every fourth has pragmas."""
    text = joined(program(seed), seed)
    return with_pragmas(text, seed) if seed % 4 > 2 else text


def random_programs(seeds: Iterable[int]) -> Iterable[Result]:
    return oracle_command.random_programs(seeds, random_text, compare)


if __name__ == "__main__":
    raise SystemExit(
        oracle_command.run(
            "Compare parts of lines that never ran with the part oracle.",
            random_programs,
            compare,
            {"parts": "parts", "missed": "never ran", "unknown": "not judged"},
        )
    )
