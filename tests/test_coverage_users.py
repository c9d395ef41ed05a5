"""What users of coverage.py are used to: data that is appended, decimals, configuration, summaries of steps."""

from __future__ import annotations

import optparse
from pathlib import Path

import pytest
from coverage.cmdline import COMMANDS, Opts
from coverage.config import CoverageConfig

from ipy_branchcov.cli import main
from ipy_branchcov.data.files import load, save
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.totals import Totals, decimals
from ipy_branchcov.reports import markdown
from ipy_branchcov.reports.files import write_reports
from ipy_branchcov.session.total import appended
from tests.project import Project, branchcov

SCRIPT = "import sys\nx = len(sys.argv)\ny = 1 if x == 1 else 2\nz = 1 if x == 2 else 2\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.py").write_text(SCRIPT)
    return tmp_path


@pytest.mark.slow
def test_runs_are_appended() -> None:
    first = branchcov("run", "--append", "--data", "d.json", "s.py")
    assert first.stdout.endswith("branchcov: 2 of 4 outcomes covered (50.0%); written to d.json\n"), first
    second = branchcov("run", "--append", "--data", "d.json", "s.py", "a")
    assert second.stdout.endswith("branchcov: 4 of 4 outcomes covered (100.0%); written to d.json\n"), second
    Path("s.py").write_text(SCRIPT + "\n")
    third = branchcov("run", "--append", "--data", "d.json", "s.py")
    assert "note: s.py: its text changed; what ran before that is left out\n" in third.stdout
    assert load(Path("d.json")).totals == Totals(4, 2)
    again = branchcov("run", "--data", "d.json", "s.py", "a")
    assert again.returncode == 0 and not load(Path("d.json")).sources[0].note


def test_what_cannot_be_appended_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.py").write_text("print('it ran')\n")
    Path("d.json").write_text("{")
    assert main(["run", "--append", "s.py"]) == 2
    assert main(["run", "--append", "--data", "d.json", "s.py"]) == 1
    out, error = capsys.readouterr()
    assert out == "" and error.splitlines()[0] == "branchcov: --append: adds to a data file; name it with --data"
    assert error.splitlines()[1].startswith("branchcov: d.json: not a complete data file")


@pytest.mark.slow
def test_pytest_appends(folder: Path) -> None:
    project = Project(folder)
    for select, total in (("test_bad", "1 of 8"), ("test_area", "4 of 8")):
        ended = project.run("--branchcov=pkg", "tests", "-k", select, "--branchcov-append=d.json")
        closing = f"branchcov: {total} outcomes covered ({100 * int(total[0]) / 8:.1f}%); written to d.json"
        assert closing in ended.text.splitlines(), ended
    project.write("d.json", "{")
    ended = project.run("--branchcov=pkg", "tests", "--branchcov-append=d.json")
    assert ended.status == 4 and "d.json: not a complete data file" in ended.errors


def coverage(covered: int, outcomes: int, text: str = "", name: str = "m.py") -> Coverage:
    """One file with a branch on each line, of which the first outcomes are covered."""
    text = text or "x\n" * outcomes
    Path(name).write_text(text)
    hits = iter([1] * covered + [0] * (outcomes - covered))
    branches = (
        Branch("if", Span(line, 0, line, 1), (Outcome("true", next(hits)), Outcome("false", next(hits))))
        for line in range(1, outcomes // 2 + 1)
    )
    return Coverage((SourceCoverage(Source(name, text, "file", str(Path(name).resolve())), tuple(branches)),))


def test_of_a_changed_file_the_later_run_stays() -> None:
    both = appended(coverage(4, 4, "x\nx\n"), coverage(1, 4, "x\nx\n# new\n"))
    (source,) = both.sources
    assert source.totals == Totals(4, 1) and "its text changed" in source.note
    assert appended(Coverage(), coverage(1, 4)) == coverage(1, 4)


@pytest.mark.parametrize(
    ("digits", "covered", "outcomes", "shown"),
    [(0, 2, 6, "33%"), (2, 2, 6, "33.33%"), (0, 999, 1000, "99%"), (3, 1, 300_000, "0.001%"), (2, 4, 4, "100.00%")],
)
def test_percentages_have_the_decimals_asked_for(digits: int, covered: int, outcomes: int, shown: str) -> None:
    with decimals(digits):
        assert Totals(outcomes, covered).percentage == shown
    assert str(Totals(6, 2)).endswith("(33.3%)")


def test_precision_holds_for_texts_and_gates(capsys: pytest.CaptureFixture[str]) -> None:
    save(coverage(2, 6), Path("d.json"))
    assert main(["report", "d.json", "--precision", "0", "--fail-under", "33"]) == 0
    assert main(["report", "d.json", "--precision", "2", "--fail-under", "33.34"]) == 2
    out, error = capsys.readouterr()
    assert "(33%)" in out and "2 of 6 outcomes covered (33.33%) is below 33.34%" in error
    Path(".coveragerc").write_text("[report]\nprecision = 3\nskip_covered = true\n")
    save(coverage(6, 6), Path("d.json"))
    assert main(["report", "d.json"]) == 0
    out, error = capsys.readouterr()
    assert "6 of 6 outcomes covered (100.000%)" in out
    assert ".coveragerc: coverage.py's settings hold here (precision, skip_covered)" in error


def test_skip_covered_of_the_configuration_holds(capsys: pytest.CaptureFixture[str]) -> None:
    save(coverage(4, 4) + coverage(1, 4, name="n.py"), Path("d.json"))
    main(["report", "d.json"])
    assert "m.py: 4 of 4" in capsys.readouterr().out
    Path("pyproject.toml").write_text("[tool.branchcov]\nskip_covered = true\n")
    main(["report", "d.json"])
    out = capsys.readouterr().out
    assert "m.py" not in out and "n.py: 1 of 4" in out and "branchcov: 5 of 8 outcomes covered (62.5%)" in out


def test_a_step_summary_keeps_what_the_step_wrote(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = folder / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    part = coverage(1, 4)
    for before in (None, "# Lint\n"):
        summary.unlink(missing_ok=True)
        if before:
            summary.write_text(before)
        write_reports(part, {"markdown": "summary.md"})
        write_reports(part, {"markdown": summary})
        text = summary.read_text()
        once = markdown.render(part)
        assert text == (f"{before}\n" if before else "") + f"{once}\n{once}"
    write_reports(part, {"markdown": "other.md"})
    write_reports(part, {"markdown": "other.md"})
    assert Path("other.md").read_text() == once


def test_a_step_summary_stays_as_small_as_github_takes_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = folder / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    summary.write_bytes(b"x" * (markdown.LARGEST - 600))
    write_reports(coverage(1, 100), {"markdown": summary})
    assert summary.stat().st_size <= markdown.LARGEST
    assert summary.read_text().endswith("1 more source has misses.\n")


def test_the_page_for_them_names_every_option_of_coverage_py() -> None:
    """With its counterpart, or with the reason why there is none."""
    page = (Path(__file__).parents[1] / "docs" / "coming-from-coverage-py.md").read_text("utf-8")
    settings = {place.partition(":")[2] for _, place, *_ in CoverageConfig.CONFIG_FILE_OPTIONS}
    options = [each for each in vars(Opts).values() if isinstance(each, optparse.Option)]
    assert [each for each in settings if each not in page and not each.startswith("_")] == []
    names = [each.get_opt_string().lstrip("-") for each in options]
    assert [each for each in names if each not in page and each.replace("-", "_") not in page] == []
    assert [each for each in COMMANDS if f"coverage {each}" not in page and f"`{each}" not in page] == []
