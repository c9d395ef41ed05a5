"""Tasks whose time is measured on a worker: one that does nothing, and one with many branches."""

from __future__ import annotations


def nothing(n: int) -> int:
    return n if n else 0


def collatz(n: int) -> int:
    """The longest walk to 1 from numbers below ``n``."""
    longest = 0
    for start in range(1, n):
        steps, here = 0, start
        while here != 1 and here >= start:
            here = here // 2 if here % 2 == 0 else 3 * here + 1
            steps += 1
        longest = max(longest, steps)
    return longest
