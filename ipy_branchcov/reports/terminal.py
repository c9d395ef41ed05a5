"""Coverage -> text for a terminal, and the plain text that every record carries."""

from __future__ import annotations

import io

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from ipy_branchcov.model import words
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.totals import Totals
from ipy_branchcov.reports import decision_tables
from ipy_branchcov.reports.folding import Note, fold
from ipy_branchcov.reports.view import MarkedSource, mark_all

_STYLES = {
    "missed": "bold yellow underline",
    "never-ran": "red",
    "covered": "green",
    "optional": "",
    "excluded": "dim",
}


def render(
    coverage: Coverage,
    *,
    missed: bool = False,
    skip_covered: bool = False,
    counts: bool = False,
    color: bool = False,
    width: int = 80,
    first: str | None = None,
    static: bool = False,
    named: bool = False,
) -> str:
    """The text of a coverage, without a newline at its end.

    Plain: the lines with something missed, as long as they are. ``color``: whole sources (with ``missed``: these
    lines alone) with ANSI colours, folded to at most ``width`` columns (but 20 at least for code).
    ``skip_covered``: only sources with something missed, or with a note; the total is of all.
    ``counts``: every branch with its hits. ``first`` names the source on top; ``static``: no execution counts;
    ``named``: a single source is named too.
    """
    out = Text()
    sources = mark_all(coverage, first, static=static)
    several = len(sources) > 1
    alone = f"{sources[0].coverage.source.name}: " if named and len(sources) == 1 else ""
    out.append(f"branchcov: {alone}{coverage.summary}", "bold" if color else "")
    if color:
        out.append_text(_bar(coverage.totals))
    if total := decision_tables.summary(coverage):
        out.append(f"\n{total}")
    for marked in sources:
        mcdc = marked.coverage.mcdc
        if skip_covered and not marked.misses and not marked.notes and mcdc.shown == mcdc.conditions:
            continue
        lines = _lines(marked, whole=color and not missed, counts=counts, width=width if color else None)
        lines += map(Text, decision_tables.lines(marked.coverage, missed=missed))
        out.append_text(_section(marked, lines, titled=several, color=color))
    if not color:
        return out.plain
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=width, highlight=False, legacy_windows=False).print(
        out, soft_wrap=True, end=""
    )
    return stream.getvalue()


def _section(marked: MarkedSource, lines: list[Text], *, titled: bool, color: bool) -> Text:
    """A source below the summary: its title where there are several, its notes and its lines."""
    out, totals = Text(), marked.coverage.totals
    if titled and (lines or marked.notes or totals.outcomes):
        out.append(f"\n{marked.title}: {marked.coverage.summary}", "bold" if color else "")
        if color:
            out.append_text(_bar(totals))
    for note in marked.notes:
        out.append(f"\n  note: {note}")
    for line in lines:
        out.append("\n")
        out.append_text(line)
    return out


def rows(marked: MarkedSource, *, counts: bool, every: bool = False) -> list[str]:
    """The lines of a source with something missed, plain. ``counts``: with its hits. ``every``: with all hits."""
    return [row.plain for row in _lines(marked, whole=False, counts=every, width=None, missed_counts=counts)]


def _bar(totals: Totals) -> Text:
    """The percentage as a bar of ten cells, readable without colours."""
    if totals.percent is None:
        return Text()
    full = int(totals.percent / 10)
    return Text(" [").append("#" * full, "green").append("-" * (10 - full), "red").append("]")


def _lines(
    marked: MarkedSource, *, whole: bool, counts: bool, width: int | None, missed_counts: bool = False
) -> list[Text]:
    gutter = max(2, len(str(len(marked.lines)))) + 1
    room = None if width is None else max(20, width - gutter - 3)
    code = _highlighted(marked) if whole else None
    shown: list[Text] = []
    skipped = 0
    for number, text in enumerate(marked.lines, 1):
        if not (whole or marked.worth(number) or (counts and _starts(marked, number))):
            continue
        missed = number in marked.missed
        if missed and not whole and _inside_run(marked, number):
            skipped += 1
            continue
        if skipped:
            more = "line" if skipped == 1 else "lines"
            shown.append(Text(f"{'':>{gutter}} | ... {skipped} more {more} {words.NEVER_RAN}"))
            skipped = 0
        line = code[number - 1] if code is not None and number <= len(code) else Text(_tabs(text))
        if missed:
            line.stylize(_STYLES["never-ran"], 0, len(_tabs(text[: marked.code(number)[1]])))
        for each in marked.on(number):
            start, end = marked.extent(each, number)
            line.stylize(_STYLES[each.state], len(_tabs(text[:start])), len(_tabs(text[:end])))
        margins = {"code": f"{number:>{gutter}} | ", "more": f"{'':>{gutter}} : ", "under": f"{'':>{gutter}} | "}
        notes = _notes(marked, number, every=counts, counts=counts or missed_counts)
        shown += [Text(margins[kind]).append_text(row) for kind, row in fold(line, notes, room)]
    return shown


def _starts(marked: MarkedSource, line: int) -> bool:
    return any(each.counts and each.span.line == line for each in marked.on(line))


def _inside_run(marked: MarkedSource, line: int) -> bool:
    """Whether a missed line stands between others: of a long run only both ends are shown."""
    return {line - 2, line - 1, line + 1, line + 2} <= marked.missed


def _notes(marked: MarkedSource, line: int, *, every: bool, counts: bool) -> list[Note]:
    """The notes under a line: carets and words, one note a place. ``every``: also where nothing was missed.

    Decisions whose conditions are counted instead of them have words of their own only where something was missed.
    """
    text = marked.lines[line - 1]
    if line in marked.missed:
        return [_note(text, *marked.code(line), words.NEVER_RAN, _STYLES["never-ran"])]
    notes: dict[tuple[int, int, str], Note] = {}
    for each in marked.on(line):
        if each.span.line != line or not (each.label or (every and each.counts)):
            continue
        start, end = marked.extent(each, line)
        under = each.label
        if counts and each.branch is not None and each.counts:
            under = ", ".join(filter(None, (under, words.counts(each.branch))))
        notes.setdefault((start, end, under), _note(text, start, end, under, _STYLES[each.state]))
    return list(notes.values())


def _note(text: str, start: int, end: int, under: str, style: str) -> Note:
    return Note(len(_tabs(text[:start])), len(_tabs(text[:end])), under, style.replace(" underline", ""))


def _tabs(text: str) -> str:
    """Tabs as four spaces, so that carets below fit."""
    return text.replace("\t", "    ")


def _highlighted(marked: MarkedSource) -> list[Text]:
    syntax = Syntax("", "python", theme="ansi_dark", background_color="default")
    text = syntax.highlight("\n".join(_tabs(line) for line in marked.lines))
    return list(text.split("\n"))
