"""``branchcov diff``: outcomes gained and lost, followed by their place in the syntax tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ipy_branchcov.cli import main
from ipy_branchcov.data.diff import Change, compare
from ipy_branchcov.data.files import save
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports import differences
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session

BEFORE = """\
def first(x):
    if x > 0 and x < 9:
        return 1
    return 2


def second(x):
    return 1 if x else 2
"""
#: Lines above, another indent, another order, a condition put between, and other white space.
MOVED = """\
\"\"\"A module.\"\"\"


def second(x):
    return 1 if x else 2


def first(x):
    y = 2 if x is None else 3
    if (x > 0
            and x < 9):
        return 1
    return y
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measured(text: str, calls: str, name: str = "m.py") -> Coverage:
    Path(name).write_text(text)
    path = str(Path(name).resolve())
    session = Session(RunOptions(source=(name,), values=False))
    with session.measuring("test") as run:
        names: dict[str, object] = {"__file__": path}
        exec(session.instrument(compile(text, path, "exec", dont_inherit=True)), names)
        exec(calls, names)
    return run.coverage


def places(changes: list[Change]) -> list[str]:
    return [f"{each.branch.span.line} {each.branch.function} {each.outcome.name}" for each in changes]


def test_code_that_moved_is_followed() -> None:
    diff = compare(measured(BEFORE, "first(1), second(1)"), measured(MOVED, "first(1), first(10), second(0)"))
    assert places(diff.gained) == ["5 second false", "11 first false"]
    assert places(diff.lost) == ["5 second true"]
    assert places(diff.added) == ["9 first true", "9 first false"]
    assert diff.removed == [] and diff.unmeasured == []
    assert [each.before.span.line for each in diff.gained if each.before] == [8, 2]


def test_texts_that_are_not_known_are_followed_by_size() -> None:
    old, new = measured(BEFORE, "first(1)"), measured(MOVED, "first(1), first(10)")
    bare = Coverage(
        tuple(SourceCoverage(Source(s.source.name, "", "file", known_digest=s.source.digest), s.branches) for s in old)
    )
    diff = compare(bare, new)
    assert places(diff.gained) == ["11 first false"] and len(diff.added) == 2 and not diff.lost and not diff.removed


def test_a_function_that_was_renamed_is_removed_and_added() -> None:
    old = measured(BEFORE, "second(1)")
    diff = compare(old, measured(BEFORE.replace("def second", "def other"), "other(1)"))
    assert places(diff.added) == ["8 other true", "8 other false"]
    assert places(diff.removed) == ["8 second true", "8 second false"] and not diff.lost and not diff.gained


def test_a_file_that_was_renamed_is_the_same_while_its_text_is() -> None:
    diff = compare(measured(BEFORE, "second(1)"), measured(BEFORE, "second(0)", "n.py"))
    assert places(diff.gained) == ["8 second false"] and places(diff.lost) == ["8 second true"] and not diff.added


def test_what_is_excluded_now_or_was_is_not_lost() -> None:
    excluded = BEFORE.replace("else 2\n", "else 2  # pragma: no cover\n")
    diff = compare(measured(BEFORE, "second(1)"), measured(excluded, ""))
    assert not diff.lost and not diff.gained
    diff = compare(measured(excluded, ""), measured(BEFORE, "second(1)"))
    assert places(diff.added) == ["8 second true", "8 second false"] and not diff.gained


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    save(measured(BEFORE, "first(1), second(1)"), Path("old.json"), texts=True)
    save(measured(MOVED, "first(1), first(10), second(0)"), Path("new.json"))
    assert main(["diff", "old.json", "new.json", "--json", "diff.json"]) == 2
    out = capsys.readouterr().out
    assert out == (
        "lost: m.py\n"
        "  5:17 second: x: true (line 8 before)\n"
        "new, missed: m.py\n"
        "  9:14 first: x is None: true\n"
        "gained: m.py\n"
        "  5:17 second: x: false (line 8 before)\n"
        "  11:17 first: x < 9: false (line 2 before)\n"
        "branchcov: 2 gained, 1 lost; 2 new, 1 of them missed; 50.0% before, 62.5% now\n"
    )
    found = json.loads(Path("diff.json").read_text())
    assert found["schema"] == "ipy_branchcov/diff/1" and found["old"]["covered"] == 3 and found["new"]["outcomes"] == 8
    assert found["lost"] == [
        {
            "source": "m.py",
            "function": "second",
            "kind": "ifexp",
            "span": [5, 16, 5, 17],
            "before": [8, 16, 8, 17],
            "outcome": "true",
            "covered": False,
        }
    ]
    assert main(["diff", "new.json", "new.json"]) == 0
    assert capsys.readouterr().out == "branchcov: 0 gained, 0 lost; 62.5% before, 62.5% now\n"


def test_a_diff_does_not_pass_on_what_was_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    whole = measured(BEFORE, "first(1)")
    save(whole, Path("old.json"))
    save(Coverage(), Path("new.json"))
    assert main(["diff", "old.json", "new.json"]) == 2
    assert "not measured: m.py: was measured before, and is not any more\n" in capsys.readouterr().out
    save(merge([whole, Coverage(lost=frozenset({"a process"}))]), Path("new.json"))
    assert main(["diff", "old.json", "new.json"]) == 2
    assert "not measured: lost: a process\n" in capsys.readouterr().out
    Path("m.py").unlink()
    save(Coverage(), Path("new.json"))
    assert main(["diff", "old.json", "new.json"]) == 0
    assert "6 removed" in capsys.readouterr().out


def test_a_diff_of_nothing_has_no_percentage() -> None:
    assert differences.sentence(compare(Coverage(), Coverage())) == (
        "branchcov: 0 gained, 0 lost; no branches before, no branches now"
    )
