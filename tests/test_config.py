"""What is measured and reported by configuration: omit and include, ``--config``, coverage.py's sections, ``paths``."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from coverage.config import read_coverage_config

from ipy_branchcov.cli import main
from ipy_branchcov.data.files import load, save
from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.config import load_config, separate
from ipy_branchcov.session.coveragepy import read_ini, read_toml
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.paths import in_canonical_places
from ipy_branchcov.session.scope import Scope
from tests.project import Project, branchcov


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def names(file: str = "c.json") -> list[str]:
    return [each["name"] for each in json.loads(Path(file).read_text())["sources"] if each["branches"]]


# --- omit and include


def test_sources_stand_one_by_one_or_with_commas() -> None:
    Path("a,b").mkdir()
    assert separate(["a,b", "x, y,", "z", ""]) == ["a,b", "x", "y", "z"]


@pytest.mark.slow
def test_sources_with_commas_are_measured_and_reported() -> None:
    package()
    done = branchcov("run", "--source", "pkg/a.py,pkg/sub", "--json", "c.json", "go.py")
    assert (done.returncode, names()) == (0, ["pkg/a.py", "pkg/sub/__init__.py", "pkg/sub/a.py"]), done
    done = branchcov("report", "c.json", "--source", "pkg/a.py,pkg/sub/a.py", "--json", "d.json")
    assert (done.returncode, names("d.json")) == (0, ["pkg/a.py", "pkg/sub/a.py"]), done


@pytest.mark.slow
def test_what_is_included_is_measured_without_a_source() -> None:
    package()
    done = branchcov("run", "--include", "pkg/*", "--omit", "*/__init__.py", "--json", "c.json", "go.py")
    assert (done.returncode, names()) == (0, ["pkg/a.py", "pkg/b.py", "pkg/sub/a.py"]), done
    Path("pkg/never.py").write_text("x = 1 if __name__ else 2\n")  # as in pytest, it counts where a source is named
    branchcov("run", "--include", "pkg/*", "--json", "c.json", "go.py")
    assert "pkg/never.py" not in names() and "pkg/b.py" in names()
    branchcov("run", "--source", "pkg", "--json", "c.json", "go.py")
    assert "pkg/never.py" in names()


def package() -> None:
    for name in ("pkg/__init__.py", "pkg/a.py", "pkg/b.py", "pkg/sub/__init__.py", "pkg/sub/a.py"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("def pick(x):\n    return 1 if x else 2\n")
    Path("go.py").write_text("from pkg import a, b\nfrom pkg.sub import a as c\na.pick(1)\n")


OMITTED = {
    "--omit pkg/b.py": ["pkg/__init__.py", "pkg/a.py", "pkg/sub/__init__.py", "pkg/sub/a.py"],
    "--omit ./pkg/sub/*,*/__init__.py": ["pkg/a.py", "pkg/b.py"],
    "--include */a.py": ["pkg/a.py", "pkg/sub/a.py"],
    "--include pkg/a.py --include pkg/b.py --omit */b.py": ["pkg/a.py"],
}


@pytest.mark.slow
@pytest.mark.parametrize("words", OMITTED)
def test_omit_and_include_are_the_same_in_a_run_and_its_report(words: str) -> None:
    package()
    done = branchcov("run", "--source", "pkg", "--json", "c.json", *words.split(), "go.py")
    assert (done.returncode, names()) == (0, OMITTED[words]), done
    branchcov("run", "--source", "pkg", "--json", "all.json", "go.py")
    assert len(names("all.json")) == 5
    branchcov("report", "all.json", "--json", "c.json", *words.split())
    assert names() == OMITTED[words]


def test_include_of_a_run_leaves_reports_of_data_alone(folder: Path) -> None:
    """As in coverage.py: what is in the data was chosen when it was measured. That of reports holds."""
    save(Coverage((SourceCoverage(Source("pkg/m.py", "", "file", str(folder / "pkg/m.py"))),)), Path("d.json"))
    Path(".coveragerc").write_text("[run]\ninclude = tests/*\n")
    assert main(["report", "d.json", "--json", "left.json"]) == 0
    assert [each.source.name for each in load(Path("left.json"))] == ["pkg/m.py"]
    Path(".coveragerc").write_text("[report]\ninclude = tests/*\n")
    assert main(["report", "d.json"]) == 2  # nothing is left


@pytest.mark.parametrize("words", ["--include s[12].py", "--include ./s1.py --include *2.py", "--omit other*"])
def test_data_of_another_folder_is_chosen_by_its_names(tmp_path: Path, words: str) -> None:
    """Its files have the paths that they had there; globs start here."""
    names = ("s1.py", "s2.py", "other.py")
    source = [SourceCoverage(Source(name, "", "file", f"/elsewhere/{name}")) for name in names]
    save(Coverage(tuple(source)), Path("d.json"))
    assert main(["report", "d.json", *words.split(), "--json", "left.json"]) == 0
    assert [each.source.name for each in load(Path("left.json"))] == ["s1.py", "s2.py"]


@pytest.mark.slow
def test_omit_and_include_of_pytest(tmp_path: Path) -> None:
    project = Project(tmp_path)
    ended = project.run("--branchcov", "tests", "--branchcov-include=pkg/*", "--branchcov-omit=*/nothing.py")
    assert list(ended.table) == ["pkg/shapes.py", "TOTAL"]
    project.write("other.toml", '[tool.branchcov]\nomit = ["tests/*"]\n')
    assert list(project.run("--branchcov", "tests", "--branchcov-config=other.toml").table) == list(ended.table)


def test_cells_can_be_omitted_by_their_notebook() -> None:
    branch = Branch("if", Span(1, 3, 1, 4), (Outcome("true", 1), Outcome("false", 0)))
    sources = (
        Source("a.ipynb#x", "if x: pass"),
        Source("b.ipynb#x", "if x: pass"),
        Source("m.py", "if x: pass", "file"),
    )
    save(merge(Coverage((SourceCoverage(source, (branch,)),)) for source in sources), Path("d.json"))
    assert branchcov("report", "d.json", "--omit", "a.ipynb", "--json", "c.json").returncode == 0
    assert names() == ["b.ipynb#x", "m.py"]
    branchcov("report", "d.json", "--include", "no.py", "--json", "c.json")
    assert names() == ["a.ipynb#x", "b.ipynb#x"]


# --- coverage.py's sections

FOREIGN = {
    ".coveragerc": "[run]\nbranch = True\nsource =\n    src\n    json, csv\nomit = */old/*\n    x/*\n"
    "[report]\nfail_under = 62.5\nomit = */gone/*\nexclude_lines =\n    pragma: no cover\n    def (a, b)\n",
    "setup.cfg": "[metadata]\nname = 50%\n[coverage:run]\nsource = src,json,csv\nomit = */old/*,x/*\n"
    "[coverage:report]\nfail_under = 62.5\nomit = */gone/*\nexclude_lines =\n    pragma: no cover\n    def (a, b)\n",
    "tox.ini": "[tox]\n[coverage:run]\nsource = src,json,csv\nomit = */old/*,x/*\n"
    "[coverage:report]\nfail_under = 62.5\nomit = */gone/*\nexclude_lines =\n    pragma: no cover\n    def (a, b)\n",
    "pyproject.toml": "[tool.coverage.run]\nbranch = true\nsource = ['src', 'json', 'csv']\nomit = ['*/old/*', 'x/*']\n"
    "[tool.coverage.report]\nfail_under = 62.5\nomit = ['*/gone/*']\n"
    "exclude_lines = ['pragma: no cover', 'def (a, b)']\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_settings_of_coverage_py_hold_where_there_are_none_of_ours(name: str, folder: Path) -> None:
    Path("src").mkdir()
    Path("sub").mkdir()
    Path("pyproject.toml").write_text("[tool.other]\n")
    Path(name).write_text(FOREIGN[name])
    expected = RunOptions(
        source=(str(folder / "src"), "json", "csv"),
        omit=("*/old/*", str(folder / "x/*"), "*/gone/*"),
        fail_under=62.5,
        exclude=("pragma: no cover", "def (a, b)"),
    )
    for start in (folder, folder / "sub"):
        said: list[str] = []
        assert load_config(start, say=said.append) == expected
        assert len(said) == 1
        assert said[0].endswith(
            f"{name}: coverage.py's settings hold here (source, omit, fail_under, exclude), "
            "for there is no [tool.branchcov]"
        )
    # One file names another; ours stands above all.
    assert load_config(Path("/"), Path(name)) == expected
    Path("pyproject.toml").write_text("[tool.branchcov]\n" + (FOREIGN[name] if name == "pyproject.toml" else ""))
    said = []
    assert load_config(folder, say=said.append) == RunOptions() and said == []


VARIABLES = """
[run]
omit = ${PLACE}/*, b$NOWHERE, ${NOWHERE-other}/x, ${PLACE?}/y, $$z
[report]
fail_under = ${LIMIT}
precision = ${DIGITS-3}
exclude_also =
    a{2,3}$PLACE$
    ^(x|y)$|z$$
partial_branches = never $PLACE
partial_also = nor
[paths]
source =
    src
    ~/there/${PLACE}
"""


@pytest.mark.parametrize("name", ["any.ini", "any.toml"])
def test_variables_of_the_environment_are_read_as_coverage_py_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"PLACE": "here", "LIMIT": "62.5"}.items():
        monkeypatch.setenv(key, value)
    parser = configparser.RawConfigParser()
    parser.read_string(VARIABLES)
    lists = {"omit": ",", "exclude_also": "\n", "partial_branches": "\n", "partial_also": "\n", "source": "\n"}
    values = {
        section: {
            option: [each.strip() for each in value.strip().split(lists[option])] if option in lists else value
            for option, value in parser.items(section)
        }
        for section in parser.sections()
    }
    if name == "any.ini":
        Path(name).write_text(VARIABLES)
        found = read_ini(Path(name)).values
    else:
        Path(name).write_text("".join(f"[tool.coverage.{each}]\n{_toml(values[each])}" for each in values))
        found = read_toml(Path(name), tomllib.loads(Path(name).read_text())).values
    theirs = read_coverage_config(name, warn=print)
    assert found["omit"] == theirs.run_omit == ["here/*", "b", "other/x", "here/y", "$z"]
    assert (found["fail_under"], found["precision"]) == (theirs.fail_under, theirs.precision) == (62.5, 3)
    assert theirs.exclude_list[-2:] == found["exclude_also"] == ["a{2,3}here$", "^(x|y)$|z$"]
    assert theirs.partial_list == found["partial_branches"] == ["never here", "nor"]
    assert found["paths"] == theirs.paths == {"source": ["src", str(Path("~/there/here").expanduser())]}


def _toml(table: dict[str, str | list[str]]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


def test_a_variable_that_must_be_set_is_named(folder: Path) -> None:
    Path(".coveragerc").write_text("[run]\nomit = ${NOWHERE?}/y\n")
    with pytest.raises(UsageError, match=r"\[run\] omit: the variable NOWHERE of the environment must be set"):
        load_config(folder)


def test_coverage_py_has_a_file_of_toml_of_its_own(folder: Path) -> None:
    Path("setup.cfg").write_text("[coverage:run]\nomit = */not/*\n")
    Path(".coveragerc.toml").write_text("[run]\nomit = ['*/a/*']\n[tool.coverage.report]\nfail_under = 3\n")
    assert load_config(folder) == RunOptions(omit=("*/a/*",), fail_under=3)
    Path(".coveragerc.toml").write_text("[run]\nomit = ['*/a/*']\n[tool.coverage.run]\nomit = ['*/b/*']\n")
    assert load_config(folder) == RunOptions(omit=("*/b/*",))
    Path(".coveragerc.toml").write_text("[run]\nomit = 3\n")
    with pytest.raises(UsageError, match=r"coveragerc.toml: \[run\] omit: must be a list of strings"):
        load_config(folder)


def test_a_variable_names_the_file_of_coverage_py(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".coveragerc").write_text("[run]\nomit = */not/*\n")
    Path("other.ini").write_text("[run]\nomit = */a/*\n")
    monkeypatch.setenv("COVERAGE_RCFILE", "other.ini")
    assert load_config(folder).omit == ("*/a/*",)
    monkeypatch.setenv("COVERAGE_RCFILE", "none.ini")
    with pytest.raises(UsageError, match=r"COVERAGE_RCFILE: none.ini: no such configuration file; check the path"):
        load_config(folder)
    Path("pyproject.toml").write_text("[tool.branchcov]\nfail_under = 5\n")
    assert load_config(folder) == RunOptions(fail_under=5)


def test_without_settings_of_the_same_meaning_nothing_is_said(folder: Path) -> None:
    Path("setup.cfg").write_text("[coverage:run]\nbranch = True\n")
    said: list[str] = []
    assert load_config(folder, say=said.append) == RunOptions() and said == []
    load_config(folder, Path("setup.cfg"), say=said.append)
    assert said == ["setup.cfg: has no settings of branchcov, nor any of coverage.py with the same meaning"]


WRONG = {
    (".coveragerc", "[report]\nfail_under = much\n"): "[report] fail_under: must be a number from 0 to 100, not 'much'",
    (".coveragerc", "omit = x\n"): "not a configuration file (File contains no section headers.",
    ("setup.cfg", "[coverage:report]\nexclude_lines = (\n"): "[coverage:report] exclude_lines: '(' is not a regular",
    ("pyproject.toml", "[tool.coverage]\nrun = 3\n"): "[tool.coverage] must have tables only",
    ("pyproject.toml", "[tool.coverage.run]\nomit = [3]\n"): "[tool.coverage.run] omit: must be a list of strings",
    (
        "pyproject.toml",
        "[tool.branchcov.paths]\na = []\n",
    ): "[tool.branchcov] paths: must be a table of lists of folders",
    ("pyproject.toml", "[tool.branchcov]\npaths = ['a']\n"): "[tool.branchcov] paths: must be a table of lists of fold",
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_settings_are_one_line_with_their_own_name(case: tuple[str, str], folder: Path) -> None:
    name, text = case
    Path(name).write_text(text)
    with pytest.raises(UsageError) as raised:
        load_config(folder)
    assert f"{name}: {WRONG[case]}" in str(raised.value) and "\n" not in str(raised.value)


def test_a_command_says_once_whose_settings_hold() -> None:
    package()
    Path(".coveragerc").write_text("[run]\nsource = pkg\n[report]\nomit = */sub/*\n")
    done = branchcov("run", "--json", "c.json", "go.py")
    line = "coverage.py's settings hold here (source, omit), for there is no [tool.branchcov]\n"
    assert (done.stderr.count("\n"), done.stderr.endswith(line)) == (1, True)
    assert names() == ["pkg/__init__.py", "pkg/a.py", "pkg/b.py"]
    Path("other.toml").write_text("[tool.branchcov]\nomit = ['*/b.py']\n")
    done = branchcov("run", "--source", "pkg", "--config", "other.toml", "--json", "c.json", "go.py")
    assert done.stderr == "" and names() == ["pkg/__init__.py", "pkg/a.py", "pkg/sub/__init__.py", "pkg/sub/a.py"]
    done = branchcov("report", "c.json", "--config", "nowhere.toml")
    assert done.returncode == 2
    assert done.stderr == "branchcov: nowhere.toml: no such configuration file; check the path\n"


@pytest.mark.slow
def test_pytest_says_whose_settings_hold(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("tox.ini", "[coverage:run]\nomit = tests/*\n")
    ended = project.run("--branchcov", "tests")
    assert list(ended.table) == ["pkg/shapes.py", "TOTAL"]
    assert "tox.ini: coverage.py's settings hold here (omit), for there is no [tool.branchcov]" in ended.text


@pytest.mark.slow
def test_the_extension_loads_where_coverage_py_names_what_is_not_here() -> None:
    Path(".coveragerc").write_text("[run]\nsource = no_such_module, json\n")
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell()\nshell.run_line_magic('load_ext', 'ipy_branchcov')\n"
        "print(shell._ipy_branchcov_extension.settings.source)\n"
    )
    environment = os.environ | {"IPYTHONDIR": str(Path("ipython").resolve())}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == "['json']\n" and "coverage.py's settings hold here (source)" in done.stderr, done


# --- paths


def at(path: str, hits: int = 1, text: str = "x = 1 if y else 2\n") -> Coverage:
    """The coverage of a file as it was measured on some machine."""
    branch = Branch("ifexp", Span(1, 9, 1, 10), (Outcome("true", hits), Outcome("false", 1 - hits)))
    return Coverage((SourceCoverage(Source(path.lstrip("/"), text, "file", path), (branch,)),))


def named(coverage: Coverage, name: str) -> Coverage:
    return replace(coverage, sources=tuple(replace(s, source=replace(s.source, name=name)) for s in coverage))


def test_files_of_several_machines_are_one(folder: Path) -> None:
    Path("src/pkg").mkdir(parents=True)
    Path("src/pkg/m.py").write_text("x = 1 if y else 2\n")
    Path("pyproject.toml").write_text(
        "[tool.branchcov.paths]\nsource = ['src', '*/site-packages', '/ci/*/build/src', 'C:\\build\\src']\n"
    )
    found = {
        "here": at(str(folder / "src/pkg/m.py")),
        "tox": at("/home/u/.tox/py/lib/site-packages/pkg/m.py", 0),
        "ci": at("/ci/job-3/build/src/pkg/m.py"),
        "windows": at(r"C:\build\src\pkg\m.py", 0),
        "other": at("/ci/a/b/build/src/pkg/m.py"),
    }
    for name, coverage in found.items():
        save(coverage, Path(f"{name}.json"))
    moved = in_canonical_places(merge(found.values()), load_config(folder).paths, Scope())
    assert [(each.source.name, each.totals.covered) for each in moved] == [
        ("ci/a/b/build/src/pkg/m.py", 1),
        ("src/pkg/m.py", 2),
    ]
    moved.self_check()


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (["/p/.tox/a/lib/python3.11/site-packages/pkg/m.py", "/p/.tox/b/lib/python3.14/site-packages/pkg/m.py"], [0]),
        (["/z/lib/site-packages/pkg/m.py", r"C:\v\Lib\site-packages\pkg\m.py", "/usr/lib/dist-packages/pkg/m.py"], [2]),
        (["/v/lib/site-packages/pkg/m.py", "src/pkg/m.py"], [1]),
        (["/v/lib/site-packages/pkg/m.py", "pkg/m.py"], [1]),
        (["/v/lib/site-packages/pkg/m.py", "vendor/pkg/m.py"], [1, 0]),
        (["/v/lib/site-packages/pkg/m.py", "/v/lib/site-packages/other/pkg/m.py"], [1, 0]),
        (["src/pkg/m.py", "pkg/m.py"], [1, 0]),
    ],
)
def test_a_file_that_is_installed_in_several_environments_is_one(places: list[str], names: list[int]) -> None:
    every = [named(at(place, number % 2), place) for number, place in enumerate(places)]
    found = in_canonical_places(merge(every), (), Scope())
    assert sorted(each.source.name for each in found) == sorted(places[number] for number in names)
    assert sum(each.hits for source in found for b in source.branches for each in b.outcomes) == len(places)
    by_steps = every[0]
    for each in every[1:]:
        by_steps = in_canonical_places(merge([each, by_steps]), (), Scope())
    assert by_steps == found


def test_another_text_in_the_same_place_is_another_file() -> None:
    both = merge([at("/a/site-packages/m.py"), at("/b/site-packages/m.py", text="x = 1 if y else 3\n")])
    assert in_canonical_places(both, (), Scope()) == both


def test_merge_and_report_put_files_where_paths_say(folder: Path) -> None:
    Path("src").mkdir()
    Path("src/m.py").write_text("x = 1 if y else 2\n")
    Path("pyproject.toml").write_text("[tool.branchcov.paths]\nsource = ['src', '*/lib']\n")
    coverage = merge([at("/a/lib/m.py"), at("/b/lib/m.py", 0)])
    save(
        replace(coverage, sources=tuple(replace(s, source=replace(s.source, path=None)) for s in coverage)),
        Path("d.json"),
    )
    assert branchcov("merge", "d.json", "-o", "sum.json").returncode == 0
    assert [(each.source.name, each.totals.covered) for each in load(Path("sum.json"))] == [("src/m.py", 2)]
    done = branchcov("report", "d.json")
    assert done.stdout == "branchcov: src/m.py: 2 of 2 outcomes covered (100.0%)\n", done
