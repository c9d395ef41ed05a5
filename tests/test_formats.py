"""Other tools read the report files: lxml, pycobertura, diff-cover, genhtml 1 and 2."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from pycobertura import Cobertura

from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.reports import by_line, cobertura, lcov
from ipy_branchcov.reports.files import write_reports
from ipy_branchcov.session.session import Session
from tests.target_programs import targets

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
OPTIONAL = """\
<!ATTLIST line branch CDATA "false">
<!ATTLIST line condition-coverage CDATA "100%">
<!ATTLIST line missing-branches CDATA #IMPLIED>"""  # coverage.py's, read by Codecov


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


def test_cobertura_says_when_it_was_written(coverage: Coverage, monkeypatch: pytest.MonkeyPatch) -> None:
    """In milliseconds, as coverage.py does."""
    written = int(etree.parse("cov.xml").getroot().get("timestamp"))
    assert 0 <= time.time() * 1000 - written < 600_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    write_reports(coverage, {"cobertura": "again.xml"})
    assert etree.parse("again.xml").getroot().get("timestamp") == "1700000000000"


def test_cobertura_names_each_missed_outcome(coverage: Coverage) -> None:
    """Codecov shows the words of missing-branches, and refuses timestamps older than 12 hours, but not 0."""
    root = etree.fromstring(cobertura.render(coverage).encode())
    found = {line.get("number"): line.get("missing-branches") for line in root.iter("line")}
    assert found == {
        "1": None,
        "2": "8:false",
        "3": None,
        "4": "22:false",
        "7": None,
        "8": "12:true,12:false",
        "11": None,
        "12": None,
    }
    assert root.get("timestamp") == "0"
    for line in root.iter("line"):
        conditions = [each.get("coverage") for each in line.iter("condition")]
        assert len(conditions) == {"2": 2, "4": 1, "8": 1}.get(str(line.get("number")), 0)


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


# --- LCOV

GENHTML = pytest.mark.skipif(not shutil.which("genhtml"), reason="genhtml is part of lcov")


def genhtml(*names: str) -> str:
    """What genhtml prints, without options that make it forgive."""
    command = ["genhtml", "--branch-coverage", "--output-directory", "html", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def check_lcov(text: str) -> None:
    """What genhtml 2 refuses, for where only genhtml 1 is installed."""
    names = []
    for record in text.split("end_of_record\n")[:-1]:
        rows = [row.partition(":")[::2] for row in record.splitlines()]
        names += [value for key, value in rows if key == "SF"]
        lines = dict(value.split(",") for key, value in rows if key == "DA")
        branches: dict[str, list[str]] = {}
        for line, block, number, hits in (value.split(",") for key, value in rows if key == "BRDA"):
            assert block.isdecimal() and number.isdecimal()
            branches.setdefault(line, []).append(hits)
        for line, hits in branches.items():
            assert lines[line] == ("1" if any(each not in ("-", "0") for each in hits) else "0"), (names[-1], line)
            assert lines[line] == "0" or "-" not in hits, (names[-1], line)
    assert names and len(set(names)) == len(names)


@GENHTML
def test_genhtml(coverage: Coverage) -> None:
    totals = coverage.totals
    assert f"({totals.covered} of {totals.outcomes} branches)" in genhtml("cov.lcov")


#: Lines that ran while their branches did not, branches on lines without a statement, and outcomes on missed lines.
INSIDE = """\
def pick(x): return "yes" if x else "no"


class Late:
    def get(self): return self.x if self.x > 1 and self.x < 3 else None


def dead(x):
    return [
        1 if x else 2,
        (x and
         x > 3),
    ]


table = [
    1 if __name__ == "__main__"
    else 2,
    *(
        n for n in (1, 2)
        if n > 1
    ),
    (1 or
     (2 if pick else 3)),
    (pick or
     -
     len(table) and 3),
]
some = 1 if not table and pick else 2
try:
    assert not table
except AssertionError: table = pick if not table else dead
"""


def lcov_of(path: Path, *, run: bool = True) -> str:
    session = Session()
    session.add_source(str(path))
    with session.measuring("test") as measured, suppress(ImportError):
        if run:
            exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), {"__name__": "__main__"})
    whole = merge([measured.coverage, session.never_imported(measured.coverage)])
    text = lcov.render(whole)
    alone = [line for file in by_line.files(whole) for line in file.lines.values() if line.ran and line.branches]
    alone = [line for line in alone if not line.totals.covered]  # each has a hit of its own
    assert whole.sources and text.count("\nBRDA:") == whole.totals.outcomes + len(alone)
    return text


@GENHTML
def test_genhtml_takes_branches_inside_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inside.py").write_text(INSIDE)
    text = lcov_of(Path("inside.py"))
    check_lcov(text)
    Path("cov.lcov").write_text(text)
    genhtml("cov.lcov")


@GENHTML
@pytest.mark.slow
def test_genhtml_takes_all_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "".join(map(lcov_of, targets()))
    check_lcov(text)
    Path("cov.lcov").write_text(text)
    genhtml("cov.lcov")


@GENHTML
@pytest.mark.slow
def test_genhtml_takes_files_of_the_standard_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    modules = ("argparse", "ast", "calendar", "difflib", "json", "pprint", "shlex", "statistics", "string", "textwrap")
    Path("use.py").write_text(
        "import argparse, ast, difflib, json, pprint, shlex, textwrap\n"
        "parser = argparse.ArgumentParser()\nparser.add_argument('--x', type=int)\nparser.parse_args(['--x', '3'])\n"
        "pprint.pprint(json.loads(json.dumps({'a': [1, {'b': None}]}, indent=1)))\n"
        "print(ast.unparse(ast.parse('x = 1 if y else z')), shlex.split('a \"b c\" d'), textwrap.fill('a b c', 2))\n"
        "print(*difflib.unified_diff(['a', 'b'], ['a', 'c']))\n"
    )
    options = [word for name in modules for word in ("--source", name)]
    command = [sys.executable, "-m", "ipy_branchcov", "run", *options, "--lcov", "cov.lcov", "use.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    text = Path("cov.lcov").read_text()
    check_lcov(text)
    assert text.count("end_of_record") >= len(modules)
    genhtml("cov.lcov")


def test_a_file_of_two_texts_is_one_record(coverage: Coverage) -> None:
    """Data of two days: the file's text of today is reported."""
    (now,) = coverage.sources
    before = replace(
        now, source=Source("program.py", "", "file", known_digest="sha256:0"), missed_lines=frozenset({99})
    )
    text = lcov.render(merge([coverage, Coverage((before,))]))
    assert text == lcov.render(coverage) and text.count("SF:") == 1
