"""Workers of xdist that do not stand where the run stands: their files are copies, or of another checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.pytest_plugin.elsewhere import Elsewhere
from ipy_branchcov.session.scope import Places
from tests.project import Project

SKIPPED = "def skipped(x):\n    return 1 if x else 2\n"
SETTINGS = """
[tool.pytest.ini_options]
pythonpath = ["."]
[tool.branchcov]
omit = ["pkg/skipped.py"]
exclude_also = ["never"]
"""

#: What one process finds.
SHAPES, TESTS, BOTH = ["6", "2", "66.7%"], ["2", "0", "100.0%"], ["8", "2", "75.0%"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    project.write("pyproject.toml", SETTINGS)
    project.write("pkg/skipped.py", SKIPPED)
    project.write("tests/test_skipped.py", "from pkg.skipped import skipped\n\ndef test_skipped():\n    skipped(1)\n")
    return project


@pytest.mark.slow
@pytest.mark.parametrize("source", ["", "=./pkg/shapes.py"])
def test_copied_files_have_the_paths_the_names_and_the_settings_of_the_run(project: Project, source: str) -> None:
    here = project.folder
    elsewhere = here.with_name("elsewhere")
    worker = ("-d", "--tx", f"popen//chdir={elsewhere}", f"--rsyncdir={here}", "-W", "ignore")
    ended = project.run(f"--branchcov{source}", *worker, str(here / "tests"))
    assert (elsewhere / "project" / "pkg" / "shapes.py").is_file()
    measured = {"pkg/shapes.py": SHAPES, "TOTAL": SHAPES}
    if not source:
        measured |= {"tests/test_shapes.py": TESTS, "TOTAL": BOTH}
    assert (ended.table, ended.failures, ended.status) == (measured, [], 0), ended


@pytest.mark.slow
def test_another_checkout(project: Project) -> None:
    elsewhere = project.folder.with_name("elsewhere")
    shutil.copytree(project.folder, elsewhere)
    worker = ("--branchcov=pkg", "-d", "--tx", f"popen//chdir={elsewhere}")
    assert project.run(*worker).table == {"pkg/shapes.py": SHAPES, "TOTAL": SHAPES}
    with (elsewhere / "pkg" / "shapes.py").open("a", encoding="utf-8") as file:
        file.write("# This is another text.\n")
    ended = project.run(*worker, "--branchcov-fail-under=0")
    assert ended.table["pkg/shapes.py"][-1] == "0.0%"
    assert ended.failures == [
        "LOST worker gw0: pkg/shapes.py has another text there, so it is left out; give it the same one",
        "FAIL 1 lost: coverage is incomplete, so the gate fails",
    ]


def returned(worker: Elsewhere, path: Path) -> str | None:
    (source,) = worker.returned(Coverage((SourceCoverage(Source("a.py", "", "file", str(path))),)))
    return source.source.path


def test_paths_of_the_run_and_of_the_worker(tmp_path: Path) -> None:
    """A folder can be copied alone and with one around it; what was not copied can be there under its own path.

    No other test imports a module of this name: one that can be imported is found by it, too.
    """
    run, here = tmp_path / "run", tmp_path / "run" / "here"
    for each in (here / "run" / "moved", here / "moved", run / "moved", run / "other"):
        each.mkdir(parents=True)
    sources = {
        "moved": [f"{run / 'moved'}/"],
        "../run/other": [f"{run / 'other'}/"],
        "gone": [f"{run / 'gone.py'}"],
    }
    options: dict[str, object] = {"omit": [f"{run}/moved/a*", "*/b.py"]}
    worker = Elsewhere(str(run), [str(run), str(run / "moved")], sources, options, str(here))
    assert worker.root == here / "run"
    assert worker.places("moved") == [f"{here}/moved/", f"{here}/run/moved/", f"{run}/moved/"]
    assert worker.places("../run/other") == [f"{run}/other/"]
    assert worker.places("gone") == ["gone"]
    omit = [f"{run}/moved/a*", f"{here}/moved/a*", f"{here}/run/moved/a*", "*/b.py"]
    assert sorted(worker.options().omit) == sorted(omit)
    for path in (here / "moved" / "a.py", here / "run" / "moved" / "a.py", run / "moved" / "a.py"):
        assert returned(worker, path) == str(run / "moved" / "a.py")
    assert returned(worker, run / "other" / "a.py") == str(run / "other" / "a.py")
    assert returned(worker, tmp_path / "a.py") == str(tmp_path / "a.py")
    around = Elsewhere(str(run), [], sources, {}, str(tmp_path))
    for path in (run / "moved" / "a.py", tmp_path / "moved" / "a.py"):
        assert returned(around, path) == str(run / "moved" / "a.py")


def test_a_module_that_is_installed_elsewhere(tmp_path: Path) -> None:
    worker = Elsewhere(str(tmp_path), [], {"json": ["/their/lib/json/"]}, {}, str(tmp_path))
    assert worker.places("json") == ["json"]
    worker.found("json", Places((f"{tmp_path}/lib/json/",)))
    assert returned(worker, tmp_path / "lib" / "json" / "tool.py") == "/their/lib/json/tool.py"
