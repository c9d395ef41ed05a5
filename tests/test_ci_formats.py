"""What CI services read and people see there: SonarQube's XML, Markdown of step summaries, GitHub's annotations."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from lxml import etree
from markdown_it import MarkdownIt

from ipy_branchcov.model.branch import Branch, Outcome
from ipy_branchcov.model.coverage import Coverage, merge
from ipy_branchcov.model.source import Source, Span
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.reports import github, markdown, sonar
from ipy_branchcov.session.session import Session

PROGRAM = """\
def pick(x, y):
    if x > 0 and y in ("|", "`"):
        return "both"

    def inner(z): return 1 if z else 2
    return [
        inner]


class Late:
    def get(self):
        return self.x if self.x else None


pick(1, "|")
"""


@pytest.fixture
def coverage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Coverage:
    monkeypatch.chdir(tmp_path)
    Path("program.py").write_text(PROGRAM)
    session = Session()
    session.add_source("program.py")
    with session.measuring("test") as run:
        exec(compile(PROGRAM, str(tmp_path / "program.py"), "exec", dont_inherit=True), {"__name__": "__main__"})
    return run.coverage


def named(coverage: Coverage, *names: str) -> Coverage:
    """The same program under several names."""
    (one,) = coverage.sources
    return merge(Coverage((replace(one, source=replace(one.source, name=name)),)) for name in names)


# --- SonarQube

#: The form that SonarQube's documentation publishes.
XSD = """\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="coverage"><xs:complexType>
    <xs:sequence><xs:element name="file" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
      <xs:sequence><xs:element name="lineToCover" minOccurs="0" maxOccurs="unbounded"><xs:complexType>
        <xs:attribute name="lineNumber" type="xs:positiveInteger" use="required"/>
        <xs:attribute name="covered" type="xs:boolean" use="required"/>
        <xs:attribute name="branchesToCover" type="xs:nonNegativeInteger"/>
        <xs:attribute name="coveredBranches" type="xs:nonNegativeInteger"/>
      </xs:complexType></xs:element></xs:sequence>
      <xs:attribute name="path" type="xs:string" use="required"/>
    </xs:complexType></xs:element></xs:sequence>
    <xs:attribute name="version" type="xs:positiveInteger" use="required"/>
  </xs:complexType></xs:element>
</xs:schema>"""


def test_sonar_reads_its_own_form(coverage: Coverage) -> None:
    root = etree.fromstring(sonar.render(named(coverage, "a.py", "b & <c>.py")).encode())
    etree.XMLSchema(etree.parse(StringIO(XSD))).assertValid(root)
    assert [each.get("path") for each in root] == ["a.py", "b & <c>.py"]
    lines = {int(str(line.get("lineNumber"))): line for line in root[0]}
    assert len(lines) == len(root[0])
    branches = {n: (line.get("coveredBranches"), line.get("branchesToCover")) for n, line in lines.items()}
    assert {n: each for n, each in branches.items() if each[1]} == {2: ("2", "4"), 5: ("0", "2"), 12: ("0", "2")}
    assert [n for n, line in lines.items() if line.get("covered") == "false"] == [5, 6, 12]


# --- Markdown


def tables(text: str) -> list[tuple[str, list[list[str]]]]:
    """Headings, each with the rows of its table, as a reader of GitHub's Markdown sees them."""
    found: list[tuple[str, list[list[str]]]] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for before, token in pairwise(tokens):
        shown = "".join(each.content for each in token.children or ())
        if before.type == "heading_open":
            found.append((shown, []))
        elif before.type == "tr_open":
            found[-1][1].append([])
        if before.type in ("th_open", "td_open"):
            found[-1][1][-1].append(shown)
    return found


def test_markdown_has_the_total_and_a_table_of_each_source_with_misses(coverage: Coverage) -> None:
    whole = Coverage((SourceCoverage(Source("whole.py", "x = 1\n", "file")),))
    found = tables(markdown.render(merge([named(coverage, "pkg/__init__.py"), whole])))
    assert found == [
        ("Branch coverage: 2 of 8 outcomes covered (25.0%)", []),
        (
            "pkg/__init__.py: 2 of 8 outcomes covered (25.0%)",
            [
                ["Line", "Function", "Code", "Missed"],
                ["2", "pick", "x > 0", "never false"],
                ["2", "pick", 'y in ("|", "`")', "never false"],
                ["5-7", "pick", "", "3 lines never ran"],
                ["12", "Late.get", "", "never ran"],
            ],
        ),
    ]


@pytest.mark.parametrize("text", ["x | y", "a\\|b", "`", "``x`` or y", "`x`", "*a* _b_ <b>&amp; [x](y)", "~~x~~"])
def test_markdown_shows_code_and_names_as_they_are(text: str) -> None:
    branch = Branch("if", Span(1, 3, 1, 3 + len(text)), (Outcome("true", 1), Outcome("false", 0)))
    source = SourceCoverage(Source(f"{text}.py", f"if {text}: pass\n", "file"), (branch,))
    ((_, _), (name, (_, row))) = tables(markdown.render(Coverage((source,))))
    assert name.startswith(f"{text}.py: 1 of 2") and row[2] == text


def test_markdown_fits_into_a_summary(coverage: Coverage) -> None:
    several = named(coverage, *(f"ä{number:02}.py" for number in range(20)))
    assert len(tables(markdown.render(several))) == 21
    text = markdown.render(several, 2000)
    shown = len(tables(text)) - 1
    assert len(text.encode()) <= 2000 and 0 < shown < 20
    assert text.endswith(f"\n{20 - shown} more sources have misses.\n")


def test_markdown_says_what_was_lost(coverage: Coverage) -> None:
    text = markdown.render(replace(coverage, lost=frozenset({"a *process* was killed"})))
    assert "- lost: a \\*process\\* was killed" in text


# --- GitHub

#: As the runner reads a command: values end at a comma, and nothing else in them is a separator.
COMMAND = re.compile(r"::warning (?P<properties>[^:\r\n]*)::(?P<message>[^\r\n]*)")


def commands(text: str) -> list[dict[str, str]]:
    found = []
    for line in text.splitlines():
        match = COMMAND.fullmatch(line)
        assert match is not None, line
        properties = dict(each.split("=", 1) for each in match["properties"].split(","))
        read = {key: unescaped(value) for key, value in properties.items()}
        assert set(read) <= {"file", "line", "endLine", "col", "endColumn", "title"}
        found.append(read | {"message": unescaped(match["message"])})
    return found


def unescaped(text: str) -> str:
    assert re.fullmatch(r"(?:[^%]|%(?:25|0D|0A|3A|2C))*", text), text
    for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_annotations_stand_at_their_places(coverage: Coverage) -> None:
    file = {"file": "program.py", "title": "Branch coverage"}
    assert commands(github.render(coverage)) == [
        file | {"line": "2", "col": "8", "endColumn": "13", "message": "x > 0: never false (in pick)"},
        file | {"line": "2", "col": "18", "endColumn": "33", "message": 'y in ("|", "`"): never false (in pick)'},
        file | {"line": "5", "endLine": "7", "message": "3 lines never ran (in pick)"},
        file | {"line": "12", "endLine": "12", "message": "never ran (in Late.get)"},
    ]


def test_annotations_are_escaped() -> None:
    text = "x % 2, {1: '%0A'}"
    branch = Branch("if", Span(1, 3, 1, 3 + len(text)), (Outcome("true", 1), Outcome("false", 0)))
    source = SourceCoverage(Source("a,b:c%2C.py", f"if {text}: pass\n", "file"), (branch,))
    (found,) = commands(github.render(Coverage((source,))))
    assert (found["file"], found["message"]) == ("a,b:c%2C.py", f"{text}: never false")


def test_ten_annotations_are_spread_over_files_and_changed_lines_come_first(coverage: Coverage) -> None:
    several = named(coverage, *(f"{number}.py" for number in range(6)))
    found = [(each["file"], each["line"]) for each in commands(github.render(several))]
    assert len(found) == 10
    assert found[:6] == [(f"{number}.py", "2") for number in range(6)]
    changed = {"5.py": {6}, "4.py": {12}}
    found = [(each["file"], each["line"]) for each in commands(github.render(several, changed=changed))]
    assert found[:3] == [("5.py", "5"), ("4.py", "12"), ("0.py", "2")] and len(found) == 10
