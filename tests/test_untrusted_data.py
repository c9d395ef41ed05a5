"""A data file is untrusted input: what is wrong in it is one line that names the field, and nothing else happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.cli import main
from ipy_branchcov.data import fields, json_form, source_files
from ipy_branchcov.data.files import load
from ipy_branchcov.data.source_files import read_regular, read_source
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import natural
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.printable import is_printable
from ipy_branchcov.reports.files import with_texts
from tests.conftest import SUMMARY
from tests.hostile import CELL, FILE, SECRET, branch, good, report

posix = pytest.mark.skipif(os.name == "nt", reason="no FIFO")
HITS = "sources[0].branches[0].outcomes[0].hits"
SPAN = "sources[0].branches[0].span"
DEEP = [branch("if", [1, n, 1, 10_000 - n], 0, 0) for n in range(300)]
THREE = [{"name": "body", "hits": 0, "required": True, "excluded": False, "first": None}] * 3
TALL = [branch("if", [1, n, 1_000_000, 1], 0, 0) for n in range(5)]
#: A path to a field, a value, and what the message says: the name of the field first.
WRONG: list[tuple[str, Any, str]] = [
    ("schema", "ipy_branchcov/2\n\x1b[31mfine", r"written as 'ipy_branchcov/2\n\x1b[31mfine', this version reads"),
    ("schema", 1, 'no "schema"'),
    ("python", "3.14", "python: must be a list, not '3.14'"),
    ("python.0", 3.14, "python[0]: must be a text, not 3.14"),
    ("counted", 1, "counted: must be true or false, not 1"),
    ("totals.outcomes", -1, "totals.outcomes: must be a whole number from 0 to 1000000, not -1"),
    ("totals.percent", 101, "totals.percent: must be a number from 0 to 100, not 101"),
    ("sources", {}, "sources: must be a list, not an object"),
    ("sources.0", [], "sources[0]: must be an object, not a list"),
    ("sources.0.name", "x" * 40_001, "sources[0].name: must have at most 40000 characters, not 40001"),
    ("sources.0.name", "\ud800", r"sources[0].name: must have no control characters: '\ud800'"),
    ("sources.0.name", "a\nSF:b", r"sources[0].name: must have no control characters: 'a\nSF:b'"),
    ("sources.0.kind", 5, "sources[0].kind: must be one of cell, file, not 5"),
    ("sources.0.kind", ["cell"], "sources[0].kind: must be one of cell, file, not a list"),
    ("sources.0.path", 0, "sources[0].path: must be a text, not 0"),
    ("sources.0.path", ["/etc"], "sources[0].path: must be a text, not a list"),
    ("sources.0.path", "/etc\0/shadow", "sources[0].path: must have no NUL character"),
    ("sources.0.digest", None, "sources[0].digest: must be a text, not null"),
    ("sources.0.text", 5, "sources[0].text: must be a text, not 5"),
    ("sources.0.text", "x" * (1 << 24) + "y", "sources[0].text: must have at most 16777216 characters"),
    ("sources.0.text", "x", "sources[0].missed_spans[0]: must begin before it ends, in lines from 1 to 1"),
    ("sources.0.note", 5, "sources[0].note: must be a text, not 5"),
    ("sources.0.note", "a\x1b", r"sources[0].note: must have no control characters: 'a\x1b'"),
    ("sources.1.missed_lines", [[1, 10_000_000_000]], "sources[1].missed_lines[0][1]: must be a whole number from 1"),
    ("sources.1.missed_lines", [[2, 1]], "sources[1].missed_lines[0]: must be a first and a last line"),
    ("sources.1.missed_lines", [[1, 2, 3]], "sources[1].missed_lines[0]: must have 2 items, not 3"),
    ("sources.1.missed_lines", [[1, 10**6]] * 5, "sources[1].missed_lines: there are more than 4000000 missed lines"),
    ("sources.1.missed_spans", [[1, 2]], "sources[1].missed_spans[0]: must have 4 items, not 2"),
    ("sources.0.branches.0.kind", "goto", "sources[0].branches[0].kind: must be one of if, while"),
    ("sources.0.branches.0.span", [1, 0, 1_000_000_000, 5], f"{SPAN}[2]: must be a whole number from 0 to 1000000"),
    ("sources.0.branches.0.span", [1, 0, float("inf"), 3], "Infinity is no number"),
    ("sources.0.branches.0.span", [2, 9, 2, 9], f"{SPAN}: must begin before it ends, in lines from 1 to 4"),
    ("sources.0.branches.0.span", [2, 9, 5, 9], f"{SPAN}: must begin before it ends, in lines from 1 to 4"),
    ("sources.0.branches.0.span", [0, 0, 2, 9], f"{SPAN}: must begin before it ends, in lines from 1 to 4"),
    ("sources.0.branches.0.span", [3, 20, 3, 21], "sources[0].branches[1]: does not stand in source order"),
    ("sources.1.branches", DEEP, "sources[1].branches: more than 256 of them lie in each other at line 1"),
    ("sources.1.branches", TALL, "sources[1].branches: they have more than 4000000 lines"),
    ("sources.0.branches.0.function", None, "sources[0].branches[0].function: must be a text, not null"),
    ("sources.0.branches.0.outcomes", [], "sources[0].branches[0].outcomes: must have 2 to 3 items, not 0"),
    ("sources.0.branches.0.outcomes", THREE, "sources[0].branches[0].outcomes: must have 2 items, not 3"),
    ("sources.0.branches.0.outcomes.0.name", [5], "outcomes[0].name: must be a text, not a list"),
    ("sources.0.branches.0.outcomes.0.name", "true", "outcomes[0].name: must be body, not 'true'"),
    ("sources.0.branches.0.outcomes.0.hits", True, f"{HITS}: must be a whole number from 0"),
    ("sources.0.branches.0.outcomes.0.hits", 10**30, f"{HITS}: must be a whole number from 0"),
    ("sources.0.branches.0.outcomes.0.hits", float("nan"), "NaN is no number"),
    ("sources.0.branches.0.outcomes.0.hits", 0, "outcomes[0].first: must be null where there are no hits"),
    ("sources.0.branches.0.outcomes.0.reason", "so", "outcomes[0].reason: must be left out of a required outcome"),
    ("sources.0.branches.0.outcomes.0.first", "In [1]", "outcomes[0].first: must be an object, not 'In [1]'"),
    ("sources.0.branches.0.outcomes.0.first.by", "\x1b", r"first.by: must have no control characters: '\x1b'"),
    ("sources.0.branches.0.outcomes.0.first.values", {"x": 5}, "first.values.x: must be a text, not 5"),
    ("sources.0.branches.0.outcomes.0.first.values", {"\x1b": "5"}, "first.values: must have no control characters"),
    ("sources.0.branches.0.outcomes.0.first.values", {"x": "y" * 1001}, "first.values.x: must have at most 1000"),
]


def changed(folder: Path, way: str, value: Any) -> str:
    data = good(folder)
    *steps, last = (int(step) if step.isdecimal() else step for step in way.split("."))
    place: Any = data
    for step in steps:
        place = place[step]
    place[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(("way", "value", "message"), WRONG, ids=[f"{n} {each[0]}" for n, each in enumerate(WRONG)])
def test_a_wrong_field_is_named(
    way: str, value: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.json"
    path.write_text(changed(tmp_path, way, value))
    assert main(["report", str(path)]) == 1
    shown, error = capsys.readouterr()
    assert shown == "" and error.startswith(f"branchcov: {path}: ") and message in error
    assert is_printable(error.removesuffix("\n")) and len(error) < 500


def test_a_field_that_is_missing_is_named(tmp_path: Path) -> None:
    for way in ("python", "sources", "sources.0.name", "sources.0.branches.0.outcomes.0.hits"):
        *steps, last = (int(step) if step.isdecimal() else step for step in way.split("."))
        place = data = good(tmp_path)
        for step in steps:
            place = place[step]  # type: ignore[index]
        del place[last]
        with pytest.raises(DataError, match=f'has no "{last}"'):
            json_form.loads(json.dumps(data), "data.json")


TEXTS = {
    "[" * 100_000: "lists in lists without end",
    '{"schema": "ipy_branchcov/1", "schema": "x"}': "'schema' stands twice in one object",
    '{"schema": "ipy_branchcov/1", "\x1b": 1}': "not a complete data file",
    "9" * 5000: "data.json: ",
    "[1, 2": "not a complete data file",
    "def f(x):\n    return x\n": "data.json: not a data file of branchcov (no JSON)",
    "": "not a complete data file",
    "\ufeff{}": "not a complete data file",
    '"ipy_branchcov/1"': "not a data file of branchcov",
}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:20]))
def test_texts_that_are_no_data(text: str) -> None:
    with pytest.raises(DataError, match=r"^data\.json: ") as raised:
        json_form.loads(text, "data.json")
    assert TEXTS[text] in str(raised.value) and is_printable(str(raised.value))


def test_a_large_file_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ipy_branchcov.data.files.LARGEST", 1 << 20)
    (tmp_path / "large.json").write_bytes(b" " * (1 << 20) + b"{}")
    with pytest.raises(DataError, match=r"large\.json: not a data file of branchcov \(larger than 1 MB\)"):
        load(tmp_path / "large.json")
    if Path("/dev/zero").exists():
        with pytest.raises(DataError, match="larger than 1 MB"):
            load(Path("/dev/zero"))


# --- paths in data


def with_path(folder: Path, path: object, text: str = FILE) -> Coverage:
    import hashlib

    data = good(folder)
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    data["sources"] = [data["sources"][1] | {"path": str(path), "digest": digest}]
    return with_texts(json_form.loads(json.dumps(data), "data.json"))


def test_a_regular_file_of_the_digest_is_shown(tmp_path: Path) -> None:
    (tmp_path / "known.py").write_text(FILE)
    (found,) = with_path(tmp_path, tmp_path / "known.py")
    assert (found.source.text, found.note) == (FILE, "")


@posix
def test_nothing_else_is_opened_or_shown(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "link").symlink_to("fifo")
    for path in ("fifo", "link", ".", "missing", "secret", "/dev/zero", "/dev/stdin", "/proc/self/mem", "x" * 5000):
        (found,) = with_path(tmp_path, tmp_path / path)
        assert (found.source.text, len(found.notes)) == ("", 1)
    # A file of the digest, of which the data knows more lines than it has.
    (tmp_path / "secret").write_text("x = 1\n")
    (found,) = with_path(tmp_path, tmp_path / "secret", "x = 1\n")
    assert (found.source.text, found.note) == (
        ("", "pkg/known.py: has fewer lines than its data says; run it again to see its lines")
    )


def test_large_and_strange_sources_are_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(source_files, "LARGEST", 100)
    path = tmp_path / "some.py"
    path.write_bytes(b"#" * 100)
    assert read_source(str(path), "some.py") is not None
    path.write_bytes(b"#" * 101)
    assert read_source(str(path), "some.py") is None and read_regular(str(path)) is None
    for text in ("# coding: hex\n", "# coding: none\n", "# coding: ascii\nü"):
        path.write_text(text, "utf-8")
        assert read_source(str(path), "some.py") is None


@posix
def test_python_does_not_open_a_file_of_the_sources_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a text that does not parse, its error would show the line from the file of that name: here a FIFO."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    data = good(tmp_path)
    data["sources"] = [data["sources"][0] | {"name": "fifo", "text": CELL + "return\n\x0c(" + "\n" * 9}]
    program = (
        "import sys; from pathlib import Path; from ipy_branchcov.data.files import load; "
        "from tests.hostile import report; report(load(Path('data.json')), every=True)"
    )
    (tmp_path / "data.json").write_text(json.dumps(data))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, check=True)


# --- time and memory


def timed(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


@pytest.mark.slow
def test_reports_of_what_is_near_the_limits_take_seconds(tmp_path: Path) -> None:
    data = good(tmp_path)
    one = data["sources"][2]
    line = "if " + " and ".join(f"x{n:03}" for n in range(1000)) + ": pass"
    many = [branch("and", [1, 3 + 9 * n, 1, 7 + 9 * n], 1, 0) for n in range(1000)]
    deep = [branch("if", [1, n, 1, 9000 - n], 1, 0) for n in range(200)]
    tall = [branch("if", [1, n, 1_000_000, 0], 1, 0) for n in range(3)]
    for changes in (
        {"missed_lines": [[1, 30_000]], "branches": []},
        {"kind": "cell", "text": line, "branches": many, "missed_lines": [], "missed_spans": []},
        {"kind": "cell", "text": line, "branches": deep, "missed_lines": [], "missed_spans": []},
        {"branches": tall, "missed_lines": [], "missed_spans": []},
        {"kind": "cell", "text": "(" * 5000, "branches": [], "missed_lines": [], "missed_spans": []},
        {"kind": "cell", "text": "-" * 5_000 + "1", "branches": [], "missed_lines": [], "missed_spans": []},
        {"name": "9" * 40_000, "note": "\n".join("9" * 100 for _ in range(1000))},
    ):
        text = json.dumps(data | {"sources": [one | changes]})
        assert timed(lambda text=text: report(json_form.loads(text, "x"), every=True)) < 30, changes


def test_merging_takes_time_in_proportion(tmp_path: Path) -> None:
    parts = []
    for number in range(400):
        data = good(tmp_path)
        for source in data["sources"]:
            source["note"] = f"note {number}"
        parts.append(json_form.loads(json.dumps(data), "x"))
    few, many = timed(lambda: merge(parts[:100])), timed(lambda: merge(parts))
    assert many < 12 * max(few, 0.01), (few, many)


def test_names_with_numbers_of_any_length() -> None:
    names = ["In [9]", "In [10]", "In [010]", "x" + "9" * 5000, "x1" + "0" * 5000, "y"]
    assert sorted(set(names), key=lambda name: (natural(name), name)) == [names[0], names[2], names[1], *names[3:]]


# --- the schema


def test_the_published_schema_is_that_of_the_code() -> None:
    published = json.loads(json_form.PUBLISHED.read_text("utf-8"))
    assert published == json_form.schema()


def test_the_published_schema_takes_what_is_written(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(json_form.PUBLISHED.read_text("utf-8")))
    validator.check_schema(validator.schema)
    coverage = json_form.loads(json.dumps(good(tmp_path)), "x")
    for each in (coverage, Coverage(), merge([coverage, coverage])):
        validator.validate(json.loads(json_form.dumps(each, texts=True)))
    assert not validator.is_valid(json.loads(changed(tmp_path, "sources.0.branches.0.kind", "goto")))


def test_what_is_shown_of_a_wrong_value() -> None:
    shown = {"null": None, "true": True, "1": 1, "0.5": 0.5, "a huge number": 10**30, "a list": [1], "an object": {}}
    assert {text: fields.shown(value) for text, value in shown.items()} == {text: text for text in shown}
    assert len(fields.shown("x" * 1000)) == 40


# --- the enemy

INPUTS = 800


@posix
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_random_changes(seed: int, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile", str(INPUTS), str(seed)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    counts = found["counts"]
    record_property(SUMMARY, [f"data files: {counts['read']} read, {counts['refused']} refused of {INPUTS}"])
    assert found["faults"] == []
    assert counts["read"] + counts["refused"] == INPUTS and counts["read"] > INPUTS / 10
    assert found["slowest"] < 10
