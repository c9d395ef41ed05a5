"""What a release says of itself is one thing everywhere, and its wheel is looked at file by file."""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

import ipy_branchcov
from tests.release import _FILES, ROOT, incomplete, recipe

VERSION = ipy_branchcov.__version__
RECIPE = (ROOT / ".ci" / "conda" / "recipe.yaml").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_version_is_one() -> None:
    extension = ROOT / "ipy_branchcov" / "reports" / "static" / "labextension" / "package.json"
    assert json.loads(extension.read_text("utf-8"))["version"] == VERSION
    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(rf"^## {re.escape(VERSION)}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert f'version: "{VERSION}"' in RECIPE


def test_the_recipe_needs_what_the_project_needs() -> None:
    run = RECIPE.partition("  run:\n")[2].partition("  run_constraints:\n")
    needed = set(re.findall(r"- ([\w-]+ >=[\d.]+)\n", run[0]))
    assert needed == {each.replace(">=", " >=") for each in PROJECT["dependencies"]}
    extras = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    constrained = set(re.findall(r"- ([\w-]+ >=[\d.]+)\n", run[2].partition("tests:")[0]))
    assert constrained == {each.replace(">=", " >=").replace("jupyter-client", "jupyter_client") for each in extras}
    assert f'python_min: "{PROJECT["requires-python"].removeprefix(">=")}"' in RECIPE


@pytest.fixture
def names() -> set[str]:
    data = f"ipy_branchcov-{VERSION}.data"
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "ipy_branchcov").rglob("*.py")}
    return {each.format(data=data) for each in _FILES} | modules


def wheel(folder: Path, names: set[str]) -> Path:
    path = folder / f"ipy_branchcov-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def test_a_whole_wheel(tmp_path: Path, names: set[str]) -> None:
    assert incomplete(wheel(tmp_path, names)) == []


@pytest.mark.parametrize("name", [*_FILES, "ipy_branchcov/selftest/run.py"])
def test_a_wheel_that_lacks_a_file(tmp_path: Path, names: set[str], name: str) -> None:
    lacking = name.format(data=f"ipy_branchcov-{VERSION}.data")
    assert incomplete(wheel(tmp_path, names - {lacking})) == [f"not in the wheel: {lacking}"]


def test_a_wheel_with_a_file_too_many(tmp_path: Path, names: set[str]) -> None:
    found = incomplete(wheel(tmp_path, names | {"tests/test_release.py"}))
    assert found == ["does not belong into the wheel: tests/test_release.py"]


def test_actions_are_named_by_commit() -> None:
    """A tag can be moved to other code; the comment says which release the commit is."""
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    used = [line for path in workflows for line in re.findall(r"uses: (.*)", path.read_text("utf-8"))]
    assert len(used) >= 5
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", each)] == []


def test_the_recipe_is_one_that_rattler_build_reads() -> None:
    pytest.importorskip("rattler_build")
    assert recipe(RECIPE) == f"ipy-branchcov {VERSION}"


@pytest.mark.parametrize(
    ("right", "wrong"), [("run_constraints", "run_constraint"), (">=8.31", ">=>8"), ("${{ version }}", "${{ versio }}")]
)
def test_a_recipe_that_rattler_build_refuses(right: str, wrong: str) -> None:
    pytest.importorskip("rattler_build")
    with pytest.raises(SystemExit, match=r"recipe\.yaml: "):
        recipe(RECIPE.replace(right, wrong))


def test_what_leaves_the_package_names_its_licence() -> None:
    static = [path for path in (ROOT / "ipy_branchcov" / "reports" / "static").iterdir() if path.is_file()]
    assert len(static) == 5
    for path in static:
        assert "SPDX-License-Identifier: MIT" in path.read_text("utf-8").partition("\n")[0], path.name
