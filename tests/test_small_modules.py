"""Small modules by themselves; most are otherwise reached through programs that run."""

from __future__ import annotations

import ast
import gc
import os
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import CodeType

import pytest

from ipy_branchcov.analysis import lines, obligations
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.bytecode import Unencodable
from ipy_branchcov.command_line import parsers
from ipy_branchcov.data.contexts import Names
from ipy_branchcov.data.fields import Listed, Percent, Record, Text, WrongField
from ipy_branchcov.data.source_form import MOST_LINES, source_form
from ipy_branchcov.model import nodes
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.span import Span
from ipy_branchcov.model.statements import heads
from ipy_branchcov.processes import alive, block, bottom, leftovers
from ipy_branchcov.reports import by_function
from ipy_branchcov.reports.view import mark_all
from ipy_branchcov.session.analyses import Analyses
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.results import Results
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.session.session import Session
from ipy_branchcov.session.sources import Sources
from ipy_branchcov.tracing import callbacks, failures
from ipy_branchcov.tracing.py311 import young
from ipy_branchcov.tracing.py314 import loop_ends
from ipy_branchcov.tracing.tracer import Edge, Mechanism, Plan, Recording

CODE = compile("def f(): pass", "a.py", "exec").co_consts[0]


def test_the_lines_of_a_statement() -> None:
    text = "x = f(a,\n      b.c)\nif x: pass\n"
    tree = ast.parse(text)
    found = sorted(lines.head_lines(Source("a.py", text, "file"), heads(tree)))
    assert [(each.first, each.last) for each in found] == [(1, 2), (3, 3), (3, 3)]
    assert list(found[0].lines) == [1, 2] and found[0].below == {2: (Span(2, 8, 2, 9), Span(2, 6, 2, 7))}


@pytest.mark.parametrize(
    ("policy", "required"),
    [(Policy(), [True, False]), (Policy(optional=frozenset({"if"})), [False, False])],
)
def test_the_obligations_of_a_branch(policy: Policy, required: list[bool]) -> None:
    span = Span(1, 0, 1, 1)
    found = obligations.Found("if", span, "f", ast.Name("x"), -1, {"false": obligations.ASSERTED})
    branch = obligations.branch_of(found, policy)
    assert [each.required for each in branch.outcomes] == required
    assert branch.outcomes[1].reason == obligations.ASSERTED


def test_parts_of_a_source_are_its_functions_with_misses(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "def f(x):\n    return 1 if x else 2\n\ndef g(x):\n    return x\n\ndef h(x):\n    if x: x\n"
    )
    session = Session(RunOptions(source=(str(tmp_path / "m.py"),)))
    with session.measuring() as run:
        names: dict[str, object] = {}
        exec(session.instrument(compile((tmp_path / "m.py").read_text(), str(tmp_path / "m.py"), "exec")), names)
        names["f"](0), names["g"](0)  # type: ignore[operator]
    found = by_function.parts(mark_all(run.coverage)[0])
    assert [(each.name, str(each.totals).partition(" out")[0], each.lines) for each in found] == [
        ("h", "0 of 2", [(8, 8)]),
        ("f", "1 of 2", [(2, 2)]),
    ]


def test_a_process_is_alive_until_it_has_ended() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    assert alive.is_alive(os.getpid())
    ended.wait()
    assert os.name != "posix" or not alive.is_alive(ended.pid)


@pytest.mark.skipif(os.name != "posix", reason="rights")
def test_a_folder_is_private_and_held() -> None:
    folder, lock = leftovers.make()
    try:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert lock >= 0
    finally:
        os.close(lock)
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()


def test_a_block_measures_no_processes_where_they_are_switched_off() -> None:
    assert block.BlockProcesses(Session())(RunOptions(subprocesses=False)) is None
    end = block.BlockProcesses(Session())(RunOptions())
    assert end is not None and "BRANCHCOV_PROCESSES" in os.environ
    assert end("") == Coverage() and "BRANCHCOV_PROCESSES" not in os.environ


def test_where_others_have_called_us_a_program_runs_in_place() -> None:
    assert bottom.at_bottom(lambda: 7) == 7


def test_a_callback_is_looked_at_through_what_wraps_it() -> None:
    seen: list[CodeType] = []

    def wanted(code: CodeType) -> bool:
        seen.append(code)
        return True

    class Tool:
        def __call__(self) -> None: ...
        def method(self) -> None: ...

    found = failures.Failures()
    each = callbacks.Callbacks(wanted, found)
    for callback in (partial(Tool().method), Tool(), len):
        each.see(callback)
    assert seen == [Tool.method.__code__, Tool.__call__.__code__]
    assert [line.partition(" (")[0] for line in found.lines(lambda code: "a.py")] == [
        f"a.py: {code.co_qualname}" for code in seen
    ]


def test_an_error_of_ours_is_a_line_and_no_error_of_the_program() -> None:
    found = failures.Failures()
    assert failures.guarded(found, lambda: 1 // 0)() is None
    found.add(CODE, KeyError("x"))
    found.add(CODE, KeyError("y"))
    assert list(found.lines(lambda code: code.co_filename)) == [
        "a.py: f (line 1): not all that it did was measured: branchcov failed: KeyError('x')",
        "code that others made was not measured: branchcov failed: ZeroDivisionError("
        + ("'division by zero')" if sys.version_info >= (3, 14) else "'integer division or modulo by zero')"),
    ]
    said: list[str] = []
    with pytest.raises(Unencodable):
        failures.encodable(lambda: 1 // 0, CODE, said.append)
    assert len(said) == 1 and said[0].startswith("f was measured slowly")


def test_sources_of_which_nothing_ran_are_missed(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("x = 1 if y else 2  # branchcov: no true(z)\n")
    (tmp_path / "bad.py").write_text("x = =\n")
    scope = Scope(tmp_path, source=[str(tmp_path)])
    sources = Sources(scope)
    found = Results(scope, sources, Analyses(sources, Policy())).never_imported(Coverage(), RunOptions())
    assert {each.source.name: (str(each.totals), each.note.partition(": ")[2]) for each in found} == {
        "good.py": (
            "0 of 2 outcomes covered (0.0%)",
            '"# branchcov: no true(z)": not there; there is true(y), false(y)',
        ),
        "bad.py": ("no branches", "not measured: does not compile; omit it if it is no Python source"),
    }


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("--json", 1),
        ("--json=x", 0),
        ("--jso", 1),
        ("--counts", 0),
        ("--own", None),
        ("-z", None),
    ],
)
def test_how_many_words_an_option_takes(word: str, values: int | None) -> None:
    _, run = parsers()
    assert run.values(word) == values


def test_an_end_of_an_asynchronous_loop_is_certain_when_the_next_one_is_reported() -> None:
    end, other = Edge(8, 10), Edge(2, 4)
    recording, ends = Recording(CODE, Mechanism.BRANCH_EVENTS, Plan(), {other: 1}), loop_ends.LoopEnds()
    assert not ends.certain(recording, CODE, end)
    recording.edges[end] = 1
    ends.raised_again(recording, CODE, 8)
    assert recording.edges == {other: 1}
    recording.edges[end] = 1
    assert ends.certain(recording, CODE, end)
    ends.raised_again(recording, CODE, 8)
    assert recording.edges == {other: 1, end: 1}
    ends.forget(CODE)
    ends.raised_again(recording, CODE, 8)
    assert recording.edges == {other: 1}


def test_the_body_of_a_loop_comes_before_its_end() -> None:
    plan = Plan(steps={4: (2, 4), 20: (2, 20), 8: (6, 8)})
    assert loop_ends.ways_on(plan) == ({2: Edge(2, 4), 6: Edge(6, 8)}, {2: Edge(2, 20)})


def test_the_form_of_sources_counts_the_lines_of_all() -> None:
    form = source_form(Record({"percent": Percent()}), Names(Listed(Text(9), 9)))
    source = {"name": "a.py", "kind": "file", "path": None, "digest": "0", "text": None, "branches": []}
    half = MOST_LINES // 8
    for _ in range(8):
        assert len(form.read({**source, "missed_lines": [[1, half]]}).missed_lines) == half
    with pytest.raises(WrongField, match="there are more than"):
        form.read({**source, "missed_lines": [[1, 1]]})


def test_all_nodes_of_a_tree_stand_in_the_fields_that_are_walked() -> None:
    """But for those of signs (operators, loads and stores)."""
    with Path(nodes.__file__).with_name("statements.py").open() as file:
        tree = ast.parse(file.read() + "match x:\n    case {1: y, **z} | C(a=1): f'{x!r:>{w}}'; import a as b\n")
    found, stack = set[int](), [tree]
    while stack:
        node = stack.pop()
        found.add(id(node))
        for name in nodes.NODE_FIELDS[type(node)]:
            value = getattr(node, name, None)
            stack += [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST)]
    signs = ast.operator | ast.unaryop | ast.boolop | ast.cmpop | ast.expr_context
    assert {
        type(each).__name__ for each in ast.walk(tree) if id(each) not in found and not isinstance(each, signs)
    } == set()


@pytest.mark.parametrize("collected", [False, True])
def test_what_was_made_since_a_moment(collected: bool) -> None:
    since = young.Moment()
    made = [lambda: None for _ in range(3)]
    if collected:
        gc.collect()
    found = since.objects_since(type(made[0]))
    assert all(any(each is one for each in found) for one in made)
    assert {type(each) for each in found} == {type(made[0])}
