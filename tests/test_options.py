"""Options are one table: every door is made from its rows, and a value given there arrives in the frozen options."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from ipy_branchcov.errors import UsageError
from ipy_branchcov.session.options import ReportOptions, RunOptions
from ipy_branchcov.session.table import (
    BRANCH_KINDS,
    COUNT,
    DIGITS,
    GLOBS,
    IDENTIFIER,
    NAMES,
    PATH,
    PATHS,
    PERCENT,
    REGEXES,
    SWITCH,
    TEXT,
    TEXTS,
    VIEW,
    Door,
    Kind,
    Option,
)
from tests.doors import ask

TABLES = (RunOptions, ReportOptions)
#: Those of runs and reports; test_suggest has those of suggestions.
DOORS = tuple(door for door in Door if door not in Door.SUGGEST | Door.ASK)
LINES = Door.MAGICS | Door.COMMANDS | Door.PYTEST
EVERY = [(row, door) for table in TABLES for row in table.rows() for door in DOORS if door in row.doors]
#: For each kind of value: texts to give, and what arrives. A switch arrives turned.
SAMPLES: dict[Kind, tuple[list[str], object]] = {
    PERCENT: (["62.5"], 62.5),
    COUNT: (["7"], 7),
    DIGITS: (["2"], 2),
    TEXT: (["settrace"], "settrace"),
    IDENTIFIER: (["found"], "found"),
    NAMES: (["rc"], ("rc",)),
    VIEW: (["html"], "html"),
    PATH: (["place/of.html"], Path("place/of.html")),
    TEXTS: (["json", "csv"], ("json", "csv")),
    BRANCH_KINDS: (["assert"], frozenset({"assert"})),
    # Paths in pyproject.toml start from its folder, but for globs that can match anywhere.
    GLOBS: (["*.so", "*/a,*/b"], ("*.so", "*/a", "*/b")),
    REGEXES: (["no.cover"], ("no.cover",)),
    PATHS: (["{lib = ['/lib', '*/lib']}"], (("/lib", "*/lib"),)),
}
#: Flags of parsers that are not options of a run or report.
OTHERS = {
    Door.RUN: {"--help"},
    Door.REPORT: {"--help"},
    Door.PYTEST: {"--branchcov-report", "--no-branchcov"},
}


def given(row: Option, door: Door) -> tuple[str, object]:
    """What is typed at a door for an option, and what has to arrive."""
    if row.kind is SWITCH:
        value = not row.default
        texts = {Door.CONFIG: f"{row.name} = {str(value).lower()}", Door.TRAIT: f"{row.name} = {value}"}
        return texts.get(door, row.flag(door)), value
    texts, value = SAMPLES[row.kind]
    if row.kind is PATHS:
        return f"{row.name} = {texts[0]}", value
    if door in LINES:
        between = ":" if door is Door.PYTEST and row.place else "="
        return " ".join(f"{row.flag(door)}{between}{text}" for text in texts), value
    typed = (
        texts
        if row.kind.many
        else float(texts[0])
        if row.kind is PERCENT
        else value
        if row.kind is DIGITS
        else texts[0]
    )
    return f"{row.name} = {typed!r}", value


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], list[dict[str, str]]]:
    """All doors' texts, and what arrives of each option at each of its doors."""
    cases = [(str(door.name), given(row, door)[0]) for row, door in EVERY]
    folder = tmp_path_factory.mktemp("doors")
    (folder / "place").mkdir()
    (folder / "place/of.html").touch()  # a configuration has to exist
    return ask(folder, cases)


def offered(text: str, door: Door) -> set[str]:
    """The options that a door's text names, as they are spelled there."""
    if door is Door.CONFIG:
        return {f"[tool.branchcov] {name}" for name in text.partition("there are ")[2].split(", ")}
    if door is Door.TRAIT:
        return set(re.findall(r"^BranchCov\.\w+(?==)", text, re.M))
    if door is Door.PYTEST:
        text = text[text.index("branch coverage inside the lines:") :].partition("\n\n")[0]
        kinds = re.search(r"Kind of report.*: (.*)\.", text)
        assert kinds is not None
        names = {row.alias: row.name for row in ReportOptions.rows(door) if row.alias}
        known = {names.get(kind, kind) for kind in kinds[1].split(", ")} - {"term", "term-missing"}
        files = {f"--branchcov-report={kind}" for kind in known}
        return files | set(re.findall(r"^ +(--[\w-]+)", text, re.M))
    return set(re.findall(r"^ +(?:-\w(?: \S+)?, |<-\w> \S*\s*)?(--[a-z-]+)", text, re.M))


@pytest.mark.parametrize("door", DOORS, ids=lambda door: str(door.name))
def test_a_door_offers_the_options_that_name_it_and_no_others(
    doors: tuple[dict[str, str], list[dict[str, str]]], door: Door
) -> None:
    texts, _ = doors
    named = {row.flag(door) for row, at in EVERY if at is door}
    assert offered(texts[str(door.name)], door) == named | OTHERS.get(door, set())


@pytest.mark.parametrize("number", range(len(EVERY)), ids=[f"{door.name}-{row.name}" for row, door in EVERY])
def test_a_value_arrives(doors: tuple[dict[str, str], list[dict[str, str]]], number: int) -> None:
    _, arrived = doors
    row, door = EVERY[number]
    assert arrived[number][row.name] == repr(given(row, door)[1])


def test_a_new_row_is_at_every_door_without_another_edit(tmp_path: Path) -> None:
    words = [(door, "--branchcov-invented=7" if door is Door.PYTEST else "--invented=7") for door in DOORS]
    typed = {Door.CONFIG: "invented = 7", Door.TRAIT: "invented = 7"}
    cases = [(str(door.name), typed.get(door, line)) for door, line in words]
    texts, arrived = ask(tmp_path, cases, invented=True)
    assert [each["invented"] for each in arrived] == ["7"] * len(DOORS)
    spelled = {
        Door.CONFIG: "[tool.branchcov] invented",
        Door.TRAIT: "BranchCov.invented",
        Door.PYTEST: "--branchcov-invented",
    }
    for door in DOORS:
        assert spelled.get(door, "--invented") in offered(texts[str(door.name)], door), door


def test_a_line_stands_over_ipythons_configuration_and_that_over_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.branchcov]\nsource = ['json']\nomit = ['x/*']\nfail_under = 10\nexclude = ['one']\ncounts = true\n"
    )
    config = {"fail_under": 20.0, "exclude": ["two"], "tracer": "settrace", "values": False}
    lines = [("CELL", "--fail-under 30 --source csv"), ("CELL", ""), ("AUTO", "--source csv"), ("RUN", "--source csv")]
    _, (line, settings, automatic, command) = ask(tmp_path, lines, config=config)
    names = ("fail_under", "exclude", "tracer", "values", "counts")
    assert [settings[name] for name in names] == ["20.0", "('two',)", "'settrace'", "False", "True"]
    assert [line[name] for name in names] == ["30.0", "('two',)", "'settrace'", "False", "True"]
    assert settings["source"] == "('json',)"
    assert line["source"] == automatic["source"] == command["source"] == "('json', 'csv')"
    assert settings["omit"] == line["omit"] == command["omit"] == repr((str(tmp_path / "x/*"),))
    assert (command["fail_under"], command["exclude"]) == ("10.0", "('one',)")


def test_sources_named_to_pytest_replace_the_configured_ones(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.branchcov]\nsource = ['json']\n")
    _, (named, alone) = ask(tmp_path, [("PYTEST", "--branchcov=csv"), ("PYTEST", "")])
    assert (named["source"], alone["source"]) == ("('csv',)", "('json',)")


def test_reports_of_pytest_are_kinds_with_places(tmp_path: Path) -> None:
    words = ["", "--branchcov-report=term-missing", "--branchcov-report=json --branchcov-report=html:site"]
    _, (nothing, missing, files) = ask(tmp_path, [("PYTEST", each) for each in words])
    assert (nothing["quiet"], nothing["missed"]) == ("False", "False")
    assert (missing["quiet"], missing["missed"]) == ("False", "True")
    assert files["quiet"] == "True"
    assert (files["json"], files["html"]) == (repr(Path("branchcov.json")), repr(Path("site")))


@pytest.mark.parametrize("table", TABLES)
def test_options_are_frozen_and_hashable(table: type[RunOptions] | type[ReportOptions]) -> None:
    options = table()
    assert hash(options) == hash(table()) and len({options, table()}) == 1
    with pytest.raises((FrozenInstanceError, AttributeError)):
        setattr(options, table.rows()[0].name, ())
    assert not hasattr(options, "__dict__")


def test_options_reach_another_process_as_they_are() -> None:
    options = RunOptions(source=("a b",), optional=frozenset({"assert", "if"}), fail_under=0.5, values=False)
    assert RunOptions().overridden(**RunOptions.unpack(options.changes(), lambda row: row.name)) == options
    assert RunOptions().changes() == {}


#: What is given at a door, and the line that refuses it: it names the option as it is spelled there.
REFUSED = {
    (Door.RUN, "fail_under", "101"): "--fail-under: must be a number from 0 to 100, not 101",
    (Door.PYTEST, "fail_under", "much"): "--branchcov-fail-under: must be a number from 0 to 100, not 'much'",
    (Door.RUN, "jobs", "0"): "--jobs: must be a whole number from 1 on, not 0",
    (Door.CELL, "view", "paper"): "--view: must be auto, widget, html or text, not 'paper'",
    (Door.CELL, "out", "3x"): "--out: must be the name of a variable, not '3x'",
    (Door.CELL, "html", ""): "--html: must be a path, not ''",
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0].name}-{case[1]}")
def test_a_wrong_value_is_refused_by_the_doors_own_name(case: tuple[Door, str, str]) -> None:
    door, name, text = case
    table = RunOptions if any(row.name == name for row in RunOptions.rows(door)) else ReportOptions
    (row,) = (row for row in table.rows(door) if row.name == name)
    with pytest.raises(UsageError) as caught:
        table.read(door, {row.dest(door): text})
    assert str(caught.value) == REFUSED[case]


def test_the_table_needs_the_standard_library_and_our_errors_alone() -> None:
    """pytest imports it at every start."""
    program = (
        "import sys; started = set(sys.modules);"  # from 3.15 on with what the .start file names
        "import argparse, ipy_branchcov.session.options as o; o.RunOptions.rows(o.Door.PYTEST);"
        "print(*sorted(n for n in sys.modules.keys() - started if n.startswith('ipy_branchcov.')));"
        "print(*[n for n in ('IPython', 'traitlets', 'rich', 'tomllib', 'json') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = ("errors", "printable", "session", "session.options", "session.table")
    assert done.stdout == " ".join(f"ipy_branchcov.{name}" for name in names) + "\n\n"
