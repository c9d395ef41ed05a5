"""papermill: a notebook run with other parameters keeps its record, and its coverage is of what ran."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

papermill = pytest.importorskip("papermill")
pytestmark = pytest.mark.slow

PARAMETERS = "x = -1\nverbose = False"
BODY = """\
%%branchcov --json found.json
def kind(x):
    return "plus" if x > 0 else "minus"

if verbose:
    print("verbose")
kind(x)"""


def test_the_output_notebook_keeps_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cells = [
        nbformat.v4.new_code_cell("%load_ext ipy_branchcov", id="load"),
        nbformat.v4.new_code_cell(PARAMETERS, id="parameters", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(BODY, id="body"),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), "in.ipynb")
    papermill.execute_notebook("in.ipynb", "out.ipynb", {"x": 5}, progress_bar=False)
    out = nbformat.read("out.ipynb", as_version=4)
    assert [cell.metadata.get("tags") for cell in out.cells] == [[], ["parameters"], ["injected-parameters"], []]
    record, value = (
        out.cells[-1].outputs[::-1] if "text/html" in out.cells[-1].outputs[-1]["data"] else out.cells[-1].outputs
    )
    assert "'plus'" in value["data"]["text/plain"]
    assert set(record["data"]) >= {"text/html", "text/plain"} and not any("widget" in each for each in record["data"])
    assert "never false" in record["data"]["text/plain"] and "branchcov-record" in record["data"]["text/html"]
    (source,) = json.loads(Path("found.json").read_text())["sources"]
    hits = {each["kind"]: [outcome["hits"] for outcome in each["outcomes"]] for each in source["branches"]}
    assert hits == {"ifexp": [1, 0], "if": [0, 1]}
