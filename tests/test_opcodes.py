"""Instructions and their edges: what is shown is what ran."""

from __future__ import annotations

import dis
import re
from pathlib import Path

import pytest

from ipy_branchcov.reports import opcodes
from ipy_branchcov.session.disassembly import Disassembly
from ipy_branchcov.session.options import RunOptions
from ipy_branchcov.session.session import Session
from ipy_branchcov.tracing.choice import tracers
from tests.kernel import kernel

PROGRAM = """\
def classify(x, y):
    if x > 0 and y > "`<\\"":
        return "both"
    for each in range(x):
        pass
    return "even" if x % 2 == 0 else "odd"


classify(2, "")
classify(4, "")
"""


@pytest.fixture(params=tracers())
def shown(request: pytest.FixtureRequest, tmp_path: Path) -> list[Disassembly]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    session = Session(RunOptions(tracer=request.param, counts=True))
    session.add_source(str(path))
    session.start("test", session.options.overridden(opcodes=True))
    exec(session.instrument(compile(PROGRAM, str(path), "exec")), {})
    session.stop()
    return session.disassemblies


def test_every_instruction_is_there(shown: list[Disassembly]) -> None:
    function, module = shown
    assert (module.name, function.name) == ("<module>", "classify")
    code = compile(PROGRAM, "x", "exec")
    for disassembly, wanted in ((module, code), (function, code.co_consts[0])):
        names = [each.opname for each in dis.get_instructions(wanted) if each.opname != "EXTENDED_ARG"]
        assert [step.name for step in disassembly.steps] == names


def test_edges_say_what_they_mean_and_how_often(shown: list[Disassembly]) -> None:
    found = {meaning: way.hits for way in shown[0].exits for meaning in way.meaning.split(", ")}
    assert found == {
        "and x > 0: true": 2,
        "and x > 0: false": 0,
        'and y > "`<\\"": true': 0,
        'and y > "`<\\"": false': 2,
        "for each in range(x): body": 6,
        "for each in range(x): exhausted": 2,
        "ifexp x % 2 == 0: true": 2,
        "ifexp x % 2 == 0: false": 0,
    }


def test_text(shown: list[Disassembly]) -> None:
    text = opcodes.render(shown, counted=True)
    assert text.startswith("classify: 5 of 8 edges covered\n  1 | def classify") and "\n<module>: no branches\n" in text
    assert re.search(r"\n  4 \|     for each in range\(x\):\n    \| +\d+ LOAD_GLOBAL +.*range", text)
    assert re.search(r"\n    \| +(fell through|jumped) 6 times -> \d+ \(for each in range\(x\): body\)\n", text)
    assert re.search(r"\n    \| +never (fell through|jumped) -> \d+ \(ifexp x % 2 == 0: false\)\n", text)
    assert " at 0x" not in text
    html = opcodes.render_html(shown)
    assert (
        html.count("<details>") == html.count("<details open>") == 1
        and "y &gt; &quot;`&lt;\\&quot;&quot;: true" in html
    )


def test_graph(shown: list[Disassembly]) -> None:
    graph = opcodes.graph(shown[0], counted=True)
    assert graph.splitlines()[1] == "flowchart TD"
    nodes = set(re.findall(r'^  (b\d+)\["[^"`<>]*(?:<br/>[^"`<>]*)*"\]$', graph, re.M))
    edges = re.findall(r'^  (b\d+) (-->|-\.->)(?:\|"([^"]+)"\|)? (b\d+)$', graph, re.M)
    styles = dict(re.findall(r"^  linkStyle ([\d,]+) stroke:(#\w+),", graph, re.M))
    assert graph.count("\n") == 1 + len(nodes) + len(edges) + len(styles)
    assert nodes >= {name for edge in edges for name in (edge[0], edge[3])}
    missed = [str(number) for number, edge in enumerate(edges) if edge[1] == "-.->"]
    assert styles[",".join(missed)] == "#d68c00" and len(missed) == 3
    assert all(edges[int(number)][2].startswith("never ") for number in missed)


@pytest.mark.slow
def test_in_a_kernel() -> None:
    with kernel() as running:
        running.run("%load_ext ipy_branchcov")
        cell = "def f(x):\n    return 1 if x else 2\nf(3)"
        done = running.run(f"%%branchcov --opcodes --graph f\n{cell}")
        assert done.status == "ok", done.traceback
        texts = [each["text/plain"] for each in done.displays]
        assert "f: 1 of 2 edges covered" in texts[1] and " (ifexp x: false)" in texts[1]
        assert done.displays[2]["text/vnd.mermaid"] == texts[2]
        assert "flowchart TD" in texts[2]
        markdown = f"`f`: 1 of 2 edges covered\n\n```mermaid\n{texts[2]}\n```\n"
        assert done.displays[2]["text/markdown"] == markdown
        done = running.run("%%branchcov --graph g\nf(0)")
        assert "--graph g: no function of that name ran; there is <module>, f" in done.stderr
