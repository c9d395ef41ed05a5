"""All contexts that covered each outcome: recorded by each tracer, merged, read and written, shown and selected."""

from __future__ import annotations

import io
import json
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import pytest

from ipy_branchcov.cli import main
from ipy_branchcov.data import json_form
from ipy_branchcov.data.contexts import numbers
from ipy_branchcov.data.files import load, save
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import Branch, FirstHit, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.selection import covered_by
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports import pages
from ipy_branchcov.session.contexts import Contexts
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from ipy_branchcov.tracing.tracer import Edge, Mechanism, Recording
from tests import target_programs
from tests.programs import program
from tests.project import Project

#: Tracer, whether it counts, whether it meets code late. The reference counts always.
WAYS = [(next(iter(tracers())), counts, late) for counts in (False, True) for late in (False, True)] + [
    ("settrace", True, True)
]


def twice(path: Path, tracer: str, *, counts: bool, late: bool) -> Coverage:
    """A program that runs in the contexts ``a`` and ``b``, and not in ``c``."""
    session = Session(RunOptions(counts=counts, tracer=tracer, contexts=True))
    session.add_source(str(path))
    code = compile(path.read_text("utf-8"), str(path), "exec", dont_inherit=True)
    session.start("before")
    try:
        code = code if late else session.instrument(code)
        for context in ("a", "b", "c"):
            session.set_context(context)
            if context != "c":
                with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), suppress(Exception):
                    exec(code, {"__name__": "__main__", "__file__": str(path), "where": lambda *_: None})
    finally:
        coverage = session.stop()
    return coverage


def wrong(coverage: Coverage) -> list[str]:
    """The covered outcomes that were not covered in both contexts alone, or first in another than the first."""
    return [
        f"{branch.span} {branch.kind} {outcome.name}: {sorted(outcome.contexts)}, first {outcome.first}"
        for source in coverage
        for branch in source.branches
        for outcome in branch.outcomes
        if outcome.covered
        and (
            outcome.contexts != {"a", "b"}
            or outcome.first is None
            or outcome.first.by != "a"
            or one_sided(outcome.hits, coverage)
        )
    ]


def one_sided(hits: int, coverage: Coverage) -> bool:
    """Whether hits are not those of two equal runs."""
    return coverage.counted and hits % 2 == 1


@pytest.mark.slow
@pytest.mark.parametrize(("tracer", "counts", "late"), WAYS)
def test_what_runs_again_in_another_context_is_recorded_again(tracer: str, counts: bool, late: bool) -> None:
    every = target_programs.targets()
    for path in every if not (counts or late) else every[counts + 2 * late :: 8]:
        coverage = twice(path, tracer, counts=counts, late=late)
        assert coverage.sources and wrong(coverage) == [], path
        once = target_programs.run(path, tracer, counts=counts, late=late)
        (source,) = coverage.sources
        assert target_programs.found(source) == target_programs.found(once) and source.missed_lines == once.missed_lines


@pytest.mark.slow
@pytest.mark.parametrize(("tracer", "counts", "late"), WAYS)
def test_random_programs_in_two_contexts(tracer: str, counts: bool, late: bool, tmp_path: Path) -> None:
    warnings.simplefilter("ignore")
    for seed in range(1 if counts and late else 3):  # what counts by events is slow
        path = tmp_path / f"p{seed}.py"
        path.write_text(program(seed), "utf-8")
        coverage = twice(path, tracer, counts=counts, late=late)
        assert wrong(coverage) == [], seed


# --- data


def data(*contexts: str, other: tuple[str, ...] = (), hits: int = 1) -> Coverage:
    """A branch whose first outcome these contexts covered, and ``other`` its second."""
    outcomes = (
        Outcome("true", hits * bool(contexts), contexts=frozenset(contexts)),
        Outcome("false", hits * bool(other), contexts=frozenset(other)),
    )
    source = Source("m.py", "x if y else z\n", "file")
    return Coverage((SourceCoverage(source, (Branch("ifexp", Span(1, 5, 1, 6), outcomes),)),), counted=False)


def test_contexts_unite_in_any_order() -> None:
    one, two, three = data("t2"), data("t10", other=("t2",)), data("t1", "t2")
    assert (one + two) + three == three + (two + one) == one + (three + two)
    (branch,) = (one + two + three).sources[0].branches
    assert branch["true"].contexts == {"t1", "t2", "t10"} and branch["false"].contexts == {"t2"}


def test_names_stand_once_in_json_and_outcomes_have_their_numbers() -> None:
    whole = data("t10", "t2", other=("t2",))
    text = json_form.dumps(whole, texts=True)
    found = json.loads(text)
    assert found["contexts"] == ["t2", "t10"]
    outcomes = found["sources"][0]["branches"][0]["outcomes"]
    assert [each["contexts"] for each in outcomes] == [[0, 1], [0]]
    assert json_form.loads(text, "here") == whole
    assert "contexts" not in json.loads(json_form.dumps(data()))


@pytest.mark.parametrize(
    ("names", "numbers", "message"),
    [
        (["a"], [1], r"contexts: must be numbers of the 1 contexts at the top"),
        (["a"], [-1], r"contexts\[0\]: must be a whole number"),
        (["a", "a"], [0], r"\(contexts: must have no name twice"),
        (["a\x1b"], [0], r"contexts\[0\]: must have no control characters"),
        (None, [0], r"contexts: must be numbers of the 0 contexts at the top"),
    ],
)
def test_wrong_contexts_are_refused_by_name(names: list[str] | None, numbers: list[int], message: str) -> None:
    found = json.loads(json_form.dumps(data("a")))
    found.pop("contexts")
    if names is not None:
        found["contexts"] = names
    found["sources"][0]["branches"][0]["outcomes"][0]["contexts"] = numbers
    with pytest.raises(DataError, match=message):
        json_form.loads(json.dumps(found), "here")


def test_only_what_was_hit_has_contexts() -> None:
    found = json.loads(json_form.dumps(data("a")))
    found["sources"][0]["branches"][0]["outcomes"][0]["hits"] = 0
    with pytest.raises(DataError, match="must be left out where there are no hits"):
        json_form.loads(json.dumps(found), "here")
    with pytest.raises(ValueError, match="has contexts and no hits"):
        data("a", hits=0).self_check()


def test_a_report_of_some_contexts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save(data("tests/a.py::one", "tests/b.py::two", other=("tests/b.py::two",)), Path("d.json"))
    for regex, total in (("a[.]py", "1 of 2"), ("::two$", "2 of 2"), ("nobody", "0 of 2")):
        assert main(["report", "d.json", "--context", regex]) == 0
        assert f" {total} outcomes covered" in capsys.readouterr().out, regex
    main(["report", "d.json", "--context", "one", "--context", "nobody", "--json", "x.json"])
    (branch,) = load(Path("x.json")).sources[0].branches
    assert [each.contexts for each in branch.outcomes] == [{"tests/a.py::one"}, frozenset()]
    save(data(), Path("d.json"))
    capsys.readouterr()
    assert main(["report", "d.json", "--context", "one"]) == 2
    assert "the data has no contexts; measure with pytest --branchcov-contexts" in capsys.readouterr().err
    assert main(["report", "d.json", "--context", "("]) == 2


def test_a_first_hit_of_another_context_is_none_of_a_part() -> None:
    (source,) = data("a", "b").sources
    outcomes = (Outcome("true", 7, first=FirstHit("a"), contexts=frozenset("ab")), Outcome("false"))
    whole = Coverage((SourceCoverage(source.source, (Branch("ifexp", Span(1, 5, 1, 6), outcomes),)),))
    (branch,) = covered_by(whole, "b".__eq__).sources[0].branches
    assert branch["true"] == Outcome("true", 1, contexts=frozenset("b"))


def test_pages_list_the_contexts_of_an_outcome() -> None:
    page = pages.document(data(*(f"test_{number}" for number in range(8)), other=("test_9",)), "title")
    assert "by test_0, test_1, test_2, test_3, test_4 and 3 more; <b>false</b>" in page
    assert page.count(", by test_9") == 1


# --- pytest

STARTED = """\
import subprocess, sys
from pkg.shapes import area

def test_in_another_process():
    subprocess.run([sys.executable, "-c", "from pkg.shapes import never; never(0)"], check=True)
"""


def contexts(project: Project) -> dict[str, set[str]]:
    """Who covered the outcomes of a file, by line and outcome; without what asserts are."""
    found = json.loads((project.folder / "branchcov.json").read_text())
    names = found["contexts"]
    (shapes,) = (each for each in found["sources"] if each["name"] == "pkg/shapes.py")
    return {
        f"{branch['span'][0]}:{branch['span'][1]} {outcome['name']}": {names[i] for i in outcome["contexts"]}
        for branch in shapes["branches"]
        for outcome in branch["outcomes"]
        if outcome["hits"]
    }


BAD, AREA = "tests/test_shapes.py::test_bad", "tests/test_shapes.py::test_area"
EXPECTED = {
    "2:7 true": {f"{BAD}[0]", f"{BAD}[-1]"},
    "2:7 false": {AREA, "docs/guide.ipynb#use"},
    "2:17 false": {AREA, "docs/guide.ipynb#use"},
    "5:28 true": {"docs/guide.ipynb#use"},
    "5:28 false": {AREA},
    "9:16 false": {"tests/test_more.py::test_in_another_process"},
}


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["one process", "workers"])
def test_every_test_and_cell_that_covers_an_outcome(words: tuple[str, ...], tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("tests/test_more.py", STARTED)
    if words and sys.version_info[:2] != (3, 13):
        pytest.skip("tried on one Python")
    arguments = ("--branchcov=pkg", "--nbval", "--branchcov-contexts", "--branchcov-report=json", "tests", "docs")
    ended = project.run(*arguments, *words)
    assert ended.status == 0, ended
    found = {place: names - {"pytest"} for place, names in contexts(project).items()}
    composite = {place: names for place, names in found.items() if place in EXPECTED}
    assert composite == EXPECTED


def test_turns_are_summed_by_code() -> None:
    one, two = compile("1", "a", "exec"), compile("1", "b", "exec")
    edge, other, found = Edge(0, 2), Edge(0, 4), Contexts()
    found.add("a", [Recording(one, Mechanism.SPLIT, edges={edge: 2}, lines={1})])
    found.add("b", [Recording(one, Mechanism.SPLIT, edges={edge: 1, other: 1}), Recording(two, Mechanism.SPLIT)])
    first, second = found.recordings()
    assert (first.code, first.edges, first.lines) == (one, {edge: 3, other: 1}, {1}) and second.code is two
    assert first.contexts == {edge: {"a", "b"}, other: {"b"}} and not second.contexts


def test_contexts_are_numbered_in_the_order_of_people() -> None:
    assert dict(numbers(data("t10", "t2", other=("t1",)))) == {"t1": 0, "t2": 1, "t10": 2}
