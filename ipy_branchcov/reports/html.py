"""Coverage -> HTML: the record in a notebook, which needs neither scripts nor styles, and report pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from ipy_branchcov.model.coverage import Coverage, SourceCoverage, Totals
from ipy_branchcov.reports.markup import Mark, MarkedSource, Segment, describe, mark, ordered, titles

if TYPE_CHECKING:
    from ipy_branchcov.reports.syntax import Colours

# A notebook's sanitiser leaves inline colours alone and nothing that could follow the theme,
# so what it shows is translucent, and readable on white and on black.
_RED, _AMBER, _GREEN, _GREY = (
    "rgba(214,58,50,.22)",
    "rgba(224,160,0,.24)",
    "rgba(46,160,67,.75)",
    "rgba(128,128,128,.6)",
)
_STYLES = {
    "missed": f"background:{_AMBER};border-bottom:2px solid rgba(214,140,0,.95);border-radius:2px",
    "never-ran": f"background:{_RED};border-bottom:2px dashed rgba(214,58,50,.8)",
    "taken": f"border-bottom:1px solid {_GREEN}",
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
# The line of a label is a bit higher than the notebook expects and would get a scroll bar; nbconvert's pages have
# no font of equal widths here.
_PRE = "margin:0;padding:0;border:none;background:transparent;white-space:pre-wrap;overflow:visible;"
_FONT = "font-family:monospace"


def render(coverage: Coverage, *, missed: bool = False, first: str | None = None, durable: bool = False) -> str:
    """The fragment for a notebook's ``text/html``. ``first`` names the source on top; ``durable``: no execution counts.

    ``missed``: only the lines with something missed.
    """
    sources = ordered(coverage, first, durable=durable)
    names = titles(sources, first, durable=durable)
    parts = [_heading("branchcov", coverage.totals)]
    for number, (source, name) in enumerate(zip(sources, names, strict=True)):
        body = _note(source) + _table(mark(source), missed=missed)
        if number == 0:
            parts.append(body)
        else:
            parts.append(
                f'<details><summary style="cursor:pointer;padding:.2em 0">{_heading(name, source.totals, "span")}'
                f"</summary>{body}</details>"
            )
    body = "\n".join(parts)
    # The interactive view finds its record by this class, which a sanitiser keeps and the same run repeats.
    name = f"branchcov-record-{sha256(body.encode()).hexdigest()[:16]}"
    return f'<div class="branchcov branchcov-record {name}">\n{body}\n</div>'


def record_name(rendered: str) -> str:
    """The class that tells a rendered fragment from others."""
    return str(re.findall(r"branchcov-record-\w+", rendered)[0])


def _heading(name: str, totals: Totals, tag: str = "div") -> str:
    return f'<{tag} style="padding:.3em 0"><b>{escape(name)}</b> {_bar(totals)} {escape(str(totals))}</{tag}>'


def _bar(totals: Totals) -> str:
    """How much is taken, as a bar of 10 em: decoration beside the words."""
    if totals.percent is None:
        return ""
    full = "height:.6em;border-radius:.3em;"
    return (
        f'<span style="display:inline-block;{full}width:10em;background:{_RED};border:1px solid {_GREY}">'
        f'<span style="display:block;{full}width:{totals.percent:.1f}%;background:{_GREEN}"></span></span>'
    )


def _note(source: SourceCoverage) -> str:
    return f'<div style="font-style:italic">note: {escape(source.note)}</div>' if source.note else ""


def _table(marked: MarkedSource, *, missed: bool, paged: bool = False) -> str:
    """``paged``: with what only a page of its own has: syntax colours, and line numbers that link to themselves."""
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
            code += _label("never-ran", "never ran")
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
    title = "\n".join(dict.fromkeys(describe(each.branch) for each in piece.marks if each.branch is not None))
    style = _STYLES[shown.state]
    tag, style = ("u", f"text-decoration:none;{style}") if shown.state in _MARKED else ("span", style)
    out = f'<{tag} style="{style}" title="{escape(title)}">{text}</{tag}>'
    end = piece.column + len(piece.text)
    # The words stand once, where the place ends.
    ending = [each for each in piece.marks if each.label and _ends(each, line, end, marked)]
    for each in reversed(_without_echoes(ending)):
        out += _label(each.state, each.label)
    return out


def _ends(each: Mark, line: int, column: int, marked: MarkedSource) -> bool:
    return each.span.end_line == line and marked.extent(each, line)[1] == column


def _without_echoes(marks: list[Mark]) -> list[Mark]:
    """Inside code that never ran, its parts need not say it again."""
    found: list[Mark] = []
    for each in marks:
        if not any(other.state == "never-ran" and other.span.contains(each.span) for other in found):
            found.append(each)
    return found


def _label(state: str, words: str) -> str:
    # The spaces part it from the code for those who hear or copy it.
    return f'<em style="{_LABELS[state]}"> {escape(words)} </em>'


# --- pages of a report


_STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1f2328; --soft: #59636e; --line: #d1d9e0;
  --keyword: #8250df; --string: #0a6e2c; --number: #0550ae; --comment: #59636e; --def: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --text: #e6edf3; --soft: #9198a1; --line: #3d444d;
  --keyword: #d2a8ff; --string: #7ee787; --number: #79c0ff; --comment: #9198a1; --def: #79c0ff; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; max-width: 75em;
  margin: 2em auto; padding: 0 1.5em; }
a { color: inherit; } h1 { font-size: 1.4em; } td a[href^="#L"] { text-decoration: none; }
tr:target { outline: 2px solid var(--def); }
th button { font: inherit; font-weight: 600; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
table.index { border-collapse: collapse; width: 100%; }
table.index td, table.index th { text-align: left; padding: .35em .8em .35em 0; border-bottom: 1px solid var(--line); }
pre, code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 13px; }
.keyword { color: var(--keyword); } .string { color: var(--string); } .number { color: var(--number); }
.comment { color: var(--comment); font-style: italic; } .def, .builtin, .meta { color: var(--def); }
"""


#: Sorts the index by a click on a heading. Without scripts the table is there all the same, most missed arms first.
_SORT = """
for (const button of document.querySelectorAll("th button")) button.onclick = () => {
  const head = button.parentElement, body = head.closest("table").tBodies[0], column = head.cellIndex;
  const up = head.getAttribute("aria-sort") !== "ascending";
  const key = row => { const text = row.cells[column].dataset.key; return isNaN(text) ? text : Number(text); };
  const rows = [...body.rows].sort((a, b) => { const x = key(a), y = key(b); return x < y ? -1 : x > y ? 1 : 0; });
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...(up ? rows : rows.reverse()));
};
"""


def page(coverage: Coverage, title: str) -> dict[str, str]:
    """A report folder: the texts of its files by name. ``index.html`` leads to one page a source."""
    sources = ordered(coverage, None)
    names = _file_names(sources)
    heads = "".join(f"<th><button>{name}</button></th>" for name in ("source", "arms", "missed", "taken"))
    rows = "".join(map(_index_row, names, sources))
    index = (
        f"<h1>{escape(title)}</h1>{_heading('total', coverage.totals)}"
        f'<table class="index"><thead><tr>{heads}<th><button>lines never run</button></th></tr></thead>'
        f"<tbody>{rows}</tbody></table><script>{_SORT}</script>"
    )
    files = {"index.html": _document(title, index)}
    for name, source in zip(names, sources, strict=True):
        head = f'<p><a href="index.html">all sources</a></p><h1>{escape(source.source.name)}</h1>'
        head += f"<div>{_bar(source.totals)} {escape(str(source.totals))}</div>"
        marked = mark(source)
        body = _note(source) + _missed_places(marked) + _table(marked, missed=False, paged=True)
        files[name] = _document(source.source.name, head + body)
    return files


def _file_names(sources: Sequence[SourceCoverage]) -> list[str]:
    """The pages' names: those of the sources, so that links to them last from report to report."""
    names: list[str] = []
    for source in sources:
        stem = re.sub(r"[^\w.-]+", "_", source.source.name).strip("._") or "source"
        number = 1
        while (name := f"{stem}{f'-{number}' if number > 1 else ''}.html").lower() in ("index.html", *names):
            number += 1
        names.append(name)
    return names


def _index_row(page: str, source: SourceCoverage) -> str:
    totals, name = source.totals, source.source.name
    percent = -1.0 if totals.percent is None else totals.percent
    cells = (
        (name, f'<a href="{page}">{escape(name)}</a>'),
        (totals.arms, totals.arms),
        (totals.missed, totals.missed),
        (percent, f"{_bar(totals)} {percent:.1f}%" if percent >= 0 else "no branches"),
        (len(source.missed_lines), len(source.missed_lines)),
    )
    return "<tr>" + "".join(f'<td data-key="{escape(str(key))}">{shown}</td>' for key, shown in cells) + "</tr>"


def _missed_places(marked: MarkedSource) -> str:
    """Links to what is missed, in order."""
    links = {
        each.span.line: f'<a href="#L{each.span.line}">{each.span.line} {escape(each.label)}</a>'
        for each in reversed(marked.marks)
        if each.label and each.span.line not in marked.missed
    }
    for first, last in marked.coverage.missed_ranges:
        lines = str(first) if first == last else f"{first}–{last}"
        links[first] = f'<a href="#L{first}">{lines} never ran</a>'
    found = " · ".join(links[line] for line in sorted(links))
    return f"<p>Missed in line {found}</p>" if found else ""


def document(coverage: Coverage, title: str) -> str:
    """A report in one file: all sources below each other, the others folded; no scripts."""
    return _document(title, render(coverage))


def _document(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>{body}</body></html>\n"
    )
