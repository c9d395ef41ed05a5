"""Stands for pyperf in a workload's process: runs what the script hands over, and writes how long it took.

pyperf itself starts a process of its own for every value, which no coverage tool follows. Like pyperf, this runs the
workload once to warm up, and then ``LOOPS`` times; the seconds of both go to ``SECONDS_FILE``. They are the
processor's, of all threads of the process: what else runs on the machine does not count, and what a tool does in a
thread of its own does.
"""

import argparse
import os
import time
from pathlib import Path

perf_counter = time.perf_counter  # workloads ask for it too


class Runner:
    """The part of pyperf's Runner that the workloads use."""

    def __init__(self, add_cmdline_args=None):
        self.metadata = {}
        self.argparser = argparse.ArgumentParser()

    def parse_args(self):
        return self.argparser.parse_args([])

    def bench_func(self, _name, function, *arguments):
        def repeat(loops):
            for _ in range(loops):
                function(*arguments)

        _time(repeat)

    def bench_time_func(self, _name, function, *arguments):
        _time(lambda loops: function(loops, *arguments))


def _time(repeat):
    start = time.process_time()
    repeat(1)
    warm = time.process_time()
    repeat(int(os.environ["LOOPS"]))
    Path(os.environ["SECONDS_FILE"]).write_text(f"{warm - start} {time.process_time() - warm}")
