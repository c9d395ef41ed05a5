"""The parts of lines that never ran, beside the part oracle's, on random programs with suites on the lines of heads.

    python -m tests.parts [--programs N] [--seed FIRST] [--files FILE ...] [--show N]

Exit status 1 where anything differs; each difference is printed with its place.
"""

from __future__ import annotations

import argparse
import ast
import platform
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ipy_branchcov.model.span import Span
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
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
    for seed in seeds:
        with TemporaryDirectory() as folder:
            path = Path(folder).resolve() / f"program_{seed}.py"
            path.write_text(joined(program(seed), seed), "utf-8")
            yield compare(f"program {seed}", path.read_text("utf-8"), str(path))


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare parts of lines that never ran with the part oracle.")
    parser.add_argument("--programs", type=int, default=60, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", nargs="*", type=Path, default=[])
    parser.add_argument("--show", type=int, default=20, metavar="N", help="differences to print")
    options = parser.parse_args()
    if options.files:
        results = [compare(str(file), file.read_text("utf-8"), str(file.resolve())) for file in options.files]
    else:
        results = list(random_programs(range(options.seed, options.seed + options.programs)))
    differences = [each for result in results for each in result.differences]
    print(*differences[: options.show], sep="\n")
    parts, missed = sum(each.parts for each in results), sum(each.missed for each in results)
    unknown = sum(each.unknown for each in results)
    print(
        f"Python {platform.python_version()}: {len(results)} programs, {parts:,} parts, {missed:,} never ran, "
        f"{unknown:,} not judged, {len(differences):,} differences"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
