"""The lines that never ran, beside the line oracle's, on random programs with line breaks at random places.

    python -m tests.lines [--programs N] [--seed FIRST] [--files FILE ...] [--show N]

Exit status 1 where anything differs; each difference is printed with its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.tracing.choice import tracers
from tests import oracle_command
from tests.agreement import Plain, ways
from tests.excluded import with_pragmas
from tests.excluded_line_oracle import excluded_lines
from tests.line_oracle import Lines, instrument, spread, with_lines
from tests.part_oracle import joined
from tests.programs import program


@dataclass
class Result:
    """What one program gave: lines with code that never ran, those that could not be judged, differences."""

    name: str
    missed: int = 0
    unknown: int = 0
    differences: list[str] = field(default_factory=list)


def compare(name: str, text: str, path: str) -> Result:
    """One program under the oracle and under the tracer that is the default here."""
    plain = Plain(name, text, path)
    lines, changed = watched(plain)
    if changed:
        return Result(name, differences=changed)
    coverage, changed = plain.measured(plain.session(), next(ways(tracers(), False)))
    (source,) = coverage.sources
    changed += [*wrong_lines(name, text, lines, source), *wrong_hits(name, source)]
    return Result(name, len(lines.missed()), len(lines.unknown), changed)


def watched(plain: Plain) -> tuple[Lines, list[str]]:
    """A program under the oracle, and what that changed."""
    code, lines = instrument(plain.text, plain.path)
    return lines, list(plain.watched(lambda names: with_lines(lines, partial(exec, code, names))))


def wrong_lines(where: str, text: str, lines: Lines, source: SourceCoverage) -> Iterator[str]:
    """The lines that ran by one and never ran by the other. What is excluded is a miss by neither."""
    expected, found = lines.missed() - excluded_lines(text), set(source.missed_lines) - lines.unknown
    for line in sorted(expected ^ found):
        which = "ran by the line oracle" if line in found else "missed by the line oracle"
        yield f"{where}:{line}: {which}: {text.splitlines()[line - 1].strip()}"


def wrong_hits(where: str, source: SourceCoverage) -> Iterator[str]:
    """The lines that LCOV has as missed and the model has not."""
    for line, count in sorted(source.line_hits.items()):
        if not count and line not in source.missed_lines:
            yield f"{where}:{line}: LCOV has 0, the model does not"


def random_text(seed: int) -> str:
    """A program of which half the suites stand on the lines of their heads, with line breaks anywhere.

    Every fourth has pragmas.
    """
    text = spread(joined(program(seed), seed) if seed % 2 else program(seed), seed)
    return with_pragmas(text, seed) if seed % 4 > 2 else text


def random_programs(seeds: Iterable[int]) -> Iterable[Result]:
    return oracle_command.random_programs(seeds, random_text, compare)


if __name__ == "__main__":
    raise SystemExit(
        oracle_command.run(
            "Compare lines that never ran with the line oracle.",
            random_programs,
            compare,
            {"missed": "lines missed", "unknown": "not judged"},
        )
    )
