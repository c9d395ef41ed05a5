"""``%%branchcov`` in a terminal IPython, over a real pseudo-terminal and on the screen that its output makes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect")
pyte = pytest.importorskip("pyte")

#: Lines longer than 80 columns, wide characters, tabs; with what is marked in it.
PROGRAM = """\
def pick(names, values, least, other="nobody"):
    found = [n for n, v in zip(names, values, strict=True) if v > least and not n.startswith("_") or v is None]
    title = "名前のとても長い一覧がここにあります" if found and len(found) > least else "短い一覧" if other else None
    if least < 0:
    \traise ValueError("the least value must not be less than nothing, and a line like this one must be cut")
    return title


pick([], [], 1)
pick(["a"], [2], 1)
"""
MARKED = [
    ("v > least", "never false"),
    ('not n.startswith("_")', "never false"),
    ("v is None", "never ran"),
    ('"名前のとても長い一覧がここにあります"', "never ran"),
    ("len(found) > least", "never true"),
    ("other", "never false"),
    ("None", "never ran"),
    ("least < 0", "never true"),
    (
        'raise ValueError("the least value must not be less than nothing, and a line like this one must be cut")',
        "never ran",
    ),
]


class Terminal:
    """IPython in a terminal of so many columns, and what is to be seen there."""

    def __init__(self, columns: int, folder: Path):
        self.screen = pyte.Screen(columns, 100)
        self._stream = pyte.Stream(self.screen)
        arguments = ["-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor", "--no-confirm-exit"]
        self.process = pexpect.spawn(
            sys.executable, arguments, encoding="utf-8", timeout=60, dimensions=(100, columns), cwd=str(folder)
        )
        self.process.logfile_read = self
        self.expect(r"In \[1\]")

    def write(self, text: str) -> None:
        self._stream.feed(text)

    def flush(self) -> None: ...

    def type(self, line: str) -> None:
        self.process.sendline(line)

    def expect(self, pattern: str) -> None:
        self.process.expect(pattern)

    def row(self, number: int) -> list[str]:
        """The cells of a row; the second one of a wide character is empty."""
        cells = self.screen.buffer[number]
        return [cells[column].data for column in range(self.screen.columns)]

    def rows(self) -> list[list[str]]:
        return [self.row(number) for number in range(self.screen.lines)]

    def find(self, text: str) -> tuple[int, int]:
        """The last row where a text stands, and its column."""
        for number in reversed(range(self.screen.lines)):
            column = "".join(cell or "\0" for cell in self.row(number)).find(text)
            if column >= 0:
                return number, column
        raise AssertionError(f"no {text!r} on the screen")

    def styles(self, text: str) -> set[tuple[str, str, bool]]:
        """Foreground, background and boldness of a text."""
        number, start = self.find(text)
        cells = [self.screen.buffer[number][column] for column in range(start, start + len(text))]
        return {(cell.fg, cell.bg, cell.bold) for cell in cells}


@contextmanager
def terminal(columns: int, folder: Path) -> Iterator[Terminal]:
    made = Terminal(columns, folder)
    try:
        yield made
    finally:
        made.process.close(force=True)


def marked(rows: list[list[str]]) -> list[tuple[str, str]]:
    """What stands above carets, and the words beside or below them."""
    found: list[tuple[str, str]] = []
    code: list[str] = []
    open_text = ""
    for cells in rows:
        row = "".join(cell or "\0" for cell in cells)
        gutter = re.match(r" *\d* [|:] ", row)
        if gutter is None:
            continue
        below = re.fullmatch(r" *(\^*) ?(never [a-z]+(?: [a-z]+)*)? *", row[gutter.end() :])
        if below is None or not (below[1] or below[2]):
            code = cells
            continue
        if below[1]:
            start, stop = (gutter.end() + each for each in below.span(1))
            open_text += "".join(code[start:stop])
        if below[2]:
            found.append((open_text, below[2]))
            open_text = ""
        elif open_text.endswith(","):
            open_text += " "  # where the line was cut
    return found


def test_a_cell_waits_for_its_end_and_shows_coloured_text(tmp_path: Path) -> None:
    with terminal(100, tmp_path) as shell:
        for line in (
            "%load_ext ipy_branchcov",
            "def sign(x):\n    return 'minus' if x < 0 else 'plus'\n",
            "%branchcov print('shown', sign(3))",
        ):
            shell.type(line)
        shell.expect("shown plus")
        shell.expect(r"never true")
        shell.expect(r"In \[4\]")
        shown = ["".join(row).rstrip() for row in shell.rows()]
        assert "branchcov: 1 of 2 outcomes covered (50.0%) [#####-----]" in shown
        assert marked(shell.rows()) == [("'minus'", "never ran"), ("x < 0", "never true")]
        assert shell.styles("never true") == {("brown", "default", True)}  # terminals' dark yellow
        assert shell.styles("never ran") == {("red", "default", False)}
        assert (shell.styles("#####"), shell.styles("-----")) == (
            {("green", "default", False)},
            {("red", "default", False)},
        )
        shell.type("exit()")
        shell.expect(pexpect.EOF)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 200])
def test_carets_stand_below_their_code(columns: int, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    with terminal(columns, tmp_path) as shell:
        shell.type("%load_ext ipy_branchcov")
        shell.expect(r"In \[2\]")
        shell.type("def here(x):\n    return 1 if x else 2\n")
        shell.expect(r"In \[3\]")
        shell.type("%branchcov --source program here(1); import program")
        shell.expect(r"In \[4\]")
        rows = shell.rows()
        assert marked(rows) == [*MARKED, ("x", "never false"), ("2", "never ran")]
        heads = ("branchcov: 10 of 18", "In [3]: no branches", "program.py: 9 of 16", "In [2] · here: 1 of 2")
        assert sorted(heads, key=shell.find) == list(heads)
