"""The pages that people read: links lead to files, commands and options exist, Python examples run."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipy_branchcov.command_line import parsers
from ipy_branchcov.errors import UsageError
from ipy_branchcov.processes.targets import split
from ipy_branchcov.session.config import load_config
from ipy_branchcov.session.options import ReportOptions, RunOptions, SuggestOptions
from ipy_branchcov.session.table import Door
from tests.site import broken

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


def blocks(path: Path) -> Iterator[str]:
    """The examples of a page: indented, or between fences."""
    text = path.read_text("utf-8")
    fences = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    yield from (match[2] for match in fences.finditer(text) if not match[1].startswith("{"))
    for found in re.finditer(r"(?:^|\n\n)((?:(?:    .*)?\n)*    .*(?:\n|$))", fences.sub("\n", text)):
        yield textwrap.dedent(found[1]).strip("\n") + "\n"


def lines(path: Path) -> Iterator[str]:
    """The lines of the examples that can be typed: without comments, and those that a backslash breaks as one."""
    for block in blocks(path):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.sub(r"(^|\s)#\s.*", "", line.removeprefix("$ ").removeprefix("- ").removeprefix("run: ")).strip()


@every_page
def test_links_lead_to_files(path: Path) -> None:
    text = "\n".join(line for line in path.read_text("utf-8").splitlines() if not line.startswith("    "))
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r"(?:src|srcset)=\"([^\"]+)\"", text)]
    gone = [link for link in links if "://" not in link and not (path.parent / link.partition("#")[0]).exists()]
    assert gone == []


@every_page
def test_files_that_are_named_exist(path: Path) -> None:
    """In the text: paths of the repository, and of the package without its name."""
    named = re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.(?:py|js|md|json|toml)|(?=`)))`", path.read_text("utf-8"))
    places = [ROOT, ROOT / "ipy_branchcov", path.parent]
    gone = [name for name in named if not any((place / name).exists() for place in places)]
    assert [name for name in gone if not name.startswith(("pkg/", "mypackage/"))] == []


def test_every_page_stands_in_the_tree() -> None:
    lines = (ROOT / "docs" / "index.md").read_text("utf-8").splitlines()
    tree = [re.sub(r".*<(.+)>", r"\1", line) for line in lines]
    assert [path.stem for path in DOCS if path.stem not in (*tree, "index")] == []
    notebooks = [f"../notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")]
    assert [each for each in notebooks if each not in tree] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_no_long_page_without_an_example(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 70 or next(blocks(path), None) or "<img" in text


@every_page
def test_commands_can_be_typed(path: Path) -> None:
    for line in lines(path):
        match = re.match(r"(?:\S*/)?branchcov ([a-z]+ .*)", line)
        if match is None or re.search(r"\[|\.\.\.|[&;<>`]|\|", match[1]):
            continue  # a synopsis, or a shell's own signs
        parser, run = parsers()
        words = shlex.split(match[1])
        asked = split(words[1:], run.values) if words[0] == "run" else None
        try:
            parser.parse_args(words if asked is None else ["run", *asked.ours])
        except UsageError as error:
            pytest.fail(f"{line}: {error}")


def known_flags() -> set[str]:
    tables = (RunOptions, ReportOptions, SuggestOptions)
    rows = [(row, door) for table in tables for door in Door for row in table.rows(door)]
    flags = {flag for row, door in rows for flag in row.argument(door)[0]}
    return flags | {f"--{row.name.replace('_', '-')}" for row, _ in rows}


@every_page
def test_options_exist(path: Path) -> None:
    """Those of magics, of commands and of pytest in the text, between backticks or in examples."""
    known = known_flags() | {
        "--branchcov",
        "--branchcov-report",
        "--no-branchcov",
        "--branchcov-append",
        "--data",
        "--out",
    }
    text = path.read_text("utf-8")
    named = set(re.findall(r"--branchcov[a-z-]*|--no-branchcov", text))
    for found in re.findall(r"%branchcov[a-z_]*((?: -[^\n`]*)?)", text):
        named |= set(re.findall(r"--[a-z-]+", found))
    assert sorted(flag for flag in named if flag not in known) == []


@every_page
def test_python_examples_compile(path: Path) -> None:
    for block in blocks(path):
        if re.match(r"(import|from|with|def|async|@|class) ?\S", block) and "^" not in block:
            ast.parse(block)


PREPARED = {
    "mypackage/__init__.py": "",
    "mypackage/a.py": "def f(x):\n    return 1 if x else 2\n\n\nf(1)\n",
}


def examples() -> Iterator[tuple[str, str]]:
    for path in PAGES:
        for number, block in enumerate(blocks(path)):
            if block.startswith("import ipy_branchcov as branchcov\n") and not re.search(
                r"\bclient\b|classify\(", block
            ):
                yield f"{path.name}-{number}", block


@pytest.mark.slow
@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in examples()])
def test_python_examples_run(block: str, tmp_path: Path) -> None:
    for name, text in PREPARED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    block = re.sub(r"^    \.\.\.$", "    import mypackage.a", block, flags=re.MULTILINE)
    before = "import ipy_branchcov\nfor name in 'ab':\n    ipy_branchcov.Coverage().write(json=f'{name}.json')\n"
    (tmp_path / "example.py").write_text(before + block)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "example.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_are_examples_that_run() -> None:
    assert len(list(examples())) >= 3


@every_page
def test_configurations_are_read(path: Path, tmp_path: Path) -> None:
    for block in blocks(path):
        if block.startswith("[tool.branchcov]\n"):
            tomllib.loads(block)
            (tmp_path / "pyproject.toml").write_text(block)
            load_config(tmp_path)


def test_readme_is_short_and_has_its_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.split()) <= 900
    assert (
        "\n    python3 -m venv .venv && .venv/bin/pip install -q '.[run]' && .venv/bin/branchcov run notebooks/tour"
        in text
    )
    assert text.count("\n    python3 -m venv .venv && .venv/bin/pip install -q -U pip &&") == 1


def test_broken_links_of_a_site_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html#there">1</a><a href="b.html#gone">2</a><img src="no.png">')
    (tmp_path / "b.html").write_text('<p id="there"><a href="#there">3</a><a href="https://x">4</a>')
    assert broken(tmp_path) == (5, ["a.html: b.html#gone", "a.html: no.png", "b.html: https://x"])
