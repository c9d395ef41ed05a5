"""Millions of short calls."""

import pyperf


def short(x):
    return x


def run(n=300_000):
    for i in range(n):
        short(i)


if __name__ == "__main__":
    pyperf.Runner().bench_func("short_calls", run)
