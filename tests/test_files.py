"""The texts of files come back into data that left them out; notes stay true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ipy_branchcov.data import json_form
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports import summary, terminal
from ipy_branchcov.reports.files import with_texts, write_reports
from ipy_branchcov.reports.record import record

TEXT = "x = 1 if 2 else 3\n"
IF = Branch("ifexp", Span(1, 9, 1, 10), (Outcome("true", 1), Outcome("false", 0)))
CHANGED = "some.py: changed since it was measured; run it again to see its lines"
GONE = "some.py: cannot be read any more; its lines cannot be shown"


def read(path: Path, *, note: str = "", measured: bool = True) -> Coverage:
    """The coverage of a file as a data file brings it back."""
    path.write_text(TEXT)
    source = Source("some.py", TEXT if measured else "", "file", str(path))
    coverage = Coverage((SourceCoverage(source, (IF,) if measured else (), note=note),))
    return json_form.loads(json_form.dumps(coverage), "data.json")


def test_the_text_comes_back(tmp_path: Path) -> None:
    (source,) = with_texts(read(tmp_path / "some.py", note="a note"))
    assert (source.source.text, source.source.name, source.note) == (TEXT, "some.py", "a note")


def test_a_report_that_cannot_be_written_whole_leaves_nothing_new(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    coverage, folder, old = read(tmp_path / "some.py"), tmp_path / "new", tmp_path / "old"
    (old / "index.html").mkdir(parents=True)  # the last file that is written
    (old / "functions.html").write_text("mine")
    with pytest.raises(DataError, match=r"index\.html: cannot be written"):
        write_reports(coverage, {"lcov": tmp_path / "lcov", "html": old})
    assert sorted(path.name for path in old.iterdir()) == ["functions.html", "index.html"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # as on a disk that is full after that
    try:
        with pytest.raises(DataError, match=r"cannot be written \(File too large\)"):
            write_reports(coverage, {"html": folder})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "lcov").exists() and not folder.exists()


def test_a_file_that_changed_or_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    coverage = read(path)
    path.write_text("x = 2\n")
    assert [(each.source.text, each.note) for each in with_texts(coverage)] == [("", CHANGED)]
    path.unlink()
    assert [(each.source.text, each.note) for each in with_texts(coverage)] == [("", GONE)]


def test_the_reason_why_nothing_was_measured_stays(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    coverage = read(path, note="not measured: RecursionError()", measured=False)
    assert [each.note for each in with_texts(coverage)] == ["not measured: RecursionError()"]
    path.unlink()
    assert [each.note for each in with_texts(coverage)] == ["not measured: RecursionError()"]


def test_a_note_is_added_to_others_and_each_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    coverage = read(path, note="compiled without positions")
    path.write_text("x = 2\n")
    found = with_texts(coverage)
    assert [each.notes for each in found] == [["compiled without positions", CHANGED]]
    expected = ["note: compiled without positions", f"note: {CHANGED}"]
    for text in (
        terminal.render(found),
        summary.render(found),
        record(found, whole=True).html.replace("<div ", "\n").replace("</div>", "\n"),
    ):
        assert [line[line.index("note: ") :] for line in text.split("\n") if "note: " in line] == expected
    (one,) = found.sources
    twice = Coverage((one,)) + Coverage((replace(one, note=CHANGED),))
    assert twice.sources[0].notes == [*expected[0][6:].split("\n"), CHANGED]
