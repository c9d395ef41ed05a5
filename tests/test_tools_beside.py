"""Real tools beside ours in one process: each gives the result that it gives without us, and so do we."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.reports.gates import failures
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

SUBJECT = """\
def pick(x):
    if x > 3 and x < 9:
        return 1
    return 2
def run():
    return pick(1), pick(5), [i for i in range(3) if i or
        i > 7]
"""
#: A script that runs the subject under the tool and prints the tool's result.
TOOLS = {
    "none": "print(subject.run())",
    "coverage": """
import coverage
tool = coverage.Coverage(data_file=None, include=["*subject.py"], branch=BRANCH)
tool.start()
print(subject.run())
tool.stop()
print(sorted(tool.get_data().lines(subject.__file__)), sorted(tool.get_data().arcs(subject.__file__) or ()))
""",
    "cProfile": """
import cProfile, pstats
tool = cProfile.Profile()
tool.runcall(subject.run)
print(sorted((name, value[:2]) for (_, _, name), value in pstats.Stats(tool).stats.items()))
""",
    "settrace": """
import sys
seen = []
def trace(frame, event, arg):
    if frame.f_code.co_filename == subject.__file__:
        seen.append((event, frame.f_lineno))
        return trace
sys.settrace(trace)
subject.run()
sys.settrace(None)
print(seen)
""",
    "pdb": """
import io, pdb
out = io.StringIO()
tool = pdb.Pdb(stdin=io.StringIO("s\\ns\\nn\\nn\\nn\\np x\\nc\\n"), stdout=out, nosigint=True, readrc=False)
tool.runcall(subject.run)
print(out.getvalue())
""",
    "pdb in code that is not measured": """
import io, pdb, sys
sys.stdin = io.StringIO("n\\nn\\nn\\nc\\n")
text = "def f(x):\\n    pdb.Pdb(nosigint=True, readrc=False).set_trace()\\n    y = x\\n    return y\\nf(1)"
exec(compile(text, "<not measured>", "exec"), {"pdb": pdb})
print(subject.run())
""",
    "hypothesis": """
import hypothesis, hypothesis.strategies as st
@hypothesis.settings(derandomize=True, database=None, phases=list(hypothesis.Phase))
@hypothesis.given(st.integers(0, 20))
def fails(x):
    assert subject.pick(x) == 2
try:
    fails()
except AssertionError as error:
    print(repr(error), getattr(error, "__notes__", None))
subject.run()
""",
}


def ended(folder: Path, tool: str, core: str, *, measured: bool) -> tuple[str, object]:
    """What the script prints, and with us the outcomes of the subject."""
    (folder / "subject.py").write_text(SUBJECT)
    branch = str(core != "sysmon" or sys.version_info >= (3, 14))
    (folder / "script.py").write_text("import subject\n" + TOOLS[tool].replace("BRANCH", branch))
    us = ["-m", "ipy_branchcov", "run", "--source", "subject", "--json", "out.json"] if measured else []
    done = subprocess.run(
        [sys.executable, *us, "script.py"],
        cwd=folder,
        env={**os.environ, "COVERAGE_CORE": core, "PYTHONHASHSEED": "0", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if not measured:
        return done.stdout, None
    data = json.loads((folder / "out.json").read_text("utf-8"))
    assert not data.get("lost"), "no tool calls measured code in its callbacks"
    (source,) = data["sources"]
    outcomes = [[bool(each["hits"]) for each in branch["outcomes"]] for branch in source["branches"]]
    return done.stdout, (outcomes, source["missed_lines"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "core"),
    [
        *(("coverage", core) for core in ("ctrace", "pytrace", "sysmon")),
        *((tool, "ctrace") for tool in TOOLS if tool not in ("none", "coverage")),
    ],
)
def test_both_results_are_as_alone(tmp_path: Path, tool: str, core: str) -> None:
    if tool in ("coverage", "hypothesis") and importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed")
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("no sys.monitoring")
    plain, _ = ended(tmp_path, tool, core, measured=False)
    beside, ours = ended(tmp_path, tool, core, measured=True)
    assert beside.startswith(plain), f"{plain}\n---\n{beside}"
    _, alone = ended(tmp_path, "none", core, measured=True)
    if tool == "hypothesis":  # it chooses inputs of its own
        assert isinstance(ours, tuple) and all(map(any, ours[0])) and ours[1] == []
    else:
        assert ours == alone


#: coverage.py measures what measures.
AROUND = """
import json, coverage
tool = coverage.Coverage(data_file=None, include=["*subject.py"], branch=True)
tool.start()
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
session = Session(RunOptions(tracer="settrace", source=("subject",)))
with session.measuring() as run:
    import subject
    subject.run()
tool.stop()
source, = run.coverage.sources
print(json.dumps([
    sorted(tool.get_data().lines(subject.__file__)), source.note, sorted(source.missed_lines),
    [[bool(each.hits) for each in branch.outcomes] for branch in source.branches],
]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("core", ["ctrace", "pytrace"])
def test_coverage_around_the_reference_tracer(tmp_path: Path, core: str) -> None:
    (tmp_path / "subject.py").write_text(SUBJECT)
    done = subprocess.run(
        [sys.executable, "-c", AROUND],
        cwd=tmp_path,
        env={**os.environ, "COVERAGE_CORE": core, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines, note, missed, outcomes = json.loads(done.stdout)
    assert note == "" and missed == [] and lines == [1, 2, 3, 4, 5, 6, 7]
    both = [True, True]
    assert outcomes == [both, both, [True, False], both, both, both, [False, True]]


def test_a_trace_function_that_is_replaced_before_anything_ran_is_a_loss(tmp_path: Path) -> None:
    session = Session(RunOptions(tracer="settrace", source=(str(tmp_path),)))
    before = sys.gettrace()
    try:
        with session.measuring() as run:
            sys.settrace(None)
    finally:
        sys.settrace(before)
    assert [line for line in run.coverage.lost if "replaced the trace function" in line]
    assert any("so the gate fails" in line for line in failures(run.coverage, 1))


@pytest.mark.parametrize(("wrapper", "noted"), [("return f()", False), ("return f() if f else 0", True)])
def test_a_wrapper_in_the_place_of_a_function(tmp_path: Path, wrapper: str, noted: bool) -> None:
    """As Hypothesis makes them: what has no branches loses none."""
    path = tmp_path / "subject.py"
    path.write_text("def f(x=0):\n    return 1 if x else 2\n")
    session = Session(RunOptions(source=(str(path),)))
    names: dict[str, Any] = {}
    with session.measuring() as run:
        exec(session.instrument(compile(path.read_text(), str(path), "exec")), names)
        exec(compile(f"def made(f):\n    def f_(): {wrapper}\n    return f_", "<made>", "exec"), names)
        made = names["made"](names["f"])
        made.__code__ = made.__code__.replace(co_filename=str(path), co_firstlineno=1)
        assert made() == 2
    (source,) = run.coverage
    assert [outcome.hits for branch in source.branches for outcome in branch.outcomes] == [0, 1]
    # On 3.11 no event comes from code that a function is given so.
    assert bool(source.unmeasured) == (noted and sys.version_info >= (3, 12)), source.note
