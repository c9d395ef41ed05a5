"""A process that a run starts waits for measured code: until then it has next to nothing of us, and then it has all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipy_branchcov.model.coverage import merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.processes import asked, awaited, watch
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.session.scope import Scope

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="POSIX")]

FUNCTION = "def f(x):\n    return 1 if x else 2\n"
#: All that a process has of us that measures nothing.
SMALL = {f"ipy_branchcov.{name}" for name in ("own_builtins", "processes")} | {
    f"ipy_branchcov.processes.{name}" for name in ("asked", "awaited", "endings", "start", "wake", "watch")
}
MADE = """\
import types
code = compile(open(path).read(), path, 'exec')
f = types.FunctionType(next(each for each in code.co_consts if isinstance(each, types.CodeType)), {})
"""
LOADER = """\
import importlib.abc, importlib.util
class Loader(importlib.abc.Loader):
    def exec_module(self, module):
        exec(compile(open(path).read(), path, 'exec'), vars(module))
m = importlib.util.module_from_spec(importlib.util.spec_from_loader('m', Loader()))
m.__spec__.loader.exec_module(m)
"""
#: Programs that call the function once, with a true value. ``path`` is that of its file.
WAYS = {
    "an import": "import m; m.f(1)",
    "os._exit from before": "from os import _exit\nimport m\nm.f(1)\n_exit(0)",
    "atexit from before": "import atexit\natexit.register(lambda: __import__('m').f(1))",
    "atexit from before, import since": "import atexit, sys\natexit.register(lambda: sys.modules['m'].f(1))\nimport m",
    "SIGTERM after an import in a thread": (
        "import os, signal, threading\n"
        "thread = threading.Thread(target=lambda: __import__('m').f(1))\n"
        "thread.start(); thread.join(); os.kill(os.getpid(), signal.SIGTERM)\n"
    ),
    "threads at once": (
        "import threading\nat = threading.Barrier(4)\n"
        "def run(number):\n    at.wait()\n    module = __import__('m')\n    if number == 3: module.f(1)\n"
        "threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]\n"
        "for each in threads: each.start()\nfor each in threads: each.join()\n"
    ),
    "another folder": "import os; os.chdir('/'); import m; m.f(1)",
    "a relative path": "import os, sys; os.chdir('..'); sys.path[0] = 'src'; import m; m.f(1)",
    "a link": "import os, sys; os.symlink(os.getcwd(), '../link'); sys.path[0] = '../link'; import m; m.f(1)",
    "modules of the names of ours": (
        "import sys\nopen('json.py', 'w').write('1 / 0')\nopen('dataclasses.py', 'w').write('1 / 0')\nimport m; m.f(1)"
    ),
    "executed text": "names = {}; exec(compile(open(path).read(), path, 'exec'), names); names['f'](1)",
    "a function made of code": f"{MADE}f(1)",
    "a loader of its own": f"{LOADER}m.f(1)",
    "runpy.run_path": "import runpy; runpy.run_path(path)['f'](1)",
    "runpy.run_module": "import runpy; runpy.run_module('m')['f'](1)",
    "a fork": "import os\npid = os.fork()\nif not pid:\n    import m; m.f(1); os._exit(0)\nos.waitpid(pid, 0)",
    "a fork afterwards": "import os, m\npid = os.fork()\nif not pid:\n    m.f(1); os._exit(0)\nos.waitpid(pid, 0)",
    "exec of another one": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'import m; m.f(1)'])",
    "its own run": "import ipy_branchcov\nwith ipy_branchcov.measure(path):\n    import m\n    m.f(1)",
    "a run before": "import ipy_branchcov\nwith ipy_branchcov.measure(path):\n    pass\nimport m; m.f(1)",
}


@pytest.fixture
def folder() -> Iterator[DataFolder]:
    made = DataFolder()
    yield made
    made.remove()


def started(folder: DataFolder, place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BRANCHCOV_PROCESSES": str(folder.path), "PYTHONPATH": str(place)}
    return subprocess.run(
        [sys.executable, *command], cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/m.py").write_text(FUNCTION)
    return tmp_path / "src"


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_lost_by_waiting(way: str, place: Path, folder: DataFolder) -> None:
    folder.write_settings({"source": [str(place / "m.py")], "counts": True})
    done = started(folder, place, "-c", f"path = {str(place / 'm.py')!r}\n{WAYS[way]}")
    assert not done.stdout and not done.stderr
    found, lost = folder.collect(Scope(place))
    hits = [[each.hits for each in branch.outcomes] for source in merge(found) for branch in source.branches]
    assert hits == [[1, 0]] and not lost


@pytest.mark.parametrize("source", ["src", "src/run"])
def test_a_script_is_measured_from_its_first_line(source: str, place: Path, folder: DataFolder) -> None:
    (place / "run").write_text(f"import sys\n{FUNCTION}f(1) if 'json' in sys.modules else f(0)\n")
    (place / "run.py").write_text("import sys\nx = 1 if 'ipy_branchcov.session.session' in sys.modules else 2\n")
    folder.write_settings({"source": [str(place.parent / source)], "counts": True})
    assert not started(folder, place, "run" if source == "src/run" else "run.py").stderr
    found, lost = folder.collect(Scope(place))
    hits = [[each.hits for each in branch.outcomes] for source in merge(found) for branch in source.branches]
    assert hits == ([[1, 0], [1, 0]] if source == "src/run" else [[1, 0]]) and not lost


#: What is beside the sources, and is not measured.
OTHERS = {
    "nothing": ["-c", "pass"],
    "the standard library": ["-c", "import json, unittest, multiprocessing.pool, asyncio"],
    "a module beside": ["-c", "import other"],
    "a script beside": ["other.py"],
    "a text of no file": ["-c", "exec(compile('x = 1', 'm', 'exec')); eval('2')"],
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_process_that_measures_nothing_has_next_to_nothing_of_us(kind: str, place: Path, folder: DataFolder) -> None:
    shows = "import sys, atexit\nprint(*(name for name in sys.modules if name.startswith('ipy_branchcov.')))\n"
    (place / "other.py").write_text(shows)
    (place / "at_end.py").write_text("import other\n")
    folder.write_settings({"source": [str(place / "m.py"), str(place / "pkg")], "counts": True})
    (place / "pkg").mkdir()
    before = sorted(folder.path.iterdir())
    command = OTHERS[kind]
    done = started(folder, place, *(command if command == ["other.py"] else ["-c", f"{command[1]}\n{shows}"]))
    assert not done.stderr
    assert set(done.stdout.split()) == SMALL
    assert sorted(folder.path.iterdir()) == before


def test_what_cannot_begin_is_a_loss_and_no_error(place: Path, folder: DataFolder) -> None:
    folder.write_settings({"source": [str(place / "m.py")], "tracer": "none of ours"})
    done = started(folder, place, "-c", "import m; print(m.f(1))")
    assert (done.stdout, done.stderr) == ("1\n", "")
    found, lost = folder.collect(Scope(place))
    assert not found and len(lost) == 1
    assert lost[0].startswith("a process was not measured: ") and "no tracer 'none of ours'" in lost[0]


def test_the_loader_is_given_back_when_it_begins(place: Path, folder: DataFolder) -> None:
    """An error of a module is shown without a frame of ours, while it waits and afterwards."""
    (place / "bad.py").write_text("x = =\n")
    folder.write_settings({"source": [str(place / "m.py")]})
    ways = {"-I": "", "": "", " ": "import m\n"}
    shown = [
        started(folder, place, *option.split(), "-c", f"import sys\nsys.path[:0] = [{str(place)!r}]\n{text}import bad")
        for option, text in ways.items()
    ]
    assert len({each.stderr.replace("line 4", "line 3") for each in shown}) == 1
    assert "get_code" not in shown[0].stderr and "SyntaxError" in shown[0].stderr


def test_settings_have_any_name_of_a_file(folder: DataFolder) -> None:
    sources = ["/a b/ü", "/line\nbreak", os.fsdecode(b"/no\xfftext")]
    folder.write_settings({"source": sources})
    assert asked.read(str(folder.path)) == [json.dumps({"source": sources}), *sources]


def test_the_place_of_a_source_says_whether_its_code_may_be_measured(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "run").write_text("")
    places = awaited.Places([str(tmp_path / "pkg"), str(tmp_path / "run")])
    assert not places.unknown
    covered = {f"{tmp_path}/pkg/a.py": True, f"{tmp_path}/run": True, f"{tmp_path}/pkg/a.so": False, "<string>": False}
    assert {name: places.covers(name) for name in covered} == covered
    assert awaited.Places([json.__file__]).unknown, "we import it when we begin"
    assert awaited.Places([watch.__file__]).unknown and awaited.Places(["no such place"]).unknown
    root = awaited.Places(["/"])
    assert not root.covers(pytest.__file__), "it is installed, and a folder around it is named"
    assert awaited.Places([str(Path(pytest.__file__).parent)]).covers(pytest.__file__)


def test_code_is_known_through_links_to_its_file_and_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pkg" / "inner").mkdir(parents=True)
    (tmp_path / "pkg" / "a.py").write_text("")
    (tmp_path / "folder").symlink_to("pkg")
    (tmp_path / "b.py").symlink_to("pkg/a.py")
    (tmp_path / "pkg" / "out.py").symlink_to(__file__)
    places = awaited.Places([str(tmp_path / "pkg")])
    for name in ("folder/a.py", "folder/new.py", "b.py", "pkg/inner/../a.py", "folder/inner/../a.py"):
        assert places.covers(f"{tmp_path}/{name}"), name
    for name in ("a.py", "pkg/out.py", "folder/../a.py", "pkg/.."):
        assert not places.covers(f"{tmp_path}/{name}"), name
    monkeypatch.chdir(tmp_path / "folder")
    assert places.covers("a.py")
    monkeypatch.chdir(tmp_path)
    assert not places.covers("a.py")


def test_a_cell_is_known_by_the_name_of_its_file(folder: DataFolder) -> None:
    cells = awaited.Cells(str(folder.path))
    assert not cells.has("<cell 1>") and not cells.has(awaited.SENT)
    folder.add_cell("<cell 1>", Source("In [1]", "x = 1", "cell"))
    assert cells.has("<cell 1>") and cells.has(awaited.SENT) and not cells.has("<cell 2>")
    folder.add_cell("<cell ü>", Source("In [2]", "x = 1", "cell"))
    assert cells.has("<cell 2>"), "where a name cannot be read, it may be any"
