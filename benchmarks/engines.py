"""What measuring costs on Dask's workers: tasks of a measured run against plain ones, in one interleaved run.

``python -m benchmarks.engines [ROUNDS]`` prints ratios to a plain worker's times, medians of all rounds: of tasks while
a run is on (their first round, in which code is new, apart), and of tasks afterwards, on a worker that was measured and
is idle now. Two clusters of one worker each take turns, so that what slows the machine slows both.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from distributed import Client, LocalCluster

import ipy_branchcov as branchcov
from benchmarks import engines_work


def timed(client: Client, function: Callable[[int], int], argument: int) -> float:
    """Seconds that a task takes from here and back."""
    began = time.perf_counter()
    client.submit(function, argument, pure=False).result()
    return time.perf_counter() - began


def alternating(clients: list[Client], function: Callable[[int], int], argument: int, rounds: int) -> list[list[float]]:
    """The times of each client's tasks; the clients take turns, and so does who comes first."""
    found: list[list[float]] = [[] for _ in clients]
    for i in range(rounds):
        for number in range(len(clients)) if i % 2 else reversed(range(len(clients))):
            found[number].append(timed(clients[number], function, argument))
    return found


def main(rounds: int) -> None:
    with ExitStack() as stack:
        clusters = [
            stack.enter_context(LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0"))
            for _ in range(2)
        ]
        clients = [stack.enter_context(Client(each)) for each in clusters]
        for client in clients:
            client.submit(engines_work.collatz, 10).result()
        tasks = (("empty task", engines_work.nothing, 0), ("long task", engines_work.collatz, 30_000))
        for name, function, argument in tasks:
            before = alternating(clients, function, argument, rounds)
            with branchcov.measure("benchmarks.engines_work", engines=clients[1]):
                first = [timed(each, function, argument) for each in clients]
                during = alternating(clients, function, argument, rounds)
            after = alternating(clients, function, argument, rounds)
            ratios = [statistics.median(b) / statistics.median(a) for a, b in (before, during, after)]
            print(
                f"{name}: before {ratios[0]:.2f}, measured {ratios[1]:.2f} (first {first[1] / first[0]:.2f}), "
                f"idle afterwards {ratios[2]:.2f}; a plain one {statistics.median(before[0]) * 1000:.1f} ms"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
