"""A page -> its HTML: what is missed, the way to the other pages, and the code of a file or of a notebook's cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ipy_branchcov.model.decisions import FORM
from ipy_branchcov.model.source_coverage import SourceCoverage
from ipy_branchcov.model.words import NEVER_RAN, line_range
from ipy_branchcov.printable import printable
from ipy_branchcov.reports import decision_tables
from ipy_branchcov.reports.pages import shell
from ipy_branchcov.reports.pages.code import FILTERS, Listing, kinds
from ipy_branchcov.reports.pages.contents import Page, Part
from ipy_branchcov.reports.pages.functions import TOP, functions
from ipy_branchcov.reports.pages.notebooks import Heading, Unmeasured

#: Ids of lines, cells, and what stands on all pages.
_OWN_ID = re.compile(r"(s\d+)?(c\d+)?(L\d+)?|code|search|next|previous|keys|misses|marks|only-\w+|hide-complete")


@dataclass(frozen=True)
class Draft:
    """What a page's drawing needs beside the page. ``targets``: where each source stands, by its name.

    ``values``: show those of first hits. ``counted``: hits are exact.
    """

    targets: Mapping[str, tuple[Page, Part]]
    values: bool = False
    counted: bool = False


def render(page: Page, pages: Sequence[Page], draft: Draft, frame: shell.Frame) -> str:
    """The page with its links to the others."""
    number = pages.index(page)
    after = pages[number + 1 :]
    missed = next((each.file for each in after if each.totals.missed), "")
    links = shell.navigation(
        (shell.INDEX, "all sources", "up"),
        (shell.FUNCTIONS, "all functions", ""),
        (pages[number - 1].file if number else "", "previous page", "prev"),
        (after[0].file if after else "", "next page", "next"),
        (f"{missed}#misses" if missed else "", "next page with misses", "branchcov-missed"),
    )
    head = f"<p>{shell.bar(page.totals)} {escape(page.summary)}</p>"
    body = head + _tools(page) + _ways(page) + sections(page, draft)
    return shell.document(frame, page.name, body, links=links)


def sections(page: Page, draft: Draft) -> str:
    """The sources of a page below each other, with the headings between them."""
    out: list[str] = []
    level, used = 1, {each.anchor for each in page.parts}
    for item in page.items:
        if isinstance(item, Heading):
            level = min(item.level + 1, level + 1)
            out.append(f'<h{level} id="{_anchor(item.text, used)}" class="heading">{escape(item.text)}</h{level}>')
        elif isinstance(item, Unmeasured):
            out.append(f'<p class="note">{item.words}</p>')
        else:
            out.append(_section(item, draft, page, min(level + 1, 6)))
    return "\n".join(out)


def _section(part: Part, draft: Draft, page: Page, level: int) -> str:
    marked, totals = part.marked, part.marked.coverage.totals
    notes = "".join(f'<p class="note">note: {escape(printable(note))}</p>' for note in marked.notes)
    link = _linker(page, draft)
    code = Listing(part, link, values=draft.values, counted=draft.counted).render() if marked.lines else ""
    code += _decisions(marked.coverage)
    if not part.title:
        return f'<div id="{part.anchor}">{notes}{code}</div>'
    kind = "complete" if part.complete else "incomplete"
    words = f'<span class="totals">{shell.bar(totals)} {escape(str(totals))}</span>' if totals.outcomes else ""
    return (
        f'<details open class="cell {kind}" id="{part.anchor}"><summary>'
        f"<h{level}>{escape(printable(part.title))}</h{level}> {words}</summary>{notes}{code}</details>"
    )


def _decisions(source: SourceCoverage) -> str:
    """The truth tables below a source's lines, where they were asked for."""
    if not source.decisions:
        return ""
    words = escape(f"{source.mcdc} ({FORM})")
    tables = decision_tables.html(source, sheet=True)
    return f'<details open class="decisions"><summary>Decisions: {words}</summary>{tables}</details>'


def _tools(page: Page) -> str:
    """Filters, which need no script; and what the script shows: search, and the walk over the misses."""
    there: set[str] = set().union(*(kinds(part, line) for part in page.parts for line in part.lines))
    offered = {"all": "all lines"} | {name: words for name, words in FILTERS.items() if name in there}
    choices = ""
    for name, words in offered.items():
        checked = " checked" if name == "all" else ""
        choices += f'<label><input type="radio" name="filter" id="only-{name}"{checked}> {words}</label>'
    if len(page.parts) > 1:
        choices += '<label><input type="checkbox" id="hide-complete"> hide complete cells</label>'
    return (
        f'<form class="tools"><fieldset><legend>Show</legend>{choices}</fieldset>'
        '<span class="scripted" hidden><label>Search <input type="search" id="search"></label> '
        '<button type="button" id="previous">previous miss</button> <button type="button" id="next">next miss</button> '
        '<span role="status"></span></span></form>'
    )


def _ways(page: Page) -> str:
    """Folded lists of links: headings and cells, misses, functions."""
    outline = _outline(page) if len(page.items) > 1 else ""
    misses = "".join(f"<li>{each}</li>" for part in page.parts for each in _misses(part))
    rows = "".join(f"<li>{each}</li>" for part in page.parts for each in _functions(part))
    return (
        (f'<details class="way"><summary>Contents</summary><ul>{outline}</ul></details>' if outline else "")
        + (f'<details class="way" id="misses"><summary>Misses</summary><ul>{misses}</ul></details>' if misses else "")
        + (f'<details class="way"><summary>Functions</summary><ul>{rows}</ul></details>' if rows else "")
    )


def _outline(page: Page) -> str:
    used = {each.anchor for each in page.parts}
    out = []
    for item in page.items:
        if isinstance(item, Heading):
            link = f'<a href="#{_anchor(item.text, used)}">{escape(item.text)}</a>'
            out.append(f'<li class="level-{item.level}">{link}</li>')
        elif isinstance(item, Unmeasured):
            out.append(f'<li class="level-7">{item.words}</li>')
        else:
            missed = item.marked.coverage.totals.missed
            more = f" {missed} missed" if missed else f" {NEVER_RAN}" if item.marked.missed else ""
            out.append(f'<li class="level-7"><a href="#{item.anchor}">{escape(printable(item.title))}</a>{more}</li>')
    return "".join(out)


def _misses(part: Part) -> Iterator[str]:
    """Links to what is missed, in order; only words where the text is not known."""
    seen: set[tuple[int, str]] = set()
    place = f"{escape(printable(part.title))}, line " if part.title else ""
    for each in part.marked.misses:
        line = each.span.line
        if (line, each.label) in seen:
            continue
        seen.add((line, each.label))
        text = f"{line_range(line, each.span.end_line, '–')} {NEVER_RAN}" if each.whole else f"{line} {each.label}"
        linked = f'<a href="#{part.prefix}L{line}">{escape(text)}</a>' if part.marked.lines else escape(text)
        yield f"{place}{linked}"


def _functions(part: Part) -> Iterator[str]:
    """Links to the functions of a file; of a cell without its top level, for the cells themselves are listed above."""
    for each in functions(part.marked.coverage):
        if part.title and each.name == TOP:
            continue
        words = NEVER_RAN if each.never_ran else str(each.totals)
        kind = "complete" if each.complete else "incomplete"
        link = f'<a href="#{part.prefix}L{each.line}">{escape(each.name)}</a>'
        yield f'<span class="{kind}">{link}</span> {escape(words)}'


def _anchor(heading: str, used: set[str]) -> str:
    """The id of a heading: its text with hyphens, as JupyterLab has it; ids of lines and cells are never taken."""
    stem = re.sub(r"\s+", "-", re.sub(r'[<>"&\']', "", heading))
    name, copy = stem, 1
    while not name or name in used or _OWN_ID.fullmatch(name):
        copy += 1
        name = f"{stem}-{copy}"
    used.add(name)
    return escape(name)


def _linker(page: Page, draft: Draft) -> Callable[[str], str]:
    """Returns the HTML for who covered something first: a cell or a test."""

    def link(name: str) -> str:
        path, _, test = name.partition("::")
        found = draft.targets.get(name) or (draft.targets.get(path) if test else None)
        if found is None:
            return escape(printable(name))
        there, part = found
        here = there.name == page.name and there.file == page.file
        words = part.title.partition(" · ")[0] or name
        if part.title and not here and there.name != words:
            words = f"{there.name}, {words}"
        line = part.functions.get(test.partition("[")[0].replace("::", "."), 1)
        anchor = f"{part.prefix}L{line}" if test else part.anchor
        return f'<a href="{"" if here else escape(there.file)}#{anchor}">{escape(printable(words))}</a>'

    return link
