"""ipyparallel's engines are measured through clients and views: functions, ``%%px`` cells; dead ones are reported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel import Kernel, kernel

pytest.importorskip("ipyparallel")
from ipy_branchcov.errors import UsageError
from ipy_branchcov.processes.engines import ipyparallel

pytestmark = pytest.mark.slow

WORK = """\
def size(n):
    return "big" if n > 9 else "small"
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A notebook with a cluster of two engines; they start in its folder."""
    folder: Path = tmp_path_factory.mktemp("engines")
    (folder / "px_work.py").write_text(WORK)
    with kernel(IPYTHONDIR=str(folder / "ipython")) as running:
        running.run(f"%cd -q {folder}\n%load_ext ipy_branchcov\nimport ipyparallel, os, sys")
        made = running.run(
            "cluster = ipyparallel.Cluster(n=2, log_level=50)\n"
            "rc = cluster.start_and_connect_sync(activate=True)\n"
            "rc[:].apply_sync(os.chdir, os.getcwd())\n"
            "rc[:].apply_sync(sys.path.insert, 0, os.getcwd())\n"
            "view, balanced = rc[:], rc.load_balanced_view()\n"
            "def clip(x, lo, hi):\n"
            "    return lo if x < lo else hi if x > hi else x"
        )
        assert made.status == "ok", made.traceback
        yield running
        running.run("cluster.stop_cluster_sync()")


FIRSTS = "sorted({o.first.by for s in found for b in s.branches for o in b.outcomes if o.first})"


@pytest.mark.parametrize("name", ["rc", "view", "balanced"])
def test_functions_of_cells_on_two_engines_and_here(notebook: Kernel, name: str) -> None:
    shown = notebook.run(
        f"%%branchcov --engines {name} --counts --view text -o found\n"
        "def sign(x):\n"
        "    return 1 if x > 0 else -1\n"
        "rc[0].apply_sync(clip, 5, 0, 3), rc[1].apply_sync(clip, -5, 0, 3), balanced.apply_sync(sign, 1), sign(-1)"
    )
    assert (shown.status, shown.stderr, shown.value) == ("ok", "", "(3, 0, 1, -1)")
    assert shown.text.startswith("branchcov: 5 of 6 outcomes covered")
    firsts = notebook.ask(FIRSTS)
    assert re.fullmatch(r"\['(In \[\d+\])', '\1 · engine 0', '\1 · engine 1'\]", firsts)
    assert notebook.ask("sum(o.hits for s in found for b in s.branches for o in b.outcomes)") == "5"


def test_a_view_of_one_engine_measures_that_one(notebook: Kernel) -> None:
    notebook.run("some = rc[[1]]")
    shown = notebook.run(
        "%%branchcov --engines some --view text -o found\n"
        "rc[0].apply_sync(clip, 5, 0, 3), some.apply_sync(clip, 1, 0, 3)"
    )
    assert shown.status == "ok", shown.traceback
    assert notebook.ask("sum(o.hits for s in found for b in s.branches for o in b.outcomes)") == "2"


def test_modules_on_engines(notebook: Kernel) -> None:
    shown = notebook.run(
        "%%branchcov --engines rc --source px_work --view text -o found\n"
        "import px_work\n"
        "rc[0].apply_sync(px_work.size, 1), rc[1].apply_sync(px_work.size, 99)"
    )
    assert (shown.status, shown.value) == ("ok", "('small', 'big')")
    assert notebook.ask("[(s.source.name, s.totals.covered) for s in found if s.source.kind == 'file']") == (
        "[('px_work.py', 2)]"
    )


def test_a_px_cell_shows_its_code_and_what_it_calls_of_an_earlier_one(notebook: Kernel) -> None:
    shown = notebook.run(
        "%%branchcov --engines rc --view text\n%%px --no-stream\n"
        "def half(x):\n    return x // 2 if x % 2 == 0 else None\n_ = half(2)"
    )
    assert shown.status == "ok", shown.traceback
    (text,) = (each["text/plain"] for each in shown.displays if each["text/plain"].startswith("branchcov"))
    assert text == (
        "branchcov: 1 of 2 outcomes covered (50.0%)\n"
        "  4 |     return x // 2 if x % 2 == 0 else None\n"
        "    |                      ^^^^^^^^^^ never false\n"
        "    |                                      ^^^^ never ran"
    )
    shown = notebook.run("%%branchcov --engines rc --view text\n%px _ = half(3)")
    assert shown.status == "ok", shown.traceback
    assert any("half 1 of 2, missed in 4" in each["text/plain"] for each in shown.displays)


def test_a_px_cell_with_a_magic_in_it(notebook: Kernel) -> None:
    shown = notebook.run(
        "%%branchcov --engines rc --view text\n%%px --no-stream\nwhere = %pwd\nfound = 1 if where else 2\nhere = !echo"
    )
    assert shown.status == "ok", shown.traceback
    (text,) = (each["text/plain"] for each in shown.displays if each["text/plain"].startswith("branchcov"))
    assert text.splitlines()[:2] == ["branchcov: 1 of 2 outcomes covered (50.0%)", "  4 | found = 1 if where else 2"]


def test_nothing_stays_on_the_engines(notebook: Kernel) -> None:
    notebook.run("%%branchcov --engines rc --quiet\nrc[:].apply_sync(clip, 1, 0, 3)")
    notebook.run(
        "def left():\n"
        "    from ipyparallel.serialize import codeutil\n"
        "    from ipy_branchcov.processes.engines import on_worker\n"
        "    return len(on_worker._runs), hasattr(codeutil.code_ctor, '__wrapped__')"
    )
    assert notebook.ask("set(rc[:].apply_sync(left))") == "{(0, False)}"


def test_what_is_no_client_is_refused() -> None:
    with pytest.raises(UsageError, match="MetaHasTraits is no client and no view; connect one"):
        ipyparallel.engine(ipyparallel.Client)


def test_an_engine_that_died_is_reported_and_the_other_counts(notebook: Kernel) -> None:
    """The last one: it has one engine less afterwards."""
    shown = notebook.run(
        "%%branchcov --engines rc --fail-under 1 --view text\n"
        "import time\n"
        "rc[0].apply_async(os._exit, 1)\n"
        "while 0 in rc.ids:\n"
        "    time.sleep(0.05)\n"
        "rc[1].apply_sync(clip, 1, 0, 3)"
    )
    assert (shown.status, shown.error) == ("error", "BelowThreshold")
    line = "branchcov: lost: engine 0: ended before its data could be collected; what it ran is lost\n"
    assert shown.stderr.endswith(line)
    assert shown.text.startswith("branchcov: 4 of ")
