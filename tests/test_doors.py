"""The doors' parts that need no kernel, browser or process to be tested: cells, displays, replies, options."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_branchcov.cli import main
from ipy_branchcov.data import json_form
from ipy_branchcov.data.files import save
from ipy_branchcov.errors import DataError, UsageError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.notebook.cells import Cells, body_of, options_of, uncommanded
from ipy_branchcov.notebook.display import live
from ipy_branchcov.notebook.pyodide import PyodideKernel
from ipy_branchcov.notebook.watch import Watch
from ipy_branchcov.processes import in_kernel, kernels
from ipy_branchcov.processes.asked import VARIABLE
from ipy_branchcov.processes.children import Processes
from ipy_branchcov.processes.folder import DataFolder
from ipy_branchcov.processes.notebooks import run_notebook
from ipy_branchcov.pytest_plugin import plugin, run
from ipy_branchcov.reports.syntax import colours
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.session.session import Session

COVERAGE = Coverage(
    (
        SourceCoverage(
            Source("In [1]", "a or b"), (Branch("or", Span(1, 0, 1, 1), (Outcome("true", 1), Outcome("false"))),)
        ),
    )
)


# --- notebooks


def test_the_first_line_of_a_cell() -> None:
    assert options_of("\n%%branchcov --counts\nx") == "--counts"
    assert (options_of("%%branchcov"), options_of("x = 1"), options_of("%%branchcovs")) == ("", None, None)
    assert (body_of("%%branchcov\nx\ny"), body_of("x")) == ("x\ny", None)
    assert uncommanded(["%%branchcov\n", "x\n"]) == ["# %%branchcov\n", "x\n"]
    assert uncommanded(["%%branchcov\n", "%%time\n", "x\n"]) == ["%%time\n", "x\n"]


def test_a_cell_is_found_by_its_code() -> None:
    shell = InteractiveShell()
    cells = Cells(shell)
    info: Any = SimpleNamespace(raw_cell="x = %who_ls\n", store_history=True, silent=False, transformed_cell=None)
    cells.cell_started(info)
    transformed = shell.transform_cell(info.raw_cell)
    name = shell.compile.cache(transformed, 7, info.raw_cell)
    source = cells(compile(transformed, name, "exec"))
    assert source is not None and (source.name, source.text) == ("In [7]", "x = %who_ls")
    assert source.compiled == transformed
    assert cells(compile("x", "elsewhere.py", "exec")) is None


def test_a_front_end_is_live_where_a_server_started_this_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "nb.ipynb")
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getppid()))
    assert live()
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))  # inherited from a kernel
    assert not live()
    monkeypatch.delenv("JPY_SESSION_NAME")
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getppid()))
    assert not live()


def test_other_kernels_than_that_of_jupyterlite_are_left_alone() -> None:
    shell = InteractiveShell()
    before = dict(vars(shell))
    kernel = PyodideKernel(shell, None)  # type: ignore[arg-type]
    kernel.load()
    kernel.unload()
    assert vars(shell) == before


def test_a_watch_needs_something_to_watch() -> None:
    session = Session()
    with pytest.raises(UsageError, match="nothing is called nobody; define or import it first"):
        Watch(InteractiveShell(), session, ["nobody"])
    with pytest.raises(UsageError, match="%branchcov_watch needs a notebook"):
        Watch(InteractiveShell(), session, [])
    assert session.observers == []


# --- other processes


def test_replies_of_kernels() -> None:
    assert kernels.request("1 + 1") == {"code": "", "silent": True, "user_expressions": {"x": "1 + 1"}}
    good = {"status": "ok", "data": {"text/plain": repr("it's")}}
    assert kernels.read_reply({"content": {"user_expressions": {"x": good}}}) == "it's"
    with pytest.raises(DataError, match=r"the kernel cannot measure: no module; install ipy-branchcov"):
        bad = {"status": "error", "ename": "ModuleNotFoundError", "evalue": "no module"}
        kernels.read_reply({"content": {"user_expressions": {"x": bad}}})
    with pytest.raises(DataError, match="not IPython"):
        kernels.read_reply({"content": {}})
    assert [kernels.cell_label("a.ipynb", cell, 3) for cell in ({"id": "use"}, {})] == ["a.ipynb#use", "a.ipynb#3"]


def test_expressions_for_a_kernel_run() -> None:
    in_kernel._collected.append(COVERAGE)
    assert json_form.loads(eval(kernels.COLLECT), "here") == COVERAGE
    assert json_form.loads(eval(kernels.COLLECT), "here").sources == ()


def test_processes_that_a_run_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "before")
    data = DataFolder()
    processes = Processes(data, RunOptions())
    folder = Path(os.environ[VARIABLE])
    assert folder == data.path
    save(COVERAGE, folder / "1.json")
    (folder / "2.json").write_text("{")
    (folder / "3.begun").write_text("python x.py")
    found, lost = data.collect(Scope(tmp_path))
    assert found == [COVERAGE]
    assert lost[0].startswith("a process: ") and lost[1:] == ["a process was killed, or has not ended: python x.py"]
    processes.close()
    data.remove()
    assert os.environ[VARIABLE] == "before" and not folder.exists()


def test_what_is_no_notebook(tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    path = tmp_path / "a.ipynb"
    with pytest.raises(DataError, match="cannot be read"):
        run_notebook(path, Scope(tmp_path), RunOptions())
    path.write_text("[]")
    with pytest.raises(DataError, match="not a Jupyter notebook"):
        run_notebook(path, Scope(tmp_path), RunOptions())


# --- command line, pytest, colours


def test_the_command_line_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(COVERAGE, tmp_path / "data.json")
    text = io.StringIO()
    assert main(["report", str(tmp_path / "data.json")], text) == 0
    assert "1 of 2 outcomes" in text.getvalue()
    assert main(["report", str(tmp_path / "none.json")], text) == 2
    assert "none.json: cannot be read" in capsys.readouterr().err


def test_nothing_is_measured_where_nothing_asks_for_it(request: pytest.FixtureRequest) -> None:
    assert not request.config.option.branchcov_source and plugin._run(request.config) is None


def test_a_cell_of_a_notebook_is_known(request: pytest.FixtureRequest) -> None:
    assert not run._is_cell(request.node)
    cell = pytest.importorskip("nbval.plugin").IPyNbCell
    assert run._is_cell(cell.__new__(cell))


def test_syntax_colours() -> None:
    found = colours(["def f():", "    return 12  # x"])
    assert list(found.cut(1, 0, "def f():")) == [("def", "keyword"), (" ", ""), ("f", "def"), ("():", "")]
    assert list(found.cut(2, 4, "return 12  # x")) == [
        ("return", "keyword"),
        (" ", ""),
        ("12", "number"),
        ("  ", ""),
        ("# x", "comment"),
    ]
