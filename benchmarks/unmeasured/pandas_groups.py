"""Groups and joins of pandas: nothing of it is measured."""

import pandas as pd
import pyperf

FRAME = pd.DataFrame({"key": [i % 13 for i in range(500)], "value": range(500)})


def run():
    sums = FRAME.groupby("key")["value"].agg(["sum", "mean"]).reset_index()
    return FRAME.merge(sums, on="key").sort_values("value").iloc[-1]["mean"]


if __name__ == "__main__":
    pyperf.Runner().bench_func("pandas_groups", run)
