"""Cells are reported as lines of their notebook's file, where its JSON has a line for each line of source."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from ipy_branchcov.data.notebook_files import read_cells
from ipy_branchcov.errors import DataError
from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.continued import joined
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, Span, cell_text, split_lines
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.notebook import cells as cells_of_kernel
from ipy_branchcov.notebook.timed import line_statements
from ipy_branchcov.reports import github, lcov
from ipy_branchcov.reports.by_line import UNPLACED, files, place_cells
from ipy_branchcov.reports.files import write_reports
from tests.project import Project

#: Sources of cells: what JSON escapes, what is more than one character there, and lines that end as few do.
SOURCES = {
    "plain": 'x = 1\nif x:\n    y = "é"\n',
    "escaped": '\ty = "\\n\\"", \'\\\\\', "\x07"; z\nz',
    "one": "x",
    "wide": 'a = "🙂é名", b; c',
    "blank": "\n  \n\nx = 1\ny\n\n",
    "other ends": "a\r\nb\x0cc\nd\u2028e",
}


def write(sources: dict[str, str], name: str = "nb.ipynb", **how: object) -> Path:
    """A notebook, with a text cell between its code cells, as nbformat writes it, or as ``json.dumps`` is told."""
    cells = []
    for key, source in sources.items():
        cells += [nbformat.v4.new_markdown_cell('"source": [\n'), nbformat.v4.new_code_cell(source, id=key[:3])]
    notebook = nbformat.v4.new_notebook(cells=cells)
    text = nbformat.writes(notebook)
    Path(name).write_text(json.dumps(json.loads(text), **how) if how else text, "utf-8")  # type: ignore[arg-type]
    return Path(name)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("ascii", [True, False])
def test_each_character_is_found_in_the_file(ascii: bool) -> None:
    path = write(SOURCES, indent=1, ensure_ascii=ascii)
    lines = path.read_text("utf-8").split("\n")
    cells = read_cells(path)
    assert list(cells) == [key[:3] for key in SOURCES]
    for key, text in SOURCES.items():
        cell, source = cells[key[:3]], Source("", cell_text(text))
        assert cell.source.digest == source.digest
        for number, line in enumerate(source.lines, 1):
            for column, character in enumerate(line):
                place, start = cell.place(number, column)
                end = cell.place(number, column + 1)[1]
                if column + 1 < len(line) and character not in "\x0c\u2028":  # there nbformat begins another string
                    assert json.loads(f'"{lines[place - 1][start:end]}"') == character, (key, number, column)


def test_cells_without_ids_are_found_by_their_numbers() -> None:
    path = write(SOURCES, indent=1)
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        del cell["id"]
    path.write_text(json.dumps(notebook, indent=2))
    assert list(read_cells(path)) == [str(2 * number) for number in range(1, len(SOURCES) + 1)]


def test_notebooks_whose_lines_are_not_lines_of_the_file_are_refused() -> None:
    joined = json.loads(write(SOURCES, indent=1).read_text())
    for cell in joined["cells"]:
        cell["source"] = "".join(cell["source"])
    for text in (json.dumps(joined, indent=1), json.dumps(json.loads(Path("nb.ipynb").read_text()))):
        Path("nb.ipynb").write_text(text)
        with pytest.raises(DataError, match="several lines of its cells stand on one line of the file"):
            read_cells(Path("nb.ipynb"))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": 3}', '{"cells": [3]}', '{"cells": [{"cell_type": "code"}]}', "[" * 99999]
)
def test_what_is_no_notebook_is_refused(text: str) -> None:
    Path("nb.ipynb").write_text(text)
    with pytest.raises(DataError, match="cannot be read as a notebook"):
        read_cells(Path("nb.ipynb"))
    with pytest.raises(DataError, match="cannot be read as a notebook"):
        read_cells(Path("nowhere.ipynb"))


# --- reports

CELLS = {
    "def": "\ndef pick(x):\n    return 'é', 'yes' if x else 'no'",
    "use": "pick(1)\ny = 3 if pick else 4",
}


def measured(name: str = "nb.ipynb") -> Coverage:
    branch = Branch("ifexp", Span(2, 25, 2, 26), (Outcome("true", 1), Outcome("false", 0)), "pick")
    other = Branch("ifexp", Span(2, 9, 2, 13), (Outcome("true", 1), Outcome("false", 0)))
    return merge(
        Coverage((SourceCoverage(Source(f"{name}#{key}", cell_text(CELLS[key])), (each,)),))
        for key, each in (("def", branch), ("use", other))
    )


def line_of(text: str, name: str = "nb.ipynb") -> int:
    return next(n for n, line in enumerate(Path(name).read_text("utf-8").split("\n"), 1) if text in line)


def test_cells_of_a_notebook_are_one_file() -> None:
    write(CELLS)
    cells = place_cells(measured(), Path())
    (file,) = files(measured(), cells)
    yes, four = line_of("'yes'"), line_of("else 4")
    assert (file.name, list(file.lines), file.totals.outcomes) == (
        "nb.ipynb",
        [yes - 1, yes, four - 1, four],
        4,
    )
    text = lcov.render(measured(), cells)
    assert text.count("SF:") == 1 and f"BRDA:{yes},0,1,0" in text and f"BRDA:{four},0,1,0" in text
    line = Path("nb.ipynb").read_text("utf-8").split("\n")[yes - 1]
    column = line.index("x else") + 1
    assert f"file=nb.ipynb,line={yes},col={column},endColumn={column + 1}," in github.render(measured(), cells)
    assert cells.notes == ()


def test_data_that_name_lines_which_a_cell_has_not_are_no_lines_of_the_file() -> None:
    write(CELLS)
    (source, *_) = measured().sources
    wrong = Coverage((replace(source, missed_lines=frozenset({99})),))
    written = write_reports(wrong, {"lcov": "c.info"}, github=True)
    assert "DA:99,0" in Path("c.info").read_text() and len(written.notes) == 1


def test_reports_say_where_they_fall_back() -> None:
    write(CELLS, indent=None)
    write(CELLS | {"use": CELLS["use"].replace("4", "5")}, "changed.ipynb")
    every = merge([measured(), measured("changed.ipynb"), measured("gone.ipynb"), measured("In")])
    written = write_reports(every, {"lcov": "c.info"}, github=True)
    end = "so its cells are reported as files of their own"
    assert written.notes == (
        f"In: cannot be read as a notebook, {end}",
        f"changed.ipynb: changed since it was measured, {end}",
        f"gone.ipynb: cannot be read as a notebook, {end}",
        f"nb.ipynb: several lines of its cells stand on one line of the file, {end}",
    )
    names = [line[3:] for line in Path("c.info").read_text().splitlines() if line.startswith("SF:")]
    assert sorted(names) == sorted(
        ["In#def", "In#use", "changed.ipynb", "changed.ipynb#use"]
        + [f"{name}.ipynb#{key}" for name in ("gone", "nb") for key in CELLS]
    )
    assert "file=nb.ipynb#" in written.annotations
    assert write_reports(every, {"json": "c.json"}).notes == ()  # for people: they know cells
    assert files(measured(), UNPLACED)[0].name == "nb.ipynb#def"


#: The name of a statement's source behind that of its cell, its text, and the columns in the cell of its branch.
STATEMENTS = {
    "%timeit in line 2": ("x if y else z", "y"),
    "%time in line 4": ("w = x or y", "x"),
    "%timeit in line 5": ("x or y", "x"),
}


def of_magics() -> tuple[str, Coverage]:
    cell = "if x:\n    %timeit -n1 -r1 x if y else z\n\nv = %time w = x  or   y\n%timeit -n 1 'é' and x or y"
    whole = Source("nb.ipynb#one", cell, compiled="if x:\n    a()\n\nb()\nc()")
    test = Branch("if", Span(1, 3, 1, 4), (Outcome("true", 1), Outcome("false", 0)))
    found = [SourceCoverage(whole, (test,))]
    for name, (text, what) in STATEMENTS.items():
        start = text.index(f"{what} ")
        branch = Branch("or", Span(1, start, 1, start + 1), (Outcome("true", 0), Outcome("false", 1)))
        found.append(SourceCoverage(Source(f"nb.ipynb#one, {name}", text), (branch,)))
    return cell, Coverage(tuple(found))


def test_the_statement_of_a_line_magic_is_reported_on_its_line_of_the_notebook() -> None:
    cell, coverage = of_magics()
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell, id="one")]), "nb.ipynb")
    cells = place_cells(coverage, Path())
    assert cells.notes == ()
    (file,) = files(coverage, cells)
    text = Path("nb.ipynb").read_text("utf-8").split("\n")
    typed = cell.split("\n")
    places = {line_of(json.dumps(line, ensure_ascii=False)[1:-1]): line for line in typed if line}
    assert file.totals.outcomes == 8 and set(file.lines) == set(places)
    for number, line in file.lines.items():
        (branch,) = line.branches
        start = places[number].index(
            "y else" if "else" in places[number] else "x  or" if "w" in places[number] else "x"
        )
        assert branch.span.column == start, places[number]
    for command in github.render(coverage, cells).splitlines():
        properties = dict(each.split("=") for each in command.partition("::warning ")[2].partition(":")[0].split(","))
        line, column, end = (int(properties[key]) for key in ("line", "col", "endColumn"))
        assert text[line - 1][column - 1 : end - 1] in ("x", "y"), command


def test_a_line_magic_that_goes_on_behind_a_backslash_is_reported_on_its_lines() -> None:
    typed = (
        "%timeit -n1 f(a) and \\\n    (g if h else i)\n!echo \\\n x\nb = 2 if j else 3\nc = %time d or \\\n  k\nd = l"
    )
    compiled = TransformerManager().transform_cell(typed)
    text = joined(typed)
    assert len(text.places) == len(split_lines(compiled.rstrip("\n")))
    sources = {"": cells_of_kernel._source("nb.ipynb#one", typed, compiled)}
    for each in line_statements(compiled):
        if each.text.startswith(("f(a)", "d or")):
            name = f"nb.ipynb#one, %{each.magic} in line {text.typed_line(each.line)}"
            sources[each.magic] = Source(name, each.text)
    coverage = Coverage(tuple(SourceCoverage(each) for each in sources.values()))
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(typed, id="one")]), "nb.ipynb")
    written = Path("nb.ipynb").read_text("utf-8").split("\n")
    cells = place_cells(coverage, Path())
    assert cells.notes == ()
    for magic, names in {"": "jl", "timeit": "ahi", "time": "dk"}.items():
        source = sources[magic]
        for name in names:
            found = re.search(rf"\b{name}\b", source.text)
            assert found is not None
            above = source.text[: found.start()].split("\n")
            line, column = cells.places[source.name].place(len(above), len(above[-1]))
            assert re.match(rf"{name}\b", written[line - 1][column:]), (magic, name, line, column)


def test_what_no_line_of_the_notebook_has_is_a_file_of_its_own() -> None:
    cell, coverage = of_magics()
    changed = cell.replace("y else", "1 else")
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(changed, id="one")]), "nb.ipynb")
    (note,) = place_cells(Coverage(coverage.sources[:2]), Path()).notes
    assert note == "nb.ipynb: changed since it was measured, so its cells are reported as files of their own"
    below = replace(coverage.sources[2], missed_lines=frozenset({2}))
    assert place_cells(Coverage((below,)), Path()).notes == (note,)
    (branch,) = coverage.sources[2].branches
    beyond = replace(coverage.sources[2], branches=(replace(branch, span=Span(1, 5, 1, 10**9)),))
    (file,) = files(Coverage((beyond,)), place_cells(Coverage((beyond,)), Path()))
    assert file.name == "nb.ipynb"
    inner = SourceCoverage(Source("nb.ipynb#one, inner cell 1", "x or y"))
    (note,) = place_cells(Coverage((inner,)), Path()).notes
    assert note == "nb.ipynb: code that its cells pass to run_cell is reported as files of its own"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("git"), reason="diff-cover compares with git")
def test_diff_cover_finds_the_lines_of_a_changed_cell() -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1", id="a")]), "nb.ipynb")
    git = ["git", "-c", "user.name=n", "-c", "user.email=e"]
    for command in (["init", "-q"], ["add", "nb.ipynb"], ["commit", "-q", "-m", "before"]):
        subprocess.run([*git, *command], check=True)
    cell = nbformat.v4.new_code_cell("x = 1\nif x > 1:\n    y = 2\nz = 3 if x else 4", id="a")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), "nb.ipynb")
    command = [sys.executable, "-m", "ipy_branchcov", "run", "nb.ipynb", "--lcov", "cov.lcov", "--xml", "cov.xml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done
    lines = [line_of(text) for text in ("if x > 1", "y = 2", "z = 3")]
    # The lines with JSON's own brackets are no lines of code.
    for report, more, missing in (
        ("cov.lcov", (), lines[1:2]),
        ("cov.xml", (), lines[1:2]),
        ("cov.xml", ("--branch-coverage",), lines),
    ):
        tool = [sys.executable, "-m", "diff_cover.diff_cover_tool", report, "--compare-branch", "HEAD", *more]
        shown = subprocess.run(tool, capture_output=True, text=True, check=False)
        ranges = f"{missing[0]}-{missing[-1]}" if len(missing) > 1 else missing[0]
        assert f"Missing lines {ranges}\n" in shown.stdout, shown


@pytest.mark.slow
def test_pytest_reports_cells_as_lines_of_the_notebook(tmp_path: Path) -> None:
    project = Project(tmp_path)
    ended = project.run("--branchcov", "--nbval", "docs", "--branchcov-report=github")
    line = line_of("if x else 0", "docs/guide.ipynb")
    assert ended.status == 0, ended
    assert f"::warning file=docs/guide.ipynb,line={line},col=" in ended.text
