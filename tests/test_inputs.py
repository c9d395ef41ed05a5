"""The button "find an input" of a view, in a live kernel: what is sent to it, and what its search answers."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from ipy_branchcov.model.branch import Branch
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.span import Span
from ipy_branchcov.notebook.inputs import Inputs, possible
from ipy_branchcov.reports.live_view import Wanted
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from tests.kernel import Kernel, kernel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not possible(), reason="a search is a fork of the kernel"),
]

PART = """\
def outer(n):
    def inner(k):
        return "big" if k > 4711 else "small"
    return inner(n)
def endless(n):
    return 1 if isinstance(n, int) and n * 0 != 0 else 2
def strict(n):
    if n == "no":
        raise ValueError(n)
"""
CALLS = "%%branchcov --source part\nouter(1), endless(1), strict(''), part.is_even(2)\nfew = [] or 1"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel as a Jupyter server starts one."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "part.py").write_text("def is_even(n):\n    return True if n % 2 == 0 else False\n")
    with kernel(JPY_SESSION_NAME="a notebook", JPY_PARENT_PID=str(os.getpid())) as front:
        assert front.run(f"%cd -q {folder}\n%load_ext ipy_branchcov\nimport part").status == "ok"
        yield front


class View:
    """The view of a cell that runs, with all of its sources, and its buttons."""

    def __init__(self, live: Kernel, cell: str):
        self.live = live
        made = next(each for each in live.run(cell).comms if "data" in each["data"]["state"])
        self.model = made["comm_id"]
        data = json.loads(zlib.decompress(base64.b64decode(made["data"]["state"]["data"])))
        self.sources = [
            next(self.answers({"view": "v", "source": number, "known": False}))["source"]
            for number in range(len(data["sources"]))
        ]

    def send(self, message: dict[str, Any]) -> None:
        content = {"comm_id": self.model, "data": {"method": "custom", "content": message}}
        self.live.client.shell_channel.send(self.live.client.session.msg("comm_msg", content))

    def answers(self, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What comes back from the kernel for a message to the view's model."""
        self.send(message)
        return self._coming()

    def _coming(self) -> Iterator[dict[str, Any]]:
        while True:
            came = self.live.client.get_iopub_msg(timeout=60)
            data = came["content"].get("data", {})
            if came["msg_type"] == "comm_msg" and data.get("method") == "custom":
                yield data["content"]

    def place(self, text: str, outcome: str) -> tuple[dict[str, int], str]:
        """An outcome that was missed, and the function whose calls may lead there."""
        for source, each in enumerate(self.sources):
            for number, mark in enumerate(each["marks"]):
                for at, found in enumerate(mark["outcomes"]):
                    if mark["text"] == text and found["name"] == outcome and not mark["composite"]:
                        return {"source": source, "mark": number, "outcome": at}, found["caller"]
        raise AssertionError(f"no {text}: {outcome}")

    def find(self, text: str, outcome: str) -> Iterator[dict[str, Any]]:
        place, _ = self.place(text, outcome)
        for answer in self.answers({"view": "v", "find": place}):
            assert answer["view"] == "v" and answer["place"] == place
            yield answer
            if answer["ended"]:
                return

    def found(self, text: str, outcome: str) -> dict[str, Any]:
        return list(self.find(text, outcome))[-1]


@pytest.fixture(scope="module")
def view(live: Kernel) -> View:
    assert live.run(PART).status == "ok"
    return View(live, CALLS)


def test_a_call_is_found_and_covers_the_outcome(view: View, live: Kernel) -> None:
    assert view.place("k > 4711", "true")[1] == "outer"
    found = view.found("k > 4711", "true")
    assert found["words"] == "" and found["call"].startswith("outer(")
    assert found["cell"] == f"%%branchcov\n{found['call']}  # line 3: k > 4711: true"
    assert "k > 4711" not in live.run(found["cell"] + "\nouter(1)").text
    assert view.found("k > 4711", "true")["words"].startswith("covered since, first by In [")


def test_an_exception_is_named(view: View) -> None:
    found = view.found('n == "no"', "true")
    assert found["call"] == "strict('no')" and found["words"] == "ends with ValueError"


def test_a_function_of_a_module_is_imported(view: View, live: Kernel) -> None:
    found = view.found("n % 2 == 0", "false")
    assert found["cell"].startswith("%%branchcov\nfrom part import is_even\nis_even(")
    assert live.run(found["cell"]).status == "ok"


def test_a_search_leaves_the_kernel_free_and_can_be_stopped(view: View, live: Kernel) -> None:
    text = "n * 0 != 0"
    children = live.ask("__import__('psutil').Process().children(recursive=True)")
    answers = view.find(text, "true")
    assert next(answers)["words"].startswith("waiting")
    while "calls tried" not in next(answers)["words"]:
        pass
    assert live.run("1 + 1").value == "2"
    view.send({"view": "v", "stop": view.place(text, "true")[0]})
    *_, last = answers
    assert last["words"].startswith("stopped; found none in ") and not last["call"]
    assert live.ask("__import__('psutil').Process().children(recursive=True)") == children


def test_what_is_stopped_before_it_began_does_not_begin(view: View, live: Kernel) -> None:
    live.client.execute("import time; time.sleep(0.5)")
    place, _ = view.place("n * 0 != 0", "true")
    answers = view.answers({"view": "v", "find": place})
    view.send({"view": "v", "stop": place})
    last = next(answer for answer in answers if answer["ended"])
    assert last["words"].startswith("stopped")


def test_outside_of_functions_nothing_is_offered(view: View) -> None:
    assert view.place("[]", "true")[1] == ""
    view.send({"view": "v", "find": view.place("[]", "true")[0]})  # it is not asked for, either
    assert view.found("k > 4711", "true")["ended"]


def test_another_definition_is_not_called(view: View, live: Kernel) -> None:
    live.run("def strict(n):\n    return n or 5")
    assert "strict is defined otherwise now" in view.found('n == "no"', "true")["words"]
    live.run("del strict")
    assert "no function called strict" in view.found('n == "no"', "true")["words"]


def test_where_nobody_looks_nothing_can_be_asked() -> None:
    with kernel() as unwatched:
        unwatched.run("%load_ext ipy_branchcov\n" + PART)
        shown = unwatched.run(CALLS.replace("--source part", "").replace(", part.is_even(2)", ""))
        assert shown.comms == []
        assert "find an input" not in json.dumps(shown.displays)


def test_a_search_that_is_stopped_before_it_began_does_not_begin() -> None:
    """Messages of widgets can come to threads of their own, and both before the kernel's loop goes on."""
    said: list[tuple[str, bool]] = []

    async def asked() -> None:
        loop = IOLoop.current()
        searches = Inputs(SimpleNamespace(kernel=SimpleNamespace(io_loop=loop)), Session(RunOptions()), None)  # type: ignore[arg-type]
        wanted = Wanted(Source("In [1]", ""), Branch("if", Span(1, 0, 1, 1), ()), "true", "f")
        searches.begin("a", wanted, lambda words, *, ended, call="", cell="": said.append((words, ended)))
        searches.stop("a")
        done = asyncio.Event()
        loop.add_callback(done.set)
        await done.wait()

    asyncio.run(asked())
    assert said == [("waiting for the running cell …", False), ("stopped", True)]
