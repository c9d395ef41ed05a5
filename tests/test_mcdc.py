"""MC/DC: decisions, what their evaluations show, data with and without them, how it is said, and the oracle."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ipy_branchcov.analysis.histories import Followed, Histories
from ipy_branchcov.cli import main
from ipy_branchcov.data import json_form
from ipy_branchcov.data.decision_form import MOST_CONDITIONS
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.decision_sites import sites
from ipy_branchcov.model.decision_words import opposite, sentence
from ipy_branchcov.model.decisions import FORM, NOT_BOOLEAN, RAISING, UNFOLLOWED, Decision, Evaluation, Proofs
from ipy_branchcov.model.logic import Logic
from ipy_branchcov.model.source import Source
from ipy_branchcov.reports import decision_tables, gates, lcov, pages, summary, terminal
from ipy_branchcov.reports.record import record
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from ipy_branchcov.tracing.following import OpenEvaluations
from ipy_branchcov.tracing.probes.unfold import unfold
from tests import mcdc_beside

USED = (Followed, Histories, OpenEvaluations, unfold)
LEAP = "def leap(y):\n    return y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)\n"
MIXED = "def f(a, b, c):\n    if (a or b) and c:\n        return 1\n"


def decision(text: str) -> Decision:
    source = Source("In [1]", text)
    (site,) = sites(source, source.tree())
    return site.decision


def seen(text: str, *vectors: str) -> Decision:
    """A decision of which these evaluations were seen."""
    found = decision(text)
    return found.with_evaluations(Evaluation(each, bool(found.logic.outcome(each))) for each in vectors)


def measured(path: Path, text: str, calls: str, *, mcdc: bool = True, **options: object) -> Coverage:
    path.write_text(text + calls, "utf-8")
    session = Session(RunOptions(mcdc=mcdc, **options))  # type: ignore[arg-type]
    session.add_source(str(path))
    with session.measuring("run") as run:
        exec(session.instrument(compile(path.read_text("utf-8"), str(path), "exec")), {"__name__": "m"})
    return run.coverage


def vectors(coverage: Coverage, number: int = 0) -> list[str]:
    return [each.vector for each in (coverage.sources[0].decisions or ())[number].evaluations]


def genhtml_2() -> bool:
    """Whether genhtml is there, and knows MC/DC."""
    if not shutil.which("genhtml"):
        return False
    printed = subprocess.run(["genhtml", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"LCOV version (\d+)", printed)
    return bool(found and int(found[1]) >= 2)


# --- logic


@pytest.mark.parametrize(
    ("text", "logic", "tree"),
    [
        ("if a and b: pass", "0 and 1", True),
        ("if (a or b) and c: pass", "(0 or 1) and 2", False),
        ("x = not (a and not b) or c < d < e", "not (0 and 1) or 2 and 3", True),
        ("assert a and True and (b or False)", "0 and True and (1 or False)", True),
        ("x = a < b < c", "0 and 1", True),
        ("[z for z in y if a and b or a and c]", "0 and 1 or 2 and 3", False),
    ],
)
def test_logic(text: str, logic: str, tree: bool) -> None:
    found = decision(text).logic
    assert (str(found), found.tree) == (logic, tree)
    if "True" not in logic:
        assert str(Logic.read(logic)) == logic


@pytest.mark.parametrize("text", ["1 and 0", "0 and 0", "0 or x", "0 +", "(" * 300 + "0" + ")" * 300, "not 1"])
def test_wrong_logic_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Logic.read(text)


# --- what evaluations show


@pytest.mark.parametrize(
    ("text", "evaluations", "shown"),
    [
        ("if a and b: pass", ["TT", "F-"], [True, False]),
        ("if a and b: pass", ["TT", "F-", "TF"], [True, True]),
        ("if (a or b) and c: pass", ["T-T", "FF-"], [True, False, False]),
        ("if (a or b) and c: pass", ["FTT", "FF-", "T-F"], [False, True, False]),
        # `a` and `c` both differ: unique cause shows none.
        ("if (a or b) and (c or d): pass", ["T-T-", "FTFF"], [False, False, False, False]),
        # Repeated: the second `a` is shown where the first is masked by a false `b`.
        ("if a and b or a and c: pass", ["TFTT", "F-F-"], [False, False, True, False]),
        ("if a and b or d and c: pass", ["TFTT", "F-F-"], [False, False, False, False]),
        ("if a and b or a and c: pass", ["TT--", "F-F-"], [True, False, False, False]),
        # The second `a` decides both, so the first one is not shown.
        ("if (a or b) and (a or c): pass", ["T-T-", "FTFF"], [False, False, True, False]),
    ],
)
def test_shown(text: str, evaluations: list[str], shown: list[bool]) -> None:
    assert list(seen(text, *evaluations).shown) == shown


def test_masking_is_for_repeated_conditions_alone() -> None:
    """`b` and the last condition differ; `b` has no influence, for the other operand of its `and` is false in both."""
    found = [seen(f"if {text}: pass", "TFT", "F-F").shown[2] for text in ("a and b or c", "a and b or a")]
    assert found == [False, True]


def test_missing_row_is_said_in_words() -> None:
    found = seen("if x > 0 and y > 0: pass", "TT", "F-")
    assert sentence(found, 0) == "`x > 0` is shown by rows 1 and 2"
    assert sentence(found, 1) == "show `y > 0`: run with `x > 0` and `y <= 0`"
    nothing = seen("if x > 0 and y > 0: pass")
    assert sentence(nothing, 1) == "show `y > 0`: run with `x > 0` and `y > 0`, and with `x > 0` and `y <= 0`"


def test_missing_row_gives_a_repeated_condition_one_value() -> None:
    found = seen("if a and b or a and c: pass", "F-F-")
    for each in found.open:
        assert {each.vector[0], each.vector[2]} - {"-"} in ({"T"}, {"F"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a == b", "a != b"), ("a is None", "a is not None"), ("x in y", "x not in y"), ("a < b < c", "not a < b < c")],
)
def test_opposite(text: str, expected: str) -> None:
    assert opposite(text) == expected


# --- measured


@pytest.mark.parametrize("tracer", list(tracers()))
@pytest.mark.parametrize("counts", [False, True])
def test_histories_are_followed(tmp_path: Path, tracer: str, counts: bool) -> None:
    calls = "f(1, 0, 1)\nf(0, 1, 0)\nf(0, 0, 0)\n"
    coverage = measured(tmp_path / "m.py", MIXED, calls, tracer=tracer, counts=counts)
    assert vectors(coverage) == ["T-T", "FTF", "FF-"]
    assert coverage.mcdc == Proofs(3, 1)  # `a`: T-T and FF-
    coverage.self_check()


def test_evaluation_that_an_exception_left_is_none(tmp_path: Path) -> None:
    text = "def f(a, b, c):\n    try:\n        return (a or b) and 1 / c > 0\n"
    text += "    except ZeroDivisionError:\n        pass\n"
    assert vectors(measured(tmp_path / "m.py", text, "f(0, 1, 0)\nf(1, 0, 2)\n")) == ["T-T"]


def test_runs_with_and_without_follow_each_other(tmp_path: Path) -> None:
    """The code that was made for one is not taken for the other."""
    path = tmp_path / "m.py"
    text = f"{MIXED}    return a and c > 0\n"  # a value: instrumented on every Python
    path.write_text(text, "utf-8")
    names: dict[str, object] = {"__name__": "m"}
    session = Session(RunOptions())
    session.add_source(str(path))
    exec(compile(text, str(path), "exec"), names)
    found = []
    for mcdc in (False, True, False, True):
        session.start("run", replace(session.options, mcdc=mcdc))
        exec("f(0, 0, 0)\nf(0, 1, 1)\nf(1, 0, 0)", names)
        exec("f(1, 0, 0)", names)
        coverage = session.stop()
        found.append(coverage.sources[0].decisions)
    assert found[0] is found[2] is None
    assert found[3] is not None and [each.vector for each in found[3][0].evaluations] == ["T-F", "FTT", "FF-"]


def test_1900_is_missing(tmp_path: Path) -> None:
    coverage = measured(tmp_path / "m.py", LEAP, "leap(2024)\nleap(2023)\nleap(2000)\n")
    assert coverage.mcdc == Proofs(3, 1)
    assert "`y % 400 != 0`" in terminal.render(coverage)
    assert measured(tmp_path / "n.py", LEAP, "[leap(y) for y in (2024, 2023, 2000, 1900)]\n").mcdc == Proofs(3, 3)


def test_value_that_is_not_boolean_does_not_count(tmp_path: Path) -> None:
    coverage = measured(tmp_path / "m.py", "def f(a):\n    return a or 'x'.upper()\n", "f(0)\nf(1)\n")
    (found,) = coverage.sources[0].decisions or ()
    assert [each.reason for each in found.conditions] == [NOT_BOOLEAN] * 2
    assert gates.failures(coverage, None, mcdc=50)


def test_threads_do_not_mix_evaluations(tmp_path: Path) -> None:
    text = (
        "import threading\n"
        "def f(a, b, c, here):\n    return (a or b) and here(c) and c\n"
        "meet = threading.Barrier(2)\n"
        "def here(value):\n    meet.wait(10)\n    return True\n"
        "both = [threading.Thread(target=f, args=each) for each in ((1, 0, True, here), (0, 1, False, here))]\n"
        "[each.start() for each in both]\n[each.join() for each in both]\n"
    )
    for tracer in tracers():
        coverage = measured(tmp_path / "m.py", text, "", tracer=tracer)
        assert vectors(coverage) == ["T-TT", "FTTF"]


def test_sent_into_a_generator(tmp_path: Path) -> None:
    """A frame that pauses in a condition goes on with its own evaluation."""
    text = (
        "def f(a, b):\n    return (yield) if (a or b) and (yield) else 0\n"
        "def run(a, b, sent):\n    g = f(a, b)\n    next(g)\n    return g\n"
        "one, two = run(1, 0, True), run(0, 1, False)\n"
        "for each, sent in ((one, True), (two, False)):\n"
        "    try:\n        each.send(sent)\n    except StopIteration:\n        pass\n"
    )
    for tracer in tracers():
        assert vectors(measured(tmp_path / "m.py", text, "", tracer=tracer)) == ["T-T", "FTF"]


@pytest.mark.parametrize("mcdc", [True, False])
@pytest.mark.parametrize(
    ("test", "certain"),
    [
        ("a and (g() or True) or b", ["FT", "FF"]),  # a tree
        ("(a or b) and c and (g() or True)", ["FF-"]),
        ("(a or b) and c and (1 or g())", ["T-T", "FTT", "FF-"]),  # nothing that could raise
    ],
)
def test_an_operand_that_is_constant_may_raise(test: str, certain: list[str], mcdc: bool, tmp_path: Path) -> None:
    head = "def f(a, b, c=1):\n    def g(): raise KeyError\n"
    text = f"{head}    try: return 1 if {test} else 2\n    except KeyError: pass\n"
    found = measured(tmp_path / "m.py", text, "f(0, 0)\nf(0, 1)\nf(1, 0)\n", mcdc=mcdc).with_decisions()
    whole = "g()" not in test.replace("1 or g()", "")
    if mcdc or not whole:
        assert vectors(found) == certain
    assert (found.sources[0].decisions or ())[0].unproven == (
        "" if whole and mcdc else UNFOLLOWED if whole else RAISING
    )


def test_a_constant_that_may_raise_is_known_to_data(tmp_path: Path) -> None:
    """Data with evaluations is added to data without, of whose outcomes no row may be made either."""
    head = "def f(a, b):\n    def g(): raise KeyError\n"
    text = f"{head}    try: return 1 if a and (g() or True) or b else 2\n    except KeyError: pass\n"
    runs = [measured(tmp_path / "m.py", text, "f(0, 0)\nf(0, 1)\nf(1, 0)\n", mcdc=mcdc) for mcdc in (True, False)]
    both = merge([json_form.loads(json_form.dumps(each), "a.json") for each in runs])
    assert vectors(both) == ["FT", "FF"]
    assert (both.sources[0].decisions or ())[0].unproven == RAISING


# --- data


def test_old_data_of_trees_has_all_evaluations(tmp_path: Path) -> None:
    calls = "leap(2024)\nleap(2023)\nleap(1900)\n"
    old = measured(tmp_path / "m.py", LEAP, calls, mcdc=False).with_decisions()
    assert vectors(old) == vectors(measured(tmp_path / "m.py", LEAP, calls)) == ["TT-", "TFF", "F--"]
    assert not (old.sources[0].decisions or ())[0].unproven


def test_old_data_of_others_proves_what_one_history_explains(tmp_path: Path) -> None:
    both = measured(tmp_path / "m.py", MIXED, "f(1, 0, 1)\nf(0, 1, 0)\nf(0, 0, 0)\n", mcdc=False).with_decisions()
    assert vectors(both) == ["FF-"]
    assert (both.sources[0].decisions or ())[0].unproven == UNFOLLOWED
    one = measured(tmp_path / "n.py", MIXED, "f(0, 1, 0)\nf(0, 0, 0)\n", mcdc=False).with_decisions()
    assert vectors(one) == ["FTF", "FF-"]


def test_sum_unites_evaluations_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    body = MIXED + "import os\n[f(*each) for each in eval(os.environ['BRANCHCOV_CALLS'])]\n"
    parts = []
    for calls, mcdc in (("[(1,0,1)]", True), ("[(0,1,0)]", True), ("[(0,0,0),(1,0,0),(0,1,1)]", False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BRANCHCOV_CALLS", calls)
            parts.append(measured(path, body, "", mcdc=mcdc))
    sums = [merge([parts[i] for i in order]) for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0))]
    assert vectors(sums[0]) == ["T-T", "FTF", "FF-"]
    assert {json_form.dumps(each) for each in sums} == {json_form.dumps(sums[0])}
    assert (sums[0].sources[0].decisions or ())[0].unproven == UNFOLLOWED
    assert json_form.dumps(merge([sums[0], sums[0]])) == json_form.dumps(sums[0])


def test_json(tmp_path: Path) -> None:
    coverage = measured(tmp_path / "m.py", LEAP, "leap(2024)\nleap(2023)\n")
    text = json_form.dumps(coverage)
    data = json.loads(text)
    (found,) = data["sources"][0]["decisions"]
    assert found["shown"] == [True, False, False]
    assert [(each["vector"], each["outcome"]) for each in found["evaluations"]] == [("TT-", "true"), ("F--", "false")]
    assert data["totals"]["mcdc"] == {"conditions": 3, "shown": 1, "percent": 33.3}
    read = json_form.loads(text, "x")
    assert json_form.dumps(read) == text and read.mcdc == coverage.mcdc
    assert "decisions" not in json_form.dumps(measured(tmp_path / "n.py", LEAP, "", mcdc=False))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("conditions", [0, 99, 1], "conditions[1]: must be the number of a branch"),
        ("conditions", [0] * (MOST_CONDITIONS + 1), "conditions: must have 2 to"),
        ("logic", "0 and 1", "logic: must have 3 conditions, not 2"),
        ("logic", "__import__('os')", "logic: must be numbers"),
        ("evaluations", [{"vector": "TTT", "outcome": "true", "first": None}], "evaluations[0]: must be an evaluation"),
        ("evaluations", [{"vector": "F--", "outcome": "true", "first": None}], "evaluations[0]: must be an evaluation"),
        ("evaluations", [{"vector": "xyz", "outcome": "true", "first": None}], "evaluations[0]: must be an evaluation"),
        ("evaluations", 5, "evaluations: must be a list"),
        ("texts", ["a"], "texts: must have 3 items"),
        ("span", [1, 0, 1, 2], "must lie within the decision"),
    ],
)
def test_untrusted_decisions(tmp_path: Path, field: str, value: object, words: str) -> None:
    data = json.loads(json_form.dumps(measured(tmp_path / "m.py", LEAP, "leap(2024)\n")))
    data["sources"][0]["decisions"][0][field] = value
    with pytest.raises(DataError) as caught:
        json_form.loads(json.dumps(data), "x.json")
    assert words in str(caught.value) and "\n" not in str(caught.value)


# --- how it is shown


def test_text_names_the_form_and_the_rows(tmp_path: Path) -> None:
    text = terminal.render(measured(tmp_path / "m.py", LEAP, "leap(2024)\nleap(2023)\n"))
    assert f"MC/DC: 1 of 3 conditions shown (33.3%) ({FORM})" in text
    assert "     1     T      |      T       |      -       | true    | run" in text
    assert "not seen" in text
    assert "MC/DC" not in terminal.render(measured(tmp_path / "n.py", LEAP, "leap(2024)\n", mcdc=False))


def test_pages_and_record_have_the_table_without_values(tmp_path: Path) -> None:
    coverage = measured(tmp_path / "m.py", LEAP, "leap(2024)\n")
    files = pages.render(coverage, "x")
    page = next(text for name, text in files.items() if name.endswith("m.py.html"))
    kept = record(coverage, first=coverage.sources[0].source.name)
    for text in (page, record(coverage, whole=True).html, kept.html, kept.text):
        words = re.sub("</?code>", "`", text)
        assert FORM in text and "show `y % 4 == 0`" in words and "y=2024" not in text
    assert FORM in files["index.html"]
    assert FORM in summary.render(coverage)
    assert "m.py:2: show `y % 4 == 0`" in summary.render(coverage, missing=True).replace(str(tmp_path) + "/", "")


def test_lcov_groups_of_one_size_on_a_line_are_one(tmp_path: Path) -> None:
    text = "def f(a, b, c, d):\n    return 1 if a and b else 2 if c and d else 3\n"
    lines = [
        line
        for line in lcov.render(measured(tmp_path / "m.py", text, "f(1,1,0,0)\nf(0,0,0,0)\n")).splitlines()
        if line.startswith(("MCDC", "MCF", "MCH"))
    ]
    assert lines[::2][:4] == [f"MCDC:2,4,t,{int(i == 0)},{i},{'abcd'[i]}" for i in range(4)]
    assert lines[-2:] == ["MCF:8", "MCH:2"]


def test_lcov_group_of_two_decisions_is_not_that_of_a_larger_one(tmp_path: Path) -> None:
    text = "def f(a, b, c, d):\n    return 1 if a and b else 2 if c and d else 3 if a and b and c and d else 4\n"
    found = lcov.render(measured(tmp_path / "m.py", text, "f(1,1,0,0)\n")).splitlines()
    assert {line.split(",")[1] for line in found if line.startswith("MCDC")} == {"8"}


def test_the_page_has_what_the_ten_decisions_show_here() -> None:
    page = (Path(__file__).parent.parent / "docs" / "mcdc.md").read_text("utf-8")
    head, _, *rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    assert head[-1] == "branchcov" and len(rows) == len(mcdc_beside.EXAMPLES)
    found = mcdc_beside.ours()
    for number, (each, row) in enumerate(zip(mcdc_beside.EXAMPLES, rows, strict=True)):
        assert row[:2] == [each.name or f"`{each.text}`", str(len(each.calls))]
        assert row[-1] == found[number], each.text


def test_the_ten_decisions_are_the_same_in_both_languages() -> None:
    python, c = (text.splitlines() for text in (mcdc_beside.python_program(), mcdc_beside.c_program()))
    for number, each in enumerate(mcdc_beside.EXAMPLES):
        assert python[3 * number + 1] == f"    if {each.text}:"
        assert f"int f{number}(" in c[number] and not re.search(r"\b(and|or|not)\b", c[number])
        assert all(f"f{number}({', '.join(map(str, call))});" in c[-1] for call in each.calls)


@pytest.mark.skipif(not genhtml_2(), reason="genhtml 1 knows no MC/DC; lcov 2 does")
def test_genhtml_2_counts_the_conditions(tmp_path: Path) -> None:
    coverage = measured(tmp_path / "m.py", MIXED + LEAP, "f(1, 0, 1)\nf(0, 0, 1)\nleap(2000)\nleap(1900)\n")
    (tmp_path / "m.info").write_text(lcov.render(coverage), "utf-8")
    command = ["genhtml", "--branch-coverage", "--mcdc-coverage", "--output-directory", "html", "m.info"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "(4 of 12 MC/DCs)" in done.stdout, done.stdout + done.stderr


def test_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "m.json"
    data.write_text(json_form.dumps(measured(tmp_path / "m.py", LEAP, "leap(2024)\nleap(2023)\n")), "utf-8")
    assert main(["report", str(data), "--fail-under-mcdc", "30"]) == 0
    assert main(["report", str(data), "--fail-under-mcdc", "34"]) == 2
    assert f"MC/DC: 1 of 3 conditions shown (33.3%) is below 34% ({FORM})" in capsys.readouterr().err
    (tmp_path / "m.py").unlink()  # the text is not known, but the decisions are in the data
    assert main(["report", str(data), "--fail-under-mcdc", "30"]) == 0
    plain = tmp_path / "n.json"
    plain.write_text(json_form.dumps(measured(tmp_path / "n.py", LEAP, "leap(2024)\n", mcdc=False)), "utf-8")
    (tmp_path / "n.py").unlink()
    assert main(["report", str(plain), "--fail-under-mcdc", "0"]) == 2
    assert "MC/DC not measured: its text is not known" in capsys.readouterr().err


def test_tables_have_no_control_characters() -> None:
    coverage = replace(seen("if a and b == '\\x1b': pass", "TT"), function="f")
    source = Source("In [1]", "if a and b == '\x1b[31m': pass")
    from ipy_branchcov.model.source_coverage import SourceCoverage

    text = "\n".join(decision_tables.lines(SourceCoverage(source, decisions=(coverage,))))
    assert "\x1b" not in text
