"""What the terminal shows at the end: the table of pytest, the text of a command, the line that closes both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ipy_branchcov.data.files import save
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports import printed, summary, terminal
from ipy_branchcov.reports.files import closing
from ipy_branchcov.session.options import ReportOptions, RunOptions
from tests.project import Project

SHAPES = """\
def area(w, h):
    if w and h:
        return w * h
    return None


class Late:
    def get(self):
        def inner(x):
            return 1 if x else 2

        return inner


size = 3 if area else 4
"""


def ifexp(line: int, column: int, function: str, *, width: int = 1, true: int = 0, false: int = 0) -> Branch:
    outcomes = (Outcome("true", true), Outcome("false", false))
    return Branch("ifexp", Span(line, column, line, column + width), outcomes, function)


@pytest.fixture
def coverage() -> Coverage:
    branches = (
        Branch("and", Span(2, 7, 2, 8), (Outcome("true", 1), Outcome("false", 0)), "area"),
        Branch("and", Span(2, 13, 2, 14), (Outcome("true", 1), Outcome("false", 0)), "area"),
        ifexp(10, 24, "Late.get.<locals>.inner"),
        ifexp(15, 12, "", width=4, true=1),
    )
    never = frozenset({Span(15, 22, 15, 23)})
    missed = SourceCoverage(
        Source("pkg/shapes.py", SHAPES, "file"), branches, frozenset({4, 9, 10, 12}), missed_spans=never
    )
    whole = SourceCoverage(Source("pkg/a.py", "x = 1 if y else 2\n", "file"), (ifexp(1, 9, "", true=1, false=1),))
    noted = SourceCoverage(Source("pkg/b.py", "x = 1\n", "file"), note="compiled without positions")
    return merge([Coverage((each,)) for each in (missed, whole, noted)])


HEAD = """\
Name            Outcomes   Missed    Cover   Missing
----------------------------------------------------"""


def test_misses_are_grouped_by_function(coverage: Coverage) -> None:
    assert (
        summary.render(coverage, missing=True, width=110)
        == f"""\
{HEAD}
pkg/a.py               2        0   100.0%
pkg/b.py               0        0        -
pkg/shapes.py          8        5    37.5%   area: 2:8 never false, 2:14 never false, 4
                                             Late.get: 9-10, 12
                                             15:13 never false, 15:23 never ran
----------------------------------------------------
TOTAL                 10        5    50.0%
note: compiled without positions"""
    )


def test_misses_are_wrapped(coverage: Coverage) -> None:
    lines = summary.render(coverage, missing=True, width=80).splitlines()
    assert lines[4:8] == [
        "pkg/shapes.py          8        5    37.5%   area: 2:8 never false,",
        "                                               2:14 never false, 4",
        "                                             Late.get: 9-10, 12",
        "                                             15:13 never false, 15:23 never ran",
    ]
    assert max(map(len, lines)) <= 80
    narrow = summary.render(coverage, missing=True, width=10).splitlines()
    assert max(map(len, narrow)) <= 45 + 30  # then the terminal wraps


def test_skip_covered_leaves_out_rows_and_never_the_total(coverage: Coverage) -> None:
    plain = summary.render(coverage).splitlines()
    assert [line.split()[0] for line in plain[2:5]] == ["pkg/a.py", "pkg/b.py", "pkg/shapes.py"]
    lines = summary.render(coverage, skip_covered=True).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["pkg/shapes.py", lines[3], "TOTAL", "note:"]
    assert lines[4].split() == ["TOTAL", "10", "5", "50.0%"]
    whole = coverage.select(lambda each: each.source.name == "pkg/a.py")
    assert summary.render(whole, skip_covered=True).splitlines()[2].split() == ["TOTAL", "2", "0", "100.0%"]
    total = "branchcov: 5 of 10 outcomes covered (50.0%)"
    assert "\npkg/a.py: 2 of 2" in terminal.render(coverage)
    text = terminal.render(coverage, skip_covered=True)
    assert text.startswith(f"{total}\npkg/shapes.py: 3 of 8") and "pkg/a.py" not in text and "positions" in text


def test_a_closing_line_has_the_total_and_the_places(
    coverage: Coverage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    total = "branchcov: 5 of 10 outcomes covered (50.0%)"

    def shown(coverage: Coverage, **report: object) -> list[str]:
        import sys

        printed.show(coverage, RunOptions(), ReportOptions().overridden(**report), sys.stdout)
        return capsys.readouterr().out.splitlines()

    assert closing(coverage, [Path("a\n.xml"), None]) == f"{total}; written to a\\n.xml"
    lines = shown(coverage)
    assert lines[0] == lines[-1] == total and len(lines) > 10
    assert shown(coverage, lcov=Path("a.info"), sonar=Path("s.xml"), data=Path("d.json")) == [
        f"{total}; written to a.info, s.xml, d.json"
    ]
    lines = shown(coverage, github=True)
    assert lines[0].startswith("::warning file=pkg/shapes.py,line=2,") and lines[-1] == total
    one = coverage.select(lambda each: each.source.name == "pkg/shapes.py")
    assert shown(one).count("branchcov: pkg/shapes.py: 3 of 8 outcomes covered (37.5%)") == 1
    assert shown(one)[-1] == "    |                       ^ never ran"
    assert shown(one, data=Path("d.json"))[-1] == "branchcov: 3 of 8 outcomes covered (37.5%); written to d.json"


@pytest.mark.slow
def test_pytest_shows_a_total_with_every_report(tmp_path: Path) -> None:
    project = Project(tmp_path)
    total = "branchcov: 6 of 10 outcomes covered (60.0%)"
    kinds = ("xml:c.xml", "sonar:s.xml", "markdown", "github")
    ended = project.run("--branchcov", "tests", *(f"--branchcov-report={kind}" for kind in kinds))
    assert f"\n{total}; written to c.xml, branchcov.md, s.xml\n" in ended.text, ended
    assert ended.text.count("\n::warning file=pkg/shapes.py,line=") == 4
    assert all((tmp_path / name).is_file() for name in ("c.xml", "branchcov.md", "s.xml"))
    ended = project.run("--branchcov", "tests", "--branchcov-report=term-missing:skip-covered")
    assert list(ended.table) == ["pkg/shapes.py", "TOTAL"] and ended.table["TOTAL"] == ["10", "4", "60.0%"]
    assert "area: 2:18 never true,\n" in ended.text and "never: 9\n" in ended.text
    assert project.run("--branchcov", "--branchcov-report=github:x").status == 4


def test_xml_is_another_name_of_cobertura(coverage: Coverage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ipy_branchcov.cli import main
    from ipy_branchcov.reports.presented import Coverage as Presented

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    save(coverage, Path("d.json"))
    for number, option in enumerate(("--xml", "--cobertura")):
        assert main(["report", "d.json", option, f"{number}.xml"]) == 0
    Presented.of(coverage).write(xml="2.xml")
    assert Path("0.xml").read_text() == Path("1.xml").read_text()
    assert (
        'filename="pkg/shapes.py"' in Path("0.xml").read_text()
        and 'filename="pkg/shapes.py"' in Path("2.xml").read_text()
    )


def test_texts_are_parsed_only_where_places_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table without places costs nothing more at the end of a test run."""
    parsed: list[str] = []
    tree = Source.tree
    monkeypatch.setattr(Source, "tree", lambda self: parsed.append(self.name) or tree(self))
    source = SourceCoverage(Source("a.py", "f = lambda: 3\n", "file"), missed_spans=frozenset({Span(1, 12, 1, 13)}))
    for missing, skip_covered, expected in ((False, False, []), (True, False, ["a.py"]), (False, True, ["a.py"])):
        parsed.clear()
        text = summary.render(Coverage((replace(source),)), missing=missing, skip_covered=skip_covered)
        assert "a.py" in text and sorted(set(parsed)) == expected
