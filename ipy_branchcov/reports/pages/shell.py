"""What all pages have in common: their head and foot, the way to the others, bars, and the help on keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from ipy_branchcov.model.totals import Totals

_STATIC = Path(__file__).parents[1] / "static"
STYLES, SCRIPT = "branchcov-report.css", "branchcov-report.js"
INDEX, FUNCTIONS = "index.html", "functions.html"
HEAD = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
#: Stands in the files of a report folder alone: the next report there removes those that it does not replace.
MARK = '<meta name="generator" content="ipy_branchcov report">'
_KEYS = (
    ("n j", "next miss; behind the last one, the next page with misses"),
    ("p k", "previous miss"),
    ("o", "open or fold the details of the line"),
    ("]", "next page"),
    ("[", "previous page"),
    ("i u", "all sources"),
    ("f", "all functions"),
    ("/", "search"),
    ("?", "this help"),
)
_MARKS = (
    ("missed", "x &gt; 0", "a condition that was never true, or never false: the words beside it say which"),
    ("never-ran", "y()", "code that never ran, though its line did"),
    ("whole", "return z", "lines that never ran: what is on them is not marked once more"),
    ("covered", "z", "a condition of which all outcomes were covered"),
    ("excluded", "w", "optional or excluded: shown, not counted"),
)


@dataclass(frozen=True)
class Frame:
    """``title`` of the report, and the line ``made``: HTML that says when and by what it was made."""

    title: str
    made: str


def document(frame: Frame, name: str, body: str, *, links: str = "", single: bool = False) -> str:
    """A page: ``name`` is its heading's text, ``links`` stand above it.

    ``single``: it stands alone, so it holds its styles, and no scripts.
    """
    title = frame.title if name == frame.title else f"{name} · {frame.title}"
    if single:
        head = f"<style>\n{static('report.css')}</style>"
    else:
        head = f'{MARK}<link rel="stylesheet" href="{STYLES}"><script src="{SCRIPT}" defer></script>'
    return (
        f"{HEAD}{head}"
        f'<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title></head>\n<body>"
        f"<header>{links}<h1>{escape(name)}</h1></header>\n<main>{body}</main>\n"
        f"<footer>{_help(keys=not single)}<p>{frame.made}</p></footer></body></html>\n"
    )


def navigation(*links: tuple[str, str, str]) -> str:
    """Links as (address, text, ``rel`` or ""); one without an address is left out. The last one opens the help."""
    shown = []
    for address, text, rel in links:
        if address:
            rel_ = f' rel="{rel}"' if rel else ""
            shown.append(f'<a href="{escape(address)}"{rel_}>{escape(text)}</a>')
    shown.append('<a href="#marks">what the marks mean</a>')
    return f'<nav aria-label="pages">{" ".join(shown)}</nav>'


def _help(*, keys: bool) -> str:
    """What the marks mean; with scripts, the keys, too."""
    marks = "".join(
        f'<dt><code><span class="{state}">{text}</span></code></dt><dd>{what}</dd>' for state, text, what in _MARKS
    )
    more = "<span hidden>, and keys</span>" if keys else ""
    return (
        f'<details class="help"><summary>What the marks mean{more}</summary><dl id="marks">{marks}</dl>'
        f"{_keys() if keys else ''}</details>"
    )


def _keys() -> str:
    items = "".join(
        f"<dt>{' '.join(f'<kbd>{each}</kbd>' for each in keys.split())}</dt><dd>{escape(what)}</dd>"
        for keys, what in _KEYS
    )
    box = '<label hidden><input type="checkbox" id="keys" checked> single keys do this</label>'
    return f"<dl hidden>{items}</dl>{box}"


def bar(totals: Totals) -> str:
    """How much is covered: decoration beside the words."""
    if totals.percent is None:
        return ""
    return (
        '<svg class="bar" width="100" height="8" aria-hidden="true"><rect width="100" height="8" class="rest"/>'
        f'<rect width="{totals.percent:.1f}" height="8" class="full"/></svg>'
    )


@cache
def static(name: str) -> str:
    """The text of a file beside the package's code."""
    return (_STATIC / name).read_text("utf-8")
