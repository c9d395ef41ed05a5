"""The command that compares a tracer with an oracle on random programs or on files; each oracle has a module."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar


class Result(Protocol):
    """What one program gave."""

    differences: list[str]


R = TypeVar("R", bound=Result)


def random_programs(
    seeds: Iterable[int], text: Callable[[int], str], compare: Callable[[str, str, str], R]
) -> Iterator[R]:
    """Compare each seed's text, in a file of its own; ``compare`` takes a name, the text, and the path."""
    for seed in seeds:
        with TemporaryDirectory() as folder:
            path = Path(folder).resolve() / f"program_{seed}.py"
            path.write_text(text(seed), "utf-8")
            yield compare(f"program {seed}", path.read_text("utf-8"), str(path))


def run(
    description: str,
    random_programs: Callable[[Iterable[int]], Iterable[R]],
    compare: Callable[[str, str, str], R],
    counts: Mapping[str, str],
) -> int:
    """The exit status: 1 where anything differs. ``counts``: attributes of the results to add up, and what they are."""
    parser = argparse.ArgumentParser(description=description)
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
    sums = [f"{sum(getattr(each, name) for each in results):,} {words}" for name, words in counts.items()]
    totals = ", ".join([f"{len(results)} programs", *sums, f"{len(differences):,} differences"])
    print(f"Python {platform.python_version()}: {totals}")
    return 1 if differences else 0
