"""The parts of the extension, each by itself, in a shell of this process."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.error import UsageError as IPythonUsageError
from IPython.core.interactiveshell import InteractiveShell

from ipy_branchcov.api import measure
from ipy_branchcov.errors import BelowThreshold, UsageError
from ipy_branchcov.model import Branch, Coverage, Outcome, Source, SourceCoverage, Span
from ipy_branchcov.notebook.arguments import Request, request, split
from ipy_branchcov.notebook.completion import matcher
from ipy_branchcov.notebook.extension import Extension
from ipy_branchcov.notebook.front_end import FrontEnd
from ipy_branchcov.notebook.magics import BranchcovMagics
from ipy_branchcov.notebook.runs import Stack, run_statement
from ipy_branchcov.notebook.settings import BranchCov, Settings
from ipy_branchcov.reports import presented
from ipy_branchcov.session.config import load_config
from ipy_branchcov.session.interactive import InteractiveSources, text_of
from ipy_branchcov.session.options import ReportOptions, RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.session.table import Door

HALF = Coverage(
    (
        SourceCoverage(
            Source("In [1]", "if a: b"), (Branch("if", Span(1, 3, 1, 4), (Outcome("true", 1), Outcome("false"))),)
        ),
    )
)


@pytest.fixture
def shell() -> Iterator[Any]:
    yield InteractiveShell()
    InteractiveShell.clear_instance()


@pytest.fixture
def extension(shell: Any) -> Iterator[Extension]:
    extension = Extension(shell)
    extension.load()
    yield extension
    extension.unload()


def test_a_line_is_split_before_its_statement(extension: Extension) -> None:
    parser = extension.shell.find_line_magic("branchcov").__func__.parser
    assert split(parser, "-c --source a  f( 1,  -c )") == ("-c --source a", "f( 1,  -c )")


def test_a_request_is_frozen_options_or_one_line() -> None:
    parsed = SimpleNamespace(source=None, counts=True, tracer=None)
    asked = request(Door.CELL, parsed, ReportOptions())  # type: ignore[arg-type]
    assert asked.options(RunOptions()).counts and not RunOptions().counts
    assert Request(report=ReportOptions(graph=("f",))).options(RunOptions()).opcodes
    parsed.source = ["no_such"]
    with pytest.raises(IPythonUsageError, match="--source no_such: no module, directory or file"):
        request(Door.CELL, parsed, ReportOptions())  # type: ignore[arg-type]


def test_options_complete_on_lines_of_ours_alone(extension: Extension) -> None:
    complete = matcher(extension.magics.with_options())

    def found(text: str) -> list[str]:
        return [each.text for each in complete(SimpleNamespace(text_until_cursor=text))["completions"]]

    assert "--counts" in found("%%branchcov --co") and "--cobertura" in found("%%branchcov --co")
    assert found("%%branchcov_auto ") == ["on", "off"]
    assert found("%time --co") == []


def test_settings_are_the_options_of_their_door(shell: Any) -> None:
    settings = BranchCov(shell, RunOptions(counts=True))
    assert isinstance(settings, Settings)
    assert settings.run_options().counts and settings.report_options().view == "auto"


def test_the_front_end_binds_shows_and_judges(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    front_end = FrontEnd(shell, Session())
    below = front_end.show(HALF, Request({"fail_under": 60.0}, ReportOptions(out="cov")))
    assert isinstance(below, BelowThreshold) and "50.0%" in str(below)
    assert isinstance(shell.user_ns["cov"], presented.Coverage) and shell.user_ns["cov"].totals == HALF.totals
    assert "1 of 2 outcomes covered" in capsys.readouterr().out


def test_a_statement_gives_its_value(shell: Any) -> None:
    assert run_statement(shell, "x = 20; x + 1") == 21 and shell.user_ns["x"] == 20


def test_code_outside_a_cell_is_not_inside_one(shell: Any) -> None:
    shell.user_ns["stack"] = Stack(shell)
    assert not Stack(shell).inside_a_cell()
    shell.run_cell("inside = stack.inside_a_cell()")
    assert shell.user_ns["inside"]


def test_the_magics_are_registered_and_taken_back(shell: Any) -> None:
    extension = Extension(shell)
    extension.load()
    assert isinstance(extension.magics, BranchcovMagics) and shell.find_line_magic("branchcov_report")
    extension.unload()
    assert shell.find_line_magic("branchcov_report") is None


def test_the_nearest_configuration_holds(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.branchcov]\ncounts = true\nfail_under = 90\n")
    (tmp_path / "inner").mkdir()
    options = load_config(tmp_path / "inner")
    assert (options.counts, options.fail_under) == (True, 90.0)


def test_typed_code_has_the_text_that_linecache_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    import linecache

    code = compile("x = 1", "<python-input-3>", "exec")
    assert text_of(code) == ""
    monkeypatch.setitem(linecache.cache, "<python-input-3>", (6, None, ["x = 1\n"], "<python-input-3>"))
    found = InteractiveSources("<python-input-12>")(code)
    assert found is not None and (found.name, found.text) == ("python-input-3", "x = 1")
    assert InteractiveSources("<stdin-1>")(code) is None


def test_a_measurement_needs_a_source_that_exists() -> None:
    with pytest.raises(UsageError, match="no_such"):
        measure("no_such")
    assert "no_such" not in sys.modules


# --- cells that run cells

HALVES = "a = 1 if out else 2\nb = 3 if a else 4"
INNER = "get_ipython().run_cell('a = 1 if out else 2'{})\nb = 3 if a else 4"


def places(coverage: Coverage) -> list[str]:
    """Each branch: the source's name, the line and its text; all of them are half covered."""
    coverage.self_check()
    assert all(len(branch.missed) == 1 for each in coverage for branch in each.branches)
    return [
        f"{each.source.name}:{branch.span.line} {each.source.lines[branch.span.line - 1].strip()}"
        for each in coverage
        for branch in each.branches
    ]


#: Cells, with where their two branches are below a line with ``%%branchcov``; "m" stands for that of the inner cell.
RUN_BY_OTHERS = {
    f"%%capture\n{HALVES}": ["In [n]:3", "In [n]:4"],
    f"%%capture held\n\n{HALVES}": ["In [n]:4", "In [n]:5"],
    f"%%time\n{HALVES}": ["In [n]:3", "In [n]:4"],
    f"%%capture\n%%time\n\n{HALVES}": ["In [n]:5", "In [n]:6"],
    f"%%timeit -n3 -r2 -q\n\n{HALVES}": ["In [n]:4", "In [n]:5"],
    f"%%capture\n%%timeit -n1 -r1 -q\n{HALVES}": ["In [n]:4", "In [n]:5"],
    f"%%timeit -n1 -r1 -q {HALVES.splitlines()[0]}\n{HALVES.splitlines()[1]}": ["In [n]:2", "In [n]:3"],
    f"%%prun -q\n{HALVES}": ["In [n]:3", "In [n]:4"],
    f"%%capture\n%%prun -q\n\n{HALVES}": ["In [n]:5", "In [n]:6"],
    INNER.format(""): ["In [n], inner cell 1:1", "In [n]:3"],
    INNER.format(", store_history=True"): ["In [m]:1", "In [n]:3"],
}


def _step(shell: Any) -> int:
    """How much higher the execution count is in a cell that a cell runs: 0 in older versions of IPython."""
    seen: list[int] = []
    shell.user_ns["seen"] = seen
    inner = "seen.append(get_ipython().execution_count)"
    shell.run_cell(f"{inner}\nget_ipython().run_cell({inner!r}, store_history=True)", store_history=True)
    return seen[1] - seen[0]


@pytest.mark.slow
@pytest.mark.parametrize("first", ["%%branchcov -q --fail-under 100", "#"])
@pytest.mark.parametrize("cell", RUN_BY_OTHERS)
def test_cells_that_run_cells_are_measured_whole(extension: Extension, cell: str, first: str) -> None:
    shell, automatic = extension.shell, first == "#"
    shell.run_cell("out = None", store_history=True)
    if automatic:
        shell.run_cell("%branchcov_auto on", store_history=True)
    moved = automatic and cell.startswith("%%")  # a comment above a cell magic is none
    step, number = _step(shell), shell.execution_count
    result = shell.run_cell(cell if moved else f"{first}\n{cell}", store_history=True)
    assert isinstance(result.error_in_exec, type(None) if automatic else BelowThreshold)
    expected = [each.replace("n]", f"{number}]").replace("m]", f"{number + step}]") for each in RUN_BY_OTHERS[cell]]
    if moved:
        expected = [f"{name}:{int(line) - 1}" for name, _, line in (each.partition(":") for each in expected)]
    lines = [next(line for line in cell.split("\n") if half in line) for half in HALVES.split("\n")]
    if cell.startswith("get_ipython"):
        lines = HALVES.split("\n")
    assert sorted(places(extension.session.coverage())) == sorted(map(" ".join, zip(expected, lines, strict=True)))


@pytest.mark.parametrize("automatic", [False, True])
@pytest.mark.parametrize(
    ("magic", "statement", "name"),
    [
        ("%timeit -n2 -r1 -q ", "[i for i in (1,) if  i]; a = lambda: out", "%timeit in line 2"),
        ("kept = %timeit -o -n 2 -r 1 -q ", "1 if out else 2", "%timeit in line 2"),
        ("for i in (1, 2): pass\n%time ", "[i for i in (1,) if  i]; a = lambda: out", "%time in line 3"),
        ("if out is None:\n    %prun -q ", "[i for i in (1,) if  i]; a = lambda: out", "%prun in line 3"),
        ("%%capture\n%timeit -n1 -r1 ", "while out: 1", "%timeit in line 3"),
        ("%%time\n\n%prun -q ", "1 if out else 2", "%prun in line 4"),
    ],
)
def test_a_statement_on_the_line_of_a_magic_is_a_source(
    extension: Extension, magic: str, name: str, statement: str, automatic: bool
) -> None:
    shell = extension.shell
    shell.run_cell("out = None", store_history=True)
    if automatic and magic.startswith("%%"):
        pytest.skip("a comment above a cell magic is none")
    if automatic:
        shell.run_cell("%branchcov_auto on", store_history=True)
    first, number = "#" if automatic else "%%branchcov -q", shell.execution_count
    result = shell.run_cell(f"{first}\n{magic}{statement}\nb = 3 if out else 4", store_history=True)
    assert result.success
    found = {each.source.name: each for each in extension.session.coverage()}
    assert set(found) == {f"In [{number}]", f"In [{number}], {name}"}
    timed = found[f"In [{number}], {name}"]
    timed.self_check()
    assert timed.note == "" and timed.source.text.split() == statement.split()
    covered = {
        timed.source.snippet(branch.span, 80): [outcome.name for outcome in branch.outcomes if outcome.hits]
        for branch in timed.branches
    }
    assert (
        covered
        == {
            "1 if out else 2": {"out": ["false"]},
            "[i for i in (1,) if  i]; a = lambda: out": {"i in (1,)": ["body", "exhausted"], "i": ["true"]},
            "while out: 1": {"out": ["false"]},
        }[statement]
    )


@pytest.mark.parametrize("setup", ["if out: y = 3", "%precision 3", "y = 1 if not out else 2; z = y"])
def test_what_is_timed_has_its_own_branches_alone(extension: Extension, setup: str) -> None:
    shell = extension.shell
    shell.run_cell("out = 0", store_history=True)
    body = "for i in range(3):\n    def each(x): return x or [j for j in (0, 1) if j]\n    each(i)"
    shell.run_cell(f"%%branchcov -q\n%%timeit -n2 -r2 -q {setup}\n{body}", store_history=True)
    shell.run_cell(f"%%branchcov -q\n%%time\n{body}", store_history=True)
    timed, alone = extension.session.coverage()
    timed.self_check()
    assert timed.source.text.split("\n")[2:] == body.split("\n") and timed.note == ""
    found, expected = (
        [(each.key, [outcome.hits for outcome in each.outcomes]) for each in source.branches if each.span.line > 2]
        for source in (timed, alone)
    )
    assert found == expected and len(found) == 5
    missed = [outcome.name for each in timed.branches if each.span.line <= 2 for outcome in each.missed]
    assert missed == ["false"] * ("else" in setup)
    assert timed.missed_lines == alone.missed_lines == frozenset()


def test_only_what_the_magic_runs_is_its_cell(extension: Extension) -> None:
    """``exec`` of a text, and other code that has the file name of profiled code."""
    shell = extension.shell
    text = "c = 1 if 0 else 2"
    shell.run_cell(f"%%branchcov -q\n%%prun -q\nexec({text!r})\na = 1 if 0 else [3]", store_history=True)
    (found,) = extension.session.coverage()
    assert {each.span.line for each in found.branches} <= {4}


def test_a_measured_cell_inside_one_that_is_not_shown(extension: Extension, capsys: pytest.CaptureFixture[str]) -> None:
    shell = extension.shell
    shell.run_cell("out = 0\n%branchcov_auto on", store_history=True)
    inner = "%%branchcov --fail-under 60\nz = 1 if out else 2"
    shell.run_cell(f"y = 1 if out else 2\nget_ipython().run_cell({inner!r})\nw = 3 if z else 4", store_history=True)
    assert "1 of 2 outcomes covered (50.0%) is below 60%" in capsys.readouterr().out
    assert places(extension.session.coverage()) == [
        "In [2]:1 y = 1 if out else 2",
        "In [2]:3 w = 3 if z else 4",
        "In [2], inner cell 1:2 z = 1 if out else 2",
    ]
    assert not extension.session.running


@pytest.mark.parametrize("other", ["%%time", "%%capture"])
def test_a_measured_part_of_a_cell_has_the_cells_lines(extension: Extension, other: str) -> None:
    extension.shell.run_cell("out = 0", store_history=True)
    extension.shell.run_cell(f"{other}\n%%branchcov -q\n{HALVES}", store_history=True)
    assert places(extension.session.coverage()) == [
        f"In [2]:{3 + i} {line}" for i, line in enumerate(HALVES.split("\n"))
    ]


def test_cells_without_history_are_numbered_without_those_that_they_run(extension: Extension) -> None:
    extension.shell.run_cell("out = 0\n%branchcov_auto on")
    for _ in range(2):
        extension.shell.run_cell("get_ipython().run_cell('a = 1 if out else 2')")
    extension.shell.run_cell("%%capture\nb = 1 if out else 2")
    names = [each.partition(" a =")[0].partition(" b =")[0] for each in places(extension.session.coverage())]
    assert names == ["cell 2, inner cell 1:1", "cell 3:2"]


@pytest.mark.slow
def test_tests_that_ipytest_runs() -> None:
    pytest.importorskip("ipytest")
    extension = Extension(InteractiveShell.instance())
    extension.load()
    cell = "def size(x):\n    return 1 if x else 2\n\n\ndef test_size():\n    assert size(3) == 1"
    extension.shell.run_cell(
        "import ipytest; ipytest.autoconfig(addopts=['-p', 'no:cacheprovider'])", store_history=True
    )
    result = extension.shell.run_cell(f"%%branchcov -q --fail-under 90\n%%ipytest -qq\n{cell}", store_history=True)
    assert isinstance(result.error_in_exec, BelowThreshold)
    (found,) = extension.session.coverage()
    assert found.source.name == "In [2]" and [branch.span.line for branch in found.missed] == [4]
    extension.unload()
    InteractiveShell.clear_instance()


# --- long sessions


def objects_of_ours() -> int:
    """The objects that the garbage collector scans and that are ours, or syntax trees."""
    gc.collect()
    ours = ("ipy_branchcov", "ast")
    return sum(str(type(each).__module__).partition(".")[0] in ours for each in gc.get_objects())


@pytest.mark.slow
def test_a_long_session_keeps_no_objects(extension: Extension) -> None:
    shell, counts = extension.shell, []
    for number in range(120):
        if number in (40, 80):
            counts.append(objects_of_ours())
        text = f"%%time\ndef size(x):\n    return 1 if x and x > {number} else 2\nsize({number})"
        shell.run_cell(f"%%branchcov -q\n{text}", store_history=True)
    counts.append(objects_of_ours())
    assert max(counts[1:]) <= 1.1 * counts[0] + 20
    assert len(extension.magics.hooks.cells._timed) < 80
    assert len(extension.session.coverage().sources) == 120
    shell.run_cell("%branchcov_reset", store_history=True)
    assert objects_of_ours() < counts[0]


def test_all_code_of_a_cell_shares_a_source(extension: Extension) -> None:
    shell = extension.shell
    shell.run_cell("\n".join(f"def f{i}(): return {i}" for i in range(3)), store_history=True)
    found = [extension.magics.hooks.cells(shell.user_ns[f"f{i}"].__code__) for i in range(3)]
    assert found[0] is not None and found[0] is found[1] is found[2]


@pytest.mark.parametrize("magic", ["", "%%capture", "%%time"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_cell_is_known_by_its_text_whatever_ends_its_lines(extension: Extension, end: str, magic: str) -> None:
    """IPython's copy in ``linecache`` has newlines, also in the place of form feeds and of line ends within strings."""
    odd = ["x = 1"] if magic == "%%capture" else ["x = 'a\u2028b'", "\x0c"]
    lines = ["%%branchcov -q -o result", *filter(None, [magic]), *odd, "y = 1 if x else 2"]
    result = extension.shell.run_cell(end.join(["", *lines, ""]), store_history=True)
    assert result.success
    (source,) = extension.shell.user_ns["result"].sources
    assert source.source.text == "\n".join(lines)
    assert [each.span.line for each in source.branches] == [len(lines)]
