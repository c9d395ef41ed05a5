"""Which runs ask for this process: their folders, named in the environment, and what each of them measures.

Read when an interpreter starts, so it needs nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import os
import stat

#: The environment variable that names the folder: one a line, where several runs measure.
VARIABLE = "BRANCHCOV_PROCESSES"
#: The one that names the test that runs, where all tests are recorded that cover an outcome.
CONTEXT = "BRANCHCOV_CONTEXT"
#: In a folder: the options of its run, and what that measures.
SETTINGS = "settings"
#: In a folder that stands for several: a file for each, which names it.
RUNS = "runs"
#: In a folder: the cells of a kernel, a line of JSON each, which begins with the name.
CELLS = "cells.jsonl"
#: What only our own settings begin with.
SCHEMA = "ipy_branchcov/processes/2"


def asked() -> list[tuple[str, list[str]]]:
    """The folders of the runs that ask for this process now; with each the options of the run as JSON, its sources."""
    found = []
    for named in os.environ.get(VARIABLE, "").split("\n"):
        for folder in runs_of(named):
            settings = read(folder)
            if settings is not None:
                found.append((folder, settings))
    return found


def packed(options: str, sources: list[str]) -> str:
    """What :func:`read` reads. ``sources``: where they lie; names of files can have bytes that are no text."""
    return "\0".join((SCHEMA, options, *(os.fsencode(each).decode("latin-1") for each in sources)))


def read(folder: str) -> list[str] | None:
    """The settings in a folder: the options as JSON, then the sources. None where it is no folder of a run."""
    path = os.path.join(folder, SETTINGS)  # noqa: PTH118
    begin = f"{SCHEMA}\0".encode()
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            return None
        with open(path, "rb") as file:  # noqa: PTH123
            if file.read(len(begin)) != begin:
                return None
            options, *sources = file.read().decode().split("\0")
        return [options, *(os.fsdecode(each.encode("latin-1")) for each in sources)]
    except (OSError, ValueError):
        return None


def runs_of(folder: str) -> list[str]:
    """The folders of the runs that are on: the folder itself, or those that it names (``RunsFolder``)."""
    place = os.path.join(folder, RUNS)  # noqa: PTH118
    try:
        if not os.path.isdir(place):  # noqa: PTH112
            return [folder]
        found = []
        for name in sorted(os.listdir(place)):  # noqa: PTH208
            with open(os.path.join(place, name), encoding="utf-8") as file:  # noqa: PTH118, PTH123
                found.append(file.read())
    except (OSError, ValueError):
        return [folder]
    return found
