"""A source is named once, from the folder in which the run began; the program may change the current folder."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from ipy_branchcov.errors import BranchcovError, UsageError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import Scope, resolve
from ipy_branchcov.session.session import Session
from ipy_branchcov.session.sources import Sources
from tests.project import Project

#: The first import of the package stands in a test that has changed the current folder.
ELSEWHERE = """\
def test_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from pkg.a import f
    assert f(1) == 1


def test_here():
    from pkg.a import f
    assert f(0) == 2


def test_stays(tmp_path):
    import os
    os.chdir(tmp_path)
    from pkg.b import g
    assert g(1) == 1
"""
HERE, THERE = "tests/test_x.py::test_here", "tests/test_x.py::test_elsewhere"
FORMATS = ("json:out.json", "lcov:out.lcov", "cobertura:out.xml", "html:page", "term")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("pkg/a.py", "def f(x):\n    return 1 if x else 2\n")
    project.write("pkg/b.py", "def g(x):\n    return 1 if x else 2\n")
    project.write("tests/test_x.py", ELSEWHERE)
    return project


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_names_do_not_follow_the_current_folder(project: Project, workers: tuple[str, ...]) -> None:
    reports = [f"--branchcov-report={each}" for each in FORMATS]
    ended = project.run("--branchcov=pkg", *workers, *reports, "tests/test_x.py")
    assert ended.status == 0, ended.text
    names = ["pkg/a.py", "pkg/b.py", "pkg/shapes.py"]
    read = {each: (project.folder / each).read_text("utf-8") for each in ("out.json", "out.lcov", "out.xml")}
    found = json.loads(read["out.json"])
    assert [each["name"] for each in found["sources"] if each["branches"]] == names
    assert re.findall("^SF:(pkg/[a-z].+)$", read["out.lcov"], re.MULTILINE) == names
    assert re.findall(r"filename=\"(pkg/[a-z].+?)\"", read["out.xml"]) == names
    pages = {each.name for each in (project.folder / "page").iterdir()}
    assert {each.replace("/", "_") + ".html" for each in names} <= pages
    assert ended.table["pkg/a.py"][:2] == ["2", "0"] and ended.table["pkg/b.py"][:2] == ["2", "1"], ended.text
    assert [each for each in ended.table if each.endswith("a.py")] == ["pkg/a.py"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "a worker"])
def test_a_conftest_file_changes_the_folder(project: Project, workers: tuple[str, ...]) -> None:
    """Workers begin in the folder to which it changed."""
    project.write("tests/conftest.py", "import os, pathlib\nos.chdir(pathlib.Path(__file__).parent)\n")
    test = str(project.folder / "tests/test_x.py") + "::test_here"
    project.run("--branchcov=pkg", "--branchcov-report=json:base.json", test)
    for _ in range(2):
        ended = project.run(
            "--branchcov=pkg", "--branchcov-baseline=base.json", "--branchcov-append=sum.json", *workers, test
        )
        assert (ended.status, ended.failures) == (0, []), ended.text
    names = [each["name"] for each in json.loads((project.folder / "sum.json").read_text())["sources"]]
    assert [each for each in names if each.endswith("a.py")] == ["pkg/a.py"]


@pytest.mark.slow
def test_a_baseline_knows_files_by_the_same_names_in_every_order(project: Project) -> None:
    project.run("--branchcov=pkg", "--branchcov-report=json:base.json", HERE, THERE)
    again = project.run("--branchcov=pkg", "--branchcov-baseline=base.json", THERE, HERE)
    assert (again.status, again.failures) == (0, [])
    less = project.run("--branchcov=pkg", "--branchcov-baseline=base.json", THERE)
    assert less.status == 1
    assert [each for each in less.failures if each.startswith("FAIL pkg/a.py:2")], less.text


def test_names_start_at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scope = Scope()
    monkeypatch.chdir("/")
    assert scope.name(str(tmp_path / "pkg" / "a.py")) == "pkg/a.py"
    assert scope.name("/elsewhere/a.py") == "/elsewhere/a.py"
    other = Coverage((SourceCoverage(Source("a.py", "", "file", str(tmp_path / "x" / "a.py"))),))
    assert [each.source.name for each in scope.renamed(other)] == ["x/a.py"]


def test_the_root_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "link")
    path = tmp_path / "real" / "a.py"
    path.write_text("x = 1\n")
    scope = Scope(source=["."])
    assert scope.name(str(path)) == "a.py" and scope.covers(str(path))
    assert Scope(tmp_path / "link").name(str(path)) == "a.py"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no sys.monitoring")
def test_a_run_that_could_not_begin_measures_nothing_later(tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    path.write_text("def f(x):\n    return 1 if x else 2\n")
    free = [each for each in range(6) if sys.monitoring.get_tool(each) is None]
    session = Session()
    try:
        for tool in free:
            sys.monitoring.use_tool_id(tool, "another")
        with pytest.raises(BranchcovError):
            session.start("first", RunOptions(source=(str(path),)))
    finally:
        for tool in free:
            sys.monitoring.free_tool_id(tool)
    _runs_unmeasured(session, path)


def test_a_run_with_an_unknown_source_measures_nothing_later(tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    path.write_text("def f(x):\n    return 1 if x else 2\n")
    session = Session()
    with pytest.raises(UsageError, match="no_such_module"):
        session.start("first", RunOptions(source=(str(path), "no_such_module")))
    _runs_unmeasured(session, path)


def _runs_unmeasured(session: Session, path: Path) -> None:
    assert not session.running and not session.scope.places
    names: dict[str, object] = {}
    with session.measuring("second") as run:
        exec(session.instrument(compile(path.read_text(), str(path), "exec")), names)
    assert run.coverage.sources == ()


def test_a_source_that_comes_during_a_run_stays_measured(tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    path.write_text("x = 1 if print else 2\n")
    session = Session()
    for number in range(2):
        session.start("test")
        if number == 0:
            session.add_source(str(path))
        exec(session.instrument(compile(path.read_text(), str(path), "exec")), {})
        assert [each.source.path for each in session.stop()] == [os.path.realpath(path)]


def test_installed_packages_are_measured_only_by_name(tmp_path: Path) -> None:
    import pytest as installed

    path = os.path.realpath(installed.__file__)
    assert not Scope(source=["/"]).covers(path)
    assert Scope(source=["pytest"]).covers(path)


def test_a_folder_without_init_is_a_package_once_something_in_it_was_imported(tmp_path: Path) -> None:
    """Namespace packages (PEP 420); other folders hold data, or programs of their own."""
    for name in (
        "src/ns/inner/a.py",
        "src/ns/inner/never.py",
        "src/ns/other/x.py",
        "src/plain/__init__.py",
        "src/b.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1 if __name__ else 2\n")
    scope = Scope(tmp_path, source=[str(tmp_path / "src")])

    def files(*imported: str) -> list[str]:
        return [scope.name(path) for path in scope.files(str(tmp_path.resolve() / name) for name in imported)]

    assert files() == files("src/b.py") == ["src/b.py", "src/plain/__init__.py"]
    assert files("src/ns/inner/a.py") == [
        "src/b.py",
        "src/ns/inner/a.py",
        "src/ns/inner/never.py",
        "src/plain/__init__.py",
    ]
    session = Session(RunOptions(source=(str(tmp_path / "src"),)), root=tmp_path)
    imported = Source("src/ns/inner/a.py", "", "file", str(tmp_path.resolve() / "src/ns/inner/a.py"))
    found = session.never_imported(Coverage((SourceCoverage(imported),)))
    assert "src/ns/inner/never.py" in [each.source.name for each in found]


@pytest.mark.skipif(os.name == "nt", reason="links need rights")
@pytest.mark.parametrize("link", ["folder", "file", "both"])
def test_code_under_the_name_of_a_link_is_of_the_file(tmp_path: Path, link: str) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "a.py").write_text("x = 1\n")
    (tmp_path / "folder").symlink_to(real)
    (real / "file.py").symlink_to(real / "a.py")
    name = {"folder": "folder/a.py", "file": "real/file.py", "both": "folder/file.py"}[link]
    sources = Sources(Scope(tmp_path, source=[str(real)]))
    for path in (tmp_path / name, tmp_path / "folder" / ".." / "real" / "a.py"):
        found = sources.of(compile("x = 1\n", str(path), "exec"))
        assert found is not None and found.path == str(real / "a.py")


@pytest.mark.parametrize("place", ["src/its_own", "one/its_own", "one/src/its_own"])
def test_a_package_that_python_does_not_find_is_named_by_its_folder(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / place / "inner").mkdir(parents=True)
    for folder in (place, f"{place}/inner"):
        (tmp_path / folder / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    for name, below in (("its_own", ""), ("its_own.inner", "/inner")):
        with pytest.raises(UsageError, match=f"^{name}: no module of that name .* name its folder, {place}{below}$"):
            resolve(name)
        assert Scope(source=[f"{place}{below}"]).places
    with pytest.raises(UsageError, match="check the spelling"):
        resolve("its_owm")
