"""Code that runs inside another tool's callback: no events are sent there: probes measure it, or it is reported."""

from __future__ import annotations

import bdb
import importlib.util
import sys
import trace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.reports.gates import failures
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.callbacks import Callbacks
from ipy_branchcov.tracing.failures import Failures

TOOL = """\
import sys

def inner(x):
    return "yes" if x else "no"

def called(*each):
    inner(0), inner(1)

class Tool:
    def __call__(self, *each):
        called()

def work(x):
    return 1 if x else 2

def traced(callback):
    sys.settrace(callback)
    work(0), work(1)
    sys.settrace(None)

def profiled(callback):
    sys.setprofile(callback)
    work(0), work(1)
    sys.setprofile(None)

def monitored(callback):
    monitoring = sys.monitoring
    monitoring.use_tool_id(2, "a tool")
    monitoring.register_callback(2, monitoring.events.PY_START, callback)
    monitoring.set_local_events(2, work.__code__, monitoring.events.PY_START)
    work(0), work(1)
    monitoring.set_local_events(2, work.__code__, 0)
    monitoring.free_tool_id(2)
"""
BY_PROBES = sys.version_info < (3, 12)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session = Session(RunOptions())
    session.add_source(str(tmp_path))
    return session


def imported(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(coverage: Coverage, function: str) -> None:
    """It is measured, or reported, and then no gate passes."""
    hits = [o.hits for each in coverage for b in each.branches if b.function == function for o in b.outcomes]
    assert hits
    if BY_PROBES:
        assert any(hits)
        assert coverage.lost == frozenset()
    else:
        assert not any(hits)
        assert any("callback of a tool" in line for line in coverage.lost), coverage.lost
        assert any("so the gate fails" in line for line in failures(coverage, 1))


@pytest.mark.parametrize(
    ("way", "callback"),
    [
        ("traced", "called"),
        ("traced", "method"),
        ("profiled", "Tool"),
        ("monitored", "called"),
        ("monitored", "partial"),
    ],
)
def test_a_measured_callback(session: Session, tmp_path: Path, way: str, callback: str) -> None:
    if BY_PROBES and way == "monitored":
        pytest.skip("no sys.monitoring")
    path = tmp_path / "tool.py"
    path.write_text(TOOL)
    with session.measuring() as run:
        module = imported(path)
        made = {
            "called": module.called,
            "Tool": module.Tool(),
            "partial": partial(module.called),
            "method": module.Tool().__call__,
        }
        getattr(module, way)(made[callback])
    session.close()
    check(run.coverage, "inner")


#: Tools that are not measured, and how each calls measured code.
OTHERS = {
    "global": "def callback(*each):\n    called()\n",
    "module": "import sys\ndef callback(*each):\n    module.called()\n",
    "through another": "def other():\n    called()\ndef callback(*each):\n    [other() for i in (1,)]\n",
    "closure": "def make(f):\n    return lambda *each: f()\ncallback = make(called)\n",
    "method": (
        "class Tool:\n    def __init__(self):\n        self.call = called\n"
        "    def see(self, *each):\n        self.call()\ncallback = Tool().see\n"
    ),
    "list": "hooks = [called]\ndef callback(*each):\n    for hook in hooks: hook()\n",
    "containers": "hooks = {'a': [(called,)]}\ndef callback(*each):\n    for hook in hooks.get('a'): hook[0]()\n",
    "object": (
        "class Base:\n    def __init__(self): self.call = {called}\n"
        "class Tool(Base):\n    def hooks(self): return self.call\n"
        "tool = Tool()\ndef callback(*each):\n    [hook() for hook in tool.hooks()]\n"
    ),
    "slots": (
        "class Tool:\n    __slots__ = ('call', 'other')\n    @property\n    def hook(self): return self.call\n"
        "tool = Tool()\ntool.call = called\ndef callback(*each):\n    tool.hook()\n"
    ),
    "class": "class Kind:\n    def __init__(self): called()\ndef callback(*each):\n    Kind()\n",
    "class of it": "def callback(*each):\n    module.Tool()()\n",
    "class method": (
        "class Kind:\n    @classmethod\n    def make(cls): called()\n"
        "class Tool:\n    kind = Kind\n    def __call__(self, *each):\n        self.kind.make()\ncallback = Tool()\n"
    ),
    "default": "def callback(*each, hook=called):\n    hook()\n",
    "partial": "import functools\ndef call(f, *each):\n    f()\ncallback = functools.partial(call, called)\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["traced", "monitored"])
@pytest.mark.parametrize("kind", OTHERS)
def test_a_callback_that_calls_measured_code(session: Session, tmp_path: Path, kind: str, way: str) -> None:
    if BY_PROBES and way == "monitored":
        pytest.skip("no sys.monitoring")
    (tmp_path / "tool.py").write_text(TOOL)
    with session.measuring() as run:
        module = imported(tmp_path / "tool.py")
        names = {"called": module.called, "module": module}
        exec(OTHERS[kind], names)
        getattr(module, way)(names["callback"])
    session.close()
    check(run.coverage, "inner")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "function"), [(bdb, "Bdb.dispatch_line"), (trace, "Trace.globaltrace_lt")], ids=["bdb", "trace"]
)
def test_a_real_tool_that_is_measured(session: Session, tmp_path: Path, library: ModuleType, function: str) -> None:
    path = tmp_path / f"my{library.__name__}.py"
    path.write_text(Path(str(library.__file__)).read_text())
    with session.measuring() as run:
        tool = imported(path)
        if library is bdb:
            debugger = tool.Bdb()
            debugger.set_step()
            debugger.runcall(sorted, [2, 1], key=lambda each: -each)
        else:
            tool.Trace(count=1, trace=0).runfunc(sorted, [2, 1], key=lambda each: -each)
    session.close()
    check(run.coverage, function)


class Hostile(type):
    """A class whose attributes, and those of its objects, are not to be asked."""

    def __getattribute__(cls, name: str) -> Any:
        raise AssertionError(name)


class HostileObject(metaclass=Hostile):
    @property
    def __class__(self) -> Any:
        raise AssertionError

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.mark.skipif(BY_PROBES, reason="no events are needed")
def test_no_code_of_the_program_runs_to_find_what_a_callback_calls() -> None:
    found = Failures()
    callbacks = Callbacks(lambda code: code is called.__code__, found)

    def called() -> None: ...

    hooks: list[Any] = [HostileObject(), HostileObject, [called]]
    callbacks.see(lambda: hooks[-1].call())
    callbacks.follow()
    assert len(list(found.lines(lambda code: "x"))) == 1


def test_a_callback_that_is_not_measured_is_no_loss(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "tool.py"
    path.write_text(TOOL)
    with session.measuring() as run:
        module = imported(path)
        module.traced(lambda *each: None)
        module.profiled(lambda *each: [len(each) for _ in each])
    session.close()
    assert run.coverage.lost == frozenset()


@pytest.mark.skipif(BY_PROBES, reason="no sys.monitoring")
def test_what_registers_callbacks_is_given_back(session: Session, tmp_path: Path) -> None:
    before = sys.monitoring.register_callback
    with session.measuring():
        assert sys.monitoring.register_callback is not before
    assert sys.monitoring.register_callback is before
