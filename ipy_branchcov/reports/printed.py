"""Coverage -> what a command prints and writes at its end, and its exit status."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TextIO

from ipy_branchcov.errors import BranchcovError
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.totals import decimals
from ipy_branchcov.reports import terminal
from ipy_branchcov.reports.by_line import place_cells
from ipy_branchcov.reports.files import closing, write_reports
from ipy_branchcov.reports.gates import asked_for, failures
from ipy_branchcov.reports.patch import changed_lines, select, sentence
from ipy_branchcov.reports.view import mark_all
from ipy_branchcov.session.options import ReportOptions, RunOptions


def show(
    coverage: Coverage,
    options: RunOptions,
    report: ReportOptions,
    stdout: TextIO | None,
    *,
    named: bool = True,
    run: Collection[Path] = (),
) -> int:
    """Write the reports asked for, or the text; return the exit status: that of the gates first.

    The last line says what was measured. Without ``stdout`` there is nobody to read it. Files are about all that was
    measured; of a patch, the text and the gates are about that alone. ``run``: notebooks that this process has run, by
    absolute path.
    """
    with decimals(options.precision):
        return _show(coverage, options, report, stdout, named=named, run=run)


def _show(
    coverage: Coverage,
    options: RunOptions,
    report: ReportOptions,
    stdout: TextIO | None,
    *,
    named: bool,
    run: Collection[Path],
) -> int:
    places, root = report.places, Path()  # the program may have deleted the current folder
    changed = changed_lines(report.patch, root) if report.patch else {}
    part = select(coverage, changed, place_cells(coverage, root)) if report.patch else coverage
    coverage, part = (asked_for(each, follow=options.follow) for each in (coverage, part))
    written = write_reports(coverage, places, values=report.values, github=report.github, changed=changed, run=run)
    texts = [written.annotations.rstrip("\n")]
    files_only = bool(places or report.github)
    if not files_only and stdout is not None and (part.sources or not report.patch):
        texts.append(_text(part, options, report, stdout, named=named))
    if report.patch:
        texts.append(f"branchcov: {sentence(part)}")
    if files_only or report.data or (not report.patch and len(mark_all(coverage)) > 1):
        texts.append(closing(coverage, [*places.values(), report.data]))
    status = max([print_text(text, stdout) for text in texts if text], default=0)
    for note in written.notes:
        print_text(f"branchcov: {note}", sys.stderr)
    lines = failures(part, options.fail_under, mcdc=options.fail_under_mcdc) if _has_gate(part, report) else []
    for line in (*(f"lost: {each}" for each in sorted(coverage.lost)), *lines):
        print_text(f"branchcov: {line}", sys.stderr)
    return 2 if lines else status


def _text(part: Coverage, options: RunOptions, report: ReportOptions, stdout: TextIO, *, named: bool) -> str:
    color = not stdout.closed and stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size().columns
    return terminal.render(
        part,
        missed=report.missed,
        skip_covered=options.skip_covered,
        counts=options.counts,
        color=color,
        width=width,
        named=named,
    )


def _has_gate(part: Coverage, report: ReportOptions) -> bool:
    """Whether there is something to check: a change of documents fails no gate."""
    return not report.patch or bool(part.totals.outcomes or part.lost) or any(each.unmeasured for each in part)


def print_text(text: str, stream: TextIO | None) -> int:
    """Print a text; return the exit status: 1 where it could not be written. A reader that left early is no news.

    What the stream's encoding does not have is escaped.
    """
    if stream is None or stream.closed:
        return 0
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:
        # The interpreter would try again at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 1
    except io.UnsupportedOperation:
        return 0
    except OSError as error:
        raise BranchcovError(f"the report cannot be written: {error.strerror}") from None
    return 0
