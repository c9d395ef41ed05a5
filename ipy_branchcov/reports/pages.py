"""Coverage -> HTML pages: a report folder with one page a source, or one file. Styles and scripts are inlined."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path

from ipy_branchcov.model.coverage import Coverage, SourceCoverage
from ipy_branchcov.model.source import Source
from ipy_branchcov.model.words import NEVER_RAN, line_range
from ipy_branchcov.reports import html
from ipy_branchcov.reports.view import MarkedSource, mark_all

_STATIC = Path(__file__).parent / "static"
#: Bytes of a page's name. File systems take 255, and a copy's number and the ending need some of them.
_LONGEST_STEM = 200
INDEX = "index.html"
_HEAD = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
#: Stands in the files of a report folder alone: the next report there removes those that it does not replace.
_MARK = '<meta name="generator" content="ipy_branchcov report">'


def render(coverage: Coverage, title: str) -> dict[str, str]:
    """A report folder: the texts of its files by name. ``index.html`` leads to one page a source."""
    sources = mark_all(coverage)
    names = _file_names([each.coverage for each in sources])
    heads = "".join(f"<th><button>{name}</button></th>" for name in ("source", "outcomes", "missed", "covered"))
    rows = "".join(_index_row(name, each.coverage) for name, each in zip(names, sources, strict=True))
    index = (
        f"<h1>{escape(title)}</h1>{html.heading('total', coverage.totals, words=coverage.summary)}"
        f'<table class="index"><thead><tr>{heads}<th><button>lines never run</button></th></tr></thead>'
        f"<tbody>{rows}</tbody></table><script>\n{_static('report.js')}</script>"
    )
    files = {}
    for name, marked in zip(names, sources, strict=True):
        totals = marked.coverage.totals
        head = f'<p><a href="index.html">all sources</a></p><h1>{escape(marked.title)}</h1>'
        head += f"<div>{html.bar(totals)} {escape(str(totals))}</div>"
        body = html.notes(marked) + _missed_places(marked) + html.table(marked, missed=False, paged=True)
        files[name] = _document(marked.title, head + body, _MARK)
    # The last one: where the disk is full before, the index of an earlier report still has its pages.
    return files | {INDEX: _document(title, index, _MARK)}


def _file_names(sources: Sequence[SourceCoverage]) -> list[str]:
    """The pages' file names, made of the sources' names, so that links stay valid in the next report.

    Two sources of one name have two pages, also where capital and small letters are the same to a file system.
    """
    used = {"index.html"}
    names: dict[int, str] = {}
    for number in sorted(range(len(sources)), key=lambda i: (sources[i].source.name, sources[i].source.digest)):
        stem = _stem(sources[number].source)
        name, copy = f"{stem}.html", 1
        while (known := unicodedata.normalize("NFKC", name).casefold()) in used:
            copy += 1
            name = f"{stem}-{copy}.html"
        used.add(known)
        names[number] = name
    return [names[number] for number in range(len(sources))]


def _stem(source: Source) -> str:
    """A source's name as that of a file; a long one by its end, which says most, and a digest."""
    stem = re.sub(r"[^\w.-]+", "_", source.name).strip("._") or "source"
    bytes_ = stem.encode()
    if len(bytes_) <= _LONGEST_STEM:
        return stem
    end = bytes_[-_LONGEST_STEM + 17 :].decode("utf-8", "ignore").strip("._")
    return f"{sha256(source.name.encode()).hexdigest()[:16]}-{end}"


def _index_row(page: str, source: SourceCoverage) -> str:
    totals, name = source.totals, source.source.name
    percent = -1.0 if totals.percent is None else totals.percent
    cells = (
        (name, f'<a href="{page}">{escape(name)}</a>'),
        (totals.outcomes, totals.outcomes),
        (totals.missed, totals.missed),
        (percent, f"{html.bar(totals)} {totals.percentage}" if percent >= 0 else "no branches"),
        (len(source.missed_lines), len(source.missed_lines)),
    )
    return "<tr>" + "".join(f'<td data-key="{escape(str(key))}">{shown}</td>' for key, shown in cells) + "</tr>"


def _missed_places(marked: MarkedSource) -> str:
    """Links to what is missed, in order."""
    links: dict[int, str] = {}
    for each in marked.misses:
        line = each.span.line
        text = f"{line_range(line, each.span.end_line, '–')} {NEVER_RAN}" if each.whole else f"{line} {each.label}"
        links.setdefault(line, f'<a href="#L{line}">{escape(text)}</a>')
    found = " · ".join(links.values())
    return f"<p>Missed in line {found}</p>" if found else ""


def document(coverage: Coverage, title: str) -> str:
    """A report in one file: all sources below each other, the others folded; no scripts."""
    return _document(title, html.render(coverage))


def former_pages(index: str) -> list[str]:
    """The names of the pages to which the index of an earlier report leads; none where the text is no such index."""
    return re.findall(r'<a href="([\w.-]+\.html)">', index) if is_page(index) else []


def is_page(text: str) -> bool:
    """Whether a text begins as a file of a report folder does."""
    return text.startswith(_HEAD + _MARK)


def _document(title: str, body: str, mark: str = "") -> str:
    return (
        f"{_HEAD}{mark}<title>{escape(title)}</title>"
        f"<style>\n{_static('report.css')}</style></head>\n<body>{body}</body></html>\n"
    )


@cache
def _static(name: str) -> str:
    return (_STATIC / name).read_text("utf-8")
