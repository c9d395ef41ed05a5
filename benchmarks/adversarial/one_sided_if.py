"""A hot ``if`` that only ever goes one way."""

import pyperf


def run(n=400_000):
    total = 0
    for i in range(n):
        if i >= 0:
            total += i
    return total


if __name__ == "__main__":
    pyperf.Runner().bench_func("one_sided_if", run)
