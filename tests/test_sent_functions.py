"""Functions that picklers send by value: those of a script, and lambdas of any module. Their code names no file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_branchcov.processes import awaited
from ipy_branchcov.session import sent
from ipy_branchcov.session.scope import Scope

pytest.importorskip("cloudpickle")

WORK = "def make(limit):\n    return lambda x: 1 if x > limit else 2\n"
SCRIPT = """\
import work
from joblib import Parallel, delayed

def local(x):
    if x > 2:
        return "big"
    return "small"

if __name__ == "__main__":
    print(Parallel(2)(delayed(local)(x) for x in (1, 3, 5)))
    print(Parallel(2)(delayed(work.make(2))(x) for x in (1, 3, 5)))
"""
HERE = """\
import pickle
import cloudpickle
import ipy_branchcov

def local(x):
    if x > 2:
        return "big"
    return "small"

def measured(function):
    with ipy_branchcov.measure(__file__, counts=True) as run:
        function = function or pickle.loads(cloudpickle.dumps(local))
        for x in (1, 3, 5):
            function(x)
    branch = next(each for each in run.coverage.sources[0].branches if each.function == "local")
    print([outcome.hits for outcome in branch.outcomes])
    return function

measured(measured(None))
"""


@pytest.mark.slow
def test_functions_of_a_script_and_lambdas_that_are_sent_to_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("joblib")
    monkeypatch.chdir(tmp_path)
    Path("work.py").write_text(WORK)
    Path("script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "ipy_branchcov", "run", "--source", ".", "--counts", "--json", "x.json"]
    done = subprocess.run([*command, "script.py"], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.splitlines()[:2] == ["['small', 'big', 'big']", "[2, 1, 1]"], done
    found = {
        (source["name"], branch["function"]): [outcome["hits"] for outcome in branch["outcomes"]]
        for source in json.loads(Path("x.json").read_text())["sources"]
        for branch in source["branches"]
    }
    assert found["script.py", "local"] == [2, 1]
    assert found["work.py", "make.<locals>.<lambda>"] == [2, 1]


def test_a_function_that_was_sent_and_came_back(tmp_path: Path) -> None:
    path = tmp_path / "here.py"
    path.write_text(HERE)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("[2, 1]\n[2, 1]\n", "")


def test_the_file_of_code_is_found_by_its_text(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def one(x):\n    return x\n")
    (tmp_path / "b.py").write_text("def one(x):\n    return x + 1\n\n@len\ndef two(): pass\n")
    (tmp_path / "wrong.py").write_text("def one(x:\n")
    find = sent.SentFunctions(Scope(tmp_path, source=[str(tmp_path)]))

    def name(text: str) -> str | None:
        whole = compile(text, sent.SENT, "exec", dont_inherit=True)
        found = find(next(each for each in whole.co_consts if hasattr(each, "co_code")))
        return None if found is None else found.name

    assert name("def one(x):\n    return x\n") == "a.py"
    assert name("def one(x):\n    return x + 1\n") == "b.py"
    assert name("\n\n\n@len\ndef two(): pass\n") == "b.py"
    assert name("def one(x):\n    return x + 2\n") is None
    assert name("\ndef one(x):\n    return x\n") is None
    assert name("\n" * 90 + "def one(x):\n    return x\n") is None


def test_both_halves_wait_for_the_same_name() -> None:
    assert sent.SENT == awaited.SENT
