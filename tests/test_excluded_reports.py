"""Excluded code is no miss in any report, and a sum of runs that exclude different things does not depend on order."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_branchcov import api
from ipy_branchcov.cli import main
from ipy_branchcov.data import json_form
from ipy_branchcov.data.baseline import regressions
from ipy_branchcov.data.files import load
from ipy_branchcov.errors import UsageError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.span import Span
from ipy_branchcov.reports import cobertura, lcov, pages, summary, terminal
from ipy_branchcov.reports.files import with_texts
from ipy_branchcov.reports.record import record
from tests.views import viewed

PROGRAM = """\
a = 1
x = 1 if a else 2  # pragma: no cover
y = [1
     if a else
     2]  # pragma: no cover
if not a:
    z = (
        x or y)  # pragma: no cover
w = 5 if a else 6  # pragma: no branch
v = 5 if a else 6  # branchcov: no false
def f(b):  # pragma: no cover
    return 1 if b else 2
if a:
    u = 1
else:  # pragma: no cover
    u = 2
"""


def run(folder: Path, text: str, *python: str, config: str = "") -> Coverage:
    """What a program covered, run as a script."""
    (folder / "m.py").write_text(text)
    (folder / "pyproject.toml").write_text(f"[tool.branchcov]\n{config}")
    command = [sys.executable, *python, "-m", "ipy_branchcov", "run", "--data", "d.json", "m.py"]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    return load(folder / "d.json")


def test_nothing_excluded_is_missed_in_any_report(tmp_path: Path) -> None:
    coverage = run(tmp_path, PROGRAM)
    (source,) = json_form.to_dict(coverage)["sources"]
    assert (source["missed_lines"], source["missed_spans"]) == ([], [])
    assert source["excluded_lines"] == [[2, 5], [7, 8], [11, 12], [15, 16]]
    assert source["totals"] == {"outcomes": 3, "covered": 3, "percent": 100.0}
    shown = with_texts(coverage)
    assert terminal.render(shown).split("\n")[1:] == [
        "  note: exempted: line 10: # branchcov: no false",
        "  note: excluded and covered all the same: line 2, line 4, line 9",
    ]
    drawn = [re.sub(r"(?s)<footer>.*", "", text) for name, text in pages.render(shown, "t").items() if "html" in name]
    assert len(drawn) == 3
    for report in (record(shown, whole=True).html, *drawn, summary.render(shown, missing=True)):
        assert " never ran" not in report and "lines never ran" not in report
    marks = viewed(shown)["sources"][0]["marks"]
    assert {each["state"] for each in marks} == {"excluded"} and not any(each["label"] for each in marks)
    assert "excluded: it leads only to excluded code" in {each["words"] for each in marks}
    trace = lcov.render(shown).split("\n")
    assert [line for line in trace if line.startswith("DA:")] == [f"DA:{line},1" for line in (1, 6, 9, 10, 13, 14)]
    assert [line for line in trace if line.startswith("BRDA:")] == ["BRDA:6,0,0,1", "BRDA:10,0,0,1", "BRDA:13,0,0,1"]
    xml = cobertura.render(shown)
    assert 'hits="0"' not in xml and 'condition-coverage="50%' not in xml


def test_no_part_of_an_excluded_line_is_missed(tmp_path: Path) -> None:
    (source,) = run(tmp_path, "f = lambda: 1\ng = lambda: 2  # pragma: no cover\n")
    assert source.missed_spans == frozenset({Span(1, 12, 1, 13)})


def test_an_excluded_outcome_that_was_covered_is_said(tmp_path: Path) -> None:
    shown = with_texts(run(tmp_path, "for i in (0, 1):\n    if i:\n        i = 2  # pragma: no cover\n"))
    line = "excluded and covered all the same: line 2"
    assert line in terminal.render(shown) and line in record(shown, whole=True).html
    assert line in summary.render(shown, missing=True) and line not in summary.render(shown)
    assert viewed(shown)["sources"][0]["note"] == line
    quiet = run(tmp_path, "TYPE_CHECKING = 0\nif TYPE_CHECKING:\n    import x\n")
    assert "covered all the same" not in terminal.render(quiet)


def test_the_baseline_asks_for_nothing_excluded(tmp_path: Path) -> None:
    text = "a = 1\nif a:\n    a = 2\n"
    before, now = run(tmp_path, text), run(tmp_path, text, config="exclude_also = ['if a']")
    assert [regressions(one, other, tmp_path) for one, other in ((before, now), (now, before))] == [[], []]


# --- sums


ASSERTS = """\
def f(a, b):
    assert a or b
    if __debug__:
        a = a or b
    else:
        a = a and b
    return a
f(1, 0)
def g(a):
    assert a
"""


def test_runs_with_and_without_o(tmp_path: Path) -> None:
    plain, optimised = run(tmp_path, ASSERTS), run(tmp_path, ASSERTS, "-O")
    (one,), (two,) = plain.sources, optimised.sources
    assert [(one.missed_lines, one.excluded_lines), (two.missed_lines, two.excluded_lines)] == [
        (frozenset({10}), frozenset({6})),
        (frozenset(), frozenset({2, 4, 10})),
    ]
    reasons = {outcome.reason for branch in two.branches if branch.span.line == 2 for outcome in branch.outcomes}
    assert reasons == {"no asserts under -O", "counted by its operands"}
    (both,) = (plain + optimised).sources
    assert (both.missed_lines, both.excluded_lines) == (frozenset({10}), frozenset())
    states = {(b.span.line, b.span.column, o.name): (o.excluded, o.missed) for b in both.branches for o in b.outcomes}
    assert states[2, 11, "false"] == (False, True)  # an operand, as without -O
    assert states[2, 16, "false"] == (False, False)  # optional, as without -O
    assert states[4, 12, "false"] == (False, True) and states[6, 12, "false"] == (False, True)
    assert json_form.dumps(optimised + plain) == json_form.dumps(plain + optimised)


HERE = Span(1, 3, 1, 4)


def part(outcome: Outcome, missed: set[int], excluded: set[int]) -> Coverage:
    branch = Branch("if", HERE, (outcome, Outcome("false", 1)))
    text = Source("a.py", "if a: b\nc\nd\ne", "file")
    lines = frozenset(missed), frozenset(excluded)
    return Coverage((SourceCoverage(text, (branch,), lines[0], excluded_lines=lines[1]),))


PARTS = [
    part(Outcome("true", required=True), {2, 3}, {4}),
    part(Outcome("true", required=False, reason="optional so"), {2}, {3, 4}),
    part(Outcome("true", 1, required=True, excluded=True, reason="b"), {4}, {2, 3}),
    part(Outcome("true", required=False, excluded=True, reason="a"), set(), {2, 3, 4}),
]


def test_sums_do_not_depend_on_order_or_grouping() -> None:
    for size in range(2, len(PARTS) + 1):
        for parts in itertools.combinations(PARTS, size):
            whole = json_form.dumps(merge(parts))
            for order in itertools.permutations(parts):
                assert json_form.dumps(merge(order)) == whole
                assert json_form.dumps(merge([order[0], merge(order[1:])])) == whole


def test_a_sum_asks_for_what_one_run_asks_for() -> None:
    def duty(*numbers: int) -> tuple[bool, bool, str, int]:
        outcome = merge(PARTS[number] for number in numbers).sources[0].branches[0]["true"]
        return outcome.required, outcome.excluded, outcome.reason, outcome.hits

    assert duty(0, 1, 2, 3) == (True, False, "", 1)
    assert duty(1, 2, 3) == (False, False, "optional so", 1)
    assert duty(2, 3) == (True, True, "a", 1)


def test_a_line_is_missed_where_no_run_knows_better() -> None:
    (total,) = merge(PARTS[1:]).sources
    assert (total.missed_lines, total.excluded_lines) == ({2, 4}, {3})
    assert merge(PARTS).sources[0].missed_lines == {2, 3, 4}
    ran = part(Outcome("true", 1), set(), set())
    assert merge([*PARTS, ran]).sources[0].missed_lines == frozenset()


# --- a wrong regular expression


@pytest.mark.parametrize("key", ["exclude", "exclude_also", "partial_branches"])
@pytest.mark.parametrize("regex", ["(", "x{99999999999999}", "a(?i)b"])
def test_a_wrong_regular_expression_is_refused_before_anything_runs(
    key: str, regex: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d.json").write_text(json_form.dumps(PARTS[0]))
    Path("m.py").write_text("print('it ran')\n")
    Path("pyproject.toml").write_text(f"[tool.branchcov]\n{key} = ['{regex}']\n")
    line = f"pyproject.toml: [tool.branchcov] {key}: {regex!r} is not a regular expression ("
    for command in (["run", "m.py"], ["report", "d.json"]):
        assert main(command) != 0
        out, error = capsys.readouterr()
        assert out == "" and line in error and error.count("\n") == 1
    with pytest.raises(UsageError, match=key), api.measure("m"):
        raise AssertionError("it ran")


@pytest.mark.slow
def test_pytest_refuses_it_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "test_m.py").write_text("open('ran', 'w')\ndef test_it(): pass\n")
    (tmp_path / "pyproject.toml").write_text("[tool.branchcov]\nexclude_also = ['(']\n")
    command = [sys.executable, "-m", "pytest", "--branchcov=.", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 4 and "[tool.branchcov] exclude_also: '(' is not a regular expression" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "ran").exists()


def test_measure_reads_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text("[tool.branchcov]\nexclude_also = ['(?i)never reached']\n")
    Path("measured_mod.py").write_text("def f(a):\n    if a:  # NEVER reached\n        return 1\n    return 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    with api.measure("measured_mod") as measured:
        import measured_mod  # type: ignore[import-not-found]

        measured_mod.f(0)
    sys.modules.pop("measured_mod")
    assert json.loads(measured.coverage.to_json())["sources"][0]["excluded_lines"] == [[2, 3]]
