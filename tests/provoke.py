"""Each message of docs/messages.md, made to appear as a user would see it, and then cured as the page says.

    python -m tests.provoke [PART ...] [--share K/N] [--show]

``tests/provoked/*.sh`` has a block for each message: what a user types that leads to it and, below ``#: cure``, what
the page says to do. Both are run by a shell in one new folder. The message has to be printed by the first and must not
be by the second, which has to succeed. PART: run only the messages that contain it. ``--show`` prints what was printed.

In these scripts ``cells`` runs a notebook's cells, separated by lines ``# %%``, in an IPython without a front end;
``kernel`` runs them in a kernel; ``notebook FILE`` writes them as a notebook.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.messages import in_code

PROVOKED = Path(__file__).parent / "provoked"
ROOT = Path(__file__).parents[1]
#: What the scripts call: a command of this environment, whatever the PATH has. ``branchcov`` is the one that was
#: installed: unlike ``python -m`` it does not put the current folder before the standard library.
_COMMANDS = {
    "branchcov": (str(Path(sys.executable).with_name("branchcov")),),
    "python": (),
    "pytest": ("-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"),
    "cells": ("-m", "tests.provoked.cells"),
    "kernel": ("-m", "tests.provoked.cells", "--kernel"),
    "notebook": ("-m", "tests.provoked.cells", "--write"),
}
_FAULT = "only a fault of our own leads to it"
_RARE = "it needs a moment, a machine or an interpreter that these scripts do not make"
_UNFOUND = "no way to it was found"
_BUTTON = "an answer to the button of a view in a live notebook"
#: Messages without a case, and why.
WITHOUT = {
    "code that others made was not measured: branchcov failed: …": _FAULT,
    "lost: what was measured: branchcov failed: …": _FAULT,
    "measured slowly: probes that were hit stayed: …": _FAULT,
    "not measured exactly: …": _FAULT,
    "… was measured slowly, because it could not be instrumented: …": _FAULT,
    "…: not all that it did was measured: branchcov failed: …": _FAULT,
    "another tool of sys.monitoring came unseen: lines whose events it switched off were not measured": _RARE,
    "engine: its workers could not be measured (…)": _RARE,
    "engines: the workers of Ray … cannot be measured; install Ray 2.60": _RARE,
    "interrupted before everything was written": _RARE,
    "it joined after the run had begun, so what it ran is not measured": _RARE,
    "its answer is none of branchcov; install the version that is here": _RARE,
    "not measured: values of and, or and chained comparisons in code that ran uninstrumented, as there is no "
    "ctypes": _RARE,
    "suggestions try each call in a process of its own, by os.fork, which is not there": _RARE,
    "the kernel gives no answer (…)": _RARE,
    "…: what it did in other processes was not measured: …": _RARE,
    "…: … is not what it is here, so it is left out; install the same there": _RARE,
    "a process: …": _RARE,
    "has fewer lines than its data says; run it again to see its lines": _RARE,
    "…: lost: …": _RARE,
    "its text is not what ran (…): cannot be measured": _UNFOUND,
    "MC/DC was not measured": _UNFOUND,
    "… was redefined; the coverage of its former code is not shown": "shown in a view alone: tests/test_watch.py",
    "…: its processes: …": _UNFOUND,
    "a measured cell is running; ask again when it has ended": _BUTTON,
    "… is defined otherwise now; run the cell again, and ask its new view": _BUTTON,
    "… is not imported here; import it, and ask again": _BUTTON,
}


@dataclass(frozen=True)
class Case:
    """One message: what makes it appear, and what makes it go."""

    message: str
    #: What is printed of it, where the message consists of what is filled in.
    shown: str
    provoke: str
    cure: str
    #: Words behind ``#: needs``: Python versions (``>=3.12``) and modules.
    needs: tuple[str, ...] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """What the message looks like with something filled in."""
        return re.compile(re.escape(self.shown).replace("…", ".+?"))

    def missing(self) -> list[str]:
        """What this case needs and is not here."""
        return [need for need in self.needs if not _is_here(need)]


def _is_here(need: str) -> bool:
    from importlib.util import find_spec

    if need[0] in "<>=":
        sign, version = re.fullmatch(r"([<>=]+)(.+)", need).groups()  # type: ignore[union-attr]
        wanted, now = tuple(map(int, version.split("."))), sys.version_info[:2]
        return {">=": now >= wanted, "<": now < wanted, "==": now == wanted}[sign]
    return find_spec(need) is not None


def cases() -> list[Case]:
    """All cases, in the order of the page."""
    return [case for path in sorted(PROVOKED.glob("*.sh")) for case in of_script(path.read_text("utf-8"))]


def of_script(text: str) -> Iterator[Case]:
    """The cases of one script."""
    for block in re.split(r"^#: message ", text, flags=re.MULTILINE)[1:]:
        message, _, rest = block.partition("\n")
        rest, found = _taken(rest, "shows")
        rest, needs = _taken(rest, "needs")
        provoke, _, cure = rest.partition("#: cure\n")
        yield Case(message, found or message, provoke, cure, tuple(needs.split()))


def _taken(text: str, name: str) -> tuple[str, str]:
    found = re.search(rf"^#: {name} (.*)\n", text, re.MULTILINE)
    return (text, "") if found is None else (text.replace(found[0], "", 1), found[1])


def problem(case: Case, show: bool = False) -> str:
    """What is not as the page says, or nothing."""
    with TemporaryDirectory(prefix="branchcov-provoke-") as folder:
        work, binaries = Path(folder) / "work", Path(folder) / "bin"
        work.mkdir()
        _put_commands(binaries)
        _, printed = _run(case.provoke, work, binaries)
        if show:
            print(printed)
        if not case.pattern.search(printed):
            return f"not printed:\n{printed}"
        status, printed = _run(case.cure, work, binaries)
        if show:
            print(printed)
        if case.pattern.search(printed):
            return f"not cured:\n{printed}"
        return f"its cure ends with status {status}:\n{printed}" if status else ""


def _put_commands(folder: Path) -> None:
    folder.mkdir()
    for name, words in _COMMANDS.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join((sys.executable, *words))} "$@"\n')
        (folder / name).chmod(0o755)


def _run(script: str, work: Path, binaries: Path) -> tuple[int, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV", "BRANCHCOV"))}
    environment = kept | {
        "PATH": os.pathsep.join([str(binaries), kept.get("PATH", "")]),
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(binaries / "ipython"),
        "COLUMNS": "400",
        "NO_COLOR": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "user.email",
        "GIT_CONFIG_VALUE_0": "a@example.org",
        "GIT_CONFIG_KEY_1": "user.name",
        "GIT_CONFIG_VALUE_1": "A",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )
    return done.returncode, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make each message of docs/messages.md appear, and cure it.")
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--share", default="1/1", metavar="K/N", help="run every N-th case from the K-th on")
    parser.add_argument("--show", action="store_true", help="show what is printed")
    options, started = parser.parse_args(), time.monotonic()
    number, shares = map(int, options.share.split("/"))
    known = cases()
    chosen = [case for case in known if not options.parts or any(part in case.message for part in options.parts)]
    wrong, skipped = 0, 0
    for case in chosen[number - 1 :: shares]:
        if case.missing():
            skipped += 1
            print(f"not here ({', '.join(case.missing())}): {case.message}")
        elif found := problem(case, options.show):
            wrong += 1
            print(f"{case.message}: {found}", flush=True)
    ran = len(chosen[number - 1 :: shares]) - skipped
    exist = in_code()
    for message in sorted(exist.keys() - {case.message for case in known}) if not options.parts else ():
        print(f"no case ({WITHOUT.get(message, 'for no reason')}): {message}")
    provoked = len(exist.keys() & {case.message for case in known})
    print(
        f"{ran - wrong} of {ran} cases as the page says, {skipped} not here, "
        f"{provoked} of {len(exist)} messages have a case; {time.monotonic() - started:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
