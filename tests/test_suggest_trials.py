"""The processes of a search, each piece by itself: messages, the wall, trials, generators, and the two doors."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from ipy_branchcov.errors import BranchcovError, UsageError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.notebook.suggestions import Suggesting
from ipy_branchcov.session.options import RunOptions, SuggestOptions
from ipy_branchcov.suggest.crosshair import CrossHair
from ipy_branchcov.suggest.generated import examples, strategy_of
from ipy_branchcov.suggest.guide import Guide
from ipy_branchcov.suggest.messages import Answer, Request, receive, send
from ipy_branchcov.suggest.of_file import suggest_for
from ipy_branchcov.suggest.runner import Process, Runner
from ipy_branchcov.suggest.search import Limits
from ipy_branchcov.suggest.shrink import shrunk
from ipy_branchcov.suggest.target import find
from ipy_branchcov.suggest.trial import functions_of
from ipy_branchcov.suggest.values import OMITTED, Items, cost
from ipy_branchcov.suggest.wall import Refused, Wall
from ipy_branchcov.suggest.witness import Witness
from tests.suggesting import Measured

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="trials are forks")
GRADE = """
import os
def helped(n):
    return n > 9
def grade(n: int, unit='kg'):
    if n == 42:
        return 'ripe'
    if n == 7:
        os.mkdir('never')
    if n == 8:
        os._exit(3)
    if n == 9:
        raise KeyError(n)
    return 'green'
"""

# --- messages


def test_messages_come_as_they_were_sent() -> None:
    there, back = os.pipe()
    try:
        request = Request(((1, "a"), (Items("list", (2,)),)), frozenset({(0, 1)}), exact=True)
        send(back, request)
        send(back, Answer(error="KeyError"))
        assert receive(there, 1.0) == request
        assert receive(there).error == "KeyError"
        with pytest.raises(TimeoutError):
            receive(there, 0.01)
    finally:
        os.close(back)
    with pytest.raises(EOFError):
        receive(there, 1.0)
    os.close(there)


# --- the wall


def test_a_wall_says_what_it_refused() -> None:
    wall = Wall(PermissionError)
    for _ in range(2):
        with pytest.raises(PermissionError, match=r"os\.remove"):
            wall.refuse("os.remove")
    assert wall.refused == ["os.remove"]
    wall.begin()
    assert wall.refused == [] and issubclass(Refused, BaseException) and not issubclass(Refused, Exception)


def answered(main: Callable[[], Any], wall: Wall) -> Any:
    """What a function returns behind a wall, in a process of its own."""

    def child(there: int, back: int) -> NoReturn:
        wall.build({there, back})
        send(back, main())
        os._exit(0)

    process = Process(child)
    try:
        return receive(process.answers, 10.0)
    finally:
        process.close()


@forks
def test_a_wall_refuses_effects_and_lets_reading_through(tmp_path: Path) -> None:
    place, wall = tmp_path / "trace", Wall()
    efforts: list[Callable[[], Any]] = [
        lambda: place.write_text("x"),
        lambda: os.mkdir(place),  # noqa: PTH102
        lambda: os.mkfifo(place),
        lambda: os.system("exit 1"),
        lambda: Path(__file__).read_text("utf-8")[:3],
        lambda: input(),  # the one behind the wall
    ]

    def tried() -> list[Any]:
        found: list[Any] = []
        for each in efforts:
            wall.begin()
            try:
                found.append(each())
            except Refused as refused:
                found.append(f"refused: {refused}")
            except EOFError as error:
                found.append(str(error))
            wall.end()
        return found

    refused = [f"refused: {each}" for each in ("open for writing", "os.mkdir", "os.mkfifo", "os.system")]
    assert answered(tried, wall) == [*refused, '"""', "nobody answers a trial"]
    assert not place.exists()


# --- trials


class Tried:
    """A runner for ``grade``."""

    def __init__(self, folder: Path):
        asked = Measured(folder, GRADE)
        self.module = asked.module
        self.target = find("grade", vars(asked.module))
        witness = Witness(asked.source, (), asked.options)
        assert witness.analysis is not None
        guide = Guide(witness.analysis.decisions, self.target.function.__code__.co_flags)
        self.runner = Runner(self.target, guide, witness)

    def ask(self, *numbers: int, **options: Any) -> list[Answer]:
        return list(self.runner.ask(Request(tuple((each, OMITTED) for each in numbers), **options)))


@forks
def test_trials_report_what_calls_did(tmp_path: Path) -> None:
    tried = Tried(tmp_path)
    try:
        ripe, away, refused, ended, raised = tried.ask(42, 40, 7, 8, 9, watch=frozenset({(0, 0)}))
    finally:
        tried.runner.close()
    assert ripe.covered == {(0, 0)} and ripe.distances == {(0, 0): 0.0}
    assert away.distances == {(0, 0): pytest.approx(2.001 / 3.001)} and ("==", 40, 42) in away.pairs
    assert refused.refused == ("os.mkdir",) and ended.ends and raised.error == "KeyError"
    runner = tried.runner
    assert (runner.calls, runner.died, runner.late, runner.refused) == (5, 1, 0, {"os.mkdir": 1})
    assert not Path("never").exists()


@forks
def test_exact_trials_ask_the_engine(tmp_path: Path) -> None:
    tried = Tried(tmp_path)
    try:
        one, other = tried.ask(42, 5, exact=True, seconds=1.0)
        (both,) = tried.ask(42, 5, together=True, seconds=1.0)
    finally:
        tried.runner.close()
    assert one.covered == {(0, 0)} and other.covered == {(0, 1), (1, 1), (2, 1), (3, 1)}
    assert both.covered == one.covered | other.covered


@forks
def test_calls_are_made_simpler(tmp_path: Path) -> None:
    tried = Tried(tmp_path)
    try:
        call = shrunk(
            (123456, "pounds"),
            frozenset({(3, 1)}),
            tried.target,
            tried.runner,
            lambda each: sum(map(cost, each)),
            exact=False,
            seconds=0.2,
            until=float("inf"),
        )
    finally:
        tried.runner.close()
    assert call == (0, OMITTED)


def test_the_functions_of_a_source_are_those_of_its_module(tmp_path: Path) -> None:
    text = (
        "import json, functools\nclass C:\n    @property\n    def p(self): ...\n    @staticmethod\n    def s(): ...\n"
    )
    text += "@functools.lru_cache\ndef f(n):\n    return json.dumps(n)\n"
    asked = Measured(tmp_path, text)
    assert {each.__name__ for each in functions_of(find("f", vars(asked.module)))} == {"p", "s", "f"}


def test_without_forks_there_are_no_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork", raising=False)
    with pytest.raises(BranchcovError, match=r"by os\.fork, which is not there"):
        Tried(tmp_path)


def test_a_witness_sees_the_outcomes_of_a_call(tmp_path: Path) -> None:
    asked = Measured(tmp_path, "def f(n):\n    if n == 42:\n        return 1\n")
    witness = Witness(asked.source, (), asked.options)
    assert witness.outcomes_of(lambda: asked.module.f(42)) == {(0, 0)}
    assert witness.outcomes_of(lambda: asked.module.f(1)) == {(0, 1)}
    assert witness.outcomes_of(lambda: None) == frozenset()
    assert Witness(Source("broken", "def f(:"), (), asked.options).analysis is None


# --- generators


def test_hypothesis_generates_by_types_and_by_what_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(tmp_path))
    pytest.importorskip("hypothesis")

    def f(n: int, seen, flag=None):  # type: ignore[no-untyped-def]
        return n

    target = find("f", {"f": f})
    assert strategy_of(target, []) is None  # nothing is known of seen
    calls = examples(target, strategy_of(target, [(1, True, OMITTED)]), 20, 0)
    assert len(calls) > 5
    assert {(type(n), type(seen), flag) for n, seen, flag in calls} == {(int, bool, OMITTED)}


def test_crosshair_must_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Measured(tmp_path, GRADE)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="CrossHair is not installed; pip install crosshair-tool"):
        CrossHair(find("grade", vars(asked.module)), asked.source, 1.0)


def test_what_crosshair_prints_becomes_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Measured(tmp_path, GRADE)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    asks = CrossHair(find("grade", vars(asked.module)), asked.source, 1.0)
    assert asks.take() == []
    started: list[list[str]] = []
    printed = "grade(42)\nno call at all\n  grade(n=-1, unit='g')\nhelped(3)\n"

    def popen(command: list[str], **options: Any) -> Any:
        started.append(command)
        return SimpleNamespace(communicate=lambda timeout: (printed, None), poll=lambda: 0)

    monkeypatch.setattr(subprocess, "Popen", popen)
    asks.start()
    assert asks.take() == [(42, OMITTED), (-1, "g")] and asks.take() == []
    asks.close()
    line = next(n.lineno for n in ast.walk(ast.parse(GRADE)) if isinstance(n, ast.FunctionDef) and n.name == "grade")
    assert started[0][1:5] == ["-m", "crosshair", "cover", f"{asked.source.path}:{line}"]


# --- the two doors

SMALL = "def f(n: int):\n    if n > 100:\n        return 1\n"


@forks
def test_a_file_is_imported_and_its_function_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weighed_by_file.py").write_text(SMALL, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = f"{tmp_path / 'weighed_by_file.py'}::f"
    result, module = suggest_for(spec, Coverage(), RunOptions(), Limits(2.0, 300), lambda calls, found: None)
    assert module == "weighed_by_file" and [each.code for each in result.found] == ["f(0)", "f(101)"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("bad_spec.py", SMALL, "name a function as FILE.py::FUNCTION"),
        ("raises_when_imported.py::f", "1 / 0", "cannot be imported: ZeroDivisionError"),
        ("exits_when_imported.py::f", "raise SystemExit(3)", "it exits with 3"),
        ("from_elsewhere.py::basename", "from os.path import basename", "it is defined in"),
    ],
)
def test_files_that_cannot_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, words: str
) -> None:
    (tmp_path / name.partition("::")[0]).write_text(text, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BranchcovError, match=words):
        suggest_for(str(tmp_path / name), Coverage(), RunOptions(), Limits(1.0, 1), lambda calls, found: None)


class Cells:
    """No cells: what a notebook has imported from files."""

    def __call__(self, code: object) -> None:
        return None

    def sources(self) -> list[Any]:
        return []


@forks
def test_a_notebook_shows_the_calls_and_puts_them_into_a_cell(tmp_path: Path, capsys: Any) -> None:
    asked = Measured(tmp_path, SMALL)
    inputs: list[str] = []
    released: list[int] = []
    shell = SimpleNamespace(user_ns=vars(asked.module), set_next_input=inputs.append)
    session: Any = SimpleNamespace(
        release=lambda: released.append(1), coverage=lambda: asked.covered(["f(1)"]), options=asked.options
    )
    suggesting = Suggesting(shell, session, Cells())  # type: ignore[arg-type]
    suggesting.show("f", SuggestOptions(seconds=2.0, calls=300, insert=True))
    printed = capsys.readouterr().out
    assert printed.startswith("branchcov: 1 of 1 missed outcomes of f, by 1 call\n    f(101)\n")
    assert len(inputs) == 1 and inputs[0].startswith("%%branchcov") and "f(101)" in inputs[0] and released == [1]


def test_a_notebook_says_where_the_source_is_not_known() -> None:
    namespace: dict[str, Any] = {}
    exec(compile(SMALL, "<nowhere>", "exec"), namespace)
    session: Any = SimpleNamespace(release=lambda: None)
    with pytest.raises(UsageError, match="f: its source is not known; run the cell that defines it again"):
        Suggesting(SimpleNamespace(user_ns=namespace), session, Cells()).find("f", SuggestOptions())  # type: ignore[arg-type]


INTERRUPTED = """
import os, signal
from ipy_branchcov.suggest.runner import Process

waiting = [True]
def in_a_fork():
    if waiting and waiting.pop():
        os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)  # where it is ignored: in the background of a script
os.register_at_fork(after_in_parent=in_a_fork)
try:
    Process(lambda there, back: os._exit(0))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_during_a_fork_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
