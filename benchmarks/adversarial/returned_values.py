"""Values of ``and``, ``or`` and chained comparisons in a hot loop: each comes out in one way alone, few as Booleans."""

import pyperf


def both(a, b):
    return a and b


def first(a, b, c):
    return a or b or c


def ordered(a, b, c):
    found = a < b < c
    return found


def known(value, names):
    return value is None or value in names


def run(n=60_000):
    names, empty = {"a", "b"}, []
    found = 0
    for number in range(n):
        found += both(names, n)
        found += first(empty, None, n)
        found += ordered(-1, number, n)
        found += known("a", names)
        found += empty or n
    return found


if __name__ == "__main__":
    pyperf.Runner().bench_func("returned_values", run)
