"""What tests report beside that they pass."""

from __future__ import annotations

import zlib
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


#: Files whose tests are of doors, options and reports: what they test is the same code on each Python, and much of it
#: starts processes or kernels. ``.ci/run`` runs them whole on one Python, and a share on each other one.
SHARED = (
    *("bad_names", "block_processes", "cell_marks", "cli", "config", "contexts", "coverage_users", "diff", "engines"),
    *("excluded", "excluded_programs", "excluded_reports", "extension", "formats", "gates", "kernel_processes", "kept"),
    *("live", "long_session", "notebook_files", "notebooks", "options", "patch", "pytest", "record", "reports"),
    *("run_programs", "scope", "secrets", "shell", "subprocesses", "suggest", "suggest_hostile", "suggest_kernel"),
    *("suggest_modules", "suggest_trials", "summary", "terminal_ipython", "tools_beside", "untrusted_data", "watch"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--share", metavar="K/N", help="of the files named in SHARED, run the K-th of N shares of their tests"
    )


def pytest_configure(config: pytest.Config) -> None:
    """The order of the files is ours; pytest-xdist would begin with those that have most tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests in a browser, and those that start a kernel of their own (fixture `live`), are slow."""
    for item in items:
        if item.get_closest_marker("browser") or "live" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    place = {f"test_{name}": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))
    if asked := config.getoption("--share"):
        share, shares = map(int, asked.split("/"))
        shared = {f"test_{name}" for name in SHARED}
        left_out = [
            # A function is in one share with all its parameters, by its name: the same for every worker and Python.
            each
            for each in items
            if each.path.stem in shared and zlib.crc32(each.nodeid.partition("[")[0].encode()) % shares != share - 1
        ]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [each for each in items if each not in set(left_out)]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    every = (each for reports in terminalreporter.stats.values() for each in reports)
    for report in every:
        if getattr(report, "when", "") == "call":
            for name, lines in report.user_properties:
                for line in lines if name == SUMMARY else ():
                    terminalreporter.line(line)
