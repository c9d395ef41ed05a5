"""What the lines of a change need: ``report --patch``, ``--branchcov-patch``, and annotations of a change."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from ipy_branchcov.data.files import load, save
from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports.by_line import place_cells
from ipy_branchcov.reports.files import with_texts
from ipy_branchcov.reports.patch import changed_lines, select, sentence
from tests.project import SHAPES, Project, branchcov

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="changes are those of git")
BEFORE = "def old(x):\n    return 1 if x else 2\n"
AFTER = BEFORE + "\n\ndef new(x):\n    if x:\n        return 1\n    return (\n        2 if x\n        else 3)\n"


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", *words], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose measured part is a folder in it, and whose main branch went on."""
    work = tmp_path / "part"
    work.mkdir()
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    monkeypatch.chdir(work)
    Path("old.py").write_text(BEFORE)
    Path("other.py").write_text(BEFORE)
    git("add", ".")
    git("commit", "-q", "-m", "before")
    git("checkout", "-q", "-b", "change")
    return work


def ifexp(line: int, column: int, end: int, true: int, false: int, kind: str = "ifexp") -> Branch:
    return Branch(kind, Span(line, column, end, column + 1), (Outcome("true", true), Outcome("false", false)))


def measured(name: str, *branches: Branch, missed: frozenset[int] = frozenset(), kind: str = "file") -> Coverage:
    text = Path(name).read_text() if kind == "file" else "x = 1\ny = 2 if x else 3"
    source = Source(name, text, kind, str(Path(name).resolve()) if kind == "file" else None)  # type: ignore[arg-type]
    return Coverage((SourceCoverage(source, branches, missed),))


def new() -> Coverage:
    Path("old.py").write_text(AFTER)
    branches = (ifexp(2, 16, 2, 1, 0), ifexp(6, 7, 6, 1, 0, "if"), ifexp(9, 13, 9, 0, 0))
    return measured("old.py", *branches, missed=frozenset({8, 9, 10}))


def test_changed_lines_are_those_since_the_branch_left(repository: Path) -> None:
    new()
    Path("ä b.py").write_text("--- a\n+++ b\n")
    git("add", ".")
    git("commit", "-q", "-m", "change")
    git("checkout", "-q", "main")
    Path("other.py").write_text("what was there is gone\n")
    git("commit", "-q", "-am", "main goes on")
    git("checkout", "-q", "change")
    Path("other.py").write_text("# not committed\n" + BEFORE)
    assert changed_lines("main", repository) == {
        "old.py": set(range(3, 11)),
        "other.py": {1},
        "ä b.py": {1, 2},
    }
    for wrong in ("nothing", "--output=x"):
        with pytest.raises(UsageError, match="a patch needs a revision that git knows here"):
            changed_lines(wrong, repository)
    assert not Path("x").exists()


def test_only_what_a_change_touches_is_its_own(repository: Path) -> None:
    whole = merge([new(), measured("other.py", ifexp(2, 16, 2, 0, 1))])
    part = select(whole, changed_lines("main", repository))
    (source,) = part.sources
    assert [branch.span.line for branch in source.branches] == [6, 9] and source.missed_lines == {8, 9, 10}
    assert sentence(part) == "this change adds 4 outcomes, 3 missed"
    part = select(whole, {"old.py": {2}})
    assert sentence(part) == "this change adds 2 outcomes, 1 missed" and not part.sources[0].missed_lines
    assert sentence(select(whole, {})) == "this change adds no outcomes"


def test_changed_cells_are_found(repository: Path) -> None:
    def write(*texts: str) -> None:
        cells = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(texts)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), "nb.ipynb")

    write("x = 1", "z = 1")
    git("add", ".")
    git("commit", "-q", "-m", "a notebook")
    write("x = 1\ny = 2 if x else 3", "z = 1")
    coverage = measured("nb.ipynb#c0", ifexp(2, 9, 2, 1, 0), kind="cell")
    part = select(coverage, changed_lines("HEAD", repository), place_cells(coverage, repository))
    assert sentence(part) == "this change adds 2 outcomes, 1 missed"


@pytest.mark.slow
def test_report_of_a_patch() -> None:
    save(merge([new(), measured("other.py", ifexp(2, 16, 2, 0, 1))]), Path("d.json"))
    done = branchcov("report", "d.json", "--patch", "main", "--fail-under", "30")
    assert done.stdout.startswith("branchcov: old.py: 1 of 4 outcomes covered (25.0%)\n  6 |     if x:\n")
    assert done.stdout.endswith("\nbranchcov: this change adds 4 outcomes, 3 missed\n") and "other" not in done.stdout
    line = "branchcov: branch coverage 1 of 4 outcomes covered (25.0%) is below 30%\n"
    assert (done.returncode, done.stderr) == (2, line)
    done = branchcov("report", "d.json", "--patch", "main", "--json", "all.json", "--github")
    assert done.stdout.startswith("::warning file=old.py,line=6,") and load(Path("all.json")) == load(Path("d.json"))
    git("commit", "-q", "-am", "change")
    done = branchcov("report", "d.json", "--patch", "HEAD", "--fail-under", "100")
    assert (done.returncode, done.stdout) == (0, "branchcov: this change adds no outcomes\n")
    save(replace(load(Path("d.json")), lost=frozenset({"a process"})), Path("lost.json"))
    assert branchcov("report", "lost.json", "--patch", "HEAD", "--fail-under", "100").returncode == 2
    done = branchcov("report", "d.json", "--patch", "nowhere")
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_a_file_that_changed_since_it_was_measured_fails_the_gate() -> None:
    save(new(), Path("d.json"))
    Path("old.py").write_text("\n" + AFTER)
    assert [each.notes for each in with_texts(load(Path("d.json")))]
    done = branchcov("report", "d.json", "--patch", "main", "--fail-under", "1")
    assert done.returncode == 2
    assert "old.py: what changed cannot be measured: its text is another one now; run it again" in done.stderr


@pytest.mark.slow
def test_pytest_with_a_patch(repository: Path) -> None:
    project = Project(repository)
    git("add", ".")
    git("commit", "-q", "-m", "a project")
    project.write("pkg/shapes.py", SHAPES.replace("x if x else None", "0 if x else 1"))
    ended = project.run("--branchcov", "tests", "--branchcov-patch=HEAD", "--branchcov-report=github")
    assert "\nthis change adds 2 outcomes, 2 missed\n" in ended.text, ended
    first = next(line for line in ended.text.splitlines() if line.startswith("::warning"))
    assert first.startswith("::warning file=pkg/shapes.py,line=9,")
    ended = project.run("--branchcov", "tests", "--branchcov-patch=nowhere")
    assert ended.status == 4 and "a patch needs a revision that git knows here" in ended.errors
