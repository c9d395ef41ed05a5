"""A session measures what it was asked to, under every tracer, and leaves everything as it was."""

from __future__ import annotations

import ast
import importlib
import os
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.data.files import load, save
from ipy_branchcov.errors import DataError, UsageError
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.session.measure import CHANGED
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.session.total import Total
from ipy_branchcov.tracing.choice import tracers

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


def covered(coverage: Coverage) -> dict[str, str]:
    """The outcomes covered of each branch, by its line and kind."""
    coverage.self_check()
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
    session = Session(RunOptions(tracer=tracer))
    session.add_source("sizes_of")
    os.chdir(gone)
    gone.rmdir()
    with session.measuring("test") as run:
        module.size(3)
    assert covered(run.coverage) == {"2 ifexp": "false", "6 for": ""}


@every_tracer
def test_what_cannot_be_found_out_is_told(tracer: str, module: types.ModuleType) -> None:
    def find(code: types.CodeType) -> None:
        if code is module.size.__code__:
            raise OSError("no answer")

    session = Session(RunOptions(tracer=tracer))
    session.add_locator(find)
    with session.measuring("test") as run:
        assert module.size(3) == "small"
    assert [source.note for source in run.coverage] == ["sizes_of.py: not measured: OSError('no answer')"]


@every_tracer
@pytest.mark.parametrize("spec", ["sizes_of", ".", "sizes_of.py"])
def test_sources_by_name_folder_and_file(module: types.ModuleType, tracer: str, spec: str) -> None:
    session = Session(RunOptions(tracer=tracer))
    session.add_source(spec)
    with session.measuring("test") as run:
        module.size(10)
    assert covered(run.coverage) == {"2 ifexp": "true", "6 for": ""}
    assert [source.source.name for source in run.coverage] == ["sizes_of.py"]
    assert run.coverage.sources[0].branches[0]["true"].first.by == "test"


@every_tracer
def test_imported_after_the_start(path: Path, tracer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(path.parent)
    session = Session(RunOptions(source=(".",), tracer=tracer))
    with session.measuring("test") as run:
        import sizes_of

        sizes_of.size(1)
    del sys.modules["sizes_of"]
    assert covered(run.coverage)["2 ifexp"] == "false"
    assert run.coverage.sources[0].missed_lines == {6, 7}


@every_tracer
def test_threads_and_generators_from_before(module: types.ModuleType, tracer: str) -> None:
    session = Session(RunOptions(tracer=tracer))
    session.add_source("sizes_of")
    begun = module.sizes([1, 20])
    next(begun)
    with session.measuring("test") as run:
        thread = threading.Thread(target=module.size, args=(3,))
        thread.start()
        thread.join()
        assert list(begun) == ["big"]
    assert covered(run.coverage) == {"2 ifexp": "true false", "6 for": "body exhausted"}


@every_tracer
def test_counts_add_up_over_runs(module: types.ModuleType, tracer: str) -> None:
    session = Session(RunOptions(tracer=tracer, counts=True))
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

    session = Session(RunOptions(tracer=tracer))
    session.add_source("sizes_of")
    sys.settrace(before)
    try:
        with pytest.raises(TypeError), session.measuring("test") as run:
            module.size("text")
        assert sys.gettrace() is before
    finally:
        sys.settrace(None)
    assert covered(run.coverage)["2 ifexp"] == ""


def test_code_that_is_not_measured_is_left_alone(module: types.ModuleType) -> None:
    session = Session()
    with session.measuring("test") as run:
        module.size(1)
    assert run.coverage.sources == ()


def test_omitted_files(module: types.ModuleType) -> None:
    session = Session(RunOptions(source=(".",), omit=("*_of.py",)))
    with session.measuring("test") as run:
        module.size(1)
    assert run.coverage.sources == ()


def test_options_of_a_run_hold_for_that_run_alone(module: types.ModuleType) -> None:
    session = Session(RunOptions(source=("sizes_of",)))

    def outcomes(**given: object) -> tuple[int, int]:
        """How many outcomes count, and the most hits."""
        session.start("run", session.options.overridden(**given))
        module.size(1), module.size(2)
        coverage = session.stop()
        hits = [each.hits for source in coverage for branch in source.branches for each in branch.outcomes]
        return coverage.totals.outcomes, max(hits, default=0)

    usual = (4, 1)
    assert outcomes() == usual
    for given, expected in (
        ({"omit": ("sizes_of.py",)}, (0, 0)),
        ({"exclude": ("if n > 9",)}, (2, 1)),
        ({"counts": True}, (4, 2)),
    ):
        assert outcomes(**given) == expected
        assert [each.source.name for each in session.never_imported(Coverage())] == ["sizes_of.py"]
        assert outcomes() == usual


@every_tracer
def test_a_run_that_could_not_begin_leaves_nothing(module: types.ModuleType, tracer: str) -> None:
    session = Session(RunOptions(source=("sizes_of",), tracer=tracer))
    before = module.size.__code__
    with pytest.raises(AttributeError):
        session.start(frame=42)  # type: ignore[arg-type]
    assert not session.running
    assert module.size.__code__ is before
    assert sys.gettrace() is None
    if sys.version_info >= (3, 12):
        assert [sys.monitoring.get_tool(number) for number in range(6)] == [None] * 6
    with session.measuring() as run:
        module.size(1)
    assert covered(run.coverage) == {"2 ifexp": "false", "6 for": ""}


def test_an_unknown_source_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"^no_such: no module, directory or file of that name; check the"):
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
    assert covered(load(target)) == covered(run.coverage)
    assert [each.name for each in target.parent.iterdir()] == ["data.json"]
    with pytest.raises(DataError, match="cannot be written"):
        save(run.coverage, path_in_a_file(target))
    assert [each.name for each in target.parent.iterdir()] == ["data.json"]


def path_in_a_file(file: Path) -> Path:
    return file / "data.json"


@every_tracer
@pytest.mark.parametrize("change", [SIZES.replace("> 9", "< 9"), SIZES.replace("9", "10")])
def test_a_text_that_changed_after_its_import_is_reported(
    module: types.ModuleType, path: Path, tracer: str, change: str
) -> None:
    path.write_text(change)
    session = Session(RunOptions(tracer=tracer))
    session.add_source("sizes_of")
    with session.measuring("test") as run:
        module.size(1)
    (source,) = run.coverage.sources
    assert source.branches == () and source.note == f"sizes_of.py: {CHANGED}"


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
    assert covered(run.coverage)["2 ifexp"] == "false"


@pytest.mark.parametrize("counts", [False, True])
def test_a_thread_that_runs_on_from_run_to_run_is_measured_in_each(tmp_path: Path, counts: bool) -> None:
    path = tmp_path / "loops.py"
    path.write_text("def loop(going, began):\n    while going:\n        began.set()\n    return 1 if going else 2\n")
    names: dict[str, Any] = {}
    session = Session(RunOptions(counts=counts))
    session.add_source(str(path))
    with session.measuring("first"):
        exec(session.instrument(compile(path.read_text(), str(path), "exec")), names)
    going, began = [1], threading.Event()
    session.start("second")
    thread = threading.Thread(target=names["loop"], args=(going, began))
    thread.start()
    began.wait(30)
    second = session.stop(keep=True)
    began.clear()
    began.wait(30)
    with session.measuring("third") as third:
        going.clear()
        thread.join(30)
    assert covered(second) == {"2 while": "true", "4 ifexp": ""}
    assert set(covered(third.coverage)["2 while"].split()) >= {"false"}
    assert covered(third.coverage)["4 ifexp"] == "false"


def test_a_total_is_the_sum_of_its_parts(module: types.ModuleType) -> None:
    session, total, parts = Session(RunOptions(source=("sizes_of",))), Total(), []
    for number in range(40):
        with session.measuring(f"run {number}") as run:
            module.size(number)
        total.add(run.coverage)
        parts.append(run.coverage)
        if number % 9 == 0:
            assert total.coverage() == merge(parts)
    assert total.coverage() == merge(parts) == session.coverage()
    assert Total().coverage() is None
    total.add(Coverage(counted=False, lost=frozenset({"a process"})))
    assert total.coverage() == merge([*parts, Coverage(counted=False, lost=frozenset({"a process"}))])


# --- code that is not of the file's text, or in other places


@every_tracer
def test_foreign_code_under_a_files_name_costs_itself_alone(module: types.ModuleType, path: Path, tracer: str) -> None:
    session = Session(RunOptions(source=("sizes_of",), tracer=tracer))
    with session.measuring("test") as run:
        made: dict[str, object] = {}
        exec(compile("def made(x):\n    return x and x > 1 or 2\n", str(path), "exec"), made)
        made["made"](5), module.size(3)  # type: ignore[operator]
    assert covered(run.coverage) == {"2 ifexp": "false", "6 for": ""}
    (source,) = run.coverage
    assert source.note.startswith("sizes_of.py: not measured: <module> (line 1), made (line 1), which ran and is not")


@every_tracer
def test_one_function_that_was_edited_costs_itself_alone(module: types.ModuleType, path: Path, tracer: str) -> None:
    path.write_text(SIZES.replace("yield size(n)", "yield size(n + 1)"))
    session = Session(RunOptions(source=("sizes_of",), tracer=tracer))
    with session.measuring("test") as run:
        assert list(module.sizes([3])) == ["small"]
    assert covered(run.coverage) == {"2 ifexp": "false", "6 for": ""}
    assert "not measured: sizes (line 5)" in run.coverage.sources[0].note


@every_tracer
def test_code_that_only_moved_is_measured_where_it_stands_now(
    module: types.ModuleType, path: Path, tracer: str
) -> None:
    path.write_text("# moved\n" + SIZES)
    session = Session(RunOptions(source=("sizes_of",), tracer=tracer))
    with session.measuring("test") as run:
        module.size(1)
    assert covered(run.coverage) == {"3 ifexp": "false", "7 for": ""} and not run.coverage.sources[0].note


@every_tracer
def test_the_same_function_compiled_in_other_places(module: types.ModuleType, path: Path, tracer: str) -> None:
    """As %autoreload compiles a function that was edited: from a text of its own, which it makes of the tree."""
    path.write_text("# edited\n\n" + SIZES.replace('"small"', "(\n        None\n    )"))
    session = Session(RunOptions(source=("sizes_of",), tracer=tracer))
    with session.measuring("test") as run:
        own = ast.unparse(ast.parse(path.read_text()).body[0])
        names: dict[str, types.FunctionType] = {}
        exec(compile(own, str(path), "exec"), names)
        module.size.__code__ = names["size"].__code__
        assert module.size(1) is None
    assert covered(run.coverage) == {"4 ifexp": "false", "10 for": ""}
    assert run.coverage.sources[0].branches[0]["false"].first.by == "test"


@every_tracer
def test_a_module_that_is_edited_and_loaded_again(module: types.ModuleType, path: Path, tracer: str) -> None:
    session = Session(RunOptions(source=("sizes_of",), tracer=tracer))
    with session.measuring("before"):
        module.size(10)
    with session.measuring("test") as run:
        module.size(10)
        path.write_text("# edited\n" + SIZES)
        os.utime(path, (1, 1))  # as if a second had passed
        importlib.reload(module)
        module.size(1)
    for coverage in (run.coverage, session.coverage()):
        assert covered(coverage) == {"3 ifexp": "false", "7 for": ""}
        assert coverage.sources[0].notes == ["sizes_of.py: its text changed; what ran before that is left out"]


@pytest.mark.parametrize("first", ["autoreload", "ipy_branchcov"])
def test_autoreload(path: Path, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.syspath_prepend(path.parent)
    shell = InteractiveShell()
    for name in sorted(("autoreload", "ipy_branchcov"), key=lambda name: name != first):
        shell.run_line_magic("load_ext", name)
    shell.run_cell("%autoreload 2")
    shell.run_cell("import sizes_of")
    shell.run_cell("%%branchcov -q -s sizes_of\nsizes_of.size(10)")
    path.write_text("# edited\n" + SIZES.replace("n > 9", "n and n > 8"))
    os.utime(path, (2e9, 2e9))
    for number, expected in ((9, "true"), (0, "true false")):
        shell.run_cell(f"%%branchcov -q -s sizes_of\nsizes_of.size({number})")
        coverage = shell._ipy_branchcov_extension.session.coverage().select(lambda each: each.source.kind == "file")
        assert covered(coverage)["3 ifexp"] == expected
    assert coverage.sources[0].notes == ["sizes_of.py: its text changed; what ran before that is left out"]
    shell.run_line_magic("unload_ext", "ipy_branchcov")
    del sys.modules["sizes_of"]
    InteractiveShell.clear_instance()
