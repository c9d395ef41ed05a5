"""The pages of docs/ that are made from the code's own tables: kinds of branches, options, the form of data files.

    python -m tests.reference [--write]

compares the pages with what the code says, or writes them. They are written on one Python like on another.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipy_branchcov.analysis.branches import find_branches
from ipy_branchcov.data import json_form
from ipy_branchcov.model.branch import CONDITIONS, OUTCOMES, Branch
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.words import KINDS
from ipy_branchcov.selftest.run import PROGRAM
from ipy_branchcov.session.options import ReportOptions, RunOptions, SuggestOptions
from ipy_branchcov.session.table import Door, Option

DOCS = Path(__file__).parents[1] / "docs"
_KINDS = """\
# Kinds of branches

<!-- Made by: python -m tests.reference --write -->

A branch is a place in the source, and each way out of it is an outcome. The names below are those of `optional` and
`required` in the [configuration](options.md), and of `kind` in [data files](data.md). An outcome counts unless it
stands below *optional*, with the reason; some are optional at some places alone, as the last handler's `nomatch`, or a
value that is no test ([what counts](what-counts.md)).

| kind | what it is | outcomes | condition of MC/DC | optional |
|---|---|---|---|---|
"""
_EXAMPLES = """
## Examples

Lines of the program that `branchcov selftest` measures; the marked part is the branch.
"""
_OPTIONS = """\
# Options

<!-- Made by: python -m tests.reference --write -->

One table in the code makes the options of every door: a magic, a command, pytest, a configuration. So they have one
name and one meaning everywhere. For example, a gate of 90 %:

    %%branchcov --fail-under 90
    branchcov run --fail-under 90 notebook.ipynb
    pytest --branchcov=mypackage --branchcov-fail-under=90
    fail_under = 90                       # below [tool.branchcov] in pyproject.toml
    %config BranchCov.fail_under = 90

*cell* is `%%branchcov` and `%branchcov`; *auto* `%branchcov_auto`; *report magic* `%branchcov_report`; *suggest magic*
`%branchcov_suggest`; *run*, *report*, *suggest* are commands of `branchcov`; *pyproject* is `[tool.branchcov]`;
*IPython* its configuration (`%config BranchCov`).
"""
_DATA = """\
# Data files and the JSON report

<!-- Made by: python -m tests.reference --write -->

`--data`, `--json` and `--branchcov-report=json` write this form; `report`, `merge`, `diff`, `load()` and the baseline
read it. Its JSON schema is a file of the package,
[`branchcov-1.schema.json`](../ipy_branchcov/data/branchcov-1.schema.json); names that are
not in it may be added by later versions. A cell with one conditional expression, never false:

```json
JSON_EXAMPLE
```

Lines are counted from 1, columns from 0 in characters; a span is `[line, column, end line, end column]`, the end
exclusive.

| field | is | may be left out |
|---|---|---|
"""

_DOORS = {
    Door.CELL: "cell",
    Door.AUTO: "auto",
    Door.SHOW: "report magic",
    Door.RUN: "run",
    Door.REPORT: "report",
    Door.PYTEST: "pytest",
    Door.CONFIG: "pyproject",
    Door.TRAIT: "IPython",
    Door.SUGGEST: "suggest",
    Door.ASK: "suggest magic",
}
_TABLES = (
    ("What is measured", RunOptions),
    ("What is shown and written", ReportOptions),
    ("Suggestions", SuggestOptions),
)


def kinds() -> str:
    """The page of kinds of branches: each with its outcomes and an example, which is measured by the selftest."""
    source = Source("program.py", "\n".join(PROGRAM.read_text("utf-8").splitlines()), "file")
    branches = find_branches(source, ()).map.branches
    parts = [
        _KINDS,
    ]
    for kind, outcomes in OUTCOMES.items():
        reasons = dict.fromkeys(
            f"{each.name}: {each.reason}"
            for branch in branches
            for each in branch.outcomes
            if branch.kind == kind and not branch.composite and not each.required
        )
        what = KINDS[kind]
        condition = "yes" if kind in CONDITIONS else ""
        parts.append(f"| `{kind}` | {what} | {', '.join(outcomes)} | {condition} | {'; '.join(reasons)} |\n")
    parts.append(_EXAMPLES)
    for kind in OUTCOMES:
        span = _example(branches, kind).span
        line = source.lines[span.line - 1].partition("  # ")[0].rstrip()
        margin = len(line) - len(line.lstrip())
        end = min(span.end_column if span.end_line == span.line else len(line), len(line))
        mark = " " * (span.column - margin) + "^" * (end - span.column)
        parts.append(f"\n`{kind}`:\n\n    {line.strip()}\n    {mark}\n")
    return "".join(parts)


def _example(branches: tuple[Branch, ...], kind: str) -> Branch:
    """The first branch of a kind; of tests, one that is no decision of several conditions."""
    found = [branch for branch in branches if branch.kind == kind and branch.span.line == branch.span.end_line]
    return next((branch for branch in found if not branch.composite), found[0])


# --- options


def options() -> str:
    """The page of options: each one row of the code's table, with its spelling at each door."""
    parts = [
        _OPTIONS,
    ]
    for title, table in _TABLES:
        parts.append(f"\n## {title}\n\n| option | does | default | at |\n|---|---|---|---|\n")
        parts += [_row(row) for row in table.rows()]
    return "".join(parts)


def _row(row: Option) -> str:
    spellings: dict[str, list[str]] = {}
    for door, name in _DOORS.items():
        if door in row.doors:
            letter = f" `{row.letter}`" if row.letter and door in row.letters else ""
            before = (":" if row.is_report else "=") if door is Door.PYTEST else " "
            metavar = f"{before}{row.metavar}" if row.metavar and door not in Door.CONFIG | Door.TRAIT else ""
            spelled = row.flag(door).removeprefix("[tool.branchcov] ")
            spellings.setdefault(f"`{spelled}{metavar}`{letter}", []).append(name)
    at = "; ".join(f"{spelled}: {', '.join(names)}" for spelled, names in spellings.items())
    cells = (f"`{row.name}`", row.negative or row.help, _default(row), at)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(row: Option) -> str:
    if row.default in (None, "", (), frozenset()):
        return ""
    if isinstance(row.default, bool):
        return "on" if row.default else "off"
    return f"`{row.default}`"


# --- the form of data


def data() -> str:
    """The page of the JSON form: a small file, and each field with its type and its limits, from the schema."""
    found = SourceCoverage(source := Source("In [1]", "x = 1 if ready else 2"), find_branches(source, ()).map.branches)
    branch = found.branches[0]
    hit = replace(branch, outcomes=(replace(branch.outcomes[0], hits=1), *branch.outcomes[1:]))
    example = json_form.to_dict(Coverage((replace(found, branches=(hit,)),), frozenset({"3.14.0"})))
    text = json.dumps(example, indent=1)
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", text)
    parts = [
        _DATA.replace("JSON_EXAMPLE", text),
    ]
    parts += [f"| `{name}` | {what} | {left} |\n" for name, what, left in _fields(json_form.schema(), "")]
    return "".join(parts)


def _fields(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, part in schema.get("properties", {}).items():
        left = "" if name in schema.get("required", ()) else "yes"
        inner, way = part, f"{prefix}{name}"
        null = next((each for each in part.get("anyOf", ()) if each != {"type": "null"}), None)
        inner = null or inner
        yield way, _type(part), left
        while inner.get("type") == "array" and "items" in inner:
            inner, way = inner["items"], f"{way}[]"
        yield from _fields(inner, f"{way}.")


def _type(part: dict[str, Any]) -> str:
    if "anyOf" in part:
        return " or ".join(_type(each) for each in part["anyOf"])
    if "enum" in part or "const" in part:
        return "one of " + ", ".join(f"`{each}`" for each in part.get("enum", [part.get("const")]))
    kind = part.get("type")
    if kind == "array":
        least, most = part.get("minItems", 0), part.get("maxItems")
        many = "" if most is None else f" ({least} to {most:,})" if least != most else f" ({most})"
        return f"list{many} of {_type(part['items'])}" if "items" in part else "list"
    if kind == "integer":
        return f"whole number, {part['minimum']:,} to {part['maximum']:,}"
    if kind == "number":
        return f"number, {part['minimum']} to {part['maximum']}"
    if kind == "string":
        return f"text, at most {part['maxLength']:,} characters" if "maxLength" in part else "text"
    return {"boolean": "`true` or `false`", "null": "`null`", "object": "object"}.get(str(kind), str(kind))


PAGES: dict[str, Callable[[], str]] = {"kinds.md": kinds, "options.md": options, "data.md": data}


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the pages made from the code with the code, or write them.")
    parser.add_argument("--write", action="store_true")
    write, different = parser.parse_args().write, []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if not path.exists() or path.read_text("utf-8") != text:
            different.append(name)
            if write:
                path.write_text(text, "utf-8")
    print(f"{len(PAGES)} pages, {'written' if write else 'other than the code'}: {', '.join(different) or 'none'}")
    return 1 if different and not write else 0


if __name__ == "__main__":
    sys.exit(main())
