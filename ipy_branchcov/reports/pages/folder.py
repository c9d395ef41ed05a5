"""Coverage -> the files of a report: a folder with an index and a page a file or notebook, or all of it in one file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from hashlib import sha256
from html import escape

from ipy_branchcov import __version__
from ipy_branchcov.model.coverage import Coverage
from ipy_branchcov.reports.page_options import PageOptions, time_of_report
from ipy_branchcov.reports.pages import index_pages, shell, source_page
from ipy_branchcov.reports.pages.contents import Item, Page, Part, contents, targets

#: Bytes of a page's name. File systems take 255, and a copy's number and the ending need some of them.
_LONGEST_STEM = 200


def render(coverage: Coverage, title: str, options: PageOptions | None = None) -> dict[str, str]:
    """A report folder: the texts of its files by name. ``index.html`` leads to all pages."""
    options = options or PageOptions()
    pages = _named(contents(coverage, options))
    frame = shell.Frame(title, _made(coverage, options))
    draft = source_page.Draft(targets(pages), options.values, coverage.counted)
    files = {shell.STYLES: shell.static("report.css"), shell.SCRIPT: shell.static("report.js")}
    files |= {page.file: source_page.render(page, pages, draft, frame) for page in pages}
    files[shell.FUNCTIONS] = index_pages.all_functions(pages, frame)
    # The last one: where the disk is full before, the index of an earlier report still has its pages.
    return files | {shell.INDEX: index_pages.sources(coverage, pages, frame)}


def document(coverage: Coverage, title: str, options: PageOptions | None = None) -> str:
    """A report in one file: all pages below each other, each as a fold, the first one open; no scripts."""
    options = options or PageOptions()
    pages = []
    for number, page in enumerate(contents(coverage, options)):
        pages.append(Page(page.name, "", tuple(_with_prefix(each, f"s{number}") for each in page.items)))
    draft = source_page.Draft(targets(pages), options.values, coverage.counted)
    out = [f'<div class="total">{shell.bar(coverage.totals)} {escape(coverage.summary)}</div>']
    for number, page in enumerate(pages):
        head = f"<h2>{escape(page.name)}</h2> {shell.bar(page.totals)} {escape(page.summary)}"
        body = source_page.sections(page, draft)
        out.append(f'<details class="page"{"" if number else " open"}><summary>{head}</summary>{body}</details>')
    frame = shell.Frame(title, _made(coverage, options))
    return shell.document(frame, title, "\n".join(out), single=True)


def _with_prefix(item: Item, prefix: str) -> Item:
    return replace(item, prefix=f"{prefix}{item.prefix}") if isinstance(item, Part) else item


def _made(coverage: Coverage, options: PageOptions) -> str:
    """The line on when and by what a report was made."""
    when = (options.made or time_of_report()).astimezone(UTC)
    python = f", run by Python {', '.join(sorted(coverage.python))}" if coverage.python else ""
    time = f'<time datetime="{when.isoformat(timespec="seconds")}">{when:%Y-%m-%d %H:%M} UTC</time>'
    return f"{time}, ipy-branchcov {escape(__version__)}{escape(python)}"


def _named(pages: Sequence[Page]) -> list[Page]:
    """The pages with their files' names, made of the sources' names, so that links stay valid in the next report.

    Two pages of one name have two files, also where capital and small letters are the same to a file system.
    """
    used = {shell.INDEX, shell.FUNCTIONS}
    names: dict[int, str] = {}
    for number in sorted(range(len(pages)), key=lambda i: (pages[i].name, _digest(pages[i]))):
        stem = _stem(pages[number].name)
        name, copy = f"{stem}.html", 1
        while (known := unicodedata.normalize("NFKC", name).casefold()) in used:
            copy += 1
            name = f"{stem}-{copy}.html"
        used.add(known)
        names[number] = name
    return [replace(page, file=names[number]) for number, page in enumerate(pages)]


def _digest(page: Page) -> str:
    return page.parts[0].marked.coverage.source.digest


def _stem(name: str) -> str:
    """A source's name as that of a file; a long one by its end, which says most, and a digest."""
    stem = re.sub(r"[^\w.-]+", "_", name).strip("._") or "source"
    bytes_ = stem.encode()
    if len(bytes_) <= _LONGEST_STEM:
        return stem
    end = bytes_[-_LONGEST_STEM + 17 :].decode("utf-8", "ignore").strip("._")
    return f"{sha256(name.encode()).hexdigest()[:16]}-{end}"


def former_pages(index: str) -> list[str]:
    """The names of the pages to which the index of an earlier report leads; none where the text is no such index."""
    return re.findall(r'<a href="([\w.-]+\.html)">', index) if is_page(index) else []


def is_page(text: str) -> bool:
    """Whether a text begins as a file of a report folder does."""
    return text.startswith(shell.HEAD + shell.MARK)
