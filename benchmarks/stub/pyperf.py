"""Stands for pyperf in a workload's process: runs what the script hands over, and writes how long it took.

pyperf itself starts a process of its own for every value, which no coverage tool follows. ``LOOPS``: how often to
run; ``SECONDS_FILE``: where the seconds go.
"""

import argparse
import os
import time
from pathlib import Path

perf_counter = time.perf_counter


class Runner:
    """The part of pyperf's Runner that the workloads use."""

    def __init__(self, add_cmdline_args=None):
        self.metadata = {}
        self.argparser = argparse.ArgumentParser()

    def parse_args(self):
        return self.argparser.parse_args([])

    def bench_func(self, _name, function, *arguments):
        loops = int(os.environ["LOOPS"])
        start = perf_counter()
        for _ in range(loops):
            function(*arguments)
        Path(os.environ["SECONDS_FILE"]).write_text(str(perf_counter() - start))

    def bench_time_func(self, _name, function, *arguments):
        start = perf_counter()
        function(int(os.environ["LOOPS"]), *arguments)
        Path(os.environ["SECONDS_FILE"]).write_text(str(perf_counter() - start))
