"""Other tools read the report files: lxml, pycobertura, diff-cover, genhtml."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree
from pycobertura import Cobertura

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.reports.files import write_reports
from ipy_branchcov.session.session import Session

PROGRAM = """\
def classify(x, y):
    if x > 0 and y > 0:
        return "both"
    return "even" if x % 2 == 0 else "odd"


def never(x):
    return x or None


classify(1, 1)
classify(2, -1)
"""
#: Cobertura's coverage-04.dtd: its elements with their attributes, all of them required but for those of a line.
ELEMENTS = {
    "coverage (sources?, packages)": "line-rate branch-rate lines-covered lines-valid branches-covered branches-valid "
    "complexity version timestamp",
    "sources (source*)": "",
    "source (#PCDATA)": "",
    "packages (package*)": "",
    "package (classes)": "name line-rate branch-rate complexity",
    "classes (class*)": "",
    "class (methods, lines)": "name filename line-rate branch-rate complexity",
    "methods (method*)": "",
    "method (lines)": "name signature line-rate branch-rate complexity",
    "lines (line*)": "",
    "line (conditions*)": "number hits",
    "conditions (condition*)": "",
    "condition EMPTY": "number type coverage",
}
OPTIONAL = '<!ATTLIST line branch CDATA "false">\n<!ATTLIST line condition-coverage CDATA "100%">'


@pytest.fixture
def coverage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Coverage:
    monkeypatch.chdir(tmp_path)
    Path("program.py").write_text(PROGRAM)
    session = Session()
    session.add_source("program.py")
    with session.measuring("test") as run:
        exec(compile(PROGRAM, str(tmp_path / "program.py"), "exec"), {"__name__": "__main__"})
    write_reports(run.coverage, {"lcov": "cov.lcov", "cobertura": "cov.xml"})
    return run.coverage


def test_cobertura_is_valid(coverage: Coverage) -> None:
    declared = [f"<!ELEMENT {element}>" for element in ELEMENTS]
    for element, attributes in ELEMENTS.items():
        declared += [f"<!ATTLIST {element.split()[0]} {name} CDATA #REQUIRED>" for name in attributes.split()]
    dtd = etree.DTD(io.StringIO("\n".join([*declared, OPTIONAL])))
    assert dtd.validate(etree.parse("cov.xml")), dtd.error_log


def test_pycobertura_reads_it(coverage: Coverage) -> None:
    read = Cobertura("cov.xml")
    assert read.files() == ["program.py"]
    assert read.branch_rate() == pytest.approx(coverage.totals.covered / coverage.totals.outcomes, abs=1e-4)
    assert read.missed_statements("program.py") == [2, 4, 8]


@pytest.mark.skipif(not shutil.which("git"), reason="diff-cover compares with git")
@pytest.mark.parametrize("report", ["cov.lcov", "cov.xml"])
def test_diff_cover(coverage: Coverage, report: str) -> None:
    git = ["git", "-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q"], ["add", "program.py"], ["commit", "-q", "-m", "before"]):
        subprocess.run([*git, *command], check=True)
    # Two lines are new: one ran, one did not.
    Path("program.py").write_text(PROGRAM.replace('"both"', "'both'").replace("x or None", "x  or None"))
    tool = [sys.executable, "-m", "diff_cover.diff_cover_tool", report, "--compare-branch", "HEAD"]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert "program.py (50.0%): Missing lines 8" in done.stdout, done


@pytest.mark.skipif(not shutil.which("genhtml"), reason="genhtml is part of lcov")
def test_genhtml(coverage: Coverage) -> None:
    command = ["genhtml", "--branch-coverage", "--output-directory", "html", "cov.lcov"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    totals = coverage.totals
    assert f"({totals.covered} of {totals.outcomes} branches)" in done.stdout, done.stdout
