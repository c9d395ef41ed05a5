"""What can be typed: the commands with their options, made from the one table. Errors are one line."""

from __future__ import annotations

import argparse
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from ipy_branchcov import __version__
from ipy_branchcov.errors import UsageError
from ipy_branchcov.session.options import ReportOptions, RunOptions, SuggestOptions
from ipy_branchcov.session.table import Door

_USAGE = """branchcov run [options] NOTEBOOK...
       branchcov run [options] SCRIPT|FOLDER|ARCHIVE [ARGUMENTS]
       branchcov run [options] -m MODULE [ARGUMENTS]"""


class Parser(argparse.ArgumentParser):
    """Its errors are ours: one line, with what to type instead where that can be known."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"error: {message}{self._meant(message)}; try {self.prog} --help")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse; what is unknown is reported by the command's own parser, which knows its options."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            getattr(parsed, "parser", self).error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed

    def values(self, word: str) -> int | None:
        """How many words follow an option as its value, as argparse reads them; None: there is no such option."""
        flag, given, _ = word.partition("=")
        known = self._option_string_actions
        if not flag.startswith("--") and flag not in known:
            return 0 if flag[:2] in known else None  # a letter with its value
        found = [known[flag]] if flag in known else [known[each] for each in known if each.startswith(flag)]
        if len({id(each) for each in found}) != 1:
            return None
        return 0 if given or found[0].nargs == 0 else 1

    def _meant(self, message: str) -> str:
        """What an unknown option in a message may have been meant to be."""
        _, _, unknown = message.partition("unrecognized arguments: ")
        known = [flag for action in self._actions for flag in action.option_strings]
        for word in unknown.split():
            for near in get_close_matches(word.partition("=")[0], known, 1) if word.startswith("-") else ():
                return f"; did you mean {near}"
        return ""


def parsers() -> tuple[Parser, Parser]:
    """The parser of the command line, and that of ``branchcov run``."""
    parser = Parser("branchcov", description="Branch coverage inside the lines.")
    parser.add_argument("--version", action="version", version=f"branchcov {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    run = commands.add_parser("run", usage=_USAGE, help="run notebooks (in fresh kernels) or a program, and measure it")
    run.add_argument(  # what the program's own words are is found out before this parser
        "targets",
        nargs="*",
        metavar="TARGET",
        help="notebooks; or a script, a folder or archive with __main__, or -m MODULE: what follows is its own",
    )
    run.set_defaults(parser=run)
    _add_options(run, Door.RUN)

    report = commands.add_parser("report", help="show the coverage in data files")
    report.add_argument("inputs", nargs="+", type=Path, metavar="DATA", help="a data file or JSON report")
    report.set_defaults(parser=report)
    _add_options(report, Door.REPORT)

    joined = commands.add_parser("merge", help="add up data files into one")
    joined.add_argument("inputs", nargs="+", type=Path, metavar="DATA", help="a data file or JSON report")
    joined.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="write the sum into this file")
    for row in ReportOptions.rows(Door.REPORT):
        if row.name in ("values", "config"):
            flags, keywords = row.argument(Door.REPORT)
            joined.add_argument(*flags, **keywords)
    joined.set_defaults(parser=joined)

    wanted = commands.add_parser("suggest", help="find calls that cover what is missed in a function")
    wanted.add_argument("targets", nargs="+", metavar="FILE::FUNCTION", help="a function, or CLASS.METHOD, in a file")
    wanted.add_argument(
        "--data", nargs="+", type=Path, default=[], metavar="DATA", help="data files: what they cover is not looked for"
    )
    for row in (*SuggestOptions.rows(Door.SUGGEST), *ReportOptions.rows(Door.REPORT)):
        if Door.SUGGEST in row.doors or row.name == "config":
            flags, keywords = row.argument(Door.SUGGEST)
            wanted.add_argument(*flags, **keywords)
    wanted.set_defaults(parser=wanted)

    diff = commands.add_parser("diff", help="show the outcomes gained and lost between two data files")
    diff.add_argument("inputs", nargs=2, type=Path, metavar="DATA", help="the earlier data file, then the later one")
    diff.add_argument("--json", type=Path, metavar="FILE", help="write the diff into this file")
    diff.set_defaults(parser=diff)

    tested = commands.add_parser("selftest", help="say whether this Python and the tools in it measure as they should")
    tested.set_defaults(parser=tested)
    return parser, run


def _add_options(parser: argparse.ArgumentParser, door: Door) -> None:
    for title, table in (("measurement", RunOptions), ("report", ReportOptions)):
        group = parser.add_argument_group(title)
        for row in table.rows(door):
            flags, keywords = row.argument(door)
            group.add_argument(*flags, **keywords)
