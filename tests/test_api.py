"""The Python door: measure() and measured() in scripts, functions, threads and prompts, without IPython."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import ipy_branchcov as branchcov
from ipy_branchcov.errors import UsageError
from tests.kernel import kernel

SIZES = """\
def size(n):
    return "big" if n > 9 else "small"
"""
BLOCK = """\
import ipy_branchcov as branchcov

def size(n):
    return "big" if n > 9 else "small"

before = 1 if size(99) else 2
with branchcov.measure() as run:
    for n in (1, 2):
        size(n) if n else None
after = 1 if size(99) else 2
print(run.coverage)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "sizes_here.py").write_text(SIZES)
    monkeypatch.delitem(sys.modules, "sizes_here", raising=False)
    return tmp_path


def python(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("counts", [False, True])
def test_a_module_is_measured_in_a_block(folder: Path, counts: bool) -> None:
    with branchcov.measure("sizes_here", counts=counts) as run:
        from sizes_here import size

        assert [size(1), size(2)] == ["small", "small"]
    size(99)
    (branch,) = run.coverage["sizes_here.py"].branches
    assert {each.name: each.hits for each in branch.outcomes} == {"true": 0, "false": 2 if counts else 1}
    assert run.coverage["sizes_here.py"].missed == (branch,)
    assert str(run.coverage.totals) == "1 of 2 outcomes covered (50.0%)"


@pytest.mark.parametrize("option", ["", 'tracer="settrace"', "counts=True"])
def test_without_a_source_it_is_the_callers_file(folder: Path, option: str) -> None:
    """What runs in the block, the block's own lines among it; nothing before and nothing after."""
    (folder / "block.py").write_text(BLOCK.replace("measure()", f"measure({option})"))
    done = python("block.py")
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "branchcov: block.py: 4 of 10 outcomes covered (40.0%)"
    assert '  4 |     return "big" if n > 9 else "small"' in lines
    assert [each for each in lines if each.strip().endswith("never true")]


def test_in_a_function(folder: Path) -> None:
    text = """\
        import ipy_branchcov as branchcov
        def f(x):
            with branchcov.measure() as run:
                y = 1 if x else 2
            z = 3 if y > 1 else 4
            return run.coverage
        found = f(1)
        tests = [each for each in found["function.py"].branches if each.kind == "ifexp"]
        print({(b.span.line, o.name): o.hits for b in tests for o in b.outcomes})
        """
    (folder / "function.py").write_text(textwrap.dedent(text))
    expected = {(4, "true"): 1, (4, "false"): 0, (5, "true"): 0, (5, "false"): 0}
    assert python("function.py").stdout == f"{expected}\n"


def test_nothing_heavy_is_imported_before_it_is_shown(folder: Path) -> None:
    text = """\
        import sys
        import ipy_branchcov as branchcov
        started = {"ipy_branchcov.processes", "ipy_branchcov.processes.start"}  # by the .start file, from 3.15 on
        assert not [each for each in sys.modules.keys() - started if each.startswith("ipy_branchcov.")]
        with branchcov.measure("sizes_here") as run:
            import sizes_here
            sizes_here.size(1)
        assert run.coverage.totals.covered == 1
        run.coverage.write(json="data.json", lcov="data.lcov")
        heavy = {"IPython", "rich", "pygments", "anywidget", "traitlets", "argparse"}
        print(sorted(heavy & sys.modules.keys()))
        """
    (folder / "light.py").write_text(textwrap.dedent(text))
    done = python("light.py")
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert "BRDA:2,0,0,0" in (folder / "data.lcov").read_text()


def test_what_is_written_loads_and_merges(folder: Path) -> None:
    parts = []
    for number, value in enumerate((1, 99)):
        with branchcov.measure("sizes_here") as run:
            import sizes_here

            sizes_here.size(value)
        run.coverage.write(json=f"{number}.json", html="report.html", cobertura="c.xml")
        parts.append(branchcov.load(f"{number}.json"))
    assert [str(each.totals) for each in parts] == ["1 of 2 outcomes covered (50.0%)"] * 2
    both = parts[0] + parts[1]
    assert isinstance(both, branchcov.Coverage) and both.totals.percent == 100.0
    assert json.loads(both.to_json())["sources"][0]["text"] == SIZES
    assert "never false" in str(parts[1]) and "small" in Path("report.html").read_text()
    assert repr(both) == "<Coverage of 1 source: 2 of 2 outcomes covered (100.0%)>"
    with pytest.raises(KeyError, match=r"there is sizes_here\.py"):
        both["other.py"]


def test_it_shows_itself_without_scripts(folder: Path) -> None:
    with branchcov.measure("sizes_here") as run:
        import sizes_here

        sizes_here.size(1)
    bundle = run.coverage._repr_mimebundle_()
    assert bundle["text/plain"].startswith("branchcov: 1 of 2 outcomes covered")
    assert "never true" in bundle["text/html"] and "<script" not in bundle["text/html"]


def test_functions_that_are_measured(folder: Path) -> None:
    from sizes_here import size

    @branchcov.measured("sizes_here", counts=True)
    def twice(n: int, deep: bool = True) -> str:
        return twice(n, deep=False) if deep else size(n)

    @branchcov.measured("sizes_here")
    async def later(n: int) -> str:
        await asyncio.sleep(0)
        return str(size(n))

    assert (twice(1), twice(99)) == ("small", "big")
    assert [each.hits for each in twice.coverage["sizes_here.py"].branches[0].outcomes] == [1, 1]  # type: ignore[attr-defined]
    assert asyncio.run(later(3)) == "small"
    assert str(later.coverage.totals) == "1 of 2 outcomes covered (50.0%)"  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="is a generator"):

        @branchcov.measured("sizes_here")
        def items() -> Any:
            yield 1


def test_a_function_without_a_source_is_measured_in_its_own_file(folder: Path) -> None:
    text = """\
        from ipy_branchcov import measured
        @measured
        def f(x):
            return 1 if x else 2
        try:
            f(0), f(0, 1)
        except TypeError as error:
            print(error)
        print(f.coverage)
        """
    (folder / "own.py").write_text(textwrap.dedent(text))
    lines = python("own.py").stdout.splitlines()
    assert lines[0] == "f() takes 1 positional argument but 2 were given"
    assert lines[1].startswith("branchcov: own.py: 1 of ")


def test_an_exception_of_the_block_comes_through(folder: Path) -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, branchcov.measure("sizes_here") as run:
        import sizes_here

        sizes_here.size(1)
        raise error
    assert caught.value is error and error.__context__ is None
    assert run.coverage.totals.covered == 1


def test_in_a_thread(folder: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def work() -> str:
        with branchcov.measure("sizes_here") as run:
            import sizes_here

            sizes_here.size(1)
        return str(run.coverage.totals)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == "1 of 2 outcomes covered (50.0%)"


def test_an_unknown_source_is_one_line(folder: Path) -> None:
    with pytest.raises(UsageError, match="no_such_module: no module, directory or file of that name"):
        branchcov.measure("no_such_module")


PROMPT = """\
import ipy_branchcov as branchcov
def size(n):
    return "big" if n > 9 else "small"

with branchcov.measure() as run:
    print(size(1))

print(run.coverage.totals)
"""


def test_at_the_prompt(folder: Path) -> None:
    done = python("-i", "-q", "-c", "", text=PROMPT)
    if sys.version_info < (3, 13):  # Python does not keep what is typed at its prompt
        assert "the text of <stdin> is not known here; name a module: measure('mypackage')" in done.stderr
    else:
        assert "1 of 2 outcomes covered (50.0%)" in done.stdout, done.stderr


@pytest.mark.slow
def test_in_a_notebook_without_the_extension() -> None:
    with kernel() as live:
        live.run("import ipy_branchcov as branchcov\ndef size(n):\n    return 'big' if n > 9 else 'small'")
        live.run("with branchcov.measure() as run:\n    size(1) if run else 0")
        shown = live.run("print(run.coverage); run.coverage")
    assert shown.stdout.startswith("branchcov: 2 of 4 outcomes covered (50.0%)"), shown
    assert shown.value.startswith("branchcov: 2 of 4 outcomes covered (50.0%)")
