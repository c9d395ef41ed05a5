"""What is kept of a source beside its byte code: later runs have the same result without an analysis."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from marshal import dumps
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from ipy_branchcov.analysis import kept
from ipy_branchcov.analysis.branches import Analysis, find_branches
from ipy_branchcov.analysis.kept_codes import fingerprint
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.bytecode.decode import code_objects
from ipy_branchcov.data import kept_files
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.session import analyses, results
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from tests import target_programs

pytestmark = pytest.mark.slow  # each target is measured three times

TEXT = """\
def f(x):
    if x and x > 1:
        return [y for y in range(x) if y]
    return x == 1 or x is None

f(3)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where byte code goes."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "byte code"))
    return tmp_path / "byte code"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "kept_here.py"
    path.write_text(TEXT)
    return path


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.branchcov*"))


def run(path: Path, options: RunOptions | None = None) -> SourceCoverage:
    session = Session(options or RunOptions())
    session.add_source(str(path))
    with session.measuring("test") as found:
        exec(session.instrument(compile(path.read_text(), str(path), "exec")), {})
    (coverage,) = found.coverage.sources
    return coverage


def no_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every parsing of a source fail."""

    def fail(source: Source) -> Any:
        raise AssertionError(f"{source.name} is parsed")

    monkeypatch.setattr(Source, "tree", fail)


@pytest.mark.parametrize(("tracer", "late"), [(next(iter(tracers())), False), (next(iter(tracers())), True)])
@pytest.mark.parametrize("target", target_programs.targets(), ids=lambda path: path.stem)
def test_a_second_run_is_the_same_and_parses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, target: Path, tracer: str, late: bool
) -> None:
    first = target_programs.run(target, tracer, late=late)
    assert len(files(folder)) == 1
    if target.stem != "coroutines":  # types.coroutine copies instrumented code, and such a copy is analysed each time
        no_analysis(monkeypatch)
    again = target_programs.run(target, tracer, late=late)
    assert again == first
    assert [branch.decision for branch in again.branches] == [branch.decision for branch in first.branches]
    assert target_programs.run(target, tracer, counts=True, late=late).missed_lines == first.missed_lines


def test_files_that_no_run_imports(folder: Path, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    def never_imported() -> list[SourceCoverage]:
        session = Session(RunOptions(source=(str(path),)))
        return list(session.never_imported(session.coverage()))

    first = never_imported()
    assert first[0].missed_lines == {1, 2, 3, 4, 6}
    no_analysis(monkeypatch)
    assert never_imported() == first


def test_no_syntax_tree_of_a_file_that_no_run_imports_is_there_when_its_report_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    session = Session()
    session.add_source(str(path))
    found = []
    measured = results.measure

    def measure(analysis: Analysis, *arguments: Any, **options: Any) -> SourceCoverage:
        found.append("decisions" in vars(analysis))
        return measured(analysis, *arguments, **options)

    monkeypatch.setattr(results, "measure", measure)
    (first,) = session.never_imported(Coverage())
    (again,) = session.never_imported(Coverage())
    assert first == again and first.branches and len(files(folder)) == 1
    assert found == [False, False]


@pytest.mark.parametrize("follow", [False, True])
def test_few_syntax_trees_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow: bool) -> None:
    """The result is the same; where decisions are followed, more of them stay."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    names = [f"few_trees_{number}" for number in range(6)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(TEXT)
    found = []
    settle = analyses.Analyses.instrumented
    for most, instrumented in ((64, lambda self: None), (2, lambda self: None), (64, settle)):
        monkeypatch.setattr(analyses, "_TREES", most)
        monkeypatch.setattr(analyses.Analyses, "instrumented", instrumented)
        session = Session(RunOptions(mcdc=follow))
        session.add_source(str(tmp_path))
        with session.measuring() as run:
            for name in names:
                monkeypatch.delitem(sys.modules, name, raising=False)
                importlib.import_module(name).f(1)
            known = session._analyses._known.values()
            trees = sum(each is not None and "decisions" in vars(each) for (each,) in known)
        found.append((trees, [(each.branches, each.decisions, each.missed_lines) for each in run.coverage]))
        session.close()
    numbers, coverages = zip(*found, strict=True)
    assert all(each == coverages[0] for each in coverages) and len(coverages[0]) == 6
    assert numbers == ((6, 6, 6) if follow or sys.version_info >= (3, 14) else (6, 2, 0))


@pytest.mark.parametrize("written", [True, False])
def test_what_is_known_of_many_sources_is_let_go(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: Path, written: bool
) -> None:
    """The next run makes it again, of plain values: nothing is parsed."""
    first = run(path)
    for file in files(folder):
        file.unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", not written)
    monkeypatch.setattr(results, "_MANY", 0)
    session = Session()
    session.add_source(str(path))
    names: dict[str, Any] = {}
    with session.measuring("test") as found:
        exec(session.instrument(compile(TEXT, str(path), "exec")), names)
    assert list(found.coverage) == [first] and "lines" not in vars(found.coverage.sources[0].source)
    assert not session._analyses._known.values() and not session._analyses._trees
    assert len(files(folder)) == written
    with session.measuring() as before:
        names["f"](1)
    no_analysis(monkeypatch)
    with session.measuring() as again:
        names["f"](1)
    assert list(again.coverage) == list(before.coverage) and again.coverage.sources[0].branches
    session.close()


def test_other_code_of_the_same_text_is_analysed(folder: Path, path: Path) -> None:
    first = run(path)
    flags = compile(TEXT, str(path), "exec").co_flags | 0x100000  # from __future__ import barry_as_FLUFL
    session = Session()
    session.add_source(str(path))
    with session.measuring("test") as found:
        code = compile(TEXT, str(path), "exec").replace(co_flags=flags)
        exec(session.instrument(code), {})
    assert list(found.coverage) == [first]


def test_an_edited_text_and_another_policy_are_analysed(folder: Path, path: Path) -> None:
    for options, required in ((RunOptions(), True), (RunOptions(optional=frozenset({"comp-if"})), False)):
        branches = run(path, options).branches
        assert {o.required for each in branches for o in each.outcomes if each.kind == "comp-if"} == {required}
    path.write_text("\n" + TEXT)
    assert {branch.span.line for branch in run(path).branches} == {3, 4, 5}


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "of another Python", "not marshal"])
def test_a_damaged_file_is_ignored_and_written_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: Path, damage: str
) -> None:
    first = run(path)
    (file,) = files(folder)
    good = file.read_bytes()
    bad = {
        "cut": good[: len(good) // 2],
        "changed": good[:-9] + bytes([good[-9] ^ 1]) + good[-8:],
        "empty": b"",
        "of another Python": good.replace(sys.version[:6].encode(), b"2.7.18"),
        "not marshal": good[: -len(good) // 3],
    }[damage]
    file.write_bytes(bad)
    assert run(path) == first
    assert len(files(folder)) == 1
    no_analysis(monkeypatch)
    assert run(path) == first


def test_damage_of_any_byte_is_noticed(folder: Path, path: Path) -> None:
    """Most of these files could still be read, with other values: a line that counts as covered, or as none."""
    run(path)
    (file,) = files(folder)
    good, key = file.read_bytes(), kept.key_of(Source("m", TEXT, "file", str(path)), Policy())
    assert kept_files.load(str(path), key) is not None
    with file.open("r+b", buffering=0) as stream:  # writing all of it so often takes seconds
        for i, byte in enumerate(good):
            os.pwrite(stream.fileno(), bytes([byte ^ 1 << i % 8]), i)
            assert kept_files.load(str(path), key) is None, f"byte {i} of {len(good)}"
            os.pwrite(stream.fileno(), bytes([byte]), i)
    assert kept_files.load(str(path), key) is not None
    for i in (*range(1, len(good), len(good) // 16), len(good) - 1):
        for damaged in (good[:i], good[i:], good[:i] + good[i + 1 :], good[:i] + b"0" + good[i:]):
            file.write_bytes(damaged)
            assert kept_files.load(str(path), key) is None, f"cut at {i} of {len(good)}"
    for damaged in (good + b"\0", good + good, good[::-1]):
        file.write_bytes(damaged)
        assert kept_files.load(str(path), key) is None


def test_values_that_are_no_analysis_are_ignored(folder: Path, path: Path) -> None:
    first = run(path)
    source = Source(first.source.name, TEXT, "file", str(path))
    for plain in ({}, [1], {"branches": 3}):
        kept_files.save(str(path), kept.key_of(source, Policy()), dumps(plain))
        assert run(path) == first


def test_nothing_is_written_where_python_writes_no_byte_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    run(path)
    assert not folder.exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder.write_text("a file, where there should be a folder")
    run(path)
    assert folder.is_file()


def test_writers_at_the_same_time_leave_one_whole_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    source = Source("m", TEXT, "file", str(path))
    analysis = find_branches(source, [compile(TEXT, str(path), "exec")])
    key = kept.key_of(source, Policy())
    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(kept_files.save, str(path), key, dumps(kept.to_plain(analysis))) for _ in range(64)]:
            each.result()
    assert len(files(folder)) == 1
    plain = kept_files.load(str(path), key)
    no_analysis(monkeypatch)
    read = kept.from_plain(source, Policy(), plain)
    assert (read.map, read.heads, read.tries) == (analysis.map, analysis.heads, analysis.tries)
    assert [(each.span, each.after) for each in read.regions] == [(each.span, each.after) for each in analysis.regions]


def test_code_is_known_again_in_another_process(path: Path) -> None:
    text = "def f(x, *, y=2):\n    return x in {1, 'a'} or x[1:2] or -0.0 or (1, None, b'') or 10**30\n" + TEXT
    path.write_text(text)
    script = (
        "import sys; from pathlib import Path; from ipy_branchcov.bytecode.decode import code_objects\n"
        "from ipy_branchcov.analysis.kept_codes import fingerprint\n"
        "print([fingerprint(c) for c in code_objects(compile(Path(sys.argv[1]).read_text(), 'elsewhere', 'exec'))])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    found = list(map(fingerprint, code_objects(compile(text, str(path), "exec", dont_inherit=True))))
    assert done.stdout.strip() == repr(found)
    assert len(set(found)) == len(found) and None not in found


@pytest.mark.parametrize(
    "change",
    [
        {"co_code": None},
        {"co_firstlineno": 2},
        {"co_consts": None},
        {"co_linetable": b""},
        {"co_exceptiontable": b"\x80\x01\x02\x03"},
        {"co_name": "g"},
        {"co_names": ("other",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_changed_code_is_not_known_again(change: dict[str, Any]) -> None:
    code = compile("print(1)", "a", "exec")
    if change == {"co_code": None}:
        change = {"co_code": code.co_code[:-2] + bytes((9, 0))}
    if change == {"co_consts": None}:
        change = {"co_consts": (*code.co_consts, True)}
    assert fingerprint(code.replace(**change)) != fingerprint(code)
    assert fingerprint(code.replace(co_filename="b")) == fingerprint(code)


def test_constants_that_no_compiler_makes() -> None:
    class Evil(int):
        def __repr__(self) -> str:
            raise AssertionError("the program's code ran")

        __hash__ = __eq__ = None  # type: ignore[assignment]

    code: CodeType = compile("1", "a", "eval")
    assert fingerprint(code.replace(co_consts=(object(),))) is None
    assert fingerprint(code.replace(co_consts=([],))) != fingerprint(code)
    assert fingerprint(code.replace(co_consts=(Evil(1),))) is None
