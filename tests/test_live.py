"""``%%branchcov`` in a live kernel: the cell behaves as without its first line, and shows its coverage."""

from __future__ import annotations

import ast
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel import Kernel, kernel

CLASSIFY = """\
def classify(x, y):
    if x > 0 and y > 0:
        return "both"
    return "even" if x % 2 == 0 else "odd"
"""


@pytest.fixture
def live() -> Iterator[Kernel]:
    with kernel() as running:
        assert running.run("%load_ext ipy_branchcov").status == "ok"
        yield running


@pytest.fixture(scope="module")
def shared() -> Iterator[Kernel]:
    """One kernel for tests that do not depend on what others left in it: starting one takes seconds."""
    with kernel() as running:
        assert running.run("%load_ext ipy_branchcov").status == "ok"
        yield running


#: Cells, each with the text of a traceback's end or the value that it shows.
CELLS = {
    "value": ("1 + 1", "2"),
    "hidden value": ("1 + 1;", ""),
    "await": ("import asyncio\nawait asyncio.sleep(0, 'slept')", "'slept'"),
    "future": ("from __future__ import annotations\nimport asyncio\nawait asyncio.sleep(0, 3)", "3"),
    "magic": ("%pwd\n_ if False else 4", "4"),
    "shell": ("!true\n5", "5"),
    "line magic's value": ("x = %pwd\ntype(x).__name__", "'str'"),
    "last is no expression": ("y = 3", ""),
    "semicolons": ("a = 1; a if a else 0", "1"),
}


def test_cells_behave_as_without_the_magic(live: Kernel) -> None:
    for name, (cell, value) in CELLS.items():
        plain, measured = live.run(cell), live.run(f"%%branchcov\n{cell}")
        assert (measured.status, measured.value, measured.stdout) == ("ok", value, plain.stdout), name
        assert plain.value == value, name
        assert measured.text.startswith("branchcov: "), name


def test_branches_are_shown_in_their_columns(live: Kernel) -> None:
    live.run(CLASSIFY)  # a cell without the magic
    shown = live.run("%%branchcov\nclassify(1, 1), classify(2, -1)")
    assert shown.value == "('both', 'even')"
    assert shown.text == (
        "branchcov: 4 of 6 outcomes covered (66.7%)\n"
        "another cell · classify: 4 of 6 outcomes covered (66.7%)\n"
        "  classify 4 of 6, missed in 2, 4"
    )
    shown = live.run(f"%%branchcov\n{CLASSIFY}\nclassify(1, 1), classify(2, -1)")
    assert shown.text == (
        "branchcov: 4 of 6 outcomes covered (66.7%)\n"
        "  3 |     if x > 0 and y > 0:\n"
        "    |        ^^^^^ never false\n"
        '  5 |     return "even" if x % 2 == 0 else "odd"\n'
        "    |                      ^^^^^^^^^^ never false\n"
        "    |                                      ^^^^^ never ran"
    )


@pytest.mark.slow
def test_cells_before_the_extension_are_measured_too() -> None:
    with kernel() as running:
        running.run(CLASSIFY)
        running.run("%load_ext ipy_branchcov")
        assert "4 of 6" in running.run("%branchcov classify(1, 1), classify(2, -1)").text


@pytest.mark.slow
@pytest.mark.parametrize("history", [True, False])
def test_an_error_is_the_users_own(shared: Kernel, history: bool) -> None:
    cell = "%%branchcov\ndef f(x):\n    return 1 / x if x < 2 else 0\n\nf(1)\nf(0)"
    shown = shared.run(cell, history=history)
    assert (shown.status, shown.error) == ("error", "ZeroDivisionError")
    assert "line 6" in shown.traceback and "line 3, in f(x)" in shown.traceback
    assert "ipy_branchcov" not in shown.traceback
    assert "x < 2" in shown.text and "1 of 2 outcomes" in shown.text
    assert "\n  stopped in line 6 by ZeroDivisionError\n" in shown.text
    assert "<div>stopped in line 6 by ZeroDivisionError</div>" in shown.displays[0]["text/html"]


def test_exits_interrupts_and_syntax_errors_are_the_users(live: Kernel) -> None:
    left = live.run("%%branchcov\nraise SystemExit(3)")
    assert left.error == "SystemExit" and "stopped in line 2 by SystemExit" in left.text
    assert "stopped by KeyError" in live.run("%branchcov {}[1 if [1] else 2]").text
    broken = live.run("%%branchcov\nx = = 1")
    assert (broken.error, broken.displays) == ("SyntaxError", [])
    threading.Timer(1, live.manager.interrupt_kernel).start()
    stopped = live.run("%%branchcov\nimport time\nwhile time.time():\n    time.sleep(0.01)")
    assert stopped.error == "KeyboardInterrupt" and "1 of 2 outcomes" in stopped.text
    assert live.run("%%branchcov\n1 if [1] else 2").text.startswith("branchcov: 1 of 2")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_loss_is_said_once(shared: Kernel) -> None:
    shown = shared.run(
        "%%branchcov\nimport os\ndef lost(x):\n    return 1 if x else 2\n"
        "if not os.fork():\n    lost(1)\n    os.kill(os.getpid(), 9)\nos.wait();"
    )
    assert shown.stderr.count("lost: a process was killed") == 1, shown.stderr


@pytest.mark.parametrize("other", ["%%time", "%%capture captured", "%%timeit -n1 -r1"])
def test_other_cell_magics_below_and_above(shared: Kernel, other: str) -> None:
    for cell in (f"%%branchcov\n{other}\nx = 1 if [2] else 0", f"{other}\n%%branchcov\nx = 1 if [2] else 0"):
        assert shared.run(cell).status == "ok", cell
    assert shared.run("%%branchcov\n%%time\nx = 1 if [2] else 0").text.startswith("branchcov: 1 of 2 outcomes")


def test_a_source_of_which_nothing_ran_is_named(shared: Kernel) -> None:
    """What ran has no branches; what was named has."""
    note = "branchcov: nothing of bisect ran\n"
    shown = shared.run("%%branchcov -s bisect -s heapq\nx = 1")
    assert shown.text == "branchcov: no branches in what ran"
    assert shown.stderr == note + note.replace("bisect", "heapq")
    assert shared.run("%%branchcov -s heapq\nimport heapq\nheapq.merge()\nlist(heapq.merge([1], [2]))").stderr == ""
    assert shared.run("%%branchcov -s bisect\nx = 1 if [1] else 2").stderr == ""


def test_a_cell_without_python_was_measured_all_the_same(shared: Kernel) -> None:
    shared.run("%%branchcov\n1 if [1] else 2")
    for cell in ("# a comment", "", "%%bash\ntrue"):
        assert shared.run(f"%%branchcov\n{cell}").text == "branchcov: no branches in what ran", cell
    failed = shared.run("%%branchcov --fail-under 1\n# a comment")
    assert "no branches in what ran: there is nothing that a gate could check" in failed.traceback


BAD = {
    "--nonsense": "unrecognized arguments: --nonsense",
    "--source no_such_module": "no module, directory or file of that name",
    "--tracer psychic": "no tracer 'psychic'",
    "--fail-under 200": "must be a number from 0 to 100",
    "print(1)": "takes options only",
    "-o 3x": "must be the name of a variable",
}


@pytest.mark.parametrize("options", BAD)
def test_bad_options_are_one_line_and_run_nothing(shared: Kernel, options: str) -> None:
    shown = shared.run(f"%%branchcov {options}\nran = True")
    assert shown.error == "UsageError" or "UsageError" in shown.stderr
    assert BAD[options] in shown.stderr + shown.traceback
    assert shared.ask("'ran' in globals()") == "False"


def test_threshold_fails_the_cell(shared: Kernel) -> None:
    shown = shared.run(f"%%branchcov --fail-under 90\n{CLASSIFY}\nclassify(1, 1)")
    assert (shown.status, shown.error) == ("error", "BelowThreshold")
    assert shown.traceback == "BelowThreshold: branch coverage 2 of 6 outcomes covered (33.3%) is below 90%"
    assert shared.run("%%branchcov --fail-under 50\n1 if [1] else 2").status == "ok"
    assert shared.run("%%branchcov --fail-under 1\nx = 1").error == "BelowThreshold"  # 0 of 0 is no pass


def test_the_users_error_hides_the_threshold(shared: Kernel) -> None:
    assert shared.run("%%branchcov --fail-under 90\n1 / 0 if [1] else 2").error == "ZeroDivisionError"


def test_result_object_and_files(live: Kernel, tmp_path: Path) -> None:
    files = " ".join(f"--{kind} {tmp_path / kind}" for kind in ("json", "lcov", "cobertura", "html"))
    shown = live.run(f"%%branchcov -q -o found {files} --html {tmp_path / 'one.html'}\n{CLASSIFY}\nclassify(1, 1)")
    assert shown.displays == []
    assert live.ask("str(found.totals)") == "'2 of 6 outcomes covered (33.3%)'"
    assert (tmp_path / "json").read_text().startswith("{") and "classify" in (tmp_path / "one.html").read_text()


def test_automatic_report_and_reset(live: Kernel) -> None:
    live.run("%branchcov_auto on")
    assert live.run(CLASSIFY).displays == []
    live.run("classify(1, 1)")
    live.run("%branchcov_auto off")
    live.run("classify(2, -1)")
    report = live.run("%branchcov_report classify")
    assert report.text.startswith("branchcov: 2 of 6 outcomes covered")
    assert "nothing called classifi was measured" in live.run("%branchcov_report classifi").stderr
    live.run("%branchcov_reset")
    assert live.run("%branchcov_report").text == "branchcov: nothing measured yet"


def test_a_statement_is_shown_in_a_cell_that_is_measured_without_being_shown(live: Kernel) -> None:
    live.run("%branchcov_auto on")
    live.run(CLASSIFY)
    shown = live.run("classify(1, 1)\n%branchcov classify(2, 1)\nclassify(1, -1)")
    live.run("%branchcov_auto off")
    assert shown.text.startswith("branchcov: 2 of 6 outcomes covered")
    assert live.run("%branchcov_report classify").text.startswith("branchcov: 4 of 6 outcomes covered")


@pytest.mark.parametrize("when", ["before", "after"])
def test_modules(live: Kernel, tmp_path: Path, when: str) -> None:
    (tmp_path / "sizes.py").write_text("def size(n):\n    return 'big' if n > 9 else 'small'\n")
    live.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    if when == "before":
        live.run("import sizes")
    shown = live.run("%%branchcov --source sizes\nimport sizes\nsizes.size(3)")
    assert "  size 1 of 2, missed in 2" in shown.text.splitlines()


def test_unloading_leaves_nothing(live: Kernel) -> None:
    state = (
        "(lambda s: [len(s.input_transformers_cleanup), len(s.events.callbacks['pre_run_cell']),"
        " len(s.events.callbacks['post_run_cell']), len(s.configurables), len(s.Completer.custom_matchers),"
        " sorted(n for kind in s.magics_manager.magics.values() for n in kind if 'branchcov' in n),"
        " 'BranchcovMagics' in s.magics_manager.registry, [n for n in vars(s) if 'branchcov' in n],"
        " __import__('sys').gettrace()])(get_ipython())"
    )
    with kernel() as fresh:
        fresh.run("%load_ext no_such_extension")  # IPython makes the object of %load_ext when it is first used
        before = fresh.ask(state)
    live.run("%%branchcov\n1 if [1] else 2")
    live.run("%unload_ext ipy_branchcov")
    assert live.ask(state) == before
    assert "not found" in live.run("%%branchcov\n1").stderr


def test_no_names_are_left_in_the_namespace(shared: Kernel) -> None:
    before = shared.ask("sorted(n for n in globals() if not n.startswith('_'))")
    shared.run("%%branchcov\n1 if [1] else 2")
    assert shared.ask("sorted(n for n in globals() if not n.startswith('_'))") == before


def test_help(shared: Kernel) -> None:
    reply = shared.client.execute("%%branchcov?", reply=True, timeout=60)
    (page,) = reply["content"]["payload"]
    assert "--fail-under" in page["data"]["text/plain"]


def test_completion(shared: Kernel) -> None:
    def matches(text: str) -> list[str]:
        return list(shared.client.complete(text, reply=True, timeout=60)["content"]["matches"])

    assert matches("%%branchcov --fail-under-") == ["--fail-under-mcdc"]
    assert matches("%%branchcov --view wi") == ["widget"]
    assert matches("%branchcov_auto o") == ["off", "on"]


def test_widget_only_where_a_front_end_lives(live: Kernel) -> None:
    cell = "%%branchcov\n1 if [1] else 2"
    assert live.run(cell).comms == []
    (parent,) = {live.ask("__import__('os').getppid()")}
    with kernel(JPY_SESSION_NAME="a notebook", JPY_PARENT_PID=parent) as front:
        front.run("%load_ext ipy_branchcov")
        shown = front.run(cell)
    assert [comm["target_name"] for comm in shown.comms] == ["jupyter.widget"] * len(shown.comms) != []
    assert [sorted(each) for each in shown.displays] == [["application/vnd.branchcov.marks", "text/html", "text/plain"]]


@pytest.mark.slow
def test_widgets_are_closed_when_their_output_goes() -> None:
    """When their cell runs again; and the oldest of many, except those that are displayed themselves."""
    from ipy_branchcov.notebook.live_widgets import MOST

    with kernel(JPY_SESSION_NAME="a notebook", JPY_PARENT_PID=str(os.getpid())) as front:
        front.run("%load_ext ipy_branchcov")
        alive = "list(__import__('comm').get_comm_manager().comms)"

        def run(cell_id: str | None, options: str = "") -> set[str]:
            """The widgets that a cell makes."""
            front.client.session.metadata = {} if cell_id is None else {"cellId": cell_id}
            shown = front.run(f"%%branchcov {options}\n1 if [{cell_id!r}] else 2")
            assert sorted(shown.displays[0]) == ["application/vnd.branchcov.marks", "text/html", "text/plain"]
            return {each["comm_id"] for each in shown.comms}

        first, other, again = run("one"), run("two"), run("one")
        assert len(first) == 3  # the code that all share, the view and its layout
        (shared,) = first & set(ast.literal_eval(front.ask(alive)))
        assert set(ast.literal_eval(front.ask(alive))) == other | again | {shared}
        displayed = run(None, "--view widget")
        front.run("from ipy_branchcov.notebook import live_widgets\nlive_widgets.MOST = 3")
        unknown = [run(None) for _ in range(4)]
        assert set(ast.literal_eval(front.ask(alive))) == displayed.union({shared}, *unknown[1:])
    assert MOST >= 20


def test_the_same_run_gives_the_same_bytes(live: Kernel) -> None:
    cell = f"%%branchcov\n{CLASSIFY}\nclassify(1, 1)"
    first, second = live.run(cell).displays, live.run(cell).displays
    with kernel() as other:
        other.run("%load_ext ipy_branchcov")
        assert first == second == other.run(cell, history=False).displays
