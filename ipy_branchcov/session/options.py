"""The options, each one row: what is measured and how (RunOptions), what is shown and written (ReportOptions).

A field's row says at which doors it stands; the magics, the command line, pytest, IPython's configuration and
pyproject.toml are made from the rows. Doors parse and check; what they pass on is frozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    SECONDS,
    SWITCH,
    TEXT,
    TEXTS,
    VIEW,
    VIEWS,
    Door,
    Options,
    option,
)

_CELL, _AUTO, _SHOW, _RUN, _REPORT = Door.CELL, Door.AUTO, Door.SHOW, Door.RUN, Door.REPORT
_PYTEST, _CONFIG, _TRAIT = Door.PYTEST, Door.CONFIG, Door.TRAIT
_FILES = _CELL | _SHOW | _RUN | _REPORT | _PYTEST
_LINES = _RUN | _REPORT | _PYTEST
_STORED = _CONFIG | _TRAIT
_ASKED = Door.SUGGEST | Door.ASK


def _tracers() -> tuple[str, ...]:
    from ipy_branchcov.tracing.choice import tracer_names

    return tracer_names()


@dataclass(frozen=True, slots=True)
class RunOptions(Options):
    """What is measured, and how."""

    source: tuple[str, ...] = option(
        (),
        "A module, folder or file to measure (repeatable). Cells are always measured.",
        _CELL | _AUTO | _RUN | _PYTEST | _STORED,
        TEXTS,
        metavar="MODULE|DIR",
        letter="-s",
        adds=True,
        flags=((_PYTEST, "--branchcov"),),
    )
    omit: tuple[str, ...] = option(
        (),
        "Leave out files that match this glob pattern (repeatable).",
        _LINES | _STORED,
        GLOBS,
        metavar="GLOB",
    )
    include: tuple[str, ...] = option(
        (),
        "Of the sources, take only files that match this glob pattern (repeatable).",
        _LINES | _STORED,
        GLOBS,
        metavar="GLOB",
    )
    counts: bool = option(
        False,
        "Count every hit, rather than record only whether an outcome was covered.",
        _CELL | _AUTO | _RUN | _REPORT | _PYTEST | _STORED,
        SWITCH,
        letter="-c",
    )
    mcdc: bool = option(
        False,
        "Show for each decision of two or more conditions which evaluations were seen, and which conditions they show.",
        _CELL | _AUTO | _SHOW | _RUN | _REPORT | _PYTEST | _STORED,
        SWITCH,
    )
    fail_under_mcdc: float | None = option(
        None,
        "Fail when less than this percentage of conditions is shown (MC/DC); measures with --mcdc.",
        _FILES | _STORED,
        PERCENT,
        metavar="PERCENT",
    )
    contexts: bool = option(
        False, "Record all tests that cover each outcome, and not the first one alone.", _PYTEST, SWITCH
    )
    fail_under: float | None = option(
        None,
        "Fail when the total is below this percentage.",
        _FILES | _STORED,
        PERCENT,
        metavar="PERCENT",
    )
    precision: int = option(
        1,
        "Decimals of percentages, also where they are compared with a threshold.",
        _LINES | _CONFIG,
        DIGITS,
        metavar="DIGITS",
    )
    skip_covered: bool = option(
        False, "Leave out sources in which nothing is missed; the total is of all.", _RUN | _REPORT | _CONFIG, SWITCH
    )
    optional: frozenset[str] = option(
        frozenset(), "Kinds of branches whose outcomes are optional: shown, never counted.", _STORED, BRANCH_KINDS
    )
    required: frozenset[str] = option(
        frozenset(), "Kinds of branches whose outcomes are required.", _STORED, BRANCH_KINDS
    )
    exclude: tuple[str, ...] | None = option(
        None,
        "Regular expressions of code to exclude, in the place of the defaults"
        " (the clause of `if TYPE_CHECKING:`, bodies that are only `...`).",
        _STORED,
        REGEXES,
    )
    exclude_also: tuple[str, ...] = option(
        (), "Regular expressions of code to exclude beside the defaults.", _STORED, REGEXES
    )
    partial_branches: tuple[str, ...] = option(
        (), "Regular expressions of lines whose branches are excluded.", _STORED, REGEXES
    )
    paths: tuple[tuple[str, ...], ...] = option(
        (),
        "Lists of folders, by name, that hold the same files: in merge and report, the first stands for the others.",
        _CONFIG,
        PATHS,
    )
    values: bool = option(
        True,
        "Record with which values of variables an outcome was first covered.",
        _CELL | _AUTO | _TRAIT,
        SWITCH,
        negative="Keep the values of variables out of the result.",
    )
    tracer: str = option(
        "auto",
        "The tracing mechanism; 'auto' chooses the fastest.",
        _CELL | _AUTO | _RUN | _PYTEST | _TRAIT,
        TEXT,
        metavar="NAME",
        choices=_tracers,
    )
    opcodes: bool = option(
        False, "Show the instructions under each line, their edges covered or missed.", _CELL, SWITCH
    )
    engines: tuple[str, ...] = option(
        (),
        "Measure the workers of this client of Dask or ipyparallel, or of `ray`, too (repeatable).",
        _CELL,
        NAMES,
        metavar="NAME",
    )
    jobs: int = option(1, "Run N notebooks at a time.", _RUN, COUNT, metavar="N", letter="-j", letters=_RUN)
    subprocesses: bool = option(
        True,
        "Measure the Python processes that measured code starts, too.",
        _CELL | _AUTO | _RUN | _PYTEST | _TRAIT,
        SWITCH,
        negative="Do not measure the processes that measured code starts.",
    )

    @property
    def follow(self) -> bool:
        """Whether the evaluations of decisions are wanted."""
        return self.mcdc or self.fail_under_mcdc is not None


@dataclass(frozen=True, slots=True)
class ReportOptions(Options):
    """What is shown and written of what was measured."""

    only: tuple[str, ...] = option(
        (),
        "Show only this module, folder or file (repeatable).",
        _REPORT,
        TEXTS,
        metavar="MODULE|DIR",
        flags=((_REPORT, "--source"),),
    )
    context: tuple[str, ...] = option(
        (),
        "Report as covered only what tests or cells covered whose name matches this regular expression (repeatable).",
        _REPORT,
        REGEXES,
        metavar="REGEX",
    )
    missed: bool = option(
        False, "Show only places with missed outcomes.", _CELL | _SHOW | _RUN | _REPORT, SWITCH, letter="-m"
    )
    quiet: bool = option(False, "Show nothing; measure all the same.", _CELL | _SHOW, SWITCH, letter="-q")
    view: str = option(
        "auto",
        "How to show: as a widget, as static HTML, or as text.",
        _CELL | _SHOW | _TRAIT,
        VIEW,
        choices=lambda: VIEWS,
    )
    out: str = option("", "Bind the Coverage to this name.", _CELL | _SHOW, IDENTIFIER, metavar="NAME", letter="-o")
    graph: tuple[str, ...] = option(
        (), "Draw the control flow of a function (repeatable).", _CELL, TEXTS, metavar="FUNCTION"
    )
    html: Path | None = option(
        None,
        "Write an HTML report into this folder, or into one file where the name ends with .html.",
        _FILES,
        PATH,
        metavar="DIR|FILE",
        place="htmlbranchcov",
    )
    json: Path | None = option(
        None, "Write the coverage as JSON.", _FILES, PATH, metavar="FILE", place="branchcov.json"
    )
    lcov: Path | None = option(None, "Write an LCOV tracefile.", _FILES, PATH, metavar="FILE", place="branchcov.lcov")
    cobertura: Path | None = option(
        None, "Write Cobertura XML.", _FILES, PATH, metavar="FILE", place="branchcov.xml", alias="xml"
    )
    markdown: Path | None = option(
        None, "Write Markdown, as for a step summary.", _LINES, PATH, metavar="FILE", place="branchcov.md"
    )
    sonar: Path | None = option(
        None, "Write XML for SonarQube.", _LINES, PATH, metavar="FILE", place="branchcov-sonar.xml"
    )
    github: bool = option(
        False, "Print GitHub's annotations of missed outcomes, 10 at most.", _LINES, SWITCH, printed=True
    )
    values: bool = option(
        False,
        "Write into JSON, HTML and data files with which values an outcome was first covered; they may be secrets.",
        _FILES,
        SWITCH,
    )
    data: Path | None = option(None, "Keep what was measured in this data file.", _RUN, PATH, metavar="FILE")
    append: bool = option(
        False, "Add to what the file of --data has, and report the sum; without one yet, make it.", _RUN, SWITCH
    )
    append_to: Path | None = option(
        None,
        "Add to what this data file has, and report the sum; without one yet, make it.",
        _PYTEST,
        PATH,
        metavar="FILE",
        flags=((_PYTEST, "--branchcov-append"),),
    )
    patch: str = option(
        "",
        "Report what the lines changed since this git revision need.",
        _REPORT | _PYTEST,
        TEXT,
        metavar="REV",
    )
    config: Path | None = option(
        None,
        "Read the configuration in this file: a pyproject.toml, or one of coverage.py's.",
        _LINES,
        PATH,
        metavar="FILE",
    )
    baseline: Path | None = option(
        None,
        "Fail when an outcome is missed that this JSON report has as covered, in unchanged source.",
        _PYTEST,
        PATH,
        metavar="FILE",
    )

    @property
    def places(self) -> dict[str, Path]:
        """Where reports are to be written, by their kinds."""
        found = {row.name: getattr(self, row.name) for row in self.rows() if row.place}
        return {kind: place for kind, place in found.items() if place is not None}


@dataclass(frozen=True, slots=True)
class SuggestOptions(Options):
    """How inputs are looked for that cover what was missed."""

    seconds: float = option(
        10.0,
        "Search for at most so many seconds.",
        _ASKED,
        SECONDS,
        metavar="N",
        letter="-t",
        letters=_ASKED,
    )
    calls: int = option(100_000, "Try at most so many calls.", _ASKED, COUNT, metavar="N")
    as_tests: bool = option(
        False, "Show test functions for pytest, with ... for what is to be expected.", _ASKED, SWITCH
    )
    crosshair: bool = option(
        False, "Ask CrossHair too, where it is installed, in a process of its own.", _ASKED, SWITCH
    )
    insert: bool = option(False, "Put the calls into a new cell, with %%branchcov above them.", Door.ASK, SWITCH)
