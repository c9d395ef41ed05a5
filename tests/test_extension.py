"""The extension gives a shell back what it changed, unless another tool has changed it since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel import Kernel, kernel

#: Each test has a kernel of its own.
pytestmark = pytest.mark.slow


@pytest.fixture
def fresh() -> Iterator[Kernel]:
    with kernel() as running:
        yield running


THEIRS = """\
shell = get_ipython()
class Theirs(type(shell.compile)):
    pass
def theirs(line, cell):
    return 'their magic'
def their_run_cell_async(*arguments, **keywords):
    return type(shell).run_cell_async(shell, *arguments, **keywords)
shell.compile.__class__ = Theirs
shell.magics_manager.magics['cell']['branchcov'] = theirs
shell.input_transformers_cleanup.clear()
shell.configurables.clear()
shell.Completer.custom_matchers.clear()
shell.run_cell_async = their_run_cell_async
shell.kernel.lite_transform_manager.line_transforms.clear()
for event in ('pre_run_cell', 'post_run_cell'):
    shell.events.callbacks[event].clear()
"""
#: What the kernel of JupyterLite has and ipykernel has not.
LITE = """\
from types import SimpleNamespace
get_ipython().kernel.lite_transform_manager = SimpleNamespace(line_transforms=[])
"""


def test_what_another_tool_changed_since_is_left_alone(fresh: Kernel) -> None:
    fresh.run(LITE)
    fresh.run("%load_ext ipy_branchcov")
    assert fresh.run(THEIRS).status == "ok"
    unloaded = fresh.run("%unload_ext ipy_branchcov")
    assert (unloaded.status, unloaded.traceback, unloaded.stderr) == ("ok", "", "")
    assert fresh.ask("type(shell.compile).__name__") == "'Theirs'"
    assert fresh.ask("shell.magics_manager.magics['cell']['branchcov'] is theirs") == "True"
    assert fresh.ask("shell.run_cell_async is their_run_cell_async") == "True"


def test_what_stood_in_the_shell_before_is_called_and_comes_back(fresh: Kernel) -> None:
    fresh.run(LITE)
    fresh.run(
        "shell, calls = get_ipython(), []\n"
        "def before(*arguments, **keywords):\n"
        "    calls.append(1)\n"
        "    return type(shell).run_cell_async(shell, *arguments, **keywords)\n"
        "shell.run_cell_async = before"
    )
    fresh.run("%load_ext ipy_branchcov")
    first, second = (int(fresh.ask("len(calls)")) for _ in range(2))  # to ask is to run an empty cell
    fresh.run("1")
    assert int(fresh.ask("len(calls)")) == second + 1 + (second - first)
    fresh.run("%unload_ext ipy_branchcov")
    assert fresh.ask("shell.run_cell_async is before") == "True"


def test_a_users_function_called_run_cell_does_not_begin_a_cell(fresh: Kernel) -> None:
    fresh.run("%load_ext ipy_branchcov")
    fresh.run("def run_cell():\n    return get_ipython().transform_cell('%%branchcov\\n1')")
    assert "run_cell_magic('branchcov'" in fresh.run("run_cell()").value
    assert fresh.run("%%branchcov\n1 if [1] else 2").text.startswith("branchcov: 1 of 2")


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("exclude = ['(']", "[tool.branchcov] exclude: '(' is not a regular expression (missing ), "),
        ("source = ['no_such']", "[tool.branchcov] source no_such: no module, directory or file of that name; "),
    ],
)
def test_a_wrong_configuration_is_one_line(fresh: Kernel, tmp_path: Path, table: str, line: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.branchcov]\n{table}\n")
    fresh.run(f"%cd -q {tmp_path}")
    shown = fresh.run("%load_ext ipy_branchcov")
    assert (shown.error, shown.traceback.count("\n")) == ("UsageError", 0)
    assert line in shown.traceback


def test_a_wrong_setting_is_one_line_and_not_kept(fresh: Kernel) -> None:
    fresh.run("%load_ext ipy_branchcov")
    shown = fresh.run("%config BranchCov.fail_under = 101")
    assert "BranchCov.fail_under: must be a number from 0 to 100, not 101" in shown.stderr
    assert "Traceback" not in shown.stderr and shown.status == "ok"
    assert fresh.ask("get_ipython()._ipy_branchcov_extension.settings.fail_under") == "None"
    fresh.run("%config BranchCov.fail_under = 99")
    assert fresh.run("%%branchcov\n1 if [1] else 2").error == "BelowThreshold"


def test_a_setting_changed_while_every_cell_is_measured_holds_for_the_next_cell(fresh: Kernel) -> None:
    fresh.run("%load_ext ipy_branchcov")
    fresh.run("%branchcov_auto on")
    fresh.run("%config BranchCov.counts = True")
    fresh.run("%branchcov_reset")
    fresh.run("[0 for _ in range(5)]")
    fresh.run("%branchcov_auto off")
    fresh.run("%branchcov_report -q -o found")
    assert fresh.ask("found.counted, max(o.hits for s in found for b in s.branches for o in b.outcomes)") == "(True, 5)"
