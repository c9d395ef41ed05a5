"""One view that is updated while cells run."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel import Kernel, Shown, kernel

CELL = "def kind(x):\n    return 'big' if x > 9 else 'small'\ndef other(x):\n    return 1 if x else 2"

CLASS = """\
class C:
    def m(self, x):
        return 1 if x else 2
    @property
    def p(self):
        return 1 or 2
"""


@pytest.fixture
def live() -> Iterator[Kernel]:
    """A kernel that a Jupyter server would have started for a notebook."""
    with kernel(JPY_SESSION_NAME="watch.ipynb") as running:
        running.run("%load_ext ipy_branchcov")
        yield running


def text(shown: Shown) -> str:
    (update,) = shown.updates
    return str(update["text/plain"])


def new(shown: Shown) -> list[str]:
    """The outcomes marked as new in the view."""
    (state,) = shown.states
    data = json.loads(zlib.decompress(base64.b64decode(state["data"])))
    marks = [mark for source in data["sources"] for mark in source["marks"]]
    return [f"{mark['kind']} {outcome['name']}" for mark in marks for outcome in mark["outcomes"] if outcome["new"]]


def test_the_view_is_updated_after_each_cell(live: Kernel) -> None:
    live.run(CELL)
    shown = live.run("%branchcov_watch kind")
    assert "branchcov: 0 of 2 outcomes covered (0.0%)" in shown.text and len(shown.comms) >= 1
    first = live.run("kind(3); other(3)")
    assert text(first).startswith("branchcov: 1 of 2 outcomes covered (50.0%)") and "\n  other" not in text(first)
    assert new(first) == ["ifexp false"]
    second = live.run("[kind(n) for n in (3, 10)]")
    assert text(second).startswith("branchcov: 2 of 2 outcomes covered (100.0%)")
    assert new(second) == ["ifexp true"]
    assert new(live.run("kind(3)")) == []
    assert second.states[0]["record"] in second.updates[0]["text/html"]
    live.run("%branchcov_watch --stop")
    last = live.run("kind(3)")
    assert (last.updates, last.states) == ([], [])


def test_a_redefined_function_starts_at_zero(live: Kernel) -> None:
    live.run(CELL)
    live.run("%branchcov_watch kind")
    live.run("kind(3)")
    changed = live.run("def kind(x):\n    return 'big' if x > 99 else 'small'")
    assert text(changed).startswith("branchcov: 0 of 2 outcomes covered (0.0%)")
    assert "note: kind was redefined; the coverage of its former code is not shown" in text(changed)
    assert text(live.run("kind(100)")).startswith("branchcov: 1 of 2 outcomes covered (50.0%)")


def test_methods_modules_and_everything(live: Kernel, tmp_path: Path) -> None:
    (tmp_path / "shapes_to_watch.py").write_text("def area(w, h):\n    return w * h if w > 0 and h > 0 else 0\n")
    live.run(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport shapes_to_watch")
    live.run(CLASS)
    live.run("%branchcov_watch C.m shapes_to_watch")
    done = live.run("C().m(1), C().p, shapes_to_watch.area(2, 3)")
    assert text(done).startswith("branchcov: 3 of 6 outcomes covered (50.0%)"), text(done)
    live.run("%branchcov_watch")
    assert "4 of " in text(live.run("C().m(0)"))


def test_an_unknown_name_is_one_line(live: Kernel) -> None:
    shown = live.run("%branchcov_watch nothing")
    assert "nothing is called nothing; define or import it first" in shown.stderr + shown.traceback
    assert live.run("1 if 2 else 3").updates == []


@pytest.mark.slow
def test_without_a_front_end_the_output_does_not_change() -> None:
    with kernel() as running:
        running.run("%load_ext ipy_branchcov")
        running.run(CELL)
        assert "0 of 2 outcomes" in running.run("%branchcov_watch kind").text
        done = running.run("kind(3)")
        assert (done.updates, done.states, done.displays) == ([], [], [])
