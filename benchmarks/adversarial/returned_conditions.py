"""Functions that return the value of ``and``, ``or`` and chained comparisons, in a hot loop."""

import pyperf


def leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def between(low, x, high):
    return low < x < high


def run(n=100_000):
    total = 0
    for year in range(n):
        total += leap(year)
        total += between(0, year, n)
    return total


if __name__ == "__main__":
    pyperf.Runner().bench_func("returned_conditions", run)
