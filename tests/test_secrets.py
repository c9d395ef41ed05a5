"""Values of first hits may be secrets: without --values they are in no file, and they are in no saved notebook."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ipy_branchcov import load
from ipy_branchcov.cli import main
from ipy_branchcov.data.files import save
from ipy_branchcov.model.branch import Branch, FirstHit, Outcome
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports import live_view, pages, presented, summary, terminal, widget
from ipy_branchcov.reports.files import write_reports
from ipy_branchcov.reports.record import record

SECRET = "sk-live-1234567890"
PROGRAM = 'secret = "sk-" + "-".join(["live", "1234567890"])\nif secret.startswith("sk-"):\n    x = 1\n'
#: Before 3.12 nothing of ours runs when an outcome is covered.
values_known = pytest.mark.skipif(sys.version_info < (3, 12), reason="no values on this Python")
KINDS = ("html", "json", "lcov", "cobertura")


def with_a_secret() -> Coverage:
    first = FirstHit("In [1]", {"secret": repr(SECRET)})
    branch = Branch("if", Span(2, 3, 2, 27), (Outcome("true", 1, first=first), Outcome("false")))
    return Coverage((SourceCoverage(Source("In [1]", PROGRAM), (branch,)),), frozenset({"3.14.0"}), counted=False)


def leaks(folder: Path) -> list[str]:
    """The files below a folder that have the secret."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and SECRET in path.read_text("utf-8"))


def run(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "ipy_branchcov", *words]
    subprocess.run(command, cwd=folder, check=True, timeout=120, capture_output=True)


def test_report_files(tmp_path: Path) -> None:
    coverage = with_a_secret()
    write_reports(coverage, {kind: tmp_path / kind for kind in KINDS})
    save(coverage, tmp_path / "data.json")
    presented.Coverage.of(coverage).write(json=tmp_path / "written.json", html=tmp_path / "one.html")
    (tmp_path / "text.json").write_text(presented.Coverage.of(coverage).to_json())
    assert leaks(tmp_path) == []
    first = load(tmp_path / "data.json").sources[0].branches[0]["true"].first
    assert first == FirstHit("In [1]")
    write_reports(coverage, {"json": tmp_path / "json", "html": tmp_path / "html"}, values=True)
    save(coverage, tmp_path / "data.json", values=True)
    presented.Coverage.of(coverage).write(json=tmp_path / "written.json", html=tmp_path / "one.html", values=True)
    (tmp_path / "text.json").write_text(presented.Coverage.of(coverage).to_json(values=True))
    assert leaks(tmp_path) == ["cells.html", "data.json", "json", "one.html", "text.json", "written.json"]
    assert load(tmp_path / "data.json").sources == coverage.sources


def test_the_record_and_texts() -> None:
    coverage = presented.Coverage.of(with_a_secret())
    texts = [
        *coverage._repr_mimebundle_().values(),
        record(coverage, whole=True).html,
        *record(coverage).bundle.values(),
        terminal.render(coverage, counts=True, color=True),
        terminal.render(coverage, counts=True),
        summary.render(coverage, missing=True),
        *pages.render(coverage, "title").values(),
        repr(coverage),
    ]
    assert [text for text in texts if SECRET in text] == []


def test_the_state_of_a_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A front end can save it into the notebook. A view on the page asks for the values, and gets them."""
    sent: list[object] = []
    monkeypatch.setattr(widget.CoverageWidget, "send", lambda self, content: sent.append(content))
    made = widget.CoverageWidget(live_view.View(with_a_secret()), record="record")
    made.show(live_view.View(with_a_secret()), record="record")
    data = zlib.decompress(base64.b64decode(made.data)).decode()
    assert "never covered" in data and SECRET not in data + str(made.get_state())
    assert sent == []
    for wrong in (
        {"view": "v1"},
        {"view": "v1", "source": 7, "known": True},
        {"view": "v1", "source": "0", "known": 1},
    ):
        made._handle_custom_msg({"view": "v1"} | wrong, [])
    assert sent == []
    made._handle_custom_msg({"view": "v1", "source": 0, "known": True}, [])
    sentence = f"if: true covered, first by In [1] with secret={SECRET!r}; false never covered"
    values = [{"mark": 0, "sentence": sentence, "values": [[("secret", repr(SECRET))], []]}]
    assert sent == [
        {"view": "v1", "number": 0, "source": None, "lines": [], "marks": [], "values": values, "last": True}
    ]


def test_report_and_merge(tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    save(with_a_secret(), data, values=True)
    places = [f"--{kind}={tmp_path / 'out' / kind}" for kind in KINDS]
    assert main(["report", str(data), *places], stdout=io.StringIO()) == 0
    assert main(["merge", str(data), str(data), "-o", str(tmp_path / "out" / "sum.json")]) == 0
    assert leaks(tmp_path / "out") == []
    assert main(["report", str(data), *places, "--values"], stdout=io.StringIO()) == 0
    assert main(["merge", str(data), "-o", str(tmp_path / "out" / "sum.json"), "--values"]) == 0
    assert leaks(tmp_path / "out") == ["cells.html", "json", "sum.json"]


@values_known
def test_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "ipy_branchcov")
    assert shell.run_cell(f"%%branchcov -q --json cell.json --html h\n{PROGRAM}").success
    shell.run_line_magic("branchcov_report", "-q --json report.json")
    assert leaks(tmp_path) == []
    assert shell.run_cell(f"%%branchcov -q --json cell.json --html h --values\n{PROGRAM}").success
    shell.run_line_magic("branchcov_report", "-q --json report.json --values")
    assert leaks(tmp_path) == ["cell.json", "cells.html", "report.json"]
    shell.run_line_magic("unload_ext", "ipy_branchcov")


@values_known
@pytest.mark.slow
def test_a_script(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    places = ["--data=d.json", "--json=j.json", "--html=h", "--lcov=l.info", "--cobertura=c.xml"]
    run(tmp_path, "run", *places, "program.py")
    assert leaks(tmp_path) == []
    run(tmp_path, "run", *places, "--values", "program.py")
    assert leaks(tmp_path) == ["d.json", "j.json", "program.py.html"]


@values_known
@pytest.mark.slow
def test_a_notebook(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "id": "a", "source": PROGRAM, "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "p", "language": "python"}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "nb.ipynb").write_text(json.dumps(notebook))
    run(tmp_path, "run", "nb.ipynb", "--data=d.json", "--html=h")
    assert leaks(tmp_path) == []
    run(tmp_path, "run", "nb.ipynb", "--data=d.json", "--html=h", "--values")
    assert leaks(tmp_path) == ["d.json", "nb.ipynb.html"]


@values_known
@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_pytest(workers: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import subprocess, sys, program\ndef test_it():\n    program.use()\n"
        "    subprocess.run([sys.executable, '-c', 'import program; program.use()'], check=True)\n"
    )
    body = "".join(f"    {line}\n" for line in PROGRAM.splitlines())
    (tmp_path / "program.py").write_text(f"def use():\n{body}")
    words = ["-m", "pytest", "-q", "-n", workers, "--branchcov=program.py"]
    words += [each for name in ("cacheprovider", "nbval", "hypothesispytest") for each in ("-p", f"no:{name}")]
    words += ["--branchcov-report=json:j.json", "--branchcov-report=html:h"]
    for more, found in (([], []), (["--branchcov-values"], ["j.json", "program.py.html"])):
        done = subprocess.run(
            [sys.executable, *words, *more], cwd=tmp_path, check=False, timeout=120, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert leaks(tmp_path) == found
