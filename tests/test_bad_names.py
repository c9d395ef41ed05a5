"""Names and texts that no line, terminal or XML can hold: every report is right, and none has them raw."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ipy_branchcov.cli import main
from ipy_branchcov.data.files import load
from ipy_branchcov.errors import DataError, UsageError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.printable import is_printable, printable, visible
from ipy_branchcov.reports import cobertura, lcov, opcodes, pages, summary, terminal
from ipy_branchcov.reports.files import write_reports
from ipy_branchcov.reports.record import record
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import resolve
from ipy_branchcov.session.session import Session
from ipy_branchcov.session.values import short
from tests.views import viewed

#: Names by what they are called in reports.
NAMES = {
    r"caf\xe9.py": b"caf\xe9.py",
    r"e\x1b[2J.py": b"e\x1b[2J.py",
    r"a\nSF:b.py": b"a\nSF:b.py",
    r"\ttab.py": b"\ttab.py",
    r"\u202egpj.py": "\u202egpj.py".encode(),
    r"\x9b31m.py": "\x9b31m.py".encode(),
    r"line\u2028.py": "line\u2028.py".encode(),
    "naïve 日本 \u200d🙂&<b>.py": "naïve 日本 \u200d🙂&<b>.py".encode(),
    "x" * 250 + ".py": b"x" * 250 + b".py",
}
TEXT = "# \x0c \x1b[2J \x9b2J \x7f \u202e\ns = '\x1b]0;title\x07'\nx = 1 if s else '\x08'\n"
names = pytest.mark.parametrize("name", NAMES)
#: What stands in each report folder beside the pages.
OURS = {pages.INDEX, pages.FUNCTIONS, pages.STYLES, pages.SCRIPT}


def write(folder: Path, name: str) -> Path:
    path = Path(os.fsdecode(os.fsencode(folder) + b"/" + NAMES[name]))
    try:
        path.write_text(TEXT, "utf-8")
    except (OSError, ValueError):
        pytest.skip("this file system refuses the name")
    return path


def measured(path: Path) -> Coverage:
    session = Session(RunOptions(source=(str(path),)))
    with session.measuring(str(path)) as run:
        exec(session.instrument(compile(TEXT, str(path), "exec", dont_inherit=True)), {})
    return run.coverage


def raw(text: str) -> set[str]:
    """The characters of a text that should not be there."""
    return {each for each in text if not is_printable(each) and each not in "\n\t"}


@names
def test_every_report(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    coverage = measured(write(tmp_path, name))
    assert [each.source.name for each in coverage] == [name]
    firsts = {o.first.by for each in coverage for b in each.branches for o in b.outcomes if o.first is not None}
    assert raw("".join(firsts)) == set()
    places = {kind: tmp_path / "out" / kind for kind in ("html", "json", "lcov", "cobertura")}
    write_reports(coverage, places)
    for path in (tmp_path / "out").rglob("*.*"):
        assert raw(path.read_text("utf-8")) == set(), path
    assert places["lcov"].read_text("utf-8").split("\n")[1] == f"SF:{name}"
    assert [each.get("filename") for each in ET.parse(places["cobertura"]).iter("class")] == [name]
    data = json.loads(places["json"].read_bytes())
    assert [each["name"] for each in data["sources"]] == [name]
    assert os.fsencode(data["sources"][0]["path"]).endswith(NAMES[name])
    again = load(places["json"])
    assert [each.source.name for each in merge([coverage, again])] == [name]
    (page,) = [path for path in places["html"].iterdir() if path.name not in OURS]
    assert f'href="{page.name}"' in (places["html"] / "index.html").read_text("utf-8")
    for text in (
        terminal.render(coverage, named=True),
        record(coverage, whole=True).html,
        json.dumps(viewed(coverage), ensure_ascii=False),
        summary.render(coverage, missing=True),
    ):
        assert raw(text) == set(), text
    coloured = terminal.render(coverage, color=True, counts=True)
    assert raw(re.sub(r"\x1b\[[\d;]*m", "", coloured)) == set(), coloured


@pytest.mark.slow
@names
def test_command_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, name)
    shown = ""
    for arguments in (["run", "--data", "d.json", path.name], ["report", "d.json"]):
        command = [sys.executable, "-m", "ipy_branchcov", *arguments]
        ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
        shown += subprocess.run(command, env=ascii_only, capture_output=True, check=True).stdout.decode("ascii")
    ascii_name = name.encode("ascii", "backslashreplace").decode()
    assert shown.count("1 of 2 outcomes covered (50.0%)\n") == 2 and f"branchcov: {ascii_name}: " in shown
    assert raw(shown) == set()
    assert main(["run", f"{path.name}.not.py"]) == 2
    (message,) = capfd.readouterr().err.splitlines()
    assert message.endswith("not.py: no such file; check the path") and raw(message) == set()


def test_pages_of_long_names() -> None:
    """A page's name fits into any file system, is the same in every report, and no two are equal."""
    branch = Branch("if", Span(1, 0, 1, 1), (Outcome("true"), Outcome("false")))
    long = ["x" * 5000, "x" * 4999 + "y", "y" + "x" * 4999, "日" * 300, "/".join(["日本"] * 900) + ".py"]
    sources = [Source(name, f"x  # {number}", "file") for number, name in enumerate(long)]
    coverage = merge([Coverage((SourceCoverage(source, (branch,)),)) for source in sources])
    found = [name for name in pages.render(coverage, "title") if name not in OURS]
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in found}) == len(long)
    assert max(len(name.encode()) for name in found) < 250
    alone = pages.render(merge([coverage.select(lambda each: each.source.name == long[1])]), "title")
    assert set(alone) - OURS < set(found)
    for report in (lcov, cobertura):
        assert long[-1] in report.render(coverage)


@pytest.mark.parametrize("name", ["x" * 5000, "x/" * 2500, "a\0b", "\ud800"])
def test_places_that_are_none(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("html", "json", "lcov", "cobertura"):
        with pytest.raises(DataError) as raised:
            write_reports(Coverage(), {kind: name})
        assert is_printable(str(raised.value)) and "cannot be written" in str(raised.value)
    with pytest.raises(UsageError, match="no module, directory or file of that name"):
        resolve(name)
    with pytest.raises(DataError, match="cannot be read"):
        load(Path(name))
    assert main(["run", f"{name}.py"]) == 2
    assert not list(tmp_path.rglob("*.*"))


def test_values_with_names_of_classes() -> None:
    assert short(type("a\x1b\n", (), {})()) == r"<a\x1b\n>"


def test_instructions_show_lines_without_control_characters() -> None:
    session = Session(RunOptions(opcodes=True))
    session.add_locator(lambda code: Source("In [1]", TEXT) if code.co_filename == "<cell>" else None)
    with session.measuring("In [1]"):
        exec(session.instrument(compile(TEXT, "<cell>", "exec")), {})
    assert session.disassemblies
    assert raw(opcodes.render(session.disassemblies, counted=False)) == set()


def test_printable_and_visible_keep_what_is_shown() -> None:
    for text in ("", "plain", "ü 日本 \u200d🙂", "a\\nb", "\xa0"):
        assert printable(text) == visible(text) == text
    every = "".join(map(chr, (*range(0x2100), *range(0xD7F0, 0xE010), *range(0xFFF0, 0x10010))))
    assert len(visible(every)) == len(every)  # columns stay where they are
    assert not {each for each in printable(every) if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")}
