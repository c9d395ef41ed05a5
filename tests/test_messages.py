"""Every message of the package is explained on the page of messages, and none there that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ipy_branchcov.cli import main
from tests.messages import PAGE, in_code, of_module, on_page

EXPLAINED = on_page(PAGE.read_text("utf-8"))


def test_every_message_is_explained_and_exists() -> None:
    exist = in_code()
    assert sorted(exist.keys() - EXPLAINED.keys()) == []
    assert sorted(EXPLAINED.keys() - exist.keys()) == []
    assert len(exist) > 150


def test_every_message_has_a_reason_and_a_cure() -> None:
    assert [text for text, (why, cure) in EXPLAINED.items() if not why or not cure] == []


@pytest.mark.parametrize(
    ("module", "code", "message"),
    [
        ("cli.py", 'raise UsageError(f"{name}: is too {much}; do less")', "…: is too …; do less"),
        ("session/table.py", 'raise ValueError("must be odd, not " + repr(value))', "must be odd, not …"),
        ("cli.py", 'print(f"branchcov: no luck {today}", file=sys.stderr)', "no luck …"),
        ("cli.py", 'self._lost.append(f"{one}: fell from the table")', "…: fell from the table"),
        ("cli.py", 'say("this is worth a line" if x else "and this")', "and this"),
        ("data/files.py", 'why = "has vanished; look for it"', "has vanished; look for it"),
        ("data/files.py", 'Coverage(lost=frozenset(["x"]), note="it was cold")', "it was cold"),
        ("anywhere.py", 'yield f"{x}: was not measured, for once"', "…: was not measured, for once"),
        ("reports/gates.py", 'lines.append(f"{x} is odd")', "… is odd"),
    ],
)
def test_a_new_message_is_found(module: str, code: str, message: str) -> None:
    assert message in list(of_module(code, module))


def test_messages_that_are_shown_are_those_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data.json").write_text("[]")
    for command in (
        ["run", str(tmp_path / "none.py")],
        ["run"],
        ["report", str(tmp_path / "none.json")],
        ["report", str(tmp_path / "data.json")],
        ["run", "--append", str(tmp_path)],
        ["run", "--fail-under", "many", "x.py"],
        ["suggest", "no-function"],
    ):
        assert main(command) in (1, 2)
        shown = capsys.readouterr().err.strip().removeprefix("branchcov: ")
        known = (f"(--[a-z-]+: )?{re.escape(text).replace('…', '.+')}" for text in EXPLAINED)
        assert any(re.fullmatch(text, shown) for text in known), shown
