"""Python code of the standard library at work: nothing of it is measured."""

import difflib
import json
import statistics
import textwrap

import pyperf

TEXT = [f"line {i} of a text with {i * i % 97} numbers in it" for i in range(60)]
OTHER = [line.replace("7", "8") for line in TEXT]


def run():
    changes = list(difflib.unified_diff(TEXT, OTHER))
    wrapped = textwrap.fill(" ".join(TEXT), 50)
    shown = json.dumps({"changes": changes, "wrapped": wrapped.split()}, indent=1)
    return statistics.quantiles(map(len, shown.split("\n")), n=7)


if __name__ == "__main__":
    pyperf.Runner().bench_func("standard_library", run)
