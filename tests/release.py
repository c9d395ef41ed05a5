"""The files of a release: build them, check them, install each wheel into clean environments and use it from there.

    python -m tests.release [PYTHON ...] [--into FOLDER] [--jupyterlite]

PYTHON: interpreters to install into; this one without any. It needs the dependency group ``release``. The wheel is
built from the sdist, so both have all that is needed. The conda recipe is read and rendered by rattler-build; the
package is not built, which needs conda-forge. ``--into`` keeps the files. ``--jupyterlite`` runs the tour from this
wheel in a JupyterLite of its own; it needs the group ``browser``, ``chromium`` and ``chromedriver``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / ".ci" / "conda" / "recipe.yaml"
_LAB = "share/jupyter/labextensions/ipy-branchcov"
#: What the wheel must have beside Python modules.
_FILES = (
    "branchcov.pth",
    "branchcov.start",
    "ipy_branchcov/py.typed",
    "ipy_branchcov/data/branchcov-1.schema.json",
    "ipy_branchcov/reports/static/widget.js",
    "ipy_branchcov/reports/static/branchcov.css",
    "ipy_branchcov/selftest/program.py",
    f"{{data}}/data/{_LAB}/package.json",
    f"{{data}}/data/{_LAB}/install.json",
    f"{{data}}/data/{_LAB}/static/lab.js",
    f"{{data}}/data/{_LAB}/schemas/ipy-branchcov/marks.json",
)

_MAGIC = """\
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ipy_branchcov")
shell.run_cell("%%branchcov -q -o found\\nx = 1\\ny = 'a' if x else 'b'").raise_error()
missed = [outcome.name for branch in shell.user_ns["found"].sources[0].missed for outcome in branch.missed]
assert missed == ["false"], missed
"""
_WIDGET = """\
import nbclient, nbformat

cells = ["%load_ext ipy_branchcov", "%%branchcov --view widget\\nx = 1\\ny = 'a' if x else 'b'"]
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
nbclient.NotebookClient(notebook, kernel_name="python3").execute()
(states,) = [each["state"] for each in notebook.metadata.widgets.values()]
sent = [each["state"] for each in states.values()]
assert any("export default" in each.get("code", "") and len(each["style"]) > 100 for each in sent), sent
assert any(each.get("data") for each in sent), sent
assert "never false" in str(notebook.cells[1].outputs)
"""
_PYTEST = {
    "shapes.py": "def area(a, b):\n    return 0 if a < 0 or b < 0 else a * b\n",
    "test_shapes.py": """\
import subprocess, sys

import shapes


def test_area():
    assert shapes.area(2, 3) == 6
    assert shapes.area(-1, 3) == 0


def test_in_a_process():
    subprocess.run([sys.executable, "-c", "import shapes; assert shapes.area(2, -3) == 0"], check=True)
""",
}


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    """The output of a command. Raises SystemExit where its status is another."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    words = [str(each) for each in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != status:
        raise SystemExit(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(folder: Path) -> tuple[Path, Path]:
    """Build sdist and wheel; return them, checked."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel, cwd=folder)
    # The .start file is no module and stands beside the package; what else stands there, "incomplete" looks at.
    run(sys.executable, "-m", "check_wheel_contents", "--ignore", "W003,W009", wheel, cwd=folder)
    for problem in incomplete(wheel):
        raise SystemExit(problem)
    return sdist, wheel


def incomplete(wheel: Path) -> list[str]:
    """What a wheel lacks, and what does not belong into it."""
    names = set(zipfile.ZipFile(wheel).namelist())
    version = "-".join(wheel.name.split("-")[:2])
    data = f"{version}.data"
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "ipy_branchcov").rglob("*.py")}
    wanted = {each.format(data=data) for each in _FILES} | modules
    places = {"ipy_branchcov", "branchcov.pth", "branchcov.start", data, f"{version}.dist-info"}
    foreign = {name for name in names if name.split("/")[0] not in places or "__pycache__" in name}
    return [f"not in the wheel: {name}" for name in sorted(wanted - names)] + [
        f"does not belong into the wheel: {name}" for name in sorted(foreign)
    ]


def recipe(text: str) -> str:
    """The name and version of the conda package that a recipe describes. Raises SystemExit where it cannot be read."""
    from rattler_build import RattlerBuildError, RenderConfig, Stage0Recipe, VariantConfig

    try:
        (rendered,) = Stage0Recipe.from_yaml(text).render(VariantConfig(), RenderConfig())
    except RattlerBuildError as error:
        raise SystemExit(f"{RECIPE.relative_to(ROOT)}: {error}") from error
    package = rendered.recipe.to_dict()["package"]
    return f"{package['name']} {package['version']}"


# --- used from a clean environment


def use(wheel: Path, python: Path, folder: Path) -> None:
    """Install a wheel into a new environment of a Python, and use each door from there."""
    run(python, "-m", "venv", "--without-pip", folder / "env", cwd=folder)  # some systems package pip apart
    scripts = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python", "install", "-q")
    run(*pip, f"ipy-branchcov[run,pytest] @ {wheel.as_uri()}", cwd=folder)
    for check in _CHECKS:
        check(scripts, folder)


def _selftest(scripts: Path, folder: Path) -> None:
    """Also: that the .pth or .start file begins the measurement of a process."""
    assert "every outcome agrees" in run(scripts / "branchcov", "selftest", cwd=folder)


def _magic(scripts: Path, folder: Path) -> None:
    run(scripts / "python", "-c", _MAGIC, cwd=folder)


def _widget(scripts: Path, folder: Path) -> None:
    (folder / "widgets.py").write_text(_WIDGET)
    run(scripts / "python", "widgets.py", cwd=folder)


def _labextension(scripts: Path, folder: Path) -> None:
    place = folder / "env" / _LAB
    package = json.loads((place / "package.json").read_text("utf-8"))
    assert (place / package["jupyterlab"]["_build"]["load"]).is_file()
    assert (place / "schemas" / "ipy-branchcov" / "marks.json").is_file()


def _plugin(scripts: Path, folder: Path) -> None:
    project = folder / "project"
    project.mkdir()
    for name, text in _PYTEST.items():
        (project / name).write_text(text)
    gate = (scripts / "python", "-m", "pytest", "--branchcov=shapes", "--branchcov-fail-under=100")
    assert re.search(r"TOTAL +4 +0 +100.0%", out := run(*gate, cwd=project)), out
    assert "is below 100%" in (out := run(*gate, "-k", "area", cwd=project, status=1)), out


def _notebook(scripts: Path, folder: Path) -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": []}
    notebook = {
        "cells": [{**cell, "source": "x = 1\ny = 1 if x else 2"}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "small.ipynb").write_text(json.dumps(notebook))
    assert "1 of 2 outcomes covered" in run(scripts / "branchcov", "run", "small.ipynb", cwd=folder)


_CHECKS: tuple[Callable[[Path, Path], None], ...] = (_selftest, _magic, _widget, _labextension, _plugin, _notebook)


def in_jupyterlite(wheel: Path, folder: Path) -> int:
    """Run the tour in a JupyterLite that installs this wheel; return how many views stand in it."""
    from tests.jupyterlite import build, served

    build(folder / "site", wheel)
    with served(folder / "site") as lite:
        lite.run_all()
        views = "return document.querySelectorAll('.branchcov-widget').length"
        lite.until(f"{views} >= 7")
        shown = str(lite.run("%%branchcov\n1 if len('a') else 2")["outputs"])
        assert "1 of 2 outcomes covered" in shown and "never false" in shown, shown
        version = str(lite.run("import ipy_branchcov\nipy_branchcov.__version__")["outputs"])
        assert f"'{wheel.name.split('-')[1]}'" in version, version
        assert lite.refused == [], lite.refused
        return int(lite.driver.execute_script(views))


def main() -> int:
    parser = argparse.ArgumentParser(description=textwrap.dedent(__doc__ or "").split("\n")[0])
    parser.add_argument("pythons", nargs="*", type=Path, metavar="PYTHON")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="keep the files here")
    parser.add_argument("--jupyterlite", action="store_true", help="run the tour from this wheel in JupyterLite, too")
    options, started = parser.parse_args(), time.monotonic()
    pythons = [each.absolute() for each in options.pythons] or [Path(sys.executable)]
    with TemporaryDirectory(prefix="branchcov-release-") as folder:
        place = (options.into or Path(folder) / "dist").absolute()
        place.mkdir(parents=True, exist_ok=True)
        sdist, wheel = build(place)
        print(f"{sdist.name} {sdist.stat().st_size:,} bytes, {wheel.name} {wheel.stat().st_size:,} bytes: checked")
        print(f"conda recipe of {recipe(RECIPE.read_text('utf-8'))}: rendered")
        for number, python in enumerate(pythons):
            work = Path(folder) / str(number)
            work.mkdir()
            use(wheel, python, work)
            print(f"{python}: {', '.join(check.__name__[1:] for check in _CHECKS)}")
        if options.jupyterlite:
            print(f"JupyterLite: {in_jupyterlite(wheel, Path(folder))} views of the tour, nothing asked of other sites")
    print(f"{len(pythons)} environments agree, in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
