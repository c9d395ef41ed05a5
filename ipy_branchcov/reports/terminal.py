"""Coverage -> text for a terminal, and the plain text that every record carries."""

from __future__ import annotations

import io

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from ipy_branchcov.model.coverage import Coverage, Totals
from ipy_branchcov.reports.folding import Note, fold
from ipy_branchcov.reports.markup import MarkedSource, describe, mark, ordered, titles

_STYLES = {
    "missed": "bold yellow underline",
    "never-ran": "red",
    "taken": "green",
    "optional": "",
    "excluded": "dim",
}


def render(
    coverage: Coverage,
    *,
    missed: bool = False,
    counts: bool = False,
    color: bool = False,
    width: int = 80,
    first: str | None = None,
    durable: bool = False,
    named: bool = False,
) -> str:
    """The text of a coverage, without a newline at its end.

    Plain: the places with something missed, in lines as long as they are. ``color``: whole sources with ANSI
    colours, but for ``missed``, in lines of at most ``width`` columns (20 of them for code, however narrow).
    ``counts``: every branch with its hits. ``first`` names the source on top; ``durable``: no execution counts;
    ``named``: a single source is named too.
    """
    out = Text()
    sources = ordered(coverage, first, durable=durable)
    several = len(sources) > 1
    alone = f"{sources[0].source.name}: " if named and len(sources) == 1 else ""
    out.append(f"branchcov: {alone}{coverage.totals}", "bold" if color else "")
    if color:
        out.append_text(_bar(coverage.totals))
    for source, title in zip(sources, titles(sources, first, durable=durable), strict=True):
        marked = mark(source)
        lines = _lines(marked, whole=color and not missed, counts=counts, width=width if color else None)
        if several and (lines or source.note or source.totals.arms):
            out.append(f"\n{title}: {source.totals}", "bold" if color else "")
            if color:
                out.append_text(_bar(source.totals))
        if source.note:
            out.append(f"\n  note: {source.note}")
        for line in lines:
            out.append("\n")
            out.append_text(line)
    if not color:
        return out.plain
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=width, highlight=False, legacy_windows=False).print(
        out, soft_wrap=True, end=""
    )
    return stream.getvalue()


def _bar(totals: Totals) -> Text:
    """How much is taken, as a bar of ten cells behind the words, not by colour alone."""
    if totals.percent is None:
        return Text()
    full = int(totals.percent / 10)
    return Text(" [").append("#" * full, "green").append("-" * (10 - full), "red").append("]")


def _lines(marked: MarkedSource, *, whole: bool, counts: bool, width: int | None) -> list[Text]:
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
            shown.append(Text(f"{'':>{gutter}} | ... {skipped} more {more} never ran"))
            skipped = 0
        line = code[number - 1] if code is not None and number <= len(code) else Text(_tabs(text))
        if missed:
            line.stylize(_STYLES["never-ran"])
        for each in marked.on(number):
            start, end = marked.extent(each, number)
            line.stylize(_STYLES[each.state], len(_tabs(text[:start])), len(_tabs(text[:end])))
        margins = {"code": f"{number:>{gutter}} | ", "more": f"{'':>{gutter}} : ", "under": f"{'':>{gutter}} | "}
        notes = _notes(marked, number, counts=counts)
        shown += [Text(margins[kind]).append_text(row) for kind, row in fold(line, notes, room)]
    return shown


def _starts(marked: MarkedSource, line: int) -> bool:
    return any(each.branch is not None and each.span.line == line for each in marked.on(line))


def _inside_run(marked: MarkedSource, line: int) -> bool:
    """Whether a missed line stands between others: long runs are told by their ends."""
    return {line - 2, line - 1, line + 1, line + 2} <= marked.missed


def _notes(marked: MarkedSource, line: int, *, counts: bool) -> list[Note]:
    """What stands under a line: carets and words, one note a place."""
    text = marked.lines[line - 1]
    if line in marked.missed:
        start = len(text) - len(text.lstrip())
        return [_note(text, start, len(text.rstrip()), "never ran", _STYLES["never-ran"])]
    notes: dict[tuple[int, int, str], Note] = {}
    for each in marked.on(line):
        if each.span.line != line or not (each.label or (counts and each.branch is not None)):
            continue
        start, end = marked.extent(each, line)
        words = each.label
        if counts and each.branch is not None:
            words = "; ".join(filter(None, (words, describe(each.branch, counted=True))))
        notes.setdefault((start, end, words), _note(text, start, end, words, _STYLES[each.state]))
    return list(notes.values())


def _note(text: str, start: int, end: int, words: str, style: str) -> Note:
    return Note(len(_tabs(text[:start])), len(_tabs(text[:end])), words, style.replace(" underline", ""))


def _tabs(text: str) -> str:
    """Tabs as four spaces, so that what stands below fits."""
    return text.replace("\t", "    ")


def _highlighted(marked: MarkedSource) -> list[Text]:
    syntax = Syntax("", "python", theme="ansi_dark", background_color="default")
    text = syntax.highlight("\n".join(_tabs(line) for line in marked.lines))
    return list(text.split("\n"))
