"""Every door of the package in one process: what it says of its options, and what arrives of those that are given.

``python -m tests.doors`` reads from stdin, as JSON, ``invented`` (whether the table has one more row), ``config``
(IPython's configuration) and ``given`` (doors, each with words); it prints the doors' own texts, and for each door
and its words the options that arrive, as their ``repr`` by name.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


def ask(
    folder: Path,
    given: Iterable[tuple[str, str]] = (),
    *,
    invented: bool = False,
    config: Mapping[str, object] | None = None,
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The texts of all doors in a fresh process, and the options that arrive; ``folder`` is the current one there."""
    asked = {"given": list(given), "invented": invented, "config": config or {}}
    done = subprocess.run(
        [sys.executable, "-m", "tests.doors"],
        input=json.dumps(asked),
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "300", "IPYTHONDIR": str(folder / "ipython")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["texts"], answer["options"]


def invent() -> None:
    """One more row, in the table alone; every door is imported after this."""
    from ipy_branchcov.session import options
    from ipy_branchcov.session.table import COUNT, Door, option

    every = ~Door(0)

    @dataclass(frozen=True, slots=True)
    class Invented(options.RunOptions):
        invented: int = option(3, "An option that the table alone has.", every, COUNT, metavar="N")

    options.RunOptions = Invented  # type: ignore[misc]


def _no_workers() -> Any:
    """What ``--engines`` takes."""
    from ipy_branchcov.processes.engines import Engine

    class NoWorkers(Engine):
        def run(self, function: Any, *arguments: Any) -> list[Any]:
            return []

    return NoWorkers()


def printed(call: Any, *arguments: Any) -> str:
    """What a call prints."""
    with redirect_stdout(io.StringIO()) as text, suppress(SystemExit):
        call(*arguments)
    return text.getvalue()


class Doors:
    """The doors in this process."""

    def __init__(self, config: Mapping[str, object]):
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        self.shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}, "BranchCov": config}))
        with redirect_stdout(sys.stderr):
            self.shell.run_line_magic("load_ext", "ipy_branchcov")
        self.extension = self.shell._ipy_branchcov_extension
        self.shell.user_ns["rc"] = _no_workers()

    def texts(self) -> dict[str, str]:
        import pytest

        from ipy_branchcov.cli import main

        magics = {"CELL": "%%branchcov", "AUTO": "%branchcov_auto", "SHOW": "%branchcov_report"}
        found = {door: self.shell.object_inspect_mime(name)["text/plain"] for door, name in magics.items()}
        found["RUN"] = printed(main, ["run", "--help"])
        found["REPORT"] = printed(main, ["report", "--help"])
        found["PYTEST"] = printed(pytest.main, ["--help", "-p", "no:nbval"])
        found["TRAIT"] = printed(self.shell.run_line_magic, "config", "BranchCov")
        found["CONFIG"] = self._refused()
        return found

    @staticmethod
    def _refused() -> str:
        """The message about a key that is not known, which names all that are."""
        from ipy_branchcov.errors import UsageError
        from ipy_branchcov.session.config import read_config

        try:
            read_config({"?": 0}, "")
        except UsageError as error:
            return str(error)
        return ""

    def arrives(self, door: str, words: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for options in getattr(self, f"_{door.lower()}")(words):
            found |= {each.name: repr(getattr(options, each.name)) for each in fields(options)}
        return found

    def _request(self, door: Any, name: str, words: str) -> tuple[Any, Any]:
        magics = self.extension.magics
        _, asked = magics._request(door, getattr(magics, name), words)
        return asked.options(self.extension.session.options), asked.report

    def _cell(self, words: str) -> tuple[Any, ...]:
        asked = self.extension.magics.parse(words)
        return asked.options(self.extension.session.options), asked.report

    def _auto(self, words: str) -> tuple[Any, ...]:
        self.shell.run_line_magic("branchcov_auto", f"on {words}")
        asked = self.extension.magics.hooks.automatic
        self.shell.run_line_magic("branchcov_auto", "off")
        return (asked.options(self.extension.session.options),)

    def _show(self, words: str) -> tuple[Any, ...]:
        from ipy_branchcov.session.table import Door

        return self._request(Door.SHOW, "branchcov_report", words)

    def _trait(self, words: str) -> tuple[Any, ...]:
        self.shell.run_line_magic("config", f"BranchCov.{words}")
        return self.extension.session.options, self.extension.settings.report_options()

    def _run(self, words: str) -> tuple[Any, ...]:
        from ipy_branchcov import cli
        from ipy_branchcov.command_line import parsers
        from ipy_branchcov.session.config import load_config
        from ipy_branchcov.session.table import Door

        parsed = parsers()[0].parse_args(["run", "script.py", *words.split()])
        return cli._options(parsed, Door.RUN, load_config(Path.cwd()))

    def _report(self, words: str) -> tuple[Any, ...]:
        from ipy_branchcov import cli
        from ipy_branchcov.command_line import parsers
        from ipy_branchcov.session.config import load_config
        from ipy_branchcov.session.table import Door

        parsed = parsers()[0].parse_args(["report", "data.json", *words.split()])
        return cli._options(parsed, Door.REPORT, load_config(Path.cwd()))

    def _pytest(self, words: str) -> tuple[Any, ...]:
        from _pytest.config.argparsing import Parser

        from ipy_branchcov.pytest_plugin import plugin

        parser = Parser(_ispytest=True)
        plugin.pytest_addoption(parser)
        return plugin._options(parser.parse(["--branchcov", *words.split()]))

    def _config(self, words: str) -> tuple[Any, ...]:
        from ipy_branchcov.session.config import load_config

        folder = Path("configured")
        folder.mkdir(exist_ok=True)
        (folder / "pyproject.toml").write_text(f"[tool.branchcov]\n{words}\n")
        return (load_config(folder),)


if __name__ == "__main__":
    question = json.load(sys.stdin)
    if question["invented"]:
        invent()
    doors = Doors(question["config"])
    options = [doors.arrives(door, words) for door, words in question["given"]]
    print(json.dumps({"texts": doors.texts(), "options": options}))
