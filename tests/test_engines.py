"""Workers of engines: their answers are untrusted data, and functions that were sent to them have their source."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import cloudpickle
import pytest

import ipy_branchcov as branchcov
from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.source import Source
from ipy_branchcov.notebook.cells import Cells
from ipy_branchcov.notebook.engines import EnginesByName
from ipy_branchcov.processes.engines import arriving, gathering, known, on_worker, protocol
from ipy_branchcov.processes.engines.texts import FUTURE, Texts, pack, unpack
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope

WORK = """\
def size(n):
    return "big" if n > 9 else "small"
"""


class Changing(protocol.Engine):
    """One worker, a process of its own, whose answers ``change`` alters on their way."""

    def __init__(self, path: Path, change: Callable[[bytes], object] = bytes, argument: int = 99):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(argument)],
            cwd=path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._change = change

    def run(self, function: Callable[..., bytes], *arguments: bytes | str) -> Iterable[protocol.Reply]:
        assert self.process.stdin is not None and self.process.stdout is not None
        texts = [each if isinstance(each, str) else each.decode() for each in arguments]
        print(json.dumps([function.__name__, *texts]), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline()).encode()
        changed = self._change(answer)
        return [protocol.Reply("worker 7", changed)]  # type: ignore[arg-type]


#: A worker: it answers, and calls a measured function when it has begun.
SERVE = """\
import json, sys
sys.path.insert(0, "")
from ipy_branchcov.processes.engines import on_worker
for line in sys.stdin:
    name, argument = json.loads(line)
    print(json.dumps(getattr(on_worker, name)(argument).decode()), flush=True)
    if name == "begin":
        import work_here
        work_here.size(int(sys.argv[1]))
    if name == "end":
        break
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "work_here", raising=False)
    (tmp_path / "work_here.py").write_text(WORK)
    return tmp_path


def test_a_run_is_the_sum_of_here_and_there(folder: Path) -> None:
    with branchcov.measure("work_here", counts=True, engines=Changing(folder)) as run:
        from work_here import size

        size(1)
    (branch,) = run.coverage["work_here.py"].branches
    assert [(each.name, each.hits, each.first and each.first.by) for each in branch.outcomes] == [
        ("true", 1, "worker 7"),
        ("false", 1, ""),
    ]
    assert run.coverage["work_here.py"].source.text == WORK
    assert run.coverage.lost == frozenset()


def test_a_module_that_lies_elsewhere_on_a_worker_has_the_client_s_name(folder: Path) -> None:
    there = folder / "there"
    there.mkdir()
    (there / "work_here.py").write_text(WORK)
    with branchcov.measure("work_here", engines=Changing(there)) as run:
        pass
    assert run.coverage.names == ("work_here.py",)
    assert run.coverage["work_here.py"].source.path == str(folder / "work_here.py")
    assert run.coverage.totals.covered == 1


def test_another_text_of_a_module_is_left_out_and_reported(folder: Path) -> None:
    there = folder / "there"
    there.mkdir()
    (there / "work_here.py").write_text(f"# older\n{WORK}")
    with branchcov.measure("work_here", engines=Changing(there)) as run:
        pass
    assert run.coverage.names == ()
    (line,) = run.coverage.lost
    assert line == "worker 7: work_here.py is not what it is here, so it is left out; install the same there"


def renamed(name: str, value: object) -> Callable[[bytes], bytes]:
    """A change of one field of the first source in the data."""

    def change(answer: bytes) -> bytes:
        state, _, data = answer.partition(b"\n")
        if not data:
            return answer
        found = json.loads(data)
        found["sources"][0][name] = value
        return state + b"\n" + json.dumps(found).encode()

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda answer: b"", "its answer is none of branchcov; install the version that is here"),
        (lambda answer: b"\x1b[31m" + answer, "its answer is none of branchcov"),
        (lambda answer: b"unknown\n", "it joined after the run had begun, so what it ran is not measured"),
        (lambda answer: answer[:-100] if b"{" in answer else answer, "its data: not a complete data file"),
        (renamed("branches", 7), "its data: damaged data file (sources[0].branches: must be a list, not 7)"),
        (renamed("path", "/etc/passwd"), "/etc/passwd is not what it is here, so it is left out"),
        (renamed("path", None), "work_here.py is not what it is here, so it is left out"),
        (renamed("kind", "cell"), "work_here.py is not what it is here, so it is left out"),
        (lambda answer: ValueError("a\nb\x1b[31m"), "ValueError: a b\\x1b[31m"),
        (lambda answer: SystemExit(3), "SystemExit: 3"),
        (lambda answer: ModuleNotFoundError("no", name="ipy_branchcov"), "ipy-branchcov is not installed there"),
    ],
)
def test_a_wrong_answer_is_one_line_and_fails_gates(folder: Path, change: Callable[[bytes], object], line: str) -> None:
    with branchcov.measure("work_here", engines=Changing(folder, change)) as run:
        pass
    (lost,) = run.coverage.lost
    assert lost.startswith(f"worker 7: {line}")
    assert lost.isprintable()
    assert run.coverage.sources == ()


def test_a_worker_that_dies_is_reported_once(folder: Path) -> None:
    class Dying(Changing):
        def collect(self, run: str) -> Iterable[protocol.Reply]:
            self.process.kill()
            return []

        def end(self, run: str) -> Iterable[protocol.Reply]:
            raise OSError("nobody is there")

    with branchcov.measure("work_here", engines=Dying(folder)) as run:
        pass
    assert run.coverage.lost == {"worker 7: ended before its data could be collected; what it ran is lost"}


def test_an_engine_that_fails_leaves_the_program_alone(folder: Path) -> None:
    class Broken(protocol.Engine):
        def run(self, function: Callable[..., bytes], *arguments: bytes | str) -> Iterable[protocol.Reply]:
            raise ConnectionError("the scheduler is gone")

    with branchcov.measure("work_here", engines=[Broken()]) as run:
        from work_here import size

        assert size(3) == "small"
    assert run.coverage.totals.covered == 1
    assert run.coverage.lost == {"engine: its workers could not be measured (ConnectionError: the scheduler is gone)"}


def test_a_worker_in_the_client_s_own_process_is_measured_once(folder: Path) -> None:
    class Here(protocol.Engine):
        def run(self, function: Callable[..., bytes], *arguments: bytes | str) -> Iterable[protocol.Reply]:
            return [protocol.Reply("worker 0", function(*arguments))]

    settings = Here()
    with branchcov.measure("work_here", counts=True, engines=settings) as run:
        from work_here import size

        size(3)
    (branch,) = run.coverage["work_here.py"].branches
    assert [each.hits for each in branch.outcomes] == [0, 1]
    assert (run.coverage.lost, on_worker._runs) == (frozenset(), {})


@pytest.mark.parametrize("client", [3, "name", sys, object()])
def test_what_is_no_client_is_refused_before_anything_runs(client: Any) -> None:
    with pytest.raises(UsageError, match="is no client of Dask or ipyparallel, not Ray, and no branchcov Engine"):
        known.engine_of(client)
    with pytest.raises(UsageError):
        branchcov.measure("json", engines=client)


def test_a_forked_process_does_not_collect(folder: Path) -> None:
    session = branchcov.Session(RunOptions(source=("work_here",)))
    collected: list[str] = []

    def companion(options: RunOptions) -> Callable[[str], Any]:
        def end(context: str) -> Any:
            collected.append(context)
            return branchcov.Coverage()

        return end

    session.companions.append(companion)
    session.start("parent")
    session.stop()
    session.start("child")
    session.forked()
    session.stop()
    assert collected == ["parent"]


def test_the_public_name() -> None:
    from ipy_branchcov import engines

    command = [sys.executable, "-c", "import ipy_branchcov; print(ipy_branchcov.engines.Engine.__name__)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "Engine\n"
    assert engines is branchcov.engines
    assert (engines.Engine, engines.Reply, engines.engine_of) == (protocol.Engine, protocol.Reply, known.engine_of)


def test_the_example_of_another_engine(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "engines.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (printed,) = re.findall(r"^It prints `(.*)`\.$", page, re.MULTILINE)
    (tmp_path / "example.py").write_text(example)
    command = [sys.executable, "example.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == (f"{printed}\n", "")


# --- functions that were sent


def sent(text: str, name: str, flags: int = 0) -> FunctionType:
    """A function of a cell as it arrives elsewhere: cloudpickle sends its code without the name of a file."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "/tmp/ipykernel_7/1.py", "exec", flags, dont_inherit=True), namespace)
    arrived: FunctionType = cloudpickle.loads(cloudpickle.dumps(namespace[name]))
    assert arrived.__code__.co_filename != "/tmp/ipykernel_7/1.py"
    return arrived


CELL = """\
import math

def outer(x):
    def inner(y):
        return [z for z in y if z > x] if y else None
    return inner

short = lambda x: x or 3
"""


@pytest.mark.parametrize("name", ["outer", "short"])
def test_code_that_was_sent_has_the_source_that_it_is_equal_to(name: str) -> None:
    source = Source("In [3]", CELL)
    texts = Texts([Source("In [1]", "x = 1"), source, Source("In [4]", "no python")])
    arrived = sent(CELL, name)
    assert texts(arrived.__code__) is source
    nested = [each for each in arrived.__code__.co_consts if hasattr(each, "co_code")]
    assert all(texts(each) is source for each in nested)
    assert texts(sent(f"\n{CELL}", name).__code__) is None, "it stands in another line"
    assert texts(compile("x = 1", __file__, "exec", dont_inherit=True)) is None, "a file has its own source"


def test_of_equal_code_the_later_cell_counts() -> None:
    first, last = Source("In [1]", CELL), Source("In [2]", CELL + "\n\nmore = 1")
    assert Texts([first, last])(sent(CELL, "outer").__code__) is last


def test_statements_that_ipython_compiles_one_by_one_are_found() -> None:
    import ast

    source = Source("In [1]", "from __future__ import annotations\nx = 1 if len('a') else 2\n[y for y in 'a' if y]")
    texts, tree = Texts([source]), ast.parse(source.text)
    flags = FUTURE & __import__("__future__").annotations.compiler_flag
    for statement in tree.body[:2]:
        code = compile(ast.Module([statement], []), "cell", "exec", flags if statement.lineno > 1 else 0, True)
        assert texts(code) is source
    assert texts(compile(ast.Interactive([tree.body[2]]), "cell", "single", flags, True)) is source


def test_the_flags_of_a_shell_count() -> None:
    flag = __import__("__future__").annotations.compiler_flag
    arrived = sent("def f(x: int): return x or 1", "f", flag)
    source = Source("In [1]", "def f(x: int): return x or 1")
    assert Texts([source])(arrived.__code__) is None
    assert Texts([source], flag)(arrived.__code__) is source


def test_a_source_comes_back_as_it_was_sent() -> None:
    whole = Source("In [2]", "%%px\nx = !ls\n", compiled="#\nx = get()")
    part = Source("In [2]", "x = !ls", compiled="x = get()", within=(whole, 1))
    back = unpack(json.loads(json.dumps(pack(part))))
    assert (back, back.compiled, back.within, back.code) == (part, part.compiled, part.within, part.code)
    assert back.within is not None and back.within[0].compiled == whole.compiled


def test_arriving_functions_are_instrumented_and_the_pickler_is_given_back() -> None:
    theirs = cloudpickle.cloudpickle._make_function
    data = cloudpickle.dumps(sent(CELL, "short"))
    other = (lambda x: 7).__code__
    watching = arriving.Arriving(lambda code: other)
    assert cloudpickle.loads(data)("anything") == 7
    watching.close()
    assert cloudpickle.cloudpickle._make_function is theirs
    assert cloudpickle.loads(data)(0) == 3


def test_the_settings_name_modules_and_send_what_is_pickled_by_value(folder: Path) -> None:
    import work_here

    options = RunOptions(source=("work_here", str(folder / "more")), counts=True)
    (folder / "more").mkdir()
    scope = Scope(source=options.source)
    cloudpickle.register_pickle_by_value(work_here)
    try:
        made = gathering.Gathering([], scope, options, [])
    finally:
        cloudpickle.unregister_pickle_by_value(work_here)
    settings = json.loads(made._settings)
    path = str(folder / "work_here.py")
    assert settings["sources"] == [["work_here", [], [path]], ["", [f"{folder}/more/"], []]]
    assert [(each["name"], each["text"]) for each in settings["texts"]] == [("work_here.py", WORK)]
    assert settings["options"] == {"counts": True}


def test_a_name_without_a_client_is_refused_and_one_that_has_gone_is_lost() -> None:
    session = branchcov.Session()
    engines = EnginesByName(SimpleNamespace(user_ns={"three": 3}), session, Cells(None), lambda: None)
    with pytest.raises(UsageError, match="--engines nobody: there is no variable nobody; make the client in a cell"):
        engines.find(["nobody"])
    with pytest.raises(UsageError, match="--engines three: int is no client"):
        engines.find(["three"])
    assert engines(RunOptions()) is None
    end = engines(RunOptions(engines=("nobody",)))
    assert end is not None
    (line,) = end("In [1]").lost
    assert line.startswith("--engines nobody: there is no variable")
