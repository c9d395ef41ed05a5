"""A session measures what it was told to, whatever runs it, and leaves everything as it was."""

from __future__ import annotations

import ast
import os
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipy_branchcov.config import Config
from ipy_branchcov.errors import DataError, UsageError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.session import Session
from ipy_branchcov.storage import load, save
from ipy_branchcov.tracing.tracer import tracers

SIZES = """\
def size(n):
    return "big" if n > 9 else "small"


def sizes(ns):
    for n in ns:
        yield size(n)
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "sizes_of.py"
    path.write_text(SIZES)
    return path


@pytest.fixture
def module(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    monkeypatch.syspath_prepend(path.parent)
    import sizes_of

    yield sizes_of
    del sys.modules["sizes_of"]


def taken(coverage: Coverage) -> dict[str, str]:
    """The arms taken of each branch, by the line of its kind."""
    return {
        f"{branch.span.line} {branch.kind}": " ".join(o.name for o in branch.outcomes if o.hits)
        for source in coverage
        for branch in source.branches
    }


every_tracer = pytest.mark.parametrize("tracer", tracers())


@every_tracer
def test_the_current_folder_is_gone(tracer: str, module: types.ModuleType, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    session = Session(tracer=tracer)
    session.add_source("sizes_of")
    os.chdir(gone)
    gone.rmdir()
    with session.measuring("test") as run:
        module.size(3)
    assert taken(run.coverage) == {"2 ifexp": "false", "6 for": ""}


@every_tracer
def test_what_cannot_be_found_out_is_told(tracer: str, module: types.ModuleType) -> None:
    def find(code: types.CodeType) -> None:
        if code is module.size.__code__:
            raise OSError("no answer")

    session = Session(tracer=tracer)
    session.add_finder(find)
    with session.measuring("test") as run:
        assert module.size(3) == "small"
    assert [source.note for source in run.coverage] == ["not measured: OSError('no answer')"]


@every_tracer
@pytest.mark.parametrize("spec", ["sizes_of", ".", "sizes_of.py"])
def test_sources_by_name_folder_and_file(module: types.ModuleType, tracer: str, spec: str) -> None:
    session = Session(tracer=tracer)
    session.add_source(spec)
    with session.measuring("test") as run:
        module.size(10)
    assert taken(run.coverage) == {"2 ifexp": "true", "6 for": ""}
    assert [source.source.name for source in run.coverage] == ["sizes_of.py"]
    assert run.coverage.sources[0].branches[0]["true"].first.by == "test"


@every_tracer
def test_imported_after_the_start(path: Path, tracer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(path.parent)
    session = Session(config=Config(source=(".",)), tracer=tracer)
    with session.measuring("test") as run:
        import sizes_of

        sizes_of.size(1)
    del sys.modules["sizes_of"]
    assert taken(run.coverage)["2 ifexp"] == "false"
    assert run.coverage.sources[0].missed_lines == {6, 7}


@every_tracer
def test_threads_and_generators_from_before(module: types.ModuleType, tracer: str) -> None:
    session = Session(tracer=tracer)
    session.add_source("sizes_of")
    begun = module.sizes([1, 20])
    next(begun)
    with session.measuring("test") as run:
        thread = threading.Thread(target=module.size, args=(3,))
        thread.start()
        thread.join()
        assert list(begun) == ["big"]
    assert taken(run.coverage) == {"2 ifexp": "true false", "6 for": "body exhausted"}


@every_tracer
def test_counts_add_up_over_runs(module: types.ModuleType, tracer: str) -> None:
    session = Session(tracer=tracer, counts=True)
    session.add_source("sizes_of")
    for _ in range(2):
        with session.measuring("test"):
            list(module.sizes([1, 20, 30]))
    hits = [[outcome.hits for outcome in branch.outcomes] for branch in session.coverage().sources[0].branches]
    assert hits == [[4, 2], [6, 2]]
    session.reset()
    assert session.coverage().sources == ()


@every_tracer
def test_the_previous_trace_function_comes_back(module: types.ModuleType, tracer: str) -> None:
    def before(frame: types.FrameType, event: str, argument: object) -> None:
        return None

    session = Session(tracer=tracer)
    session.add_source("sizes_of")
    sys.settrace(before)
    try:
        with pytest.raises(TypeError), session.measuring("test") as run:
            module.size("text")
        assert sys.gettrace() is before
    finally:
        sys.settrace(None)
    assert taken(run.coverage)["2 ifexp"] == ""


def test_code_that_is_not_measured_is_left_alone(module: types.ModuleType) -> None:
    session = Session()
    with session.measuring("test") as run:
        module.size(1)
    assert run.coverage.sources == ()


def test_omitted_files(module: types.ModuleType) -> None:
    session = Session(config=Config(source=(".",), omit=("*_of.py",)))
    with session.measuring("test") as run:
        module.size(1)
    assert run.coverage.sources == ()


def test_an_unknown_source_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"^--source no_such: no module, directory or file of that name; check the"):
        Session().add_source("no_such")


def test_observers_and_runs_inside_runs(module: types.ModuleType) -> None:
    session, heard = Session(), []
    session.observers.append(heard.append)
    with session.measuring("test") as run, pytest.raises(UsageError):
        session.start("inner")
    assert heard == [run.coverage] and not session.running


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": "ipy_branchcov/9"}', '{"schema": "ipy_branchcov/1"}', "\udc80"]
)
def test_damaged_data_is_one_line(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"^.*sizes_of.py: ") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_data_files_are_whole(module: types.ModuleType, tmp_path: Path) -> None:
    session = Session()
    session.add_source("sizes_of")
    with session.measuring("test") as run:
        module.size(1)
    target = tmp_path / "deep" / "data.json"
    save(run.coverage, target)
    assert taken(load(target)) == taken(run.coverage)
    assert [each.name for each in target.parent.iterdir()] == ["data.json"]
    with pytest.raises(DataError, match="cannot be written"):
        save(run.coverage, path_in_a_file(target))
    assert [each.name for each in target.parent.iterdir()] == ["data.json"]


def path_in_a_file(file: Path) -> Path:
    return file / "data.json"


@every_tracer
@pytest.mark.parametrize("change", ["# moved\n" + SIZES, SIZES.replace("> 9", "< 9"), SIZES.replace("9", "10")])
def test_a_text_that_changed_after_its_import_is_told(
    module: types.ModuleType, path: Path, tracer: str, change: str
) -> None:
    path.write_text(change)
    session = Session(tracer=tracer)
    session.add_source("sizes_of")
    with session.measuring("test") as run:
        module.size(1)
    (source,) = run.coverage.sources
    assert source.branches == () and source.note.startswith("sizes_of.py changed since it was imported")


def test_code_that_an_import_hook_extends_is_measured(path: Path) -> None:
    """As pytest does with asserts: more instructions, the same names in the same places."""
    tree = ast.parse(SIZES)
    tree.body[0].body.insert(0, ast.copy_location(ast.parse("hooked = 1").body[0], tree.body[0].body[0]))
    names: dict[str, object] = {}
    exec(compile(tree, str(path), "exec"), names)
    session = Session()
    session.add_source(str(path))
    with session.measuring("test") as run:
        names["size"](1)  # type: ignore[operator]
    assert taken(run.coverage)["2 ifexp"] == "false"
