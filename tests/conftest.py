"""What tests tell beside that they pass."""

from __future__ import annotations

from typing import Any

#: The name of a property (``record_property``) whose lines are shown at the end; it comes over from workers, too.
TOLD = "told at the end"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    every = (each for reports in terminalreporter.stats.values() for each in reports)
    for report in every:
        if getattr(report, "when", "") == "call":
            for name, lines in report.user_properties:
                for line in lines if name == TOLD else ():
                    terminalreporter.line(line)
