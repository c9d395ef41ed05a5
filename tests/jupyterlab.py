"""A live JupyterLab, which serves Notebook 7 as well, and a headless Chromium that looks at it.

``python -m tests.jupyterlab NOTEBOOK FOLDER [CELL-ID[:PLACE] ...]`` runs a notebook there and leaves pictures of its
code cells in both themes, the details of a place pinned where one is named; those of the README are
``notebooks/tour.ipynb notebooks/pictures "slots:begin >= end"``.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

TOKEN = "branchcov"
#: Application -> the path of a notebook's page.
APPLICATIONS = {"lab": "lab/tree", "notebook": "notebooks"}
#: The front end's state that a run must not depend on.
_SETTINGS = {
    "@jupyterlab/apputils-extension": {
        "notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
        "themes.jupyterlab-settings": {"theme": "JupyterLab Light"},
    }
}


def written(path: Path, cells: Iterable[str]) -> Path:
    """Write a notebook of these cells; return its path."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [nbformat.v4.new_code_cell(each) for each in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": spec}), path)
    return path


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A JupyterLab on a folder, with settings of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TemporaryDirectory() as home:
        for extension, files in _SETTINGS.items():
            for name, values in files.items():
                path = Path(home) / "lab" / "user-settings" / extension / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(values))
        install_extension(Path(home) / "data")
        environment = os.environ | {
            "JUPYTER_CONFIG_DIR": home,
            "JUPYTER_DATA_DIR": f"{home}/data",
            "JUPYTER_RUNTIME_DIR": f"{home}/runtime",
            "JUPYTER_PREFER_ENV_PATH": "no",
            "IPYTHONDIR": f"{home}/ipython",
            "JUPYTERLAB_SETTINGS_DIR": f"{home}/lab/user-settings",
            "JUPYTERLAB_WORKSPACES_DIR": f"{home}/lab/workspaces",
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += [
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
            f"--port={port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={folder}",
        ]
        with (Path(home) / "log").open("w+") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                _wait_for(port, process, log)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
                process.wait(30)


def install_extension(data: Path) -> None:
    """Put the checkout's extension into a user's data folder of Jupyter, where it can outrank an installed one."""
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    for source, place in project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"].items():
        target = data / Path(place).relative_to("share/jupyter")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / source, target)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Any) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    log.seek(0)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read()}")


@contextmanager
def browser(*arguments: str, width: int = 1280, height: int = 1000, scale: float = 1) -> Iterator[webdriver.Chrome]:
    """A headless Chromium, the one on the PATH, that reaches no host but this one."""
    options = webdriver.ChromeOptions()
    size = (f"--window-size={width},{height}", f"--force-device-scale-factor={scale}")
    offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", offline, *size, *arguments):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


#: In the dialog that asks for a kernel.
_NO_KERNEL = ".jp-Dialog .jp-mod-reject"
_KERNEL = "window.jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel"


#: Pin the details of a place, if they are not.
PIN = """
const handles = [...arguments[0].querySelectorAll('.branchcov-widget .handle')];
const found = handles.find((each) => each.getAttribute('aria-label').startsWith(arguments[1]));
if (found.getAttribute('aria-expanded') !== 'true') found.click();
"""


#: Run the cell of an id, and no other.
RUN_ONE = """
const {content} = window.jupyterapp.shell.currentWidget;
content.activeCellIndex = content.widgets.findIndex(({model}) => model.id === arguments[0]);
return window.jupyterapp.commands.execute('notebook:run-cell');
"""


class Lab:
    """One notebook in JupyterLab, or in Notebook 7."""

    file: Path

    def __init__(self, driver: webdriver.Chrome, address: str, name: str, application: str = "lab"):
        self.driver = driver
        self.address, self.name, self.application = address, name, application
        self.open()

    def open(self) -> None:
        """Load the page again, with a kernel of the notebook's kind, or with none where it names no kind."""
        self.driver.get(f"{self.address}/{APPLICATIONS[self.application]}/{self.name}?token={TOKEN}&reset")
        self.until("return document.querySelectorAll('.jp-Notebook .jp-Cell').length > 0")
        self.until(f"return {_KERNEL}?.status === 'idle' || document.querySelector('{_NO_KERNEL}')")
        self.driver.execute_script(f"document.querySelector('{_NO_KERNEL}')?.click()")

    def until(self, script: str, seconds: float = 60) -> Any:
        """The first true value of a script."""
        return WebDriverWait(self.driver, seconds).until(lambda driver: driver.execute_script(script))

    def command(self, name: str, **arguments: Any) -> None:
        """Have the front end do one of its commands."""
        script = (
            "const [name, values, end] = arguments;"
            "window.jupyterapp.commands.execute(name, values).then(() => end(''), error => end(String(error)))"
        )
        self.driver.set_script_timeout(300)
        error = self.driver.execute_async_script(script, name, arguments)
        if error:
            raise RuntimeError(f"{name}: {error}")

    def run_all(self) -> None:
        self.command("notebook:run-all-cells")

    def kernel(self) -> str | None:
        """The kind of the kernel, where there is one."""
        kind: str | None = self.driver.execute_script(f"return {_KERNEL}?.name")
        return kind

    def theme(self, name: str) -> None:
        self.command("apputils:change-theme", theme=f"JupyterLab {name}")
        self.until(f"return document.body.dataset.jpThemeLight === '{str(name == 'Light').lower()}'")
        time.sleep(1)

    def cells(self) -> list[WebElement]:
        """The code cells; the notebook is short enough to be drawn whole."""
        return self.driver.find_elements(By.CSS_SELECTOR, ".jp-CodeCell")

    def picture(self, cell: WebElement, path: Path) -> None:
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'start'})", cell)
        time.sleep(0.5)
        image = Image.open(io.BytesIO(cell.screenshot_as_png)).convert("RGB")
        _reduced(image).save(path, optimize=True)

    def pictures(self, folder: Path, wanted: Mapping[str, str] | None = None) -> None:
        """Run all; leave pictures of the code cells of these ids (all without), light and dark, called by their ids.

        Each is taken when its cell has run and the next has not: cells that run later add to what its marks say. Of a
        cell with marks there is a second picture, of its input alone. Behind an id stands the name of the place whose
        details are pinned, or nothing.
        """
        ids = (
            "return window.jupyterapp.shell.currentWidget.content.widgets.map(cell => [cell.model.type, cell.model.id])"
        )
        code = [name for kind, name in self.driver.execute_script(ids) if kind == "code"]
        folder.mkdir(parents=True, exist_ok=True)
        self.command("notebook:clear-all-cell-outputs")  # saved ones add to the marks, too
        for number, name in enumerate(code):
            self.driver.execute_script(RUN_ONE, name)
            self.until(f"return {_KERNEL}?.status === 'idle'")
            time.sleep(2)
            for theme in ("Light", "Dark") if wanted is None or name in wanted else ():
                self.theme(theme)
                cell = self.cells()[number]
                if wanted and wanted[name]:
                    self.driver.execute_script(PIN, cell, wanted[name])
                self.picture(cell, folder / f"{name}-{theme.lower()}.png")
                if cell.find_elements(By.CSS_SELECTOR, ".branchcov-label"):
                    editor = cell.find_element(By.CSS_SELECTOR, ".jp-Cell-inputWrapper")
                    self.picture(editor, folder / f"{name}-input-{theme.lower()}.png")


def _reduced(image: Image.Image) -> Image.Image:
    """A picture in its 256 commonest colours: its areas stay as they are, and its size is a third."""
    # Pillow's own reduction, in steps of 4, tints white.
    counted: list[tuple[int, Any]] = image.getcolors(1 << 24) or []
    palette = [colour for _, colour in sorted(counted, reverse=True)[:256]]
    nearest = {
        colour: min(
            range(len(palette)), key=lambda i: sum((a - b) ** 2 for a, b in zip(palette[i], colour, strict=True))
        )
        for _, colour in counted
    }
    reduced = Image.new("P", image.size)
    reduced.putpalette([part for colour in palette for part in colour])
    pixels = image.tobytes()
    reduced.putdata([nearest[pixel] for pixel in zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True)])
    return reduced


@contextmanager
def opened(notebook: Path, **window: Any) -> Iterator[Lab]:
    """A copy of a notebook, open in a live JupyterLab."""
    with TemporaryDirectory() as place:
        shutil.copy(notebook, place)
        with server(Path(place)) as address, browser(**window) as driver:
            lab = Lab(driver, address, notebook.name)
            lab.file = Path(place) / notebook.name
            yield lab


def main(notebook: Path, folder: Path, wanted: list[str]) -> None:
    with opened(notebook, height=1500, scale=1.5) as lab:
        lab.pictures(folder, dict(each.partition(":")[::2] for each in wanted) or None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
