"""Data files as an enemy writes them: a good one, changed at random, read and put into every report.

``python -m tests.hostile NUMBER SEED`` runs in a folder of its own and prints, as JSON, how many inputs were refused
and how many were read, the slowest of them in seconds, and every fault: an exception that is no DataError, a message of
more than one line, a report with control characters, a file that was opened or written and should not be.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from ipy_branchcov.data import json_form
from ipy_branchcov.data.files import load
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import OUTCOMES
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.printable import is_printable
from ipy_branchcov.reports import cobertura, lcov, pages, summary, terminal
from ipy_branchcov.reports.files import with_texts
from ipy_branchcov.reports.record import record
from tests.views import viewed

FILE = "def f(x, ys):\n    if x and ys:\n        return [y for y in ys if y] or None\n    return 1 < x < 3\n"
CELL = "%time f(1)\nfor n in range(3):\n    print(n) if n else None\n"
FILES = ("data.json", "known.py", "secret")
SECRET = "root:not for reports\n"


def outcomes(kind: str, *hits: int, **more: Any) -> list[dict[str, Any]]:
    first = {"by": "In [7]", "values": {"x": "5"}}
    return [
        {"name": name, "hits": n, "required": True, "excluded": False, "first": first if n else None} | more
        for name, n in zip(OUTCOMES[kind], hits, strict=True)
    ]


def branch(kind: str, span: list[int], *hits: int, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "span": span, "function": "f", "outcomes": outcomes(kind, *hits, **more)}


def good(folder: Path) -> dict[str, Any]:
    """A good data file: a cell, a file whose text is there, and one whose text is not known."""
    import hashlib

    composite = {"required": False, "reason": "counted by its operands"}
    branches = [
        branch("if", [2, 7, 2, 15], 1, 1, **composite),
        branch("and", [2, 7, 2, 8], 2, 1),
        branch("and", [2, 13, 2, 15], 1, 0),
        branch("or", [3, 15, 3, 35], 0, 0),
        branch("comp-for", [3, 22, 3, 23], 0, 0),
        branch("comp-if", [3, 33, 3, 34], 0, 0, excluded=True),
        branch("compare", [4, 11, 4, 16], 1, 1),
        branch("compare", [4, 15, 4, 20], 0, 1),
    ]
    digest = "sha256:" + hashlib.sha256(FILE.encode()).hexdigest()
    totals = {"outcomes": 9, "covered": 7, "percent": 77.8}
    known = {
        "name": "pkg/known.py",
        "kind": "file",
        "path": str(folder / "known.py"),
        "digest": digest,
        "text": None,
        "totals": totals,
        "missed_lines": [[3, 3]],
        "missed_spans": [],
        "branches": branches,
    }
    unknown = known | {"name": "pkg/gone.py", "path": None, "missed_spans": [[2, 13, 2, 15]], "note": "one\ntwo"}
    cell = {
        "name": "In [3]",
        "kind": "cell",
        "path": None,
        "digest": "sha256:0",
        "text": CELL,
        "totals": totals,
        "missed_lines": [],
        "missed_spans": [[3, 25, 3, 29]],
        "branches": [branch("for", [2, 9, 2, 17], 1, 1), branch("ifexp", [3, 16, 3, 17], 1, 0)],
    }
    sources = [cell, known, unknown]
    form = {"schema": "ipy_branchcov/1", "python": ["3.14.0"], "counted": True, "totals": totals, "sources": sources}
    return json.loads(json.dumps(form))  # nothing in it is shared


def odd_values(folder: Path) -> list[Any]:
    paths = ["/dev/zero", "/dev/stdin", "/proc/self/mem", str(folder), "fifo", "secret", "a\0b", "x" * 5000]
    texts = [
        "",
        "\ud800",
        "a\x1b[31mb",
        "a\nSF:b",
        "\x9b",
        "\u202e",
        "true",
        "In [3]",
        "9" * 5000,
        "(" * 999,
        "x\n" * 9,
    ]
    numbers = [-1, 0, 1, 2, 3, 5, 10**6, 10**9, 10**18, 10**30, 0.5, 1e308, True, None]
    lists = [[], [[]], [1, 0, 1, 5], [1, 0, 10**9, 5], [[1, 10**10]], [[2, 1]], {}, {"by": "x", "values": {"a": "b"}}]
    return [*paths, *texts, *numbers, *lists, float("inf"), float("nan"), *OUTCOMES]


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every container in some data, with each of its keys."""
    found, stack = [], [data]
    while stack:
        here = stack.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        found += [(here, key) for key in keys]
        stack += [here[key] for key in keys]
    return found


class Enemy:
    """Changes a good data file at random."""

    def __init__(self, folder: Path, seed: int):
        self._random = random.Random(seed)
        self._good = good(folder)
        self._odd = odd_values(folder)

    def text(self) -> bytes:
        data = json.loads(json.dumps(self._good))
        for _ in range(self._random.choice((0, 1, 1, 1, 2, 5))):
            self._change(data)
        text = json.dumps(data, ensure_ascii=self._random.random() < 0.5)
        raw = text.encode("utf-8", "surrogatepass")
        return self._cut(raw) if self._random.random() < 0.25 else raw

    def _change(self, data: Any) -> None:
        random = self._random
        here, key = random.choice(places(data))
        match random.randrange(8):
            case 0 | 1 | 2:
                here[key] = random.choice(self._odd)
            case 3:
                del here[key]
            case 4 if isinstance(here, list):
                here += [here[key]] * random.choice((1, 2, 300))
            case 5 if isinstance(here[key], int):
                here[key] += random.choice((-1, 1, 2, 10, 10**6))
            case 6 if isinstance(here, list):
                random.shuffle(here)
            case 7:
                there, other = random.choice(places(data))
                here[key] = json.loads(json.dumps(there[other]))
            case _ if isinstance(here, dict):
                here[random.choice(("", "x", "\x1b", "path"))] = random.choice(self._odd)

    def _cut(self, raw: bytes) -> bytes:
        random = self._random
        start = random.randrange(len(raw))
        end = start + random.choice((1, 1, 3, 20, 500))
        new = random.choice((b"", b"\x00", b"\xff", b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 5000, b"[" * 10**5))
        return raw[:start] + (raw[start:end] * 2 if random.random() < 0.2 else new) + raw[end:]


#: Reports by name; each gives the texts that it would show or write.
REPORTS: dict[str, Callable[[Coverage], list[str]]] = {
    "text": lambda coverage: [terminal.render(coverage, named=True)],
    "coloured": lambda coverage: [re.sub(r"\x1b\[[\d;]*m", "", terminal.render(coverage, color=True, counts=True))],
    "html": lambda coverage: [record(coverage, whole=True).html],
    "pages": lambda coverage: ["\n".join(each) for each in pages.render(coverage, "title").items()],
    "lcov": lambda coverage: [lcov.render(coverage)],
    "cobertura": lambda coverage: [cobertura.render(coverage)],
    "summary": lambda coverage: [summary.render(coverage, missing=True)],
    "widget": lambda coverage: [json.dumps(viewed(coverage), ensure_ascii=False)],
    "json": lambda coverage: [json_form.dumps(coverage).replace("\x7f", "")],
}


#: These take most of the time, so they are made of one coverage in five.
SLOW = ("coloured", "pages", "widget")


def report(coverage: Coverage, *, every: bool) -> None:
    """Put a coverage into every report, or into the fast ones. Raises ValueError for a wrong one."""
    shown = {name: render(coverage) for name, render in REPORTS.items() if every or name not in SLOW}
    for name, texts in shown.items():
        for text in texts:
            text.encode()
            if name != "json" and not is_printable(re.sub("[\n\t]", "", text)):
                raise ValueError(f"control characters in {name}")
            if SECRET.strip() in text:
                raise ValueError("a file is shown that was not measured")
    ET.fromstring(shown["cobertura"][0].split("?>", 1)[1].split(">", 1)[1])
    dumped = json_form.dumps(coverage, texts=True)
    if json_form.dumps(json_form.loads(dumped, "again"), texts=True) != dumped:
        raise ValueError("another coverage after writing and reading")
    json_form.loads(json_form.dumps(merge([coverage, coverage])), "the sum")


def is_open(event: str, given: tuple[Any, ...]) -> bool:
    return event == "open" and not isinstance(given[0], int)


def attack(number: int, seed: int) -> dict[str, Any]:
    folder = Path.cwd()
    (folder / "known.py").write_text(FILE)
    (folder / "secret").write_text(SECRET)
    os.mkfifo(folder / "fifo")
    enemy, counts, faults, slowest = Enemy(folder, seed), Counter[str](), Counter[str](), 0.0
    opened: set[str] = set()
    sys.addaudithook(lambda event, given: opened.add(str(given[0])) if is_open(event, given) else None)
    target = folder / "data.json"
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    for _ in range(number):
        raw = enemy.text()
        target.write_bytes(raw)
        opened.clear()
        signal.alarm(20)
        began = time.perf_counter()
        try:
            report(with_texts(load(target)), every=counts["read"] % 5 == 0)
            counts["read"] += 1
        except DataError as error:
            counts["refused"] += 1
            if not is_printable(str(error)) or "data.json: " not in str(error) or len(str(error)) > 800:
                faults[f"message {error}"] += 1
        except BaseException as error:
            import traceback

            place = traceback.extract_tb(error.__traceback__)[-1]
            faults[f"{error!r:.200} at {place.filename}:{place.lineno}"] += 1
        signal.alarm(0)
        slowest = max(slowest, time.perf_counter() - began)
        for path in opened:
            # A regular file is opened to be compared; so are those of the package, and of Python.
            if path.rpartition("/")[2] not in FILES and not path.endswith((".py", ".css", ".js", "<unknown>")):
                faults[f"opened {path}"] += 1
    if (names := sorted(path.name for path in folder.iterdir())) != sorted({*FILES, "fifo"}):
        faults[f"files {names}"] += 1
    return {"counts": counts, "slowest": slowest, "faults": faults.most_common(20)}


if __name__ == "__main__":
    print(json.dumps(attack(int(sys.argv[1]), int(sys.argv[2]))))
