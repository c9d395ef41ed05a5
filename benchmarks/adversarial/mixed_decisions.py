"""Decisions of which one outcome has several histories, such as ``(a or b) and c``, in a hot loop."""

import pyperf


def run(n=60_000):
    total = 0
    for i in range(n):
        if (i % 3 == 0 or i % 5 == 0) and (i % 7 or i % 11 == 0) and i != 4:
            total += 1
        total += (i & 1 or i & 2) and i > 9
        while (total < 0 or i < 0) and (total or i):
            total = 0
    return total


if __name__ == "__main__":
    pyperf.Runner().bench_func("mixed_decisions", run)
