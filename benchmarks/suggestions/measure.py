"""Measure which missed outcomes are covered in some seconds a function: by us, by Hypothesis, by CrossHair alone.

    python benchmarks/suggestions/measure.py [--seconds 5] [--only NAME] [--tools ours,hypothesis,crosshair] [--json F]

Each function's calls in ``CALLS`` are run and measured; then each tool looks for what is missed in the function. All
that any of them covered, and what a long search of ours adds, is known to be coverable; the rest may not be. Hypothesis
alone gets strategies from the same types and calls as our own generator, with our trials and engine to run and judge
its calls; CrossHair's calls are run the same way, and its start counts for neither.

``--processor`` counts the processors' seconds of all of a tool's processes, in place of the clock's: for a machine that
has other work. CrossHair, which has a clock of its own, goes by that.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import hypothesis as _  # noqa: E402, F401 (its import, which takes seconds, counts for no tool)

from ipy_branchcov.model.source import Source  # noqa: E402
from ipy_branchcov.session.options import RunOptions  # noqa: E402
from ipy_branchcov.session.scope import Scope  # noqa: E402
from ipy_branchcov.session.session import Session  # noqa: E402
from ipy_branchcov.suggest import search, shrink  # noqa: E402
from ipy_branchcov.suggest import suggest as suggesting  # noqa: E402
from ipy_branchcov.suggest.crosshair import CrossHair  # noqa: E402
from ipy_branchcov.suggest.guide import Guide  # noqa: E402
from ipy_branchcov.suggest.messages import Request  # noqa: E402
from ipy_branchcov.suggest.nearest import UNSEEN  # noqa: E402
from ipy_branchcov.suggest.pools import calls_in  # noqa: E402
from ipy_branchcov.suggest.runner import Generating, Runner  # noqa: E402
from ipy_branchcov.suggest.search import Limits  # noqa: E402
from ipy_branchcov.suggest.suggest import Question, missed_in, suggest  # noqa: E402
from ipy_branchcov.suggest.target import find  # noqa: E402
from ipy_branchcov.suggest.witness import Witness  # noqa: E402

#: Seconds that another tool may need to begin, beyond its own: many, for a machine that has other work.
_START = 60.0
#: A tool that gets no more than one of so many seconds of a processor is given up.
_SHARE = 20


class Clock:
    """Stands in the place of the module ``time``; with ``processor``, the seconds of this process and its children."""

    processor = False

    def monotonic(self) -> float:
        if not self.processor:
            return time.monotonic()
        spent = os.times()
        return sum(spent[:4]) + sum(map(self._of, self._children()))

    def _children(self) -> list[int]:
        found: list[int] = []
        for task in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # a thread that has ended
                found += map(int, (task / "children").read_text("ascii").split())
        return found

    def _of(self, number: int) -> float:
        with suppress(OSError):  # it has ended
            return time.clock_gettime((~number << 3) | 2)  # the clock of another process
        return 0.0


#: The clock by which ours and Hypothesis search.
clock = Clock()


def questions(only: str, every: int) -> Iterator[tuple[str, Question]]:
    """The functions of both sets, each with what its calls cover."""
    folder = Path(tempfile.mkdtemp())
    spec = importlib.util.find_spec("tomli")
    if spec is not None and spec.submodule_search_locations:
        (folder / "tomli").mkdir()
        for file in Path(spec.submodule_search_locations[0]).glob("*.py"):
            shutil.copy(file, folder / "tomli")
        sys.path.insert(0, str(folder))
    own, libraries = importlib.import_module("own"), importlib.import_module("libraries")
    wanted = [("own", name, calls) for name, calls in own.CALLS.items()]
    wanted += [(*key.split(":"), calls) for key, calls in libraries.CALLS.items()]
    for module, name, calls in wanted[::every]:
        if only in f"{module}:{name}":
            yield f"{module}:{name}", _question(module, name, calls)


def _question(module: str, name: str, calls: list[str]) -> Question:
    namespace = vars(importlib.import_module(module))
    path = str(Path(namespace["__file__"]).resolve())
    options = RunOptions(source=(path,), subprocesses=False)
    session = Session(options)
    session.start("seen")
    for call in calls:
        result = eval(call, namespace)
        if hasattr(type(result), "__next__"):
            list(result)
    coverage = session.stop()
    source = Scope().read(path)
    assert source is not None
    texts = tuple(Source("calls", call, "cell") for call in calls)
    return Question(name, namespace, source, coverage, options, texts=texts)


def ours(question: Question, seconds: float) -> set[Any]:
    result = suggest(question, Limits(seconds=seconds))
    return {(branch.span, branch.kind, outcome) for each in result.found for branch, outcome in each.covers}


class Alone:
    """Another tool's calls, run by our trials and judged by our engine."""

    def __init__(self, question: Question):
        self.question = question
        self.target = find(question.name, question.namespace)
        self.witness = Witness(question.source, (), question.options)
        assert self.witness.analysis is not None
        self.analysis = self.witness.analysis
        self.missed = missed_in(self.target, self.analysis, question)
        self.runner = Runner(self.target, Guide(self.analysis.decisions), self.witness)
        self.found: set[Any] = set()

    def judge(self, calls: list[Any]) -> None:
        branches = self.analysis.decisions.map.branches
        for answer in self.runner.ask(Request(tuple(calls), seconds=0.3, exact=False)) if calls else ():
            for place in answer.covered & self.missed if not answer.refused else ():
                self.found.add(
                    (branches[place[0]].span, branches[place[0]].kind, branches[place[0]].outcomes[place[1]].name)
                )
        unseen = {place for place in self.missed if branches[place[0]].kind in UNSEEN}
        if calls and unseen and len(self.found) < len(self.missed):
            for answer in self.runner.ask(Request(tuple(calls), seconds=0.3, together=True)):
                for place in answer.covered & self.missed:
                    branch = branches[place[0]]
                    self.found.add((branch.span, branch.kind, branch.outcomes[place[1]].name))


def hypothesis(question: Question, seconds: float) -> set[Any]:
    alone = Alone(question)
    seeds = list(calls_in(alone.target, [each.tree() for each in question.texts]))
    made = Generating(alone.target, seeds)
    made.start()
    began = None
    waited = time.monotonic()
    try:
        while began is None or clock.monotonic() < began + seconds:
            calls = made.take()
            if calls and began is None:
                began = clock.monotonic()
            if time.monotonic() > waited + _START + _SHARE * seconds:
                break
            for at in range(0, len(calls), 50):
                if clock.monotonic() < (began or 0.0) + seconds:
                    alone.judge(calls[at : at + 50])
            if len(alone.found) == len(alone.missed):
                break
            time.sleep(0.01)
    finally:
        made.close()
        alone.runner.close()
    return alone.found


def crosshair(question: Question, seconds: float) -> set[Any]:
    alone = Alone(question)
    made = CrossHair(alone.target, question.source, seconds)
    made.start()
    try:
        alone.judge(made.take(seconds + _START))
    finally:
        made.close()
        alone.runner.close()
    return alone.found


TOOLS = {"ours": ours, "hypothesis": hypothesis, "crosshair": crosshair}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--every", type=int, default=1, help="take one function of so many")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--processor", action="store_true", help="count the processors' seconds, not the clock's")
    parser.add_argument("--json", type=Path)
    parsed = parser.parse_args()
    if parsed.processor:
        clock.processor = True
        search.time = shrink.time = suggesting.time = clock  # type: ignore[attr-defined]
    rows = []
    for name, question in questions(parsed.only, parsed.every):
        alone = Alone(question)
        row: dict[str, Any] = {"name": name, "missed": len(alone.missed)}
        for tool in parsed.tools.split(","):
            began = clock.monotonic()
            try:
                found = TOOLS[tool](question, parsed.seconds)
            except Exception as error:
                row[f"{tool}_error"] = repr(error)[:200]
                found = set()
            row[tool] = len(found)
            row[f"{tool}_seconds"] = round(clock.monotonic() - began, 1)
            row[f"{tool}_places"] = sorted(
                f"{span.line}:{span.column} {kind} {outcome}" for span, kind, outcome in found
            )
        rows.append(row)
        print(json.dumps({key: value for key, value in row.items() if not key.endswith("places")}), flush=True)
        if parsed.json:
            parsed.json.write_text(json.dumps(rows, indent=1))
    for part in ("own:", ""):
        chosen = [row for row in rows if row["name"].startswith("own:") is bool(part)]
        missed = sum(row["missed"] for row in chosen)
        known = sum(len(set().union(*(row[f"{tool}_places"] for tool in parsed.tools.split(",")))) for row in chosen)
        figures = ", ".join(f"{tool} {sum(row[tool] for row in chosen)}" for tool in parsed.tools.split(","))
        kind = "own functions" if part else "libraries"
        print(f"{kind}: {len(chosen)} functions, {missed} missed, {known} by any: {figures}")


if __name__ == "__main__":
    main()
