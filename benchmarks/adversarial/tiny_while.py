"""A ``while`` with a tiny body."""

import pyperf


def run(n=600_000):
    while n:
        n -= 1


if __name__ == "__main__":
    pyperf.Runner().bench_func("tiny_while", run)
