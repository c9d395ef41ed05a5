"""Stands for pyperf in a workload's process: runs what the script hands over, and reports how long it took.

pyperf itself starts a process of its own for every value, which no coverage tool follows. Like pyperf, this runs the
workload once to warm up; then it waits for the others of its round, and runs it ``LOOPS`` times. The seconds of both
go through the pipe ``RESULTS``; the pipe ``GO`` ends when all are to go on. They are the processor's seconds, of all
threads of the process: what else runs on the machine does not count, and what a tool does in a thread of its own does.
"""

import argparse
import os
import time

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
    _tell(time.process_time() - start)
    os.read(int(os.environ["GO"]), 1)
    start = time.process_time()
    repeat(int(os.environ["LOOPS"]))
    _tell(time.process_time() - start)


def _tell(seconds):
    os.write(int(os.environ["RESULTS"]), f"{seconds}\n".encode())
