"""Cells from standard input, separated by lines ``# %%``: run without a front end, in a kernel, or written down."""

from __future__ import annotations

import re
import sys


def without_front_end(cells: list[str]) -> int:
    """Run them as IPython does in a terminal; the status is that of the last."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}), colors="nocolor")
    shell.run_line_magic("load_ext", "ipy_branchcov")
    result = None
    for cell in cells:
        result = shell.run_cell(cell, store_history=True)
    return 0 if result is None or result.success else 1


def in_kernel(cells: list[str]) -> int:
    """Run them in a kernel and print what each shows as text; the status is that of the last."""
    from tests.kernel import kernel

    with kernel() as live:
        live.run("%load_ext ipy_branchcov")
        for cell in cells:
            shown = live.run(cell)
            print(shown.stdout, shown.stderr, shown.value, sep="")
            for each in (*shown.displays, *shown.updates):
                print(each.get("text/plain", ""))
            print(shown.traceback)
    return 0 if shown.status == "ok" else 1


def write(path: str, cells: list[str]) -> int:
    """Write them as a notebook."""
    import nbformat

    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [nbformat.v4.new_code_cell(each) for each in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": spec}), path)
    return 0


if __name__ == "__main__":
    read = [each.strip("\n") for each in re.split(r"^# %%.*\n", sys.stdin.read(), flags=re.MULTILINE)]
    if sys.argv[1:2] == ["--kernel"]:
        sys.exit(in_kernel(read))
    sys.exit(write(sys.argv[2], read) if sys.argv[1:2] == ["--write"] else without_front_end(read))
