"""Many short calls of numpy: nothing of it is measured."""

import numpy as np
import pyperf

GRID = np.linspace(0, 1, 200)


def run():
    total = 0.0
    for i in range(300):
        stacked = np.stack([GRID, np.roll(GRID, i)])
        total += float(np.median(np.clip(stacked, 0.1, 0.9)))
    return total


if __name__ == "__main__":
    pyperf.Runner().bench_func("numpy_calls", run)
