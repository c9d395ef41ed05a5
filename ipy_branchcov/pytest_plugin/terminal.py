"""What pytest's terminal shows of a measured run; and what is shown where there is none (``-p no:terminal``)."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import pytest

_WIDTH = 80


class Ending(NamedTuple):
    """The lines that a run ends with, for each way to show them."""

    summary: list[str]
    annotations: str
    notes: list[str]
    lost: list[str]
    failures: list[str]


def is_there(config: pytest.Config) -> bool:
    """Whether pytest has a terminal; without, nothing asks for the summary."""
    return config.pluginmanager.has_plugin("terminalreporter")


def width(config: pytest.Config) -> int:
    """How many characters a line may have."""
    return config.get_terminal_writer().fullwidth if is_there(config) else _WIDTH


def show(terminal: Any, ending: Ending) -> None:
    """Write a run's ending into pytest's terminal."""
    summary, annotations, notes, lost, failures = ending
    if not (summary or notes or lost or failures):
        return
    terminal.section("branch coverage")
    for line in summary:
        terminal.line(line)
    for line in annotations.splitlines():
        terminal.line(line)
    for line in notes:
        terminal.line(f"note: {line}")
    for line in lost:
        terminal.line(f"LOST {line}", yellow=True)
    for line in failures:
        terminal.line(f"FAIL {line}", red=True, bold=True)


def show_failures(ending: Ending) -> None:
    """Write to the error stream what was lost, and why the run fails."""
    for line in (*ending.lost, *ending.failures):
        print(f"branchcov: {line}", file=sys.stderr)
