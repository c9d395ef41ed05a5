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


#: Files whose tests are never shared. First those of the engine: each Python has bytecode and events of its own. Then
#: those whose tools ``.ci/run`` installs on one Python. All others test doors, reports and data, the same code
#: on each Python; many start processes or kernels. It runs them whole on one Python, and a share on each other one.
WHOLE = (
    *("agreement", "analysis", "arrivals", "bottom", "callbacks", "collections", "cpython", "endings", "failures"),
    *("folding", "functions", "give_back", "inherited_flags", "jit", "library", "lines", "mcdc", "mechanisms"),
    *("nested_sessions", "opcodes", "oracle", "other_tools", "other_tools_code", "own_builtins", "parts", "quirks"),
    *("session", "stdlib", "superinstructions", "switching", "targets", "top_level_await", "trace_events", "tracers"),
    *("tracing", "truth", "untraced", "value_exits", "value_outcomes", "values"),
    *("engines_dask", "engines_ipyparallel", "marimo", "papermill"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", metavar="K/N", help="run the K-th of N shares of the tests of files not named in WHOLE")


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
        whole = {f"test_{name}" for name in WHOLE}
        kept: dict[bool, list[pytest.Item]] = {True: [], False: []}
        for each in items:
            # A function is in one share with all its parameters, by its name: the same for every worker and Python.
            mine = zlib.crc32(each.nodeid.partition("[")[0].encode()) % shares == share - 1
            kept[mine or each.path.stem in whole].append(each)
        config.hook.pytest_deselected(items=kept[False])
        items[:] = kept[True]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    every = (each for reports in terminalreporter.stats.values() for each in reports)
    for report in every:
        if getattr(report, "when", "") == "call":
            for name, lines in report.user_properties:
                for line in lines if name == SUMMARY else ():
                    terminalreporter.line(line)
