"""Coverage -> text for a terminal, and the plain text that every record carries."""

from __future__ import annotations

import io

from rich.cells import cell_len
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from ipy_branchcov.model.coverage import Coverage
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

    Plain: the places with something missed. ``color``: whole sources with ANSI colours, but for ``missed``.
    ``counts``: every branch with its hits. ``first`` names the source on top; ``durable``: no execution counts;
    ``named``: a single source is named too.
    """
    out = Text()
    sources = ordered(coverage, first, durable=durable)
    several = len(sources) > 1
    alone = f"{sources[0].source.name}: " if named and len(sources) == 1 else ""
    out.append(f"branchcov: {alone}{coverage.totals}", "bold" if color else "")
    for source, title in zip(sources, titles(sources, first, durable=durable), strict=True):
        marked = mark(source)
        lines = _lines(marked, whole=color and not missed, counts=counts)
        if several and (lines or source.note or source.totals.arms):
            out.append(f"\n{title}: {source.totals}", "bold" if color else "")
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


def _lines(marked: MarkedSource, *, whole: bool, counts: bool) -> list[Text]:
    gutter = max(2, len(str(len(marked.lines)))) + 1
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
        line = Text(f"{number:>{gutter}} | ")
        line.append_text(code[number - 1] if code is not None and number <= len(code) else Text(_tabs(text)))
        for each in marked.on(number):
            start, end = marked.extent(each, number)
            line.stylize(
                _STYLES[each.state], gutter + 3 + len(_tabs(text[:start])), gutter + 3 + len(_tabs(text[:end]))
            )
        shown.append(line)
        shown += [Text(f"{'':>{gutter}} | ").append(under) for under in _under(marked, number, counts=counts)]
    return shown


def _starts(marked: MarkedSource, line: int) -> bool:
    return any(each.branch is not None and each.span.line == line for each in marked.on(line))


def _inside_run(marked: MarkedSource, line: int) -> bool:
    """Whether a missed line stands between others: long runs are told by their ends."""
    return {line - 2, line - 1, line + 1, line + 2} <= marked.missed


def _under(marked: MarkedSource, line: int, *, counts: bool) -> list[Text]:
    """What stands under a line: carets and words, one row a place."""
    text = marked.lines[line - 1]
    if line in marked.missed:
        start = len(text) - len(text.lstrip())
        return [_caret(text, start, len(text.rstrip()), "never ran", "red")]
    rows, seen = [], set()
    for each in marked.on(line):
        if each.span.line != line or not (each.label or (counts and each.branch is not None)):
            continue
        start, end = marked.extent(each, line)
        words = each.label
        if counts and each.branch is not None:
            words = "; ".join(filter(None, (words, describe(each.branch, counted=True))))
        if (start, end, words) not in seen:
            seen.add((start, end, words))
            rows.append(_caret(text, start, end, words, _STYLES[each.state].replace(" underline", "")))
    return rows


def _caret(text: str, start: int, end: int, words: str, style: str) -> Text:
    before, under = cell_len(_tabs(text[:start])), max(1, cell_len(_tabs(text[start:end])))
    return Text(" " * before).append("^" * under + " " + words, style)


def _tabs(text: str) -> str:
    """Tabs as four spaces, so that what stands below fits."""
    return text.replace("\t", "    ")


def _highlighted(marked: MarkedSource) -> list[Text]:
    syntax = Syntax("", "python", theme="ansi_dark", background_color="default")
    text = syntax.highlight("\n".join(_tabs(line) for line in marked.lines))
    return list(text.split("\n"))
