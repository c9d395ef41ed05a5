"""Gates fail where nothing was measured, where something was lost, and where code could not be measured."""

from __future__ import annotations

import importlib
import importlib.util
import py_compile
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from zipfile import ZipFile

import pytest

from ipy_branchcov.data import json_form
from ipy_branchcov.errors import DataError, UsageError
from ipy_branchcov.model import Branch, Coverage, Outcome, Source, SourceCoverage, Span
from ipy_branchcov.model.coverage import merge
from ipy_branchcov.reports import pages, terminal
from ipy_branchcov.reports.gates import failures
from ipy_branchcov.reports.record import record
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.scope import compiled, resolve
from ipy_branchcov.session.session import Session
from tests.project import branchcov
from tests.views import viewed

SOURCE = Source("m.py", "x = 1 if y else 2\n", "file")


def of(*outcomes: Outcome, note: str = "") -> Coverage:
    branches = (Branch("ifexp", Span(1, 9, 1, 10), outcomes, ""),) if outcomes else ()
    return Coverage((SourceCoverage(SOURCE, branches, note=note),))


WHOLE = of(Outcome("true", 1), Outcome("false", 1))
LOST = "a process was killed, or has not ended: forked in m.py:1"
#: What was measured; the total in words; why a gate of 100 % fails.
GATES = [
    (
        Coverage(),
        "nothing measured yet",
        ["nothing measured yet: there is nothing that a gate could check, so it fails"],
    ),
    (
        of(),
        "no branches in what ran",
        ["no branches in what ran: there is nothing that a gate could check, so it fails"],
    ),
    (
        of(Outcome("true", 1, excluded=True), Outcome("false", 0, excluded=True)),
        "all of it excluded",
        ["all of it excluded: there is nothing that a gate could check, so it fails"],
    ),
    (
        of(note="compiled: m is a .so"),
        "compiled: m is a .so",
        [
            "m.py: compiled: m is a .so; so the gate fails",
            "compiled: m is a .so: there is nothing that a gate could check, so it fails",
        ],
    ),
    (WHOLE, "2 of 2 outcomes covered (100.0%)", []),
    (
        of(Outcome("true", 1), Outcome("false", 0)),
        "1 of 2 outcomes covered (50.0%)",
        ["branch coverage 1 of 2 outcomes covered (50.0%) is below 100%"],
    ),
    (
        of(Outcome("true", 1), Outcome("false", 1), note="m.py: not measured: its source changed"),
        "2 of 2 outcomes covered (100.0%)",
        ["m.py: not measured: its source changed; so the gate fails"],
    ),
    (
        of(Outcome("true", 1), Outcome("false", 1), note="m.py: changed since it was measured"),
        "2 of 2 outcomes covered (100.0%)",
        [],
    ),
    (
        replace(WHOLE, lost=frozenset({LOST})),
        "2 of 2 outcomes covered (100.0%)",
        ["1 lost: coverage is incomplete, so the gate fails"],
    ),
]


@pytest.mark.parametrize(("coverage", "words", "lines"), GATES)
def test_no_gate_passes_on_what_was_not_measured(coverage: Coverage, words: str, lines: list[str]) -> None:
    assert coverage.summary == words
    assert failures(coverage, 100.0) == lines and failures(coverage, None) == []
    other = [line for line in lines if "below" not in line]
    assert failures(coverage, None, compared=True) == other and failures(coverage, 0.0) == other


@pytest.mark.parametrize(("coverage", "words", "lines"), GATES)
def test_every_report_says_what_was_measured(coverage: Coverage, words: str, lines: list[str]) -> None:
    assert terminal.render(coverage).startswith(f"branchcov: {words}")
    assert viewed(coverage)["totals"] == words
    for page in (record(coverage, whole=True).html, pages.render(coverage, "x")["index.html"]):
        assert f" {words}</div>" in page


def test_what_was_lost_is_kept_in_data_and_sums() -> None:
    lost = replace(WHOLE, lost=frozenset({LOST}))
    assert merge([lost, WHOLE]).lost == lost.lost == json_form.loads(json_form.dumps(lost), "x").lost
    assert "lost" not in json_form.to_dict(WHOLE)
    with pytest.raises(DataError, match="damaged"):
        json_form.loads(json_form.dumps(lost).replace(f'"{LOST}"', "3"), "x")


# --- code that cannot be measured


def test_code_in_an_archive_is_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("zipped_away.py", "x = 1\n")
    with pytest.raises(UsageError, match="in an archive; unpack"):
        resolve(str(tmp_path / "z.zip"))
    monkeypatch.syspath_prepend(str(tmp_path / "z.zip"))
    with pytest.raises(UsageError, match="in an archive; unpack"):
        resolve("zipped_away")


def test_a_compiled_module_is_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "outer" / "inner"
    package.mkdir(parents=True)
    for name in ("outer/__init__.py", "outer/inner/__init__.py", "outer/inner/fast.py"):
        (tmp_path / name).write_text("x = 1\n")
    assert compiled(str(package / "fast.py")) is None
    beside = package / f"fast{EXTENSION_SUFFIXES[0]}"
    beside.write_bytes(b"")
    assert compiled(str(package / "fast.py")) == f"compiled: outer.inner.fast is a {beside.suffix}"
    assert compiled(str(package / "__init__.py")) is None
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match=r"^outer.inner.fast: compiled \(a \.(so|pyd)\); name a module"):
        resolve("outer.inner.fast")


def test_files_that_cannot_be_measured_are_noted(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("print 'two'\n")
    (tmp_path / "bytes.py").write_bytes(b"x = '\xff'\n")
    (tmp_path / "fast.py").write_text("x = 1 if x else 2\n")
    (tmp_path / f"fast{EXTENSION_SUFFIXES[0]}").write_bytes(b"")
    session = Session(RunOptions(source=(str(tmp_path),)), root=tmp_path)
    found = {each.source.name: each for each in session.never_imported(Coverage())}
    assert {name: each.note for name, each in found.items()} == {
        "old.py": "old.py: not measured: does not compile; omit it if it is no Python source",
        "bytes.py": "bytes.py: not measured: cannot be read as Python source; omit it if it is none",
        "fast.py": f"compiled: fast is a {Path(EXTENSION_SUFFIXES[0]).suffix}",
    }
    assert all(each.unmeasured and not each.branches for each in found.values())


@pytest.mark.slow
def test_a_run_of_code_in_an_archive_fails_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ZipFile("z.zip", "w") as archive:
        archive.writestr("zipped.py", "def pick(x):\n    return 1 if x else 2\n")
    Path("go.py").write_text("import sys\nsys.path.insert(0, 'z.zip')\nimport zipped\nx = 1 if zipped.pick(1) else 2\n")
    done = branchcov("run", "--source", ".", "--fail-under", "10", "go.py")
    assert done.returncode == 2
    assert "branchcov: z.zip/zipped.py: not measured: its code lies in an archive; unpack that, and" in done.stderr


# --- readers that leave


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.py").write_text("x = 1 if __name__ else 2\n")
    branchcov("run", "--data", "x.json", "x.py")
    command = f"'{sys.executable}' -m ipy_branchcov"
    for arguments in ("run x.py", "report x.json", "run x.py --json y.json"):
        line = f"{{ {command} {arguments}; echo $? >status; }} | true"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)
        assert (Path("status").read_text(), done.stderr) == ("1\n", ""), arguments
    done = subprocess.run(["sh", "-c", f"{command} run x.py >&-"], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    if Path("/dev/full").exists():
        done = subprocess.run(
            ["sh", "-c", f"{command} report x.json >/dev/full"], capture_output=True, text=True, timeout=60, check=False
        )
        line = "branchcov: the report cannot be written: No space left on device\n"
        assert done.returncode == 1 and done.stderr.startswith(line)


def test_a_module_of_byte_code_alone_that_was_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code ran, and nobody knows where its branches are: no gate passes on it."""
    package = tmp_path / "bare"
    package.mkdir()
    (package / "__init__.py").write_text("x = 1 if 'a' else 2\n")
    (package / "there.py").write_text("def f(x):\n    return 1 if x else 2\n")
    py_compile.compile(str(package / "there.py"), str(package / "there.pyc"), doraise=True)
    (package / "there.py").unlink()
    monkeypatch.syspath_prepend(tmp_path)
    session = Session(RunOptions(source=("bare",)), root=tmp_path)
    with session.measuring("In [2]") as run:
        importlib.import_module("bare.there").f(1)
    note = "bare/there.py: not measured: only its byte code is there; install its source"
    assert [each for source in run.coverage for each in source.notes] == [note]
    assert any(line.startswith("bare/there.py: not measured") for line in failures(run.coverage, 0.0))
    with pytest.raises(UsageError, match=r"^bare.there: only its byte code is there; install its source$"):
        resolve("bare.there")


def test_a_compiled_module_that_was_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text beside it is not what ran."""
    known = [importlib.util.find_spec(name) for name in ("_lsprof", "_queue", "_uuid", "_decimal", "_sqlite3")]
    origins = [Path(each.origin) for each in known if each is not None and str(each.origin).endswith(".so")]
    if not origins:
        pytest.skip("this Python has no compiled module that could be copied")
    name = origins[0].name.partition(".")[0]
    package = tmp_path / "pkg"
    package.mkdir()
    shutil.copy(origins[0], package)
    for file in ("__init__.py", f"{name}.py"):
        (package / file).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    session = Session(RunOptions(source=("pkg",)))
    with session.measuring("In [2]") as run:
        importlib.import_module(f"pkg.{name}")
    assert f"compiled: pkg.{name} is a .so" in [note for each in run.coverage for note in each.notes]
    assert any(f"compiled: pkg.{name}" in line for line in failures(run.coverage, 50.0))
