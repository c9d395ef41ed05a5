"""CrossHair in a process of its own: it reads a file and prints calls, which are tried like others."""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.source import Source
from ipy_branchcov.suggest.pools import calls_in
from ipy_branchcov.suggest.target import Arguments, Target


class CrossHair:
    """``crosshair cover`` for one function. Raises UsageError where it is not installed."""

    def __init__(self, target: Target, source: Source, seconds: float):
        if importlib.util.find_spec("crosshair") is None:
            raise UsageError("--crosshair: CrossHair is not installed; pip install crosshair-tool")
        self._target, self._source, self._seconds = target, source, seconds
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._ended = False

    def start(self) -> None:
        """Begin. The text of a cell becomes a file of its own, so it has to stand alone there."""
        path = self._source.path
        if path is None:
            self._folder = tempfile.TemporaryDirectory()
            place = Path(self._folder.name, "cell.py")
            place.write_text(self._source.code, encoding="utf-8")
            path = str(place)
        line = self._target.function.__code__.co_firstlineno
        command = [sys.executable, "-m", "crosshair", "cover", f"{path}:{line}"]
        command += ["--example_output_format=eval_expression", "--coverage_type=path"]
        command += [f"--per_condition_timeout={max(1.0, self._seconds - 1):.1f}"]
        paths = [str(Path(path).parent), *filter(None, sys.path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            start_new_session=True,
        )

    def take(self, seconds: float = 0.0) -> list[Arguments]:
        """The calls that it printed, once it has ended; waits at most so long. Each call is returned once."""
        if self._process is None or self._ended:
            return []
        try:
            printed, _ = self._process.communicate(timeout=max(0.01, seconds))
        except subprocess.TimeoutExpired:
            return []
        self._ended = True
        return self._calls(printed)

    def _calls(self, printed: str) -> list[Arguments]:
        found: list[Arguments] = []
        for line in printed.splitlines():
            with suppress(SyntaxError, ValueError, RecursionError):
                found += calls_in(self._target, [ast.parse(line.strip())], own=False)
        return found

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._folder is not None:
            self._folder.cleanup()
