"""Coverage -> HTML: the record in a notebook, which needs neither scripts nor a style sheet."""

from __future__ import annotations

import re
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.model.totals import Totals
from ipy_branchcov.model.words import NEVER_RAN, sentence
from ipy_branchcov.reports import decision_tables
from ipy_branchcov.reports.view import MarkedSource, Segment, mark_all

if TYPE_CHECKING:
    from ipy_branchcov.reports.syntax import Colours

# A notebook's sanitiser keeps inline colours, but nothing that could follow the theme. So these colours are
# translucent: readable on white and on black.
_RED, _AMBER, _GREEN, _GREY = (
    "rgba(214,58,50,.22)",
    "rgba(224,160,0,.24)",
    "rgba(46,160,67,.75)",
    "rgba(128,128,128,.6)",
)
_STYLES = {
    "missed": f"background:{_AMBER};border-bottom:2px solid rgba(214,140,0,.95);border-radius:2px",
    "never-ran": f"background:{_RED};border-bottom:2px dashed rgba(214,58,50,.8)",
    "covered": f"border-bottom:1px solid {_GREEN}",
    "optional": "",
    "excluded": f"border-bottom:1px dotted {_GREY}",
}
# Missed pieces are underlined even in a viewer that drops styles. (A <mark> is black on a dark theme: the sanitiser
# drops color:inherit.)
_MARKED = {"missed", "never-ran"}
_LABEL = "font-size:80%;margin:0 .2em;border-radius:.6em;white-space:nowrap;"
_LABELS = {
    "missed": f"{_LABEL}background:{_AMBER};border:1px solid rgba(214,140,0,.7)",
    "never-ran": f"{_LABEL}background:{_RED};border:1px solid rgba(214,58,50,.6)",
}
# A line with a label is higher than the notebook expects and would get a scroll bar. In nbconvert's pages <pre> has
# no monospace font.
_PRE = "margin:0;padding:0;border:none;background:transparent;white-space:pre-wrap;overflow:visible;"
_FONT = "font-family:monospace"


def render(coverage: Coverage, *, missed: bool = False, first: str | None = None, static: bool = False) -> str:
    """The fragment for a notebook's ``text/html``. ``first`` names the source on top; ``static``: no execution counts.

    ``missed``: only the lines with something missed.
    """
    parts = [heading("branchcov", coverage.totals, words=coverage.summary)]
    if total := decision_tables.summary(coverage):
        parts.append(f"<div>{escape(total)}</div>")
    for number, marked in enumerate(mark_all(coverage, first, static=static)):
        body = notes(marked) + table(marked, missed=missed) + decision_tables.html(marked.coverage)
        if number == 0:
            parts.append(body)
        else:
            head = heading(marked.title, marked.coverage.totals, "span")
            parts.append(f'<details><summary style="cursor:pointer;padding:.2em 0">{head}</summary>{body}</details>')
    body = "\n".join(parts)
    # The interactive view finds its record by this class, which a sanitiser keeps and the same run repeats.
    name = f"branchcov-record-{sha256(body.encode()).hexdigest()[:16]}"
    return f'<div class="branchcov branchcov-record {name}">\n{body}\n</div>'


def record_name(rendered: str) -> str:
    """The class that identifies a rendered fragment."""
    return str(re.findall(r"branchcov-record-\w+", rendered)[0])


def heading(name: str, totals: Totals, tag: str = "div", *, words: str = "") -> str:
    """A name, a bar and the totals in ``words``."""
    text = escape(words or str(totals))
    return f'<{tag} style="padding:.3em 0"><b>{escape(name)}</b> {bar(totals)} {text}</{tag}>'


def bar(totals: Totals) -> str:
    """How much is covered, as a bar of 10 em: decoration beside the words."""
    if totals.percent is None:
        return ""
    full = "height:.6em;border-radius:.3em;"
    return (
        f'<span style="display:inline-block;{full}width:10em;background:{_RED};border:1px solid {_GREY}">'
        f'<span style="display:block;{full}width:{totals.percent:.1f}%;background:{_GREEN}"></span></span>'
    )


def notes(source: MarkedSource) -> str:
    """A source's notes, one below the other."""
    return "".join(f'<div style="font-style:italic">note: {escape(note)}</div>' for note in source.notes)


def table(marked: MarkedSource, *, missed: bool, paged: bool = False) -> str:
    """``paged``: with syntax colours, and with line numbers that are links."""
    rows = []
    coloured = None
    if paged:
        from ipy_branchcov.reports.syntax import colours  # a notebook's record has no need of a highlighter

        coloured = colours(marked.lines)
    pre = _PRE if paged else _PRE + _FONT
    for number in range(1, len(marked.lines) + 1):
        if missed and not marked.touched(number):
            continue
        ran_not = number in marked.missed
        wash = _RED if ran_not else "transparent"
        code = "".join(_segment(piece, number, marked, coloured) for piece in marked.segments(number))
        if ran_not:
            code += _label("never-ran", NEVER_RAN)
        cell = "border:none;padding:0 .5em;text-align:"
        place, shown = "", str(number)
        if paged:
            place, shown = f' id="L{number}"', f'<a href="#L{number}">{number}</a>'
        rows.append(
            f'<tr style="background:{wash};border:none"{place}>'
            f'<td style="{cell}right;opacity:.75;vertical-align:top;width:1%">{shown}</td>'
            f'<td style="{cell}left"><pre style="{pre}">{code or " "}</pre></td></tr>'
        )
    return f'<table style="border-collapse:collapse;border:none;margin:0;width:100%">{"".join(rows)}</table>'


def _segment(piece: Segment, line: int, marked: MarkedSource, coloured: Colours | None) -> str:
    text = escape(piece.text)
    if coloured is not None:
        cut = coloured.cut(line, piece.column, piece.text)
        text = "".join(f'<span class="{name}">{escape(part)}</span>' if name else escape(part) for part, name in cut)
    shown = piece.mark
    if shown is None or line in marked.missed:
        return text
    title = "\n".join(
        dict.fromkeys(sentence(each.branch, contexts=True) for each in piece.marks if each.branch is not None)
    )
    style = _STYLES[shown.state]
    tag, style = ("u", f"text-decoration:none;{style}") if shown.state in _MARKED else ("span", style)
    out = f'<{tag} style="{style}" title="{escape(title)}">{text}</{tag}>'
    # The label stands once, where the place ends.
    for each in reversed(piece.ends):
        if each.label:
            out += _label(each.state, each.label)
    return out


def _label(state: str, words: str) -> str:
    # The spaces separate it from the code for readers who copy the text or hear it.
    return f'<em style="{_LABELS[state]}"> {escape(words)} </em>'
