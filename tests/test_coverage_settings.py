"""Which of coverage.py's settings hold: in which file, of which section, and what is said of the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from coverage.config import read_coverage_config
from coverage.files import PathAliases

from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session.config import load_config
from ipy_branchcov.session.paths import in_canonical_places
from ipy_branchcov.session.scope import Scope


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, "utf-8")


BRANCH = "[{}run]\nbranch = true\n"
SEVERAL = [
    {".coveragerc": "", "tox.ini": "[coverage:report]\nfail_under = 7\n"},
    {".coveragerc": "[run]\nbranch = true\n", "pyproject.toml": "[tool.coverage.report]\nfail_under = 7\n"},
    {".coveragerc.toml": "", "setup.cfg": "[coverage:report]\nfail_under = 7\n"},
    {"setup.cfg": BRANCH.format("coverage:"), "tox.ini": "[coverage:report]\nfail_under = 7\n"},
    {"setup.cfg": BRANCH.format(""), "tox.ini": "[coverage:report]\nfail_under = 7\n"},
    {"setup.cfg": "[metadata]\nname = x\n", "pyproject.toml": "[tool.coverage.report]\nfail_under = 7\n"},
    {"tox.ini": "[coverage:html]\ndirectory = x\n", "pyproject.toml": "[tool.coverage.report]\nfail_under = 7\n"},
    {".coveragerc": "[coverage:report]\nfail_under = 7\n"},
    {".coveragerc": "[report]\nfail_under = 8\n[coverage:report]\nfail_under = 7\n"},
    {".coveragerc": "\ufeff[report]\nfail_under = 7\n"},
    {"pyproject.toml": "[report]\nfail_under = 7\n"},
]


@pytest.mark.parametrize("files", SEVERAL, ids=lambda files: "+".join(files))
def test_one_file_is_read_the_one_that_coverage_py_reads(files: dict[str, str], folder: Path) -> None:
    write(files)
    theirs = read_coverage_config(True, warn=print)
    assert (load_config(folder).fail_under or 0) == theirs.fail_under


def test_a_file_of_toml_that_is_named_has_sections_at_its_top(folder: Path) -> None:
    write({"ci/cov.toml": "[report]\nfail_under = 7\n"})
    assert load_config(folder, Path("ci/cov.toml")).fail_under == 7
    assert read_coverage_config("ci/cov.toml", warn=print).fail_under == 7


FILES = ("setup.py", "pkg/setup.py", "pkg/a.py", "pkg/sub/b.py", "tests/t.py", "tests/sub/u.py")
CHOSEN = {
    "[run]\ninclude = tests/*\n": ["tests/t.py", "tests/sub/u.py"],
    "[run]\ninclude = pkg/*.py\n": ["pkg/setup.py", "pkg/a.py"],
    "[run]\ninclude = **/sub/*\n": ["pkg/sub/b.py", "tests/sub/u.py"],
    "[run]\nomit = setup.py\n": ["pkg/a.py", "pkg/sub/b.py", "tests/t.py", "tests/sub/u.py"],
    "[run]\nomit = ./setup.py\n": ["pkg/setup.py", "pkg/a.py", "pkg/sub/b.py", "tests/t.py", "tests/sub/u.py"],
    "[run]\nsource = .\ninclude = tests/*\n": [*FILES],
    "[run]\nsource_pkgs = pkg\ninclude = tests/*\n[report]\ninclude = pkg/*.py\n": ["pkg/setup.py", "pkg/a.py"],
    "[run]\ninclude = pkg/*, tests/*\n[report]\ninclude = tests/*\n": ["tests/t.py", "tests/sub/u.py"],
    "[run]\nomit = tests/*\n[report]\nomit = pkg/*\n": ["setup.py"],
}


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("text", CHOSEN)
def test_files_are_chosen_as_coverage_py_chooses_them(text: str, folder: Path, *, named: bool) -> None:
    """Also where the file with the settings is named and lies elsewhere: paths start in the current folder."""
    write(dict.fromkeys((*FILES, "pkg/__init__.py"), "x = 1\n"))
    name = "ci/settings.ini" if named else ".coveragerc"
    write({name: text})
    options = load_config(folder, Path(name) if named else None)
    scope = Scope(source=options.source or ["."], omit=options.omit, include=options.include)
    assert [each for each in FILES if scope.covers(str(folder / each))] == CHOSEN[text]


def test_include_of_a_run_is_not_used_where_the_door_names_sources(folder: Path) -> None:
    write({".coveragerc": "[run]\ninclude = tests/*\n"})
    said: list[str] = []
    assert load_config(folder, say=said.append, sourced=True).include == ()
    line = "[run] include: not used where sources are named, and in reports of data; coverage.py ignores it there, too"
    assert [each.partition(": ")[2] for each in said] == [line]


NOT_HERE = {
    "run": {"command_line": "-m x", "plugins": ["p"], "parallel": True, "data_file": "d"},
    "report": {"skip_empty": True, "show_missing": False, "sort": "Cover"},
    "html": {"directory": "h", "title": "t"},
    "xml": {"output": "x"},
    "json": {"output": "j"},
    "lcov": {"output": "l"},
}
PLACES = {".coveragerc": "", "setup.cfg": "coverage:", "tox.ini": "coverage:", "pyproject.toml": "tool.coverage."}


@pytest.mark.parametrize("place", PLACES)
def test_what_has_no_counterpart_is_said_in_one_line(place: str, folder: Path) -> None:
    toml = place.endswith(".toml")
    text = "".join(
        f"[{PLACES[place]}{section}]\n"
        + "".join(f"{key} = {json.dumps(value) if toml else _ini(value)}\n" for key, value in options.items())
        for section, options in NOT_HERE.items()
    )
    write({place: text})
    said: list[str] = []
    load_config(folder, say=said.append)
    named = ["run] command_line", "run] data_file", "run] plugins", "report] skip_empty", "report] sort"]
    named += ["html] directory", "html] title", "xml] output", "json] output", "lcov] output"]
    listed = ", ".join(f"[{PLACES[place]}{each}" for each in named)
    assert [each.partition(": ")[2] for each in said] == [
        f"not used here: {listed}; docs/coming-from-coverage-py.md says what takes their place"
    ]


PATHS = ("*/site-packages/pkg", "/ci/*/src/pkg", "/ci/**/pkg", "**/src/pkg", "c:\\ci\\src\\pkg", "C:/ci/?/pkg")
PATHS += ("/ci/py3[12]/pkg", "*/pkg", "/a/b/", "/x.y/pkg", "/CI/pkg")
MEASURED = ("/v/lib/site-packages/pkg/a.py", "/ci/1/src/pkg/a.py", "/ci/1/2/pkg/s/a.py", "/ci/pkg/a.py")
MEASURED += ("/ci/py31/pkg/a.py", "/ci/py33/pkg/a.py", "C:\\ci\\src\\pkg\\a.py", "c:\\ci\\x\\pkg\\a.py", "/a/b/c/d.py")
MEASURED += ("/xzy/pkg/a.py", "/x.y/pkg/a.py", "/q/src/pkg/a.py")


@pytest.mark.parametrize("glob", PATHS)
def test_paths_are_moved_as_coverage_py_moves_them(glob: str) -> None:
    aliases = PathAliases(relative=True)
    aliases.add(glob, "here")
    for file in MEASURED:
        (moved,) = in_canonical_places(merge([at(file)]), [("here", glob)], Scope())
        assert moved.source.name == aliases.map(file, exists=lambda path: True), file


def test_a_folder_whose_name_has_the_signs_of_globs_stands_for_itself(folder: Path) -> None:
    (canonical := folder / "a[b]").mkdir()
    (moved,) = in_canonical_places(
        merge([at("/ci/pkg/m.py"), at(f"{canonical}/m.py")]), [(str(canonical), "*/pkg")], Scope()
    )
    assert moved.source.name == "a[b]/m.py"


def at(path: str) -> Coverage:
    return Coverage((SourceCoverage(Source(path, "x = 1\n", "file", path)),))


def _ini(value: object) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)
