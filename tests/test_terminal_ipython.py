"""``%%branchcov`` in a terminal IPython, over a real pseudo-terminal."""

from __future__ import annotations

import re
import sys

import pytest

pexpect = pytest.importorskip("pexpect")


def test_a_cell_waits_for_its_end_and_shows_coloured_text() -> None:
    arguments = ["-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor", "--no-confirm-exit"]
    terminal = pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=60, dimensions=(40, 100))
    terminal.expect("In ")
    for line in (
        "%load_ext ipy_branchcov",
        "def sign(x):\n    return 'minus' if x < 0 else 'plus'\n",
        "%branchcov print('shown', sign(3))",
    ):
        terminal.sendline(line)
    terminal.expect("shown plus")
    terminal.expect(r"never true")
    shown = re.sub(r"\x1b\[[\d;]*m", "", terminal.before)
    assert "branchcov: 1 of 2 arms taken (50.0%)" in shown and "x < 0" in shown
    assert "\x1b[" in terminal.before + terminal.after  # a terminal gets colours
    terminal.sendline("exit()")
    terminal.expect(pexpect.EOF)
