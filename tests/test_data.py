"""Data files are written whole or not at all; the baseline's rules."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_branchcov.data import json_form
from ipy_branchcov.data.baseline import regressions
from ipy_branchcov.data.files import load, save, write_whole
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage

# --- files


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return [each.name for each in folder.iterdir()]


def test_parent_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "data.json"
    write_whole(path, "text ü")
    assert path.read_text("utf-8") == "text ü"
    assert names(path.parent) == ["data.json"]


posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no umask, no FIFO, and links for few")


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_rights_are_those_of_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    path = tmp_path / "data.json"
    before = os.umask(umask)
    try:
        write_whole(path, "first")
        now = os.umask(umask)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert now == umask


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_file_that_exists_keeps_its_rights(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "data.json"
    path.write_text("first")
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    before = path.stat()
    write_whole(path, "second")
    after = path.stat()
    assert (path.read_text(), after.st_mode, after.st_uid, after.st_gid) == (
        ("second", before.st_mode, before.st_uid, before.st_gid)
    )


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="who may write every file")
def test_a_file_that_must_not_be_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(DataError, match=r"data\.json: cannot be written \(Permission denied\); choose another file"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["data.json"]


@posix
def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real, link, second = tmp_path / "far" / "real.json", tmp_path / "link.json", tmp_path / "second.json"
    link.symlink_to("far/real.json")
    second.symlink_to("link.json")
    for text in ("first", "second"):  # at first the target is not there
        write_whole(second, text)
        assert link.is_symlink() and second.is_symlink() and not real.is_symlink()
        assert real.read_text() == text
    assert sorted(names(tmp_path)) == ["far", "link.json", "second.json"] and names(real.parent) == ["real.json"]
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(DataError, match="circle: cannot be written"):
        write_whole(tmp_path / "circle", "x")
    assert (tmp_path / "circle").is_symlink()


@posix
def test_a_fifo_is_written(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(path, "text ü")
    assert os.read(reader, 100).decode() == "text ü"
    os.close(reader)
    assert path.is_fifo() and names(tmp_path) == ["fifo"]


@posix
def test_a_device_is_written(tmp_path: Path) -> None:
    path, link = tmp_path / "void", tmp_path / "link"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    link.symlink_to("void")
    write_whole(path, "text")
    write_whole(link, "text")
    assert path.is_char_device() and link.is_symlink()


@posix
@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1", "link"])
def test_the_output_of_this_process(tmp_path: Path, name: str) -> None:
    """What went there before stays, also where it is a file."""
    if not Path("/proc/self/fd/1").exists():
        pytest.skip("Linux only")
    (tmp_path / "link").symlink_to("/dev/stdout")
    program = (
        "from pathlib import Path; from ipy_branchcov.data.files import write_whole; "
        f"print('before', flush=True); write_whole(Path({name!r}), 'text'); print('after')"
    )
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, stdout=out, check=True, timeout=60)
    assert (tmp_path / "out").read_text() == "before\ntextafter\n"
    assert sorted(names(tmp_path)) == ["link", "out"]
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, timeout=60, check=True)
    assert done.stdout == b"before\ntextafter\n"


def test_an_error_in_the_middle_leaves_the_old_file_alone(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "data.json"
    write_whole(path, "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # as on a disk that is full after that
    try:
        with pytest.raises(DataError, match=r"data\.json: cannot be written \(File too large\); choose another file"):
            write_whole(path, "new" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["data.json"]


def test_what_is_no_error_of_the_disk_leaves_nothing_either(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "data.json", "\ud800")
    assert names(tmp_path) == []


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "data.json"
    folder.mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        write_whole(folder, "new")
    assert names(tmp_path) == ["data.json"] and folder.is_dir()


def test_save_and_load(tmp_path: Path) -> None:
    coverage = one(Source("some.py", "x", "file"), branch(2, 0))
    save(coverage, tmp_path / "data.json", texts=True)
    assert load(tmp_path / "data.json") == coverage
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not text"):
        load(tmp_path / "bytes.json")


# --- the baseline

TEXT = "if a: b"
FILE = Source("some.py", TEXT, "file")
CELL = Source("some.ipynb#use", TEXT)
LOST_TRUE = "some.py:1:4: if true: covered in the baseline, not any more"


def one(source: Source, *branches: Branch) -> Coverage:
    return Coverage((SourceCoverage(source, branches),))


def branch(true: int, false: int, **options: bool) -> Branch:
    """A branch with these hits; ``options`` are those of its first outcome."""
    return Branch("if", Span(1, 3, 1, 4), (Outcome("true", true, **options), Outcome("false", false)))


def test_sources_are_written_one_at_a_time_as_if_all_at_once() -> None:
    branch = Branch("ifexp", Span(1, 9, 1, 10), (Outcome("true", 1), Outcome("false", 0)))
    names = ["a.py", 'b\n "sources": [].py', "ü\udc80.py"]
    sources = [SourceCoverage(Source(name, "x = 1 if y else 2\n", "cell"), (branch,)) for name in names]
    for count in range(len(names) + 1):
        coverage = Coverage(tuple(sources[:count]), lost=frozenset(['a\n "sources": []']))
        form = json_form.to_dict(coverage)
        whole = json.dumps(form, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace").decode()
        assert json_form.dumps(coverage) == f"{whole}\n"
        assert json.loads(json_form.dumps(coverage)) == form


def test_what_a_form_was_read_from_stays() -> None:
    branch = Branch("ifexp", Span(1, 9, 1, 10), (Outcome("true", 1), Outcome("false", 0)))
    form = json_form.to_dict(Coverage((SourceCoverage(Source("a.py", "x = 1 if y else 2\n", "cell"), (branch,)),)))
    assert json_form.from_dict(form) == json_form.from_dict(form)


def test_what_was_covered_and_is_missed_now_is_lost(tmp_path: Path) -> None:
    assert regressions(one(FILE, branch(3, 0)), one(FILE, branch(0, 1)), tmp_path) == [LOST_TRUE]
    assert regressions(one(FILE, branch(3, 0)), one(FILE), tmp_path) == [LOST_TRUE]
    assert regressions(one(FILE, branch(3, 0)), one(FILE, branch(1, 0)), tmp_path) == []
    assert regressions(one(FILE, branch(0, 0)), one(FILE, branch(0, 0)), tmp_path) == []
    optional = one(FILE, branch(3, 0, required=False)), one(FILE, branch(0, 0, required=False))
    assert regressions(*optional, tmp_path) == [LOST_TRUE]


def test_a_source_with_another_text_has_no_baseline(tmp_path: Path) -> None:
    changed = Source("some.py", f"{TEXT}\n", "file")
    (tmp_path / "some.py").write_text(changed.text)
    assert regressions(one(FILE, branch(3, 0)), one(changed, branch(0, 0)), tmp_path) == []
    cell = Source(CELL.name, f"{TEXT} or c")
    assert regressions(one(CELL, branch(3, 0)), one(cell, branch(0, 0)), tmp_path) == []


def test_a_file_that_was_not_measured_counts_while_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    baseline = one(FILE, branch(3, 0))
    assert regressions(baseline, Coverage(), tmp_path) == []
    path.write_text(TEXT)
    assert regressions(baseline, Coverage(), tmp_path) == [LOST_TRUE]
    path.write_text(f"{TEXT}\n")
    assert regressions(baseline, Coverage(), tmp_path) == []


def notebook(path: Path, **cells: str) -> None:
    """A notebook with code cells by their ids."""
    path.write_text(json.dumps({"cells": [{"id": name, "source": [text]} for name, text in cells.items()]}))


@pytest.mark.parametrize("cell", ["use", "2"])
def test_a_cell_that_was_not_measured_counts_while_it_is_the_same(tmp_path: Path, cell: str) -> None:
    """By its id, or by its number in notebooks whose cells have none."""
    path = tmp_path / "some.ipynb"
    baseline = one(Source(f"some.ipynb#{cell}", TEXT), branch(3, 0))
    lost = [f"some.ipynb#{cell}:1:4: if true: covered in the baseline, not any more"]
    assert regressions(baseline, Coverage(), tmp_path) == []
    notebook(path, first="x = 1", use=f"\n{TEXT}\n\n")
    assert regressions(baseline, Coverage(), tmp_path) == lost
    notebook(path, first=TEXT, use="x = 2")
    assert regressions(baseline, Coverage(), tmp_path) == []
    notebook(path, first="x = 1")
    assert regressions(baseline, Coverage(), tmp_path) == []
    path.write_text("{")
    assert regressions(baseline, Coverage(), tmp_path) == []
    path.write_text('{"cells": 3}')
    assert regressions(baseline, Coverage(), tmp_path) == []


def test_excluded_outcomes_do_not_count(tmp_path: Path) -> None:
    counted, excluded = one(FILE, branch(3, 0)), one(FILE, branch(3, 0, excluded=True))
    assert regressions(excluded, one(FILE, branch(0, 0)), tmp_path) == []
    assert regressions(counted, one(FILE, branch(0, 0, excluded=True)), tmp_path) == []
