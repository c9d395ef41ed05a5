"""The lines that never ran, beside the line oracle's, on random programs with line breaks at random places.

    python -m tests.lines [--programs N] [--seed FIRST] [--files FILE ...] [--show N]

Exit status 1 where anything differs; each difference is printed with its line.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from tests import oracle_command
from tests.agreement import _ended
from tests.line_oracle import instrument, spread, with_lines
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
    warnings.simplefilter("ignore")
    code, lines = instrument(text, path)
    watched: list[str] = []
    with_lines(lines, lambda: watched.append(_ended(partial(exec, code), path)[0]))
    session = Session(RunOptions(source=(path,)))
    with session.measuring("lines") as run:
        measured, _ = _ended(partial(exec, session.instrument(compile(text, path, "exec", dont_inherit=True))), path)
    (source,) = run.coverage.sources
    expected, found = lines.missed(), set(source.missed_lines) - lines.unknown
    result = Result(name, len(expected), len(lines.unknown))
    hits = source.line_hits
    if watched != [measured]:
        result.differences.append(f"{name}: the oracle changes the program")
        return result
    for line in sorted(expected ^ found):
        which = "ran by the line oracle" if line in found else "missed by the line oracle"
        result.differences.append(f"{name}:{line}: {which}: {text.splitlines()[line - 1].strip()}")
    for line in sorted(line for line, count in hits.items() if not count and line not in source.missed_lines):
        result.differences.append(f"{name}:{line}: LCOV has 0, the model does not")
    return result


def _random_text(seed: int) -> str:
    return spread(joined(program(seed), seed) if seed % 2 else program(seed), seed)


def random_programs(seeds: Iterable[int]) -> Iterable[Result]:
    return oracle_command.random_programs(seeds, _random_text, compare)


if __name__ == "__main__":
    raise SystemExit(
        oracle_command.run(
            "Compare lines that never ran with the line oracle.",
            random_programs,
            compare,
            {"missed": "lines missed", "unknown": "not judged"},
        )
    )
