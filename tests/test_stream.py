"""Data read piece by piece: the same as read at once, with the same errors, in the memory that the coverage takes."""

from __future__ import annotations

import json
import random
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.data import files, json_form
from ipy_branchcov.data.stream import Stream
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import Branch, FirstHit, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage


def in_pieces(text: str, size: int) -> Callable[[], str]:
    pieces = iter([text[at : at + size] for at in range(0, len(text), size)])
    return lambda: next(pieces, "")


def read(text: str, size: int) -> Any:
    """A text read through the stream: its value, or the message of what is wrong."""
    try:
        members = Stream(in_pieces(text, size), json.JSONDecoder()).members("list")
        found = [(name, list(value) if isinstance(value, Iterator) else value) for name, value in members]
    except ValueError as error:
        return str(error)
    return found[0][1] if [name for name, _ in found] == [""] else dict(found)


def at_once(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        # Since 3.13 json has words of its own for a comma too many.
        return re.sub(r"Illegal trailing comma before end of \w+", "", str(error))


WHOLE = '{"a": [1, "é\\n", {"b": null}],\n "list": [{"x": 1.5e3}, [], -7, "]"\n, true], "c": 12, "empty": {}}\n'


@pytest.mark.parametrize("text", [WHOLE, "{}", " { } ", '{"list": []}', "[1, 2]", "12", '"x"', '{"list": 5}'])
def test_values(text: str) -> None:
    for size in (1, 2, 3, 7, 1000):
        assert read(text, size) == json.loads(text)


def test_errors_have_the_words_and_the_places_of_json() -> None:
    made = random.Random(5)
    texts = ["", "\ufeff{}", "{} x", *(WHOLE[:end] for end in range(1, len(WHOLE) - 1))]
    for _ in range(300):
        at = made.randrange(len(WHOLE))
        texts.append(WHOLE[:at] + made.choice('{}[]",:1x\n ') + WHOLE[at + made.randrange(2) :])
    for text in texts:
        expected = at_once(text)
        if isinstance(expected, str) and expected.startswith(": "):
            assert isinstance(read(text, 3), str)
            continue
        assert [read(text, size) for size in (1, 5, 1000)] == [expected] * 3, text


def coverage(sources: int, branches: int) -> Coverage:
    def outcome(name: str, hits: int) -> Outcome:
        return Outcome(
            name, hits, first=FirstHit(f"test_{hits}") if hits else None, contexts=frozenset("t" * (hits > 0))
        )

    def source(number: int) -> SourceCoverage:
        spans = (Span(line, 4, line, 9) for line in range(1, branches + 1))
        made = tuple(Branch("if", span, (outcome("true", span.line % 3), outcome("false", 1)), "f") for span in spans)
        return SourceCoverage(Source(f"m{number}.py", "", "file", known_digest="sha256:0"), made)

    return Coverage(tuple(map(source, range(sources))), frozenset({"3.14.0"}), counted=True)


def test_the_order_of_members_makes_no_difference() -> None:
    made = coverage(3, 4)
    data = json.loads(json_form.dumps(made))
    for _ in range(8):
        data = dict(random.Random(len(str(data))).sample(list(data.items()), len(data)))
        assert json_form.loads(json.dumps(data), "x") == made
    for names in (sorted(data), sorted(data, reverse=True)):
        assert json_form.loads(json.dumps({name: data[name] for name in names}), "x") == made


@pytest.mark.parametrize("order", [list, reversed])
def test_a_wrong_source_is_named_in_any_order_and_what_is_wrong_around_it_comes_first(order: Any) -> None:
    data = json.loads(json_form.dumps(coverage(3, 2)))
    data["sources"][1]["branches"][0]["span"] = 5
    place = r"x: damaged data file \(sources\[1\]\.branches\[0\]\.span: must be a list"
    with pytest.raises(DataError, match=place):
        json_form.loads(json.dumps(dict(order(data.items()))), "x")
    with pytest.raises(DataError, match="x: not a complete data file"):
        json_form.loads(json.dumps(data)[:-1], "x")
    data["python"] = 3
    with pytest.raises(DataError, match=r"x: damaged data file \(python: "):
        json_form.loads(json.dumps(dict(order(data.items()))), "x")
    data["schema"] = "ipy_branchcov/9"
    with pytest.raises(DataError, match="upgrade"):
        json_form.loads(json.dumps(dict(order(data.items()))), "x")


def test_reading_and_writing_take_little_more_than_the_coverage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text of 0.5 MB: it, and the values of JSON in it, would be 2 MB."""
    made, path = coverage(25, 40), tmp_path / "data.json"
    monkeypatch.setattr(files, "_PIECE", 1 << 14)
    tracemalloc.start()
    try:
        files.save(made, path)
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        found = files.load(path)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    size = path.stat().st_size
    assert found == made
    assert size > 500_000
    assert (written < size * 0.8, peak < size * 1.6) == (True, True), (written, peak, size)


def test_what_is_equal_in_a_file_is_one_object() -> None:
    found = json_form.loads(json_form.dumps(coverage(3, 30)), "x")
    outcomes = [outcome for source in found for branch in source.branches for outcome in branch.outcomes]
    assert len(outcomes) == 180
    assert len({id(each) for each in outcomes}) == 4


def test_a_file_that_is_no_text_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(json_form.dumps(coverage(1, 1)).encode() + b"\xff")
    with pytest.raises(DataError, match=r"data\.json: not a data file of branchcov \(not text\)"):
        files.load(path)
    path.write_bytes(b"\xc3")
    with pytest.raises(DataError, match="not text"):
        files.load(path)
    files.save(coverage(1, 1), path)
    monkeypatch.setattr(files, "_PIECE", 5)
    assert files.load(path) == coverage(1, 1)
    monkeypatch.setattr(files, "LARGEST", 100)
    with pytest.raises(DataError, match=r"larger than 0 MB"):
        files.load(path)
