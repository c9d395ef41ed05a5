"""``%branchcov_suggest`` in a live kernel: definitions of other cells, automatic measurement, what is left behind."""

from __future__ import annotations

import pytest

from tests.kernel import kernel

pytestmark = pytest.mark.slow


def test_magic_in_a_kernel() -> None:
    with kernel() as live:
        live.run("%load_ext ipy_branchcov")
        live.run("import enum\nclass Colour(enum.Enum):\n    RED = 1\n    BLUE = 2\nLIMIT, calls = 4711, []")
        live.run("def is_large(n): return n > LIMIT")
        live.run(
            "def f(n, colour=Colour.RED):\n    calls.append(n)\n"
            "    if is_large(n) and colour is Colour.BLUE:\n        return 1\n    return 0"
        )
        live.run("%%branchcov\nf(3)")
        shown = live.run("%branchcov_suggest -t 30 f")
        assert shown.status == "ok", shown.traceback
        assert "3 of 3 missed outcomes of f" in shown.stdout and "Colour.BLUE)" in shown.stdout
        assert live.run("calls").value == "[3]", "a trial changed the notebook's own objects"
        wrong = live.run("%branchcov_suggest g")
        assert wrong.status == "error" and "no function called g" in wrong.stderr + wrong.traceback
        live.run("%branchcov_auto on")
        again = live.run("%branchcov_suggest -t 30 --as-tests f")
        assert again.status == "ok" and "def test_f_1():" in again.stdout and "..." in again.stdout
        put = live.run("%branchcov_suggest -t 30 --insert f")
        assert put.status == "ok" and len(put.inputs) == 1 and "Colour.BLUE)  # line" in put.inputs[0]
        inserted = live.run(put.inputs[0])
        assert put.inputs[0].startswith("%%branchcov\n") and inserted.status == "ok", inserted.traceback
        assert "nothing is missed in f" in live.run("%branchcov_suggest -t 30 f").stdout
