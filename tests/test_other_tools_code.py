"""Tools that hash, compare, pickle, write or compile the code of a program do the same when it is measured."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

#: What runs under each tool.
LOOPS = """\
def work(n):
    total = 0
    for i in range(n):
        if i % 2 == 0 and i > 2:
            total += i
        else:
            total -= 1 if i % 3 else 2
    while total > 10:
        total -= 1
    return [each for each in (total, n) if each] or None
"""
NODES = """\
import sys, traceback
import stack_data
from executing import Source
from IPython.core.ultratb import VerboseTB

def here(*values):
    return Source.executing(sys._getframe(1)).text()

def find(x):
    a = here(x + 1) if x and x > 1 else here(x - 1)
    for y in (1, 2):
        b = here(y if y > 1 else 0)
    while x > 4:
        x -= 1
        d = here(x)
    return a, b, [here(z) for z in (1, 2) if z > 1]

def divide(x):
    for i in x:
        if i and i > 0 or not i:
            1 / i if i is not None else None

print(find(5), find(0))
try:
    divide([3, 0])
except ZeroDivisionError as error:
    for frame in stack_data.FrameInfo.stack_data(error.__traceback__):
        print(frame.code.co_name, frame.lineno, frame.executing.text(), [each.name for each in frame.variables])
    print(traceback.format_exc(), VerboseTB().text(*sys.exc_info()))
"""
ICECREAM = """\
from icecream import ic
ic.configureOutput(outputFunction=print)
def f(x):
    y = ic(x + 1) if x and x > 1 else ic(x - 1)
    for i in (1, 2):
        ic(i if i > 1 else 0)
    return ic([z for z in (1, 2) if z > y])
f(5), f(0)
"""
SNOOP = """\
import io
import snoop
out = io.StringIO()
snoop.install(out=out, columns=())
@snoop
def f(x):
    while x > 1 and x < 10:
        x -= 1 if x % 2 else 2
    return [z for z in (1, 2, 3) if z > x] if x else snoop.pp(x or 3)
f(4), f(3)
print([line for line in out.getvalue().splitlines() if " at 0x" not in line])
"""
TRACE = """\
import marshal, trace, types
counted = trace.Trace(count=1, trace=0)
counted.runfunc(work, 10)
print(sorted((line, hits) for (file, line), hits in counted.results().counts.items() if file == __file__))
print(sorted(map(str, trace._find_lines(work.__code__, {}))), {work.__code__: 1}[work.__code__])
made = types.FunctionType(marshal.loads(marshal.dumps(work.__code__)), globals())
print(made(9), made(0), marshal.loads(marshal.dumps(work.__code__)).co_code.hex())
print(work(3), types.FunctionType(work.__code__.replace(co_name="other"), globals())(3))
"""
LINE_PROFILER = """\
from line_profiler import LineProfiler
profiler = LineProfiler()
measured = profiler(work)
print(measured(10), measured(3))
@profiler
def other(x):
    return 1 if x else 2
other(1), other(0), other(0)
for (file, line, name), rows in sorted(profiler.get_stats().timings.items(), key=lambda each: each[0][1]):
    print(line, name, [(line, hits) for line, hits, time in rows])
"""
CLOUDPICKLE = """\
import base64, pickle, subprocess, sys
import cloudpickle
class Kind:
    def method(self, x):
        return [i for i in range(x) if i] if x else None
made = lambda n: (i for i in range(n) if i % 2)
work(2), Kind().method(0)
shipped = cloudpickle.dumps((work, Kind, made))
print(work(7), Kind().method(3), list(made(5)))  # they go on being measured
CHILD = '''
import base64, pickle, sys
work, Kind, made = pickle.loads(base64.b64decode(sys.stdin.read()))
for each in (work, Kind.method, made):  # before they run: they are measured here, too
    print(each.__code__.co_code.hex(), len(each.__code__.co_consts))
print(work(7), work(0), Kind().method(3), list(made(5)))
'''
sent = base64.b64encode(shipped).decode()
print(subprocess.run([sys.executable, "-c", CHILD], input=sent, capture_output=True, text=True))
local = pickle.loads(shipped)[0]
print(local(9), local(0), len(shipped))
# Code that the program reads itself is loaded where this package is not.
BARE = "import sys, types; sys.modules['ipy_branchcov'] = None; sys.path.insert(0, '.'); import pickle\\n"
BARE += f"code = pickle.loads({cloudpickle.dumps(work.__code__)!r})\\n"
BARE += "made = types.FunctionType(code, {})\\nprint(made(7), made(0), {code: 1}[code])"
ended = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, env={})
print(ended.stdout, ended.stderr)
"""
COPYREG = """\
import copyreg, copy, pickle, types
NAMES = "argcount posonlyargcount kwonlyargcount nlocals stacksize flags code consts names varnames filename name"
NAMES = NAMES.split() + ["qualname", "firstlineno", "linetable", "exceptiontable", "freevars", "cellvars"]
def made(*parts):
    return types.CodeType(*parts)
copyreg.pickle(types.CodeType, lambda code: (made, tuple(getattr(code, "co_" + name) for name in NAMES)))
sent = pickle.dumps(work.__code__)
for each in (pickle.loads(sent), copy.deepcopy(work.__code__)):
    arrived = types.FunctionType(each, globals())
    print(arrived(7), arrived(0), work(7))
"""
JOBLIB = """\
import tempfile
from joblib import Memory, Parallel, delayed
from joblib.externals.loky import get_reusable_executor
if __name__ == "__main__":
    print(Parallel(n_jobs=2)(delayed(work)(i) for i in range(6)))
    print(Parallel(n_jobs=2)(delayed(lambda x: x if x else 9)(i) for i in range(3)))
    get_reusable_executor().shutdown()
    with tempfile.TemporaryDirectory() as folder:
        cached = Memory(folder, verbose=0).cache(work)
        print(cached(3), cached(3), cached.check_call_in_cache(3), cached.check_call_in_cache(4))
"""
SQLALCHEMY = """\
from sqlalchemy import Column, Integer, String, create_engine, lambda_stmt, select
from sqlalchemy.orm import Session, declarative_base
Base = declarative_base()
class Person(Base):
    __tablename__ = "person"
    id = Column(Integer, primary_key=True)
    name = Column(String)
engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
def find(session, low, names=None):
    statement = lambda_stmt(lambda: select(Person))
    statement += lambda query: query.where(Person.id > low)
    if names:
        statement += lambda query: query.where(Person.name.in_(names) if names else Person.id > 0)
    return [each.name for each in session.execute(statement).scalars()]
with Session(engine) as session:
    session.add_all([Person(id=i, name=name) for i, name in enumerate("abcd", 1)])
    for low in (1, 2, 0):
        print(find(session, low), find(session, low, ["c", "d"]))
"""
JINJA = """\
import tempfile
from jinja2 import DictLoader, Environment, FileSystemBytecodeCache
TEXT = "{% for i in x if i %}{{ i if i > 1 else 'one' }}{% else %}none{% endfor %}{% if x and x[0] %}!{% endif %}"
with tempfile.TemporaryDirectory() as folder:
    for _ in range(2):
        made = Environment(loader=DictLoader({"a": TEXT}), bytecode_cache=FileSystemBytecodeCache(folder))
        print(made.get_template("a").render(x=[0, 1, 2]), made.get_template("a").render(x=[]))
"""
NUMBA = """\
import numba
@numba.njit
def count(n):
    total = 0
    for i in range(n):
        if i % 2 == 0 and i > 2:
            total += i
        else:
            total -= 1 if i % 3 else 2
    while total > 10:
        total -= 1
    return total
@numba.njit
def chain(x):
    assert x > 0 and x < 10
    return len([i for i in range(x) if i % 2]) if 0 < x < 5 else count(x)
print(count(10), count.py_func(10), chain(3), chain(7), chain.py_func(3))
"""
PONY = """\
from pony.orm import *
db = Database()
db.bind("sqlite", ":memory:")
class Person(db.Entity):
    name = Required(str)
    age = Required(int)
db.generate_mapping(create_tables=True)
low, high = 1, 4
with db_session:
    for i, name in enumerate("abxz"):
        Person(name=name, age=i + 1)
    flush()
    print(sorted(map(str, select(p for p in Person if p.age > low and p.age < high or p.name == "x"))))
    print(sorted(map(str, Person.select(lambda p: p.age == 1 or p.name != "k"))))
    print(sorted(map(str, select((p.name, q.name) for p in Person for q in Person if p.age < q.age))))
    print(sorted(select("old" if p.age > 2 else "young" for p in Person)))
print(list(i for i in range(3) if i))
"""
#: The packages that each program needs, and the program.
TOOLS = {
    "nodes": (("executing", "stack_data"), NODES),
    "icecream": (("icecream",), ICECREAM),
    "snoop": (("snoop",), SNOOP),
    "trace": ((), LOOPS + TRACE),
    "line_profiler": (("line_profiler",), LOOPS + LINE_PROFILER),
    "cloudpickle": (("cloudpickle",), LOOPS + CLOUDPICKLE),
    "copyreg": ((), LOOPS + COPYREG),
    "joblib": (("joblib",), LOOPS + JOBLIB),
    "sqlalchemy": (("sqlalchemy",), SQLALCHEMY),
    "jinja2": (("jinja2",), JINJA),
    "numba": (("numba",), NUMBA),
    "pony": (("pony",), PONY),
}
MEASURED = "import sys; from ipy_branchcov.cli import main; sys.exit(main(sys.argv[1:]))"


def output(path: Path, *command: str) -> tuple[str, str]:
    """What a program prints, and the report that follows where it is measured."""
    ended = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=100, cwd=path.parent, check=False
    )
    assert not ended.returncode, ended.stderr
    printed, mark, report = ended.stdout.partition("branchcov:")
    return printed + ended.stderr, mark + report


@pytest.mark.parametrize("name", TOOLS)
def test_tool(name: str, tmp_path: Path) -> None:
    packages, program = TOOLS[name]
    for package in packages:
        # Not imported here: in a process in which pony is, no generator expression is instrumented.
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"no {package}")
    path = tmp_path / "program.py"
    path.write_text(program)
    plain, _ = output(path, str(path))
    assert plain
    ways: tuple[tuple[str, ...], ...] = (("--counts",), ()) if sys.version_info < (3, 14) else (("--counts",),)
    for options in ways:
        measured, report = output(path, "-c", MEASURED, "run", *options, str(path))
        assert measured == plain, options
        assert "branchcov: 0 of" not in report, report
        rewrites = sys.version_info < (3, 12)
        assert ("left as they are for pony" in report) == (name == "pony" and rewrites), report
        # What numba and pony compile runs elsewhere: the report says which functions these are.
        compiled = {"numba": "chain (line 13): compiled by numba", "pony": "<lambda> (line 14): compiled by pony"}
        assert {who for who, text in compiled.items() if text in report} == {name} & compiled.keys(), report
