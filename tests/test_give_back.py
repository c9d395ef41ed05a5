"""After a run functions hold their own code again, and the next run measures them as exactly as the first."""

from __future__ import annotations

import dis
import gc
import io
import marshal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from ipy_branchcov.tracing.probes import marshalled, reachable, registry
from ipy_branchcov.tracing.probes.readers import READING
from tests.kernel import kernel

PROGRAM = """\
import functools
def plain(x):
    return 1 if x else 2
class Kind:
    def method(self, x):
        return 1 if x else 2
    @staticmethod
    def static(x):
        return 1 if x else 2
    @property
    def value(self):
        return 1 if self else 2
def make():
    def made(x):
        return 1 if x else 2
    return made
closure = make()
def decorate(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments) if arguments else None
    return wrapper
@decorate
def decorated(x):
    return 1 if x else 2
@functools.lru_cache
def cached(x):
    return 1 if x else 2
listed = [lambda x: 1 if x else 2]
def generator(x):
    yield 1 if x else 2
async def coroutine(x):
    return 1 if x else 2
"""
GET: dict[str, Callable[[dict[str, Any]], FunctionType]] = {
    "plain": lambda names: names["plain"],
    "method": lambda names: names["Kind"].method,
    "static": lambda names: names["Kind"].static,
    "property": lambda names: names["Kind"].value.fget,
    "closure": lambda names: names["closure"],
    "wrapper": lambda names: names["decorated"],
    "decorated": lambda names: names["decorated"].__wrapped__,
    "cached": lambda names: names["cached"].__wrapped__,
    "listed": lambda names: names["listed"][0],
    "generator": lambda names: names["generator"],
    "coroutine": lambda names: names["coroutine"],
}
every_tracer = pytest.mark.parametrize("tracer", tracers())
counting = pytest.mark.parametrize("counts", [False, True])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def session(path: Path, tracer: str, counts: bool) -> Iterator[Session]:
    session = Session(RunOptions(tracer=tracer, counts=counts))
    session.add_source(str(path))
    yield session
    session.close()


def run(path: Path, instrument: Callable[[CodeType], CodeType] = lambda code: code) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "program"}
    exec(instrument(compile(path.read_text(), str(path), "exec", dont_inherit=True)), names)
    return names


def call(names: dict[str, Any], times: int) -> None:
    for _ in range(times):
        names["plain"](1), names["Kind"]().method(1), names["Kind"].static(1), names["Kind"]().value
        names["closure"](1), names["decorated"](1), names["cached"].__wrapped__(1), names["listed"][0](1)
        list(names["generator"](1))
        with suppress(StopIteration):
            names["coroutine"](1).send(None)


def shown(code: CodeType) -> str:
    text = io.StringIO()
    dis.dis(code, file=text, depth=0)
    return text.getvalue()


def check_is_plain(code: CodeType, plain: CodeType) -> None:
    assert registry.known(code) is None
    assert code == plain and hash(code) == hash(plain)
    assert marshal.loads(marshal.dumps(code)) == plain  # what pickling by value does
    assert shown(code) == shown(plain)


def check_hits(session: Session, names: dict[str, Any], counts: bool) -> None:
    with session.measuring("again") as measured:
        call(names, 3)
    hits = [(b.kind, b["true"].hits, b["false"].hits) for b in measured.coverage.sources[0].branches]
    assert hits == [("ifexp", 3 if counts else 1, 0)] * len(hits) and len(hits) == 11


@every_tracer
@counting
@pytest.mark.parametrize("before", [True, False])
def test_functions_have_their_own_code(session: Session, path: Path, tracer: str, counts: bool, before: bool) -> None:
    """Those that were there before the run, and those that it defined."""
    names = run(path) if before else {}
    codes = {name: get(names).__code__ for name, get in GET.items()} if before else {}
    with session.measuring("first"):
        if not before:
            names = run(path, session.instrument)
        call(names, 2)
    plain = run(path)
    for name, get in GET.items():
        check_is_plain(get(names).__code__, get(plain).__code__)
        assert not before or get(names).__code__ is codes[name], name
    for _ in range(2):
        check_hits(session, names, counts)
        for get in GET.values():
            check_is_plain(get(names).__code__, get(plain).__code__)


@every_tracer
@counting
def test_what_is_made_between_runs_is_instrumented_in_the_next(
    session: Session, path: Path, tracer: str, counts: bool
) -> None:
    """Hidden in a list, by a function that ran its own code."""
    names = run(path)
    for _ in range(3):
        with session.measuring("first"):
            names["make"]()(1)
        hidden = [names["make"]()]
        own = hidden[0].__code__
        with session.measuring("next") as measured:
            if tracer == "probes":
                assert hidden[0].__code__ is not own
            hidden[0](0)
        assert hidden[0].__code__ is own
        made = [b for b in measured.coverage.sources[0].branches if b.span.line == 15]
        assert [(b["true"].hits, b["false"].hits) for b in made] == [(0, 1)]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="one code object is instrumented once")
@pytest.mark.parametrize(("tracer", "counts"), [("probes", False)])
def test_the_next_run_assembles_nothing(
    session: Session, path: Path, tracer: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ipy_branchcov.tracing.py311 import tracer as probes

    names = run(path)
    with session.measuring("first"):
        call(names, 1)
    assembled = []
    monkeypatch.setattr(probes, "probe", lambda *arguments: assembled.append(arguments))
    check_hits(session, names, counts)
    assert not assembled


@every_tracer
@counting
def test_kept_until_released(session: Session, path: Path, tracer: str, counts: bool) -> None:
    names = run(path)
    own, method = names["plain"].__code__, names["Kind"].method
    session.start("first")
    call(names, 1)
    call(names, 1)
    session.stop(keep=True)
    instrumented = {"probes", "monitoring"} if counts or sys.version_info < (3, 14) else set()
    assert (names["plain"].__code__ is not own) == (tracer in instrumented)
    made = names["make"]()  # of instrumented code
    users = (lambda self, x: 3).__code__
    method.__code__ = users
    session.release()
    assert names["plain"].__code__ is own and method.__code__ is users
    check_is_plain(made.__code__, names["closure"].__code__)


@every_tracer
@counting
def test_a_run_that_ends_within_another(session: Session, path: Path, tracer: str, counts: bool) -> None:
    names = run(path)
    own = names["plain"].__code__
    other = Session(RunOptions(tracer=tracer, counts=counts))
    other.add_source(str(path))
    with session.measuring("outer") as measured:
        with other.measuring("inner"):
            names["plain"](1)
        names["plain"](0), names["plain"](0)
    hits = next(b for b in measured.coverage.sources[0].branches if b.span.line == 3)["false"].hits
    assert hits == (2 if counts else 1)
    assert names["plain"].__code__ is own


@every_tracer
@counting
def test_suspended_generators_go_on(session: Session, path: Path, tracer: str, counts: bool) -> None:
    path.write_text("def f(x):\n    for i in x:\n        yield 1 if i else 2\n")
    names = run(path)
    own = names["f"].__code__
    with session.measuring("first"):
        begun = names["f"]([0, 1, 0])
        next(begun)
    assert names["f"].__code__ is own
    with session.measuring("second") as measured:
        assert next(begun) == 1
    (ifexp,) = (b for b in measured.coverage.sources[0].branches if b.kind == "ifexp")
    assert (ifexp["true"].hits, ifexp["false"].hits) == (1, 0)
    assert list(begun) == [2] and names["f"].__code__ is own


OVERLOADED = """
import typing
@typing.overload
def many(x: int):
    return 1 if x else 2
def many(x):
    return x
"""


@every_tracer
@counting
@pytest.mark.parametrize("module", ["__main__", "module_that_gives_back"])
def test_functions_of_modules_are_found_without_looking_at_everything(
    session: Session, path: Path, tracer: str, counts: bool, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.collect()  # what earlier tests left in cycles refers to code objects, too
    from ipy_branchcov.tracing.probes import functions

    names = run(path)
    with session.measuring("first"):
        call(names, 1)
    session.start("a generator that stays suspended")
    waiting = names["generator"](1)
    next(waiting)
    session.stop()
    main = type(sys)(module)
    main.__file__ = str(path)
    monkeypatch.setitem(sys.modules, module, main)
    text = "\n" * 50 + PROGRAM.replace("listed", "#") + OVERLOADED
    searched = []
    session.start("second")
    exec(session.instrument(compile(text, str(path), "exec")), vars(main))
    with monkeypatch.context() as patched:
        patched.setattr(functions, "objects", lambda *kinds: searched.append(kinds) or [])
        session.stop()
    assert not searched
    assert next(waiting, None) is None
    kept = {name: get for name, get in GET.items() if name != "listed"}
    assert all(registry.known(get(vars(main)).__code__) is None for get in kept.values())


def test_a_module_leads_to_its_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("module_with_functions")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(PROGRAM + OVERLOADED, vars(module))
    module.__dict__["plain"].__module__ = ["a name of a strange type"]
    found = list(reachable.of_module(module.__name__, ["generator", "nothing"]))
    assert found[0] is module.__dict__["generator"]
    assert {id(each) for each in found}.issuperset(
        id(get(vars(module))) for name, get in GET.items() if name != "listed"
    )
    assert [each.__name__ for each in found].count("many") == 2
    assert list(reachable.of_module("no.such.module")) == []


CELL = """\
import functools
def kind(x, y):
    return "both" if x and y else "one"
class Cell:
    def of(self, x):
        return 1 if x else 2
    @functools.lru_cache
    def cached(self, x):
        return 1 if x else 2
hidden = [lambda x: 1 if x else 2]
kind(1, 0), Cell().of(1), Cell().cached(1), hidden[0](1)
"""
CHECK = """\
import dis, io, marshal
def text(code):
    shown = io.StringIO()
    dis.dis(code, file=shown)
    return "\\n".join(line.replace(code.co_filename, "") for line in shown.getvalue().splitlines())
found = [kind, Cell.of, Cell.cached.__wrapped__, hidden[0]]
names = {}
exec(compile("\\n" * (kind.__code__.co_firstlineno - 2) + CELL, kind.__code__.co_filename, "exec"), names)
plain = [names["kind"], names["Cell"].of, names["Cell"].cached.__wrapped__, names["hidden"][0]]
[(f.__code__.co_code == p.__code__.co_code, f.__code__.co_consts == p.__code__.co_consts,
  bool(marshal.dumps(f.__code__)), text(f.__code__) == text(p.__code__)) for f, p in zip(found, plain)]
"""


@pytest.mark.slow
def test_in_a_live_kernel() -> None:
    own = str([(True,) * 4] * 4)
    with kernel() as live:
        assert live.run("%load_ext ipy_branchcov").status == "ok"
        assert live.run(f"CELL = {CELL!r}").status == "ok"
        for first_line in ("%%branchcov", "%%branchcov --counts", "%%branchcov --opcodes"):
            shown = live.run(f"{first_line}\n{CELL}")
            assert shown.status == "ok", shown.traceback
            assert live.run(CHECK).value.replace("\n", "") == own, first_line
        live.run("before = kind.__code__")
        assert live.run("%%branchcov --counts\nkind(1, 1), kind(1, 1)").status == "ok"
        assert live.run("kind.__code__ is before").value == "True"
        for on, off in (("%branchcov_auto on", "%branchcov_auto off"), ("%branchcov_watch", "%branchcov_watch --stop")):
            live.run(on)
            live.run(CELL)
            live.run("kind(1, 1)")
            assert live.run(off).status == "ok"
            assert live.run(CHECK).value.replace("\n", "") == own, on
        live.run("%branchcov_auto on")
        live.run(CELL)
        live.run("%unload_ext ipy_branchcov")
        assert live.run(CHECK).value.replace("\n", "") == own


def test_an_entry_is_not_taken_for_other_code_with_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, other = (compile(text, "x.py", "exec") for text in ("1", "2"))
    entry = registry.Instrumented(gone, gone, registry.COUNTING)
    monkeypatch.setitem(registry._BY_INSTRUMENTED, id(gone), entry)
    monkeypatch.setitem(registry._BY_INSTRUMENTED, id(other), entry)  # as when the id was given again
    assert registry.known(gone) is entry
    assert registry.known(other) is None


def deep(value: Any) -> Any:
    for _ in range(1500):  # deeper than functions may call each other
        value = [value]
    return value


#: Values with a code object in them.
CONTAINERS: list[Callable[[CodeType], Any]] = [
    lambda code: [code],
    lambda code: (1, (code, "x")),
    lambda code: {"code": [code], code: 1},
    lambda code: [{code}, frozenset([code])],
    lambda code: [{f"c{i}": [{i: code}]} for i in range(3)],
]


@every_tracer
@pytest.mark.parametrize("counts", [False])
def test_marshal_writes_what_it_writes_alone(session: Session, path: Path, tracer: str, counts: bool) -> None:
    alone = marshal.dumps
    path.write_text("def loop(x):\n    while x and x > 1:\n        x -= 1\n    return x\n")  # 3.12 splits its edges
    plain = run(path)["loop"].__code__
    with session.measuring("first"):
        code = run(path, session.instrument)["loop"].__code__
        for wrap in CONTAINERS:
            assert marshal.loads(marshal.dumps(wrap(code))) == wrap(plain) == marshalled.originals(wrap(code))
        found = marshal.loads(marshal.dumps(deep(code)))
        for _ in range(1500):
            (found,) = found
        assert found == plain
        cycle: list[Any] = [code]
        cycle.append({"all": cycle})
        found = marshal.loads(marshal.dumps(cycle))
        assert found[0] == plain and found[1]["all"] is found
        file = io.BytesIO()
        marshal.dump([code, 3], file)
        assert marshal.loads(file.getvalue()) == [plain, 3]
        for value in ("c\0\0\0\0" * 9, [b"\xe3", 3.5], deep(1)):
            assert marshal.dumps(value) == alone(value)
        for nothing in ([code, object()],):  # of these it has no form
            with pytest.raises(ValueError):
                marshal.dumps(nothing)


class CallersFile:
    """It remembers which function writes to it."""

    def write(self, data: bytes) -> None:
        frame = sys._getframe(1)
        self.caller = frame.f_code.co_name


@pytest.mark.parametrize(("tracer", "counts"), [("auto", False)])
def test_marshal_shows_no_function_of_ours(session: Session, tracer: str, counts: bool) -> None:
    with session.measuring("first"):
        file = CallersFile()
        marshal.dump([1], file)  # type: ignore[arg-type]
    assert file.caller == "test_marshal_shows_no_function_of_ours"


READER = "def read(function):\n    return function.__code__\n"


@every_tracer
@counting
def test_picklers_and_compilers_read_the_original(session: Session, path: Path, tracer: str, counts: bool) -> None:
    reader: dict[str, Any] = {"__name__": "cloudpickle.cloudpickle"}
    other: dict[str, Any] = {"__name__": "program"}
    exec(READER, reader), exec(READER, other)
    plain = {name: get(run(path)).__code__ for name, get in GET.items()}
    with session.measuring("first") as measured:
        READING.imported("cloudpickle")
        names = run(path, session.instrument)
        for name, get in GET.items():
            function = get(names)
            check_is_plain(reader["read"](function), plain[name])
            assert marshal.loads(marshal.dumps(other["read"](function))) == plain[name]
            assert marshal.loads(marshal.dumps([(other["read"](function), 1)])) == [(plain[name], 1)]
        call(names, 3)
    assert measured.coverage.sources[0].note == ""
    hits = [(b["true"].hits, b["false"].hits) for b in measured.coverage.sources[0].branches]
    assert hits == [(3 if counts else 1, 0)] * 11
    late = [name for name, mechanism in session.mechanisms if mechanism.fell_back]
    assert sys.version_info >= (3, 12) or late == []  # later Pythons measure what was not given back yet by events
    assert marshal.dumps.__module__ == "marshal"


LATER_HOOK = """
import subprocess
import sys
from pathlib import Path
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.probes.readers import READING

path = Path("program.py").resolve()
path.write_text("def f(x): return 1 if x else 2")
reader = {"__name__": "cloudpickle.cloudpickle"}
exec("def read(function): return function.__code__", reader)
session = Session(RunOptions(counts=True))
session.add_source(str(path))
with session.measuring("m"):
    READING.imported("cloudpickle")
    sys.addaudithook(lambda event, arguments: None)
    names = {}
    exec(session.instrument(compile(path.read_text(), str(path), "exec")), names)
    assert registry.known(names["f"].__code__) is not None
    assert registry.known(reader["read"](names["f"])) is None
    reader["read"](names["f"]), names["f"](1)
    assert registry.known(names["f"].__code__) is not None
"""


def test_an_audit_hook_that_came_later_returns_no_code_too_soon(tmp_path: Path) -> None:
    """The interpreter makes pending calls when it enters that hook: the reader would read instrumented code."""
    done = subprocess.run([sys.executable, "-c", LATER_HOOK], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


TRACED = """
import sys
from ipy_branchcov import measure
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.probes.readers import READING

reader = {"__name__": "cloudpickle.cloudpickle"}
exec("def read(function): return getattr(function, '__code__', None) or 0", reader)
with measure("program.py", counts=True):
    READING.imported("cloudpickle")
    import program
    for tracing in (sys.settrace, sys.setprofile):
        tracing(lambda *arguments: None)
        codes = [reader["read"](program.f) for _ in range(20)]
        tracing(None)
        assert not any(map(registry.known, codes))
    program.f(0)
    assert registry.known(program.f.__code__) is not None
"""


def test_code_is_read_where_a_function_traces(tmp_path: Path) -> None:
    """On 3.11 a pending call that added itself again there waited for itself for ever."""
    tmp_path.joinpath("program.py").write_text("def f(x): return 1 if x else 2")
    command = [sys.executable, "-c", TRACED]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


FINDS_BY_CODE = """
import sys
from types import FunctionType

KNOWN = {}

def made(function):
    text = compile(open(function.__code__.co_filename).read(), function.__code__.co_filename, "exec")
    (own,) = [each for each in text.co_consts if getattr(each, "co_name", None) == function.__name__]
    KNOWN[own] = function.__name__
    return FunctionType(own, function.__globals__)

def caller():
    return KNOWN.get(sys._getframe(1).f_code)
"""
FOUND = """
import birdseye
def f(x): return x and birdseye.caller()
g = birdseye.made(f)
assert [g(1) for _ in range(40)] == ["f"] * 40 and g(0) == 0
"""


@pytest.mark.parametrize("counts", [False, True])
def test_functions_stay_for_who_finds_them_by_their_code(tmp_path: Path, counts: bool) -> None:
    tmp_path.joinpath("birdseye.py").write_text(FINDS_BY_CODE)
    tmp_path.joinpath("program.py").write_text(FOUND)
    command = [sys.executable, "-m", "ipy_branchcov", "run", *["--counts"] * counts, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "never true" not in done.stdout
