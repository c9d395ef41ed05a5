"""What tests report beside that they pass."""

from __future__ import annotations

from typing import Any

import pytest

#: The name of a property (``record_property``) whose lines are shown at the end; it comes over from workers, too.
SUMMARY = "reported at the end"


#: The files whose tests take longest. They begin first, so that no worker is left alone with one at the end.
LONGEST = (
    *("pytest", "contexts", "kernel_processes", "library", "subprocesses", "cli", "agreement", "other_tools_code"),
    *("suggest_hostile", "suggest", "mcdc", "endings", "bottom", "failures", "notebooks", "block_processes", "stdlib"),
    *("cpython", "kept", "untrusted_data", "tools_beside", "secrets", "parts", "lines", "terminal_ipython", "live"),
)


def pytest_configure(config: pytest.Config) -> None:
    """The order of the files is ours; pytest-xdist would begin with those that have most tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in a browser, and those that start a kernel of their own (fixture `live`), are slow."""
    for item in items:
        if item.get_closest_marker("browser") or "live" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    place = {f"test_{name}": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    every = (each for reports in terminalreporter.stats.values() for each in reports)
    for report in every:
        if getattr(report, "when", "") == "call":
            for name, lines in report.user_properties:
                for line in lines if name == SUMMARY else ():
                    terminalreporter.line(line)
