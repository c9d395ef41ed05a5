"""``# branchcov: no true``: what it exempts, and what is said of one that is wrong or no longer needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_branchcov.analysis.decisions import decide
from ipy_branchcov.analysis.exemptions import exemptions
from ipy_branchcov.cli import main
from ipy_branchcov.model.branch import BranchMap
from ipy_branchcov.model.source import Source


def found(text: str) -> BranchMap:
    return decide(Source("a.py", text, "file")).map


def exempted(text: str) -> list[str]:
    lines = text.split("\n")
    return [
        f"{outcome.name}({lines[branch.span.line - 1][branch.span.column : branch.span.end_column]})"
        for branch in found(text).branches
        for outcome in branch.outcomes
        if outcome.excluded and not branch.composite
    ]


EXEMPTED = {
    "if a: x  # branchcov: no true": ["true(a)"],
    "if a:  # branchcov: no false\n    x": ["false(a)"],
    "if a:  #branchcov:no false\n    x": ["false(a)"],
    "if a:  # noqa  # branchcov: no false  # the parser sees to it\n    x": ["false(a)"],
    "while a:  # branchcov: no false -- it returns\n    x": ["false(a)"],
    "for a in b:  # branchcov: no exhausted\n    x": ["exhausted(a in b)"],
    "for a in b:  # branchcov: no body\n    x": ["body(a in b)"],
    "try: x\nexcept A:  # branchcov: no match\n    y": ["match(A)"],
    "match a:\n    case 1:  # branchcov: no nomatch\n        x": ["nomatch(1)"],
    "match a:\n    case 1 if b:  # branchcov: no false\n        x": ["false(b)"],
    "match a:\n    case [1, b]:  # branchcov: no nomatch\n        x": ["nomatch([1, b])", "nomatch(1)"],
    "match a:\n    case [1, 2]:  # branchcov: no nomatch(2)\n        x": ["nomatch(2)"],
    "with a:  # branchcov: no suppressed\n    x": ["suppressed(a)"],
    "assert a  # branchcov: no true": ["true(a)"],
    "x = 1 if a else 2  # branchcov: no false": ["false(a)"],
    "x = [b for b in c]  # branchcov: no body": ["body(b in c)"],
    "x = a or b or c  # branchcov: no true(b)": ["true(b)"],
    "if a < b and c:  # branchcov: no false(a<b)\n    x": ["false(a < b)"],
    "if a and f(b, (1))  :  # branchcov: no true( f(b,(1)) )\n    x": ["true(f(b, (1)))"],
    "if a and b == ')':  # branchcov: no true(b == ')')\n    x": ["true(b == ')')"],
    "if a and b:  # branchcov: no true\n    x": ["true(b)"],
    "if a or b:  # branchcov: no true\n    x": ["true(a)", "true(b)"],
    "if a and b:  # branchcov: no false\n    x": ["false(a)", "false(b)"],
    "if a and (b or c):  # branchcov: no false(b or c)\n    x": ["false(c)"],
    "if a and b:  # branchcov: no false(a), no true(b)\n    x": ["false(a)", "true(b)"],
    "if a and b:  # branchcov: no false(a), true(b)\n    x": ["false(a)", "true(b)"],
    "if a and b:  # branchcov: no false(a) no true(b)\n    x": ["false(a)", "true(b)"],
    "if a and b:  # branchcov: no false(a)  # branchcov: no true(b)\n    x": ["false(a)", "true(b)"],
    "if (a\n        and b):  # branchcov: no true(a)\n    x": ["true(a)"],
    "if (  # branchcov: no true(b)\n    a and\n    b\n):\n    x": ["true(b)"],
    "if any(b for b in c):  # branchcov: no exhausted\n    x": ["exhausted(b in c)"],
    "x = '# branchcov: no true' or a": [],
    "if a:  # branchcov is not used here\n    x": [],
}


@pytest.mark.parametrize("text", EXEMPTED)
def test_what_is_exempted(text: str) -> None:
    assert exempted(text) == EXEMPTED[text]
    assert found(text).wrong == ()


def test_comments_in_a_condition_are_no_part_of_it() -> None:
    text = "if a and f(1,  # one\n           2):  # branchcov: no true(f(1, 2))\n    x"
    (branch,) = (each for each in found(text).branches if each.span.line < each.span.end_line and not each.composite)
    assert [outcome.excluded for outcome in branch.outcomes] == [True, False]


WRONG = {
    "if a:  # branchcov: no body\n    x": (1, '"# branchcov: no body": not there; there is true(a), false(a)'),
    "if a:  # branchcov: no true(b)\n    x": (1, '"# branchcov: no true(b)": not there; there is true(a), false(a)'),
    "x = 1  # branchcov: no true": (1, '"# branchcov: no true": there is no branch here'),
    "if a:\n    # branchcov: no true\n    x": (2, '"# branchcov: no true": there is no branch here'),
    "x = a or b or c  # branchcov: no true": (
        1,
        '"# branchcov: no true": it says not which; there is true(a), true(b), true(c)',
    ),
    "if a:  # branchcov: yes\n    x": (
        1,
        '"# branchcov: yes" is not understood; write "# branchcov: no true" or "# branchcov: no false(CONDITION)"',
    ),
    "if a:  # branchcov: no true(a\n    x": (
        1,
        '"# branchcov: no true(a" is not understood; a parenthesis is not closed',
    ),
    "if a:  # branchcov: no true(a) it is not needed\n    x": (
        1,
        '"# branchcov: no true(a) it is not needed" is not understood; '
        'write "# branchcov: no true" or "# branchcov: no false(CONDITION)"',
    ),
    "if a:  # Branchcov: no true\n    x": (
        1,
        '"# Branchcov: no true" exempts nothing; write it with "# branchcov:"',
    ),
    "if a:  # noqa # branchcov no true\n    x": (
        1,
        '"# branchcov no true" exempts nothing; write it with "# branchcov:"',
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong(text: str) -> None:
    assert exemptions(decide(Source("a.py", text, "file"))) == ({}, [WRONG[text]])
    assert found(text).wrong == (WRONG[text],)


@pytest.mark.parametrize("comment", ["no true(b\x1b[2J", "no true(b\x9b)", "no body(\u202e)", "\x1b"])
def test_control_characters_of_a_comment_are_not_repeated(comment: str) -> None:
    ((line, message),) = found(f"if a:  # branchcov: {comment}\n    x").wrong
    assert line == 1 and message.isprintable()


def test_control_characters_of_a_reason_are_escaped() -> None:
    text = "if a and '\x1b' in b:  # branchcov: no true('\x1b' in b)\n    x"
    reasons = [outcome.reason for branch in found(text).branches for outcome in branch.outcomes if outcome.excluded]
    assert "# branchcov: no true('\\x1b' in b)" in reasons


PROGRAM = """\
def f(a, b):
    if a:  # branchcov: no false
        a = 1
    if b:  # branchcov: no false
        b = 1 if a else 2  # branchcov: no false
    return a  # branchcov: no true
f(1, 0)
f(1, 1)
"""


def test_every_report_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script, data, page = tmp_path / "m.py", tmp_path / "d.json", tmp_path / "page.html"
    script.write_text(PROGRAM)
    command = [sys.executable, "-m", "ipy_branchcov", "run", "--json", str(data), str(script)]
    subprocess.run(command, check=True, capture_output=True)
    assert main(["report", str(data)]) == 0
    name = json.loads(data.read_text())["sources"][0]["name"]
    assert capsys.readouterr().out.split("\n")[1:] == [
        f'  note: {name}:6: "# branchcov: no true": there is no branch here',
        "  note: exempted: line 2: # branchcov: no false, line 5: # branchcov: no false",
        "  note: no longer needed, for it was covered: line 4: # branchcov: no false",
        "",
    ]
    branches = json.loads(data.read_text())["sources"][0]["branches"]
    reasons = [(each["excluded"], each.get("reason")) for branch in branches for each in branch["outcomes"]]
    assert reasons == [(False, None), (True, "# branchcov: no false")] * 3
    assert main(["report", str(data), "--html", str(page)]) == 0
    assert "<b>false</b> – never covered, excluded: # branchcov: no false" in page.read_text()
    assert "exempted: line 2" in page.read_text()
