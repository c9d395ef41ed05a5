"""``a and b or c`` where every operand only ever goes one way."""

import pyperf


def run(n=300_000):
    a, b, c, total = 1, 1, 0, 0
    for _ in range(n):
        if (a and b) or c:
            total += 1
    return total


if __name__ == "__main__":
    pyperf.Runner().bench_func("one_sided_and_or", run)
